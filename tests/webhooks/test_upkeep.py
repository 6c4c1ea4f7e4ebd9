"""What workers do by the hour for endpoints: expired secrets go, old ones are sealed anew, and no delivery waits for ever."""

import base64
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest

from app.domain.kernel.ids import uuid7
from app.domain.kernel.sealing import Seal
from app.domain.webhooks.rules import place_of
from app.repositories.housekeeping import connected
from app.workers.housekeeping import forget_expired_secrets, seal_anew, settle_discarded_deliveries
from tests.factories.accounts import make_account
from tests.factories.webhooks import log_delivery, make_endpoint
from tests.world import ENCRYPTION_KEYS, Client, World

KEY = base64.b64decode(ENCRYPTION_KEYS.removeprefix("1:"))
OLD_KEY, LOST_KEY = bytes(32), bytes([7] * 32)


async def secrets(client: Client, endpoint: dict[str, Any]) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = (await client.get(f"/webhook-endpoints/{endpoint['id']}/secret")).json()["data"]
    return found


async def run(world: World, statement: str, *given: Any) -> Any:
    async with world.place.connect() as administrator:
        return await administrator.fetchval(statement, *given)


async def test_expired_secrets_go_and_the_others_stay(client: Client, world: World) -> None:
    endpoint = await make_endpoint(client)
    rotated = f"/webhook-endpoints/{endpoint['id']}/rotate-secret"
    assert (await client.post(rotated, json={"expireOldAfterSeconds": 0})).status_code == 200
    assert (await client.post(rotated, json={"expireOldAfterSeconds": 600})).status_code == 200
    live = await secrets(client, endpoint)

    async with connected(world.place.url, "rapport_owner") as owner:
        await forget_expired_secrets(owner)

    kept = "select array_agg(id order by created_at desc) from webhook_secret where endpoint_id = $1"
    assert [UUID(one["id"]) for one in live] == await run(world, kept, UUID(endpoint["id"]))
    assert len(live) == 2


async def test_what_is_sealed_under_an_older_key_is_sealed_anew_and_what_does_not_open_stays(
    client: Client, world: World, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO")
    endpoint, lost = await make_endpoint(client), await make_endpoint(client)
    plain = (await secrets(client, endpoint))[0]["secret"].encode()
    await seal_under(world, client, endpoint, OLD_KEY, plain)
    before = await seal_under(world, client, lost, LOST_KEY, plain)

    async with connected(world.place.url, "rapport_owner") as owner:
        await seal_anew(Seal({0: OLD_KEY, 1: KEY}), owner)

    assert (await secrets(client, endpoint))[0]["secret"].encode() == plain
    sealed = "select sealed from webhook_secret where endpoint_id = $1"
    assert await run(world, sealed, UUID(lost["id"])) == before
    assert "1 secrets are sealed anew, under key 1" in caplog.text
    assert "1 secrets do not open with the keys that are set" in caplog.text


async def seal_under(world: World, client: Client, endpoint: dict[str, Any], key: bytes, plain: bytes) -> bytes:
    """As a key of number 0, which is older than that of the tests' installation."""
    secret = (await secrets(client, endpoint))[0]
    place = place_of(client.tenant_id, UUID(endpoint["id"]), UUID(secret["id"]))
    sealed = Seal({0: key}).seal(plain, place)
    await run(world, "update webhook_secret set sealed = $2 where id = $1", UUID(secret["id"]), sealed)
    return sealed


async def test_a_delivery_whose_parked_work_was_discarded_has_failed_and_one_that_waits_has_not(
    client: Client, world: World
) -> None:
    endpoint, account = await make_endpoint(client), await make_account(client)
    discarded, parked = [await logged(world, client, endpoint, account) for _ in range(2)]
    await run(
        world,
        "insert into work (tenant_id, id, kind, key, state) values ($1, $2, 'webhook.delivery', ($2::uuid)::text, 'parked')",
        client.tenant_id,
        UUID(parked),
    )
    async with connected(world.place.url, "rapport_work") as work:
        await settle_discarded_deliveries(work)

    states = {one: (await shown(client, endpoint, one))["state"] for one in (discarded, parked)}
    assert states == {discarded: "failed", parked: "pending"}
    assert (await shown(client, endpoint, discarded))["settledAt"] is not None


async def logged(world: World, client: Client, endpoint: dict[str, Any], account: dict[str, Any]) -> str:
    await client.patch(f"/accounts/{account['id']}", json={"name": f"{uuid7()}"})
    made = await log_delivery(world, client, endpoint["id"], account["id"])
    earlier = "update webhook_delivery set created_at = now() - $2::interval where id = $1"
    await run(world, earlier, UUID(made), timedelta(hours=1))
    return made


async def shown(client: Client, endpoint: dict[str, Any], delivery: str) -> dict[str, Any]:
    found: dict[str, Any] = (await client.get(f"/webhook-endpoints/{endpoint['id']}/deliveries/{delivery}")).json()
    return found
