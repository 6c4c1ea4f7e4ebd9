"""A phone that somebody types into a form is read as everywhere."""

from tests.accounts.test_phones import BERLIN, PARIS, of_country
from tests.capture.web import Page, Visitor, listed
from tests.factories.capture import EMAIL, NAME, make_form
from tests.factories.leads import make_lead
from tests.world import Client, World

PHONE = {"field": "phone", "label": "Phone", "kind": "phone"}
COUNTRY = {"field": "country", "label": "Country", "kind": "text"}


async def test_without_a_country_the_page_asks_for_the_code(client: Client, world: World) -> None:
    form = await make_form(client, fields=[NAME, EMAIL, PHONE])
    page = Page((await Visitor(world).send(form, phone="030 123456")).text)
    assert [one["href"] for one in page.of("a")] == ["#phone"]
    posted = await client.post("/lead-submissions", json={"answers": {"lastName": "Hopper", "phone": "030 123456"}})
    assert (posted.status_code, posted.json()["errors"][0]["pointer"]) == (422, "/answers/phone")
    assert await listed(client, "leads") == []


async def test_a_number_is_one_of_the_answered_country_or_of_the_tenants(client: Client, world: World) -> None:
    form = await make_form(client, fields=[NAME, EMAIL, PHONE, COUNTRY])
    await of_country(world, client, "DE")
    assert (await Visitor(world).send(form, email="a@acme.example", phone="030 123456")).status_code == 303
    french = {"email": "b@acme.example", "phone": "01\u00a023 45 67 89", "country": "France"}
    assert (await Visitor(world).send(form, **french)).status_code == 303
    assert {one["email"]: one["phone"] for one in await listed(client, "leads")} == {
        "a@acme.example": BERLIN,
        "b@acme.example": PARIS,
    }


async def test_a_blank_phone_of_an_open_lead_is_filled_in_the_same_form(client: Client, world: World) -> None:
    await of_country(world, client, "DE")
    lead = await make_lead(client, email="grace@acme.example", phone=None)
    form = await make_form(client, fields=[NAME, EMAIL, PHONE])
    assert (await Visitor(world).send(form, email="grace@acme.example", phone="030 123456")).status_code == 303
    assert (await client.get(f"/leads/{lead['id']}")).json()["phone"] == BERLIN
