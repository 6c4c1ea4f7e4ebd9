"""Who may post: whoever has a ticket of the form, has taken the time of a person, and has done the work asked for."""

from datetime import datetime, timedelta
from os import urandom
from typing import Final

from app.domain.capture.tickets import NONCE_BYTES, Ticket, issued, proves, ticket_of
from app.domain.kernel.errors import AppError, Conflict, Gone, Invalid, refused

SHORTEST: Final = timedelta(seconds=2)
SHORTEST_WITHOUT_PROOF: Final = timedelta(seconds=15)


class TooFast(Conflict):
    """The ticket stays good: it only has to grow older."""

    code = "tooFast"


def new_ticket(secret: str, now: datetime) -> str:
    return issued(secret, now, urandom(NONCE_BYTES))


def is_proven(ticket: str, proof: str, bits: int) -> bool:
    return proves(ticket, proof, bits) if proof else not bits


def admitted(secret: str, text: str, now: datetime, *, proven: bool, needs_proof: bool) -> Ticket:
    """The ticket, which can then be used once. Without JavaScript there is no proof, and time has to stand for it."""
    ticket = ticket_of(secret, text)
    if ticket is None:
        raise refused(Invalid, "/ticket", "badTicket", "This is no ticket of this form: load the form again.")
    if now >= ticket.expires_at:
        raise refused(Gone, "/ticket", "ticketExpired", "The form was open for too long: send it once more.")
    if needs_proof and not proven:
        raise refused(Invalid, "/proof", "proofMissing", "Find a number whose proof has enough leading zero bits.")
    wait = (SHORTEST if proven else SHORTEST_WITHOUT_PROOF) - (now - ticket.issued_at)
    if wait > timedelta(0):
        raise _too_fast(int(wait.total_seconds()) + 1)
    return ticket


def _too_fast(seconds: int) -> AppError:
    return TooFast(f"That was very fast. Wait {seconds} seconds and send it once more.", retry_after_s=seconds)
