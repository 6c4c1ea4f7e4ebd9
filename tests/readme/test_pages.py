from functools import reduce
from pathlib import Path

import pytest

from tests.architecture.source import ROOT
from tests.operation.crm import free_port
from tests.product import Product
from tests.readme.console import console
from tests.readme.page import Normal, Step, parsed, shown, steps

ADDRESS = "127.0.0.1:8000"
PORT = "PORT=9000"

SAMPLE = """
<!-- not run: it would never end -->
```sh
sleep 1000
```

```sh
name=Ada; printf '{"id": "%s"}' 01900000-0000-7000-8000-000000000000
```

It answers

```json
{"id": "01911111-1111-7111-8111-111111111111"}
```

```sh
printf 'HTTP/1.1 200 OK\\r\\netag: "3-b"\\r\\ndate: today\\r\\n\\r\\n{"name": "%s"}' $name
```

```http
HTTP/1.1 200 OK
ETag: "3-a"

{"name": "Ada"}
```
"""


def wrong_answers(page: str, outputs: list[str]) -> list[str]:
    """Each step whose output differs from what the page shows by more than ids, times and the like."""
    in_page, in_output, wrong = Normal(), Normal(), []
    for step, output in zip(steps(page), outputs, strict=True):
        if step.answer:
            promised = parsed(step.answer.language, in_page(step.answer.text))
            given = parsed(step.answer.language, in_output(shown(step.answer, output)))
            if promised != given:
                wrong.append(f"line {step.line}: {step.command}\nshows {promised}\ngives {given}")
    return wrong


def rewritten(page: str, outputs: list[str]) -> str:
    """The page with the real answers."""
    pairs: list[tuple[Step, str]] = list(zip(steps(page), outputs, strict=True))
    for step, output in reversed(pairs):
        if step.answer:
            page = page[: step.answer.start] + shown(step.answer, output) + page[step.answer.end :]
    return page


def test_a_page_is_run_in_one_shell_and_compared_but_for_what_cannot_repeat(tmp_path: Path) -> None:
    with console(tmp_path) as shell:
        outputs = [shell.run(step.command) for step in steps(SAMPLE)]
    assert len(outputs) == 2
    assert not wrong_answers(SAMPLE, outputs)
    assert not wrong_answers(rewritten(SAMPLE, outputs), outputs)


@pytest.mark.parametrize(
    ("right", "wrong"), [('"Ada"', '"Eva"'), ("200 OK", "201 Created"), ('"3-a"', '"4-a"'), ("ETag", "Date")]
)
def test_a_wrong_answer_is_seen(right: str, wrong: str, tmp_path: Path) -> None:
    with console(tmp_path) as shell:
        outputs = [shell.run(step.command) for step in steps(SAMPLE)]
    head, answer = SAMPLE.split("```http")
    assert len(wrong_answers(f"{head}```http{answer.replace(right, wrong)}", outputs)) == 1


def test_a_command_that_fails_is_seen(tmp_path: Path) -> None:
    with console(tmp_path) as shell, pytest.raises(AssertionError):
        shell.run("false")


def run(name: str, product: Product, folder: Path, config: pytest.Config) -> list[str]:
    page = (ROOT / name).read_text()
    (folder / ".rapport").symlink_to(product.state)
    (folder / "docs").symlink_to(ROOT / "docs")
    real = {ADDRESS: product.address, PORT: f"PORT={free_port()}"}
    with console(folder) as shell:
        outputs = [
            shell.run(reduce(lambda text, one: text.replace(*one), real.items(), step.command)) for step in steps(page)
        ]
    outputs = [output.replace(product.address, ADDRESS) for output in outputs]
    wrong = wrong_answers(page, outputs)
    if wrong and config.getoption("write_answers", default=False):
        (ROOT / name).write_text(rewritten(page, outputs))
    return wrong


@pytest.mark.own_server
@pytest.mark.parametrize(
    "page",
    [
        "docs/api.md",
        "docs/assignment.md",
        "docs/batch.md",
        "docs/currencies.md",
        "docs/duplicates.md",
        "docs/events.md",
        "docs/forecast.md",
        "docs/expressions.md",
        "docs/figures.md",
        "docs/leads.md",
        "docs/products.md",
        "docs/quotes.md",
        "docs/sales.md",
        "docs/scoring.md",
        "docs/pipeline.md",
        "docs/lead-capture.md",
        "docs/search.md",
        "docs/team.md",
        "docs/views.md",
        "docs/webhooks.md",
    ],
)
def test_the_examples_of_a_page_give_the_answers_they_show(
    page: str, fresh: Product, tmp_path: Path, pytestconfig: pytest.Config
) -> None:
    assert not run(page, fresh, tmp_path, pytestconfig)


@pytest.mark.own_server
@pytest.mark.timeout(400)  # the sample may be loaded for it
def test_the_tour_of_the_readme_gives_the_answers_it_shows(
    seeded: Product, tmp_path: Path, pytestconfig: pytest.Config
) -> None:
    assert not run("README.md", seeded, tmp_path, pytestconfig)
