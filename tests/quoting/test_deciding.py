"""At the moment of its expiry twenty decide about a quote at once, and the worker is one of them."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from random import Random
from typing import Any

import pytest

from app.domain.quoting.rules import EXPIRY
from app.domain.registry import SCHEMA
from app.repositories.quoting import Quotes
from app.workers.quoting import Expiring
from tests.factories.quoting import present
from tests.quoting.test_quotes import turn
from tests.work.engine import Engine, engine
from tests.world import Client, Place

ROUNDS, MOST_ROUNDS = 6, 60
PLACES, RIVALS = (0, 10, 21), ("accept", "reject", "revise")
ENDS = {"accept": "accepted", "reject": "rejected", "expire": "expired"}


@pytest.fixture
async def engine_(place: Place) -> AsyncIterator[Engine]:
    async with engine(place) as made:
        yield made


async def all_at_once(
    client: Client, one: Engine, quote: dict[str, Any], seed: int
) -> list[tuple[str, int, str | None]]:
    """Seven times each verb, and the expiry among them; each with the status and code of its answer."""
    (work,) = await one.claim_planned(client.tenant_id, EXPIRY)

    async def send(verb: str) -> Any:
        answer = await turn(client, quote, verb)
        return verb, answer.status_code, answer.json().get("code")

    async def expire() -> Any:
        await Expiring(one.app, SCHEMA).expire(work, None)

    verbs = [send(verb) for verb in RIVALS * 7]
    Random(seed).shuffle(verbs)
    verbs.insert(PLACES[seed % len(PLACES)], expire())
    answers = await asyncio.gather(*verbs, return_exceptions=True)
    lost = [answer for answer in answers if isinstance(answer, BaseException)]
    assert [type(error).__name__ for error in lost] in ([], ["LeaseLost"])
    return [answer for answer in answers if isinstance(answer, tuple)]


async def decided(client: Client, one: Engine, seed: int) -> str:
    """The one outcome, as answers, record, history and events have it."""
    quote = await present(client)
    answers = await all_at_once(client, one, quote, seed)
    done = Counter(verb for verb, status, _ in answers if status < 300)
    refused = {(status, code) for _, status, code in answers if status >= 300}
    assert {status for status, _ in refused} <= {409}
    assert None not in {code for _, code in refused}
    assert done["revise"] <= 1

    now = (await client.get(f"/quotes/{quote['id']}")).json()
    versions = (await client.get(f"/quotes/{quote['id']}/history")).json()["data"]
    decisions = [one for one in versions if one["origin"] == "system" or "decidedAt" in one["changedFields"]]
    verbs = [verb for verb in ("accept", "reject") for _ in range(done[verb])] or ["expire"]
    assert len(verbs) == 1
    assert now["status"] == ENDS[verbs[0]]
    assert len(decisions) == 1
    assert (decisions[0]["origin"] == "system") == (verbs == ["expire"])
    assert versions[0]["version"] == now["version"] == quote["version"] + 1
    assert not [row for row in await one.rows(EXPIRY) if row["key"] == quote["id"]]
    return verbs[0]


async def test_a_quote_that_expires_while_it_is_decided_has_one_outcome(client: Client, engine_: Engine) -> None:
    outcomes = [await decided(client, engine_, seed) for seed in range(ROUNDS)]
    while len(set(outcomes)) == 1 and len(outcomes) < MOST_ROUNDS:
        outcomes.append(await decided(client, engine_, len(outcomes)))
    assert len(set(outcomes)) > 1, "whoever comes first must differ, or nothing is tried"


async def test_an_outcome_too_many_is_found(client: Client, engine_: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    async def none(*_: object) -> None: ...

    monkeypatch.setattr(Quotes, "lock", none)
    with pytest.raises(AssertionError):
        [await decided(client, engine_, seed) for seed in range(ROUNDS)]
