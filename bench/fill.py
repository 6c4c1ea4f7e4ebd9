"""The data of the bench: a million contacts in ten tenants, and a thousand small tenants beside them."""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from secrets import token_hex
from typing import Any
from uuid import UUID

import asyncpg

from app.domain.governance.service import digest_of
from app.domain.pipeline.schemas import Stage
from app.repositories.cluster import make_login_and_database
from app.repositories.migrate import migrate
from app.repositories.revision import newest_revision
from bench import rows

SCOPES = [f"{name}:{right}" for name in ("accounts", "contacts", "opportunities") for right in ("read", "write")]
BULK = ("account", "contact", "opportunity", "external_id")
USERS = 100
SEEN = 50


@dataclass(frozen=True, slots=True)
class Scale:
    """How many contacts each large tenant has; accounts and opportunities in proportion."""

    tenants: tuple[int, ...] = (400_000, 200_000, 100_000, 100_000, 80_000, 50_000, 30_000, 20_000, 10_000, 10_000)
    small: int = 1_000
    contacts_of_small: int = 10

    @property
    def sizes(self) -> list[int]:
        return [*self.tenants, *[self.contacts_of_small] * self.small]


@dataclass(frozen=True, slots=True)
class Tenant:
    number: int
    contacts: int
    key: str

    @property
    def id(self) -> UUID:
        return an_id(rows.TENANT, self.number, 0)

    @property
    def user_id(self) -> UUID:
        return an_id(rows.USER, self.number, 1)

    @property
    def owners(self) -> list[UUID]:
        """Half of the users of a large tenant: whose records a guarded caller sees."""
        return [an_id(rows.USER, self.number, number) for number in range(1, SEEN + 1)]

    def shows(self, number: int) -> bool:
        """Whether the contact of this number belongs to one of them."""
        return number * 7919 % USERS < SEEN

    def contact(self, number: int) -> UUID:
        """From 1 on."""
        return an_id(rows.CONTACT, self.number, number)

    def account(self, number: int) -> UUID:
        return an_id(rows.ACCOUNT, self.number, number)


@dataclass(frozen=True, slots=True)
class Data:
    """What is in the database; `seed` is what its keys are made of, which are good for nothing else."""

    scale: Scale = field(default_factory=Scale)
    seed: str = field(default_factory=lambda: token_hex(16))

    @property
    def tenants(self) -> list[Tenant]:
        return [self.tenant(number, size) for number, size in enumerate(self.scale.sizes)]

    def tenant(self, number: int, contacts: int) -> Tenant:
        return Tenant(number, contacts, self._key(number))

    def _key(self, number: int) -> str:
        secret = hashlib.sha256(f"{self.seed}/{number}".encode()).hexdigest()
        return f"crm_bench_{an_id(rows.KEY, number, 1).hex}_{secret}"


def an_id(kind: int, tenant: int, number: int) -> UUID:
    """The same in SQL is `rows.ID`. Ordered by number, as ids of version 7 are by time."""
    return UUID(f"01900000-{kind:04x}-7{tenant:03x}-8000-{number:012x}")


async def filled(admin_url: str, url: str, folder: Path | None, scale: Scale) -> Data:
    """The data in the database, made anew unless those in `folder` were made by this revision of everything."""
    kept = folder / "bench.json" if folder else None
    made_by = {"revision": newest_revision(), "source": _fingerprint(), "sizes": scale.sizes}
    if kept and kept.exists():
        note = json.loads(kept.read_text())
        if note.pop("seed_of_keys") and note == made_by:
            data = Data(scale, json.loads(kept.read_text())["seed_of_keys"])
            await _as_filled(admin_url)
            return data
        kept.unlink()
    await _made_anew(admin_url)
    await migrate(url)
    data = Data(scale)
    await fill(admin_url, data)
    if kept:
        kept.write_text(json.dumps(made_by | {"seed_of_keys": data.seed}))
    return data


async def fill(admin_url: str, data: Data) -> None:
    """Keys of foreign tables are not checked and indexes are made afterwards: they are right by construction."""
    connection = await asyncpg.connect(admin_url)
    try:
        await connection.execute("set session_replication_role = replica; set synchronous_commit = off")
        await connection.execute(rows.NAMES)
        await _governance(connection, data)
        indexes = await dropped_indexes(connection, BULK)
        await connection.execute("select setseed(0.42)")
        large, small = len(data.scale.tenants), data.scale.small
        for number, size in enumerate(data.scale.tenants):
            await _records(connection, data.scale, (number, number), size)
        await _records(connection, data.scale, (large, large + small - 1), data.scale.contacts_of_small)
        await connection.execute("set maintenance_work_mem = '512MB'")
        for index in indexes:
            await connection.execute(index)
        for table in (*BULK, "user", "api_key", "tenant"):
            await connection.execute(f'vacuum (analyze) "{table}"')
        await connection.execute("checkpoint")
    finally:
        await connection.close()


async def _made_anew(admin_url: str) -> None:
    """A fill that was cut short has left a database without indexes."""
    administrator_url = admin_url.replace("/crm?", "/postgres?")
    connection = await asyncpg.connect(administrator_url)
    try:
        await connection.execute("drop database if exists crm with (force)")
    finally:
        await connection.close()
    await make_login_and_database(administrator_url)


async def _as_filled(admin_url: str) -> None:
    """Without what an earlier run created."""
    connection = await asyncpg.connect(admin_url)
    try:
        for table in BULK[:3]:
            await connection.execute(f"delete from {table} where id > '01910000-0000-7000-8000-000000000000'")
        await connection.execute("truncate event, idempotency")
        for table in BULK:
            await connection.execute(f"vacuum (analyze) {table}")
        await connection.execute("checkpoint")
    finally:
        await connection.close()


async def _governance(connection: asyncpg.Connection, data: Data) -> None:
    tenants = data.tenants
    await connection.executemany(rows.INSERT_TENANT, [(one.id, f"Tenant {one.number}") for one in tenants])
    large = len(data.scale.tenants)
    await connection.execute(rows.INSERT_USERS.format(users=USERS, tenants=len(tenants), large=large))
    await connection.execute(rows.INSERT_PIPELINES.format(tenants=len(tenants)), json.dumps(stages()))
    await connection.execute(rows.INSERT_STAGES)
    keys = [(one.id, an_id(rows.KEY, one.number, 1), one.user_id, digest_of(one.key), SCOPES) for one in tenants]
    await connection.executemany(rows.INSERT_KEY, keys)


def stages() -> list[dict[str, Any]]:
    """As the product keeps them; deals are spread over them evenly."""
    ends = {"closedWon": "won", "closedLost": "lost"}
    given = ({"key": key, "label": key, "probability": 50, "outcome": ends.get(key, "open")} for key in rows.STAGES)
    return [Stage.model_validate(one).model_dump(mode="json", by_alias=True) for one in given]


async def _records(connection: asyncpg.Connection, scale: Scale, numbers: tuple[int, int], contacts: int) -> None:
    """Of the tenants from one number to the other, each with so many contacts."""
    given = {"first": numbers[0], "last": numbers[1], "users": USERS, "large": len(scale.tenants)}
    given |= {"contacts": contacts, "accounts": max(1, contacts // 20), "opportunities": contacts // 5}
    for statement in (rows.INSERT_ACCOUNTS, rows.INSERT_CONTACTS, rows.INSERT_EXTERNAL_IDS, rows.INSERT_OPPORTUNITIES):
        await connection.execute(statement.format(**given))


async def dropped_indexes(connection: asyncpg.Connection, tables: Sequence[str]) -> list[str]:
    """All but the unique ones, which are few; returns what makes them again."""
    found = await connection.fetch(rows.INDEXES, list(tables))
    for row in found:
        await connection.execute(f'drop index "{row["name"]}"')
    return [row["definition"] for row in found]


def _fingerprint() -> str:
    text = Path(__file__).read_bytes() + Path(rows.__file__).read_bytes()
    return hashlib.sha256(text).hexdigest()[:16]
