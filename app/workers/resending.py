"""Webhooks once more: a replay of what an endpoint was, or would have been, told; and a test that it answers at all."""

import logging
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from app.domain.jobs.rules import problem_of
from app.domain.jobs.service import Chunk, Given, JobKind
from app.domain.kernel.actor import Actor
from app.domain.kernel.clock import utc_now
from app.domain.kernel.errors import AppError, NotFound
from app.domain.kernel.work import Done, Outcome, Work
from app.domain.webhooks.choice import Choice
from app.domain.webhooks.kinds import DELIVERY, REPLAY, TEST
from app.domain.webhooks.objects import WEBHOOK_ENDPOINT
from app.domain.webhooks.rules import acts_for
from app.domain.webhooks.sample import sample
from app.domain.webhooks.schemas import WebhookEndpointRead
from app.repositories.jobs import Jobs
from app.repositories.records import Records
from app.repositories.resending import Resending
from app.repositories.session import Session
from app.repositories.webhooks import Endpoints
from app.workers.line import Handler
from app.workers.webhooks import Deliveries

log = logging.getLogger(__name__)
Row = dict[str, Any]
CHUNK: Final = 200
FIRST, LAST = UUID(int=0), UUID(int=2**128 - 1)


@dataclass(frozen=True, slots=True)
class Asked:
    """An endpoint as it is now, with the rights of whom it acts for."""

    event_types: list[str]
    filter: str | None
    skip_origins: list[str]
    actor: Actor


async def replay(session: Session, given: Given, progress: Given) -> Chunk:
    """`given` is a `ReplayRequest` and `endpointId`. Each chunk goes on behind the id that the last one ended at."""
    endpoint_id = UUID(given["endpointId"])
    asked = await _asked(session, endpoint_id)
    events, last = await _next(Resending(session), endpoint_id, given, progress)
    choice = Choice(asked, session.schema)
    taken = [event for event in events if _is_within(event, given) and choice.takes(event)]
    resent = await Resending(session).resend(DELIVERY, endpoint_id, taken) if taken else 0
    resent += progress.get("resent", 0)
    if last is None:
        return Chunk(len(events), result={"resent": resent})
    return Chunk(len(events), progress={"after": last, "resent": resent})


async def _next(resending: Resending, endpoint_id: UUID, given: Given, progress: Given) -> tuple[list[Row], str | None]:
    """And where to go on, if there may be more."""
    if given.get("eventIds"):
        return await resending.these([UUID(one) for one in given["eventIds"]]), None
    high = _first_at(given["to"], 1) if given.get("to") else LAST
    after = UUID(progress["after"]) if "after" in progress else FIRST
    if given.get("failedOnly"):
        rows, place = await resending.failed(endpoint_id, after, high, CHUNK), "delivery_id"
    else:
        low = max(after, _first_at(given["from"], -1)) if given.get("from") else after
        rows, place = await resending.between(low, high, CHUNK), "id"
    return rows, rows[-1][place] if len(rows) == CHUNK else None


def _is_within(event: Row, given: Given) -> bool:
    """Ids are made a moment before their events: the times of these decide."""
    at = datetime.fromisoformat(event["at"])
    begins, ends = given.get("from"), given.get("to")
    return not (begins and at < datetime.fromisoformat(begins)) and not (ends and at > datetime.fromisoformat(ends))


def _first_at(time: str, seconds: int) -> UUID:
    """The smallest id that can be made so many seconds behind that time."""
    milliseconds = int((datetime.fromisoformat(time).timestamp() + seconds) * 1_000)
    return UUID(int=max(milliseconds, 0) << 80)


async def _asked(session: Session, endpoint_id: UUID) -> Asked:
    endpoint: WebhookEndpointRead | None = await Records(session, WEBHOOK_ENDPOINT).load(endpoint_id)
    user_id = acts_for(endpoint) if endpoint else None
    actor = await Endpoints(session).actor(user_id) if user_id else None
    if endpoint is None or actor is None:
        raise NotFound("The endpoint is gone, or the user for whom it is told.")
    return Asked(endpoint.event_types, endpoint.filter, endpoint.skip_origins, actor)


REPLAYING: Final = JobKind(name=REPLAY, chunk=replay)


@dataclass(frozen=True, slots=True)
class Tests:
    """Calls an endpoint with an example of an event, and lets the job that was started for it say what came back."""

    deliveries: Deliveries

    def handler(self) -> Handler:
        return Handler(kind=TEST, act=self.test)

    async def test(self, work: Work, _: Any) -> Outcome:
        """It is called once at most: where the first claim came to nothing, the job has failed."""
        job_id = UUID(work.payload["jobId"])
        job = await self._jobs(work).begin(job_id)
        if job is None:
            return Done()
        if work.attempts > 1:
            await self._fail(work, AppError("The worker that was at it did not come back."))
            return Done()
        try:
            found = await self._tried(work, job.input["eventType"])
        except Exception as error:  # noqa: BLE001  # whatever it is, who started the job is told that it failed
            await self._fail(work, error)
            return Done()
        await self._jobs(work).advance(job_id, 1)
        await self._jobs(work).end(job_id, "succeeded", result=found)
        return Done()

    async def _tried(self, work: Work, event_type: str) -> Row:
        user_id = UUID(work.payload["userId"])
        event = sample(self.deliveries.schema.catalog, event_type, work.tenant_id, user_id, utc_now())
        found = await self.deliveries.try_out(work.tenant_id, UUID(work.target), event)
        if found is None:
            raise NotFound("The endpoint is gone, or the user for whom it is told.")
        return found

    async def _fail(self, work: Work, error: Exception) -> None:
        log.warning("an endpoint could not be tested", extra={"error": type(error).__name__})
        await self._jobs(work).end(UUID(work.payload["jobId"]), "failed", error=problem_of(error))

    def _jobs(self, work: Work) -> Jobs:
        """In a session that is new: the time of one is up before a slow receiver has answered."""
        return Jobs(self.deliveries.session(work.tenant_id, UUID(work.payload["userId"])))
