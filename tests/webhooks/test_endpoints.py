"""What an endpoint may say, who may say it, and what follows from it beside the record."""

from collections.abc import Mapping
from typing import Any
from uuid import UUID

import pytest

from app.domain.governance.service import administrator
from app.domain.registry import SCHEMA
from app.domain.webhooks import service
from app.domain.webhooks.service import WebhookService
from app.repositories.pool import Pool, Target
from app.repositories.session import Session
from tests.factories.webhooks import make_endpoint
from tests.world import Client, Place, World, running

BODY: Mapping[str, Any] = {"url": "https://example.com/hook", "eventTypes": ["contact.*"]}


async def test_an_endpoint_keeps_what_it_is_given(client: Client) -> None:
    given = {
        "name": "Warehouse",
        "url": "https://example.com:8443/in?from=rapport",
        "description": "Copies what is won.",
        "eventTypes": ["opportunity.created", "opportunity.updated"],
        "filter": 'changed(stage) && stage == "Won" && (isNew() || old.stage != "Won")',
        "payload": "thin",
        "apiVersion": "v1",
        "skipOrigins": ["import", f"user:{client.user_id}"],
        "disabled": True,
        "concurrency": 3,
        "perSecond": 0.25,
    }
    made, bare = await make_endpoint(client, **given), await make_endpoint(client)

    assert {name: made[name] for name in given} == given
    defaults = {"payload": "full", "apiVersion": "v1", "skipOrigins": [], "disabled": False, "concurrency": 10}
    assert {name: bare[name] for name in defaults} == defaults
    assert [bare[name] for name in ("filter", "perSecond", "disabledReason", "ownerId")] == [None] * 4
    assert "since" not in made


@pytest.mark.parametrize(
    ("wrong", "pointer", "code"),
    [
        ({"url": "http://example.com/hook"}, "/url", "refusedUrl"),
        ({"url": "https://user:secret@example.com/"}, "/url", "refusedUrl"),
        ({"url": "https://127.0.0.1/hook"}, "/url", "refusedUrl"),
        ({"url": "https://localhost:8443/hook"}, "/url", "refusedUrl"),
        ({"url": "hook"}, "/url", "refusedUrl"),
        ({"eventTypes": []}, "/eventTypes", "too_short"),
        ({"eventTypes": ["contact.created", "deal.created"]}, "/eventTypes/1", "unknownType"),
        ({"eventTypes": ["contact.won"]}, "/eventTypes/0", "string_pattern_mismatch"),
        ({"eventTypes": ["contact"]}, "/eventTypes/0", "string_pattern_mismatch"),
        ({"filter": "stage == 'Won'"}, "/filter", "unknownField"),
        ({"filter": "email == "}, "/filter", "syntax"),
        ({"filter": "account.name == 'Acme'"}, "/filter", "notHere"),
        ({"skipOrigins": ["user:me"]}, "/skipOrigins/0", "string_pattern_mismatch"),
        ({"payload": "tiny"}, "/payload", "literal_error"),
        ({"apiVersion": "v2"}, "/apiVersion", "literal_error"),
        ({"concurrency": 21}, "/concurrency", "less_than_equal"),
        ({"perSecond": 0}, "/perSecond", "greater_than"),
        ({"disabledReason": "gone"}, "/disabledReason", "extra_forbidden"),
    ],
)
async def test_what_cannot_be_is_refused_by_name_and_place(
    client: Client, wrong: dict[str, Any], pointer: str, code: str
) -> None:
    kept = await make_endpoint(client, **BODY)
    url = f"/webhook-endpoints/{kept['id']}"
    for answer in (
        await client.post("/webhook-endpoints", json={**BODY, **wrong}),
        await client.patch(url, json=wrong),
    ):
        assert answer.status_code == 422, answer.text
        fault = answer.json()["errors"][0]
        assert (fault["pointer"], fault["code"]) == (pointer, code)
    assert (await client.get(url)).json() == kept


async def test_a_mistake_in_the_filter_is_shown_by_its_position(client: Client) -> None:
    answer = await client.post("/webhook-endpoints", json={**BODY, "filter": "isNew() && emial != null"})
    params = answer.json()["errors"][0]["params"]
    assert (params["position"], params["end"], params["suggestion"]) == (11, 16, "email")


async def test_the_filter_holds_for_every_object_among_the_types(client: Client) -> None:
    url = f"/webhook-endpoints/{(await make_endpoint(client, **BODY, filter='changed(email)'))['id']}"
    for types, accepted in ((["contact.created", "user.*"], True), (["contact.*", "account.*"], False), (["*"], False)):
        answer = await client.patch(url, json={"eventTypes": types})
        assert (answer.status_code == 200) == accepted, (types, answer.text)
        assert accepted or answer.json()["errors"][0]["pointer"] == "/filter"
    assert (await client.patch(url, json={"eventTypes": ["*"], "filter": "changed(ownerId)"})).status_code == 200


async def test_an_endpoint_is_told_only_what_its_writer_may_read(world: World, client: Client) -> None:
    scopes = ["webhook-endpoints:read", "webhook-endpoints:write"]
    deaf = await world.key_of(client, scopes=[*scopes, "contacts:read"])
    narrow = await world.key_of(client, scopes=[*scopes, "contacts:read", "events:read"])
    made = await make_endpoint(narrow, **BODY)

    for key, types in ((deaf, ["contact.*"]), (narrow, ["account.created"]), (narrow, ["*"])):
        wanted = {"eventTypes": types}
        for answer in (
            await key.post("/webhook-endpoints", json=BODY | wanted),
            await key.patch(f"/webhook-endpoints/{made['id']}", json={**wanted, "filter": "isNew()"}),
        ):
            assert (answer.status_code, answer.json()["code"]) == (403, "missingScope"), types
    assert (await deaf.patch(f"/webhook-endpoints/{made['id']}", json={"name": "Mine"})).status_code == 200


async def test_where_the_operator_allows_it_an_endpoint_is_on_this_machine(place: Place) -> None:
    async with running(place, allow_loopback_callouts=True) as developing:
        client = await developing.tenant()
        await make_endpoint(client, url="http://127.0.0.1:9099/hook")
        elsewhere = await client.post("/webhook-endpoints", json={**BODY, "url": "http://10.0.0.1:9099/hook"})
    assert elsewhere.status_code == 422


async def test_without_an_encryption_key_no_endpoint_is_made(place: Place) -> None:
    async with running(place, encryption_keys=None) as keyless:
        client = await keyless.tenant()
        answer = await client.post("/webhook-endpoints", json=BODY)
        assert (answer.status_code, answer.json()["code"]) == (409, "noEncryptionKey")
        assert "CRM_ENCRYPTION_KEYS" in answer.json()["detail"]
        assert (await client.get("/webhook-endpoints")).json()["data"] == []


async def test_a_tenant_has_only_so_many_endpoints(
    client: Client, stranger: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(service, "MOST_ENDPOINTS", 2)
    for _ in range(2):
        kept = await make_endpoint(client)
    refused = await client.post("/webhook-endpoints", json=BODY)

    assert (refused.status_code, refused.json()["code"]) == (409, "tooManyEndpoints")
    await make_endpoint(stranger)
    assert (await client.patch(f"/webhook-endpoints/{kept['id']}", json={"name": "x"})).status_code == 200
    await client.delete(f"/webhook-endpoints/{kept['id']}")
    await make_endpoint(client)


@pytest.fixture
async def system(world: World, client: Client) -> Any:
    """The service as a worker uses it."""
    pool = Pool(Target(world.place.url, "rapport_app", size=1))
    yield WebhookService(Session(pool, administrator(client.tenant_id, client.user_id), SCHEMA, origin="system"))
    await pool.close()


async def test_the_system_says_why_it_disables_and_somebody_takes_it_back(
    client: Client, system: WebhookService
) -> None:
    made = await make_endpoint(client)
    url = f"/webhook-endpoints/{made['id']}"
    await system.disable(UUID(made["id"]), "gone")
    await system.disable(UUID(made["id"]), "failing")
    disabled = (await client.get(url)).json()
    event = (await client.get(f"{url}/history")).json()["data"][0]
    enabled = (await client.patch(url, json={"disabled": False})).json()
    by_hand = (await client.patch(url, json={"disabled": True})).json()
    await system.disable(UUID(made["id"]), "failing")

    assert (disabled["disabled"], disabled["disabledReason"], disabled["version"]) == (True, "gone", 2)
    assert (event["type"], event["origin"]) == ("webhookEndpoint.updated", "system")
    assert event["changedFields"] == ["disabled", "disabledReason"]
    assert (enabled["disabled"], enabled["disabledReason"]) == (False, None)
    assert (by_hand["disabled"], by_hand["disabledReason"]) == (True, None)
    assert (await client.get(url)).json() == by_hand


async def test_an_upsert_takes_back_what_the_system_said_as_well(client: Client, system: WebhookService) -> None:
    made = await make_endpoint(client, externalIds={"erp": "7"})
    await system.disable(UUID(made["id"]), "failing")
    enabled = await client.put("/webhook-endpoints/by/erp/7", json={**BODY, "disabled": False})
    assert (enabled.json()["disabled"], enabled.json()["disabledReason"]) == (False, None)


BESIDE = """
select (select array_agg(subscriber) from relay_position where tenant_id = $1) as subscribers,
       (select array[concurrency, per_second] from work_target
         where tenant_id = $1 and kind = 'webhook.delivery' and target = $2) as bears,
       (select failing_since from webhook_state where tenant_id = $1 and endpoint_id = $2::uuid) as failing_since
"""


async def test_the_relay_and_the_workers_learn_of_an_endpoint_as_it_is_written(client: Client, world: World) -> None:
    made = await make_endpoint(client, concurrency=4)
    url, known = f"/webhook-endpoints/{made['id']}", (client.tenant_id, made["id"])
    async with world.place.connect() as administrator_:
        first = dict(await administrator_.fetchrow(BESIDE, *known))
        await administrator_.execute(
            "update webhook_state set failing_since = now() where tenant_id = $1 and endpoint_id = $2::uuid", *known
        )
        await client.patch(url, json={"perSecond": 2.5, "disabled": True})
        disabled = dict(await administrator_.fetchrow(BESIDE, *known))
        await client.patch(url, json={"disabled": False})
        enabled = dict(await administrator_.fetchrow(BESIDE, *known))

    assert first == {"subscribers": ["webhooks"], "bears": [4, None], "failing_since": None}
    assert disabled["bears"] == [4, 2.5]
    assert disabled["failing_since"] is not None
    assert enabled["failing_since"] is None
