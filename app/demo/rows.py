"""Rows of a CSV file, each with its line and with notes of everything that was not taken as it stands."""

import csv
from collections.abc import Collection, Iterator
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal, InvalidOperation
from difflib import get_close_matches
from enum import StrEnum
from pathlib import Path
from typing import Any

from app.demo.failure import LoadFailed
from app.demo.mapping import Mapping


class Kind(StrEnum):
    """EMPTY and SPELLING are expected of the sample; the other two mean that something is missing afterwards."""

    EMPTY = "empty"
    SPELLING = "spelling"
    UNMATCHED = "unmatched"
    NOT_LOADED = "notLoaded"


@dataclass(frozen=True)
class Note:
    kind: Kind
    text: str
    column: str | None = None
    value: str | None = None


@dataclass
class Row:
    """A row that has notes is listed in the report, one without is clean."""

    file: str
    line: int
    cells: dict[str, str]
    notes: list[Note] = field(default_factory=list)

    def __getitem__(self, column: str) -> str:
        return self.cells[column]

    @property
    def not_loaded(self) -> bool:
        return any(note.kind is Kind.NOT_LOADED for note in self.notes)

    def note(self, kind: Kind, text: str, column: str | None = None, value: str | None = None) -> None:
        self.notes.append(Note(kind, text, column, value))

    def required(self, column: str, among: Collection[str]) -> str | None:
        """As `optional`, but an empty cell is worth a note."""
        if not self[column]:
            self.note(Kind.EMPTY, f"{column} is empty", column, "")
        return self.optional(column, among)

    def optional(self, column: str, among: Collection[str]) -> str | None:
        """The cell if it is one of the values; else None, with a note unless it is empty."""
        value = self[column]
        if not value or value in among:
            return value or None
        close = get_close_matches(value, among, n=1)
        hint = f" (perhaps {close[0]!r})" if close else ""
        self._unmatched(column, f"matches nothing{hint}, left empty")
        return None

    def date(self, column: str) -> str | None:
        """The files write American dates: month/day/year."""
        if not self[column]:
            return None
        try:
            month, day, year = (int(part) for part in self[column].split("/"))
            return date(year, month, day).isoformat()
        except ValueError:
            self._unmatched(column, "is no date, left empty")
            return None

    def number(self, column: str) -> Decimal | None:
        if not self[column]:
            return None
        try:
            number = Decimal(self[column])
        except InvalidOperation:
            number = Decimal("NaN")
        if number.is_finite():
            return number
        self._unmatched(column, "is no number, left empty")
        return None

    def whole(self, column: str) -> int | None:
        number = self.number(column)
        if number is None:
            return None
        if number == int(number):
            return int(number)
        self._unmatched(column, "is no whole number, left empty")
        return None

    def money(self, column: str, currency: str, unit: Decimal = Decimal(1)) -> dict[str, Any] | None:
        number = self.number(column)
        return None if number is None else {"amount": f"{number * unit:f}", "currency": currency}

    def _unmatched(self, column: str, why: str) -> None:
        self.note(Kind.UNMATCHED, f"{column} {self[column]!r} {why}", column, self[column])


def read_rows(path: Path, columns: Collection[str], mapping: Mapping) -> list[Row]:
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            return list(_rows(path.name, file, columns, mapping))
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise LoadFailed(f"{path} cannot be read: {error}") from error


def _rows(name: str, file: Iterator[str], columns: Collection[str], mapping: Mapping) -> Iterator[Row]:
    reader = csv.reader(file, strict=True)
    header = next(reader, [])
    if missing := [column for column in columns if column not in header]:
        raise LoadFailed(f"{name} has no column {', '.join(missing)}.")
    line = reader.line_num + 1
    for cells in reader:
        if cells:
            yield _row(name, line, header, cells, mapping)
        line = reader.line_num + 1


def _row(name: str, line: int, header: list[str], cells: list[str], mapping: Mapping) -> Row:
    padded = cells + [""] * (len(header) - len(cells))
    row = Row(name, line, dict(zip(header, padded, strict=False)))
    if len(cells) != len(header):
        row.note(Kind.NOT_LOADED, f"has {len(cells)} cells where the header has {len(header)}")
    for column, cell in row.cells.items():
        row.cells[column] = value = mapping.corrected(column, cell)
        if value != cell:
            row.note(Kind.SPELLING, f"{column} {cell!r} read as {value!r}", column, cell)
        if value and value not in mapping.known.get(column, (value,)):
            row.note(Kind.UNMATCHED, f"{column} {value!r} is in no list, kept as it is", column, value)
    return row
