"""Quotes: their records, their way to the customer, and their paper."""

from dataclasses import dataclass
from typing import Final

from app.api.answer import Answer, unchanged
from app.api.edge import Call
from app.api.parameters import IF_NONE_MATCH, PREFER
from app.api.records import record_router
from app.api.route import READING, ApiRoute, Named
from app.api.verbs import Verb, verb_routes
from app.domain.quoting.objects import QUOTE
from app.domain.quoting.schemas import Rejection
from app.domain.quoting.service import QuoteService
from app.domain.registry import CATALOG

ITEM = f"/{QUOTE.plural}/{{id}}"
PDF: Final = "application/pdf"


@dataclass(slots=True)
class Printed(Answer):
    def packed_for(self, accept_encoding: bytes) -> Answer:  # noqa: ARG002  # a PDF is packed already
        return self


async def get_pdf(call: Call) -> Answer:
    """No connection to the database is held while it is printed."""
    call.options()
    paper, press = await QuoteService(call.session).paper(call.id), call.edge.press
    tag = press.tag(paper.data)
    if known := unchanged(tag, call.headers.get(b"if-none-match")):
        return known
    file = b'attachment; filename="%b"' % paper.name.encode()
    headers = [(b"content-type", PDF.encode()), (b"content-disposition", file), (b"etag", tag)]
    return Printed(200, await press.print(paper.data, call.session.deadline), headers)


quotes = (
    *record_router(QuoteService, CATALOG),
    *verb_routes(
        QuoteService,
        Verb(
            name="present",
            summary="Present one quote to the customer",
            description="It gets its number, unless it is a revision, and stays as it is from now on. It needs a line, and a "
            "`validUntil` that has not passed. The revision before it is superseded.",
            act=QuoteService.present,
        ),
        Verb(
            name="accept",
            summary="Say that the customer accepts one quote",
            description="Of the quotes of an opportunity one is accepted: 409 `anotherAccepted` for all others. The net sum "
            "becomes the amount of the opportunity, unless that has lines, which say what it is worth.",
            act=QuoteService.accept,
        ),
        Verb(
            name="reject",
            summary="Say that the customer rejects one quote",
            description="It can be revised.",
            act=QuoteService.reject,
            body=Rejection,
            body_example={"reason": "Too dear."},
        ),
        Verb(
            name="revise",
            summary="Revise one quote",
            description="Answers a new draft with the same number and the next revision. The quote itself holds on until "
            "that one is presented.",
            act=QuoteService.revise,
        ),
        Verb(
            name="refresh",
            summary="Take the lines of the opportunity into one draft",
            description="As they are now, in place of those that it has.",
            act=QuoteService.refresh,
        ),
    ),
    ApiRoute(
        method="GET",
        path=f"{ITEM}/pdf",
        name="get_quote_pdf",
        summary="Get one quote as PDF",
        description="What was presented has the same bytes for ever; a draft says so on every page, and has the date of "
        "today. 503 `printingBusy` where too many are being printed.",
        tag=QUOTE.plural,
        permission=QUOTE.scope("read"),
        handler=get_pdf,
        errors=READING,
        also=(304,),
        media=PDF,
        shows=Named("Pdf", {"type": "string", "contentMediaType": PDF}),
        example="%PDF-1.7",
        parameters=(IF_NONE_MATCH, PREFER),
        headers=("ETag", "Content-Disposition"),
    ),
)
