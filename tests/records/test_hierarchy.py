"""Hierarchies stay trees, and nobody is left without a parent, whoever writes at once."""

import asyncio
import random
from collections import Counter
from dataclasses import dataclass
from typing import Any

import pytest

from app.repositories.hierarchy import Hierarchy
from tests.factories.accounts import make_account, make_contact
from tests.factories.governance import make_user
from tests.world import Client, World

PAIRS, AT_ONCE, SEED = 200, 10, 20261122
ORPHANS = """
select count(*) from contact c left join account a on (a.tenant_id, a.id) = (c.tenant_id, c.account_id)
 where c.tenant_id = $1 and c.account_id is not null and a.id is null
"""


@dataclass(frozen=True)
class Tree:
    plural: str
    parent: str
    make: Any


TREES = [Tree("accounts", "parentId", make_account), Tree("users", "managerId", make_user)]


@pytest.fixture(params=TREES, ids=lambda tree: tree.plural)
def tree(request: pytest.FixtureRequest) -> Tree:
    return request.param


async def move(client: Client, tree: Tree, record: str, parent: str | None) -> int:
    answer = await client.patch(f"/{tree.plural}/{record}", json={tree.parent: parent})
    assert answer.status_code == 200 or answer.json()["code"] == "cycle", answer.text
    return answer.status_code


async def parents(client: Client, tree: Tree) -> dict[str, str | None]:
    page = (await client.get(f"/{tree.plural}?limit=200&fields=id,{tree.parent}")).json()
    return {row["id"]: row[tree.parent] for row in page["data"]}


def cycles(parents: dict[str, str | None]) -> int:
    """How many records stand above themselves."""
    count = 0
    for record, parent in parents.items():
        above, steps = parent, 0
        while above is not None and above != record and steps <= len(parents):
            above, steps = parents[above], steps + 1
        count += above is not None
    return count


async def opposing_moves(client: Client, tree: Tree, pairs: list[list[str]]) -> Counter[tuple[int, ...]]:
    """Each pair at once: the one under the other, and the other under the one."""
    moves = [(one, two) for pair in pairs for one, two in (pair, pair[::-1])]
    answers = await asyncio.gather(*(move(client, tree, *pair) for pair in moves))
    return Counter(tuple(sorted(answers[place : place + 2])) for place in range(0, len(answers), 2))


async def some_pairs(client: Client, tree: Tree) -> list[list[str]]:
    made = await asyncio.gather(*(tree.make(client) for _ in range(2 * AT_ONCE)))
    return [[made[place]["id"], made[place + 1]["id"]] for place in range(0, 2 * AT_ONCE, 2)]


async def test_two_hundred_pairs_of_opposing_moves_close_no_cycle(client: Client, tree: Tree) -> None:
    pairs = await some_pairs(client, tree)
    outcomes: Counter[tuple[int, ...]] = Counter()
    for _ in range(PAIRS // AT_ONCE):
        outcomes += await opposing_moves(client, tree, pairs)
        now = await parents(client, tree)
        assert cycles(now) == 0
        await asyncio.gather(*(move(client, tree, one, None) for pair in pairs for one in pair if now[one]))
    assert outcomes == {(200, 422): PAIRS}


async def test_without_the_lock_two_moves_do_close_a_cycle(
    client: Client, tree: Tree, monkeypatch: pytest.MonkeyPatch
) -> None:
    """So the test above would see one."""

    async def no_lock(_: Hierarchy) -> None: ...

    monkeypatch.setattr(Hierarchy, "lock", no_lock)
    pairs = await some_pairs(client, tree)
    for _ in range(50):
        await opposing_moves(client, tree, pairs)
        if cycles(now := await parents(client, tree)):
            return
        await asyncio.gather(*(move(client, tree, one, None) for pair in pairs for one in pair if now[one]))
    pytest.fail("not one cycle in 500 pairs")


async def test_a_crowd_that_moves_at_once_leaves_a_tree(client: Client, tree: Tree) -> None:
    chance = random.Random(SEED)
    records = [record["id"] for record in await asyncio.gather(*(tree.make(client) for _ in range(7)))]
    for _ in range(8):
        moves = [chance.sample(records, 2) for _ in range(8)]
        await asyncio.gather(*(move(client, tree, *one) for one in moves))
        assert cycles(await parents(client, tree)) == 0


async def test_a_cycle_of_three_and_a_record_above_itself_are_refused(client: Client, tree: Tree) -> None:
    top, middle, bottom = [(await tree.make(client))["id"] for _ in range(3)]
    assert [await move(client, tree, one, two) for one, two in ((middle, top), (bottom, middle))] == [200, 200]
    assert [await move(client, tree, top, one) for one in (top, middle, bottom)] == [422, 422, 422]
    assert await move(client, tree, bottom, top) == 200
    assert await move(client, tree, top, middle) == 422


async def test_an_upsert_cannot_close_a_cycle(client: Client, tree: Tree) -> None:
    top = await tree.make(client, externalIds={"sap": "top"})
    bottom = await tree.make(client, **{tree.parent: top["id"]})
    needed = {name: top[name] for name in ("name", "email") if name in top}
    answer = await client.put(f"/{tree.plural}/by/sap/top", json=needed | {tree.parent: bottom["id"]})
    assert (answer.status_code, answer.json()["code"]) == (422, "cycle")


async def test_upserts_that_oppose_each_other_close_no_cycle(client: Client, tree: Tree) -> None:
    made = [await tree.make(client, externalIds={"sap": str(n)}) for n in range(2)]
    needed = [{name: one[name] for name in ("name", "email") if name in one} for one in made]
    for _ in range(20):
        answers = await asyncio.gather(
            *(
                client.put(f"/{tree.plural}/by/sap/{n}", json=needed[n] | {tree.parent: made[1 - n]["id"]})
                for n in (0, 1)
            )
        )
        assert sorted(answer.status_code for answer in answers) == [200, 422]
        await asyncio.gather(*(move(client, tree, one["id"], None) for one in made))


async def test_a_restore_cannot_close_a_cycle(client: Client, tree: Tree) -> None:
    """What stood below it cannot have stayed, so nothing can stand above it that was below."""
    top = await tree.make(client)
    bottom = await tree.make(client, **{tree.parent: top["id"]})
    assert (await client.delete(f"/{tree.plural}/{top['id']}")).status_code == 409
    await client.delete(f"/{tree.plural}/{bottom['id']}")
    assert (await client.delete(f"/{tree.plural}/{top['id']}")).status_code == 204
    refused = await client.post(f"/{tree.plural}/{bottom['id']}/restore")
    assert (refused.status_code, refused.json()["code"]) == (409, "missingReference")


async def test_two_hundred_parents_deleted_while_children_come_leave_no_orphan(client: Client, world: World) -> None:
    async def pair() -> tuple[int, int]:
        parent = await make_account(client)
        gone, born = await asyncio.gather(
            client.delete(f"/accounts/{parent['id']}"),
            client.post("/contacts", json={"lastName": "x", "accountId": parent["id"]}),
        )
        return gone.status_code, born.status_code

    outcomes: Counter[tuple[int, int]] = Counter()
    for _ in range(PAIRS // AT_ONCE):
        outcomes.update(await asyncio.gather(*(pair() for _ in range(AT_ONCE))))
    async with world.place.connect() as administrator:
        assert await administrator.fetchval(ORPHANS, client.tenant_id) == 0
    assert outcomes.keys() <= {(204, 422), (409, 201)}, outcomes
    assert outcomes.total() == PAIRS


async def test_restoring_a_child_while_its_parent_goes_leaves_no_orphan(client: Client, world: World) -> None:
    for _ in range(20):
        parent = await make_account(client)
        child = await make_contact(client, accountId=parent["id"])
        await client.delete(f"/contacts/{child['id']}")
        answers = await asyncio.gather(
            client.delete(f"/accounts/{parent['id']}"), client.post(f"/contacts/{child['id']}/restore")
        )
        assert tuple(answer.status_code for answer in answers) in {(204, 409), (409, 200)}
    async with world.place.connect() as administrator:
        assert await administrator.fetchval(ORPHANS, client.tenant_id) == 0
