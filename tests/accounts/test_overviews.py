"""A screen in one call, in few statements, and with nothing on it that the reader may not see."""

from tests.factories.accounts import make_account, make_account_relation, make_contact
from tests.factories.pipeline import make_opportunity
from tests.world import Client, World


async def test_the_overview_of_an_account_has_all_that_belongs_to_it(client: Client, statements: list[str]) -> None:
    parent = await make_account(client, name="Group")
    account = await make_account(client, parentId=parent["id"])
    contacts = [await make_contact(client, accountId=account["id"]) for _ in range(21)]
    deal = await make_opportunity(client, accountId=account["id"])
    await make_opportunity(client, accountId=account["id"], stage="closedWon")
    relation = await make_account_relation(client, accountId=account["id"], contactId=contacts[0]["id"])

    statements.clear()
    shown = (await client.get(f"/accounts/{account['id']}/overview")).json()

    assert len(statements) == 6
    assert shown["record"] == account
    assert shown["contacts"] == {"data": contacts[:0:-1], "hasMore": True}
    assert shown["openOpportunities"] == {"data": [deal], "hasMore": False}
    assert shown["contactRelations"] == {"data": [relation], "hasMore": False}
    assert shown["ancestors"] == {"data": [{"depth": 1, "record": parent}], "hasMore": False}
    assert shown["figures"] == (await client.get(f"/accounts/{account['id']}/rollup")).json()


async def test_the_overview_of_a_contact_has_deals_accounts_and_reports(client: Client, statements: list[str]) -> None:
    boss = await make_contact(client, lastName="Boss")
    contact = await make_contact(client, reportsToId=boss["id"])
    report = await make_contact(client, reportsToId=contact["id"])
    deal = await make_opportunity(client, primaryContactId=contact["id"])
    relation = await make_account_relation(client, contactId=contact["id"])

    statements.clear()
    shown = (await client.get(f"/contacts/{contact['id']}/overview")).json()

    assert len(statements) == 5
    lists = {name: [one["id"] for one in shown[name]["data"]] for name in shown if name not in ("record", "ancestors")}
    assert lists == {
        "openOpportunities": [deal["id"]],
        "accountRelations": [relation["id"]],
        "reports": [report["id"]],
    }
    assert shown["ancestors"]["data"] == [{"depth": 1, "record": boss}]


async def test_what_the_key_may_not_read_is_left_out(client: Client, world: World) -> None:
    account = await make_account(client)
    await make_opportunity(client, accountId=account["id"])
    reader = await world.key_of(client, scopes=["accounts:read", "contacts:read"])

    shown = (await reader.get(f"/accounts/{account['id']}/overview")).json()

    assert shown.keys() == {"record", "contacts", "ancestors", "figures"}
    assert shown["figures"].keys() == {"accounts", "contacts"}
    blind = await world.key_of(client, scopes=["contacts:read"])
    assert (await blind.get(f"/accounts/{account['id']}/overview")).status_code == 403


async def test_an_overview_that_is_known_is_not_sent_again(client: Client) -> None:
    account = await make_account(client)
    path = f"/accounts/{account['id']}/overview"
    first = await client.get(path)
    assert (await client.get(path, headers={"If-None-Match": first.headers["etag"]})).status_code == 304
