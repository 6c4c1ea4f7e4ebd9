"""What a receiver gets: one request for each event, signed, with the event as its body."""

from base64 import b64decode
from typing import Any

import pytest
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from standardwebhooks import WebhookVerificationError

from tests.factories.accounts import make_account
from tests.webhooks.delivery.engine import Engine, change, secrets, subscribe
from tests.webhooks.delivery.receiver import Receiver, Request
from tests.world import Client

OVER = "update webhook_secret set expires_at = now() where endpoint_id = $1::uuid and expires_at is not null"


async def newest_event(client: Client, record: dict[str, Any]) -> dict[str, Any]:
    answer = await client.get(f"/accounts/{record['id']}/history", params={"limit": 1})
    return dict(answer.json()["data"][0])


async def rotate(client: Client, endpoint: dict[str, Any], **wanted: Any) -> dict[str, Any]:
    answer = await client.post(f"/webhook-endpoints/{endpoint['id']}/rotate-secret", json=wanted)
    assert answer.status_code == 200, answer.text
    return dict(answer.json())


def verify_by_key(request: Request, public_key: str) -> None:
    """By the letter of the specification."""
    signed = f"{request.id}.{request.headers['webhook-timestamp']}.".encode() + request.body
    (signature,) = [one for one in request.headers["webhook-signature"].split() if one.startswith("v1a,")]
    key = Ed25519PublicKey.from_public_bytes(b64decode(public_key.removeprefix("whpk_")))
    key.verify(b64decode(signature.removeprefix("v1a,")), signed)


async def test_an_event_is_posted_once_as_the_log_has_it(client: Client, engine: Engine, receiver: Receiver) -> None:
    await subscribe(client, receiver)
    account = await make_account(client, name="Acme")
    await change(client, f"/accounts/{account['id']}", name="Acme Ltd")
    await engine.delivered()

    created, updated = receiver.requests
    event = await newest_event(client, account)
    assert updated.event == event | {"timestamp": event["time"]}
    assert updated.event["previous"] == {"name": "Acme"}
    assert updated.event["data"]["name"] == "Acme Ltd"
    assert created.event["type"] == "account.created"


async def test_its_headers_are_those_of_the_specification(client: Client, engine: Engine, receiver: Receiver) -> None:
    endpoint = await subscribe(client, receiver)
    given = {"headers": {"Authorization": "Bearer 7d1b0a629f3c", "X-Team": "data"}}
    assert (await client.put(f"/webhook-endpoints/{endpoint['id']}/headers", json=given)).status_code == 200
    account = await make_account(client)
    await change(client, f"/accounts/{account['id']}", name="Acme Ltd")
    await engine.delivered()

    request = receiver.requests[1]
    known = {"content-type": "application/json", "user-agent": "Rapport", "x-team": "data"}
    known |= {"authorization": "Bearer 7d1b0a629f3c", "webhook-sequence": "2", "webhook-id": request.event["id"]}
    assert {name: request.headers[name] for name in known} == known
    assert set(request.headers) - set(known) == {"host", "content-length", "webhook-timestamp", "webhook-signature"}


async def test_the_public_library_verifies_it(client: Client, engine: Engine, receiver: Receiver) -> None:
    endpoint, other = await subscribe(client, receiver), await subscribe(client, receiver, "contact.*")
    await make_account(client, name="Ä\N{MUSICAL SYMBOL G CLEF}")
    await engine.delivered()

    (request,) = receiver.requests
    ((own,), (foreign,)) = await secrets(client, endpoint), await secrets(client, other)
    request.verify(own["secret"])
    with pytest.raises(WebhookVerificationError):
        request.verify(foreign["secret"])
    with pytest.raises(WebhookVerificationError):
        Request(request.headers, request.body + b" ").verify(own["secret"])


async def test_while_a_secret_is_changed_either_verifies(client: Client, engine: Engine, receiver: Receiver) -> None:
    endpoint = await subscribe(client, receiver)
    (old,) = await secrets(client, endpoint)
    await make_account(client)
    await engine.delivered()
    new = await rotate(client, endpoint)
    await make_account(client)
    await engine.delivered()
    await engine.query(OVER, endpoint["id"])
    await make_account(client)
    await engine.delivered()

    before, during, after = receiver.requests
    before.verify(old["secret"])
    during.verify(old["secret"])
    during.verify(new["secret"])
    after.verify(new["secret"])
    for request, secret in ((before, new), (after, old)):
        with pytest.raises(WebhookVerificationError):
            request.verify(secret["secret"])


async def test_an_asymmetric_secret_verifies_by_its_public_key(
    client: Client, engine: Engine, receiver: Receiver
) -> None:
    endpoint = await subscribe(client, receiver)
    (shared,) = await secrets(client, endpoint)
    key = await rotate(client, endpoint, kind="asymmetric")
    await make_account(client)
    await engine.delivered()
    await engine.query(OVER, endpoint["id"])
    await make_account(client)
    await engine.delivered()

    both, alone = receiver.requests
    both.verify(shared["secret"])
    verify_by_key(both, key["publicKey"])
    verify_by_key(alone, key["publicKey"])
    assert alone.headers["webhook-signature"].count(",") == 1
    with pytest.raises(InvalidSignature):
        verify_by_key(Request(alone.headers, alone.body + b" "), key["publicKey"])


async def test_a_thin_body_names_the_record_and_shows_nothing_of_it(
    client: Client, engine: Engine, receiver: Receiver
) -> None:
    await subscribe(client, receiver, payload="thin")
    account = await make_account(client, name="Acme")
    await change(client, f"/accounts/{account['id']}", name="Secret Ltd")
    await engine.delivered()

    told = receiver.events[1]
    assert (told["type"], told["data"], told["version"]) == ("account.updated", {"id": account["id"]}, 2)
    assert told["changedFields"] == ["name"]
    assert "previous" not in told
    assert b"Secret" not in receiver.requests[1].body
    assert b"Acme" not in receiver.requests[1].body


async def test_a_body_that_is_too_large_is_sent_thin_and_says_so(
    client: Client, engine: Engine, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("app.domain.webhooks.body.MOST_BYTES", 1_200)
    await subscribe(client, receiver)
    small, large = await make_account(client, name="A"), await make_account(client, name="A" * 200)
    await engine.delivered()

    told = {one["recordId"]: one for one in receiver.events}
    assert told[small["id"]]["data"]["name"] == "A"
    assert "truncated" not in told[small["id"]]
    assert (told[large["id"]]["truncated"], told[large["id"]]["data"]) == (True, {"id": large["id"]})
    assert "previous" not in told[large["id"]]
