"""What the administrator of a cluster made by us does once: a login without special rights, and its database."""

import asyncpg


async def make_login_and_database(administrator_url: str) -> None:
    """The login may create roles, because `migrate` makes three, and may do nothing else that is special."""
    administrator = await asyncpg.connect(administrator_url)
    try:
        if not await administrator.fetchval("select exists (select from pg_roles where rolname = 'crm')"):
            await administrator.execute("create role crm login createrole")
        if not await administrator.fetchval("select exists (select from pg_database where datname = 'crm')"):
            await administrator.execute("create database crm owner crm")
    finally:
        await administrator.close()
