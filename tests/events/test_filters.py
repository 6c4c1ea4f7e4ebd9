"""`filter=` on the change feed: what an event left, what was before it, and what it changed."""

from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from app.domain.records import history
from tests.contract.convention import is_problem
from tests.events.test_feed import everything, feed
from tests.factories.accounts import make_account, make_contact
from tests.factories.pipeline import make_opportunity
from tests.world import Client, World

Settled = Callable[[], Awaitable[None]]
Json = dict[str, Any]


def euros(amount: str) -> Json:
    return {"amount": {"amount": amount, "currency": "EUR"}}


@pytest.fixture(scope="module")
async def life(world: World) -> Client:
    """One opportunity from its creation over four edits to the bin and back; and another one that only is."""
    client = await world.tenant()
    made = await make_opportunity(client, name="Big deal", **euros("900"))
    url = f"/opportunities/{made['id']}"
    for patch in ({"stage": "closedWon"}, euros("1500"), {"amount": None}, {"stage": "closedLost", **euros("1500")}):
        assert (await client.patch(url, json=patch)).status_code == 200
    assert (await client.delete(url)).status_code == 204
    assert (await client.post(f"{url}/restore")).status_code == 200
    await make_opportunity(client, name="Other")
    await make_account(client, name="Big deal")
    await world.settled()
    return client


async def versions(client: Client, text: str, **more: Any) -> list[tuple[str, int]]:
    found = await everything(client, object="opportunity", filter=text, **more)
    return [(event["data"]["name"][0], event["version"]) for event in found]


def big(*numbers: int) -> list[tuple[str, int]]:
    return [("B", number) for number in numbers]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ('name == "Big deal"', big(1, 2, 3, 4, 5, 6, 7)),
        ("amount > 1000", big(3, 5, 6, 7)),
        ("changed(stage)", [*big(1, 2, 5, 7), ("O", 1)]),
        ("changed(stage) && !isNew()", big(2, 5)),
        ('stage != old.stage && stage == "closedLost"', big(5, 7)),
        ('old.stage == "closedWon" && stage == "closedLost"', big(5)),
        ("isNew()", [*big(1, 7), ("O", 1)]),
        ("old.amount < 1000 && amount > 1000", big(3)),
        ("old.amount != null && amount == null", big(4)),
        ("modifiedBy == me() && version == 6", big(6)),
        ("createdAt <= now() && closeDate == today()", []),
    ],
)
async def test_events_are_filtered_by_data_and_by_change(
    life: Client, text: str, expected: list[tuple[str, int]]
) -> None:
    assert await versions(life, text) == expected


async def test_a_filter_narrows_what_type_and_record_leave(life: Client) -> None:
    assert await versions(life, "amount > 1000", type="opportunity.updated") == big(3, 5)
    record = (await everything(life, object="opportunity"))[0]["recordId"]
    assert await versions(life, "isNew()", recordId=record) == big(1, 7)


async def test_pages_of_any_size_find_the_same_events(life: Client) -> None:
    whole = await everything(life, object="opportunity", filter="changed(stage)")
    for limit in (1, 2, 4, 5):
        assert await everything(life, object="opportunity", filter="changed(stage)", limit=limit) == whole


async def test_the_cursor_passes_what_was_looked_at_and_did_not_match(
    life: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(history, "SLICE", 2)
    monkeypatch.setattr(history, "MOST", 4)
    asked: Json = {"object": "opportunity", "filter": 'name == "Other"'}
    first = await feed(life, **asked)
    assert (first["data"], first["page"]["hasMore"]) == ([], True)
    then = await feed(life, **asked, after=first["page"]["nextCursor"])
    assert ([event["data"]["name"] for event in then["data"]], then["page"]["hasMore"]) == (["Other"], True)
    end = await feed(life, **asked, after=then["page"]["nextCursor"])
    assert end == {"data": [], "page": {"nextCursor": then["page"]["nextCursor"], "hasMore": False}, "meta": {}}


async def test_a_filter_needs_the_object_whose_fields_it_names(life: Client) -> None:
    told = is_problem(await life.get("/events", params={"filter": "isNew()"}), 400, "objectNeeded")
    assert told["errors"][0]["pointer"] == "object"


async def test_a_mistake_is_told_with_its_place(life: Client) -> None:
    for text, code in (
        ("amuont > 1", "unknownField"),
        ("account.name == 'x'", "notHere"),
        ("opportunities.exists(o, true)", "unknownField"),
        ("changed(nmae)", "unknownField"),
        ("isNew(", "syntax"),
    ):
        answer = await life.get("/events", params={"object": "opportunity", "filter": text})
        assert is_problem(answer, 400, code)["errors"][0]["pointer"] == "filter", text


async def test_events_of_contacts_are_filtered_by_their_own_fields(client: Client, settled: Settled) -> None:
    for email in ("ada@acme.com", "bob@bank.example"):
        await make_contact(client, email=email)
    await settled()
    found = await everything(client, object="contact", filter='email.endsWith("@acme.com")')
    assert [event["data"]["email"] for event in found] == ["ada@acme.com"]
