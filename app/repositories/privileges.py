"""Row-level security protects only from a role that cannot step round it: whoever serves is checked first."""

import asyncpg

from app.repositories.pool import dsn

SERVING = "rapport_app"
EXCESS = """
select array_remove(array[
  case when r.rolsuper then 'is superuser' end,
  case when r.rolbypassrls then 'has BYPASSRLS' end,
  case when exists (
    select from pg_class c
    where c.relkind in ('r', 'p') and c.relnamespace not in ('pg_catalog'::regnamespace, 'information_schema'::regnamespace)
      and not r.rolsuper and pg_has_role(current_user, c.relowner, 'USAGE'))
  then 'owns tables' end], null) as excess
  from pg_roles r where r.rolname = current_user
"""


class ExcessivePrivileges(Exception):
    """The role that would serve could read the rows of every tenant."""


async def refuse_excessive_privileges(url: str) -> None:
    """A role that inherits the rights of an owner counts as owner."""
    connection = await asyncpg.connect(dsn(url), server_settings={"role": SERVING})
    try:
        excess = await connection.fetchval(EXCESS)
    finally:
        await connection.close()
    if excess:
        raise ExcessivePrivileges(
            f"The database role {SERVING} {' and '.join(excess)}, so row-level security would not hold for it: "
            f"take that away from it, then start again."
        )
