"""The shares of a round robin are exact over processes, and a turn that is lost is seen."""

import asyncio
import sys
from collections.abc import Mapping
from uuid import UUID

import pytest

from app.repositories.assignment import Assignments
from tests.factories.assignment import make_assignment_rule
from tests.factories.governance import make_user
from tests.factories.leads import make_lead
from tests.world import Client, World

PROCESSES = 4
LEADS = 1_000
WEIGHTS = (13, 11, 9, 7, 5, 3, 2)  # 50 turns a round


async def shared_by(client: Client, weights: tuple[int, ...]) -> dict[str, int]:
    """A rule that shares leads among new users: their weights by their ids."""
    users = {(await make_user(client))["id"]: weight for weight in weights}
    await make_assignment_rule(client, roundRobin=[{"userId": one, "weight": users[one]} for one in users])
    return users


async def owners(world: World, tenant_id: UUID) -> dict[str, int]:
    async with world.place.connect() as administrator:
        rows = await administrator.fetch(
            "select owner_id::text, count(*) from lead where tenant_id = $1 group by 1", tenant_id
        )
    return dict(rows)


async def test_four_processes_share_a_thousand_leads_exactly_by_weight(client: Client, world: World) -> None:
    users = await shared_by(client, WEIGHTS)
    program = (sys.executable, "-m", "tests.assignment.creating", world.place.url)
    whose = (str(client.tenant_id), str(client.user_id), str(LEADS // PROCESSES))
    processes = [await asyncio.create_subprocess_exec(*program, *whose) for _ in range(PROCESSES)]

    ended = [await one.wait() for one in processes]

    shares = await owners(world, client.tenant_id)
    print({weight: shares.get(user, 0) for user, weight in users.items()})  # noqa: T201  # the figures of the page
    assert ended == [0] * PROCESSES
    assert shares == {user: weight * LEADS // sum(WEIGHTS) for user, weight in users.items()}


async def test_a_turn_that_is_not_kept_is_seen(client: Client, world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    async def lost(_: Assignments, rule_id: UUID, owed: Mapping[str, int]) -> None:
        """As if another had written over it."""

    users = await shared_by(client, (1, 1, 1))
    monkeypatch.setattr(Assignments, "set_turn", lost)

    await asyncio.gather(*(make_lead(client) for _ in range(6)))

    assert await owners(world, client.tenant_id) != dict.fromkeys(users, 2)
