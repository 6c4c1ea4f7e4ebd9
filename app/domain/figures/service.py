from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

import orjson

from app.domain.figures.rules import Outcomes, ageing, conversion, of_groups, won_by_time
from app.domain.figures.schemas import Per
from app.domain.kernel.clock import utc_now
from app.domain.kernel.errors import BadRequest, Forbidden, refused
from app.domain.kernel.expression.checker import check_value
from app.domain.kernel.expression.errors import ExpressionError
from app.domain.kernel.expression.filters import bind, refusal
from app.domain.kernel.expression.tree import Expression, Field
from app.domain.pipeline.objects import OPPORTUNITY, PIPELINE
from app.repositories.figures import MOST, Days, Figures, Found, Group
from app.repositories.pipeline import Pipelines
from app.repositories.session import Session

TOTAL = "total"
NAMED = {
    "owner": ("owner", "owner.name"),
    "manager": ("owner.manager", "owner.manager.name"),
    "account": ("account", "account.name"),
    "product": ("product", "product.name"),
    "pipeline": ("pipeline", "pipeline.name"),
}
TOLD = ("amount", "closeDate", "engageDate", "pipelineId", "stage", "stageChangedAt", "stalledSince", "status")
ALL, CLOSED_WON = ("open", "won", "lost"), ("won",)


@dataclass(frozen=True, slots=True)
class Question:
    """Of which opportunities, from which first day to which last."""

    where: Expression
    first: date = date.min
    last: date = date.max


class FiguresService:
    """Reads only: of what the actor sees, and nothing is kept."""

    def __init__(self, session: Session) -> None:
        self.session = session

    async def win_rates(self, asked: Question, by: str) -> bytes:
        return await self._by_group(asked, by, Outcomes.win_rates)

    async def velocity(self, asked: Question, by: str) -> bytes:
        return await self._by_group(asked, by, Outcomes.velocity)

    async def won(self, asked: Question, by: str, per: Per) -> bytes:
        found = await self._outcomes(asked, by, CLOSED_WON, per)
        return orjson.dumps({"data": won_by_time(found.corporate, found.rows)})

    async def stage_conversion(self, asked: Question, pipeline_id: UUID | None) -> bytes:
        """Of the default pipeline unless one is named."""
        self._may_read()
        self.session.actor.require(PIPELINE.scope("read"))
        pipelines = Pipelines(self.session)
        row = await (pipelines.one(pipeline_id) if pipeline_id else pipelines.default())
        if row is None:
            raise refused(BadRequest, "pipelineId", "unknownReference", "There is no such pipeline.")
        flows, times = await Figures(self.session).flows(self._bound(asked), self._days(asked), row["id"])
        return orjson.dumps({"pipelineId": str(row["id"]), "data": conversion(row["stages"], flows, times)})

    async def ageing(self, asked: Question) -> bytes:
        self._may_read()
        self.session.actor.require(PIPELINE.scope("read"))
        figures = Figures(self.session)
        found = _told(await figures.ages(self._bound(asked), self._days(asked)))
        return orjson.dumps({"data": ageing(found.corporate, found.rows, await figures.pipelines())})

    async def _by_group(self, asked: Question, by: str, show: Callable[[Outcomes], dict[str, Any]]) -> bytes:
        found = await self._outcomes(asked, by, ALL)
        return orjson.dumps({"data": of_groups(found.corporate, found.rows, show)})

    async def _outcomes(self, asked: Question, by: str, statuses: Sequence[str], per: Per | None = None) -> Found:
        self._may_read()
        group, days = self._group(by), self._days(asked)
        return _told(await Figures(self.session).outcomes(self._bound(asked), days, statuses, group, per))

    def _group(self, by: str) -> Group | None:
        if by == TOTAL:
            return None
        key, label = NAMED.get(by, (by, by))
        return Group(self._field(key), self._field(label))

    def _field(self, path: str) -> Field:
        try:
            found = check_value(path, OPPORTUNITY, self.session.schema, self.session.actor).shape
        except ExpressionError as error:
            raise refusal("by", error) from error
        if not isinstance(found, Field) or found.currency:
            message = f"Group by {TOTAL}, {', '.join(NAMED)}, or a field that is no amount, such as account.industry."
            raise refused(BadRequest, "by", "notGroupable", message)
        return found

    def _bound(self, asked: Question) -> Expression:
        return bind(asked.where, self.session.actor, utc_now())

    def _days(self, asked: Question) -> Days:
        zone = self.session.actor.time_zone
        return Days(asked.first, asked.last, utc_now().astimezone(ZoneInfo(zone)).date(), zone)

    def _may_read(self) -> None:
        """A figure over a field that the caller does not see would tell what is in it."""
        self.session.actor.require(OPPORTUNITY.scope("read"))
        if hidden := self.session.schema.unseen(OPPORTUNITY, TOLD):
            raise Forbidden(f"Figures tell of {', '.join(hidden)}, which you do not see.", code="fieldHidden")


def _told(found: Found) -> Found:
    if len(found.rows) > MOST:
        message = (
            "There are too many groups to tell: group by something that more opportunities have in common, or filter."
        )
        raise refused(BadRequest, "by", "tooManyGroups", message)
    return found
