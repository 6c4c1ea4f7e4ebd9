"""Who is involved in a deal, and how it is shared out, over HTTP."""

import asyncio
from decimal import Decimal
from random import Random
from uuid import UUID

import pytest

from app.domain.team import service
from app.repositories.team import Splits
from tests.factories.accounts import make_contact
from tests.factories.governance import make_user
from tests.factories.lines import make_line
from tests.factories.pipeline import make_opportunity
from tests.factories.team import make_member, make_opportunity_contact
from tests.world import Client, World

MEMBERS = "/opportunity-members"
SHARES = ("0", "12.5", "25", "33.33", "50", "75.01", "100", None)


async def test_a_contact_has_one_role_in_a_deal_and_a_role_may_wait_for_its_contact(client: Client) -> None:
    deal, contact = await make_opportunity(client), await make_contact(client)
    sent = {"opportunityId": deal["id"], "contactId": contact["id"]}
    await make_opportunity_contact(client, role="champion", **sent)
    open_ones = [await make_opportunity_contact(client, opportunityId=deal["id"], role="legal") for _ in range(2)]

    again = await client.post("/opportunity-contacts", json={"role": "user", **sent})
    filled = await client.patch(
        f"/opportunity-contacts/{open_ones[0]['id']}", json={"contactId": (await make_contact(client))["id"]}
    )
    unknown = await client.post("/opportunity-contacts", json={"role": "king", "opportunityId": deal["id"]})
    assert (again.status_code, again.json()["code"]) == (409, "taken")
    assert filled.status_code == 200
    assert (unknown.status_code, unknown.json()["errors"][0]["pointer"]) == (422, "/role")
    for path in (f"/opportunities/{deal['id']}", f"/contacts/{contact['id']}"):
        kept = await client.delete(path)
        assert (kept.status_code, kept.json()["code"]) == (409, "referenced")


async def test_what_is_left_is_said_to_who_takes_more(client: Client) -> None:
    deal = (await make_opportunity(client))["id"]
    one = await make_member(client, opportunityId=deal, splitPercent="66.67")
    two = await make_member(client, opportunityId=deal)
    await make_member(client, splitPercent="100")

    for refused in (
        await client.post(MEMBERS, json={"opportunityId": deal, "role": "other", "splitPercent": "33.34"}),
        await client.patch(f"{MEMBERS}/{two['id']}", json={"splitPercent": "50"}),
        await client.post(
            f"{MEMBERS}?dryRun=true", json={"opportunityId": deal, "role": "other", "splitPercent": "99"}
        ),
    ):
        (fault,) = refused.json()["errors"]
        assert (refused.status_code, fault["pointer"], fault["code"]) == (409, "/splitPercent", "splitsOver100")
        assert fault["params"] == {"left": "33.33"}
        assert "33.33 is left" in fault["message"]
    assert (await client.patch(f"{MEMBERS}/{one['id']}", json={"splitPercent": "100"})).status_code == 200
    assert (await client.patch(f"{MEMBERS}/{one['id']}", json={"splitPercent": "0"})).status_code == 200
    assert (await client.patch(f"{MEMBERS}/{two['id']}", json={"splitPercent": "100.00"})).status_code == 200


@pytest.mark.parametrize("split", ["100.01", "-1", "33.333", "1e1", 50])
async def test_a_split_is_a_decimal_string_up_to_100_with_two_decimals(client: Client, split: object) -> None:
    member = await make_member(client)
    answer = await client.patch(f"{MEMBERS}/{member['id']}", json={"splitPercent": split})
    assert (answer.status_code, answer.json()["errors"][0]["pointer"]) == (422, "/splitPercent")


async def race(client: Client) -> tuple[int, Decimal]:
    """How many of twenty writers of 10 % get in at once where 50 is taken, and what all come to then."""
    deal = (await make_opportunity(client))["id"]
    await make_member(client, opportunityId=deal, splitPercent="50")
    sent = {"opportunityId": deal, "role": "salesEngineer", "splitPercent": "10"}
    answers = await asyncio.gather(*(client.post(MEMBERS, json=sent) for _ in range(20)))
    assert {answer.status_code for answer in answers} <= {201, 409}
    listed = (await client.get(f"{MEMBERS}?opportunityId={deal}")).json()["data"]
    return sum(answer.status_code == 201 for answer in answers), sum(Decimal(one["splitPercent"]) for one in listed)


async def test_of_twenty_who_take_10_percent_of_the_last_50_at_once_five_get_it(client: Client) -> None:
    assert await race(client) == (5, Decimal(100))


async def test_without_the_lock_two_would_take_the_same_half(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    both, adds_up = asyncio.Barrier(2), Splits.of_others

    async def unlocked(*_: object) -> None:
        pass

    async def together(self: Splits, opportunity_id: UUID, member_id: UUID) -> Decimal:
        """Both have added up before either commits."""
        taken = await adds_up(self, opportunity_id, member_id)
        await both.wait()
        return taken

    monkeypatch.setattr(Splits, "lock", unlocked)
    monkeypatch.setattr(Splits, "of_others", together)
    deal = (await make_opportunity(client))["id"]
    sent = {"opportunityId": deal, "role": "salesEngineer", "splitPercent": "100"}
    async with asyncio.timeout(30):
        answers = await asyncio.gather(*(client.post(MEMBERS, json=sent) for _ in range(2)))
    assert [answer.status_code for answer in answers] == [201, 201]


async def test_at_once_back_from_the_bin_and_in_from_another_deal_one_is_too_much(client: Client) -> None:
    deal = (await make_opportunity(client))["id"]
    gone = await make_member(client, opportunityId=deal, splitPercent="60")
    await client.delete(f"{MEMBERS}/{gone['id']}")
    moved = await make_member(client, splitPercent="60")

    answers = await asyncio.gather(
        client.post(f"{MEMBERS}/{gone['id']}/restore"),
        client.patch(f"{MEMBERS}/{moved['id']}", json={"opportunityId": deal}),
    )
    assert sorted(answer.status_code for answer in answers) == [200, 409]


class Model:
    """What a plain reader expects of the same writes."""

    def __init__(self) -> None:
        self.there: dict[str, tuple[str, Decimal]] = {}
        self.binned: dict[str, tuple[str, Decimal]] = {}

    def fits(self, deal: str, split: Decimal, but: str | None = None) -> bool:
        others = sum((share for one, (of, share) in self.there.items() if of == deal and one != but), Decimal(0))
        return split == 0 or split + others <= 100


async def steps(client: Client, random: Random, number: int) -> list[tuple[bool, bool]]:
    """What the model expects of each write and what came of it."""
    deals, model, seen = [(await make_opportunity(client))["id"] for _ in range(2)], Model(), []
    for _ in range(number):
        verb = random.choice(("create", "create", "edit", "move", "delete", "restore"))
        deal, split = random.choice(deals), random.choice(SHARES)
        share = Decimal(split or 0)
        known = random.choice([*(model.binned if verb == "restore" else model.there)] or [""])
        if verb == "create":
            sent = {"opportunityId": deal, "role": "other", "splitPercent": split}
            answer, fits = await client.post(MEMBERS, json=sent), model.fits(deal, share)
            if answer.status_code == 201:
                model.there[answer.json()["id"]] = (deal, share)
        elif not known:
            continue
        elif verb == "delete":
            answer, fits = await client.delete(f"{MEMBERS}/{known}"), True
            model.binned[known] = model.there.pop(known)
        elif verb == "restore":
            answer, fits = await client.post(f"{MEMBERS}/{known}/restore"), model.fits(*model.binned[known])
            if fits:
                model.there[known] = model.binned.pop(known)
        else:
            of, had = model.there[known]
            new = (of, share) if verb == "edit" else (deal, had)
            sent = {"splitPercent": split} if verb == "edit" else {"opportunityId": deal}
            answer, fits = (
                await client.patch(f"{MEMBERS}/{known}", json=sent),
                new == (of, had) or model.fits(*new, known),
            )
            model.there[known] = new if fits else (of, had)
        seen.append((fits, answer.is_success))
    return seen


async def test_writes_moves_deletes_and_restores_keep_the_splits_as_a_model_says(client: Client, seed: int) -> None:
    seen = await steps(client, Random(seed), 120)
    assert [expected for expected, _ in seen] == [found for _, found in seen]
    assert {expected for expected, _ in seen} == {True, False}


async def test_a_rule_that_forgets_the_others_is_noticed(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(service, "refuse_over", lambda *_: None)
    seen = await steps(client, Random(1), 60)
    assert any(expected != found for expected, found in seen)


async def test_the_overview_of_an_opportunity_has_roles_team_totals_and_stages(
    client: Client, statements: list[str]
) -> None:
    contact, user, deal = await make_contact(client), await make_user(client), await make_opportunity(client)
    role = await make_opportunity_contact(client, opportunityId=deal["id"], contactId=contact["id"])
    waiting = await make_opportunity_contact(client, opportunityId=deal["id"], role="legal")
    member = await make_member(client, opportunityId=deal["id"], userId=user["id"], splitPercent="40")
    await make_line(client, opportunityId=deal["id"])

    statements.clear()
    shown = (await client.get(f"/opportunities/{deal['id']}/overview")).json()

    assert len(statements) == 6
    assert shown["record"] == (await client.get(f"/opportunities/{deal['id']}")).json()
    assert shown["contacts"] == {"data": [waiting | {"contact": None}, role | {"contact": contact}], "hasMore": False}
    assert shown["team"] == {"data": [member | {"user": user}], "hasMore": False}
    assert shown["totals"] == (await client.get(f"/opportunities/{deal['id']}/totals")).json()
    stays = (await client.get(f"/opportunities/{deal['id']}/stage-history")).json()["data"]
    assert [one["stage"] for one in shown["stages"]["data"]] == [one["stage"] for one in stays] == ["engaging"]


async def test_the_overview_leaves_out_what_the_key_may_not_read(client: Client, world: World) -> None:
    role = await make_opportunity_contact(client, contactId=(await make_contact(client))["id"])
    path = f"/opportunities/{role['opportunityId']}/overview"
    reader = await world.key_of(client, scopes=["opportunities:read", "opportunity-contacts:read"])
    blind = await world.key_of(client, scopes=["contacts:read"])

    shown = (await reader.get(path)).json()

    assert shown.keys() == {"record", "contacts", "stages"}
    assert shown["contacts"] == {"data": [role], "hasMore": False}
    assert (await blind.get(path)).status_code == 403
