"""Quick search: a document of folded words in every record, written by the database itself, and its indexes."""

from alembic import op

from app.repositories.tenant_table import search_document

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

RECORD = (
    *("tenant_id", "id", "version", "settle", "owner_id", "created_at", "created_by", "modified_at", "modified_by"),
    *("external_ids", "custom"),
)
OWN = {
    "user": ("name", "email", "manager_id", "region", "role", "status"),
    "account": (
        *("name", "industry", "employees", "annual_revenue", "annual_revenue_currency", "website", "status"),
        *("parent_id", "founded_year", "country"),
    ),
    "contact": ("first_name", "last_name", "email", "phone", "account_id"),
    "product": ("name", "family", "list_price", "list_price_currency"),
    "opportunity": (
        *("name", "account_id", "primary_contact_id", "product_id", "stage", "amount", "amount_currency"),
        *("close_date", "engage_date", "probability"),
    ),
}
SEARCHABLE = {
    "user": ("name", "email"),
    "account": ("name", "website"),
    "contact": ("first_name", "last_name", "email", "phone"),
    "product": ("name", "family"),
    "opportunity": ("name",),
}

# Compatibility forms and accents go, and letters that have no accent but are typed as if they had. Words are told apart
# by code points and not by the classes of the locale, so that Python folds a query alike. Text of ASCII, which is most,
# takes the short way, and so does what is left of a Latin text without its accents. PL/pgSQL, because PostgreSQL would
# start an executor for each call of an SQL function.
FOLD = r"""
CREATE FUNCTION app_search(value text) RETURNS text LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE AS $$
DECLARE
  folded text := regexp_replace(value, '[''\u2018\u2019\u02bc]', '', 'g');
BEGIN
  IF octet_length(folded) = length(folded) THEN
    RETURN ' ' || btrim(regexp_replace(lower(folded), '[^a-z0-9]+', ' ', 'g')) || ' ';
  END IF;
  folded := regexp_replace(lower(normalize(folded, NFKD)), '[\u0300-\u036f]+', '', 'g');
  folded := translate(folded, E'łøđħŧŋð\u0131\u03c2', E'lodhtndi\u03c3');
  folded := replace(replace(replace(replace(folded, 'ß', 'ss'), 'æ', 'ae'), 'œ', 'oe'), 'þ', 'th');
  IF octet_length(folded) = length(folded) THEN
    RETURN ' ' || btrim(regexp_replace(folded, '[^a-z0-9]+', ' ', 'g')) || ' ';
  END IF;
  folded := normalize(regexp_replace(folded, '[\u0591-\u05bd\u064b-\u065f\u0670\u1ab0-\u1aff\u1dc0-\u1dff'
    '\u20d0-\u20ff\ufe00-\ufe0f\ufe20-\ufe2f]', '', 'g'), NFKC);
  RETURN ' ' || btrim(regexp_replace(lower(folded), '[\u0001-\u002f\u003a-\u0040\u005b-\u0060\u007b-\u00bf\u00d7\u00f7'
    '\u2000-\u206f\u20a0-\u2bff\u2e00-\u2e7f\u3000-\u3004\u3008-\u3020\u3030\ue000-\uf8ff\U0001f000-\U0001faff]+',
    ' ', 'g')) || ' ';
END $$
"""


def upgrade() -> None:
    op.execute(FOLD)
    for table, columns in SEARCHABLE.items():
        for statement in search_document(table, (*RECORD, *OWN[table]), columns):
            op.execute(statement)


def downgrade() -> None:
    for table in SEARCHABLE:
        for statement in search_document(table, (*RECORD, *OWN[table]), None):
            op.execute(statement)
    op.execute("DROP FUNCTION app_search(text)")
