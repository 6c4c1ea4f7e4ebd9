"""What we sign, the public library verifies; and what we do not sign, it refuses."""

from base64 import b64decode, b64encode
from datetime import UTC, datetime

import pytest
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from hypothesis import given
from hypothesis import strategies as st
from standardwebhooks import Webhook, WebhookVerificationError

from app.domain.kernel.clock import utc_now
from app.domain.webhooks.signing import (
    PRIVATE,
    PUBLIC,
    SHARED,
    check_secret,
    new_private_key,
    new_shared_secret,
    public_key,
    sign,
    signature_header,
    timestamp,
)

ID = "0192f0c1-2a55-7d3e-9c11-5f1f4d1c2b3a"

shared_secrets = st.binary(min_size=24, max_size=64).map(lambda key: SHARED + b64encode(key).decode())
private_keys = st.binary(min_size=32, max_size=32).map(lambda key: PRIVATE + b64encode(key).decode())
bodies = st.text(st.characters(exclude_categories=["Cs"])).map(str.encode)
times = st.floats(9e8, 4e9).map(lambda seconds: datetime.fromtimestamp(seconds, UTC))


def verify(secret: str, header: str, at: datetime, body: bytes) -> None:
    headers = {"webhook-id": ID, "webhook-timestamp": timestamp(at), "webhook-signature": header}
    Webhook(secret).verify(body, headers, json_parse=False)


def verify_by_key(public: str, signature: str, signed: bytes) -> None:
    """By the letter of the specification, with no code of ours."""
    version, _, text = signature.partition(",")
    assert version == "v1a"
    Ed25519PublicKey.from_public_bytes(b64decode(public.removeprefix(PUBLIC))).verify(b64decode(text), signed)


class TestSharedSecrets:
    @given(shared_secrets, bodies)
    def test_the_public_library_verifies_every_body(self, secret: str, body: bytes) -> None:
        now = utc_now()
        verify(secret, sign(secret, ID, now, body), now, body)

    @given(st.lists(shared_secrets, min_size=2, max_size=2), bodies)
    def test_while_one_replaces_another_either_verifies(self, secrets: list[str], body: bytes) -> None:
        now = utc_now()
        header = signature_header(secrets, ID, now, body)
        for secret in secrets:
            verify(secret, header, now, body)

    @given(shared_secrets, shared_secrets)
    def test_another_secret_refuses(self, secret: str, other: str) -> None:
        now = utc_now()
        if secret != other:
            with pytest.raises(WebhookVerificationError):
                verify(other, sign(secret, ID, now, b"{}"), now, b"{}")

    def test_another_body_is_refused(self) -> None:
        secret, now = new_shared_secret(), utc_now()
        with pytest.raises(WebhookVerificationError):
            verify(secret, sign(secret, ID, now, b'{"a":1}'), now, b'{"a":2}')

    @given(shared_secrets, times, bodies)
    def test_the_public_library_signs_the_same(self, secret: str, at: datetime, body: bytes) -> None:
        assert sign(secret, ID, at, body) == Webhook(secret).sign(ID, at, body.decode())


class TestPrivateKeys:
    def test_the_vector_of_the_reference_implementation(self) -> None:
        signature = sign(
            "whsk_VEVTVFNJR05JTkdLRVlET05PVFVTRVRISVNGT1JBTlk=",
            "msg_p5jXN8AQM9LWM0D4loKWxJek",
            datetime.fromtimestamp(1614265330, UTC),
            b'{"test": 2432232314}',
        )
        expected = "tQ9V2XOqn7jL/DQenEFpqIugdBVtiMmER5mhSkXBNwM0mkATuDe6KYYUuxqtaiHeYGb7KaaBRdM5WqyeFiL8Ag=="
        assert signature == f"v1a,{expected}"

    @given(private_keys, times, st.binary())
    def test_the_public_key_verifies_every_body(self, private: str, at: datetime, body: bytes) -> None:
        signed = f"{ID}.{int(at.timestamp())}.".encode() + body
        verify_by_key(public_key(private), sign(private, ID, at, body), signed)
        with pytest.raises(InvalidSignature):
            verify_by_key(public_key(private), sign(private, ID, at, body), signed + b" ")

    def test_both_kinds_stand_in_one_header(self) -> None:
        shared, private, now = new_shared_secret(), new_private_key(), utc_now()
        header = signature_header([private, shared], ID, now, b"{}")
        verify(shared, header, now, b"{}")
        verify_by_key(public_key(private), header.split()[0], f"{ID}.{timestamp(now)}.{{}}".encode())


def test_an_id_with_a_full_stop_is_not_signed() -> None:
    with pytest.raises(ValueError, match="full stop"):
        sign(new_shared_secret(), "1.2", utc_now(), b"")


class TestTheFormOfASecret:
    def test_ours_have_it_and_no_two_are_alike(self) -> None:
        for new in (new_shared_secret, new_private_key):
            assert check_secret(new()) != check_secret(new())

    @given(st.one_of(shared_secrets, private_keys))
    def test_every_length_of_the_specification_is_taken(self, secret: str) -> None:
        assert check_secret(secret) == secret

    @pytest.mark.parametrize(
        "text",
        [
            "",
            "whsec_",
            "whsec",
            b64encode(bytes(32)).decode(),
            SHARED + b64encode(bytes(23)).decode(),
            SHARED + b64encode(bytes(65)).decode(),
            SHARED + b64encode(bytes(32)).decode().rstrip("="),
            SHARED + b64encode(bytes(24)).decode() + "====",
            SHARED + b64encode(bytes(32)).decode()[:-2] + "B=",
            SHARED + b64encode(b"\xff" * 24).decode().replace("/", "_"),
            SHARED + b64encode(bytes(24)).decode() + "\n",
            SHARED + " " + b64encode(bytes(24)).decode(),
            SHARED + "é" * 32,
            PRIVATE + b64encode(bytes(31)).decode(),
            PRIVATE + b64encode(bytes(64)).decode(),
            PUBLIC + b64encode(bytes(32)).decode(),
            "WHSEC_" + b64encode(bytes(32)).decode(),
        ],
    )
    def test_any_other_is_refused_and_not_repeated(self, text: str) -> None:
        with pytest.raises(ValueError, match="base64 of") as refused:
            check_secret(text)
        assert not text.partition("_")[2] or text.partition("_")[2] not in str(refused.value)
