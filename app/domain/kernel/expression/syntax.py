"""What was written, before anything is known of its names and types. `start` and `end` are offsets in the text."""

from dataclasses import dataclass
from decimal import Decimal
from typing import TypeAlias


@dataclass(slots=True)
class Literal:
    value: str | Decimal | bool | None
    start: int
    end: int
    height: int = 1


@dataclass(frozen=True, slots=True)
class Name:
    text: str
    start: int
    end: int


@dataclass(slots=True)
class Path:
    """`account.owner.name`."""

    names: tuple[Name, ...]
    start: int
    end: int
    height: int = 1


@dataclass(slots=True)
class Listed:
    items: tuple["Syntax", ...]
    start: int
    end: int
    height: int = 1


@dataclass(slots=True)
class Unary:
    operator: str
    operand: "Syntax"
    start: int
    end: int
    height: int = 1


@dataclass(slots=True)
class Binary:
    operator: str
    left: "Syntax"
    right: "Syntax"
    start: int
    end: int
    height: int = 1


@dataclass(slots=True)
class Chain:
    """`a && b && c`: flat, so that a long one is not deep."""

    operator: str
    parts: tuple["Syntax", ...]
    start: int
    end: int
    height: int = 1


@dataclass(slots=True)
class Conditional:
    condition: "Syntax"
    then: "Syntax"
    otherwise: "Syntax"
    start: int
    end: int
    height: int = 1


@dataclass(slots=True)
class Invocation:
    """`receiver.function(...)`, or `function(...)` without one."""

    function: Name
    receiver: "Syntax | None"
    arguments: tuple["Syntax", ...]
    start: int
    end: int
    height: int = 1


Syntax: TypeAlias = Literal | Path | Listed | Unary | Binary | Chain | Conditional | Invocation
