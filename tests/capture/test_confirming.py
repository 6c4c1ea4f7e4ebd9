"""Double opt-in: no lead, and nothing personal in the log, before the address is confirmed."""

import asyncio
from uuid import UUID

from app.domain.capture.kinds import EXPIRY
from app.domain.kernel.ids import uuid7
from app.domain.registry import SCHEMA
from app.repositories import claims
from app.repositories.claims import BEGINNING, Wanted, work_pool
from app.repositories.pool import Pool, Target
from app.workers.capture import Expiries
from tests.capture.web import Visitor, listed, make_pending
from tests.world import Client, World

SOON = "update work set due_at = now() where tenant_id = $1 and kind = $2"
KEPT = "select count(*) from unconfirmed_submission where tenant_id = $1"
TOLD = (
    "select count(*) from event where tenant_id = $1 and (data::text like '%grace@%' or changes::text like '%grace@%')"
)


async def ask(world: World, client: Client, sql: str) -> int:
    async with world.place.connect() as administrator:
        return int(await administrator.fetchval(sql, client.tenant_id))


async def link_of(client: Client, submission_id: str) -> str:
    answer = await client.get(f"/lead-submissions/{submission_id}/confirmation")
    assert answer.status_code == 200, answer.text
    assert answer.json()["email"] == "grace@acme.example"
    url: str = answer.json()["url"]
    return url


async def test_the_lead_comes_into_being_when_the_button_is_pressed_and_once(client: Client, world: World) -> None:
    pending = await make_pending(world, client)
    assert (pending["state"], pending["answers"], pending["leadId"]) == ("pending", {}, None)
    assert (await listed(client, "leads"), await ask(world, client, TOLD)) == ([], 0)
    url, visitor = await link_of(client, pending["id"]), Visitor(world)
    assert (await visitor.http.get(url)).status_code == 200
    assert await listed(client, "leads") == []

    answers = await asyncio.gather(*(visitor.http.post(url) for _ in range(5)))
    assert {one.status_code for one in answers} == {200}
    [lead] = await listed(client, "leads")
    [submission] = await listed(client, "lead-submissions")
    assert (submission["state"], submission["leadId"]) == ("accepted", lead["id"])
    assert submission["answers"]["email"] == lead["email"] == "grace@acme.example"
    assert submission["confirmedAt"] == lead["confirmedAt"] is not None
    assert await ask(world, client, KEPT) == 0
    gone = await client.get(f"/lead-submissions/{pending['id']}/confirmation")
    assert (gone.status_code, gone.json()["code"]) == (409, "notPending")


async def test_a_link_of_another_form_or_a_changed_one_confirms_nothing(
    client: Client, stranger: Client, world: World
) -> None:
    ours, theirs = await make_pending(world, client), await make_pending(world, stranger)
    url, other = await link_of(client, ours["id"]), await link_of(stranger, theirs["id"])
    head, token = url.rpartition("/")[0], other.rpartition("/")[2]
    visitor = Visitor(world)
    for wrong in (f"{head}/{token}", url[:-3] + "AAA", f"{head}/x"):
        assert {(await visitor.http.get(wrong)).status_code, (await visitor.http.post(wrong)).status_code} == {404}
    assert await listed(client, "leads") == await listed(stranger, "leads") == []


async def test_only_administrators_see_the_link(client: Client, stranger: Client, world: World) -> None:
    pending = await make_pending(world, client)
    path = f"/lead-submissions/{pending['id']}/confirmation"
    assert (await (await world.member_of(client)).get(path)).status_code == 403
    assert (await stranger.get(path)).status_code == 404


async def test_what_nobody_confirms_is_erased(client: Client, world: World) -> None:
    pending = await make_pending(world, client)
    url = await link_of(client, pending["id"])
    async with world.place.connect() as administrator:
        await administrator.execute(SOON, client.tenant_id, EXPIRY.name)
    working, app = work_pool(world.place.url, 1), Pool(Target(world.place.url, "rapport_app", 1))
    wanted = Wanted(places=5, failing_places=5, places_per_tenant=5, left={}, tenants=[client.tenant_id])
    found = await claims.claim(working, EXPIRY, wanted, BEGINNING, uuid7())
    for work in found.work:
        await Expiries(app, SCHEMA).act(work, None)
    await working.close()
    await app.close()
    assert [UUID(one.key) for one in found.work] == [UUID(pending["id"])]
    assert (await client.get(f"/lead-submissions/{pending['id']}")).json()["state"] == "expired"
    assert (await ask(world, client, KEPT), await ask(world, client, TOLD)) == (0, 0)
    assert (await Visitor(world).http.post(url)).status_code == 410
    assert await listed(client, "leads") == []
