"""Conventions of single writes."""

import asyncio
import json
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

from pydantic import BaseModel

from app.api import edge
from app.api import records as record_routes
from app.api.answer import Answer
from app.api.edge import Call
from app.domain.kernel.changes import Change, merge
from app.domain.kernel.ids import uuid7
from app.domain.kernel.query import Document
from app.domain.kernel.schemas import RecordRead
from app.domain.records import service
from app.repositories import refusals, writing
from app.repositories.events import EventLog
from app.repositories.records import Records
from app.repositories.writing import WriteShape
from tests.contract.convention import (
    Case,
    Convention,
    Json,
    always,
    created,
    eventually,
    is_problem,
    until_waiting,
    without,
)

log_edits, new_row = EventLog.edits, writing.creation


async def create_answers_the_record_and_where_it_is(case: Case) -> None:
    chosen = str(uuid7())
    answer = await case.client.post("/accounts", json={"name": "Acme", "id": chosen})
    assert (answer.status_code, answer.json()["id"]) == (201, chosen)
    assert answer.headers.get("location") == f"/api/v1/accounts/{chosen}"
    got = await case.client.get(f"http://test{answer.headers['location']}")
    assert (got.content, got.headers["etag"]) == (answer.content, answer.headers["etag"])


async def a_deleted_id_stays_taken(case: Case) -> None:
    made = await created(case.client)
    assert (await case.client.delete(f"/accounts/{made['id']}")).status_code == 204
    again = await case.client.post("/accounts", json={"name": "Other", "id": made["id"]})
    is_problem(again, 409, "idTaken")


async def what_is_left_out_stays_and_null_clears(case: Case) -> None:
    url = f"/accounts/{(await created(case.client, industry='Finance', employees=3))['id']}"
    edited = (await case.client.patch(url, json={"employees": None})).json()
    assert (edited["name"], edited["industry"], edited["employees"], edited["version"]) == ("Acme", "Finance", None, 2)


async def merge_patch_is_a_content_type(case: Case) -> None:
    url = f"/accounts/{(await created(case.client))['id']}"
    headers = {"Content-Type": "application/merge-patch+json; charset=utf-8"}
    edited = await case.client.patch(url, content=b'{"name":"Globex"}', headers=headers)
    assert edited.status_code == 200, edited.text
    assert edited.json()["name"] == "Globex"


async def disjoint_edits_merge_and_overlapping_ones_clash(case: Case) -> None:
    url = f"/accounts/{(await created(case.client, name='one', employees=1))['id']}"
    await case.client.patch(url, json={"name": "theirs"})
    merged = await case.client.patch(url, json={"baseVersion": 1, "employees": 2})
    assert (merged.json()["name"], merged.json()["employees"]) == ("theirs", 2)
    told = is_problem(await case.client.patch(url, json={"baseVersion": 1, "name": "yours"}), 409, "clash")
    assert told["errors"][0]["pointer"] == "/name"
    assert told["errors"][0]["params"] == {"base": "one", "theirs": "theirs", "yours": "yours"}


async def too_old_a_base_is_refused(case: Case) -> None:
    made = await created(case.client)
    url = f"/accounts/{made['id']}"
    for name in ("one", "two"):
        await case.client.patch(url, json={"name": name})
    async with case.world.place.connect("rapport_owner") as owner:
        await owner.execute("delete from event where record_id = $1 and version = 2", made["id"])
    answer = await case.client.patch(url, json={"baseVersion": 1, "employees": 2})
    is_problem(answer, 409, "baseTooOld")


async def delete_moves_to_the_bin(case: Case) -> None:
    url = f"/accounts/{(await created(case.client))['id']}"
    gone = await case.client.delete(url)
    assert (gone.status_code, gone.content) == (204, b"")
    is_problem(await case.client.get(url), 404, "notFound")
    assert (await case.client.get("/accounts")).json()["data"] == []


async def restore_brings_back(case: Case) -> None:
    made = await created(case.client, employees=3)
    url = f"/accounts/{made['id']}"
    await case.client.delete(url)
    back = await case.client.post(f"{url}/restore")
    assert back.status_code == 200, back.text
    assert (back.json()["version"], back.json()["employees"]) == (3, 3)
    is_problem(await case.client.post(f"{url}/restore"), 404, "notFound")


async def restore_names_what_is_in_its_way(case: Case) -> None:
    parent = await created(case.client)
    url = f"/accounts/{(await created(case.client, parentId=parent['id']))['id']}"
    for gone in (url, f"/accounts/{parent['id']}"):
        assert (await case.client.delete(gone)).status_code == 204
    told = is_problem(await case.client.post(f"{url}/restore"), 409, "missingReference")
    assert told["errors"][0]["pointer"] == "/parentId"


async def what_is_referred_to_stays(case: Case) -> None:
    parent = await created(case.client)
    await created(case.client, "/contacts", accountId=parent["id"])
    told = is_problem(await case.client.delete(f"/accounts/{parent['id']}"), 409, "referenced")
    assert [fault["params"] for fault in told["errors"]] == [{"object": "contact", "field": "accountId", "records": 1}]


async def a_reference_must_be_visible(case: Case) -> None:
    foreign = (await created(case.stranger))["id"]
    answers = [
        await case.client.post("/contacts", json={"lastName": "x", "accountId": id_}) for id_ in (foreign, str(uuid7()))
    ]
    for answer in answers:
        told = is_problem(answer, 422, "unknownReference")
        assert told["errors"][0]["pointer"] == "/accountId"


async def upsert_says_what_it_did(case: Case) -> None:
    outcomes = []
    for name in ("one", "two", "two"):
        answer = await case.client.put("/accounts/by/sap/1", json={"name": name})
        assert answer.status_code == (200 if outcomes else 201), answer.text
        outcomes.append(answer.headers["upsert-outcome"])
    assert outcomes == ["created", "updated", "unchanged"]
    assert (await case.client.get("/accounts/by/sap/1")).json()["name"] == "two"


async def upserts_at_once_make_one_record(case: Case) -> None:
    """Held up until some have looked and found none."""
    async with asyncio.TaskGroup() as group, case.world.place.connect() as other, other.transaction():
        await other.execute("lock table external_id in share mode")
        put = case.client.put
        tasks = [group.create_task(put("/accounts/by/sap/1", json={"name": "x"})) for _ in range(12)]
        await until_waiting(case, 3)
    answers = [task.result() for task in tasks]
    assert sorted(answer.status_code for answer in answers) == [200] * 11 + [201]
    assert len((await case.client.get("/accounts")).json()["data"]) == 1


async def if_match_refuses_a_stale_write(case: Case) -> None:
    url = f"/accounts/{(await created(case.client))['id']}"
    tag = (await case.client.get(f"{url}?fields=name")).headers["etag"]
    assert (await case.client.patch(url, json={"name": "one"}, headers={"If-Match": tag})).status_code == 200
    is_problem(await case.client.patch(url, json={"name": "two"}, headers={"If-Match": tag}), 412, "stale")
    is_problem(await case.client.delete(url, headers={"If-Match": tag}), 412, "stale")
    assert (await case.client.delete(url, headers={"If-Match": "*"})).status_code == 204


async def if_match_takes_no_tag_of_bytes(case: Case) -> None:
    url = f"/accounts/{(await created(case.client))['id']}"
    tag = (await case.client.get(f"{url}?expand=parent")).headers["etag"]
    is_problem(await case.client.patch(url, json={"name": "one"}, headers={"If-Match": tag}), 400, "badIfMatch")


async def unknown_members_are_refused(case: Case) -> None:
    told = is_problem(await case.client.post("/accounts", json={"name": "x", "nope": 1}), 422, "invalid")
    assert told["errors"][0]["pointer"] == "/nope"


async def types_are_not_guessed(case: Case) -> None:
    for value in ("3", 3.0, True, [3]):
        told = is_problem(await case.client.post("/accounts", json={"name": "x", "employees": value}), 422, "invalid")
        assert told["errors"][0]["pointer"] == "/employees"


async def broken_json_is_refused(case: Case) -> None:
    headers = {"Content-Type": "application/json"}
    for body in (
        b'{"name":',
        b'{"name":"a","name":"b"}',
        b'{"employees":NaN,"name":"a"}',
        b"",
        b'"\\ud800"',
        b"[" * 9_999,
    ):
        is_problem(await case.client.post("/accounts", content=body, headers=headers), 400, "malformedJson")


def ignoring_null(before: RecordRead, patch: Json) -> Change[RecordRead]:
    return merge(before, {name: value for name, value in patch.items() if value is not None})


async def enough_edits(*arguments: Any) -> Any:
    return [*await log_edits(*arguments), {}]


def without_looking(kind: Any, shape: WriteShape, targets: Any) -> Any:
    return new_row(kind, replace(shape, chosen_id=False), targets)


def leniently(self: Call, model: type[BaseModel]) -> BaseModel:
    return model.model_validate_json(self.body, extra="ignore", strict=True)


def guessing(self: Call, model: type[BaseModel]) -> BaseModel:
    return model.model_validate_json(self.body)


def any_json(body: bytes, **_: Any) -> Any:
    try:
        return json.loads(body)
    except (ValueError, RecursionError):
        return {}


def as_if_created(*_: Any) -> Exception:
    return refusals.unknown_reference("parent_id")


WRITING = (
    Convention(
        topic="ids",
        name="create",
        rule="POST answers 201 with the record, its ETag and its Location; the client may choose the id.",
        proof=create_answers_the_record_and_where_it_is,
        mutation=without((record_routes, "show", lambda document, status, _: Answer(status, document.body))),
    ),
    Convention(
        topic="ids",
        name="taken id",
        rule="An id stays taken while its record lies in the bin.",
        proof=a_deleted_id_stays_taken,
        mutation=without((writing, "creation", without_looking)),
    ),
    Convention(
        topic="patch",
        name="merge patch",
        rule="What a PATCH leaves out stays, null clears.",
        proof=what_is_left_out_stays_and_null_clears,
        mutation=without((service, "merge", ignoring_null)),
    ),
    Convention(
        topic="patch",
        name="content type",
        rule="application/merge-patch+json is read.",
        proof=merge_patch_is_a_content_type,
        mutation=without((edge, "_MERGE_PATCH", b"none")),
    ),
    Convention(
        topic="concurrency",
        name="three-way merge",
        rule="On a baseVersion disjoint edits merge; overlapping ones answer 409 with base, theirs and yours.",
        proof=disjoint_edits_merge_and_overlapping_ones_clash,
        mutation=without((service, "clashes", always([]))),
    ),
    Convention(
        topic="concurrency",
        name="base too old",
        rule="A base whose later edits are no longer kept answers 409.",
        proof=too_old_a_base_is_refused,
        mutation=without((EventLog, "edits", enough_edits)),
    ),
    Convention(
        topic="list",
        name="delete",
        rule="DELETE answers 204 and the record is gone from every read.",
        proof=delete_moves_to_the_bin,
        mutation=without((Records, "delete", eventually(Document(uuid7(), 2, b"", "", fresh=True)))),
    ),
    Convention(
        topic="list",
        name="restore",
        rule="A restored record is as it was, with the next version.",
        proof=restore_brings_back,
        mutation=without((Records, "restore", eventually(None))),
    ),
    Convention(
        topic="errors",
        name="409 restore",
        rule="A restore that cannot be answers 409 and names what is in its way.",
        proof=restore_names_what_is_in_its_way,
        mutation=without((refusals, "_dangling", as_if_created)),
    ),
    Convention(
        topic="errors",
        name="409 referenced",
        rule="What others refer to cannot be deleted; the answer names them.",
        proof=what_is_referred_to_stays,
        mutation=without((Records, "blockers", eventually([]))),
    ),
    Convention(
        topic="errors",
        name="422 reference",
        rule="A reference to a record that is missing or foreign is refused with its place.",
        proof=a_reference_must_be_visible,
        mutation=without(
            (refusals, "unknown_reference", lambda _: RuntimeError()), (Records, "_refuse_dangling", eventually(None))
        ),
    ),
    Convention(
        topic="upsert",
        name="outcome",
        rule="PUT by external id says whether it created, updated or left unchanged.",
        proof=upsert_says_what_it_did,
        mutation=without((Records, "by_external_id", eventually(None))),
    ),
    Convention(
        topic="upsert",
        name="race",
        rule="Upserts of one external id at once make one record.",
        proof=upserts_at_once_make_one_record,
        mutation=without((service, "ATTEMPTS", 1)),
    ),
    Convention(
        topic="concurrency",
        name="If-Match",
        rule="If-Match compares the version, whatever the view, and refuses a stale write with 412.",
        proof=if_match_refuses_a_stale_write,
        mutation=without((Call, "if_match", always(None))),
    ),
    Convention(
        topic="concurrency",
        name="If-Match of bytes",
        rule="The ETag of an expanded record or a list cannot be used for If-Match.",
        proof=if_match_takes_no_tag_of_bytes,
        mutation=without((Call, "if_match", always(None))),
    ),
    Convention(
        topic="errors",
        name="422 member",
        rule="An unknown member of a body is refused with its pointer.",
        proof=unknown_members_are_refused,
        mutation=without((Call, "read", leniently)),
    ),
    Convention(
        topic="errors",
        name="422 type",
        rule="No type is guessed from another.",
        proof=types_are_not_guessed,
        mutation=without((Call, "read", guessing)),
    ),
    Convention(
        topic="errors",
        name="malformed JSON",
        rule="A body that is no JSON, repeats a member or holds NaN answers 400.",
        proof=broken_json_is_refused,
        mutation=without((edge, "jiter", SimpleNamespace(from_json=any_json))),
    ),
)
