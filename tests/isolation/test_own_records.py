"""Who sees only the own records is told the same whatever others have: no record, no count, no sum gives them away."""

import re
from collections.abc import Iterator, Mapping
from typing import Any

from tests.factories.accounts import make_account, make_account_relation, make_contact
from tests.factories.assignment import make_assignment_rule
from tests.factories.forecasting import make_adjustment, make_quota
from tests.factories.leads import make_lead
from tests.factories.lines import make_line
from tests.factories.pipeline import make_opportunity
from tests.factories.quoting import make_quote
from tests.factories.scoring import make_scoring_model, scoring_rule
from tests.factories.team import make_opportunity_contact
from tests.forecasting.asking import eur
from tests.isolation.narrowing import seeing_less
from tests.world import Client, World

Json = dict[str, Any]
ONLY_OWN = (
    "account",
    "accountRelation",
    "contact",
    "forecastAdjustment",
    "lead",
    "opportunity",
    "opportunityContact",
    "quota",
    "quote",
)
PLURALS = {
    "accounts": "account",
    "contacts": "contact",
    "leads": "lead",
    "opportunities": "opportunity",
    "quotes": "quote",
}
OF_RECORD = {
    "accounts": ("overview", "rollup", "descendants", "ancestors", "duplicates", "history"),
    "contacts": ("overview", "duplicates", "history"),
    "leads": ("duplicates", "conversion", "scores", "behaviours", "history"),
    "opportunities": ("overview", "totals", "stage-history", "history"),
    "quotes": ("history",),
}
PERIOD = "2026-Q4"
DAY = "2026-11-10"
WIDE = re.compile(
    "count=exact|/query|/board|/sales-figures/|/forecasts|/search|/duplicates|accounts/.*/overview|/events"
)
"""Of more than one record."""
MOVING = re.compile(r'"(durationSeconds|nextCursor)" ?: ?("[^"]*"|[0-9.]+)')
"""Grows with time, and says where a page ended."""


async def one_of_each(admin: Client, owner: object, beside: Mapping[str, Json], *, amount: str) -> dict[str, Json]:
    """As like those `beside` them, and as close to them, as records of somebody else can be."""
    owned = {"ownerId": str(owner)}
    kin = {"parentId": beside["accounts"]["id"]} if beside else {}
    account = await make_account(admin, name="Zwicky Works", website="https://zwicky.example", **kin, **owned)
    home = beside.get("accounts", account)
    person = {"firstName": "Fritz", "lastName": "Zwicky", "email": "fritz@zwicky.example"}
    contact = await make_contact(admin, accountId=home["id"], **person, **owned)
    lead = await make_lead(admin, company="Zwicky Works", **person, **owned)
    money = {"amount": amount, "currency": "EUR"}
    given = {"accountId": home["id"], "primaryContactId": contact["id"], "closeDate": DAY, **owned}
    deal = await make_opportunity(admin, name="Zwicky deal", amount=money, **given)
    await make_opportunity(admin, name="Zwicky won", amount=money, stage="closedWon", **given)
    await make_line(admin, opportunityId=deal["id"], unitPrice=money)
    quote = await make_quote(admin, opportunityId=deal["id"], **owned)
    await make_opportunity_contact(admin, opportunityId=deal["id"], contactId=contact["id"], **owned)
    await make_account_relation(admin, accountId=home["id"], contactId=contact["id"], **owned)
    gone = await make_account(admin, name="Zwicky gone", **owned)
    assert (await admin.delete(f"/accounts/{gone['id']}")).status_code == 204
    return {"accounts": account, "contacts": contact, "leads": lead, "opportunities": deal, "quotes": quote}


def asked(mine: Mapping[str, Json], boss: str) -> Iterator[tuple[str, str, Any]]:
    for plural, record in mine.items():
        yield "GET", f"/{plural}?count=exact", None
        yield "GET", f"/{plural}?q=Zwicky", None
        yield "POST", f"/{plural}/query", {"filter": 'createdAt > timestamp("2020-01-01T00:00:00Z")', "count": "exact"}
        yield "GET", f"/{plural}/{record['id']}", None
        yield from (("GET", f"/{plural}/{record['id']}/{part}", None) for part in OF_RECORD[plural])
        yield "GET", f"/events?object={PLURALS[plural]}", None
        yield "GET", f"/bin?object={PLURALS[plural]}", None
    yield "GET", f"/pipelines/{mine['opportunities']['pipelineId']}/board", None
    for figure in ("win-rates", "won", "velocity"):
        yield from (("GET", f"/sales-figures/{figure}?by={by}", None) for by in ("total", "owner", "account"))
    yield from (("GET", f"/sales-figures/{figure}", None) for figure in ("ageing", "stage-conversion"))
    yield from (("GET", f"/forecasts?period={PERIOD}&userId={user}", None) for user in (mine["leads"]["ownerId"], boss))
    yield "GET", "/search?q=Zwicky", None
    yield "GET", "/search?q=fritz@zwicky.example", None
    for kind, like in (("account", {"name": "Zwicky Works"}), ("lead", {"email": "fritz@zwicky.example"})):
        yield "POST", f"/{kind}s/duplicates", like
    yield "GET", f"/explain/score?leadId={mine['leads']['id']}", None
    yield "GET", f"/explain/assignment?object=lead&id={mine['leads']['id']}", None
    yield "GET", f"/accounts/{mine['accounts']['id']}?expand=children,contacts,opportunities,contactRelations", None


async def told(viewer: Client, mine: Mapping[str, Json], boss: str) -> dict[str, str]:
    answers = {}
    for method, path, body in asked(mine, boss):
        answer = await viewer.request(method, path, json=body)
        assert answer.status_code == 200, (path, answer.text)
        answers[f"{method} {path} {body}"] = MOVING.sub("", answer.text)
    return answers


async def plan(client: Client, member: Client, boss: Client) -> None:
    """What others say of the forecast of the member, and what is asked of the boss."""
    await make_quota(client, boss.user_id, period=PERIOD, amount=eur("7310"))
    await make_quota(client, member.user_id, period=PERIOD, scope="team", amount=eur("73"))
    await make_adjustment(
        client, period=PERIOD, userId=str(member.user_id), category="bestCase", amount=eur("7310"), note="Zwicky"
    )


async def test_what_others_have_changes_no_answer(world: World, client: Client) -> None:
    member, boss = await world.member_of(client), await world.member_of(client)
    placed = await client.patch(f"/users/{member.user_id}", json={"managerId": str(boss.user_id)})
    assert placed.status_code == 200
    await make_scoring_model(client, rules=[scoring_rule("has(company)", 5)])
    await make_assignment_rule(client, userId=str(boss.user_id))
    mine = await one_of_each(client, member.user_id, {}, amount="100.00")
    await make_quota(client, member.user_id, period=PERIOD, amount=eur("500"), ownerId=str(member.user_id))
    await world.settled()

    everything = await told(member, mine, str(boss.user_id))
    async with seeing_less(world, member, only_own=ONLY_OWN) as viewer:
        before = await told(viewer, mine, str(boss.user_id))
        for owner in (boss.user_id, client.user_id):
            await one_of_each(client, owner, mine, amount="7310.50")
        await plan(client, member, boss)
        await world.settled()
        after = await told(viewer, mine, str(boss.user_id))
    assert {path: (before[path], after[path]) for path in before if before[path] != after[path]} == {}
    changed = await told(member, mine, str(boss.user_id))
    unmoved = [path for path in everything if everything[path] == changed[path]]
    assert [path for path in unmoved if WIDE.search(path)] == []


async def test_a_snapshot_shows_no_more_than_the_forecast_of_now(world: World, client: Client) -> None:
    member, boss = await world.member_of(client), await world.member_of(client)
    mine = await one_of_each(client, member.user_id, {}, amount="100.00")
    await one_of_each(client, boss.user_id, mine, amount="7310.50")
    await make_quota(client, member.user_id, period=PERIOD, amount=eur("500"), ownerId=str(member.user_id))
    await plan(client, member, boss)
    assert (await client.post("/forecasts/snapshots")).status_code == 200

    async with seeing_less(world, member, only_own=ONLY_OWN) as viewer:
        for user in (member, boss):
            asked_for = {"period": PERIOD, "userId": str(user.user_id)}
            (day,) = (await viewer.get("/forecasts/trend", params=asked_for)).json()["data"]
            now = (await viewer.get("/forecasts", params=asked_for)).json()
            then = (await viewer.get("/forecasts", params=asked_for | {"asOf": day["day"]})).json()
            assert (then["rows"], then["total"]) == (now["rows"], now["total"])
            best = now["total"]["categories"]["bestCase"]
            assert day["categories"]["bestCase"]["amount"] == best["amount"] == ("100.00" if user is member else "0.00")
            assert now["total"]["quota"] == ("500.00" if user is member else None)
        everything = (await client.get("/forecasts", params=asked_for | {"asOf": day["day"]})).json()
    assert everything["total"]["quota"] == "7310.00"
