"""Tickets, proofs and links by their rules alone."""

from datetime import UTC, datetime, timedelta
from hashlib import sha256
from random import Random
from uuid import UUID

import pytest

from app.api.addresses import caller_of, masked
from app.domain.capture.admission import TooFast, admitted, is_proven
from app.domain.capture.tickets import LIFETIME, NONCE_BYTES, Link, issued, link_of, link_text, proves, ticket_of
from app.domain.kernel.errors import Gone, Invalid
from app.settings import Settings

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)


def test_a_ticket_holds_for_its_form_only_and_for_no_other_text(seed: int) -> None:
    random = Random(seed)
    text = issued("secret", NOW, random.randbytes(NONCE_BYTES))
    found = ticket_of("secret", text)
    assert found is not None
    assert (found.issued_at, found.expires_at) == (NOW, NOW + LIFETIME)
    assert ticket_of("another", text) is None
    for _ in range(300):
        place, letter = random.randrange(len(text)), chr(random.randrange(1, 256))
        changed = text[:place] + letter + text[place + random.randrange(2) :]
        assert changed == text or ticket_of("secret", changed) is None
    assert link_of("secret", text) is None


def test_a_link_tells_what_it_was_made_for_and_is_no_ticket() -> None:
    link = Link(UUID(int=7), NOW + timedelta(days=7))
    text = link_text("secret", link)
    assert link_of("secret", text) == link
    assert link_of("another", text) is None
    assert ticket_of("secret", text) is None


def test_a_proof_counts_the_zero_bits_at_the_front(seed: int) -> None:
    random = Random(seed)
    for _ in range(200):
        ticket, proof, bits = str(random.random()), str(random.randrange(1000)), random.randrange(12)
        front = "".join(f"{byte:08b}" for byte in sha256(f"{ticket}.{proof}".encode()).digest())[:bits]
        assert proves(ticket, proof, bits) is (front == "0" * bits)
    assert not is_proven("ticket", "", 1)
    assert is_proven("ticket", "", 0)


def test_time_stands_for_a_proof_and_a_script_always_needs_one() -> None:
    text = issued("secret", NOW, bytes(NONCE_BYTES))

    def admit(after_s: float, *, proven: bool, needs_proof: bool = False) -> None:
        admitted("secret", text, NOW + timedelta(seconds=after_s), proven=proven, needs_proof=needs_proof)

    admit(2, proven=True, needs_proof=True)
    admit(15, proven=False)
    with pytest.raises(TooFast):
        admit(1.9, proven=True)
    with pytest.raises(TooFast):
        admit(14.9, proven=False)
    with pytest.raises(Invalid):
        admit(60, proven=False, needs_proof=True)
    with pytest.raises(Gone):
        admit(LIFETIME.total_seconds(), proven=True)


def test_only_a_trusted_proxy_is_believed_and_only_what_it_has_seen() -> None:
    trusted = Settings(database_url="", redis_url="", trusted_proxies=["10.0.0.0/8", "fd00::/8"]).proxies
    assert caller_of("203.0.113.9", "1.1.1.1", trusted) == "203.0.113.9"
    assert caller_of("10.1.2.3", "1.1.1.1, 203.0.113.9", trusted) == "203.0.113.9"
    assert caller_of("10.1.2.3", "1.1.1.1, 203.0.113.9, fd00::7", trusted) == "203.0.113.9"
    assert caller_of("10.1.2.3", "nonsense", trusted) == "nonsense"
    assert caller_of("203.0.113.9", "1.1.1.1", ()) == "203.0.113.9"


def test_an_address_is_known_by_a_name_that_changes_every_day() -> None:
    day = NOW.date()
    assert masked("203.0.113.9", day, "salt") == masked("::ffff:203.0.113.9", day, "salt")
    assert masked("2001:db8::1", day, "salt") == masked("2001:db8::ffff", day, "salt")
    names = {
        masked("203.0.113.9", day, "salt"),
        masked("203.0.113.8", day, "salt"),
        masked("203.0.113.9", day + timedelta(days=1), "salt"),
        masked("203.0.113.9", day, "another"),
        masked("2001:db8:0:1::1", day, "salt"),
    }
    assert len(names) == 5
