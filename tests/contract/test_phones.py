"""Every object that has phones keeps them in one form, whichever country they are dialled in."""

from typing import Any

from tests.contract.sample import Target, body, of_each
from tests.world import Client, World


def holding(target: Target, text: str) -> dict[str, Any]:
    """As the field holds it: a text, or a list of objects."""
    member = target.kind.listed.get(target.name)
    return {target.api_name: [{member: text}] if member else text}


async def of_country(world: World, client: Client, country: str | None) -> Client:
    """With a key of its own: those that are known already are so for up to a second."""
    changed = await client.patch("/tenant-settings", json={"country": country})
    assert (changed.status_code, changed.json()) == (200, {"country": country}), changed.text
    return await world.key_of(client)


@of_each(lambda kind: kind.phones)
async def test_a_national_number_is_one_of_the_tenants_country(client: Client, world: World, target: Target) -> None:
    plain = {name: value for name, value in body(target.kind).items() if name not in ("country", "addresses", "sites")}
    dialled, kept = holding(target, "(0)30 123-456"), holding(target, "+4930123456")

    refused = await client.post(f"/{target.kind.plural}", json=plain | dialled)
    german = await of_country(world, client, "DE")
    created = await german.post(f"/{target.kind.plural}", json=plain | dialled)
    changed = await german.patch(f"/{target.kind.plural}/{created.json()['id']}", json=dialled)

    assert (refused.status_code, refused.json()["code"]) == (422, "unknownCountry")
    assert refused.json()["errors"][0]["pointer"].startswith(f"/{target.api_name}")
    assert created.status_code == 201, created.text
    assert created.json().items() >= kept.items()
    assert changed.json()["version"] == 1


@of_each(lambda kind: kind.countries)
async def test_the_country_of_a_record_goes_before_the_tenants(client: Client, world: World, target: Target) -> None:
    phone = Target(target.kind, target.kind.phones[0])
    plain = {name: value for name, value in body(target.kind).items() if name not in ("country", "addresses", "sites")}
    american = await of_country(world, client, "US")
    french = holding(target, "France") | holding(phone, "01 23 45 67 89")

    answer = await american.post(f"/{target.kind.plural}", json=plain | french)

    assert answer.status_code == 201, answer.text
    assert answer.json().items() >= holding(phone, "+33123456789").items()


@of_each(lambda kind: [name for name in kind.countries if name in kind.listed])
async def test_of_a_list_the_first_that_says_it_is_the_country(client: Client, target: Target) -> None:
    """As it becomes by the same write, not as it was."""
    member, phone = target.kind.listed[target.name], Target(target.kind, target.kind.phones[0])
    plain = {name: value for name, value in body(target.kind).items() if name not in ("country", phone.api_name)}
    listed = [{}, {member: " "}, {member: "FRA"}, {member: "DE"}]
    record = await client.post(f"/{target.kind.plural}", json=plain | {target.api_name: [{member: "US"}]})

    change = {target.api_name: listed} | holding(phone, "01 23 45 67 89")
    answer = await client.patch(f"/{target.kind.plural}/{record.json()['id']}", json=change)

    assert answer.status_code == 200, answer.text
    assert answer.json().items() >= holding(phone, "+33123456789").items()
