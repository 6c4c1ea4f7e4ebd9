"""A PostgreSQL without anything of ours: what `crm migrate` finds on its first day."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from urllib.parse import quote

import asyncpg

from app.repositories.revision import newest_revision
from tests.world import Place

DATABASES = "select quote_ident(datname) from pg_database where not datistemplate and datname <> 'postgres'"
ROLES = """
select quote_ident(rolname) from pg_roles where not starts_with(rolname, 'pg_') and rolname <> 'postgres'
 order by starts_with(rolname, 'rapport_') desc
"""


@dataclass
class Cluster:
    admin_url: str
    administrator: asyncpg.Connection

    @classmethod
    @asynccontextmanager
    async def fresh(cls, admin_url: str) -> AsyncIterator["Cluster"]:
        administrator = await asyncpg.connect(admin_url)
        cluster = cls(admin_url, administrator)
        try:
            await cluster._sweep()
            yield cluster
        finally:
            await administrator.close()

    async def database(
        self, name: str, *, login: str, rights: str = "", owner: str | None = None, options: str = ""
    ) -> Place:
        """A login with these rights, and an empty database, which belongs to it unless said otherwise."""
        if not await self.administrator.fetchval("select exists (select from pg_roles where rolname = $1)", login):
            await self.administrator.execute(f'create role "{login}" login {rights}')
        owner = owner or login
        await self.administrator.execute(f'create database {name} owner "{owner}" template template0 {options}')
        here = self.admin_url.replace("/postgres?", f"/{name}?")
        return Place(here, here.replace("postgres@", f"{quote(login)}@"), "")

    async def _sweep(self) -> None:
        """Our roles go before the logins that granted them."""
        for (name,) in await self.administrator.fetch(DATABASES):
            await self.administrator.execute(f"drop database {name} with (force)")
        for (name,) in await self.administrator.fetch(ROLES):
            await self.administrator.execute(f"drop role {name}")


async def is_current(connection: asyncpg.Connection) -> bool:
    if await connection.fetchval("select to_regclass('alembic_version')") is None:
        return False
    return bool(await connection.fetchval("select version_num from alembic_version") == newest_revision())
