"""What the API answers after a load, in terms of the files: by their keys, not by ids."""

from collections.abc import AsyncIterator

import httpx

OBJECTS = ("users", "accounts", "products", "opportunities")
REFERENCES = ("ownerId", "managerId", "parentId", "accountId", "productId", "pipelineId")
OF_THE_RUN = ("id", "createdAt", "createdBy", "modifiedAt", "modifiedBy", "stageChangedAt", "closedAt")


async def records(client: httpx.AsyncClient, path: str, **query: str) -> AsyncIterator[dict]:
    cursor = {}
    while True:
        answer = await client.get(path, params={"limit": 200, **query, **cursor})
        assert answer.status_code == 200, answer.text
        page = answer.json()
        for record in page["data"]:
            yield record
        if not page["page"]["hasMore"]:
            return
        cursor = {"cursor": page["page"]["nextCursor"]}


async def counted(client: httpx.AsyncClient, path: str, **query: str) -> int:
    answer = await client.get(path, params={**query, "count": "exact", "limit": 1})
    assert answer.status_code == 200, answer.text
    return answer.json()["meta"]["count"]


async def everything(client: httpx.AsyncClient) -> dict[tuple[str, str], dict]:
    """All that was loaded, by object and key."""
    found = {}
    for name in OBJECTS:
        async for record in records(client, f"/{name}", sort="createdAt"):
            if "sample" in record["externalIds"]:
                found[name, record["externalIds"]["sample"]] = record
    return found


def without_ids(found: dict[tuple[str, str], dict]) -> dict[tuple[str, str], dict]:
    """Comparable from tenant to tenant: what was not loaded, as the administrator, is called so."""
    keys = {record["id"]: key for (_, key), record in found.items()} | {None: None}
    return {
        place: {
            name: keys.get(value, "not loaded") if name in REFERENCES else value
            for name, value in record.items()
            if name not in OF_THE_RUN
        }
        for place, record in found.items()
    }
