"""The SQL of the limit, as somebody writes it who knows what is asked."""

from decimal import Decimal

_RECORD = """id, version, owner_id as "ownerId", created_at as "createdAt", created_by as "createdBy",
  modified_at as "modifiedAt", modified_by as "modifiedBy", external_ids as "externalIds", custom"""
_CONTACT = (
    f"""{_RECORD}, first_name as "firstName", last_name as "lastName", email, phone, account_id as "accountId" """
)
_OPPORTUNITY = f"""{_RECORD}, name, account_id as "accountId", primary_contact_id as "primaryContactId",
  product_id as "productId", stage,
  case when amount is null then null else row(amount::text, amount_currency)::app_money end as amount,
  close_date as "closeDate", engage_date as "engageDate", probability"""

ONE = f"select row_to_json(d) from (select {_CONTACT} from contact where tenant_id = $1 and id = $2) d"

LOAD = """select id, version, owner_id, created_at, created_by, modified_at, modified_by, external_ids, custom,
  first_name, last_name, email, phone, account_id from contact where tenant_id = $1 and id = $2"""

_PAGE = """select json_agg(d) filter (where place <= 50),
    json_agg(json_build_array(r.{key}, r.id)) filter (where place = 50), count(*) > 50
  from (select *, row_number() over () as place from (
      select * from {table} where tenant_id = $1 and {where} order by {order} limit 51) page) r,
    lateral (select {columns}) d"""

# What a list filters by is the first parameter of its query string, and of this type.
PAGES: dict[str, tuple[str, type]] = {
    "contacts": (
        _PAGE.format(
            table="contact",
            columns=_CONTACT,
            key="last_name",
            where='last_name collate "C" >= $2',
            order='last_name collate "C", id',
        ),
        str,
    ),
    "opportunities": (
        _PAGE.format(
            table="opportunity",
            columns=_OPPORTUNITY,
            key="amount",
            where="amount > $2",
            order="amount desc, id desc",
        ),
        Decimal,
    ),
}

_EVENT = """ev as (insert into event (tenant_id, id, settle, at, object, record_id, version, type, actor_id, origin,
    changes, data)
  select $1, {id}, rec.settle, rec.modified_at, 'contact', rec.id, rec.version, {type}, {actor}, 'api', {changes}, to_jsonb(d)
    from rec, lateral (select {columns}) d)"""

CREATE = f"""with rec as (insert into contact (tenant_id, id, version, settle, created_at, created_by, modified_at,
    modified_by, external_ids, custom, first_name, last_name, email, phone, account_id)
  values ($1, $2, 1, pg_current_xact_id()::text::bigint, now(), $3, now(), $3, '{{}}', '{{}}', $4, $5, $6, $7, $8)
  returning *),
  {_EVENT.format(id="$9", type="'contact.created'", actor="$3", changes="$10", columns=_CONTACT)}
  select row_to_json(d) from rec, lateral (select {_CONTACT}) d"""

CHANGE = f"""with rec as (update contact set phone = $5, version = version + 1,
    settle = greatest(settle, pg_current_xact_id()::text::bigint), modified_at = now(), modified_by = $4
  where tenant_id = $1 and id = $2 and version = $3 returning *),
  {_EVENT.format(id="$6", type="'contact.updated'", actor="$4", changes="$7", columns=_CONTACT)}
  select row_to_json(d) from rec, lateral (select {_CONTACT}) d"""
