"""One route of the API, as data: what runs, and all that the document says of it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pydantic import BaseModel

from app.api.edge import Handler
from app.domain.kernel.errors import (
    AppError,
    BadRequest,
    Conflict,
    Forbidden,
    Invalid,
    NotFound,
    RequestTimeout,
    Stale,
    TooLarge,
    TooManyRequests,
    Unauthenticated,
    Unavailable,
    UnsupportedMedia,
)

Errors = tuple[type[AppError], ...]
ALWAYS: Errors = (BadRequest, Unauthenticated, Forbidden, TooManyRequests, Unavailable)
READING: Errors = (*ALWAYS, NotFound)
ASKING: Errors = (*ALWAYS, RequestTimeout, TooLarge, UnsupportedMedia)
WRITING: Errors = (*ALWAYS, RequestTimeout, Conflict, TooLarge, Invalid)
SENDING: Errors = (*WRITING, UnsupportedMedia)
EDITING: Errors = (*SENDING, NotFound, Stale)
ANYONE = "anyone"
JSON_TYPE = "application/json"


@dataclass(frozen=True, slots=True)
class Parameter:
    """A query parameter or a header; `schema` is JSON Schema."""

    name: str
    description: str
    schema: Mapping[str, Any]
    place: str = "query"
    required: bool = False


@dataclass(frozen=True, slots=True)
class Named:
    """A JSON Schema that no model says, under its name in the document."""

    name: str
    schema: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Link:
    """The call that may follow, and where in this request or its answer its parameters are found."""

    operation: str
    parameters: Mapping[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class ApiRoute:
    """`permission` is the scope that a key needs, or `ANYONE` who has a key.

    `body` and `shows` and all below serve the OpenAPI document; `handler` is what runs. `headers` are those of an
    answer beyond what every answer has.
    """

    method: str
    path: str
    name: str
    summary: str
    description: str
    tag: str
    permission: str
    handler: Handler
    errors: Errors
    status: int = 200
    also: Sequence[int] = ()
    body: type[BaseModel] | Named | None = None
    shows: type[BaseModel] | Named | None = None
    media: str = JSON_TYPE
    example: Any = None
    body_example: Any = None
    parameters: Sequence[Parameter] = ()
    headers: Sequence[str] = ()
    links: Sequence[Link] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """A request that is sent to subscribers, as data for the document; `answers` say what each status means to us."""

    name: str
    summary: str
    tag: str
    body: type[BaseModel]
    parameters: Sequence[Parameter]
    answers: Mapping[str, str]
