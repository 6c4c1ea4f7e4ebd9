"""What lies in a field that the viewer may not see is in no answer: not in a sum, a history, an explanation or a paper."""

from collections.abc import Iterator, Mapping
from typing import Any

import pytest

from tests.factories.accounts import make_account, make_contact
from tests.factories.assignment import make_assignment_rule
from tests.factories.leads import make_lead
from tests.factories.lines import make_line
from tests.factories.pipeline import make_opportunity
from tests.factories.quoting import make_quote
from tests.factories.scoring import make_scoring_model, scoring_rule
from tests.isolation.narrowing import seeing_less
from tests.world import Client, World

Json = dict[str, Any]
KINDS = ("account", "contact", "lead", "opportunity", "opportunityLine", "quote")
SECRETS = {kind: f"73148290{place}" for place, kind in enumerate(KINDS)}
"""So long that no id and no time has one by chance."""
HIDDEN = {
    "account": ("annual_revenue", "employees", "website"),
    "contact": ("phone", "email"),
    "lead": ("country", "employees", "phone", "website"),
    "opportunity": ("amount", "expected_amount", "lines_total"),
    "opportunityLine": ("unit_price", "list_price", "subtotal", "discount", "net", "tax", "total"),
    "quote": ("lines", "amounts", "taxes", "subtotal", "discount", "net", "tax", "total"),
}
"""Together, for what follows from a field tells of it."""


def eur(kind: str) -> dict[str, str]:
    return {"amount": f"{SECRETS[kind]}.00", "currency": "EUR"}


async def one_of_each(client: Client) -> dict[str, str]:
    """What is hidden of an object has its secret there, and nowhere else. A line at half its price tells nothing of it."""
    of = SECRETS
    account = await make_account(
        client,
        name="Acme",
        annualRevenue=eur("account"),
        employees=int(of["account"]),
        website=f"https://s{of['account']}.example",
    )
    person = {"email": f"s{of['contact']}@b.example", "phone": f"+4930{of['contact']}"}
    contact = await make_contact(client, accountId=account["id"], **person)
    company = {"country": of["lead"], "employees": int(of["lead"]), "website": f"https://s{of['lead']}.example"}
    lead = await make_lead(client, lastName="Lovelace", phone=f"+4930{of['lead']}", **company)
    deal = await make_opportunity(client, accountId=account["id"], amount=eur("opportunity"), probability=100)
    priced, sold = await make_opportunity(client, stage="prospecting"), await make_opportunity(client)
    line = await make_line(client, opportunityId=priced["id"], unitPrice=eur("opportunityLine"), discountPercent="50")
    offered = {"name": "Engine", "unitPrice": eur("quote")}
    quote = await make_quote(client, opportunityId=sold["id"], lines=[offered])
    found = {"account": account, "contact": contact, "lead": lead, "opportunity": deal}
    found |= {"opportunityLine": line, "priced": priced, "quote": quote}
    return {name: one["id"] for name, one in found.items()} | {"pipeline": deal["pipelineId"]}


def asked(ids: Mapping[str, str], secret: str) -> Iterator[str]:
    for plural in ("accounts", "contacts", "leads", "opportunities", "opportunity-lines", "quotes"):
        yield f"/{plural}"
    yield "/events?limit=200"
    yield f"/search?q={secret}"
    yield from (f"/accounts/{ids['account']}/{part}" for part in ("overview", "rollup", "history", "duplicates"))
    yield from (f"/contacts/{ids['contact']}/{part}" for part in ("overview", "duplicates"))
    yield from (f"/leads/{ids['lead']}/{part}" for part in ("conversion", "duplicates", "scores"))
    for deal in (ids["opportunity"], ids["priced"]):
        yield from (f"/opportunities/{deal}/{part}" for part in ("overview", "stage-history", "totals", "history"))
    yield f"/pipelines/{ids['pipeline']}/board"
    yield f"/explain/score?leadId={ids['lead']}"
    yield f"/explain/assignment?object=lead&id={ids['lead']}"
    yield "/accounts?expand=contacts,opportunities"
    yield "/opportunities?expand=lines,quotes,account"
    yield from (f"/sales-figures/{figure}" for figure in ("win-rates", "won", "velocity", "ageing"))


@pytest.mark.parametrize("kind", HIDDEN)
async def test_no_answer_has_what_is_hidden(world: World, client: Client, kind: str) -> None:
    secret = SECRETS[kind]
    await make_scoring_model(client, rules=[scoring_rule("has(country)", 5)])
    await make_assignment_rule(client, when="has(country)", userId=str(client.user_id))
    ids = await one_of_each(client)
    await world.settled()
    async with seeing_less(world, client, hidden={kind: frozenset(HIDDEN[kind])}) as viewer:
        told = {path: (await viewer.get(path)).text for path in asked(ids, secret)}
    assert [path for path, text in told.items() if secret in text] == []
    everything = {path: (await client.get(path)).text for path in told}
    assert len([path for path, text in everything.items() if secret in text]) >= 3


async def test_rules_give_a_lead_away_by_what_the_one_who_asks_does_not_see(world: World, client: Client) -> None:
    lead = await make_lead(client, country="DE")
    rule = await make_assignment_rule(client, when='country == "DE"', userId=str(client.user_id))
    member = await world.member_of(client)
    async with seeing_less(world, member, hidden={"lead": frozenset({"country"})}) as viewer:
        assert (await viewer.post(f"/leads/{lead['id']}/assign")).json()["ownerId"] == str(client.user_id)
        asked_why = {"object": "lead", "id": lead["id"]}
        (decision,) = (await viewer.get("/explain/assignment", params=asked_why)).json()["data"]
    assert decision["ruleId"] == rule["id"]
    assert [one["facts"] for one in decision["rules"]] == [{}]


@pytest.mark.parametrize(
    ("plural", "hidden", "left_out"),
    [
        ("accounts", {"opportunity": frozenset({"status"})}, "openOpportunities"),
        ("accounts", {"contact": frozenset({"account_id"})}, "contacts"),
        ("contacts", {"contact": frozenset({"reports_to_id"})}, "reports"),
        ("opportunities", {"opportunityContact": frozenset({"opportunity_id"})}, "contacts"),
    ],
)
async def test_a_screen_leaves_out_the_list_that_hangs_on_a_hidden_field(
    world: World, client: Client, plural: str, hidden: dict[str, frozenset[str]], left_out: str
) -> None:
    account = await make_account(client)
    contact = await make_contact(client, accountId=account["id"])
    deal = await make_opportunity(client, accountId=account["id"])
    ids = {"accounts": account["id"], "contacts": contact["id"], "opportunities": deal["id"]}
    path = f"/{plural}/{ids[plural]}/overview"
    everything = (await client.get(path)).json()
    async with seeing_less(world, client, hidden=hidden) as viewer:
        answer = await viewer.get(path)
    assert answer.status_code == 200, answer.text
    assert everything.keys() - answer.json().keys() == {left_out}
    assert left_out not in answer.json().get("figures", {})
