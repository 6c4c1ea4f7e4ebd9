"""The log of what was delivered to webhook endpoints, as those who run them read it."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, Literal
from uuid import UUID

import orjson
from sqlalchemy import (
    ARRAY,
    ColumnElement,
    FromClause,
    Integer,
    Select,
    Text,
    Uuid,
    and_,
    bindparam,
    case,
    func,
    literal_column,
    null,
    select,
    true,
)
from sqlalchemy.dialects.postgresql import JSON

from app.domain.kernel.catalog import Catalog
from app.domain.kernel.record import Event, table_of
from app.domain.webhooks.models import WebhookDelivery
from app.domain.webhooks.schemas import DeliveryFilter, DeliveryRead
from app.repositories.compile import CACHE, of_tenant, read_view
from app.repositories.session import Session

DELIVERY, EVENT = read_view(table_of(WebhookDelivery)), read_view(table_of(Event))
LAST: Final = UUID(int=2**128 - 1)


@dataclass(frozen=True, slots=True)
class DeliveryPage:
    """`deliveries` is a JSON array as PostgreSQL wrote it; `last` is the id that the next page goes on below."""

    deliveries: bytes
    last: UUID | None


@dataclass(frozen=True, slots=True)
class Delivery:
    """`event` is the row of the log, which forgets before the deliveries do."""

    shown: dict[str, Any]
    event: dict[str, Any] | None


class Deliveries:
    """The log of one endpoint, newest first."""

    def __init__(self, session: Session) -> None:
        self.session = session

    async def page(self, endpoint_id: UUID, wanted: DeliveryFilter, limit: int) -> DeliveryPage:
        """Ids are made in the order of time, so a span of time is a range of them."""
        shape = _Shape(wanted.state, wanted.event_type is not None, wanted.record_id is not None)
        high = min(wanted.before or LAST, _first_at(wanted.end) if wanted.end else LAST)
        parameters = {
            "endpoint": endpoint_id,
            "low": _first_at(wanted.start) if wanted.start else UUID(int=0),
            "high": high,
            "type": wanted.event_type,
            "record": wanted.record_id,
            "limit": limit,
        }
        statement = CACHE.get(("webhook deliveries", shape), lambda: _page(shape, self.session.catalog))
        row = await self.session.read(statement, parameters)
        assert row is not None  # noqa: S101  # an aggregate always answers one row
        return DeliveryPage(row["deliveries"] or b"[]", row["last"] if row["more"] else None)

    async def one(self, endpoint_id: UUID, delivery_id: UUID) -> Delivery | None:
        parameters = {"endpoint": endpoint_id, "id": delivery_id}
        row = await self.session.read(CACHE.get("one webhook delivery", _one), parameters)
        if row is None:
            return None
        return Delivery(orjson.loads(row["delivery"]), orjson.loads(row["event"]) if row["event"] else None)


@dataclass(frozen=True, slots=True)
class _Shape:
    """What makes one list statement differ from another: an index holds the undelivered by a state that SQL names."""

    state: Literal["pending", "delivered", "failed", "skipped"] | None
    typed: bool
    of_record: bool


def _page(shape: _Shape, catalog: Catalog) -> Select[Any]:
    place = func.row_number().over(order_by=DELIVERY.c.id.desc()).label("place")
    rows = (
        select(DELIVERY, place)
        .where(*_narrowed(shape, catalog))
        .order_by(DELIVERY.c.id.desc())
        .limit(_limit() + 1)
        .subquery("page")
    )
    shown = select(*_shown(rows)).correlate(rows).lateral("doc")
    is_shown = rows.c.place <= _limit()
    columns = (
        func.json_agg(shown.table_valued(), type_=JSON).filter(is_shown).label("deliveries"),
        func.array_agg(rows.c.id).filter(rows.c.place == _limit())[1].label("last"),
        (func.count() > _limit()).label("more"),
    )
    return select(*columns).select_from(rows.join(shown, true()))


def _narrowed(shape: _Shape, catalog: Catalog) -> list[ColumnElement[bool]]:
    wanted = [of_tenant(DELIVERY), DELIVERY.c.endpoint_id == _endpoint()]
    wanted += [DELIVERY.c.id >= _id("low"), DELIVERY.c.id < _id("high")]
    if shape.state:
        wanted.append(DELIVERY.c.state == literal_column(f"'{shape.state}'", Text()))
    if shape.typed:
        wanted.append(DELIVERY.c.event_type == bindparam("type", type_=Text(), required=True))
    if shape.of_record:
        wanted.append(DELIVERY.c.event_id.in_(_events_of_record(catalog)))
    return wanted


def _events_of_record(catalog: Catalog) -> Select[Any]:
    """The log has an index of what happened to a record; the deliveries need none of their own."""
    objects = bindparam("objects", [kind.name for kind in catalog], type_=ARRAY(Text()))
    return select(EVENT.c.id).where(
        of_tenant(EVENT), EVENT.c.object == objects.any_(), EVENT.c.record_id == _id("record")
    )


def _one() -> Select[Any]:
    event = EVENT.alias("told")
    known = and_(of_tenant(event), event.c.id == DELIVERY.c.event_id)
    shown = select(*_shown(DELIVERY)).correlate(DELIVERY).lateral("doc")
    found = case((event.c.id.is_not(None), func.row_to_json(event.table_valued(), type_=JSON)), else_=null())
    return (
        select(func.row_to_json(shown.table_valued(), type_=JSON).label("delivery"), found.label("event"))
        .select_from(DELIVERY.join(shown, true()).outerjoin(event, known))
        .where(of_tenant(DELIVERY), DELIVERY.c.endpoint_id == _endpoint(), DELIVERY.c.id == _id("id"))
    )


def _shown(source: FromClause) -> Sequence[ColumnElement[Any]]:
    return [source.c[name].label(field.alias) for name, field in DeliveryRead.model_fields.items()]


def _first_at(time: datetime) -> UUID:
    """The smallest id that can be made at that time."""
    return UUID(int=max(int(time.timestamp() * 1_000), 0) << 80)


def _endpoint() -> ColumnElement[Any]:
    return _id("endpoint")


def _id(name: str) -> ColumnElement[Any]:
    return bindparam(name, type_=Uuid(), required=True)


def _limit() -> ColumnElement[int]:
    return bindparam("limit", type_=Integer(), required=True)
