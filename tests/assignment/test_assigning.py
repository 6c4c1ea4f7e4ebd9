import asyncio
from collections import Counter
from typing import Any

from app.domain.kernel.ids import uuid7
from tests.factories.assignment import make_absence, make_assignment_rule, make_queue
from tests.factories.governance import make_user
from tests.factories.leads import make_lead
from tests.world import Client, World


async def explained(client: Client, lead_id: str) -> list[dict[str, Any]]:
    answer = await client.get("/explain/assignment", params={"object": "lead", "id": lead_id})
    assert answer.status_code == 200, answer.text
    found: list[dict[str, Any]] = answer.json()["data"]
    return found


async def test_the_first_rule_that_holds_decides(client: Client) -> None:
    ada, grace = await make_user(client), await make_user(client)
    await make_assignment_rule(client, name="Germany", position=1, when='country == "DE"', userId=ada["id"])
    await make_assignment_rule(client, name="Large", position=2, when="employees >= 100", userId=grace["id"])

    german = await make_lead(client, country="DE", employees=500)
    large = await make_lead(client, country="FR", employees=500)
    neither = await make_lead(client, country="FR")

    assert [one["ownerId"] for one in (german, large, neither)] == [ada["id"], grace["id"], None]
    assert german["version"] == 1


async def test_an_owner_who_is_named_stays(client: Client) -> None:
    ada, grace = await make_user(client), await make_user(client)
    await make_assignment_rule(client, userId=ada["id"])

    lead = await make_lead(client, ownerId=grace["id"])

    assert lead["ownerId"] == grace["id"]
    assert await explained(client, lead["id"]) == []


async def test_every_way_of_creating_a_lead_assigns_it(client: Client) -> None:
    ada = await make_user(client)
    await make_assignment_rule(client, userId=ada["id"])

    upserted = await client.put("/leads/by/web/7", json={"lastName": "Hopper"})
    chosen = await client.post("/leads", json={"lastName": "Hopper", "id": str(uuid7())})

    assert (upserted.json()["ownerId"], chosen.json()["ownerId"]) == (ada["id"], ada["id"])
    again = await client.put("/leads/by/web/7", json={"lastName": "Hopper", "title": "Admiral"})
    assert again.json()["ownerId"] == ada["id"]
    assert len(await explained(client, again.json()["id"])) == 1


async def test_who_is_away_or_inactive_or_unknown_is_passed_over_and_the_queue_comes_last(client: Client) -> None:
    away, left, busy = [await make_user(client) for _ in range(3)]
    queue = await make_queue(client)
    shares = [
        {"userId": away["id"], "weight": 9},
        {"userId": left["id"], "weight": 9},
        {"userId": busy["id"], "weight": 1, "capacity": 1},
    ]
    await make_assignment_rule(client, roundRobin=shares, queueId=queue["id"])
    await make_absence(client, userId=away["id"])
    assert (await client.patch(f"/users/{left['id']}", json={"status": "inactive"})).status_code == 200

    first, second = await make_lead(client), await make_lead(client)

    assert (first["ownerId"], first["queueId"]) == (busy["id"], None)
    assert (second["ownerId"], second["queueId"]) == (None, queue["id"])
    (decision,) = await explained(client, second["id"])
    assert decision["queueId"] == queue["id"]
    assert decision["rules"][0]["skipped"] == [
        {"userId": away["id"], "reason": "absent", "openRecords": None},
        {"userId": left["id"], "reason": "inactive", "openRecords": None},
        {"userId": busy["id"], "reason": "atCapacity", "openRecords": 1},
    ]


async def test_a_closed_lead_makes_room(client: Client) -> None:
    ada = await make_user(client)
    await make_assignment_rule(client, roundRobin=[{"userId": ada["id"], "weight": 1, "capacity": 1}])
    first, second = await make_lead(client), await make_lead(client)
    closed = await client.patch(
        f"/leads/{first['id']}", json={"status": "disqualified", "disqualifiedReason": "noBudget"}
    )
    assert closed.status_code == 200, closed.text

    assigned = await client.post(f"/leads/{second['id']}/assign")

    assert (second["ownerId"], assigned.json()["ownerId"]) == (None, ada["id"])
    assert (assigned.json()["version"], assigned.headers["etag"][:3]) == (2, '"2-')


async def test_a_holiday_is_for_everybody_and_over_when_it_ends(client: Client) -> None:
    ada = await make_user(client)
    await make_assignment_rule(client, userId=ada["id"])
    holiday = await make_absence(client)
    during = await make_lead(client)
    ended = await client.patch(f"/absences/{holiday['id']}", json={"endsAt": "2026-01-02T00:00:00Z"})
    assert ended.status_code == 200

    after = await make_lead(client)

    assert (during["ownerId"], after["ownerId"]) == (None, ada["id"])


async def test_the_explanation_shows_what_was_so_when_it_was_decided(client: Client) -> None:
    ada = await make_user(client)
    german = await make_assignment_rule(client, name="Germany", position=1, when='country == "DE"', userId=ada["id"])
    rest = await make_assignment_rule(client, name="Rest", position=2, userId=ada["id"])
    last = await make_assignment_rule(client, name="Never asked", position=3)
    lead = await make_lead(client, country="FR")
    await client.patch(f"/leads/{lead['id']}", json={"country": "DE"})
    await client.patch(f"/assignment-rules/{german['id']}", json={"name": "Other", "when": "employees > 5"})

    (decision,) = await explained(client, lead["id"])

    assert decision["ruleId"] == rest["id"]
    assert [(one["ruleId"], one["name"], one["matched"], one["facts"]) for one in decision["rules"]] == [
        (german["id"], "Germany", False, {"country": "FR"}),
        (rest["id"], "Rest", True, {}),
        (last["id"], "Never asked", None, {}),
    ]


async def test_assigning_anew_keeps_the_lead_where_it_is_when_nobody_is_there(client: Client) -> None:
    ada, grace = await make_user(client), await make_user(client)
    await make_assignment_rule(client, userId=ada["id"])
    await make_absence(client, userId=ada["id"])
    lead = await make_lead(client, ownerId=grace["id"])

    assigned = await client.post(f"/leads/{lead['id']}/assign")

    assert assigned.status_code == 200
    assert (assigned.json()["ownerId"], assigned.json()["version"]) == (grace["id"], 1)
    (decision,) = await explained(client, lead["id"])
    assert decision["rules"][0]["skipped"] == [{"userId": ada["id"], "reason": "absent", "openRecords": None}]


async def test_a_repeated_request_takes_no_second_turn(client: Client) -> None:
    ada, grace = await make_user(client), await make_user(client)
    shares = [{"userId": ada["id"], "weight": 1}, {"userId": grace["id"], "weight": 1}]
    await make_assignment_rule(client, roundRobin=shares)
    lead, keyed = await make_lead(client, ownerId=ada["id"]), {"Idempotency-Key": "one"}

    answers = [await client.post(f"/leads/{lead['id']}/assign", headers=keyed) for _ in range(3)]

    assert [one.json()["ownerId"] for one in answers] == [ada["id"]] * 3
    assert answers[2].headers["idempotent-replayed"] == "true"
    assert len(await explained(client, lead["id"])) == 1
    assert (await make_lead(client))["ownerId"] == grace["id"]


async def test_a_lead_that_is_refused_takes_no_turn(client: Client) -> None:
    ada, grace = await make_user(client), await make_user(client)
    shares = [{"userId": ada["id"], "weight": 1}, {"userId": grace["id"], "weight": 1}]
    await make_assignment_rule(client, roundRobin=shares)
    taken = {"lastName": "Hopper", "externalIds": {"web": "7"}}
    assert (await client.post("/leads", json=taken)).json()["ownerId"] == ada["id"]

    refused = await client.post("/leads", json=taken)

    assert (refused.status_code, refused.json()["code"]) == (409, "externalIdTaken")
    assert (await make_lead(client))["ownerId"] == grace["id"]


async def test_another_list_begins_a_new_round(client: Client) -> None:
    ada, grace = await make_user(client), await make_user(client)
    shares = [{"userId": ada["id"], "weight": 1}, {"userId": grace["id"], "weight": 1}]
    rule = await make_assignment_rule(client, roundRobin=shares)
    assert (await make_lead(client))["ownerId"] == ada["id"]
    heavier = [{"userId": ada["id"], "weight": 2}, {"userId": grace["id"], "weight": 1}]
    assert (await client.patch(f"/assignment-rules/{rule['id']}", json={"roundRobin": heavier})).status_code == 200

    got = [(await make_lead(client))["ownerId"] for _ in range(3)]

    assert got == [ada["id"], grace["id"], ada["id"]]


async def test_a_rule_that_could_mean_nothing_is_refused(client: Client, stranger: Client) -> None:
    theirs, ours = await make_user(stranger), await make_user(client)
    for body, pointer, code in (
        ({"when": "contry == 'DE'"}, "/when", "unknownField"),
        ({"when": "owner.region == 'North'"}, "/when", "notHere"),
        ({"when": "employees + 1"}, "/when", "wrongType"),
        ({"roundRobin": [{"userId": theirs["id"], "weight": 1}]}, "/roundRobin/0/userId", "unknownReference"),
        ({"roundRobin": [{"userId": ours["id"], "weight": 1}] * 2}, "/roundRobin/1/userId", "repeated"),
        ({"userId": theirs["id"]}, "/userId", "unknownReference"),
        ({"roundRobin": [{"userId": ours["id"], "weight": 0}]}, "/roundRobin/0/weight", "greater_than_equal"),
    ):
        answer = await client.post("/assignment-rules", json={"name": "x", **body})
        assert answer.status_code == 422, body
        (fault,) = answer.json()["errors"]
        assert fault["pointer"] == pointer, fault
        assert code in (fault["code"], answer.json()["code"], "greater_than_equal"), fault
    assert (await client.post("/queues", json={"name": "x", "members": [theirs["id"]]})).status_code == 422
    backwards = {"startsAt": "2026-01-02T00:00:00Z", "endsAt": "2026-01-01T00:00:00Z"}
    assert (await client.post("/absences", json=backwards)).json()["code"] == "endsBeforeStart"


async def test_a_rule_whose_field_is_gone_matches_nothing_and_says_so(client: Client, world: World) -> None:
    rule = await make_assignment_rule(client, when='country == "DE"', userId=(await make_user(client))["id"])
    async with world.place.connect() as administrator:
        gone = """update assignment_rule set "when" = 'nowhere == 1' where id = $1"""
        await administrator.execute(gone, rule["id"])

    lead = await make_lead(client, country="DE")

    assert lead["ownerId"] is None
    (decision,) = await explained(client, lead["id"])
    assert (decision["ruleId"], decision["rules"][0]["matched"]) == (None, False)
    assert "nowhere" in decision["rules"][0]["problem"]


async def test_of_fifty_members_who_take_a_lead_one_gets_it(client: Client, world: World) -> None:
    members = [await world.member_of(client) for _ in range(5)]
    queue = await make_queue(client, members=[str(one.user_id) for one in members])
    await make_assignment_rule(client, queueId=queue["id"])
    lead = await make_lead(client)

    answers = await asyncio.gather(*(one.post(f"/leads/{lead['id']}/take") for one in members * 10))

    assert Counter(one.status_code for one in answers) == {200: 1, 409: 49}
    assert {one.json()["code"] for one in answers if one.status_code == 409} == {"notWaiting"}
    (winner,) = (one.json() for one in answers if one.status_code == 200)
    assert (winner["version"], winner["queueId"]) == (2, None)
    assert (await client.get(f"/leads/{lead['id']}")).json() == winner


async def test_only_members_take_from_a_queue(client: Client, world: World) -> None:
    queue = await make_queue(client)
    await make_assignment_rule(client, queueId=queue["id"])
    lead, member = await make_lead(client), await world.member_of(client)

    refused = await member.post(f"/leads/{lead['id']}/take")

    assert (refused.status_code, refused.json()["code"]) == (403, "notMember")
    assert (await client.patch(f"/queues/{queue['id']}", json={"members": [str(member.user_id)]})).status_code == 200
    for verb in ("assign", "take"):
        stale = await member.post(f"/leads/{lead['id']}/{verb}", headers={"If-Match": '"7"'})
        assert (verb, stale.status_code) == (verb, 412)
    taken = await member.post(f"/leads/{lead['id']}/take", headers={"Idempotency-Key": "mine"})
    again = await member.post(f"/leads/{lead['id']}/take", headers={"Idempotency-Key": "mine"})
    assert (taken.json()["ownerId"], again.json()) == (str(member.user_id), taken.json())


async def test_a_queue_in_which_leads_wait_stays(client: Client) -> None:
    queue = await make_queue(client)
    rule = await make_assignment_rule(client, queueId=queue["id"])
    lead = await make_lead(client)
    assert (await client.delete(f"/assignment-rules/{rule['id']}")).status_code == 204

    refused = await client.delete(f"/queues/{queue['id']}")

    assert (refused.status_code, refused.json()["errors"][0]["params"]["object"]) == (409, "lead")
    owned = await client.patch(f"/leads/{lead['id']}", json={"ownerId": str(client.user_id)})
    assert owned.json()["queueId"] is None
    assert (await client.delete(f"/queues/{queue['id']}")).status_code == 204


async def test_leads_that_come_at_once_are_shared_by_weight(client: Client) -> None:
    users = [(await make_user(client))["id"] for _ in range(3)]
    shares = [{"userId": user, "weight": weight} for user, weight in zip(users, (3, 2, 1), strict=True)]
    await make_assignment_rule(client, roundRobin=shares)

    leads = await asyncio.gather(*(make_lead(client) for _ in range(60)))

    assert Counter(one["ownerId"] for one in leads) == dict(zip(users, (30, 20, 10), strict=True))


async def test_capacity_holds_when_leads_come_at_once(client: Client) -> None:
    ada = (await make_user(client))["id"]
    await make_assignment_rule(client, roundRobin=[{"userId": ada, "weight": 1, "capacity": 7}])

    leads = await asyncio.gather(*(make_lead(client) for _ in range(30)))

    assert Counter(one["ownerId"] for one in leads) == {ada: 7, None: 23}


async def test_leads_of_a_batch_are_assigned_and_a_preview_takes_no_turn(client: Client) -> None:
    ada, grace = await make_user(client), await make_user(client)
    await make_assignment_rule(client, roundRobin=[{"userId": one["id"], "weight": 1} for one in (ada, grace)])
    lead = {"method": "POST", "path": "/leads", "body": {"lastName": "Hopper"}}

    previewed = await client.post("/leads?dryRun=true", json=lead["body"])
    batch = await client.post("/batch", json={"operations": [lead, lead, lead]})

    assert previewed.status_code == 200, previewed.text
    owners = [one["body"]["ownerId"] for one in batch.json()["results"]]
    assert owners == [ada["id"], grace["id"], ada["id"]]


async def test_a_batch_that_fails_as_a_whole_takes_no_turn(client: Client) -> None:
    ada, grace = await make_user(client), await make_user(client)
    await make_assignment_rule(client, roundRobin=[{"userId": one["id"], "weight": 1} for one in (ada, grace)])
    lead = {"method": "POST", "path": "/leads", "body": {"lastName": "Hopper"}}
    nameless = {"method": "POST", "path": "/leads", "body": {"firstName": "Nobody"}}

    refused = await client.post("/batch", json={"operations": [lead, nameless]})

    assert refused.status_code == 422, refused.text
    assert (await make_lead(client))["ownerId"] == ada["id"]


async def test_a_converted_lead_is_assigned_to_nobody_and_takes_no_turn(client: Client) -> None:
    users = [(await make_user(client))["id"] for _ in range(2)]
    await make_assignment_rule(client, roundRobin=[{"userId": one, "weight": 1} for one in users])
    lead = await make_lead(client)
    assert (await client.post(f"/leads/{lead['id']}/convert", json={})).status_code == 200
    for _ in range(3):
        refused = await client.post(f"/leads/{lead['id']}/assign")
        assert (refused.status_code, refused.json()["code"]) == (409, "leadConverted")
    asked = {"object": "lead", "id": lead["id"]}
    assert len((await client.get("/explain/assignment", params=asked)).json()["data"]) == 1
    assert [(await make_lead(client))["ownerId"] for _ in range(2)] == [users[1], users[0]]
