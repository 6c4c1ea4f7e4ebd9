"""Rows of two tenants with everything that has ever been a trap in them, and the same rows as memory reads them.

Both tenants have the same ids, so that a join that forgets the tenant finds somebody else's record.
"""

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from random import Random
from typing import Any
from uuid import UUID

import asyncpg
import jiter
from sqlalchemy import ARRAY, Boolean, Date, DateTime, Integer, Numeric, Text, Uuid, select, true

from app.domain.kernel.expression.loading import Loader
from app.domain.kernel.expression.memory import Row
from app.domain.kernel.object_type import AnyObject
from app.domain.kernel.schema import Schema
from app.repositories.compile import compile_statement, read_view, visible
from app.repositories.projection import as_json, document
from tests.expression.generating import BY_FIELD, SAMPLES, SYSTEMS, Type
from tests.expression.kinds import KINDS
from tests.world import Place

ROWS = {"user": 8, "account": 40, "contact": 60, "product": 5, "opportunity": 70}
TENANT, STRANGER = UUID(int=0xA), UUID(int=0xB)
OWNERS = 3  # how many of the users a narrowed viewer sees the records of
WRITTEN = re.compile(r'"#(-?[0-9.eE+-]+)#"')

# Views that let every tenant through: what keeps it out there is the statement alone.
OPEN = """
create schema open;
grant usage on schema open to rapport_app;
"""
SAMPLE_TYPES = {
    Text: Type.text,
    Numeric: Type.number,
    Integer: Type.number,
    Boolean: Type.boolean,
    Date: Type.date,
    DateTime: Type.timestamp,
}
EXTREMES: Mapping[type, Sequence[Any]] = {
    Text: ("\tAcme\u00a0", "x" * 300, "ΑΣ", "aİ", "Ⓐ", "\U00010400"),
    Numeric: ("123456789012345678901234567890", "0.00000000000000000001", "-0.0000000001", "1e-20"),
    Integer: (2**31 - 1, -(2**31), 0, 7),
    Boolean: (True, False),
    Date: ("0001-01-01", "9999-12-31", "2026-01-31"),
    DateTime: ("0001-01-02T00:00:00Z", "9999-12-30T23:59:59.999999Z", "1890-01-01T00:00:00Z"),
}
# Some account has each of these, each of the extreme integers, and each value of the custom field `renewal`.
TEXTS = (*EXTREMES[Text], *SAMPLES[Type.text])
NUMBERS = (*EXTREMES[Numeric], *SAMPLES[Type.number])
JUNK = (None, "junk", 5, True, [], {}, ["a", "Acme", None, 5], "#1e400#", "")
CUSTOM: Mapping[str, Sequence[Any]] = {
    "budget": (0, 10, "#2.5#", "#10.10#", "#1e40#", "#1.12345678901234567890123#", "#-0.0#", "#1e2#", "12", *JUNK),
    "segment": (*SAMPLES[Type.text], *JUNK),
    "vip": (True, False, True, "true", 1, *JUNK),
    "renewal": (
        "2026-01-01", "2026-11-22", "2024-02-29", "2023-02-29", "2026-02-31", "2026-1-1", "0000-01-01", "9999-12-31",
        "2026-01-01\n", "٢٠٢٦-01-01", "1900-02-29", "2000-02-29", *JUNK,
    ),
    "seen": (
        "2026-11-22T05:00:00.000000Z", "2026-03-29T01:30:00.000000+00:00", "2026-11-22T05:00:00Z", "2026-11-22T05:00:00",
        "2026-11-22T05:00:00+02:00", "0001-01-01T00:00:00Z", "2026-02-31T00:00:00Z", "2026-11-22T24:00:00Z", *JUNK,
    ),
    "tags": (["a", "Acme"], ["a", "b", None, 5], ["Ärger"], [""], "a", {"a": 1}, *JUNK),
}  # fmt: skip


@dataclass(frozen=True)
class Viewer:
    """Who asks: the schema, the parameters of visibility, and all visible rows of memory by kind and id."""

    schema: Schema
    parameters: Mapping[str, Any]
    rows: Mapping[str, Mapping[UUID, Row]] = field(repr=False)  # tied to each other, its text would have no end


async def fill(place: Place, random: Random) -> None:
    async with place.connect() as connection:
        await connection.execute("set session_replication_role = replica")  # there are no rows of other objects
        for kind in KINDS:
            for tenant in (TENANT, STRANGER):
                await _insert(connection, kind, tenant, random)
        await connection.execute(OPEN)
        names = [kind.table.name for kind in KINDS] + ["external_id"]
        for name in names:
            await connection.execute(f'create view open.{name}_read as select * from public."{name}"')
            await connection.execute(f"grant select on open.{name}_read to rapport_app")
            await connection.execute(f'analyze "{name}"')


async def _insert(connection: asyncpg.Connection, kind: AnyObject, tenant: UUID, random: Random) -> None:
    table = f'"{kind.table.name}"'
    records = [_record(kind, number, random) | {"tenant_id": str(tenant)} for number in range(ROWS[kind.name])]
    text = WRITTEN.sub(r"\1", json.dumps(records, ensure_ascii=False))
    columns = ", ".join(one.name for one in kind.table.c if one.name != "search")
    await connection.execute(
        f"insert into {table} ({columns}) select {columns} from json_populate_recordset(null::{table}, $1)", text
    )
    await connection.execute(
        f"insert into external_id select tenant_id, '{kind.name}', key, value, id from {table}, "
        "jsonb_each_text(external_ids) where tenant_id = $1",
        tenant,
    )


def id_of(kind: str, number: int) -> str:
    return str(UUID(int=(list(ROWS).index(kind) + 1 << 16) + number))


def _record(kind: AnyObject, number: int, random: Random) -> dict[str, Any]:
    record = {
        column.name: _value(kind, column.name, random)
        for column in kind.table.c
        if not (column.nullable and random.random() < 0.2)
    }
    record |= {"id": id_of(kind.name, number), "version": number + 1, "settle": 1, "custom": dict(_custom(random))}
    record["external_ids"] = {one: f"{kind.name} {number}" for one in SYSTEMS if random.random() < 0.5}
    if kind.name == "user":
        record["email"] = f"{number}@example.com"
    if kind.name == "account":
        record["name"] = TEXTS[number % len(TEXTS)]
        if number < len(NUMBERS):
            record["annual_revenue"] = _written(Numeric, NUMBERS[number])
        if number < len(EXTREMES[Integer]):
            record["employees"] = EXTREMES[Integer][number]
        if number < len(CUSTOM["renewal"]):
            record["custom"]["renewal"] = CUSTOM["renewal"][number]
    for name in [one for one in record if one + "_currency" in kind.table.c]:
        record[name + "_currency"] = random.choice(BY_FIELD["currency"])
    return {name: value for name, value in record.items() if not name.endswith("_currency") or name[:-9] in record}


def _value(kind: AnyObject, column: str, random: Random) -> Any:
    if reference := kind.all_references.get(column):
        return id_of(reference.to, random.randrange(ROWS[reference.to]))
    if isinstance(kind.table.c[column].type, ARRAY):
        return random.sample(SAMPLES[Type.text], random.randrange(3))
    type_ = next(one for one in kind.table.c[column].type.__class__.__mro__ if one in (*SAMPLE_TYPES, Uuid, object))
    if type_ not in SAMPLE_TYPES:
        return str(UUID(int=random.randrange(1, 9)))
    if random.random() < 0.15:
        return random.choice(EXTREMES[type_])
    return _written(type_, random.choice(BY_FIELD.get(column, SAMPLES[SAMPLE_TYPES[type_]])))


def _written(type_: type, value: Any) -> Any:
    if type_ is Integer:
        return min(int(value), 2**31 - 1)
    return value.isoformat() if isinstance(value, date) else str(value)


def _custom(random: Random) -> Iterator[tuple[str, Any]]:
    for name, values in CUSTOM.items():
        if random.random() < 0.85:
            yield name, random.choice(values[: -len(JUNK)] if random.random() < 0.75 else JUNK)


async def viewer(place: Place, schema: Schema, parameters: Mapping[str, Any]) -> Viewer:
    """Reads the records as the API shows them, and ties each to those it refers to and is referred to by."""
    rows: dict[str, dict[UUID, Row]] = {}
    async with place.connect("rapport_app", TENANT) as connection:
        for kind in KINDS:
            source = read_view(kind.table)
            doc = document(kind, source, schema)
            shown = select(as_json(doc).label("body")).select_from(source.join(doc, true()))
            statement = compile_statement(shown.where(visible(kind, source, schema)))
            bodies = await connection.fetch(statement.sql, *statement.arguments({"tenant": TENANT, **parameters}))
            read = [jiter.from_json(one["body"].encode(), float_mode="decimal") for one in bodies]
            loader = Loader(kind, schema)
            rows[kind.name] = {UUID(one["id"]): loader.row(one) for one in read}
    for kind in KINDS:
        _tie(kind, schema, rows)
    return Viewer(schema, parameters, rows)


def _tie(kind: AnyObject, schema: Schema, rows: Mapping[str, Mapping[UUID, Row]]) -> None:
    for name, relation in schema.relations(kind).items():
        for row in rows[kind.name].values():
            if relation.many:
                others = rows[relation.to].values()
                row[name] = [one for one in others if one[relation.reference] == row["id"]]
            else:
                row[name] = rows[relation.to].get(row[relation.reference])
