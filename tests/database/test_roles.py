"""What `crm migrate` does itself, and what it asks of an administrator, depending on the login it is given."""

import asyncio

import pytest

from app.repositories import migrate as migrating
from app.repositories.migrate import CannotMigrate, migrate
from tests.database.cluster import Cluster, is_current
from tests.world import Place

ROLES = ("rapport_owner", "rapport_app", "rapport_work")
OPTIONS_SINCE = 16


async def administer(place: Place, sql: str) -> None:
    async with place.connect() as administrator:
        await administrator.execute(sql)


async def assert_served(place: Place) -> None:
    """The login can take each of the three roles, and the application finds the newest schema."""
    for role in ROLES:
        async with place.connect(role) as connection:
            assert await connection.fetchval("select current_user") == role
            assert role == "rapport_work" or await is_current(connection)


async def test_a_login_that_may_create_roles_needs_nobody(cluster: Cluster) -> None:
    place = await cluster.database("crm", login="builder", rights="createrole")

    await migrate(place.url)

    await assert_served(place)
    if cluster.administrator.get_server_version().major >= OPTIONS_SINCE:
        inherited = "select bool_or(pg_has_role('builder', r, 'USAGE')) from unnest($1::text[]) r"
        assert not await cluster.administrator.fetchval(inherited, list(ROLES))


async def test_a_login_that_may_not_create_roles_gets_the_sql_for_an_administrator(cluster: Cluster) -> None:
    place = await cluster.database("crm", login="guest")

    with pytest.raises(CannotMigrate) as refusal:
        await migrate(place.url)

    assert [line for line in refusal.value.sql.splitlines() if line.startswith("create role")] == [
        f"create role {role} nologin;" for role in ROLES
    ]
    await administer(place, refusal.value.sql)
    await migrate(place.url)
    await migrate(place.url)
    await assert_served(place)


async def test_a_login_that_does_not_own_the_database_gets_the_sql_for_an_administrator(cluster: Cluster) -> None:
    place = await cluster.database("crm", login="guest", rights="createrole", owner="postgres")

    with pytest.raises(CannotMigrate) as refusal:
        await migrate(place.url)

    assert "create extension pg_trgm" in refusal.value.sql
    assert "grant create on schema public to rapport_owner" in refusal.value.sql
    await administer(place, refusal.value.sql)
    await migrate(place.url)
    await assert_served(place)


async def test_a_strange_name_of_a_login_is_quoted(cluster: Cluster) -> None:
    place = await cluster.database("crm", login="Ann-Lee; drop")

    with pytest.raises(CannotMigrate) as refusal:
        await migrate(place.url)

    await administer(place, refusal.value.sql)
    await migrate(place.url)


async def test_roles_that_somebody_else_made_are_taken_over_where_the_server_allows_it(cluster: Cluster) -> None:
    for role in ROLES:
        await cluster.administrator.execute(f"create role {role} nologin")
    place = await cluster.database("crm", login="builder", rights="createrole")

    if cluster.administrator.get_server_version().major >= OPTIONS_SINCE:
        with pytest.raises(CannotMigrate) as refusal:
            await migrate(place.url)
        assert "grant rapport_app to builder with set true, inherit false;" in refusal.value.sql
        await administer(place, refusal.value.sql)
    await migrate(place.url)

    await assert_served(place)


async def test_two_migrations_of_a_database_at_once_both_succeed(cluster: Cluster) -> None:
    place = await cluster.database("crm", login="builder", rights="createrole")

    await asyncio.gather(migrate(place.url), migrate(place.url))

    await assert_served(place)


async def test_databases_of_one_cluster_can_be_migrated_at_once(cluster: Cluster) -> None:
    places = [await cluster.database(f"crm{n}", login="builder", rights="createrole") for n in range(4)]

    await asyncio.gather(*(migrate(place.url) for place in places))

    for place in places:
        await assert_served(place)


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        ("encoding 'LATIN1' lc_collate 'C' lc_ctype 'C'", "UTF8"),
        ("encoding 'SQL_ASCII' lc_collate 'C' lc_ctype 'C'", "UTF8"),
        ("encoding 'UTF8' lc_collate 'C' lc_ctype 'C'", "locale"),
    ],
)
async def test_a_database_that_would_lose_letters_is_refused(cluster: Cluster, options: str, reason: str) -> None:
    if cluster.administrator.get_server_version().major >= OPTIONS_SINCE:
        options += " locale_provider libc"
    place = await cluster.database("crm", login="builder", rights="createrole", options=options)

    with pytest.raises(CannotMigrate, match=reason) as refusal:
        await migrate(place.url)

    assert refusal.value.sql == ""


async def test_an_old_server_is_refused(cluster: Cluster, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(migrating, "OLDEST", 99)

    with pytest.raises(CannotMigrate, match="PostgreSQL 99 or later is needed"):
        await migrate(cluster.admin_url)


async def test_a_database_of_a_newer_program_is_left_alone(database_copy: Place) -> None:
    await administer(database_copy, "update alembic_version set version_num = '9999'")

    with pytest.raises(CannotMigrate, match="another version"):
        await migrate(database_copy.url)

    async with database_copy.connect("rapport_app") as application:
        assert not await is_current(application)
