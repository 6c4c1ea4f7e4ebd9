"""Conventions of what is sent twice, waits, or meets others."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import asyncpg
import httpx

from app.api import edge
from app.api.edge import Call
from app.domain.kernel.changes import Change
from app.domain.kernel.claim import Claim
from app.domain.kernel.query import Document
from app.repositories.idempotency import keep
from app.repositories.records import Records
from tests.contract.convention import Case, Convention, always, created, eventually, is_problem, until_waiting, without

KEY = {"Idempotency-Key": "once"}
SOON = {"Prefer": "wait=1"}
STILL_SOON_S = 4.0  # less than any request may take that says nothing
HIERARCHY = "account.parent_id"
insert_record = Records.create

LOCK_HIERARCHY = "select pg_advisory_xact_lock(hashtextextended($1 || ' ' || $2, 0))"
CLAIM = "insert into idempotency (tenant_id, actor_id, key, fingerprint, status) values ($1, $2, $3, '', 0)"
TRANSACTIONS = """
select (select xmin::text from account where tenant_id = $1),
       (select xmin::text from event where tenant_id = $1 and object = 'account'),
       (select xmin::text from idempotency where tenant_id = $1)
"""


async def a_key_has_one_effect_and_one_answer(case: Case) -> None:
    answers = await asyncio.gather(*(case.client.post("/accounts", json={"name": "x"}, headers=KEY) for _ in range(8)))
    assert {answer.status_code for answer in answers} == {201}
    assert len({(answer.content, answer.headers["etag"], answer.headers["location"]) for answer in answers}) == 1
    assert sum(answer.headers.get("idempotent-replayed") == "true" for answer in answers) == 7
    assert len((await case.client.get("/accounts")).json()["data"]) == 1


async def a_key_lies_in_the_transaction_of_its_effect(case: Case) -> None:
    await case.client.post("/accounts", json={"name": "x"}, headers=KEY)
    async with case.world.place.connect() as administrator:
        record, event, stored = await administrator.fetchrow(TRANSACTIONS, case.client.tenant_id)
    assert record == event == stored is not None


async def a_key_is_for_one_request(case: Case) -> None:
    await case.client.post("/accounts", json={"name": "x"}, headers=KEY)
    answer = await case.client.post("/accounts", json={"name": "y"}, headers=KEY)
    assert is_problem(answer, 422, "keyReused")["errors"][0]["pointer"] == "Idempotency-Key"


async def a_retry_repeats_the_first_answer(case: Case) -> None:
    url = f"/accounts/{(await created(case.client))['id']}"
    first = await case.client.patch(url, json={"name": "one"}, headers=KEY)
    await case.client.patch(url, json={"name": "two"})
    again = await case.client.patch(url, json={"name": "one"}, headers=KEY)
    assert (again.status_code, again.content, again.headers.get("etag")) == (200, first.content, first.headers["etag"])
    gone = [await case.client.delete(url, headers={"Idempotency-Key": "gone"}) for _ in range(2)]
    assert [answer.status_code for answer in gone] == [204, 204]


async def a_refusal_is_no_answer_to_keep(case: Case) -> None:
    parent = await created(case.client)
    child = {"lastName": "x", "accountId": parent["id"]}
    await case.client.delete(f"/accounts/{parent['id']}")
    is_problem(await case.client.post("/contacts", json=child, headers=KEY), 422, "unknownReference")
    await case.client.post(f"/accounts/{parent['id']}/restore")
    assert (await case.client.post("/contacts", json=child, headers=KEY)).status_code == 201


async def a_running_key_is_said_to_run(case: Case) -> None:
    async with case.world.place.connect() as other:
        transaction = other.transaction()
        await transaction.start()
        await other.execute(CLAIM, case.client.tenant_id, case.client.user_id, KEY["Idempotency-Key"])
        answer = await case.client.post("/accounts", json={"name": "x"}, headers=KEY | SOON)
        await transaction.rollback()
    is_problem(answer, 409, "requestInProgress")
    assert int(answer.headers["retry-after"]) >= 1
    assert (await case.client.post("/accounts", json={"name": "x"}, headers=KEY)).status_code == 201


@asynccontextmanager
async def moves_held_up(case: Case) -> AsyncIterator[asyncpg.Connection]:
    """Whoever moves an account waits, as for another who moves one."""
    async with case.world.place.connect() as other, other.transaction():
        await other.execute(LOCK_HIERARCHY, HIERARCHY, str(case.client.tenant_id))
        yield other


async def a_request_ends_at_its_deadline(case: Case) -> None:
    one, two = [await created(case.client) for _ in range(2)]
    try:
        async with moves_held_up(case), asyncio.timeout(STILL_SOON_S):
            answer = await case.client.patch(f"/accounts/{one['id']}", json={"parentId": two["id"]}, headers=SOON)
    except TimeoutError as error:
        raise AssertionError("it went on beyond its deadline") from error
    is_problem(answer, 503, "deadlineExceeded")
    assert int(answer.headers["retry-after"]) >= 1
    assert (await case.client.get(f"/accounts/{one['id']}")).json() == one


async def a_preview_tells_what_would_happen_and_leaves_nothing(case: Case) -> None:
    answer = await case.client.post("/accounts", json={"name": "x"}, headers={"Prefer": "dry-run", **KEY})
    assert (answer.status_code, answer.headers.get("preference-applied")) == (200, "dry-run")
    assert (answer.json()["status"], answer.json()["body"]["name"]) == (201, "x")
    assert [(one["change"], one["changes"]["name"]) for one in answer.json()["writes"]] == [("created", [None, "x"])]
    assert (await case.client.get("/accounts")).json()["data"] == []
    made = await case.client.post("/accounts", json={"name": "y"}, headers=KEY)
    assert (made.status_code, made.headers.get("idempotent-replayed")) == (201, None)


async def a_deadlock_is_tried_again(case: Case) -> None:
    """The request holds the hierarchy and waits for the table; the other holds the table and waits for the hierarchy.

    PostgreSQL looks once whether who waits does so in a circle, and ends it: after a second of waiting, but for the
    other, who waits already when the request, the first of those who wait for the hierarchy, gets it.
    """
    one, two = [await created(case.client) for _ in range(2)]
    async with case.world.place.connect() as other, asyncio.TaskGroup() as group:
        transaction = other.transaction()
        await transaction.start()
        await other.execute("set local deadlock_timeout = '60s'")
        await other.execute("lock table account in share mode")
        async with moves_held_up(case):
            request = group.create_task(case.client.patch(f"/accounts/{one['id']}", json={"parentId": two["id"]}))
            await until_waiting(case, 1)
            hierarchy = group.create_task(other.execute(LOCK_HIERARCHY, HIERARCHY, str(case.client.tenant_id)))
            await until_waiting(case, 2)
        await hierarchy
        await transaction.rollback()
    answer: httpx.Response = request.result()
    assert answer.status_code == 200, answer.text
    assert (answer.json()["parentId"], answer.json()["version"]) == (two["id"], 2)


async def keeping_it_later(self: Records[Any], change: Change[Any], *, chosen_id: bool, claim: Claim) -> Document:
    document = await insert_record(self, change, chosen_id=chosen_id, claim=None)
    await keep(self.session, claim, document)
    return document


async def unguarded(call: Call, handler: Any) -> Any:
    return await handler(call)


async def keeping_refusals(call: Call, handler: Any) -> Any:
    """Stores whatever is answered, as many servers do."""
    try:
        return await answer_once(call, handler)
    except Exception:
        claim = call.claim(422)
        assert claim
        await keep(call.session, claim, Document(call.session.actor.id, 0, b"{}", ""))
        raise


answer_once = edge._answer_once

RETRY = (
    Convention(
        topic="idempotency",
        name="one effect",
        rule="However often a keyed request is sent, also at once, it has one effect and one answer, marked when replayed.",
        proof=a_key_has_one_effect_and_one_answer,
        mutation=without((Call, "claim", always(None))),
    ),
    Convention(
        topic="idempotency",
        name="one transaction",
        rule="The key is stored in the transaction of the effect, with record and event.",
        proof=a_key_lies_in_the_transaction_of_its_effect,
        mutation=without((Records, "create", keeping_it_later)),
    ),
    Convention(
        topic="idempotency",
        name="one request",
        rule="A key that comes with another request answers 422.",
        proof=a_key_is_for_one_request,
        mutation=without((Call, "fingerprint", always(b"same"))),
    ),
    Convention(
        topic="idempotency",
        name="before all else",
        rule="A retried DELETE does not become 404, nor a retried PATCH the record of now.",
        proof=a_retry_repeats_the_first_answer,
        mutation=without((edge, "_answer_once", unguarded)),
    ),
    Convention(
        topic="idempotency",
        name="refusals anew",
        rule="A 4xx is computed anew.",
        proof=a_refusal_is_no_answer_to_keep,
        mutation=without((edge, "_answer_once", keeping_refusals)),
    ),
    Convention(
        topic="idempotency",
        name="in progress",
        rule="Whose key is still running at the deadline gets 409 with Retry-After.",
        proof=a_running_key_is_said_to_run,
        mutation=without((edge, "_refuse_while_running", eventually(None))),
        alone=True,
    ),
    Convention(
        topic="limits",
        name="deadline",
        rule="`Prefer: wait=N` shortens the time a request may take; then it answers 503 and has done nothing.",
        proof=a_request_ends_at_its_deadline,
        mutation=without((edge, "_allowed_s", lambda _, default_s: default_s)),
    ),
    Convention(
        topic="dry run",
        name="nothing is left",
        rule="With `Prefer: dry-run` a write answers what it would answer and write, writes nothing, and leaves its key free.",
        proof=a_preview_tells_what_would_happen_and_leaves_nothing,
        mutation=without((edge, "asked_for", lambda query, _: (query, False))),
    ),
    Convention(
        topic="concurrency",
        name="deadlock",
        rule="A transaction that PostgreSQL ends for a deadlock is tried again.",
        proof=a_deadlock_is_tried_again,
        mutation=without((edge, "ATTEMPTS", 1)),
    ),
)
