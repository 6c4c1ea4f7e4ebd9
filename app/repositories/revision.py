"""Which schema this program was written for. Known without Alembic, which no serving process needs to load."""

from functools import cache
from pathlib import Path

from app.domain.kernel.errors import Unavailable
from app.repositories.compile import Statement
from app.repositories.pool import Pool

MIGRATIONS = Path(__file__).parents[2] / "migrations"
_REVISION = Statement("select version_num from alembic_version", (), {})


@cache
def newest_revision() -> str:
    """Migrations are called `<date>-<revision>_<what>.py`: the last name is the newest."""
    last = max(path.stem for path in (MIGRATIONS / "versions").glob("*.py"))
    return last.partition("_")[0].rpartition("-")[2]


async def refuse_other_schema(pool: Pool, deadline: float) -> None:
    """Raises `Unavailable` unless the database is at the newest revision."""
    row = await pool.row(None, _REVISION, [], deadline)
    if row is None or row["version_num"] != newest_revision():
        raise Unavailable("The database has another schema than this program: run `crm migrate`.")
