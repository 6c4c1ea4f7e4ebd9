"""What is to be loaded: the rows of the four files as records of the API, not yet sent."""

import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from app.demo.mapping import Mapping
from app.demo.rows import Kind, Row, read_rows

USERS, ACCOUNTS, PRODUCTS, OPPORTUNITIES = "users", "accounts", "products", "opportunities"
FILES = {  # the first column is the key of the row
    USERS: ("sales_teams.csv", ("sales_agent", "manager", "regional_office")),
    ACCOUNTS: (
        "accounts.csv",
        ("account", "sector", "year_established", "revenue", "employees", "office_location", "subsidiary_of"),
    ),
    PRODUCTS: ("products.csv", ("product", "series", "sales_price")),
    OPPORTUNITIES: (
        "sales_pipeline.csv",
        (
            "opportunity_id", "sales_agent", "product", "account", "deal_stage",
            "engage_date", "close_date", "close_value",
        ),
    ),
}  # fmt: skip
Target = tuple[str, str]  # object and key of a record


@dataclass
class Entry:
    """One record to put. `references` are the fields whose ids are known only when object and key are loaded."""

    object: str
    key: str
    row: Row
    body: dict[str, Any]
    references: dict[str, Target] = field(default_factory=dict)

    @property
    def target(self) -> Target:
        return self.object, self.key


class Plan:
    """Reads everything before anything is sent, so that a file that cannot be read leaves no half of a demo."""

    def __init__(self, directory: Path, mapping: Mapping) -> None:
        self.name, self.mapping = directory.resolve().name, mapping
        self.rows = {name: read_rows(directory / file, columns, mapping) for name, (file, columns) in FILES.items()}
        self._agents, self._accounts, self._products, self._deals = (
            _by_key(self.rows[name], columns[0]) for name, (_, columns) in FILES.items()
        )
        self.entries = [*self._users(), *self._companies(), *self._catalogue(), *self._opportunities()]

    def _users(self) -> Iterator[Entry]:
        """The agents and, once each, the managers who appear only beside them."""
        managers: dict[str, Row] = {}
        for row in self._agents.values():
            if row["manager"] and row["manager"] not in self._agents:
                managers.setdefault(row["manager"], row)
        for name, row in managers.items():
            yield self._user(name, row, None)
        above = {name: row["manager"] for name, row in self._agents.items()}
        for name, row in self._agents.items():
            yield self._user(name, row, _acyclic(row, "manager", name, above, row["manager"] or None))

    def _user(self, name: str, row: Row, manager: str | None) -> Entry:
        body = {"name": name, "email": self._address(name), "region": row["regional_office"] or None}
        return _entry(USERS, name, row, body, managerId=(USERS, manager))

    def _address(self, name: str) -> str:
        ascii_name = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode().lower()
        words = ["".join(c for c in word if c.isalnum() or c == "-") for word in ascii_name.split()] or [""]
        return f"{'.'.join(dict.fromkeys((words[0], words[-1])))}@{self.mapping.email_domain}"

    def _companies(self) -> Iterator[Entry]:
        above = {name: row["subsidiary_of"] for name, row in self._accounts.items()}
        for name, row in self._accounts.items():
            parent = _acyclic(row, "subsidiary_of", name, above, row.optional("subsidiary_of", self._accounts))
            body = {
                "name": name,
                "industry": row["sector"] or None,
                "foundedYear": row.whole("year_established"),
                "annualRevenue": row.money("revenue", self.mapping.currency, self.mapping.revenue_unit),
                "employees": row.whole("employees"),
                "country": row["office_location"] or None,
            }
            yield _entry(ACCOUNTS, name, row, body, parentId=(ACCOUNTS, parent))

    def _catalogue(self) -> Iterator[Entry]:
        for name, row in self._products.items():
            price = row.money("sales_price", self.mapping.currency)
            yield Entry(PRODUCTS, name, row, {"name": name, "family": row["series"] or None, "listPrice": price})

    def _opportunities(self) -> Iterator[Entry]:
        for key, row in self._deals.items():
            stage = self.mapping.stages.get(row["deal_stage"])
            if stage is None:
                row.note(Kind.NOT_LOADED, f"deal_stage {row['deal_stage']!r} matches nothing", "deal_stage")
                continue
            body = {
                "name": f"{row['account'] or self.mapping.no_account} - {row['product']}",
                "stage": stage,
                "engageDate": row.date("engage_date"),
                "closeDate": row.date("close_date"),
                "amount": row.money("close_value", self.mapping.currency),
            }
            yield _entry(
                OPPORTUNITIES, key, row, body,
                accountId=(ACCOUNTS, row.required("account", self._accounts)),
                productId=(PRODUCTS, row.required("product", self._products)),
                ownerId=(USERS, row.required("sales_agent", self._agents)),
            )  # fmt: skip


def _entry(object_: str, key: str, row: Row, body: dict[str, Any], **references: tuple[str, str | None]) -> Entry:
    """What refers to nothing is null, so that a later load clears what an earlier one set."""
    found = {name: (target, to) for name, (target, to) in references.items() if to is not None}
    return Entry(object_, key, row, body | dict.fromkeys(references), found)


def _by_key(rows: list[Row], column: str) -> dict[str, Row]:
    """The rows that can be loaded; the others have a note why not."""
    found: dict[str, Row] = {}
    for row in rows:
        key = row[column]
        if row.not_loaded:
            continue
        if not key:
            row.note(Kind.NOT_LOADED, f"{column} is empty", column)
        elif key in found:
            row.note(Kind.NOT_LOADED, f"{column} {key!r} is taken by line {found[key].line}", column)
        else:
            found[key] = row
    return found


def _acyclic(row: Row, column: str, name: str, above: dict[str, str], to: str | None) -> str | None:
    """Whom `name` reports or belongs to, unless the way up leads back: then nobody could be loaded first."""
    seen, current = {name}, to
    while current and current not in seen:
        seen.add(current)
        current = above.get(current)
    if current != name:
        return to
    row.note(Kind.UNMATCHED, f"{column} {to!r} leads back to {name!r}, left empty", column, to)
    return None
