"""`crm demo tour`, from the form to the won deal."""

import asyncio
import re

import httpx
import pytest

from app.demo import LoadFailed, furnish, furnishing, load, tour
from app.demo.visitor import FormPage, proof_of
from app.domain.capture.tickets import proves
from tests.capture.web import some_address
from tests.demo.read_back import records
from tests.world import Client


async def taken_through(client: Client) -> list[str]:
    said: list[str] = []
    transport = httpx.ASGITransport(client.app, client=(some_address(), 1))
    await tour("http://test", client.key, "sample", said.append, transport)
    return said


async def test_each_tour_wins_a_deal_for_the_lead_of_a_form_and_says_every_step(client: Client, sample, monkeypatch):
    monkeypatch.setattr(furnishing, "LEADS", 1)
    transport = httpx.ASGITransport(client.app)
    await load("http://test", client.key, sample, progress=False, transport=transport)
    await furnish("http://test", client.key, "sample", transport)
    said, _ = await asyncio.gather(taken_through(client), taken_through(client))

    calls = [re.split(r"\s{2,}", line) for line in said[:-1]]
    assert {len(call) for call in calls} == {2}, said
    assert [calls[place][0] for place in (0, 1)] == [calls[place][0] for place in (-2, -1)]
    before, after = (int(re.findall(r"Won (\d+)", call[1])[0]) for call in (calls[0], calls[-2]))
    assert after in {before + 1, before + 2}
    told = dict(calls)
    assert told["GET /explain/assignment"].startswith("the rule 'From the web' gave the lead to ")
    assert told["POST /quotes/{id}/accept"] == "accepted"
    assert told["GET /quotes/{id}/pdf"].startswith("application/pdf, ")
    assert told["GET /explain/score"] == "Came by the website +10, Asked for a demo +40"
    assert "README" in said[-1]

    first, second = [one async for one in records(client, "/leads", status="converted")]
    assert first["email"] != second["email"]
    for lead in (first, second):
        deal = (await client.get(f"/opportunities/{lead['convertedOpportunityId']}")).json()
        assert (lead["source"], lead["utm"], lead["lastName"]) == ("Website", {"source": "tour"}, "Doe")
        assert (deal["stage"], deal["amount"]) == ("closedWon", deal["linesTotal"])
        assert f"for {deal['amount']['amount']} USD" in told["POST /opportunities/{id}/win"]


async def test_without_the_sample_the_tour_says_how_to_get_it(client: Client):
    with pytest.raises(LoadFailed, match="crm up --seed demo"):
        await taken_through(client)


async def test_where_nobody_answers_the_tour_says_so():
    with pytest.raises(LoadFailed, match=r"Nothing answers at http://127\.0\.0\.1:9: is `crm up` running"):
        await tour("http://127.0.0.1:9", "key", "sample", print)


def test_the_visitor_finds_a_proof_that_the_form_takes():
    ticket = "ticket"
    assert all(proves(ticket, proof_of(ticket, bits), bits) for bits in (0, 1, 7, 8, 9, 12))


def test_the_visitor_reads_of_a_page_what_is_to_be_sent_and_when():
    page = FormPage.read(
        "<form data-bits=12 data-wait=2500><input name=ticket value=t><input type=checkbox name=consent>"
        "<textarea name=description></textarea></form>"
    )
    assert (page.inputs, page.bits, page.wait_s) == ({"ticket": "t", "description": ""}, 12, 2.5)
