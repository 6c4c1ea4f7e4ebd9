"""Signed texts that need no memory: the ticket of a form, which tells when it was asked for, and the link of a mail.

Both are signed by the secret of their form, and so hold for no other. The time is passed in.
"""

import hmac
from base64 import urlsafe_b64decode, urlsafe_b64encode
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from uuid import UUID

LIFETIME = timedelta(hours=4)
NONCE_BYTES = 10
_TIME_BYTES, _MAC_BYTES = 8, 18
_TICKET_BYTES = _TIME_BYTES + NONCE_BYTES + _MAC_BYTES
_LINK_BYTES = 16 + _TIME_BYTES + _MAC_BYTES
_TICKET, _LINK = b"ticket", b"confirmation"


@dataclass(frozen=True, slots=True)
class Ticket:
    """`text` is what the holder shows, and what a proof of work is about."""

    text: str
    issued_at: datetime

    @property
    def expires_at(self) -> datetime:
        return self.issued_at + LIFETIME


def issued(secret: str, now: datetime, nonce: bytes) -> str:
    head = _time(now) + nonce
    return _text(head + _mac(secret, _TICKET, head))


def ticket_of(secret: str, text: str) -> Ticket | None:
    """None for what this form has never issued. Whether it has expired is another question."""
    head = _signed(secret, _TICKET, text, _TICKET_BYTES)
    return Ticket(text, _read_time(head[:_TIME_BYTES])) if head else None


def proves(ticket: str, proof: str, bits: int) -> bool:
    """Whether SHA-256 of ticket, full stop and proof begins with so many zero bits."""
    digest = int.from_bytes(sha256(f"{ticket}.{proof}".encode()).digest(), "big")
    return digest >> (256 - bits) == 0


@dataclass(frozen=True, slots=True)
class Link:
    submission_id: UUID
    expires_at: datetime


def link_text(secret: str, link: Link) -> str:
    head = link.submission_id.bytes + _time(link.expires_at)
    return _text(head + _mac(secret, _LINK, head))


def link_of(secret: str, text: str) -> Link | None:
    head = _signed(secret, _LINK, text, _LINK_BYTES)
    return Link(UUID(bytes=head[:16]), _read_time(head[16:])) if head else None


def _signed(secret: str, purpose: bytes, text: str, size: int) -> bytes | None:
    try:
        raw = urlsafe_b64decode(text.encode("ascii"))
    except ValueError:
        return None
    head, mac = raw[:-_MAC_BYTES], raw[-_MAC_BYTES:]
    if len(raw) != size or _text(raw) != text or not hmac.compare_digest(mac, _mac(secret, purpose, head)):
        return None
    return head


def _mac(secret: str, purpose: bytes, head: bytes) -> bytes:
    return hmac.digest(secret.encode(), purpose + b"\0" + head, sha256)[:_MAC_BYTES]


def _text(raw: bytes) -> str:
    return urlsafe_b64encode(raw).decode()


def _time(at: datetime) -> bytes:
    return round(at.timestamp() * 1_000_000).to_bytes(_TIME_BYTES, "big")


def _read_time(raw: bytes) -> datetime:
    return datetime.fromtimestamp(int.from_bytes(raw, "big") / 1_000_000, UTC)
