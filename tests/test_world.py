"""The harness itself: what every other test takes for granted."""

import asyncio
from collections.abc import Awaitable, Callable

import pytest

from tests import world as worlds
from tests.factories.accounts import make_account, make_contact
from tests.factories.governance import make_user
from tests.factories.making import FRESH, MONTHS, fresh
from tests.factories.pipeline import make_opportunity, make_product
from tests.servers import Servers
from tests.world import Client, World


async def test_each_test_is_a_tenant_of_its_own(client: Client, stranger: Client) -> None:
    made = await make_account(client, name="Ours")

    assert (await client.get(f"/accounts/{made['id']}")).json() == made
    assert (await stranger.get(f"/accounts/{made['id']}")).status_code == 404
    assert (await stranger.get("/accounts")).json()["data"] == []


async def test_factories_make_one_of_everything(client: Client) -> None:
    made = [await make(client) for make in (make_account, make_contact, make_product, make_opportunity, make_user)]

    assert [record["version"] for record in made] == [1] * 5


def test_what_is_fresh_was_not_there_before() -> None:
    """Of so many by chance two would be the same for certain."""
    for name in FRESH:
        assert len({fresh({name: ""})[name] for _ in range(MONTHS // len(FRESH))}) == MONTHS // len(FRESH)


async def test_a_member_is_somebody_else_in_the_same_tenant(world: World, client: Client) -> None:
    member = await world.member_of(client)
    reader = await world.key_of(client, scopes=["accounts:read"])

    made = await make_account(member)

    assert made["createdBy"] == str(member.user_id) != str(client.user_id)
    assert (await reader.get(f"/accounts/{made['id']}")).status_code == 200
    assert (await reader.post("/accounts", json={"name": "x"})).status_code == 403


async def test_what_was_written_before_settled_can_be_read(
    client: Client, settled: Callable[[], Awaitable[None]]
) -> None:
    made = await make_account(client)

    await settled()

    events = (await client.get("/events")).json()["data"]
    assert made["id"] in [event["recordId"] for event in events]


@pytest.mark.own_server
async def test_settled_names_who_holds_the_horizon(own_world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(worlds, "SETTLES_WITHIN_S", 0.2)
    client = await own_world.tenant()
    async with own_world.place.at("postgres").connect() as foreign, foreign.transaction():
        await foreign.execute("select pg_current_xact_id()")
        await make_account(client)

        with pytest.raises(AssertionError, match=rf"pid={foreign.get_server_pid()} datname='postgres'"):
            await own_world.settled()

    await own_world.settled()


BUSY = "select from pg_stat_activity where state = 'active' and pid = $1"


@pytest.mark.own_server
async def test_own_servers_can_be_started_as_soon_as_they_were_killed_at_work(own_server: Servers) -> None:
    async with own_server.place.connect() as at_work, own_server.place.connect() as onlooker:
        work = asyncio.ensure_future(at_work.fetchval("select count(*) from generate_series(1, 5000000)"))
        while not await onlooker.fetch(BUSY, at_work.get_server_pid()):
            pass
        own_server.postgres.kill()
        own_server.postgres.start()
        await asyncio.gather(work, return_exceptions=True)

    async with own_server.place.connect() as later:
        assert await later.fetchval("select 1") == 1


@pytest.mark.own_server
async def test_own_servers_come_back_with_what_was_acknowledged(own_world: World, own_server: Servers) -> None:
    client = await own_world.tenant()
    made = await make_account(client)

    own_server.postgres.kill()
    assert (await client.get(f"/accounts/{made['id']}")).status_code == 503
    own_server.postgres.start()

    assert (await client.get(f"/accounts/{made['id']}")).json() == made
