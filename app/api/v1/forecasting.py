"""Forecasts, what was planned for them, and what they were."""

from collections.abc import Mapping
from typing import Any
from uuid import UUID

import orjson
from pydantic import TypeAdapter

from app.api.answer import JSON, Answer, show
from app.api.edge import Call
from app.api.listing import value_of
from app.api.parameters import KEYED, PREFER
from app.api.records import record_router
from app.api.route import ALWAYS, READING, SENDING, WRITING, ApiRoute, Parameter
from app.api.shapes import ID, TIME, USER
from app.domain.forecasting.periods import PERIOD, parsed
from app.domain.forecasting.schemas import (
    ForecastRead,
    ForecastSettings,
    ForecastSettingsUpdate,
    SnapshotRead,
    TrendRead,
)
from app.domain.forecasting.service import (
    ADMIN,
    ForecastAdjustmentService,
    ForecastService,
    Question,
    QuotaService,
)
from app.domain.kernel.errors import BadRequest, Invalid, refused
from app.domain.kernel.object_type import CURRENCY
from app.domain.kernel.schemas import Day
from app.domain.pipeline.objects import OPPORTUNITY
from app.domain.registry import CATALOG

SETTINGS = {"startsInMonth": 4, "yearNamedBy": "end"}
SNAPSHOT = {"day": "2026-11-23", "takenAt": TIME, "startsOn": "2026-01-01", "endsOn": "2027-12-31"}
_READ_AS: Mapping[str, TypeAdapter[Any]] = {
    "userId": TypeAdapter(UUID),
    "pipelineId": TypeAdapter(UUID),
    "currency": CURRENCY,
    "asOf": TypeAdapter(Day),
}


async def get_forecast(call: Call) -> Answer:
    service = ForecastService(call.session)
    asked = _question(call, service, "userId", "pipelineId", "currency", "asOf")
    if asked.as_of is not None and asked.currency is not None:
        message = "A snapshot is in the currency of its day: leave the currency out."
        raise refused(BadRequest, "currency", "notOfSnapshot", message)
    return Answer(200, orjson.dumps(await service.forecast(asked)), JSON)


async def list_days(call: Call) -> Answer:
    service = ForecastService(call.session)
    return Answer(200, orjson.dumps(await service.trend(_question(call, service, "userId", "pipelineId"))), JSON)


async def take_snapshot(call: Call) -> Answer:
    call.options()
    return show(await ForecastService(call.session).take(call.claim(200)), 200, call.collection)


async def get_settings(call: Call) -> Answer:
    call.options()
    found = await ForecastService(call.session).settings()
    return Answer(200, found.model_dump_json(by_alias=True).encode(), JSON)


async def change_settings(call: Call) -> Answer:
    data = call.read(ForecastSettingsUpdate)
    return show(await ForecastService(call.session).change_settings(data, call.claim(200)), 200, call.collection)


def _question(call: Call, service: ForecastService, *known: str) -> Question:
    options = call.options("period", *known)
    read = {name: value_of(_READ_AS[name], name, text) for name, text in options.items() if name != "period"}
    return Question(
        period=parsed(options.get("period", "")),
        user_id=service.subject(read.get("userId")),
        pipeline_id=read.get("pipelineId"),
        currency=read.get("currency"),
        as_of=read.get("asOf"),
    )


_FIGURES = {"count": 2, "amount": "1800.00", "weighted": "900.00", "cumulative": "1800.00"}
_CATEGORY = {**_FIGURES, "adjustments": [], "adjusted": "1800.00"}
_ADJUSTED = {"id": ID, "byUserId": USER, "amount": "1500.00", "note": "One will slip."}
_CATEGORIES = dict.fromkeys(("pipeline", "bestCase", "commit", "closed"), _CATEGORY)
_ROW = {
    "kind": "own",
    "userId": USER,
    "name": "Ada Lovelace",
    "active": True,
    "people": 1,
    "categories": _CATEGORIES | {"commit": _CATEGORY | {"adjustments": [_ADJUSTED], "adjusted": "1500.00"}},
    "quota": "2000.00",
    "attainmentPercent": "90.00",
    "gap": "200.00",
}
_LEFT_OUT = {"object": "opportunity", "currency": "CHF", "count": 1, "amount": "70.00", "expectedAmount": "7.00"}
FORECAST = {
    "period": "2026-Q4",
    "startsOn": "2026-10-01",
    "endsOn": "2026-12-31",
    "currency": "USD",
    "asOf": None,
    "userId": USER,
    "pipelineId": None,
    "rows": [_ROW],
    "total": {**_ROW, "kind": "total"},
    "unconverted": [_LEFT_OUT],
}
_OF_DAY = {"count": 2, "amount": "1800.00", "weighted": "900.00"}
TREND = {
    "period": "2026-Q4",
    "userId": USER,
    "pipelineId": None,
    "data": [
        {
            "day": "2026-11-23",
            "currency": "USD",
            "categories": dict.fromkeys(_CATEGORIES, _OF_DAY),
            "unconverted": 0,
        }
    ],
}
_PERIOD = Parameter(
    "period",
    "A month as 2026-10, a fiscal quarter as 2026-Q4, or a fiscal year as 2026.",
    {"type": "string", "pattern": PERIOD, "examples": ["2026-Q4"]},
    required=True,
)
_ID = {"type": "string", "format": "uuid"}
_OF_USER = Parameter(
    "userId",
    "Whose forecast, with everybody below. Left out, it is that of the whole organisation for administrators, and "
    "the caller's own for others.",
    _ID,
)
_OF_PIPELINE = Parameter("pipelineId", "Only the opportunities of this pipeline.", _ID)
_READ: dict[str, Any] = {"tag": "forecasts", "permission": OPPORTUNITY.scope("read")}
quotas = record_router(QuotaService, CATALOG)
forecast_adjustments = record_router(ForecastAdjustmentService, CATALOG)
forecasts = (
    ApiRoute(
        method="GET",
        path="/forecasts",
        name="get_forecast",
        summary="Show a forecast",
        description="What closes in the period, by forecast category: a row for the user, one for each who reports to "
        "the user with everybody below, and their total. Amounts are converted by the rates of the close date, or of today "
        "where that is still to come. Needs the scopes `quotas:read`, `forecast-adjustments:read` and `users:read` as well.",
        handler=get_forecast,
        errors=(*READING, Invalid),
        shows=ForecastRead,
        example=FORECAST,
        parameters=(
            _PERIOD,
            _OF_USER,
            _OF_PIPELINE,
            Parameter(
                "currency",
                "What amounts are converted into; the currency of the tenant unless it is given.",
                {"$ref": "#/components/schemas/Currency"},
            ),
            Parameter("asOf", "The forecast as its snapshot of this day has it.", {"type": "string", "format": "date"}),
            PREFER,
        ),
        **_READ,
    ),
    ApiRoute(
        method="GET",
        path="/forecasts/trend",
        name="get_forecast_trend",
        summary="Show how a forecast has changed",
        description="What the period came to on each day that there is a snapshot of, the latest hundred, oldest first. "
        "Whoever stood below the user on the day is counted. Needs the same scopes as the forecast.",
        handler=list_days,
        errors=READING,
        shows=TrendRead,
        example=TREND,
        parameters=(_PERIOD, _OF_USER, _OF_PIPELINE, PREFER),
        **_READ,
    ),
    ApiRoute(
        method="POST",
        path="/forecasts/snapshots",
        name="take_forecast_snapshot",
        summary="Take a snapshot of all forecasts now",
        description="For administrators. There is one of each day at most: where there is one of today, that is the answer. "
        "It has what closes in this fiscal year and the next.",
        tag="forecasts",
        permission=ADMIN,
        handler=take_snapshot,
        errors=WRITING,
        shows=SnapshotRead,
        example=SNAPSHOT,
        parameters=KEYED,
    ),
    ApiRoute(
        method="GET",
        path="/forecast-settings",
        name="get_forecast_settings",
        summary="Get the fiscal calendar",
        description="In which month a fiscal year begins, and how it is named.",
        handler=get_settings,
        errors=ALWAYS,
        shows=ForecastSettings,
        example=SETTINGS,
        **_READ,
    ),
    ApiRoute(
        method="PATCH",
        path="/forecast-settings",
        name="change_forecast_settings",
        summary="Change the fiscal calendar",
        description="For administrators. Quotas keep the names of their periods; snapshots keep the calendar of their day.",
        handler=change_settings,
        errors=SENDING,
        body=ForecastSettingsUpdate,
        body_example=SETTINGS,
        shows=ForecastSettings,
        example=SETTINGS,
        parameters=KEYED,
        tag="forecasts",
        permission=ADMIN,
    ),
)
