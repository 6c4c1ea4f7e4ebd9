"""Shapes and examples that only the document needs: lists, events, problems."""

import copy
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any, ForwardRef, Literal
from uuid import UUID

from pydantic import MISSING, BaseModel, ConfigDict, Field, create_model
from pydantic.alias_generators import to_camel

from app.domain.kernel.catalog import Catalog
from app.domain.kernel.object_type import AnyObject
from app.domain.kernel.query import TO_MANY
from app.domain.kernel.schemas import Timestamp

ID = "019ad1c0-7b3e-7c11-9d52-6f0c3a9b1e44"
USER = "019ad1bf-02aa-7f04-8c1d-2b7a90c4d5e6"
TIME = "2026-11-22T09:30:00.123456+00:00"
VIEW = "The record as it was asked for: `fields` leaves members out, `expand` adds the records that it refers to."


class Shape(BaseModel):
    """Put together when the document is first asked for, which most processes never are."""

    model_config = ConfigDict(alias_generator=to_camel, defer_build=True)


class PageInfo(Shape):
    next_cursor: str | None = Field(description="Give it as `cursor` to go on; null at the end.")
    has_more: bool


class Meta(Shape):
    count: int | None = Field(None, description="All that match; only with count=exact.")


class EventActor(Shape):
    id: UUID | None
    on_behalf_of: UUID | None


class EventCause(Shape):
    id: UUID
    depth: int


class EventShape(Shape):
    """What a write did. `previous` holds the former values of `changedFields`, `data` the whole record after."""

    id: UUID
    type: str
    time: Timestamp
    tenant_id: UUID
    sequence: str
    object: str
    record_id: UUID
    version: int
    actor: EventActor
    origin: str
    change_set_id: UUID | None
    cause: EventCause | None
    changed_fields: list[str]
    previous: dict[str, Any]
    data: dict[str, Any]


class EventPage(Shape):
    data: list[EventShape]
    page: PageInfo
    meta: dict[str, Any]


class BinnedShape(Shape):
    """A deleted record; `data` is its last state."""

    object: str
    record_id: UUID
    version: int
    deleted_at: Timestamp
    deleted_by: UUID | None
    data: dict[str, Any]


class BinPage(Shape):
    data: list[BinnedShape]
    page: PageInfo
    meta: dict[str, Any]


class Hit(Shape):
    """`record` is the whole record as its own routes show it."""

    id: UUID
    title: str | None
    matched: Literal["word", "prefix", "infix", "similar"]
    score: int = Field(description="Higher is better.")
    record: dict[str, Any]


class HitGroup(Shape):
    object: str
    hits: list[Hit]
    has_more: bool


class SearchResult(Shape):
    data: list[HitGroup]


class ProblemError(Shape):
    pointer: str = Field(description="JSON pointer into the body, or the name of a parameter or header.")
    code: str
    message: str
    params: dict[str, Any]


class Problem(Shape):
    """RFC 9457. `code` is stable; `detail` and `message` say what to do."""

    type: str
    title: str
    status: int
    detail: str
    code: str
    request_id: str
    errors: list[ProblemError]


@dataclass(frozen=True, slots=True)
class Views:
    """How each kind is shown by its reads: `fields` may have left out any member, `expand` may have added some."""

    one: Mapping[str, type[BaseModel]]
    page: Mapping[str, type[BaseModel]]


_unfinished: list[dict[str, type[BaseModel]]] = []


@cache
def views(catalog: Catalog) -> Views:
    """Views hold one another, so they are made together."""
    one = {kind.name: _view(kind, catalog) for kind in catalog}
    excerpts = {kind.name: _excerpt(kind) for kind in catalog}
    _unfinished.append({model.__name__: model for model in (*one.values(), *excerpts.values())})
    return Views(one, {kind.name: _page(kind, one[kind.name]) for kind in catalog})


def finish_views() -> None:
    """Has them know one another, which takes as long as a sixth of all imports and serves the document alone."""
    while _unfinished:
        namespace = _unfinished.pop()
        for model in namespace.values():
            model.model_rebuild(_types_namespace=namespace)


def _view(kind: AnyObject, catalog: Catalog) -> type[BaseModel]:
    """Each member may be absent; which are, the request decides."""
    fields: dict[str, Any] = {}
    for name, info in kind.read.model_fields.items():
        optional = copy.copy(info)
        optional.default = MISSING
        fields[name] = (info.annotation | MISSING, optional)
    for name, expansion in catalog.expansions(kind).items():
        other = catalog[expansion.to].model.__name__
        shape = (
            ForwardRef(f"{other}Excerpt | MISSING") if expansion.many else ForwardRef(f"{other}View | None | MISSING")
        )
        fields[name] = (shape, MISSING)
    return create_model(f"{kind.model.__name__}View", __base__=Shape, __doc__=VIEW, **fields)


def _excerpt(kind: AnyObject) -> type[BaseModel]:
    name = kind.model.__name__
    fields: dict[str, Any] = {"data": (ForwardRef(f"list[{name}View]"), ...), "has_more": (bool, ...)}
    return create_model(f"{name}Excerpt", __base__=Shape, __doc__=f"The first {TO_MANY}, newest first.", **fields)


def _page(kind: AnyObject, view: Any) -> type[BaseModel]:
    return create_model(
        f"{kind.model.__name__}Page", __base__=Shape, data=(list[view], ...), page=(PageInfo, ...), meta=(Meta, ...)
    )


def record_example(kind: AnyObject, **more: Any) -> dict[str, Any]:
    """The kind's example as it is answered when it has just been created.

    What no body sets has the first of the examples of its own.
    """
    derived = {kind.by_column[name].api_name: kind.read.model_fields[name].examples for name in kind.read.model_fields}
    shown = {name: examples[0] for name, examples in derived.items() if examples}
    stamps = {"createdAt": TIME, "createdBy": USER, "modifiedAt": TIME, "modifiedBy": USER}
    defaults = kind.create.model_construct().model_dump(mode="json", by_alias=True)
    known = {"id": ID, "version": 1, "custom": {}, **stamps, **shown, **defaults, **kind.example, **more}
    return {name: known.get(name) for name in kind.fields}


def page_example(items: list[Mapping[str, Any]]) -> dict[str, Any]:
    return {"data": items, "page": {"nextCursor": None, "hasMore": False}, "meta": {}}


def search_example(kind: AnyObject) -> dict[str, Any]:
    record = record_example(kind)
    title = " ".join(text for name in kind.title if (text := record[to_camel(name)]))
    hit = {"id": ID, "title": title, "matched": "prefix", "score": 330, "record": record}
    return {"data": [{"object": kind.name, "hits": [hit], "hasMore": False}]}


def event_example(kind: AnyObject) -> dict[str, Any]:
    return {
        "id": "019ad1c0-7b40-7a02-8f31-c0ffee123456",
        "type": f"{kind.name}.created",
        "time": TIME,
        "tenantId": "019ad1bf-0001-7d00-a111-5b0a7c9e2f10",
        "sequence": "7412-93",
        "object": kind.name,
        "recordId": ID,
        "version": 1,
        "actor": {"id": USER, "onBehalfOf": None},
        "origin": "api",
        "changeSetId": None,
        "cause": None,
        "changedFields": sorted(kind.example),
        "previous": dict.fromkeys(kind.example),
        "data": record_example(kind),
    }
