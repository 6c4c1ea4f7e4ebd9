"""Random operations, and what they come to when each is sent alone, one after the other: the model of a batch."""

import json
from collections.abc import Mapping, Sequence
from random import Random
from typing import Any
from uuid import UUID

import httpx

from tests.readme.page import Normal
from tests.world import Client

Json = dict[str, Any]
OWN = ("createdAt", "createdBy", "modifiedAt", "modifiedBy", "requestId")  # of a tenant and of a moment


def operations(rng: Random, number: int) -> list[Json]:
    """On a handful of accounts and contacts, so that they meet; some refer to earlier ones, some cannot succeed."""
    ids = [str(UUID(int=rng.getrandbits(128), version=4)) for _ in range(4)]
    return [{"id": f"o{place}", **_operation(rng, place, ids)} for place in range(number)]


def _operation(rng: Random, place: int, ids: Sequence[str]) -> Json:
    account, contact = rng.choice(ids[:2]), rng.choice(ids[2:])
    earlier = {"$ref": f"o{rng.randrange(place)}.id"} if place and rng.random() < 0.4 else account
    name = f"n{rng.randrange(100)}"
    return rng.choice(
        [
            {"method": "POST", "path": "/accounts", "body": {"id": account, "name": name}},
            {"method": "POST", "path": "/accounts", "body": {"id": account, "name": name}},
            {"method": "POST", "path": "/accounts", "body": {"name": name, "employees": rng.choice([-1, 5])}},
            {"method": "POST", "path": "/contacts", "body": {"id": contact, "lastName": name, "accountId": earlier}},
            {"method": "PATCH", "path": f"/accounts/{account}", "body": {"parentId": earlier}},
            {"method": "PATCH", "path": f"/contacts/{contact}", "body": {"phone": rng.choice(["+4930123456", "x"])}},
            _edit(rng, account),
            {"method": "PUT", "path": f"/accounts/by/sap/{rng.randrange(2)}", "body": {"name": name}},
            {"method": "DELETE", "path": f"/{rng.choice(['accounts', 'contacts'])}/{rng.choice(ids)}"},
            {"method": "POST", "path": f"/accounts/{account}/restore"},
            {"method": "GET", "path": "/accounts?sort=name&fields=name,version"},
            {"method": "GET", "path": f"/accounts/{{o{rng.randrange(place)}.id}}" if place else "/limits?nonsense=1"},
        ]
    )


def _edit(rng: Random, account: str) -> Json:
    tag = f'"{rng.randint(1, 3)}-0a"'
    return {"method": "PATCH", "path": f"/accounts/{account}", "body": {"country": "DE"}, "headers": {"If-Match": tag}}


async def alone(client: Client, sent: Sequence[Json], *, all_or_nothing: bool) -> list[tuple[int, Any]]:
    """Status and body of each. Where all depends on all, none comes after the first refusal."""
    done: dict[str, tuple[int, Any]] = {}
    for one in sent:
        done[one["id"]] = await _alone(client, one, done)
        if all_or_nothing and done[one["id"]][0] >= 400:
            break
    return list(done.values())


async def _alone(client: Client, one: Json, done: Mapping[str, tuple[int, Any]]) -> tuple[int, Any]:
    path, body = one["path"], dict(one["body"]) if "body" in one else None
    names = [value["$ref"] for value in (body or {}).values() if isinstance(value, dict)]
    names += [path.partition("{")[2].removesuffix("}")] if "{" in path else []
    for name in names:
        status, found = done[name.partition(".")[0]]
        if status >= 400:
            return 424, {"code": "operationFailed"}
        if "id" not in (found or {}):
            return 422, {"code": "unknownMember"}
        path = path.replace(f"{{{name}}}", found["id"])
        body = body and {key: found["id"] if value == {"$ref": name} else value for key, value in body.items()}
    answer = await client.request(one["method"], path, json=body, headers=one.get("headers", {}))
    return answer.status_code, answer.json() if answer.content else None


def results(answer: httpx.Response) -> list[tuple[int, Any]]:
    return [(one["status"], one["body"]) for one in answer.json()["results"]]


def comparable(answers: Sequence[tuple[int, Any]]) -> str:
    """The same text for the same answers, whoever gave them when, and wherever the refused values stood."""
    return Normal()(json.dumps([(status, _plain(body, place)) for place, (status, body) in enumerate(answers)]))


def _plain(body: Any, place: int) -> Any:
    if isinstance(body, dict) and "code" in body:
        where = f"/operations/{place}"
        pointers = [one["pointer"].removeprefix(f"{where}/body") for one in body.get("errors", ())]
        known = {"operationFailed", "unknownMember"}
        named = [] if body["code"] in known else [one for one in pointers if not one.startswith(where)]
        return body["code"], [one for one in named if one.startswith("/")]
    return {name: one for name, one in body.items() if name not in OWN} if isinstance(body, dict) else body
