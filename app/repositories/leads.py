"""What leads need beside their records: a lock on one, and the settings of the tenant."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import orjson

from app.domain.scoring.rules import Model
from app.repositories.assignment import RULES
from app.repositories.compile import Statement
from app.repositories.session import Session

_LOCK = Statement("select id from lead where tenant_id = $1 and id = $2 for update", ("tenant", "id"), {})
_LOCK_ALL = Statement(
    """
    select count(*) from (select from lead where tenant_id = $1 and id = any ($2::uuid[]) order by id for update) locked
    """,
    ("tenant", "ids"),
    {},
)
_SETTINGS = Statement(
    """
    select first_response_minutes, escalation_levels, escalation_reassigns from lead_settings where tenant_id = $1
    """,
    ("tenant",),
    {},
)
# Every lead that is created asks for all three, so that they come with one answer.
_LAID_DOWN = Statement(
    f"""
    select case when $3 then ({RULES}) end as rules,
           (select json_build_object('first_response_minutes', first_response_minutes,
                     'escalation_levels', escalation_levels, 'escalation_reassigns', escalation_reassigns)
              from lead_settings_read where tenant_id = $1) as settings,
           (select json_build_object('id', id, 'version', version, 'name', name, 'rules', rules, 'behaviours', behaviours,
                     'thresholds', thresholds)
              from scoring_model_read where tenant_id = $1 and active) as model
    """,  # noqa: S608  # a constant of another module
    ("tenant", "object", "ruled"),
    {},
)
# Of two that set different members at once each is kept, so the row itself says what was not set.
_SET = Statement(
    """
    insert into lead_settings as s
           (tenant_id, first_response_minutes, escalation_levels, escalation_reassigns, modified_at, modified_by)
    values ($1, ($2::jsonb ->> 'first_response_minutes')::integer,
            coalesce(($2::jsonb ->> 'escalation_levels')::integer, 3),
            coalesce(($2::jsonb ->> 'escalation_reassigns')::boolean, false), clock_timestamp(), $3)
        on conflict (tenant_id) do update set
           first_response_minutes = case when $2::jsonb ? 'first_response_minutes' then excluded.first_response_minutes
                                    else s.first_response_minutes end,
           escalation_levels = case when $2::jsonb ? 'escalation_levels' then excluded.escalation_levels
                               else s.escalation_levels end,
           escalation_reassigns = case when $2::jsonb ? 'escalation_reassigns' then excluded.escalation_reassigns
                                  else s.escalation_reassigns end,
           modified_at = excluded.modified_at, modified_by = excluded.modified_by
    returning first_response_minutes, escalation_levels, escalation_reassigns
    """,
    ("tenant", "values", "actor"),
    {},
)


@dataclass(frozen=True, slots=True)
class LaidDown:
    """What the tenant says of new leads: who gets them, how long they may wait, and by what they are scored."""

    rules: Sequence[Mapping[str, Any]]
    settings: Mapping[str, Any]
    models: Sequence[Model]


class Leads:
    def __init__(self, session: Session) -> None:
        self.session = session

    async def lock(self, lead_id: UUID) -> None:
        """Until the end of the transaction nobody else writes this lead."""
        await self.session.once(_LOCK, {"id": lead_id})

    async def lock_all(self, lead_ids: Sequence[UUID]) -> None:
        """As `lock`, in the order of their ids."""
        await self.session.once(_LOCK_ALL, {"ids": list(lead_ids)})

    async def settings(self) -> Mapping[str, Any]:
        """Empty where nobody has set any."""
        row = await self.session.read(_SETTINGS, {})
        return dict(row) if row else {}

    async def laid_down(self, object_: str, *, ruled: bool) -> LaidDown:
        """The rules that give leads an owner only where they are `ruled`."""
        row = await self.session.read(_LAID_DOWN, {"object": object_, "ruled": ruled})
        found = {name: orjson.loads(one) for name, one in row.items() if one is not None} if row else {}
        models = [Model(**{**one, "id": UUID(one["id"])}) for one in (found.get("model"),) if one]
        return LaidDown(found.get("rules") or [], found.get("settings") or {}, models)

    async def set(self, values: Mapping[str, Any]) -> Mapping[str, Any]:
        row = await self.session.once(_SET, {"values": dict(values), "actor": self.session.actor.id})
        return dict(row) if row else {}
