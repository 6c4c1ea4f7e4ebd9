import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from alembic import command
from alembic.script import ScriptDirectory

from app.domain.kernel.ids import uuid7
from app.repositories.migrate import alembic_config, migrate, run_alembic
from app.repositories.revision import newest_revision
from tests.database.cluster import is_current
from tests.world import Place

REVISIONS = [one.revision for one in ScriptDirectory.from_config(alembic_config()).walk_revisions()][::-1]
OURS = """
select c.relname::text from pg_class c where c.relnamespace = 'public'::regnamespace and c.relname !~ '^alembic_version'
union all
select p.proname from pg_proc p where p.pronamespace = 'public'::regnamespace
   and not exists (select from pg_depend d where d.objid = p.oid and d.deptype = 'e')
union all
select t.typname from pg_type t where t.typnamespace = 'public'::regnamespace and t.typname !~ '^alembic_version' and t.typelem = 0
   and not exists (select from pg_depend d where d.objid = t.oid and d.deptype = 'e')
"""
ACCOUNT = """
insert into account (tenant_id, id, version, settle, created_at, modified_at, name, status)
values ($1, $2, 1, 1, now(), now(), 'Acme', 'active')
"""
BACKFILL = "update account set country = 'unknown' where country is null"


@pytest.fixture
def schema_of(same_version: Path) -> Callable[[Place], list[str]]:
    """As `pg_dump` prints it, without the word that it makes up for each dump."""

    def lines(place: Place) -> list[str]:
        command = [same_version / "pg_dump", "--schema-only", place.admin_url]
        printed = subprocess.run(command, capture_output=True, text=True, check=True).stdout
        return [line for line in printed.splitlines() if "restrict " not in line]

    return lines


async def upgrade(place: Place, revision: str) -> None:
    await run_alembic(place.url, lambda config: command.upgrade(config, revision))


async def downgrade(place: Place, revision: str) -> None:
    await run_alembic(place.url, lambda config: command.downgrade(config, revision))


async def what_is_ours(place: Place) -> list[str]:
    async with place.connect() as administrator:
        return [row[0] for row in await administrator.fetch(OURS)]


@pytest.mark.quick
async def test_an_empty_database_becomes_current_and_a_second_run_changes_nothing(
    empty_database: Place, schema_of: Callable[[Place], list[str]]
) -> None:
    async with empty_database.connect("rapport_app") as application:
        assert not await is_current(application)

        await migrate(empty_database.url)

        assert await is_current(application)
    first = schema_of(empty_database)
    await migrate(empty_database.url)
    assert schema_of(empty_database) == first


def test_the_newest_revision_is_known_without_alembic() -> None:
    assert newest_revision() == REVISIONS[-1]


async def test_every_migration_goes_up_down_and_up_without_a_difference(
    empty_database: Place, schema_of: Callable[[Place], list[str]]
) -> None:
    await migrate(empty_database.url)
    await downgrade(empty_database, "base")
    for number, revision in enumerate(REVISIONS):
        await upgrade(empty_database, revision)
        up = schema_of(empty_database)
        await downgrade(empty_database, REVISIONS[number - 1] if number else "base")
        assert schema_of(empty_database) != up
        await upgrade(empty_database, revision)
        assert schema_of(empty_database) == up


async def test_the_way_down_leaves_nothing_of_ours(database_copy: Place) -> None:
    assert "account_read" in await what_is_ours(database_copy)

    await downgrade(database_copy, "base")

    assert await what_is_ours(database_copy) == []


async def test_a_migration_waits_for_a_lock_no_longer_than_five_seconds(database_copy: Place) -> None:
    shown: list[str] = []

    def look(config: object) -> None:
        connection = config.attributes["connection"]  # type: ignore[attr-defined]  # Alembic's Config
        shown.extend(connection.exec_driver_sql("show lock_timeout").scalars())

    await run_alembic(database_copy.url, look)

    assert shown == ["5s"]


async def test_a_backfill_reaches_the_rows_of_every_tenant(database_copy: Place) -> None:
    """FORCE ROW LEVEL SECURITY binds the owner too: without its policy the backfill says 0 and nothing else."""
    async with database_copy.connect("rapport_owner") as owner:
        for _ in range(2):
            await owner.execute(ACCOUNT, uuid7(), uuid7())

        assert await owner.execute(BACKFILL) == "UPDATE 2"

        await owner.execute("update account set country = null")
        await owner.execute("drop policy owner on account")
        assert await owner.execute(BACKFILL) == "UPDATE 0"
