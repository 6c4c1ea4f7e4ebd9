"""Routes of business verbs: what is done to one record beside creating, changing and deleting it."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

from pydantic import BaseModel

from app.api.answer import Answer, show
from app.api.edge import Call, Handler
from app.api.parameters import ETAGS
from app.api.route import EDITING, WRITING, ApiRoute
from app.api.shapes import record_example
from app.domain.kernel.errors import NotFound, Stale
from app.domain.kernel.query import Document
from app.domain.kernel.schemas import Input
from app.domain.records.service import RecordService

Service = type[RecordService[Any]]


class Nothing(Input):
    """What a verb without a body takes all the same: a member that nobody reads is refused, not dropped."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Verb:
    """`act` is a method of the service. It takes the id, the body where there is one, `versions` and `claim`, and answers
    the record."""

    name: str
    summary: str
    description: str
    act: Callable[..., Awaitable[Document]]
    body: type[BaseModel] | None = None
    body_example: Any = None


def verb_routes(service: Service, *verbs: Verb) -> tuple[ApiRoute, ...]:
    """`POST /{objects}/{id}/{verb}` for each."""
    kind = service.kind
    return tuple(
        ApiRoute(
            method="POST",
            path=f"/{kind.plural}/{{id}}/{verb.name}",
            name=f"{verb.name}_{kind.name}",
            summary=verb.summary,
            description=verb.description,
            tag=kind.plural,
            permission=kind.scope("write"),
            handler=_handler(service, verb),
            errors=(*WRITING, NotFound, Stale) if verb.body is None else EDITING,
            body=verb.body,
            body_example=verb.body_example,
            shows=kind.read,
            example=record_example(kind),
            parameters=ETAGS,
            headers=("ETag",),
        )
        for verb in verbs
    )


def _handler(service: Service, verb: Verb) -> Handler:
    async def handle(call: Call) -> Answer:
        given: tuple[BaseModel, ...] = ()
        if verb.body is not None:
            given = (call.read(verb.body),)
        elif call.body:
            call.read(Nothing)
        else:
            call.options()
        kept = {"versions": call.if_match(), "claim": call.claim(200)}
        return show(await verb.act(service(call.session), call.id, *given, **kept), 200, call.collection)

    return handle
