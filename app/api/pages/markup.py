"""HTML that is safe by construction: every text is escaped where it is put in, and nobody has to think of it."""

from collections.abc import Iterable
from html import escape
from typing import Final, TypeAlias

_VOID: Final = frozenset({"input", "meta", "link", "br"})


class Html(str):
    """Text that is markup already: what `tag` made, and constants of our own."""

    __slots__ = ()


Part: TypeAlias = str | Iterable["Part"] | None


def tag(name: str, /, *parts: Part, **attributes: str | bool | None) -> Html:
    """An element. `class_` and `aria_label` are `class` and `aria-label`; what is None or False is left out."""
    shown = "".join(_attribute(one, value) for one, value in attributes.items())
    if name in _VOID:
        return Html(f"<{name}{shown}>")
    return Html(f"<{name}{shown}>{joined(parts)}</{name}>")


def joined(parts: Part) -> Html:
    if parts is None:
        return Html()
    if isinstance(parts, Html):
        return parts
    if isinstance(parts, str):
        return Html(escape(parts))
    return Html("".join(map(joined, parts)))


def _attribute(name: str, value: str | bool | None) -> str:  # noqa: FBT001  # HTML has such attributes
    if value is None or value is False:
        return ""
    name = name.removesuffix("_").replace("_", "-")
    return f" {name}" if value is True else f' {name}="{escape(value)}"'
