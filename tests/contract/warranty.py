"""A sixth object, declared here and nowhere else: its table, its routes and its behaviour all come from this."""

from datetime import date, datetime
from decimal import Decimal
from typing import Annotated, Any, Literal
from uuid import UUID

from pydantic import Field
from sqlalchemy import Integer, MetaData
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from app.domain.accounts.points import Address, Addresses
from app.domain.kernel.catalog import Catalog
from app.domain.kernel.likeness import Employer, Likeness, MatchedBy, Resembles
from app.domain.kernel.money import Money
from app.domain.kernel.object_type import ALWAYS_SORTABLE, AnyObject, ObjectType, Reference
from app.domain.kernel.phones import PhoneNumber
from app.domain.kernel.record import Record
from app.domain.kernel.schemas import Label, Limits, Name, RecordInput, RecordRead, Timestamp
from app.domain.records.service import RecordService
from app.repositories.tenant_table import tenant_table
from tests.world import Place


class Separate(Record):
    """Tables that are no part of the product's own schema."""

    __abstract__ = True
    metadata = MetaData()


class Warranty(Separate):
    __tablename__ = "warranty"

    code: Mapped[str]
    serial: Mapped[str | None]
    title: Mapped[str]
    cover: Mapped[str]
    price: Mapped[Decimal | None]
    price_currency: Mapped[str | None]
    seats: Mapped[int | None] = mapped_column(Integer)
    starts_on: Mapped[date | None]
    renewed_at: Mapped[datetime | None]
    account_id: Mapped[UUID | None]
    part_of_id: Mapped[UUID | None]
    approver_id: Mapped[UUID | None]
    published: Mapped[bool]
    hotline: Mapped[str | None]
    sites: Mapped[list[dict[str, Any]]] = mapped_column(JSONB, server_default="[]")
    buyer_id: Mapped[UUID | None]


Cover = Literal["full", "parts"]


class WarrantyCreate(RecordInput):
    code: Annotated[str, Limits(40, min_length=1)]
    serial: Label | None = None
    title: Name
    cover: Cover = "full"
    price: Money | None = None
    seats: int | None = Field(None, ge=0, le=1_000)
    starts_on: date | None = None
    renewed_at: Timestamp | None = None
    account_id: UUID | None = None
    part_of_id: UUID | None = None
    approver_id: UUID | None = None
    published: bool = False
    hotline: PhoneNumber | None = None
    sites: Addresses = Field(default_factory=list)
    buyer_id: UUID | None = None


class WarrantyRead(RecordRead):
    code: str
    serial: str | None
    title: str
    cover: Cover
    price: Money | None
    seats: int | None
    starts_on: date | None
    renewed_at: Timestamp | None
    account_id: UUID | None
    part_of_id: UUID | None
    approver_id: UUID | None
    published: bool
    hotline: str | None
    sites: list[Address]
    buyer_id: UUID | None


WARRANTY = ObjectType(
    name="warranty",
    plural="warranties",
    model=Warranty,
    create=WarrantyCreate,
    read=WarrantyRead,
    example={"code": "W-1", "title": "Three years", "price": {"amount": "99.00", "currency": "EUR"}},
    filterable=frozenset(
        {"code", "serial", "title", "cover", "price", "seats", "starts_on", "renewed_at", "account_id", "part_of_id"}
        | {"published"}
    ),
    sortable=frozenset({"code", "serial", "price", "starts_on", "renewed_at"}),
    references={
        "account_id": Reference("account", inverse="warranties"),
        "part_of_id": Reference("warranty", inverse="parts", acyclic=True),
        "approver_id": Reference("user", inverse="approved"),
        "buyer_id": Reference("contact", inverse="bought"),
    },
    unique=("code", "serial"),
    unique_together=("cover", "title"),
    searchable=("code", "serial", "title"),
    title=("title", "code"),
    listed={"sites": "country"},
    phones=("hotline",),
    countries=("sites",),
    matched_by=(MatchedBy(Likeness.company, ("title",)),),
    resembles=(
        Resembles(
            "contact", {"phone": "hotline"}, employer=Employer("account_id", "name", ours="title"), became="buyer_id"
        ),
    ),
    shared_by="published",
    default_sort="code",
)


class WarrantyService(RecordService[WarrantyRead]):
    kind = WARRANTY


async def make_table(place: Place, kind: AnyObject, catalog: Catalog) -> None:
    """What a migration would do for the object."""
    references = {column: catalog[one.to].table.name for column, one in kind.all_references.items()}
    sortable = sorted({*kind.sortable, *ALWAYS_SORTABLE})
    async with place.connect("rapport_owner") as owner:
        keys = {
            "unique": kind.unique,
            "unique_together": kind.unique_together,
            "sortable": sortable,
            "searchable": kind.searchable,
        }
        for statement in tenant_table(kind.table, references=references, **keys):
            await owner.execute(statement)
