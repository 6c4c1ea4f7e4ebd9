"""Sales figures: win rates, what was won, velocity, conversion by stage, ageing."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import date
from typing import Any, get_args
from uuid import UUID

from pydantic import BaseModel, TypeAdapter

from app.api.answer import JSON, Answer
from app.api.edge import Call, Handler
from app.api.listing import list_query, value_of
from app.api.parameters import FILTER, ID, PREFER
from app.api.route import ALWAYS, ApiRoute, Parameter
from app.domain.figures.schemas import (
    AGEING,
    CONVERSION,
    VELOCITY,
    WIN_RATES,
    WON,
    AgeingList,
    ConversionList,
    Per,
    VelocityList,
    WinRateList,
    WonList,
)
from app.domain.figures.service import NAMED, TOTAL, FiguresService, Question
from app.domain.kernel.errors import BadRequest, refused
from app.domain.kernel.ids import parse_id
from app.domain.kernel.schemas import Day
from app.domain.pipeline.objects import OPPORTUNITY

PERS: tuple[str, ...] = get_args(Per)
_DAY = TypeAdapter[date](Day)
NARROWING = ("filter", "ownerId", "pipelineId")
_PERIOD = ("from", "to")
_DATE = {"type": "string", "format": "date"}
BY = Parameter(
    "by",
    f"What is put together: `{TOTAL}`, {', '.join(f'`{one}`' for one in NAMED)}, or any field that no amount is, of the "
    "opportunity or of a record it refers to, such as `account.industry`. The manager is that of the owner.",
    {"type": "string", "minLength": 1, "maxLength": 200, "default": TOTAL, "examples": ["owner", "manager"]},
)
PER = Parameter("per", "The lapse of time that is added up.", {"type": "string", "enum": [*PERS], "default": "quarter"})
ABOUT = (
    FILTER,
    Parameter("ownerId", "Only the opportunities of this user.", ID),
    Parameter("pipelineId", "Only the opportunities of this pipeline.", ID),
    Parameter("from", "The first day of the period, in the time zone of the tenant.", _DATE),
    Parameter("to", "The last day of the period.", _DATE),
)
Ask = Callable[[FiguresService, Question, Mapping[str, str]], Awaitable[bytes]]


def _asking(ask: Ask, *own: str, narrowing: Sequence[str] = NARROWING) -> Handler:
    """`own` are the parameters of this figure, `narrowing` those by which the list of opportunities has fewer."""

    async def handle(call: Call) -> Answer:
        options = call.options(*narrowing, *_PERIOD, *own)
        pairs = [(name, options[name]) for name in narrowing if name in options]
        where = list_query(OPPORTUNITY, pairs, call.session.actor, call.session.schema).query.where
        first, last = _day(options, "from", date.min), _day(options, "to", date.max)
        if first > last:
            raise refused(BadRequest, "to", "order", "The period ends before it begins.")
        return Answer(200, await ask(FiguresService(call.session), Question(where, first, last), options), JSON)

    return handle


def _day(options: Mapping[str, str], name: str, otherwise: date) -> date:
    day: date = value_of(_DAY, name, options[name]) if name in options else otherwise
    return day


def _pipeline(options: Mapping[str, str]) -> UUID | None:
    """It says which stages are told of, and not which opportunities: some have gone on to another pipeline."""
    if "pipelineId" not in options:
        return None
    found = parse_id(options["pipelineId"])
    if found is None:
        raise refused(BadRequest, "pipelineId", "wrongType", "Give the id of a pipeline.")
    return found


def _per(options: Mapping[str, str]) -> Any:
    per = options.get("per", "quarter")
    if per not in PERS:
        raise refused(BadRequest, "per", "unknownPeriod", f"Add up by {', '.join(PERS)}.")
    return per


def _route(figure: str, summary: str, description: str, shows: type[BaseModel], example: Any, **more: Any) -> ApiRoute:
    return ApiRoute(
        method="GET",
        path=f"/sales-figures/{figure}",
        name=f"get_{figure.replace('-', '_')}",
        summary=summary,
        description=description,
        tag="sales-figures",
        permission=OPPORTUNITY.scope("read"),
        errors=ALWAYS,
        shows=shows,
        example=example,
        **more,
    )


sales_figures = (
    _route(
        "win-rates",
        "Tell how much of what was closed was won",
        "Won and lost are what has its close date in the period, open is what is open now. Amounts are converted by the "
        "rates of the close date, and those of open opportunities by the rates of today.",
        WinRateList,
        WIN_RATES,
        handler=_asking(lambda service, asked, options: service.win_rates(asked, options.get("by", TOTAL)), "by"),
        parameters=(BY, *ABOUT, PREFER),
    ),
    _route(
        "won",
        "Tell what was won by month, quarter or year",
        "By close date, in order of time; a lapse of time in which nothing was won is left out.",
        WonList,
        WON,
        handler=_asking(
            lambda service, asked, options: service.won(asked, options.get("by", TOTAL), _per(options)), "by", "per"
        ),
        parameters=(BY, PER, *ABOUT, PREFER),
    ),
    _route(
        "velocity",
        "Tell how much is won per day",
        "Open opportunities by win rate by average deal through the days of the cycle; the three last are of what was "
        "closed in the period.",
        VelocityList,
        VELOCITY,
        handler=_asking(lambda service, asked, options: service.velocity(asked, options.get("by", TOTAL)), "by"),
        parameters=(BY, *ABOUT, PREFER),
    ),
    _route(
        "stage-conversion",
        "Tell where opportunities go from each stage",
        "Of one pipeline, the default one unless another is named: of what came to a stage in the period, where it "
        "went next. Needs the scope `pipelines:read` as well.",
        ConversionList,
        CONVERSION,
        handler=_asking(
            lambda service, asked, options: service.stage_conversion(asked, _pipeline(options)),
            "pipelineId",
            narrowing=("filter", "ownerId"),
        ),
        parameters=(*ABOUT, PREFER),
    ),
    _route(
        "ageing",
        "Tell how old what is open has become",
        "By stage: of what began in the period. Amounts are converted by the rates of today. Needs the scope "
        "`pipelines:read` as well.",
        AgeingList,
        AGEING,
        handler=_asking(lambda service, asked, _: service.ageing(asked)),
        parameters=(*ABOUT, PREFER),
    ),
)
