import re
import tomllib

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from tests.architecture.source import ROOT

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
PIN = re.compile(
    r"^([a-z0-9.-]+)(?:\[[^\]]*\])?==(\S+)((?: ;[^\\]*)?) \\\n((?:    --hash=sha256:[0-9a-f]{64}(?: \\)?\n)+)",
    re.MULTILINE,
)


def pins(lock: str) -> dict[tuple[str, str], str]:
    """Version by name and marker: a universal lock may pin one name twice, for different Pythons."""
    return {(name, marker): version for name, version, marker, _ in PIN.findall((ROOT / lock).read_text())}


RUN, DEV = pins("requirements.lock"), pins("requirements-dev.lock")
NEEDED = [Requirement(line) for line in (*PROJECT["project"]["dependencies"], *PROJECT["dependency-groups"]["build"])]
NEEDED_TO_DEVELOP = [Requirement(line) for line in PROJECT["project"]["optional-dependencies"]["dev"]]


@pytest.mark.parametrize("lock", ["requirements.lock", "requirements-dev.lock"])
def test_a_lock_pins_by_hash_and_names_no_host(lock: str) -> None:
    text = (ROOT / lock).read_text()
    assert "://" not in text
    assert not [line for line in text.splitlines() if not line.startswith((" ", "#")) and "==" not in line]
    assert len(PIN.findall(text)) == len(
        [line for line in text.splitlines() if "==" in line.split(" ;")[0] and line[0] != " "]
    )


@pytest.mark.parametrize(
    ("needed", "locked"),
    [*((one, RUN) for one in NEEDED), *((one, DEV) for one in NEEDED_TO_DEVELOP)],
    ids=lambda value: value.name if isinstance(value, Requirement) else "",
)
def test_a_lock_satisfies_what_pyproject_asks_for(needed: Requirement, locked: dict[tuple[str, str], str]) -> None:
    versions = [version for (name, _), version in locked.items() if name == canonicalize_name(needed.name)]
    assert versions, "run `make lock`"
    assert all(needed.specifier.contains(version, prereleases=True) for version in versions)


def test_the_development_lock_contains_the_lock_of_the_product() -> None:
    assert RUN.items() <= DEV.items()
