"""From an empty database, or an older one, to the newest schema: roles and rights first, then the migrations."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass

import asyncpg
from alembic import command
from alembic.config import Config
from alembic.util import CommandError
from sqlalchemy import Connection, NullPool
from sqlalchemy.ext.asyncio import create_async_engine

from app.repositories.housekeeping import MIGRATION
from app.repositories.pool import dsn
from app.repositories.revision import MIGRATIONS
from app.repositories.tenant_table import APP, OWNER, WORK

OLDEST = 15
MEMBERSHIP_HAS_OPTIONS = 16
ONE_AT_A_TIME = 7_277_306_817  # any number that nobody else locks
SETTINGS = {"TimeZone": "UTC", "lock_timeout": "5s", "application_name": MIGRATION}
_alembic = asyncio.Lock()  # Alembic keeps the running migration in globals: two in one process would mix databases.


class CannotMigrate(Exception):
    """The database is not as it must be. `sql`, where there is some, is what an administrator runs to make it so."""

    def __init__(self, reason: str, sql: str = "") -> None:
        super().__init__(reason)
        self.sql = sql


async def migrate(url: str) -> None:
    """Of two that start at once, one waits for the other and then finds nothing to do."""
    async with _connected(url) as login:
        await login.execute("select pg_advisory_lock($1)", ONE_AT_A_TIME)
        await _check_server(login)
        await _prepare(login)
        await _check_letters(login)
        await run_alembic(url, lambda config: command.upgrade(config, "head"))


async def run_alembic(url: str, run: Callable[[Config], None]) -> None:
    """One of Alembic's commands, as the role that owns the schema."""

    def with_connection(connection: Connection) -> None:
        config = alembic_config()
        config.attributes["connection"] = connection
        run(config)

    async def connect() -> asyncpg.Connection:
        return await asyncpg.connect(dsn(url), server_settings=SETTINGS | {"role": OWNER})

    engine = create_async_engine("postgresql+asyncpg://", async_creator=connect, poolclass=NullPool)
    try:
        async with _alembic, engine.connect() as connection:
            await connection.run_sync(with_connection)
    except CommandError as error:
        raise CannotMigrate(f"The database was migrated by another version of this program: {error}") from error
    finally:
        await engine.dispose()


@dataclass(frozen=True, slots=True)
class Need:
    """Something the database must have: how to see whether it does, and how to get it."""

    is_met: str
    sql: str


async def _prepare(login: asyncpg.Connection) -> None:
    """What is already there is left alone, so that a login without any rights can migrate a prepared database."""
    missing, refusals = [], []
    for need in await _needs(login):
        if await login.fetchval(need.is_met):
            continue
        try:
            await login.execute(need.sql)
        except asyncpg.PostgresError as refusal:  # that it lacks the right, or that another database was faster
            refusals.append(str(refusal))
        if not await _becomes_met(login, need):
            missing.append(need.sql + ";\n")
    if missing:
        raise CannotMigrate(f"An administrator has to prepare the database ({'; '.join(refusals)}).", "".join(missing))


async def _becomes_met(login: asyncpg.Connection, need: Need) -> bool:
    """What another database has just been granted can be seen a moment before this connection counts it as a right."""
    for _ in range(3):
        if await login.fetchval(need.is_met):
            return True
        await asyncio.sleep(0.02)
    return False


async def _needs(login: asyncpg.Connection) -> list[Need]:
    me = await login.fetchval("select quote_ident(current_user)")
    has_options = login.get_server_version().major >= MEMBERSHIP_HAS_OPTIONS
    right, options = ("SET", " with set true, inherit false") if has_options else ("MEMBER", "")
    return [
        *(
            Need(f"select exists (select from pg_extension where extname = '{name}')", f"create extension {name}")  # noqa: S608  # our words only
            for name in ("btree_gin", "pg_trgm")
        ),
        *(Need(_of_role(role, "true"), f"create role {role} nologin") for role in (OWNER, APP, WORK)),
        *(
            Need(_of_role(role, f"pg_has_role(current_user, oid, '{right}')"), f"grant {role} to {me}{options}")
            for role in (OWNER, APP, WORK)
        ),
        Need(_of_role(OWNER, _may_use("create")), f"grant create on schema public to {OWNER}"),
        *(
            Need(_of_role(role, _may_use("usage")), f"grant usage on schema public to {role}")
            for role in (OWNER, APP, WORK)
        ),
    ]


def _of_role(role: str, condition: str) -> str:
    return f"select exists (select from pg_roles where rolname = '{role}' and {condition})"  # noqa: S608  # our words only


def _may_use(right: str) -> str:
    return f"has_schema_privilege(oid, 'public', '{right}')"


async def _check_server(login: asyncpg.Connection) -> None:
    version = login.get_server_version()
    if version.major < OLDEST:
        raise CannotMigrate(f"PostgreSQL {OLDEST} or later is needed; this server is {version.major}.{version.minor}.")
    encoding = await login.fetchval("select current_setting('server_encoding')")
    if encoding != "UTF8":
        raise CannotMigrate(f"The database must have the encoding UTF8; this one has {encoding}.")


async def _check_letters(login: asyncpg.Connection) -> None:
    """With LC_CTYPE C trigrams drop every letter beyond ASCII, and a search for such a name finds nothing."""
    if not await login.fetchval("select cardinality(show_trgm('Żółć')) > 0"):
        raise CannotMigrate("The database must be created with a UTF-8 locale such as C.UTF-8: its LC_CTYPE is C.")


@asynccontextmanager
async def _connected(url: str) -> AsyncIterator[asyncpg.Connection]:
    connection = await asyncpg.connect(dsn(url), server_settings={"TimeZone": "UTC"})
    try:
        yield connection
    finally:
        await connection.close()


def alembic_config() -> Config:
    """Configured here and not in a file: the folder lies beside the package, in a checkout as in an image."""
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS).replace("%", "%%"))
    return config
