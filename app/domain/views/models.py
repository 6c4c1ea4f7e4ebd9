from sqlalchemy import ARRAY, Text
from sqlalchemy.orm import Mapped, mapped_column

from app.domain.kernel.record import Record


class SavedView(Record):
    """A table called `view` would read as something else in SQL."""

    __tablename__ = "saved_view"

    name: Mapped[str]
    object: Mapped[str]
    filter: Mapped[str | None]
    columns: Mapped[list[str]] = mapped_column(ARRAY(Text))
    sort: Mapped[str | None]
    shared: Mapped[bool]
