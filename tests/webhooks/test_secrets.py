"""What an endpoint signs with, and the headers of its own: sealed, shown where they must be, and nowhere else."""

import logging
from base64 import b64encode
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest

from app.domain.webhooks.signing import new_private_key, new_shared_secret, public_key
from app.repositories.verify_schema import TENANT_TABLES, WITHOUT_TENANT
from tests.factories.webhooks import log_delivery, make_endpoint
from tests.world import Client, World


@pytest.fixture
async def url(client: Client) -> str:
    return f"/webhook-endpoints/{(await make_endpoint(client))['id']}"


async def live(client: Client, url: str) -> list[dict[str, Any]]:
    answer = await client.get(f"{url}/secret")
    assert (answer.status_code, answer.headers["cache-control"]) == (200, "no-store")
    found: list[dict[str, Any]] = answer.json()["data"]
    return found


async def rotate(client: Client, url: str, **data: Any) -> dict[str, Any]:
    answer = await client.post(f"{url}/rotate-secret", json=data)
    assert (answer.status_code, answer.headers["cache-control"]) == (200, "no-store"), answer.text
    new: dict[str, Any] = answer.json()
    return new


async def test_a_new_endpoint_has_a_secret_of_its_own(client: Client, url: str) -> None:
    (one,) = await live(client, url)
    (other,) = await live(client, f"/webhook-endpoints/{(await make_endpoint(client))['id']}")

    assert one["secret"].startswith("whsec_")
    assert one["secret"] != other["secret"]
    assert (one["kind"], one["publicKey"], one["expiresAt"]) == ("symmetric", None, None)


async def test_two_secrets_live_while_one_replaces_the_other(client: Client, url: str) -> None:
    (first,) = await live(client, url)
    new = await rotate(client, url)
    newest, old = await live(client, url)
    left = datetime.fromisoformat(old["expiresAt"]) - datetime.now(UTC)  # noqa: TID251  # compared with the database's time

    assert (newest, new["expiresAt"]) == (new, None)
    assert (old["id"], old["secret"]) == (first["id"], first["secret"])
    assert timedelta(hours=23) < left <= timedelta(hours=24)


async def test_a_secret_that_is_out_ends_at_once(client: Client, url: str) -> None:
    await rotate(client, url)
    new = await rotate(client, url, expireOldAfterSeconds=0)
    assert await live(client, url) == [new]


async def test_a_secret_may_be_brought_along(client: Client, url: str) -> None:
    for kind, secret in (("symmetric", new_shared_secret()), ("asymmetric", new_private_key())):
        new = await rotate(client, url, kind=kind, secret=secret)
        shown = (secret, None) if kind == "symmetric" else (None, public_key(secret))
        assert (new["kind"], new["secret"], new["publicKey"]) == (kind, *shown)


@pytest.mark.parametrize(
    ("data", "pointer", "code"),
    [
        ({"secret": "canary"}, "/secret", "badSecret"),
        ({"secret": f"whsec_{b64encode(b'canary').decode()}"}, "/secret", "badSecret"),
        ({"secret": f"whsk_{b64encode(b'canary').decode()}", "kind": "asymmetric"}, "/secret", "badSecret"),
        ({"secret": new_private_key()}, "/kind", "otherKind"),
        ({"kind": "rsa"}, "/kind", "literal_error"),
        ({"expireOldAfterSeconds": 604_801}, "/expireOldAfterSeconds", "less_than_equal"),
        ({"expireOldAfterSeconds": -1}, "/expireOldAfterSeconds", "greater_than_equal"),
    ],
)
async def test_what_can_be_no_secret_is_refused_and_not_repeated(
    client: Client, url: str, data: dict[str, Any], pointer: str, code: str
) -> None:
    before = await live(client, url)
    answer = await client.post(f"{url}/rotate-secret", json=data)

    assert answer.status_code == 422
    assert (answer.json()["errors"][0]["pointer"], answer.json()["errors"][0]["code"]) == (pointer, code)
    assert "secret" not in data or data["secret"] not in answer.text
    assert await live(client, url) == before


async def test_secrets_do_not_pile_up(client: Client, url: str) -> None:
    for _ in range(4):
        await rotate(client, url)
    refused = await client.post(f"{url}/rotate-secret", json={})
    assert (refused.status_code, refused.json()["code"]) == (409, "tooManySecrets")
    await rotate(client, url, expireOldAfterSeconds=0)
    await rotate(client, url)
    assert len(await live(client, url)) == 2


async def test_a_repeated_rotation_rotates_once_and_does_not_show_the_secret_again(client: Client, url: str) -> None:
    sent = {"json": {}, "headers": {"Idempotency-Key": "rotate"}}
    first, again = [await client.post(f"{url}/rotate-secret", **sent) for _ in range(2)]

    assert again.headers["idempotent-replayed"] == "true"
    assert again.json() == first.json() | {"secret": None}
    assert len(await live(client, url)) == 2


async def test_secrets_and_headers_come_back_with_their_endpoint(client: Client, url: str) -> None:
    await client.put(f"{url}/headers", json={"headers": {"X-Tenant": "seven"}})
    before = await live(client, url)
    assert (await client.delete(url)).status_code == 204
    for path in ("secret", "headers", "deliveries"):
        assert (await client.get(f"{url}/{path}")).status_code == 404
    assert (await client.post(f"{url}/rotate-secret", json={})).status_code == 404
    assert (await client.post(f"{url}/restore")).status_code == 200
    assert await live(client, url) == before
    assert (await client.get(f"{url}/headers")).json() == {"headers": {"X-Tenant": "****"}}


async def test_a_secret_opens_only_in_its_own_place(client: Client, world: World, url: str) -> None:
    other = await make_endpoint(client)
    async with world.place.connect() as administrator:
        await administrator.execute(
            "update webhook_secret t set sealed = s.sealed from webhook_secret s"
            " where t.endpoint_id = $1 and s.endpoint_id = $2",
            *(UUID(other["id"]), UUID(url.rpartition("/")[2])),
        )
    answer = await client.get(f"/webhook-endpoints/{other['id']}/secret")
    assert (answer.status_code, answer.json()["code"]) == (409, "noEncryptionKey")


async def test_headers_are_set_as_a_whole_and_shown_masked(client: Client, url: str) -> None:
    first = await client.put(f"{url}/headers", json={"headers": {"Authorization": "Bearer 0123456789abcdef"}})
    second = await client.put(f"{url}/headers", json={"headers": {"X-Api-Key": "short", "x-tenant": "7"}})

    assert first.json() == {"headers": {"Authorization": "****cdef"}}
    assert second.json() == {"headers": {"X-Api-Key": "****", "x-tenant": "****"}}
    assert (await client.get(f"{url}/headers")).json() == second.json()
    assert (await client.put(f"{url}/headers", json={"headers": {}})).json() == {"headers": {}}


@pytest.mark.parametrize(
    ("headers", "pointer", "code"),
    [
        ({"webhook-id": "1"}, "/headers/webhook-id", "reservedHeader"),
        ({"Webhook-Signature": "1"}, "/headers/Webhook-Signature", "reservedHeader"),
        ({"Host": "example.org"}, "/headers/Host", "reservedHeader"),
        ({"Content-Type": "text/plain"}, "/headers/Content-Type", "reservedHeader"),
        ({"Transfer-Encoding": "chunked"}, "/headers/Transfer-Encoding", "reservedHeader"),
        ({"X-A": "1", "x-a": "2"}, "/headers/x-a", "repeatedHeader"),
        ({"X-A": "1\r\nX-B: 2"}, "/headers/X-A", "string_pattern_mismatch"),
        ({"X-A": "1\n"}, "/headers/X-A", "string_pattern_mismatch"),
        ({"X-A": " padded "}, "/headers/X-A", "string_pattern_mismatch"),
        ({"X-A": ""}, "/headers/X-A", "string_pattern_mismatch"),
        ({f"X-{n}": "1" for n in range(21)}, "/headers", "too_long"),
    ],
)
async def test_a_header_that_is_not_the_endpoints_own_is_refused(
    client: Client, url: str, headers: dict[str, str], pointer: str, code: str
) -> None:
    answer = await client.put(f"{url}/headers", json={"headers": headers})
    fault = answer.json()["errors"][0]
    assert (answer.status_code, fault["pointer"], fault["code"]) == (422, pointer, code)
    assert (await client.get(f"{url}/headers")).json() == {"headers": {}}


@pytest.mark.parametrize("name", ["X A", "X:A", "X\r\nA", "Ümlaut", ""])
async def test_a_name_that_no_header_has_is_refused(client: Client, url: str, name: str) -> None:
    answer = await client.put(f"{url}/headers", json={"headers": {name: "1"}})
    assert answer.status_code == 422


async def test_a_secret_is_in_no_row_no_answer_and_no_log(
    client: Client, world: World, url: str, caplog: pytest.LogCaptureFixture
) -> None:
    """Canaries, in clear and in every way that a row, a document or a log could write them."""
    canary = "0123456789-canary-of-a-secret-0123456789"[:32]
    secret, header = f"whsec_{b64encode(canary.encode()).decode()}", "Bearer canary-of-a-header"
    with caplog.at_level(logging.DEBUG):
        for headers in ({}, {"Idempotency-Key": "one"}):
            await client.post(f"{url}/rotate-secret", json={"secret": secret}, headers=headers)
            await client.put(
                f"{url}/headers", json={"headers": {"X-Own": header}}, headers={n: v * 2 for n, v in headers.items()}
            )
        endpoint_id = url.rpartition("/")[2]
        await client.patch(url, json={"name": "Renamed"})
        delivery_id = await log_delivery(world, client, endpoint_id, endpoint_id)
        await world.settled()
        paths = (url, f"{url}/history", f"{url}/headers", f"{url}/deliveries", f"{url}/deliveries/{delivery_id}")
        answers = [(await client.get(path)).text for path in (*paths, "/events")]
        await client.delete(url)
        answers.append((await client.get("/bin")).text)
    rows = await rows_of(world, client)

    written = [secret, secret.removeprefix("whsec_"), canary, header]
    hexadecimal = [one.encode().hex() for one in written]
    assert any(endpoint_id in row for row in rows)
    for place in (*answers, *rows, caplog.text):
        assert not [one for one in (*written, *hexadecimal) if one in place], place[:500]


async def rows_of(world: World, client: Client) -> list[str]:
    """Of every table that has rows of the tenant, as PostgreSQL writes them."""
    async with world.place.connect() as administrator:
        tables = await administrator.fetchval(TENANT_TABLES, list(WITHOUT_TENANT))
        return [
            row[0]
            for table in tables
            for row in await administrator.fetch(
                f'select t::text from "{table}" t where tenant_id = $1', client.tenant_id
            )
        ]
