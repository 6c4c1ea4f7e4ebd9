"""What clients start and do not wait for: done once, chunk by chunk, as the user who started it."""

from collections.abc import AsyncIterator

import pytest

from app.domain.jobs.service import JobService
from app.domain.kernel.ids import uuid7
from app.repositories.housekeeping import connected
from app.repositories.session import Session
from app.workers.housekeeping import forget_old_jobs
from tests.jobs.counting import REFUSAL, Counting, Factory, factory, shown
from tests.world import Client, Place, World

EXPIRE = "update work set due_at = now() where tenant_id = $1 and token is not null"
PARK = "update work set state = 'parked', token = null where tenant_id = $1"
OLD = "update job set created_at = created_at - interval '31 days', finished_at = finished_at - interval '31 days' where id = $1"


@pytest.fixture
async def jobs(place: Place, client: Client) -> AsyncIterator[Factory]:
    async with factory(place, client) as made:
        yield made


async def names(client: Client) -> list[str]:
    return sorted(one["name"] for one in (await client.get("/accounts?limit=200")).json()["data"])


def counted(upto: int) -> list[str]:
    return sorted(f"Count {number}" for number in range(upto))


async def test_a_job_is_done_chunk_by_chunk_and_shows_how_far_it_is(client: Client, jobs: Factory) -> None:
    counting, seen = Counting(), []
    job_id = await jobs.start(7)
    before = await shown(client, job_id)

    async def look(*_: object) -> None:
        seen.append(await shown(client, job_id))

    counting.during = look
    await jobs.run(counting.kind())
    after = await shown(client, job_id)

    assert (before["state"], before["done"], before["total"], before["startedAt"]) == ("queued", 0, 7, None)
    assert [(one["state"], one["done"]) for one in seen] == [("running", 0), ("running", 3), ("running", 6)]
    assert (after["state"], after["done"], after["result"], after["error"]) == ("succeeded", 7, {"counted": 7}, None)
    assert after["startedAt"] < after["finishedAt"]
    assert await names(client) == counted(7)


async def test_what_a_job_writes_is_its_users_and_came_by_a_job(client: Client, jobs: Factory, world: World) -> None:
    await jobs.start(1)
    await jobs.run(Counting().kind())
    await world.settled()
    (event,) = (await client.get("/events?object=account")).json()["data"]
    assert (event["actor"]["id"], event["origin"]) == (str(client.user_id), "job")


async def test_a_worker_that_dies_or_fails_in_a_chunk_leaves_nothing_of_it_and_the_next_goes_on(
    client: Client, jobs: Factory
) -> None:
    failures = iter([3, 3, 6])
    fails_at = next(failures)

    def fail_sometimes(_: Session, begun: int) -> None:
        nonlocal fails_at
        if begun == fails_at:
            fails_at = next(failures, -1)
            raise ConnectionError("killed")

    job_id, counting = await jobs.start(9), Counting(fail_sometimes)
    for _ in range(4):
        await jobs.run(counting.kind())
        await jobs.hurry()
    assert counting.chunks == [0, 3, 3, 3, 6, 6]
    assert await names(client) == counted(9)
    assert (await shown(client, job_id))["done"] == 9


async def test_two_workers_at_one_chunk_have_one_effect(client: Client, jobs: Factory) -> None:
    """The lease of the first ends while it is at work: the second does the chunk, and nothing of the first stays."""
    rounds = 0

    async def be_overtaken(*_: object) -> None:
        nonlocal rounds
        rounds += 1
        if rounds == 1:
            async with jobs.connect() as administrator:
                await administrator.execute(EXPIRE, client.tenant_id)
            await jobs.run(Counting().kind())

    job_id = await jobs.start(5)
    await jobs.run(Counting(be_overtaken).kind())
    assert await names(client) == counted(5)
    assert ((await shown(client, job_id))["state"], rounds) == ("succeeded", 1)


async def test_what_is_refused_fails_the_job_at_once_with_the_problem(client: Client, jobs: Factory) -> None:
    def refuse(_: Session, begun: int) -> None:
        if begun == 3:
            raise REFUSAL

    job_id = await jobs.start(9)
    counting = Counting(refuse)
    await jobs.run(counting.kind())
    found = await shown(client, job_id)
    assert (found["state"], found["done"], found["result"], counting.chunks) == ("failed", 3, None, [0, 3])
    assert found["error"] == {
        "type": "urn:rapport:problem:noSuchNumber",
        "title": "A value is refused",
        "status": 422,
        "detail": "No such number.",
        "code": "noSuchNumber",
        "errors": [],
    }
    assert await names(client) == counted(3)


async def test_what_breaks_fails_the_job_after_the_attempts_of_its_kind_and_tells_no_secret(
    client: Client, jobs: Factory
) -> None:
    def break_down(*_: object) -> None:
        raise KeyError("private")

    job_id, counting = await jobs.start(3), Counting(break_down)
    for _ in range(3):
        await jobs.run(counting.kind(attempts=2))
        await jobs.hurry()
    found = await shown(client, job_id)
    assert (found["state"], len(counting.chunks), found["error"]["code"]) == ("failed", 2, "internalError")
    assert "private" not in str(found)


async def test_a_job_without_a_worker_that_comes_back_is_shown_as_abandoned_until_it_is_replayed(
    client: Client, jobs: Factory
) -> None:
    job_id = await jobs.start(3)
    async with jobs.connect() as administrator:
        await administrator.execute(PARK, client.tenant_id)
    found = await shown(client, job_id)
    assert (found["state"], found["error"]["code"], found["finishedAt"]) == ("failed", "abandoned", None)

    (parked,) = (await client.get("/admin/work/parked")).json()["data"]
    assert (parked["kind"], parked["key"]) == ("job", str(job_id))
    assert (await client.post(f"/admin/work/parked/{parked['id']}/replay")).status_code == 204
    await jobs.run(Counting().kind())
    assert ((await shown(client, job_id))["state"], await names(client)) == ("succeeded", counted(3))


async def test_a_cancelled_job_keeps_its_finished_chunks_and_nothing_of_the_one_at_work(
    client: Client, jobs: Factory
) -> None:
    async def cancel(_: Session, begun: int) -> None:
        if begun == 3:
            answer = await client.post(f"/jobs/{job_id}/cancel")
            assert (answer.status_code, answer.json()["state"]) == (202, "cancelled")
            assert answer.headers["location"] == f"/api/v1/jobs/{job_id}"

    job_id = await jobs.start(9)
    counting = Counting(cancel)
    await jobs.run(counting.kind())
    found = await shown(client, job_id)
    assert (found["state"], found["done"], counting.chunks) == ("cancelled", 3, [0, 3])
    assert await names(client) == counted(3)

    again = await client.post(f"/jobs/{job_id}/cancel")
    assert (again.status_code, again.json()) == (202, found)


async def test_a_job_that_is_cancelled_before_it_begins_does_nothing(client: Client, jobs: Factory) -> None:
    job_id, counting = await jobs.start(3), Counting()
    keyed = [await client.post(f"/jobs/{job_id}/cancel", headers={"Idempotency-Key": "once"}) for _ in range(2)]
    await jobs.run(counting.kind())
    assert [one.status_code for one in keyed] == [202, 202]
    assert len({(one.content, one.headers["location"]) for one in keyed}) == 1
    assert keyed[1].headers["idempotent-replayed"] == "true"
    assert (counting.chunks, (await shown(client, job_id))["state"]) == ([], "cancelled")


async def test_a_job_that_is_over_cannot_be_cancelled(client: Client, jobs: Factory) -> None:
    job_id = await jobs.start(3)
    await jobs.run(Counting().kind())
    answer = await client.post(f"/jobs/{job_id}/cancel")
    assert (answer.status_code, answer.json()["code"]) == (409, "jobOver")


async def test_a_job_belongs_to_who_started_it_and_administrators_see_all(
    client: Client, jobs: Factory, world: World
) -> None:
    member, other = await world.member_of(client), await world.member_of(client)
    job_id = await jobs.start(3, member)
    narrow = await world.key_of(client, scopes=["contacts:read"])
    for nobody in (other, narrow, await world.tenant()):
        assert (await nobody.get(f"/jobs/{job_id}")).status_code == 404
        assert (await nobody.post(f"/jobs/{job_id}/cancel")).status_code == 404
        assert (await nobody.get("/jobs")).json()["data"] == []
    for somebody in (member, client):
        assert [one["id"] for one in (await somebody.get("/jobs")).json()["data"]] == [str(job_id)]
    assert (await client.get(f"/jobs/{uuid7()}")).status_code == 404


async def test_a_job_has_the_rights_that_its_user_has_now_and_its_key_had(
    client: Client, jobs: Factory, world: World
) -> None:
    gone, member = await world.member_of(client), await world.member_of(client)
    left, narrow = await jobs.start(1, gone), Session(jobs.app, jobs.session(member).actor, jobs.session().schema)
    narrow.actor = type(narrow.actor)(
        client.tenant_id, member.user_id, member.user_id, narrow.actor.role, frozenset({"contacts:write"}), 1
    )
    refused = (await JobService(narrow).start("counting", {"upto": 1, "name": "Count"})).id
    await client.patch(f"/users/{gone.user_id}", json={"status": "inactive"})
    await jobs.run(Counting().kind())
    assert [(await shown(client, one))["error"]["code"] for one in (left, refused)] == ["userInactive", "missingScope"]
    assert await names(client) == []


async def test_jobs_are_listed_newest_first_page_by_page(client: Client, jobs: Factory) -> None:
    started = [str(await jobs.start(1)) for _ in range(5)]
    found, cursor = [], ""
    while True:
        page = (await client.get(f"/jobs?limit=2{cursor}")).json()
        found += [one["id"] for one in page["data"]]
        if not page["page"]["hasMore"]:
            break
        cursor = f"&cursor={page['page']['nextCursor']}"
    assert (found, page["page"]["nextCursor"]) == (started[::-1], None)
    for bad in ("x", "bnVsbA=="):
        assert (await client.get(f"/jobs?cursor={bad}")).json()["code"] == "badCursor"


async def test_a_kind_that_this_worker_does_not_know_waits_for_one_that_does(client: Client, jobs: Factory) -> None:
    job_id = await jobs.start(1)
    other = Counting().kind()
    await jobs.run(type(other)("other", other.chunk))
    assert (await shown(client, job_id))["state"] == "running"
    await jobs.hurry()
    await jobs.run(other)
    assert (await shown(client, job_id))["state"] == "succeeded"


async def test_what_ended_over_thirty_days_ago_is_forgotten_and_what_is_open_is_not(
    client: Client, jobs: Factory, place: Place
) -> None:
    ended, recent = await jobs.start(1), await jobs.start(1)
    await jobs.run(Counting().kind())
    waiting = await jobs.start(1)
    async with jobs.connect() as administrator:
        for job_id in (ended, waiting):
            await administrator.execute(OLD, job_id)
    async with connected(place.url, "rapport_owner") as owner:
        await forget_old_jobs(owner)
    assert [one["id"] for one in (await client.get("/jobs")).json()["data"]] == [str(waiting), str(recent)]
