import os
import subprocess
import sys
from pathlib import Path
from shutil import copytree, ignore_patterns

import pytest

from tests.architecture.source import ROOT

LINT = [
    sys.executable,
    "-c",
    "from importlinter.cli import lint_imports_command; lint_imports_command()",
    "--no-cache",
    "--no-logo",
]

PLANTED = {
    "a stray module": ("app/utils.py", "", "Entry points call the domain; never the reverse"),
    "a domain calling an entry point": (
        "app/domain/records/planted.py",
        "from app.api import edge",
        "Entry points call the domain; never the reverse",
    ),
    "an entry point calling its neighbour": (
        "app/workers/planted.py",
        "from app.api import edge",
        "Entry points call the domain; never the reverse",
    ),
    "a repository calling a service": (
        "app/repositories/planted.py",
        "from app.domain.accounts import service",
        "Repositories know nouns, not verbs",
    ),
    "a kernel that knows repositories": (
        "app/domain/kernel/planted.py",
        "from app.repositories import pool",
        "Nouns are pure",
    ),
    "a domain that knows the web": (
        "app/domain/records/planted.py",
        "from starlette.responses import Response",
        "The domain and the repositories know no web framework",
    ),
    "a route that writes SQL": (
        "app/api/v1/planted.py",
        "from app.repositories import writing",
        "Only services and wiring touch repositories",
    ),
    "a module that depends upwards": (
        "app/domain/accounts/planted.py",
        "from app.domain.pipeline import service",
        "Modules depend downwards",
    ),
    "a module without a place": ("app/domain/planted/__init__.py", "", "Modules depend downwards"),
    "a cycle": (
        "app/repositories/planted.py",
        "from app.repositories import pool, records",
        "No cycles anywhere",
    ),
}


def lint(folder: Path) -> subprocess.CompletedProcess[str]:
    """The folder comes first on the path, so that its `app` is the one that is read."""
    environment = {**os.environ, "PYTHONPATH": str(folder), "COLUMNS": "200"}
    return subprocess.run(LINT, cwd=folder, env=environment, capture_output=True, text=True, check=False)


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    copytree(ROOT / "app", tmp_path / "app", ignore=ignore_patterns("__pycache__"))
    (tmp_path / "pyproject.toml").write_text((ROOT / "pyproject.toml").read_text())
    return tmp_path


def test_the_code_keeps_the_import_contracts() -> None:
    result = lint(ROOT)
    assert result.returncode == 0, result.stdout


@pytest.mark.parametrize("violation", PLANTED)
def test_the_import_contracts_catch(violation: str, checkout: Path) -> None:
    path, code, contract = PLANTED[violation]
    (checkout / path).parent.mkdir(exist_ok=True)
    (checkout / path).write_text(code)
    if violation == "a cycle":
        with (checkout / "app/repositories/pool.py").open("a") as pool:
            pool.write("\nfrom app.repositories import planted\n")
    result = lint(checkout)
    assert result.returncode != 0
    assert f"{contract} BROKEN" in result.stdout
