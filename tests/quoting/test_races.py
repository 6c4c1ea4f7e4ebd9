"""What two or twenty do with quotes at the same time: the database decides, and numbers have no gaps."""

import asyncio
from collections import Counter
from itertools import count
from typing import Any

import pytest

from app.repositories.quoting import Quotes
from tests.factories.pipeline import make_opportunity
from tests.factories.quoting import make_quote, present
from tests.quoting.test_quotes import turn
from tests.world import Client


async def numbers(client: Client) -> list[int]:
    found = (await client.get("/quotes?limit=200")).json()["data"]
    return sorted(int(one["number"].rpartition("-")[2]) for one in found if one["number"])


async def all_at_once(client: Client, quote: dict[str, Any], *verbs: str) -> list[tuple[str, int]]:
    """Each ten times, in turns, with the status of its answer."""

    async def send(verb: str) -> tuple[str, int]:
        answer = await (client.delete(f"/quotes/{quote['id']}") if verb == "delete" else turn(client, quote, verb))
        return verb, answer.status_code

    return list(await asyncio.gather(*(send(verb) for verb in verbs * 10)))


@pytest.mark.parametrize("begins", ["accept", "rival"])
@pytest.mark.parametrize("rival", ["reject", "revise", "delete", "accept"])
async def test_an_accept_beside_others_has_one_outcome(client: Client, rival: str, begins: str) -> None:
    quote = await present(client)
    answers = await all_at_once(client, quote, *(("accept", rival) if begins == "accept" else (rival, "accept")))
    done = Counter(verb for verb, status in answers if status < 300)
    assert {status for _, status in answers if status >= 300} <= ({404, 409} if done["delete"] else {409})
    assert done["accept"] + done["reject"] + done["delete"] == 1
    assert done["revise"] <= 1
    now = await client.get(f"/quotes/{quote['id']}")
    outcomes = {"accept": "accepted", "reject": "rejected", "delete": 404}
    assert [now.json()["status"]] == [outcome for verb, outcome in outcomes.items() if done[verb]]


async def test_a_lock_that_is_left_out_is_found(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    async def none(*_: object) -> None: ...

    monkeypatch.setattr(Quotes, "lock", none)
    rounds = [await all_at_once(client, await present(client), "accept", "reject") for _ in range(3)]
    assert any(sum(status < 300 for _, status in answers) > 1 for answers in rounds)


async def test_of_all_quotes_of_an_opportunity_one_is_accepted(client: Client) -> None:
    deal = await make_opportunity(client)
    made = [await present(client, opportunityId=deal["id"]) for _ in range(8)]
    answers = await asyncio.gather(*(turn(client, one, "accept") for one in made))
    assert sorted(one.status_code for one in answers) == [200, *[409] * 7]
    assert {one.json()["code"] for one in answers if one.status_code == 409} == {"anotherAccepted"}
    accepted = (await client.get(f"/quotes?opportunityId={deal['id']}&status=accepted")).json()["data"]
    assert [one["id"] for one in accepted] == [one.json()["id"] for one in answers if one.status_code == 200]


async def test_an_edit_beside_its_presentation_is_in_it_or_refused(client: Client) -> None:
    quote = await make_quote(client)
    edits = [client.patch(f"/quotes/{quote['id']}", json={"terms": f"{days} days net."}) for days in range(10)]
    presented, *edited = await asyncio.gather(turn(client, quote, "present"), *edits)
    assert presented.status_code == 200
    assert {one.status_code for one in edited} <= {200, 409}
    now = (await client.get(f"/quotes/{quote['id']}")).json()
    assert (now["status"], now["terms"]) == ("presented", presented.json()["terms"])


async def numbered(client: Client) -> list[int]:
    """Of fifty at once, half take a number and are then undone: what the batch goes on with is refused."""
    deal = await make_opportunity(client)
    made = await asyncio.gather(*(make_quote(client, opportunityId=deal["id"]) for _ in range(50)))

    async def undone(quote: dict[str, Any]) -> int:
        path = f"/quotes/{quote['id']}"
        steps = [{"method": "POST", "path": f"{path}/present"}, {"method": "POST", "path": f"{path}/refresh"}]
        return int((await client.post("/batch", json={"operations": steps})).status_code)

    async def done(quote: dict[str, Any]) -> int:
        return int((await turn(client, quote, "present")).status_code)

    each = [undone(one) if place % 2 else done(one) for place, one in enumerate(made)]
    answers = await asyncio.gather(*each)

    assert (set(answers[::2]), set(answers[1::2])) == ({200}, {409})
    return await numbers(client)


async def test_numbers_have_no_gap_whatever_fails_beside(client: Client) -> None:
    assert await numbered(client) == list(range(1, 26))


async def test_a_counter_that_knows_no_rollback_is_found(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    given = count(1)

    async def outside(*_: object) -> int:
        return next(given)

    monkeypatch.setattr(Quotes, "next_number", outside)
    assert await numbered(client) != list(range(1, 26))


async def test_a_preview_takes_no_number_and_a_deleted_quote_keeps_its_own(client: Client) -> None:
    quote = await make_quote(client)
    tried = await client.post(f"/quotes/{quote['id']}/present?dryRun=true")
    assert tried.status_code == 200
    first = (await turn(client, quote, "present")).json()
    await client.delete(f"/quotes/{first['id']}")
    second = await present(client)
    assert await numbers(client) == [2]
    assert [one["number"][-5:] for one in (first, second)] == ["00001", "00002"]
    assert (await client.post(f"/quotes/{first['id']}/restore")).json()["number"] == first["number"]


async def test_tenants_count_for_themselves(client: Client, stranger: Client) -> None:
    for one in (client, stranger):
        assert (await present(one))["number"].endswith("-00001")
