"""What no person sends: nothing of it is written, and nothing is half-written."""

import asyncio
from collections import Counter
from datetime import timedelta
from random import Random
from typing import Any

import pytest

from app.api.pages import forms
from app.domain.kernel.clock import utc_now
from tests.capture.web import YOUNG, Visitor, listed
from tests.factories.capture import AGREED, EMAIL, NAME, make_form
from tests.world import Client, World, running


async def nothing(client: Client) -> bool:
    return await listed(client, "leads") == await listed(client, "lead-submissions") == []


async def test_who_fills_in_what_no_person_sees_is_thanked_and_nothing_is_written(client: Client, world: World) -> None:
    form, robot = await make_form(client), Visitor(world)
    sent = await robot.send(form, subject="Cheap pills")
    assert (sent.status_code, sent.headers["location"]) == (303, f"{form['formKey']}/thanks")
    assert (await robot.post(form, subject="Cheap pills")).status_code == 201
    assert await nothing(client)


async def test_a_ticket_is_good_for_one_post_of_many_at_once(client: Client, world: World) -> None:
    form, visitor = await make_form(client), Visitor(world)
    ticket = await visitor.ticket(form)
    answers = await asyncio.gather(*(visitor.post(form, ticket=ticket) for _ in range(8)))
    assert Counter(one.status_code for one in answers) == {201: 1, 409: 7}
    again = await visitor.send(form, ticket=ticket)
    assert again.status_code == 409
    assert f'value="{ticket}"' not in again.text
    assert len(await listed(client, "lead-submissions")) == 1


async def test_of_one_address_at_once_there_is_one_lead(client: Client, world: World) -> None:
    form = await make_form(client)
    answers = await asyncio.gather(*(Visitor(world).post(form) for _ in range(8)))
    assert {one.status_code for one in answers} == {201}
    [lead] = await listed(client, "leads")
    assert {one["leadId"] for one in await listed(client, "lead-submissions")} == {lead["id"]}


async def test_tickets_that_are_forged_old_or_fresh_and_missing_proofs_are_refused(
    client: Client, world: World
) -> None:
    form, visitor = await make_form(client, proofOfWorkBits=12), Visitor(world)
    young, old = await visitor.ticket(form, YOUNG), await visitor.ticket(form, timedelta(hours=5))
    answers = [
        await visitor.post(form, ticket="forged"),
        await visitor.post(form, ticket=old),
        await visitor.post(form, ticket=young),
        await visitor.post(form, proof=""),
    ]
    assert [(one.status_code, one.json().get("code")) for one in answers] == [
        (422, "badTicket"),
        (410, "ticketExpired"),
        (409, "tooFast"),
        (422, "proofMissing"),
    ]
    without_script = await visitor.send(form, ticket=young)
    assert without_script.status_code == 409
    assert 60 + 5 < int(without_script.headers["retry-after"]) <= 60 + 15
    assert await nothing(client)
    assert (await visitor.send(form)).status_code == 303


async def test_a_flood_from_one_address_is_stopped_before_it_costs_anything(client: Client, world: World) -> None:
    form, flood, now = await make_form(client), Visitor(world), utc_now()
    seen: Counter[int] = Counter()
    with pytest.MonkeyPatch.context() as patched:  # at midnight an address gets another name, and begins anew
        patched.setattr(forms, "utc_now", lambda: now)
        for _ in range(4):
            answers = await asyncio.gather(*(flood.post(form, ticket="x") for _ in range(25)))
            seen.update(one.status_code for one in answers)
        refused = await flood.send(form, ticket="x")
    assert seen[429] == 100 - world.settings.form_posts_per_minute
    assert (refused.status_code, "Wait a minute" in refused.text) == (429, True)
    assert int(refused.headers["retry-after"]) >= 1
    assert (await Visitor(world).send(form)).status_code == 303


async def test_a_form_takes_no_more_in_a_minute_than_it_may(client: Client, world: World) -> None:
    async with running(world.place, form_posts_per_form_per_minute=5) as narrow:
        form = await make_form(client, proofOfWorkBits=1)
        answers = [await Visitor(narrow).post(form) for _ in range(7)]
        assert Counter(one.status_code for one in answers) == {201: 5, 429: 2}


@pytest.mark.parametrize("path", ["/forms/{}", "/api/v1/forms/{}/submissions"])
async def test_a_body_that_is_too_large_or_no_form_is_refused(client: Client, world: World, path: str) -> None:
    form, visitor = await make_form(client), Visitor(world)
    content = {"content-type": "application/json" if "api" in path else "application/x-www-form-urlencoded"}
    url = path.format(form["formKey"])
    large = await visitor.http.post(url, content=b"a" * 65_537, headers=content)
    other = await visitor.http.post(url, content=b"a=b", headers={"content-type": "text/plain"})
    assert (large.status_code, other.status_code) == (413, 415)


async def test_no_body_makes_the_server_fail_or_write_half(client: Client, world: World, seed: int) -> None:
    """Either a lead and a submission, or neither."""
    random, form = Random(seed), await make_form(client, consentText=AGREED, fields=[NAME, EMAIL])
    texts = ["", " ", "a@b.example", "x" * 5_000, "\0", "\ud7ff\U0001f600", "=1+1", "<b>", "%ff", "\r\n\u202e"]
    sure: dict[str, Any] = {"ticket": "t", "answers": {}, "consent": True}
    for _ in range(60):
        visitor = Visitor(world)
        ticket = await visitor.ticket(form)
        names = random.sample(["lastName", "email", "company", "nobody", "__proto__", ""], random.randrange(1, 5))
        answers = {name: random.choice(texts) for name in names} | random.choice(
            [{}, {"lastName": "A", "email": "a@b.example"}]
        )
        if random.random() < 0.5:
            answer = await visitor.http.post(
                f"/forms/{form['formKey']}", data={**answers, "ticket": ticket, "consent": random.choice(["yes", ""])}
            )
        else:
            members = sure | {"answers": answers, "ticket": ticket, "consent": random.random() < 0.7}
            members[random.choice(["utm", "page", "extra", "answers"])] = random.choice(
                [*texts, None, 1, [], {}, answers]
            )
            answer = await visitor.http.post(f"/api/v1/forms/{form['formKey']}/submissions", json=members)
        assert answer.status_code < 500, answer.text
    leads, sent = await listed(client, "leads"), await listed(client, "lead-submissions")
    assert {one["id"] for one in leads} == {one["leadId"] for one in sent}
