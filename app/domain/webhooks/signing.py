"""Signatures of the Standard Webhooks specification 1.0.0: HMAC-SHA256 (`v1`) and Ed25519 (`v1a`).

A secret is text that says what it is: `whsec_` and the base64 of 24 to 64 bytes, or `whsk_` and the base64 of the 32
bytes of a private key, to which `whpk_` is the public one.
"""

import hashlib
import hmac
import os
from base64 import b64decode, b64encode
from collections.abc import Sequence
from datetime import datetime
from typing import Final

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

SHARED, PRIVATE, PUBLIC = "whsec_", "whsk_", "whpk_"
_SHARED_BYTES: Final = range(24, 65)
_NEW_SHARED_BYTES: Final = 32
_PRIVATE_BYTES: Final = 32


def new_shared_secret() -> str:
    return SHARED + b64encode(os.urandom(_NEW_SHARED_BYTES)).decode()


def new_private_key() -> str:
    return PRIVATE + b64encode(os.urandom(_PRIVATE_BYTES)).decode()


def public_key(private: str) -> str:
    """What receivers verify with; it may be shown to anyone."""
    return PUBLIC + b64encode(_signing_key(private).public_key().public_bytes_raw()).decode()


def check_secret(text: str) -> str:
    """A secret that a client brings, unchanged; ValueError, which does not repeat it, where it has another form."""
    if text.startswith(PRIVATE):
        _signing_key(text)
    else:
        _shared_key(text)
    return text


def sign(secret: str, message_id: str, at: datetime, body: bytes) -> str:
    """One signature, as it stands in the header. `at` is the time of the attempt, not of the event."""
    return _signature(secret, _signed(message_id, at, body))


def signature_header(secrets: Sequence[str], message_id: str, at: datetime, body: bytes) -> str:
    """By each secret: while one replaces another, receivers verify with either."""
    signed = _signed(message_id, at, body)
    return " ".join(_signature(secret, signed) for secret in secrets)


def timestamp(at: datetime) -> str:
    """The header `webhook-timestamp`, as it is signed: whole seconds."""
    return str(int(at.timestamp()))


def _signed(message_id: str, at: datetime, body: bytes) -> bytes:
    if "." in message_id:
        raise ValueError("A message id with a full stop could be read as another id with another time.")
    return f"{message_id}.{timestamp(at)}.".encode() + body


def _signature(secret: str, signed: bytes) -> str:
    if secret.startswith(PRIVATE):
        return "v1a," + b64encode(_signing_key(secret).sign(signed)).decode()
    return "v1," + b64encode(hmac.digest(_shared_key(secret), signed, hashlib.sha256)).decode()


def _shared_key(secret: str) -> bytes:
    key = _bytes(secret, SHARED)
    if key is None or len(key) not in _SHARED_BYTES:
        raise ValueError(f"a shared secret is {SHARED} and the base64 of 24 to 64 bytes")
    return key


def _signing_key(private: str) -> Ed25519PrivateKey:
    key = _bytes(private, PRIVATE)
    if key is None or len(key) != _PRIVATE_BYTES:
        raise ValueError(f"a private key is {PRIVATE} and the base64 of {_PRIVATE_BYTES} bytes")
    return Ed25519PrivateKey.from_private_bytes(key)


def _bytes(secret: str, prefix: str) -> bytes | None:
    """Only what every library reads to the same bytes: that prefix, and base64 with nothing beside it."""
    if not secret.startswith(prefix):
        return None
    text = secret.removeprefix(prefix)
    try:
        key = b64decode(text, validate=True)
    except ValueError:
        return None
    return key if b64encode(key).decode() == text else None
