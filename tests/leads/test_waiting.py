"""How long a lead may wait, who is told when it waits longer, and when it comes back."""

import asyncio
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any

import pytest

from app.domain.kernel.work import LeaseLost
from app.domain.leads.rules import RECYCLE, RESPONSE
from tests.factories.governance import make_user
from tests.factories.leads import make_lead
from tests.leads.waiting import Clock
from tests.world import Client, World

MINUTES = 45


@pytest.fixture
async def hour(client: Client) -> None:
    """The tenant wants a response within 45 minutes."""
    assert (await client.patch("/lead-settings", json={"firstResponseMinutes": MINUTES})).status_code == 200


async def chain(client: Client, people: int, **fields: Any) -> list[str]:
    """Users, each with the next one as manager."""
    above, found = None, []
    for place in range(people):
        user = await make_user(client, managerId=above, **(fields if place == 1 else {}))
        above = user["id"]
        found.append(above)
    return found[::-1]


async def read(client: Client, lead: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = (await client.get(f"/leads/{lead['id']}")).json()
    return found


def at(text: str) -> datetime:
    return datetime.fromisoformat(text)


async def test_without_a_time_for_it_nobody_waits(client: Client, clock: Clock) -> None:
    owned = await make_lead(client, ownerId=str(client.user_id))
    assert owned["assignedAt"] is not None
    assert owned["firstResponseDueAt"] is None
    assert await clock.planned(client, RESPONSE, owned) is None
    assert (await client.get("/lead-settings")).json() == {
        "firstResponseMinutes": None,
        "escalationLevels": 3,
        "escalationReassigns": False,
    }


@pytest.mark.usefixtures("hour")
async def test_who_gets_a_lead_has_that_long_to_respond(client: Client, clock: Clock) -> None:
    lead = await make_lead(client)
    assert (lead["assignedAt"], lead["firstResponseDueAt"]) == (None, None)
    given = (await client.patch(f"/leads/{lead['id']}", json={"ownerId": str(client.user_id)})).json()
    assert given["version"] == 2
    assert at(given["firstResponseDueAt"]) - at(given["assignedAt"]) == timedelta(minutes=MINUTES)
    assert await clock.planned(client, RESPONSE, lead) == at(given["firstResponseDueAt"])

    done = (await client.post(f"/leads/{lead['id']}/contact")).json()
    assert at(done["firstRespondedAt"]) >= at(done["assignedAt"])
    assert done["firstResponseDueAt"] == given["firstResponseDueAt"]
    assert await clock.planned(client, RESPONSE, lead) is None
    assert await clock.escalate(client) == 0


@pytest.mark.usefixtures("hour")
@pytest.mark.parametrize("reassigns", [False, True])
async def test_what_nobody_responds_to_goes_up_three_managers(client: Client, clock: Clock, *, reassigns: bool) -> None:
    await client.patch("/lead-settings", json={"escalationReassigns": reassigns})
    owner, *managers, top = await chain(client, 5)
    lead = await make_lead(client, ownerId=owner)
    for level, manager in enumerate(managers, 1):
        assert await clock.escalate(client) == 1
        now = await read(client, lead)
        assert (now["escalationLevel"], now["escalatedToId"]) == (level, manager)
        assert now["ownerId"] == (manager if reassigns else owner)
        assert now["firstResponseDueAt"] == lead["firstResponseDueAt"]
        planned = await clock.planned(client, RESPONSE, lead)
        assert (planned is None) == (level == 3)
        assert planned is None or abs(planned - at(now["escalatedAt"]) - timedelta(minutes=MINUTES)) < timedelta(
            seconds=1
        )
    assert await clock.escalate(client) == 0
    events = (await client.get(f"/leads/{lead['id']}/history")).json()["data"]
    assert [event["origin"] for event in events] == ["system"] * 3 + ["api"]
    assert top not in {event["data"]["ownerId"] for event in events}


@pytest.mark.usefixtures("hour")
async def test_it_ends_with_the_last_manager_and_passes_over_who_is_inactive(client: Client, clock: Clock) -> None:
    owner, _, top = await chain(client, 3, status="inactive")
    lead = await make_lead(client, ownerId=owner)
    assert [await clock.escalate(client) for _ in range(3)] == [1, 1, 0]
    now = await read(client, lead)
    assert (now["escalationLevel"], now["escalatedToId"]) == (2, None)
    history = (await client.get(f"/leads/{lead['id']}/history")).json()["data"]
    assert history[1]["data"]["escalatedToId"] == top


async def test_levels_may_be_fewer_or_none(client: Client, clock: Clock) -> None:
    await client.patch("/lead-settings", json={"firstResponseMinutes": 1, "escalationLevels": 0})
    lead = await make_lead(client, ownerId=(await chain(client, 2))[0])
    assert await clock.escalate(client) == 1
    assert await read(client, lead) == lead


@pytest.mark.usefixtures("hour")
async def test_a_lead_that_its_score_has_qualified_waits_as_well(client: Client, clock: Clock) -> None:
    lead = await make_lead(client)
    await client.post(f"/leads/{lead['id']}/qualify")
    given = (await client.patch(f"/leads/{lead['id']}", json={"ownerId": str(client.user_id)})).json()
    assert await clock.planned(client, RESPONSE, lead) == at(given["firstResponseDueAt"])
    done = (await client.post(f"/leads/{lead['id']}/contact")).json()
    assert (done["status"], done["version"]) == ("qualified", given["version"] + 1)
    assert done["firstRespondedAt"] is not None
    assert await clock.planned(client, RESPONSE, lead) is None
    again = (await client.post(f"/leads/{lead['id']}/contact")).json()
    other = (await client.patch(f"/leads/{lead['id']}", json={"ownerId": None})).json()
    assert (again, other["firstRespondedAt"]) == (done, done["firstRespondedAt"])


@pytest.mark.usefixtures("hour")
async def test_a_response_and_an_escalation_at_once_leave_nothing_behind(client: Client, clock: Clock) -> None:
    for _ in range(4):
        lead = await make_lead(client, ownerId=(await chain(client, 3))[0])
        (work,) = await clock.claim(client, RESPONSE)
        responded, escalated = await asyncio.gather(
            client.post(f"/leads/{lead['id']}/contact"), clock.act(work, RESPONSE), return_exceptions=True
        )
        assert not isinstance(responded, BaseException)
        assert responded.status_code == 200
        assert escalated is None or isinstance(escalated, LeaseLost)
        now = await read(client, lead)
        assert (now["status"], now["version"]) == ("contacted", 2 + now["escalationLevel"])
        assert await clock.planned(client, RESPONSE, lead) is None


@pytest.mark.usefixtures("hour")
async def test_a_lead_in_the_bin_waits_for_nobody_and_goes_on_waiting_when_it_is_back(
    client: Client, clock: Clock
) -> None:
    lead = await make_lead(client, ownerId=(await chain(client, 2))[0])
    await client.delete(f"/leads/{lead['id']}")
    assert await clock.escalate(client) == 1
    await client.post(f"/leads/{lead['id']}/restore")
    assert await clock.planned(client, RESPONSE, lead) == at(lead["firstResponseDueAt"])
    assert await clock.escalate(client) == 1
    assert (await read(client, lead))["escalationLevel"] == 1


@pytest.mark.usefixtures("hour")
async def test_a_disqualified_lead_is_new_again_on_its_day(client: Client, clock: Clock) -> None:
    lead = await make_lead(client, ownerId=str(client.user_id))
    gone = await client.post(f"/leads/{lead['id']}/disqualify", json={"reason": "badTiming", "recycleOn": "2199-03-01"})
    assert gone.json()["firstResponseDueAt"] is None
    assert await clock.planned(client, RESPONSE, lead) is None
    assert await clock.planned(client, RECYCLE, lead) == datetime(2199, 3, 1, tzinfo=UTC)
    await client.patch(f"/leads/{lead['id']}", json={"recycleOn": "2199-04-01"})
    assert await clock.planned(client, RECYCLE, lead) == datetime(2199, 4, 1, tzinfo=UTC)

    assert await clock.recycle(client) == 1
    back = await read(client, lead)
    assert (back["status"], back["recycleOn"], back["disqualifiedReason"]) == ("new", None, "badTiming")
    assert at(back["assignedAt"]) > at(lead["assignedAt"])
    assert await clock.planned(client, RESPONSE, lead) == at(back["firstResponseDueAt"])
    assert (await client.get(f"/leads/{lead['id']}/history")).json()["data"][0]["origin"] == "system"


async def test_who_is_qualified_by_then_does_not_come_back_and_no_day_means_never(client: Client, clock: Clock) -> None:
    lead = await make_lead(client, recycleOn="2199-03-01", status="qualified")
    assert await clock.recycle(client) == 1
    assert await read(client, lead) == lead
    for day in ("0001-01-01", "9999-12-31"):
        gone = await make_lead(client, status="disqualified", disqualifiedReason="spam", recycleOn=day)
        assert await clock.planned(client, RECYCLE, gone) is not None
        await client.patch(f"/leads/{gone['id']}", json={"recycleOn": None})
        assert await clock.planned(client, RECYCLE, gone) is None


async def test_administrators_say_how_long_leads_may_wait(world: World, client: Client) -> None:
    member = await world.member_of(client)
    refused = await member.patch("/lead-settings", json={"firstResponseMinutes": 5})
    assert (refused.status_code, refused.json()["code"]) == (403, "adminOnly")
    for body in ({"firstResponseMinutes": 0}, {"escalationLevels": 4}, {"escalationReassigns": 1}, {"nope": 1}):
        answer = await client.patch("/lead-settings", json=body)
        assert (answer.status_code, answer.json()["errors"][0]["pointer"]) == (422, f"/{next(iter(body))}")
    answers = await asyncio.gather(
        client.patch("/lead-settings", json={"firstResponseMinutes": 5}),
        client.patch("/lead-settings", json={"escalationLevels": 2}),
        client.patch("/lead-settings", json={"escalationReassigns": True}),
    )
    assert {answer.status_code for answer in answers} == {200}
    wanted = {"firstResponseMinutes": 5, "escalationLevels": 2, "escalationReassigns": True}
    assert (await member.get("/lead-settings")).json() == wanted
    key = {"Idempotency-Key": "k"}
    first = await client.patch("/lead-settings", json={"firstResponseMinutes": None}, headers=key)
    await client.patch("/lead-settings", json={"firstResponseMinutes": 9})
    again = await client.patch("/lead-settings", json={"firstResponseMinutes": None}, headers=key)
    assert (again.content, again.headers["idempotent-replayed"]) == (first.content, "true")


class Model:
    """Who waits, in plain words: no code is shared with the product."""

    def __init__(self) -> None:
        self.status, self.owner, self.level = "new", None, 0
        self.waits, self.responded = False, False

    def assign(self, owner: str | None) -> None:
        if self.status in ("new", "qualified") and not self.responded and owner != self.owner:
            self.waits, self.level = owner is not None, 0 if owner else self.level
        self.owner = owner

    def become(self, status: str) -> None:
        if status == "new" and self.status == "disqualified":
            self.waits, self.level = self.owner is not None, 0 if self.owner else self.level
            self.responded = False
        elif status in ("contacted", "disqualified"):
            self.waits, self.responded = False, self.responded or status == "contacted"
        self.status = status

    def escalate(self, managers: dict[str, int]) -> None:
        if self.waits:
            self.level += 1
            self.waits = self.level < min(3, managers[str(self.owner)] + 1)


@pytest.mark.usefixtures("hour")
async def test_random_lives_wait_as_the_plain_model_says(client: Client, clock: Clock, seed: int) -> None:
    random = Random(seed)
    staff, alone = await chain(client, 5), (await make_user(client))["id"]
    managers = {one: len(staff) - 1 - place for place, one in enumerate(staff)} | {alone: 0}
    moves = {"new": ("contact", "qualify", "disqualify"), "contacted": ("qualify", "disqualify")}
    moves |= {"qualified": ("disqualify",), "disqualified": ("recycle",)}
    becomes = {"contact": "contacted", "qualify": "qualified", "disqualify": "disqualified", "recycle": "new"}
    for _ in range(4):
        lead, model = await make_lead(client), Model()
        for _ in range(10):
            act = random.choice(("assign", "assign", "turn", "escalate"))
            if act == "assign":
                owner = random.choice((None, alone, *staff))
                assert (await client.patch(f"/leads/{lead['id']}", json={"ownerId": owner})).status_code == 200
                model.assign(owner)
            elif act == "turn":
                verb = random.choice(moves[model.status])
                body = {"json": {"reason": "spam"}} if verb == "disqualify" else {}
                assert (await client.post(f"/leads/{lead['id']}/{verb}", **body)).status_code == 200
                model.become(becomes[verb])
            else:
                await clock.escalate(client)
                model.escalate(managers)
            now = await read(client, lead)
            assert (now["status"], now["ownerId"], now["escalationLevel"]) == (model.status, model.owner, model.level)
            assert (await clock.planned(client, RESPONSE, lead) is not None) == model.waits
        await client.delete(f"/leads/{lead['id']}")
        await clock.escalate(client)
