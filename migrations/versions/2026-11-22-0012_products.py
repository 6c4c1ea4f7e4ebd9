"""Currencies with dated rates, price books, and what products have beside name and list price."""

from typing import Any

from alembic import op
from sqlalchemy import BigInteger, Boolean, Column, Date, DateTime, Integer, MetaData, Numeric, Table, Text, Uuid, text
from sqlalchemy.dialects.postgresql import JSONB

from app.repositories.tenant_table import read_view, tenant_table

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None

EMPTY = text("'{}'")
PRODUCT = (
    *("tenant_id", "id", "version", "settle", "owner_id", "created_at", "created_by", "modified_at", "modified_by"),
    *("external_ids", "custom", "name", "family", "list_price", "list_price_currency", "search"),
)
ADDED = {"sku": "text", "unit": "text", "discontinued_on": "date", "description": "text"}
# So no price is ever in another currency than its book, whoever changes which of them at the same time.
IN_THE_CURRENCY_OF_ITS_BOOK = (
    'CREATE UNIQUE INDEX price_book_currency_id_key ON price_book (tenant_id, currency COLLATE "C", id)',
    (
        "CREATE INDEX price_book_entry_unit_price_currency_idx"
        ' ON price_book_entry (tenant_id, unit_price_currency COLLATE "C", price_book_id)'
    ),
    (
        "ALTER TABLE price_book_entry ADD CONSTRAINT price_book_entry_unit_price_currency_fkey"
        " FOREIGN KEY (tenant_id, unit_price_currency, price_book_id) REFERENCES price_book (tenant_id, currency, id)"
    ),
)
OF_OPPORTUNITIES = {"price_book_id": "uuid", "lines_total": "numeric", "lines_total_currency": "text"}
BESIDE_OPPORTUNITIES = (
    (
        "ALTER TABLE opportunity ADD CONSTRAINT opportunity_lines_total_currency_check"
        " CHECK ((lines_total IS NULL) = (lines_total_currency IS NULL))"
    ),
    (
        "ALTER TABLE opportunity ADD CONSTRAINT opportunity_price_book_id_fkey FOREIGN KEY (tenant_id, price_book_id)"
        " REFERENCES price_book (tenant_id, id)"
    ),
    "CREATE INDEX opportunity_price_book_id_idx ON opportunity (tenant_id, price_book_id, id)",
)
TABLES = ("price_book_entry", "price_book", "exchange_rate")


def upgrade() -> None:
    _products()
    _record(
        "exchange_rate",
        Column("currency", Text, nullable=False),
        Column("rate", Numeric, nullable=False),
        Column("valid_from", Date, nullable=False),
        sortable=("currency", "valid_from"),
        unique_together=("currency", "valid_from"),
    )
    _record(
        "price_book",
        Column("name", Text, nullable=False),
        Column("currency", Text, nullable=False),
        Column("is_standard", Boolean, nullable=False),
        Column("valid_from", Date),
        Column("valid_until", Date),
        Column("active", Boolean, nullable=False),
        sortable=("name", "valid_from"),
        searchable=("name",),
    )
    _record(
        "price_book_entry",
        Column("price_book_id", Uuid, nullable=False),
        Column("product_id", Uuid, nullable=False),
        Column("unit_price", Numeric, nullable=False),
        Column("unit_price_currency", Text, nullable=False),
        Column("min_quantity", Numeric, nullable=False),
        references={"price_book_id": "price_book", "product_id": "product"},
        sortable=("unit_price", "min_quantity"),
        unique_together=("price_book_id", "product_id", "min_quantity"),
    )
    for statement in IN_THE_CURRENCY_OF_ITS_BOOK:
        op.execute(statement)
    _lines()


def downgrade() -> None:
    _lines_gone()
    for name in TABLES:
        op.execute(f"DROP VIEW {name}_read")
        op.execute(f"DROP TABLE {name}")
    op.execute("DROP VIEW product_read")
    for name in ADDED:
        op.execute(f"ALTER TABLE product DROP COLUMN {name}")
    op.execute(read_view("product", PRODUCT))
    op.execute("GRANT SELECT ON product_read TO rapport_app")


def _products() -> None:
    for name, type_ in ADDED.items():
        op.execute(f"ALTER TABLE product ADD COLUMN {name} {type_}")
    op.execute('CREATE UNIQUE INDEX product_sku_key ON product (tenant_id, sku COLLATE "C")')
    op.execute('CREATE INDEX product_sku_idx ON product (tenant_id, sku COLLATE "C", id)')
    op.execute(read_view("product", [*PRODUCT, *ADDED]))


def _lines() -> None:
    shown = _shown("opportunity_read")
    for name, type_ in OF_OPPORTUNITIES.items():
        op.execute(f"ALTER TABLE opportunity ADD COLUMN {name} {type_}")
    for statement in BESIDE_OPPORTUNITIES:
        op.execute(statement)
    op.execute(read_view("opportunity", [*shown, *OF_OPPORTUNITIES]))
    prices = ("list_price", "discount_amount")
    figures = ("unit_price", "subtotal", "discount", "net", "tax", "total")
    _record(
        "opportunity_line",
        Column("opportunity_id", Uuid, nullable=False),
        Column("product_id", Uuid),
        Column("description", Text),
        Column("quantity", Numeric, nullable=False),
        Column("discount_percent", Numeric, nullable=False),
        Column("tax_rate_percent", Numeric, nullable=False),
        Column("position", Integer, nullable=False),
        *(Column(name, Numeric, nullable=name in prices) for name in (*prices, *figures)),
        *(Column(f"{name}_currency", Text, nullable=name in prices) for name in (*prices, *figures)),
        references={"opportunity_id": "opportunity", "product_id": "product"},
        sortable=("position",),
    )


def _lines_gone() -> None:
    op.execute("DROP VIEW opportunity_line_read")
    op.execute("DROP TABLE opportunity_line")
    shown = [name for name in _shown("opportunity_read") if name not in OF_OPPORTUNITIES]
    op.execute("DROP VIEW opportunity_read")
    for name in OF_OPPORTUNITIES:
        op.execute(f"ALTER TABLE opportunity DROP COLUMN {name}")
    op.execute(read_view("opportunity", shown))
    op.execute("GRANT SELECT ON opportunity_read TO rapport_app")


def _shown(view: str) -> list[str]:
    """What the migrations before this one made it show, in order."""
    columns = text(
        "SELECT attname FROM pg_attribute WHERE attrelid = to_regclass(:view) AND attnum > 0 ORDER BY attnum"
    )
    return list(op.get_bind().execute(columns, {"view": view}).scalars())


def _record(name: str, *own: Column[Any], sortable: tuple[str, ...], **more: Any) -> None:
    table = Table(
        name,
        MetaData(),
        Column("tenant_id", Uuid, primary_key=True),
        Column("id", Uuid, primary_key=True),
        Column("version", BigInteger, nullable=False),
        Column("settle", BigInteger, nullable=False),
        Column("owner_id", Uuid),
        Column("created_at", DateTime(timezone=True), nullable=False),
        Column("created_by", Uuid),
        Column("modified_at", DateTime(timezone=True), nullable=False),
        Column("modified_by", Uuid),
        Column("external_ids", JSONB, nullable=False, server_default=EMPTY),
        Column("custom", JSONB, nullable=False, server_default=EMPTY),
        Column("search", Text),
        *own,
    )
    references = {"owner_id": "user"} | more.pop("references", {})
    sorted_by = ("created_at", "modified_at", *sortable)
    for statement in tenant_table(table, references=references, sortable=sorted_by, **more):
        op.execute(statement)
