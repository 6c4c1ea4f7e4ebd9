"""`crm work`: what the operator sees of all tenants, and does."""

import asyncio
import json
from collections.abc import Callable
from uuid import UUID

import pytest
from click.testing import Result
from typer.testing import CliRunner

from app.cli import crm
from app.domain.kernel.ids import uuid7
from app.local.errors import CannotStart
from tests.factories.work import park_work
from tests.world import Client, World

GONE = "delete from work where tenant_id = $1"
Command = Callable[..., Result]


@pytest.fixture
def command(world: World, monkeypatch: pytest.MonkeyPatch) -> Command:
    monkeypatch.setenv("CRM_DATABASE_URL", world.place.url)
    monkeypatch.setenv("CRM_REDIS_URL", world.place.redis_url)

    async def run(*arguments: str) -> Result:
        """In a thread: a command has an event loop of its own."""
        return await asyncio.to_thread(CliRunner().invoke, crm, ["work", *arguments])

    return run


def own(rows: str, client: Client) -> list[dict[str, object]]:
    return [one for one in json.loads(rows) if UUID(one["tenant_id"]) == client.tenant_id]


async def test_the_operator_lists_replays_and_discards_whatever_tenant_it_belongs_to(
    command: Command, world: World, client: Client, stranger: Client
) -> None:
    first, second = await park_work(world, client, "broken"), await park_work(world, client)
    other = await park_work(world, stranger)

    (depth,) = own((await command("list", "--json")).stdout, client)
    assert (depth["kind"], depth["parked"], depth["due"]) == ("test.parked", 2, 0)
    listed = own((await command("parked", "--json")).stdout, client)
    assert [(one["id"], one["error"]) for one in listed] == [(first, "broken"), (second, "")]
    for name in ("list", "parked"):
        text = (await command(name)).stdout
        assert text.splitlines()[0].split()[:2] == (["kind", "tenant_id"] if name == "list" else ["id", "kind"])
        assert str(client.tenant_id) in text

    assert (await command("replay", first)).exit_code == 0
    assert (await command("discard", second)).exit_code == 0
    (depth,) = own((await command("list", "--json")).stdout, client)
    assert (depth["parked"], depth["due"]) == (0, 1)
    assert [one["id"] for one in own((await command("parked", "--json")).stdout, stranger)] == [other]
    async with world.place.connect() as administrator:
        for tenant_id in (client.tenant_id, stranger.tenant_id):
            await administrator.execute(GONE, tenant_id)


@pytest.mark.parametrize("verb", ["replay", "discard"])
async def test_what_is_not_parked_is_neither_replayed_nor_discarded(command: Command, verb: str) -> None:
    unknown = await command(verb, f"{uuid7()}")
    assert isinstance(unknown.exception, CannotStart)
    assert (await command(verb, "nonsense")).exit_code == 2
