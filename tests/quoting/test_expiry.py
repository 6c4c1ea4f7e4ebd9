"""A quote expires on the morning after its last day, as a worker does it."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Any

import pytest

from app.domain.kernel.clock import utc_now
from app.domain.quoting.rules import EXPIRY
from app.domain.registry import SCHEMA
from app.workers.quoting import Expiring
from tests.factories.quoting import make_quote, present
from tests.quoting.test_quotes import turn
from tests.work.engine import Engine, engine
from tests.world import Client, Place

PLANNED = "select due_at from work where tenant_id = $1 and kind = $2 and key = $3"


@pytest.fixture
async def engine_(place: Place) -> AsyncIterator[Engine]:
    async with engine(place) as made:
        yield made


async def planned(one: Engine, client: Client, quote: dict[str, Any]) -> datetime | None:
    async with one.place.connect() as administrator:
        found: datetime | None = await administrator.fetchval(PLANNED, client.tenant_id, EXPIRY.name, quote["id"])
        return found


async def expire(one: Engine, client: Client) -> int:
    works = await one.claim_planned(client.tenant_id, EXPIRY)
    for work in works:
        await Expiring(one.app, SCHEMA).expire(work, None)
    return len(works)


async def test_what_nobody_decides_expires(client: Client, engine_: Engine) -> None:
    quote = await make_quote(client, validUntil="2098-06-30")
    assert await planned(engine_, client, quote) is None
    await turn(client, quote, "present")
    assert await planned(engine_, client, quote) == datetime(2098, 7, 1, tzinfo=UTC)

    assert await expire(engine_, client) == 1
    over = (await client.get(f"/quotes/{quote['id']}")).json()
    assert (over["status"], over["decidedAt"] is not None) == ("expired", True)
    assert (await client.get(f"/quotes/{quote['id']}/history")).json()["data"][0]["origin"] == "system"
    assert (await turn(client, quote, "accept")).status_code == 409
    assert (await turn(client, quote, "revise")).json()["revision"] == 2


@pytest.mark.parametrize("verb", ["accept", "reject"])
async def test_what_is_decided_does_not_expire(client: Client, engine_: Engine, verb: str) -> None:
    quote = await present(client)
    await turn(client, quote, verb)
    assert await planned(engine_, client, quote) is None
    assert await expire(engine_, client) == 0


async def test_a_deleted_quote_that_comes_back_still_expires(client: Client, engine_: Engine) -> None:
    quote = await present(client)
    await client.delete(f"/quotes/{quote['id']}")
    assert await expire(engine_, client) == 1
    await client.post(f"/quotes/{quote['id']}/restore")
    assert await expire(engine_, client) == 1
    assert (await client.get(f"/quotes/{quote['id']}")).json()["status"] == "expired"


async def test_nobody_accepts_after_the_last_day(
    client: Client, engine_: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also before the worker has come to it."""
    now = utc_now()
    monkeypatch.setattr("app.domain.quoting.service.utc_now", lambda: now)
    quote = await present(client, validUntil=now.date().isoformat())
    monkeypatch.setattr("app.domain.quoting.service.utc_now", lambda: now + timedelta(days=1))
    late = await turn(client, quote, "accept")
    assert (late.status_code, late.json()["code"]) == (409, "quoteExpired")


async def test_the_day_of_a_presentation_is_that_of_its_moment(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    """Also where the clock strikes midnight while the quote is presented."""
    quote, now = await make_quote(client), datetime(2027, 12, 31, 23, 59, 59, 999_000, tzinfo=UTC)
    strikes = (now + timedelta(milliseconds=n) for n in count())
    monkeypatch.setattr("app.domain.quoting.service.utc_now", lambda: next(strikes))
    shown = (await turn(client, quote, "present")).json()
    assert (shown["number"], shown["presentedOn"]) == ("Q-2027-00001", shown["presentedAt"][:10])
