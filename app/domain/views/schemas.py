from typing import Annotated

from pydantic import Field

from app.domain.kernel.schemas import MAX_TEXT, Limits, Name, RecordInput, RecordRead

Path = Annotated[str, Limits(200, min_length=1)]


class SavedViewCreate(RecordInput):
    name: Name
    object: Annotated[str, Limits(100, min_length=1)] = Field(
        description="The object whose records it lists.", examples=["contact", "account", "product", "user"]
    )
    filter: Annotated[str, Limits(MAX_TEXT)] | None = Field(
        None,
        description="An expression; only records that fulfil it are listed.",
        examples=["version < 100", "has(createdAt)", "ownerId != null || version == 1", "createdAt <= now()"],
    )
    columns: list[Path] = Field(
        default_factory=list,
        max_length=50,
        description="The fields to show, in the order of a table; those of a record it refers to by a path such as "
        "`account.name`. None means all.",
        examples=[["id", "createdAt"], ["version", "owner.name"], ["owner.email"], []],
    )
    sort: Annotated[str, Limits(200)] | None = Field(
        None,
        description="As the parameter of a list.",
        examples=["-createdAt", "modifiedAt", "createdAt", "-modifiedAt,createdAt"],
    )
    shared: bool = Field(default=False, description="Whether everybody in the tenant sees it, or only its owner.")


class SavedViewRead(RecordRead):
    name: str
    object: str
    filter: str | None
    columns: list[str]
    sort: str | None
    shared: bool
