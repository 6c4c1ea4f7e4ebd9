"""Many operations in one request: as each would be alone, together or one by one."""

import asyncio
from typing import Any
from uuid import uuid4

import pytest

from app.api import batching, edge
from app.domain.kernel.ids import uuid7
from tests.world import Client, World

Json = dict[str, Any]


def op(method: str, path: str, body: Any = None, **more: Any) -> Json:
    return {"method": method, "path": path, **({} if body is None else {"body": body}), **more}


async def run(client: Client, *operations: Json, atomic: bool = True, **more: Any) -> Any:
    return await client.post("/batch", json={"atomic": atomic, "operations": operations}, **more)


async def count(client: Client, plural: str = "accounts") -> int:
    found: int = (await client.get(f"/{plural}?count=exact&limit=1")).json()["meta"]["count"]
    return found


ACME = op("POST", "/accounts", {"name": "Acme"}, id="a")
REFUSED = op("POST", "/accounts", {"name": "x", "employees": -1})


async def test_later_operations_refer_to_earlier_answers(client: Client) -> None:
    answer = await run(
        client,
        ACME,
        op("POST", "/contacts", {"lastName": "Ada", "accountId": {"$ref": "a.id"}}, id="c"),
        op("PATCH", "/accounts/{a.id}", {"industry": "Finance"}, headers={"If-Match": '"1-0a"'}),
        op("GET", "/contacts?accountId={a.id}&fields=lastName", id="list"),
        op("POST", "/contacts", {"lastName": {"$ref": "list.data.0.lastName"}}),
        op("PUT", "/accounts/by/sap/{a.name}%2F1", {"name": "Other"}),
        op("DELETE", "/contacts/{c.id}"),
    )
    assert answer.status_code == 200, answer.text
    results = answer.json()["results"]
    assert [one["status"] for one in results] == [201, 201, 200, 200, 201, 201, 204]
    assert [one["id"] for one in results] == ["a", "c", None, "list", None, None, None]
    account = results[0]["body"]
    assert results[1]["body"]["accountId"] == account["id"]
    assert results[0]["headers"]["Location"] == f"/api/v1/accounts/{account['id']}"
    assert results[2]["headers"]["ETag"] == (await client.get(f"/accounts/{account['id']}")).headers["etag"]
    assert results[3]["body"]["data"] == [{"lastName": "Ada"}]
    assert results[4]["body"]["lastName"] == "Ada"
    assert results[5]["body"]["externalIds"] == {"sap": "Acme/1"}
    assert results[5]["headers"]["Upsert-Outcome"] == "created"
    assert results[6]["body"] is None


async def test_together_the_first_refusal_undoes_all_and_says_where(client: Client) -> None:
    answer = await run(client, ACME, op("POST", "/contacts", {"lastName": "Ada"}), REFUSED, ACME | {"id": "z"})
    assert (answer.status_code, answer.headers["content-type"]) == (422, "application/problem+json")
    assert [one["pointer"] for one in answer.json()["errors"]] == ["/operations/2/body/employees"]
    assert (await count(client), await count(client, "contacts")) == (0, 0)
    assert (await client.get("/events?object=account")).json()["data"] == []


async def test_one_by_one_each_has_its_own_answer(client: Client) -> None:
    dependent = op("POST", "/contacts", {"lastName": "x", "accountId": {"$ref": "b.id"}})
    answer = await run(client, REFUSED | {"id": "b"}, dependent, ACME, op("GET", "/accounts/{b.id}"), atomic=False)
    results = answer.json()["results"]
    assert [one["status"] for one in results] == [422, 424, 201, 424]
    told = [(one["body"]["code"], [fault["pointer"] for fault in one["body"]["errors"]]) for one in results[:2]]
    assert told == [
        ("invalid", ["/operations/0/body/employees"]),
        ("operationFailed", ["/operations/1/body/accountId"]),
    ]
    assert results[0]["body"]["requestId"] == answer.headers["request-id"]
    assert (await count(client), await count(client, "contacts")) == (1, 0)


WRONG = {
    "an unknown path": (op("GET", "/nowhere"), 404, "notFound", "/operations/1/path"),
    "a method that the path does not know": (op("PUT", "/accounts", {}), 405, "methodNotAllowed", "/operations/1"),
    "a batch": (op("POST", "/batch", {}), 400, "notInBatch", "/operations/1/path"),
    "a stream": (op("GET", "/events/stream"), 400, "notInBatch", "/operations/1/path"),
    "a member that there is not": (op("GET", "/accounts/{a.nope}"), 422, "unknownMember", "/operations/1/path"),
    "a member inside of a text": (
        op("POST", "/accounts", {"name": {"$ref": "a.name.x"}}), 422, "unknownMember", "/operations/1/body/name"
    ),
    "an object in a path": (op("GET", "/accounts/{a.externalIds}"), 422, "badReference", "/operations/1/path"),
    "an unknown parameter": (op("GET", "/accounts?nonsense=1"), 400, "unknownField", "/operations/1/path"),
    "a bad tag": (
        op("PATCH", "/accounts/{a.id}", {"name": "y"}, headers={"If-Match": "x"}), 400, "badIfMatch",
        "/operations/1/headers/If-Match",
    ),
    "a stale tag": (
        op("PATCH", "/accounts/{a.id}", {"name": "y"}, headers={"If-Match": '"7-0a"'}), 412, "stale", "/operations/1"
    ),
    "no body": (op("POST", "/accounts"), 415, "unsupportedMedia", "/operations/1"),
    "a body that is no object": (op("POST", "/accounts", [1]), 422, "invalid", "/operations/1/body"),
    "a record that there is not": (op("GET", f"/accounts/{uuid4()}"), 404, "notFound", "/operations/1"),
}  # fmt: skip


@pytest.mark.parametrize(("operation", "status", "code", "pointer"), WRONG.values(), ids=WRONG.keys())
async def test_a_wrong_operation_is_refused_where_it_is_wrong(
    client: Client, operation: Json, status: int, code: str, pointer: str
) -> None:
    together, apart = await run(client, ACME, operation), await run(client, ACME, operation, atomic=False)
    assert together.status_code == status, together.text
    result = apart.json()["results"][1]
    assert result["status"] == status
    for problem in (together.json(), result["body"]):
        assert (problem["status"], problem["code"], problem["errors"][0]["pointer"]) == (status, code, pointer)
    assert await count(client) == 1


MALFORMED = {
    "the same id twice": ([ACME, ACME], ("duplicateId", "/operations/1/id")),
    "a reference to what comes later": (
        [op("GET", "/accounts/{a.id}"), ACME], ("forwardReference", "/operations/0/path")
    ),
    "a reference to itself": (
        [op("POST", "/accounts", {"name": {"$ref": "a.name"}}, id="a")], ("forwardReference", "/operations/0/body/name")
    ),
    "a reference to nobody": (
        [op("POST", "/accounts", {"a/b": [{"$ref": "z.id"}]})], ("unknownOperation", "/operations/0/body/a~1b/0")
    ),
    "a reference that is no text": (
        [op("POST", "/accounts", {"name": {"$ref": 5}})], ("badReference", "/operations/0/body/name")
    ),
    "a key of an operation": (
        [ACME | {"headers": {"Idempotency-Key": "x"}}], ("extra_forbidden", "/operations/0/headers/Idempotency-Key")
    ),
    "too many operations": ([op("GET", "/me")] * 501, ("too_long", "/operations")),
    "no operations": ([], ("too_short", "/operations")),
    "a path of another host": ([op("GET", "http://x/accounts")], ("string_pattern_mismatch", "/operations/0/path")),
    "an unknown method": ([op("TRACE", "/accounts")], ("literal_error", "/operations/0/method")),
}  # fmt: skip


@pytest.mark.parametrize(("operations", "fault"), MALFORMED.values(), ids=MALFORMED.keys())
async def test_operations_that_do_not_fit_together_are_refused_before_anything_is_done(
    client: Client, operations: list[Json], fault: tuple[str, str]
) -> None:
    for atomic in (True, False):
        answer = await run(client, *operations, atomic=atomic)
        assert answer.status_code == 422, answer.text
        assert fault in [(one["code"], one["pointer"]) for one in answer.json()["errors"]]
    assert await count(client) == 0


async def test_numbers_arrive_with_all_their_digits(client: Client) -> None:
    body = b'{"operations": [{"method": "POST", "path": "/accounts", "body": {"name": "x", "employees": %b}}]}'
    for number, pointer in ((b"123456789012345678901234567890", "employees"), (b"1e400", "employees")):
        answer = await client.post("/batch", content=body % number, headers={"Content-Type": "application/json"})
        assert answer.status_code == 422
        assert answer.json()["errors"][0]["pointer"] == f"/operations/0/body/{pointer}"


async def test_rights_are_those_of_each_operation(client: Client, world: World) -> None:
    reader = await world.key_of(client, scopes=["contacts:read"])
    answer = await run(reader, ACME, op("GET", "/contacts"), atomic=False)
    assert [one["status"] for one in answer.json()["results"]] == [403, 200]
    refused = await run(reader, ACME)
    assert (refused.status_code, refused.json()["errors"][0]["pointer"]) == (403, "/operations/0")


async def test_a_batch_under_a_key_is_done_once_and_answered_in_the_same_bytes(client: Client) -> None:
    key = {"Idempotency-Key": "once"}
    first, again = [
        await run(client, ACME, op("DELETE", "/accounts/{a.id}"), ACME | {"id": "b"}, headers=key) for _ in "12"
    ]
    assert (first.status_code, first.content) == (200, again.content)
    assert again.headers["idempotent-replayed"] == "true"
    other = await run(client, ACME, headers=key)
    assert (other.status_code, other.json()["code"]) == (422, "keyReused")
    assert await count(client) == 1


async def test_a_refused_batch_leaves_its_key_free(client: Client) -> None:
    key = {"Idempotency-Key": "once"}
    taken = (await client.post("/accounts", json={"name": "x", "externalIds": {"sap": "1"}})).json()["id"]
    clash = op("POST", "/accounts", {"name": "y", "externalIds": {"sap": "1"}})
    assert (await run(client, ACME, clash, headers=key)).status_code == 409
    await client.delete(f"/accounts/{taken}")
    assert (await run(client, ACME, clash, headers=key)).status_code == 200


async def test_one_by_one_a_retry_repeats_what_was_done_and_tries_the_rest_again(client: Client) -> None:
    key = {"Idempotency-Key": "k" * 255}
    taken = (await client.post("/accounts", json={"name": "x", "externalIds": {"sap": "1"}})).json()["id"]
    clash = op("POST", "/accounts", {"name": "y", "externalIds": {"sap": "1"}}, id="b")
    sent = (ACME, clash, op("PATCH", "/accounts/{b.id}", {"name": "z"}), op("DELETE", "/accounts/{a.id}"))
    first = (await run(client, *sent, atomic=False, headers=key)).json()["results"]
    assert [one["status"] for one in first] == [201, 409, 424, 204]
    await client.delete(f"/accounts/{taken}")
    again = (await run(client, *sent, atomic=False, headers=key)).json()["results"]
    assert [one["status"] for one in again] == [201, 201, 200, 204]
    assert [one["headers"].get("Idempotent-Replayed") for one in again] == ["true", None, None, "true"]
    assert again[0]["body"] == first[0]["body"]
    other = await run(client, *sent[:3], atomic=False, headers=key)
    assert (other.status_code, other.json()["code"]) == (422, "keyReused")
    single = await client.post("/accounts", json={"name": "x"}, headers=key)
    assert (single.status_code, single.json()["code"]) == (422, "keyReused")


async def test_secrets_are_shown_but_never_kept(client: Client, world: World) -> None:
    make = op("POST", "/api-keys", {"name": "Website", "scopes": ["contacts:read"]})
    answer = await run(client, make)
    secret = answer.json()["results"][0]["body"]["key"]
    assert answer.headers["cache-control"] == "no-store"
    kept = await run(client, make, headers={"Idempotency-Key": "k"})
    assert (kept.status_code, kept.json()["code"]) == (422, "secretNotKept")
    apart = await run(client, make, atomic=False, headers={"Idempotency-Key": "l"})
    async with world.place.connect() as administrator:
        stored = await administrator.fetch("select body from idempotency where tenant_id = $1", client.tenant_id)
    for shown in (secret, apart.json()["results"][0]["body"]["key"]):
        assert shown.count("_") == 3
        assert not [row for row in stored if row["body"] and shown in row["body"]]


async def test_each_operation_counts_against_the_limit(client: Client, world: World) -> None:
    slow = await world.key_of(client, rateLimitPerMinute=10)
    answer = await run(slow, *[op("GET", "/me")] * 6)
    assert (answer.status_code, answer.headers["ratelimit"].split(";")[1]) == (200, "r=4")
    refused = await run(slow, *[op("GET", "/me")] * 6)
    assert (refused.status_code, refused.json()["code"]) == (429, "rateLimited")
    assert refused.headers["ratelimit"].split(";")[1] == "r=3"
    assert (await run(slow, *[op("GET", "/me")] * 3)).status_code == 200


async def test_a_preview_of_a_batch_is_the_plan_of_all_of_it(client: Client) -> None:
    sent = (ACME, op("POST", "/contacts", {"lastName": "Ada", "accountId": {"$ref": "a.id"}}))
    for atomic in (True, False):
        plan = (await run(client, *sent, atomic=atomic, headers={"Prefer": "dry-run"})).json()
        assert [one["status"] for one in plan["body"]["results"]] == [201, 201]
        assert [(one["object"], one["change"]) for one in plan["writes"]] == [
            ("account", "created"),
            ("contact", "created"),
        ]
        assert plan["writes"][1]["changes"]["accountId"] == [None, plan["writes"][0]["recordId"]]
    apart = (await run(client, ACME, REFUSED, ACME | {"id": "z"}, atomic=False, headers={"Prefer": "dry-run"})).json()
    assert [one["status"] for one in apart["body"]["results"]] == [201, 422, 201]
    assert len(apart["writes"]) == 2
    assert (await run(client, ACME, REFUSED, headers={"Prefer": "dry-run"})).status_code == 422
    assert await count(client) == 0


async def test_answers_that_grow_too_long_end_the_batch(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(batching, "MOST_BYTES", 1_000)
    results = (await run(client, *[op("GET", "/limits")] * 8, atomic=False)).json()["results"]
    assert (results[0]["status"], results[-1]["status"]) == (200, 413)


async def test_ids_chosen_by_the_client_are_taken_once(client: Client) -> None:
    chosen = str(uuid7())
    create = op("POST", "/accounts", {"name": "x", "id": chosen})
    results = (await run(client, create, create, atomic=False)).json()["results"]
    assert [one["status"] for one in results] == [201, 409]
    assert results[1]["body"]["errors"][0]["pointer"] == "/operations/1/body/id"


@pytest.mark.parametrize(("attempts", "statuses"), [(edge.ATTEMPTS, [200, 200]), (1, [200, 503])])
async def test_of_two_batches_that_wait_for_one_another_one_is_repeated_as_a_whole(
    client: Client, monkeypatch: pytest.MonkeyPatch, attempts: int, statuses: list[int]
) -> None:
    """The second case shows that without the repetition one would have been lost to the deadlock."""
    monkeypatch.setattr(edge, "ATTEMPTS", attempts)
    first, second = [(await client.post("/accounts", json={"name": "Acme"})).json()["id"] for _ in range(2)]

    meanwhile = [op("GET", "/accounts?limit=1")] * 200
    await asyncio.gather(*(run(client, *meanwhile) for _ in range(4)))  # so that nobody waits for a connection later

    def both(name: str, *ids: str) -> list[Json]:
        head, last = (op("PATCH", f"/accounts/{one}", {"industry": name}) for one in ids)
        return [head, *meanwhile, last]

    answers = await asyncio.gather(
        run(client, *both("Finance", first, second)), run(client, *both("Energy", second, first))
    )
    assert sorted(one.status_code for one in answers) == statuses
    shown = [(await client.get(f"/accounts/{one}")).json() for one in (first, second)]
    assert {one["version"] for one in shown} == {1 + statuses.count(200)}
    assert len({one["industry"] for one in shown}) == 1
