"""What lies beside forms and submissions: whose key it is, used tickets, answers not confirmed yet, open leads."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from app.domain.kernel.actor import Actor, Role
from app.domain.kernel.search import fold
from app.repositories.compile import Statement
from app.repositories.pool import Pool
from app.repositories.session import Session

SCOPES: Final = frozenset({"lead-forms:read", "lead-submissions:write", "leads:write"})
_LOOKUP = Statement("select * from form_lookup($1)", ("form_key",), {})
_NEW_SECRET = Statement(
    "insert into form_secret (tenant_id, form_id) values ($1, $2) on conflict do nothing", ("tenant", "id"), {}
)
_SIGNING = Statement(
    """
    select f.form_key, s.secret
      from lead_form_read f join form_secret_read s on s.tenant_id = f.tenant_id and s.form_id = f.id
     where f.tenant_id = $1 and f.id = $2
    """,
    ("tenant", "id"),
    {},
)
# Each post takes away some that have expired, so that no more are kept than were used in the life of a ticket.
_USE = Statement(
    """
    with old as (
      select ticket from used_ticket
       where tenant_id = $1 and form_id = $2 and expires_at < now() limit 20 for update skip locked
    ), gone as (
      delete from used_ticket u using old where u.tenant_id = $1 and u.form_id = $2 and u.ticket = old.ticket
    )
    insert into used_ticket (tenant_id, form_id, ticket, expires_at) values ($1, $2, $3, $4)
        on conflict do nothing returning ticket
    """,
    ("tenant", "form", "ticket", "expires_at"),
    {},
)
_KEEP = Statement(
    """
    insert into unconfirmed_submission (tenant_id, submission_id, answers, expires_at) values ($1, $2, $3, $4)
    """,
    ("tenant", "id", "answers", "expires_at"),
    {},
)
_SHOW = Statement(
    "select answers from unconfirmed_submission_read where tenant_id = $1 and submission_id = $2 and expires_at > $3",
    ("tenant", "id", "now"),
    {},
)
_TAKE = Statement(
    """
    delete from unconfirmed_submission where tenant_id = $1 and submission_id = $2 and expires_at > $3
    returning answers
    """,
    ("tenant", "id", "now"),
    {},
)
_ERASE = Statement(
    "delete from unconfirmed_submission where tenant_id = $1 and submission_id = $2", ("tenant", "id"), {}
)
_LOCK = Statement(
    "select pg_advisory_xact_lock(hashtextextended('lead ' || $1::uuid::text || ' ' || lower($2), 0))",
    ("tenant", "email"),
    {},
)
# The words of an address are in the document of quick search, whose index so finds the few that may be meant.
_OPEN = Statement(
    """
    select id from lead_read
     where tenant_id = $1 and array_remove(string_to_array(search, ' '), '') @> $3 and lower(email) = lower($2)
       and status <> all ('{converted,disqualified}')
     order by created_at, id limit 1
    """,
    ("tenant", "email", "words"),
    {},
)


@dataclass(frozen=True, slots=True)
class FormAccess:
    """What the key of a form opens: the right to make leads in its tenant, and nothing else."""

    actor: Actor
    form_id: UUID
    secret: str


async def find_form(pool: Pool, form_key: str, deadline: float) -> FormAccess | None:
    """Also of a form that is disabled: what was sent by it can still be confirmed."""
    row = await pool.row(None, _LOOKUP, [form_key], deadline)
    if row is None:
        return None
    actor = Actor(
        tenant_id=row["tenant_id"],
        id=row["form_id"],
        key_id=row["form_id"],
        role=Role.admin,
        scopes=SCOPES,
        schema_version=row["schema_version"],
        time_zone=row["time_zone"],
        country=row["country"],
    )
    return FormAccess(actor, row["form_id"], row["secret"])


@dataclass(frozen=True, slots=True)
class Signing:
    form_key: str
    secret: str


class Forms:
    def __init__(self, session: Session) -> None:
        self.session = session

    async def begin(self, form_id: UUID) -> None:
        """Gives a form that is new its secret."""
        await self.session.once(_NEW_SECRET, {"id": form_id})

    async def signing(self, form_id: UUID) -> Signing | None:
        row = await self.session.read(_SIGNING, {"id": form_id})
        return Signing(row["form_key"], row["secret"]) if row else None

    async def use(self, form_id: UUID, ticket: str, expires_at: datetime) -> bool:
        """False when it was used before."""
        parameters = {"form": form_id, "ticket": ticket, "expires_at": expires_at}
        return await self.session.once(_USE, parameters) is not None


class Unconfirmed:
    """Answers that wait for their confirmation."""

    def __init__(self, session: Session) -> None:
        self.session = session

    async def keep(self, submission_id: UUID, answers: Mapping[Any, str], expires_at: datetime) -> None:
        await self.session.once(_KEEP, {"id": submission_id, "answers": answers, "expires_at": expires_at})

    async def show(self, submission_id: UUID, now: datetime) -> dict[str, str] | None:
        return _answers(await self.session.read(_SHOW, {"id": submission_id, "now": now}))

    async def take(self, submission_id: UUID, now: datetime) -> dict[str, str] | None:
        """Only one of many gets them."""
        return _answers(await self.session.once(_TAKE, {"id": submission_id, "now": now}))

    async def erase(self, submission_id: UUID) -> None:
        await self.session.once(_ERASE, {"id": submission_id})


class OpenLeads:
    def __init__(self, session: Session) -> None:
        self.session = session

    async def of_email(self, email: str) -> UUID | None:
        """The oldest that is neither converted nor disqualified. Until the end of the transaction nobody else asks."""
        await self.session.once(_LOCK, {"email": email})
        row = await self.session.once(_OPEN, {"email": email, "words": fold(email).split()})
        return row["id"] if row else None


def _answers(row: Any) -> dict[str, str] | None:
    return dict(row["answers"]) if row else None
