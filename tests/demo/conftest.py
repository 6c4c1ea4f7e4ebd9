import csv
import shutil

import pytest

from app.demo import SHIPPED


@pytest.fixture
def sample(tmp_path):
    """A copy of the shipped files, with only the first opportunities, that a test may change."""
    directory = shutil.copytree(SHIPPED, tmp_path / "sample")
    with (directory / "sales_pipeline.csv").open() as file:
        first = [line for _, line in zip(range(41), file, strict=False)]
    (directory / "sales_pipeline.csv").write_text("".join(first))
    return directory


@pytest.fixture
def change_cell(sample):
    """`change_cell(file, line, column, value)` in the copy; the header is line 1."""

    def change(file, line, column, value):
        with (sample / file).open(newline="") as before:
            rows = list(csv.reader(before))
        rows[line - 1][rows[0].index(column)] = value
        with (sample / file).open("w", newline="") as after:
            csv.writer(after).writerows(rows)

    return change
