"""What the rules look at: the files of this checkout, without what .gitignore leaves out."""

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from fnmatch import fnmatch
from functools import cached_property
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
IGNORED = [".git", *(line.rstrip("/") for line in (ROOT / ".gitignore").read_text().split())]


@dataclass(frozen=True)
class Source:
    """A file by its path from the root, or a sample that pretends to stand there."""

    path: str
    text: str

    @cached_property
    def nodes(self) -> list[ast.AST]:
        return list(ast.walk(ast.parse(self.text)))

    @cached_property
    def strings(self) -> list[ast.Constant]:
        """String constants that are no docstrings: prose may say what code may not."""
        prose = {id(node.value) for node in self.nodes if isinstance(node, ast.Expr)}
        return [
            node
            for node in self.nodes
            if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in prose
        ]


def files(folder: Path = ROOT) -> Iterator[Path]:
    for path in sorted(folder.iterdir()):
        if any(fnmatch(path.name, pattern) for pattern in IGNORED):
            continue
        if path.is_dir():
            yield from files(path)
        else:
            yield path


def texts(suffix: str = "") -> Iterator[Source]:
    """Files that read as UTF-8, by path; the rest are binary."""
    for path in files():
        if path.name.endswith(suffix):
            try:
                yield Source(path.relative_to(ROOT).as_posix(), path.read_text("utf-8"))
            except UnicodeDecodeError:
                continue
