"""Exchange rates, and amounts in another currency."""

from datetime import date
from zoneinfo import ZoneInfo

import orjson
from pydantic import TypeAdapter, ValidationError

from app.api.answer import JSON, Answer
from app.api.edge import Call
from app.api.listing import value_of
from app.api.parameters import PREFER
from app.api.records import record_router
from app.api.route import ALWAYS, ApiRoute, Parameter
from app.domain.currencies.objects import EXCHANGE_RATE
from app.domain.currencies.schemas import ConversionRead
from app.domain.currencies.service import Conversion, ExchangeRateService
from app.domain.kernel.changes import as_json
from app.domain.kernel.clock import utc_now
from app.domain.kernel.errors import BadRequest, Invalid, refused
from app.domain.kernel.money import AMOUNT, CURRENCIES, Money
from app.domain.kernel.object_type import CURRENCY
from app.domain.kernel.schemas import Day
from app.domain.registry import CATALOG

_DAY = TypeAdapter[date](Day)
_CODE = {"type": "string", "enum": sorted(CURRENCIES), "examples": ["GBP"]}


async def convert(call: Call) -> Answer:
    options = call.options("amount", "currency", "to", "date")
    given = {name: options.get(name, "") for name in ("amount", "currency")}
    try:
        money = Money.model_validate(given)
    except ValidationError as error:
        name = str(error.errors()[0]["loc"][0])
        raise refused(BadRequest, name, "wrongType", f"Give ?{name}=, as in ?amount=1234.50&currency=GBP.") from error
    into = value_of(CURRENCY, "to", options["to"]) if "to" in options else None
    today = utc_now().astimezone(ZoneInfo(call.session.actor.time_zone)).date()
    on = value_of(_DAY, "date", options["date"]) if "date" in options else today
    return Answer(200, _shown(await ExchangeRateService(call.session).convert(money, into, on)), JSON)


def _shown(one: Conversion) -> bytes:
    shown = {"from": one.given, "to": one.to, "rate": f"{one.rate:f}", "date": one.on}
    return orjson.dumps({name: as_json(value) for name, value in shown.items()})


exchange_rates = (
    *record_router(ExchangeRateService, CATALOG),
    ApiRoute(
        method="GET",
        path=f"/{EXCHANGE_RATE.plural}/convert",
        name="convert_amount",
        summary="Convert an amount",
        description="By the rates that hold on the day, each the latest that is valid from it or a day before. The result "
        "is rounded once, a half to the even neighbour, to the digits of its currency.",
        tag=EXCHANGE_RATE.plural,
        permission=EXCHANGE_RATE.scope("read"),
        handler=convert,
        errors=(*ALWAYS, Invalid),
        shows=ConversionRead,
        example={
            "from": {"amount": "1000.00", "currency": "GBP"},
            "to": {"amount": "1146.20", "currency": "EUR"},
            "rate": "1.1462",
            "date": "2026-11-22",
        },
        parameters=(
            Parameter(
                "amount",
                "A decimal string.",
                {"type": "string", "pattern": AMOUNT, "examples": ["0.00"]},
                required=True,
            ),
            Parameter("currency", "That of the amount.", {**_CODE, "examples": ["EUR"]}, required=True),
            Parameter("to", "The currency to convert into; that of the tenant unless it is given.", _CODE),
            Parameter(
                "date",
                "The day whose rates count; today in the time zone of the tenant unless it is given.",
                {"type": "string", "format": "date"},
            ),
            PREFER,
        ),
    ),
)
