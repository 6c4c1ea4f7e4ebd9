"""From a form on the web to a lead, whichever way it is sent."""

import pytest

from tests.capture.web import Page, Visitor, listed
from tests.factories.capture import AGREED, EMAIL, NAME, make_form
from tests.factories.leads import make_lead
from tests.world import Client, World


@pytest.mark.quick
async def test_what_is_sent_by_the_page_becomes_a_lead_with_its_consent(client: Client, world: World) -> None:
    form = await make_form(client, consentText=AGREED)
    visitor = Visitor(world)
    shown = Page((await visitor.http.get(f"/forms/{form['formKey']}?utm_source=news&utm_medium=mail")).text)
    typed = {"lastName": "Hopper", "email": "Grace@acme.example", "ticket": await visitor.ticket(form)}
    sent = await visitor.send(form, **shown.inputs | typed)
    assert (sent.status_code, sent.headers["location"]) == (303, f"{form['formKey']}/thanks")
    assert (await visitor.http.get(f"/forms/{form['formKey']}/thanks")).status_code == 200

    [lead] = await listed(client, "leads")
    [submission] = await listed(client, "lead-submissions")
    assert (lead["lastName"], lead["email"], lead["source"]) == ("Hopper", "Grace@acme.example", "website")
    assert lead["utm"] == {"source": "news", "medium": "mail"}
    assert (lead["consentText"], lead["createdBy"]) == (AGREED, form["id"])
    assert submission["leadId"] == lead["id"]
    assert (submission["formId"], submission["formVersion"], submission["state"]) == (form["id"], 1, "accepted")
    assert (submission["consentText"], submission["consentAt"]) == (AGREED, lead["consentAt"])


async def test_what_another_site_posts_becomes_the_same_lead(client: Client, world: World) -> None:
    form = await make_form(client, allowedOrigins=["https://shop.example"], proofOfWorkBits=8)
    visitor = Visitor(world, {"Origin": "https://shop.example"})
    described = await visitor.http.get(f"/api/v1/forms/{form['formKey']}")
    assert described.headers["access-control-allow-origin"] == "https://shop.example"
    assert described.json()["fields"] == form["fields"]

    sent = await visitor.post(form, referrer="https://search.example/", page="https://shop.example/")
    assert (sent.status_code, sent.json().get("state")) == (201, "accepted"), sent.text
    assert sent.headers["access-control-allow-origin"] == "https://shop.example"
    [submission] = await listed(client, "lead-submissions")
    assert (submission["referrer"], submission["page"]) == ("https://search.example/", "https://shop.example/")
    assert [lead["lastName"] for lead in await listed(client, "leads")] == ["Hopper"]


async def test_scripts_of_other_sites_get_neither_the_form_nor_a_lead(client: Client, world: World) -> None:
    form = await make_form(client, allowedOrigins=["https://shop.example"])
    thief = Visitor(world, {"Origin": "https://thief.example"})
    path = f"/api/v1/forms/{form['formKey']}"
    answers = [
        await thief.http.get(path),
        await thief.post(form),
        await thief.http.options(f"{path}/submissions", headers={"Access-Control-Request-Method": "POST"}),
    ]
    assert [(one.status_code, one.json()["code"]) for one in answers] == [(403, "originNotAllowed")] * 3
    assert not [one for one in answers if "access-control-allow-origin" in one.headers]
    asked = await Visitor(world, {"Origin": "https://shop.example"}).http.options(f"{path}/submissions")
    assert (asked.status_code, asked.headers["access-control-allow-methods"]) == (204, "GET, POST")
    assert await listed(client, "leads") == []


async def test_a_second_form_of_the_same_address_fills_only_what_is_blank(client: Client, world: World) -> None:
    lead = await make_lead(client, firstName="Grace", lastName="Murray", email="grace@acme.example", source=None)
    form = await make_form(client, consentText=AGREED)
    assert (await Visitor(world).send(form, email="GRACE@acme.example", description="A question")).status_code == 303
    [found] = await listed(client, "leads")
    assert found["id"] == lead["id"]
    assert (found["lastName"], found["email"]) == ("Murray", "grace@acme.example")
    assert (found["description"], found["source"], found["consentText"]) == ("A question", "website", AGREED)
    [submission] = await listed(client, "lead-submissions")
    assert (submission["leadId"], submission["answers"]["lastName"]) == (lead["id"], "Hopper")


async def test_an_address_whose_lead_is_disqualified_makes_a_new_one(client: Client, world: World) -> None:
    await make_lead(client, status="disqualified", disqualifiedReason="spam")
    assert (await Visitor(world).send(await make_form(client))).status_code == 303
    assert len(await listed(client, "leads")) == 2


async def test_without_the_agreement_nothing_is_taken(client: Client, world: World) -> None:
    form = await make_form(client, consentText=AGREED)
    visitor = Visitor(world)
    page = await visitor.send(form, consent="", lastName="Hopper")
    assert page.status_code == 422
    assert "#consent" in [one.get("href") for one in Page(page.text).of("a")]
    posted = await visitor.post(form, consent=False)
    assert (posted.status_code, posted.json()["code"]) == (422, "consentMissing")
    assert await listed(client, "leads") == await listed(client, "lead-submissions") == []


async def test_a_page_with_mistakes_comes_back_with_what_was_typed_and_says_what_to_do(
    client: Client, world: World
) -> None:
    form = await make_form(client, fields=[NAME, EMAIL, {"field": "phone", "label": "Phone", "kind": "phone"}])
    visitor = Visitor(world)
    ticket = await visitor.ticket(form)
    answer = await visitor.send(form, lastName=" ", email="nonsense", phone="12", ticket=ticket)
    page = Page(answer.text)
    assert answer.status_code == 422
    assert page.inputs["email"] == "nonsense"
    assert page.inputs["ticket"] == ticket
    assert [one["href"] for one in page.of("a")] == ["#lastName", "#email", "#phone"]
    again = Page((await visitor.send(form, email="nonsense", phone="12", ticket=ticket)).text)
    assert [one["href"] for one in again.of("a")] == ["#email", "#phone"]
    wrong = {one.get("id"): one for one in again.of("input")}
    assert (wrong["email"]["aria-invalid"], wrong["email"]["aria-describedby"]) == ("true", "email-error")
    mended = await visitor.send(form, phone="0044 (0)20 7946-0000", ticket=ticket)
    assert mended.status_code == 303
    assert [lead["phone"] for lead in await listed(client, "leads")] == ["+442079460000"]


async def test_a_script_in_every_field_is_stored_as_text_and_shown_escaped(client: Client, world: World) -> None:
    script = "</textarea><script>alert(1)</script>\"'><img src=x onerror=alert(1)>"
    fields = [NAME | {"label": script}, EMAIL, {"field": "description", "label": script, "kind": "longText"}]
    form = await make_form(client, title=script, introduction=script, fields=fields, consentText=script)
    visitor = Visitor(world)
    answer = await visitor.send(form, lastName=script, description=script, email=script, consent="yes")
    page = Page(answer.text)
    assert (answer.status_code, len(page.of("script")), page.of("img")) == (422, 1, [])
    assert (page.inputs["lastName"], page.inputs["description"], page.inputs["email"]) == (script, script, script)
    assert (await visitor.send(form, lastName=script[:90], description=script)).status_code == 303
    [lead] = await listed(client, "leads")
    assert (lead["lastName"], lead["description"], lead["consentText"]) == (script[:90], script, script)


async def test_the_policy_of_a_page_lets_nothing_in_but_its_own(client: Client, world: World) -> None:
    form = await make_form(client, allowedOrigins=["https://shop.example"], redirectUrl="https://shop.example:8443/x?y")
    visitor = Visitor(world)
    first, second = [await visitor.http.get(f"/forms/{form['formKey']}") for _ in range(2)]
    policy, nonce = first.headers["content-security-policy"], Page(first.text).of("style")[0]["nonce"]
    assert policy == (
        f"default-src 'none'; style-src 'nonce-{nonce}'; script-src 'nonce-{nonce}'; "
        "form-action 'self' https://shop.example:8443; frame-ancestors https://shop.example; base-uri 'none'"
    )
    assert second.headers["content-security-policy"] != policy
    assert first.headers["cache-control"] == "no-store"
    assert (await visitor.send(form)).headers["location"] == "https://shop.example:8443/x?y"


async def test_a_key_of_nobody_and_one_of_a_closed_form_answer_the_same(client: Client, world: World) -> None:
    form = await make_form(client)
    closed = await client.patch(f"/lead-forms/{form['id']}", json={"disabled": True})
    assert closed.status_code == 200
    visitor = Visitor(world)
    for key in (form["formKey"], "A" * 24, "%00", "x" * 300):
        page = await visitor.http.get(f"/forms/{key}")
        assert (page.status_code, Page(page.text).of("form")) == (404, [])
        assert (await visitor.http.post(f"/api/v1/forms/{key}/submissions", json={})).status_code == 404


async def test_a_form_makes_leads_in_its_own_tenant_only(client: Client, stranger: Client, world: World) -> None:
    ours, theirs = await make_form(client), await make_form(stranger)
    await make_lead(stranger, email="grace@acme.example")
    visitor = Visitor(world)
    foreign = await visitor.send(ours, ticket=await visitor.ticket(theirs))
    assert foreign.status_code == 422
    assert (await visitor.send(ours)).status_code == 303
    assert (len(await listed(client, "leads")), len(await listed(stranger, "leads"))) == (1, 1)
    assert await listed(stranger, "lead-submissions") == []


@pytest.mark.parametrize(
    ("fields", "more", "code"),
    [
        ([EMAIL | {"required": False}], {}, "nameless"),
        ([NAME, NAME], {}, "badQuestion"),
        ([NAME | {"kind": "email"}], {}, "badQuestion"),
        ([EMAIL | {"kind": "text"}], {}, "badQuestion"),
        ([NAME | {"kind": "choice"}], {}, "badQuestion"),
        ([NAME], {"doubleOptIn": True}, "noEmail"),
    ],
)
async def test_a_form_that_could_make_no_lead_is_refused(
    client: Client, fields: list[dict[str, object]], more: dict[str, object], code: str
) -> None:
    answer = await client.post("/lead-forms", json={"name": "Form", "fields": fields, **more})
    assert (answer.status_code, answer.json()["code"]) == (422, code)


async def test_what_was_sent_by_a_form_stays_as_it_was_sent(client: Client, world: World) -> None:
    await Visitor(world).send(await make_form(client))
    [submission] = await listed(client, "lead-submissions")
    path = f"/lead-submissions/{submission['id']}"
    refused = await client.patch(path, json={"consentText": "Anything"})
    assert (refused.status_code, refused.json()["code"]) == (422, "sentByForm")
    assert (await client.patch(path, json={"externalIds": {"erp": "1"}})).status_code == 200
