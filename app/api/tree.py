"""Paths as a tree of dicts by segment, instead of one pattern after another."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Generic, TypeVar
from urllib.parse import unquote

from app.domain.kernel.errors import BadRequest

T = TypeVar("T")
Branch = dict[Any, Any]  # by segment, and by one of the two below, which no segment of a path equals
ANY, LEAF = object(), object()


@dataclass(frozen=True, slots=True)
class Leaf(Generic[T]):
    """What one path template is answered by, for each method."""

    template: str
    names: tuple[str, ...]
    handlers: dict[str, T]


class Tree(Generic[T]):
    """A literal segment wins over a parameter, and there is no way back from it: paths are designed so."""

    def __init__(self) -> None:
        self._root: Branch = {}

    def add(self, template: str, method: str, handler: T) -> None:
        """Whoever can be asked by GET can be asked by HEAD."""
        branch, names = self._root, []
        for segment in template.split("/"):
            if segment.startswith("{"):
                names.append(segment[1:-1])
            branch = branch.setdefault(ANY if segment.startswith("{") else segment, {})
        leaf = branch.setdefault(LEAF, Leaf(template, tuple(names), {}))
        leaf.handlers[method] = handler
        if method == "GET":
            leaf.handlers["HEAD"] = handler

    def find(self, segments: Iterable[str]) -> tuple[Leaf[T], list[str]] | None:
        branch: Any = self._root
        values: list[str] = []
        for segment in segments:
            further = branch.get(segment)
            if further is None:
                further = branch.get(ANY)
                if further is None or not segment:
                    return None
                values.append(segment)
            branch = further
        leaf = branch.get(LEAF)
        return (leaf, values) if leaf else None


def segments_of(raw: bytes) -> list[str]:
    """Of a path as it is sent."""
    try:
        return [unquote(segment, errors="strict") for segment in raw.decode("ascii").split("/")]
    except UnicodeDecodeError as error:
        raise BadRequest("The path is no UTF-8.", code="badEncoding") from error
