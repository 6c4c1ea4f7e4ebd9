"""What administrators see of their tenant's due work, and do about what is parked."""

import pytest

from app.domain.kernel.ids import uuid7
from app.domain.kernel.work import NewWork
from tests.factories.work import park_work
from tests.work.engine import Engine, kind
from tests.world import Client, World

ORDERED = "select key, due_at <= now() as is_due from work where tenant_id = $1 and kind = $2 order by order_seq"
BEHIND = """
insert into work (tenant_id, id, kind, key, order_key, order_seq, due_at)
values ($1, gen_random_uuid(), $2, 'behind', $3, 2, now() + interval '1 hour')
"""
AGE = "update work set due_at = now() - interval '90 seconds' where kind = $1 and key = '0'"


async def test_the_overview_counts_by_kind_what_waits_and_what_is_under_way(work: Engine, client: Client) -> None:
    some = kind()
    await work.due(client.tenant_id).add(*(NewWork(kind=some, key=f"{row}") for row in range(5)))
    await work.due(uuid7()).add(*(NewWork(kind=some, key=f"{row}") for row in range(5)))
    async with work.place.connect() as administrator:
        later = await administrator.fetchval("select now() + interval '1 hour'")
    await work.due(client.tenant_id).postpone(some, "4", later)
    await work.run(AGE, some.name)
    await work.run("update work set state = 'parked' where tenant_id = $1 and key = '3'", client.tenant_id)
    await work.run(
        "update work set token = id, due_at = $2 where tenant_id = $1 and key = '2'", client.tenant_id, later
    )

    (found,) = (await client.get("/admin/work")).json()["data"]
    assert 90 <= found.pop("oldestDueSeconds") < 120
    assert found == {"kind": some.name, "due": 2, "later": 1, "inProgress": 1, "parked": 1}


async def test_parked_work_is_listed_with_its_error_and_comes_back_to_its_first_attempt(
    work: Engine, client: Client, world: World
) -> None:
    parked = [await park_work(world, client, f"text {number}") for number in range(3)]
    page = (await client.get("/admin/work/parked?limit=2")).json()
    rest = (await client.get(f"/admin/work/parked?cursor={page['page']['nextCursor']}")).json()
    listed = [*page["data"], *rest["data"]]
    assert [one["id"] for one in listed] == parked[::-1]
    first = listed[-1]
    assert (first["error"], first["attempts"], first["payload"]) == ("text 0", 3, {"text": "text 0"})

    assert (await client.post(f"/admin/work/parked/{parked[0]}/replay")).status_code == 204
    async with work.place.connect() as administrator:
        row = await administrator.fetchrow("select * from work where id = $1", parked[0])
    assert (row["state"], row["attempts"], row["unsettled"], row["token"]) == ("due", 0, 0, None)
    await work.run("delete from work where id = $1", parked[0])
    assert (await client.post(f"/admin/work/parked/{parked[0]}/replay")).status_code == 404


@pytest.mark.parametrize("how", ["discard", "replay"])
async def test_what_stands_behind_parked_work_goes_on_when_it_is_discarded(
    work: Engine, client: Client, world: World, how: str
) -> None:
    order_key = f"{uuid7()}"
    work_id = await park_work(world, client, "head", order_key, 1)
    await work.run(BEHIND, client.tenant_id, "test.parked", order_key)
    if how == "discard":
        answers = [
            await client.delete(f"/admin/work/parked/{work_id}", headers={"Idempotency-Key": "once"}) for _ in range(2)
        ]
        assert [one.status_code for one in answers] == [204, 204]
        assert (await client.delete(f"/admin/work/parked/{work_id}")).status_code == 404
    else:
        assert (await client.post(f"/admin/work/parked/{work_id}/replay")).status_code == 204
    async with work.place.connect() as administrator:
        rows = await administrator.fetch(ORDERED, client.tenant_id, "test.parked")
    await work.run("delete from work where tenant_id = $1", client.tenant_id)
    behind = [("behind", True)] if how == "discard" else [(work_id, True), ("behind", False)]
    assert [tuple(row) for row in rows] == behind


async def test_only_administrators_look_at_due_work(client: Client, stranger: Client, world: World) -> None:
    work_id = await park_work(world, client)
    member = await world.member_of(client)
    assert (await member.get("/admin/work")).json()["code"] == "adminOnly"
    assert (await member.delete(f"/admin/work/parked/{work_id}")).status_code == 403
    assert (await stranger.delete(f"/admin/work/parked/{work_id}")).status_code == 404
    assert [one["id"] for one in (await client.get("/admin/work/parked")).json()["data"]] == [work_id]
