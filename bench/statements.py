"""The SQL of the limit, as somebody writes it who knows what is asked.

Guarded, it shows and changes what the stand-ins of `product.py` allow: the records of some owners, without some fields.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal

HIDDEN = ("created_by", "modified_by")
HIDDEN_OF_CONTACTS, HIDDEN_OF_OPPORTUNITIES = (*HIDDEN, "email"), (*HIDDEN, "probability")

_RECORD = {
    "id": "id",
    "version": "version",
    "owner_id": 'owner_id as "ownerId"',
    "created_at": 'created_at as "createdAt"',
    "created_by": 'created_by as "createdBy"',
    "modified_at": 'modified_at as "modifiedAt"',
    "modified_by": 'modified_by as "modifiedBy"',
    "external_ids": 'external_ids as "externalIds"',
    "custom": "custom",
}
_CONTACT = {
    **_RECORD,
    "first_name": 'first_name as "firstName"',
    "last_name": 'last_name as "lastName"',
    "email": "email",
    "phone": "phone",
    "account_id": 'account_id as "accountId"',
    "title": "title",
    "reports_to_id": 'reports_to_id as "reportsToId"',
    "other_emails": 'other_emails as "otherEmails"',
    "other_phones": 'other_phones as "otherPhones"',
    "addresses": "addresses",
    "social_profiles": 'social_profiles as "socialProfiles"',
    "birthday": "birthday",
    "do_not_email": 'do_not_email as "doNotEmail"',
    "do_not_call": 'do_not_call as "doNotCall"',
    "time_zone": 'time_zone as "timeZone"',
    "locale": "locale",
    "description": "description",
    "tags": "tags",
}
_OPPORTUNITY = {
    **_RECORD,
    "name": "name",
    "account_id": 'account_id as "accountId"',
    "primary_contact_id": 'primary_contact_id as "primaryContactId"',
    "product_id": 'product_id as "productId"',
    "pipeline_id": 'pipeline_id as "pipelineId"',
    "stage": "stage",
    "status": "status",
    "amount": "case when amount is null then null else row(amount::text, amount_currency)::app_money end as amount",
    "close_date": 'close_date as "closeDate"',
    "engage_date": 'engage_date as "engageDate"',
    "probability": "probability",
    "probability_overridden": 'probability_overridden as "probabilityOverridden"',
    "forecast_category": 'forecast_category as "forecastCategory"',
    "expected_amount": "case when expected_amount is null then null "
    'else row(expected_amount::text, expected_amount_currency)::app_money end as "expectedAmount"',
    "stage_changed_at": 'stage_changed_at as "stageChangedAt"',
    "closed_at": 'closed_at as "closedAt"',
    "outcome_reason": 'outcome_reason as "outcomeReason"',
    "outcome_note": 'outcome_note as "outcomeNote"',
    "next_step": 'next_step as "nextStep"',
    "price_book_id": 'price_book_id as "priceBookId"',
    "competitors": "competitors",
    "stalled_since": 'stalled_since as "stalledSince"',
    "overdue_since": 'overdue_since as "overdueSince"',
    "lines_total": "case when lines_total is null then null "
    'else row(lines_total::text, lines_total_currency)::app_money end as "linesTotal"',
}

_ONE = "select row_to_json(d) from (select {columns} from contact where tenant_id = $1 and id = $2{seen}) d"

_LOAD = f"select {', '.join(_CONTACT)} from contact where tenant_id = $1 and id = $2{{seen}}"

_PAGE = """select json_agg(d) filter (where place <= 50),
    json_agg(json_build_array(r.{key}, r.id)) filter (where place = 50), count(*) > 50
  from (select *, row_number() over () as place from (
      select * from {table} where tenant_id = $1 and {where}{seen} order by {order} limit 51) page) r,
    lateral (select {columns}) d"""

_EVENT = f"""ev as (insert into event (tenant_id, id, settle, at, object, record_id, version, type, actor_id, origin,
    changes, data)
  select $1, {{id}}, rec.settle, rec.modified_at, 'contact', rec.id, rec.version, {{type}}, {{actor}}, 'api', {{changes}},
    to_jsonb(d)
    from rec, lateral (select {", ".join(_CONTACT.values())}) d)"""

_CREATE = f"""with rec as (insert into contact (tenant_id, id, version, settle, created_at, created_by, modified_at,
    modified_by, external_ids, custom, first_name, last_name, email, phone, account_id, owner_id)
  values ($1, $2, 1, pg_current_xact_id()::text::bigint, now(), $3, now(), $3, '{{{{}}}}', '{{{{}}}}', $4, $5, $6, $7, $8, $9)
  returning *),
  {_EVENT.format(id="$10", type="'contact.created'", actor="$3", changes="$11")}
  select row_to_json(d) from rec, lateral (select {{columns}}) d"""

_CHANGE = f"""with rec as (update contact set phone = $5, version = version + 1,
    settle = greatest(settle, pg_current_xact_id()::text::bigint), modified_at = now(), modified_by = $4
  where tenant_id = $1 and id = $2 and version = $3{{seen}} returning *),
  {_EVENT.format(id="$6", type="'contact.updated'", actor="$4", changes="$7")}
  select row_to_json(d) from rec, lateral (select {{columns}}) d"""


@dataclass(frozen=True, slots=True)
class Statements:
    """Guarded, the last parameter of all but `create` are the owners. `pages` are by the last segment of the path,
    with the type of what the list filters by."""

    one: str
    load: str
    create: str
    change: str
    pages: Mapping[str, tuple[str, type]]


def statements(*, guarded: bool) -> Statements:
    contact = _shown(_CONTACT, HIDDEN_OF_CONTACTS if guarded else ())
    opportunity = _shown(_OPPORTUNITY, HIDDEN_OF_OPPORTUNITIES if guarded else ())

    def seen(last: int) -> str:
        """A test and no key: by the index of the owners a generic plan would fetch all of theirs, and sort them.

        They come as one text, which costs the client a fifth of what fifty UUIDs do, and are read once.
        """
        return f" and (owner_id = any((select ${last}::text::uuid[])::uuid[])) is true" if guarded else ""

    contacts = _PAGE.format(
        table="contact",
        columns=contact,
        key="last_name",
        where='last_name collate "C" >= $2',
        seen=seen(3),
        order='last_name collate "C", id',
    )
    opportunities = _PAGE.format(
        table="opportunity",
        columns=opportunity,
        key="amount",
        where="amount > $2",
        seen=seen(3),
        order="amount desc, id desc",
    )
    return Statements(
        one=_ONE.format(columns=contact, seen=seen(3)),
        load=_LOAD.format(seen=seen(3)),
        create=_CREATE.format(columns=contact),
        change=_CHANGE.format(columns=contact, seen=seen(8)),
        pages={"contacts": (contacts, str), "opportunities": (opportunities, Decimal)},
    )


def _shown(columns: Mapping[str, str], hidden: tuple[str, ...]) -> str:
    return ", ".join(shown for name, shown in columns.items() if name not in hidden)
