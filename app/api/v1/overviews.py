"""A screen in one call."""

from collections.abc import Awaitable, Callable
from typing import Any
from uuid import UUID

from pydantic import MISSING, create_model

from app.api.answer import Answer, etag_of_bytes, show_unless_known
from app.api.edge import Call, Handler
from app.api.parameters import IF_NONE_MATCH, PREFER
from app.api.route import READING, ApiRoute
from app.api.shapes import Shape, record_example
from app.domain.accounts.objects import ACCOUNT, CONTACT
from app.domain.kernel.money import Money
from app.domain.kernel.object_type import AnyObject
from app.domain.lines.schemas import TOTALS, TotalsRead
from app.domain.overviews.service import ACCOUNT_PARTS, CONTACT_PARTS, OPPORTUNITY_PARTS, OverviewService, Part
from app.domain.pipeline.objects import OPPORTUNITY
from app.domain.pipeline.schemas import StayList
from app.domain.registry import CATALOG

FIGURE = {"count": 3, "amounts": [{"amount": "1100.00", "currency": "USD"}]}
NONE = {"data": [], "hasMore": False}


class RollupFigure(Shape):
    count: int
    amounts: list[Money]


class AccountRollup(Shape):
    """A member of whose records the key may read none is left out."""

    accounts: RollupFigure
    contacts: RollupFigure | MISSING = MISSING
    open_opportunities: RollupFigure | MISSING = MISSING


FIGURES = {"accounts": FIGURE, "contacts": {"count": 12, "amounts": []}, "openOpportunities": FIGURE}


def asking(ask: Callable[[OverviewService, UUID], Awaitable[bytes]]) -> Handler:
    async def handle(call: Call) -> Answer:
        call.options()
        body = await ask(OverviewService(call.session), call.id)
        return show_unless_known(body, etag_of_bytes(body), call.headers.get(b"if-none-match"))

    return handle


def _item(part: Part) -> Any:
    if part.expand is None:
        return part.kind.read
    shown = CATALOG[CATALOG.expansions(part.kind)[part.expand].to].read
    fields: dict[str, Any] = {part.expand: (shown | None | MISSING, MISSING)}
    return create_model(f"{part.kind.model.__name__}Involved", __base__=part.kind.read, **fields)


def _list_of(kind: AnyObject, name: str, item: Any) -> Any:
    return create_model(f"{kind.model.__name__}{name}", __base__=Shape, data=(list[item], ...), has_more=(bool, ...))


def _ancestors(kind: AnyObject) -> Any:
    relative = create_model(f"{kind.model.__name__}Above", __base__=Shape, depth=(int, ...), record=(kind.read, ...))
    return (_list_of(kind, "Ancestors", relative), ...), NONE


def _overview(kind: AnyObject, parts: dict[str, Part], handler: Handler, **more: Any) -> ApiRoute:
    """`more` are further members, each with its type and its example."""
    title = kind.model.__name__
    fields: dict[str, Any] = {"record": (kind.read, ...)}
    for name, part in parts.items():
        fields[name] = (_list_of(kind, f"{name[0].upper()}{name[1:]}", _item(part)) | MISSING, MISSING)
    shape = create_model(f"{title}Overview", __base__=Shape, **fields, **{name: one[0] for name, one in more.items()})
    example = {"record": record_example(kind), **dict.fromkeys(parts, NONE)}
    return ApiRoute(
        method="GET",
        path=f"/{kind.plural}/{{id}}/overview",
        name=f"get_{kind.name}_overview",
        summary=f"One {kind.name} with all that belongs to it",
        description="A screen in one call: the record, and the first twenty of each list, the latest change first; "
        "`hasMore` says when there are more. A list whose object the key may not read is left out.",
        tag=kind.plural,
        permission=kind.scope("read"),
        handler=handler,
        errors=READING,
        also=(304,),
        headers=("ETag",),
        shows=shape,
        example=example | {name: one[1] for name, one in more.items()},
        parameters=(IF_NONE_MATCH, PREFER),
    )


overviews = (
    _overview(
        ACCOUNT,
        ACCOUNT_PARTS,
        asking(OverviewService.account),
        ancestors=_ancestors(ACCOUNT),
        figures=((AccountRollup, ...), FIGURES),
    ),
    _overview(CONTACT, CONTACT_PARTS, asking(OverviewService.contact), ancestors=_ancestors(CONTACT)),
    _overview(
        OPPORTUNITY,
        OPPORTUNITY_PARTS,
        asking(OverviewService.opportunity),
        totals=((TotalsRead | MISSING, MISSING), TOTALS),
        stages=((StayList, ...), {"data": []}),
    ),
    ApiRoute(
        method="GET",
        path="/accounts/{id}/rollup",
        name="get_account_rollup",
        summary="Figures over one account and all below it",
        description="How many accounts, contacts and open opportunities there are, and what annual revenues and amounts "
        "come to in each currency. Only records that you may see count.",
        tag=ACCOUNT.plural,
        permission=ACCOUNT.scope("read"),
        handler=asking(OverviewService.rollup),
        errors=READING,
        also=(304,),
        headers=("ETag",),
        shows=AccountRollup,
        example=FIGURES,
        parameters=(IF_NONE_MATCH, PREFER),
    ),
)
