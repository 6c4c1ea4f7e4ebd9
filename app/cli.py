"""`crm`: each command is a few lines and leaves the doing to others.

What a command needs is imported when it runs: `crm --help` and a refused option do not wait for a web framework.
"""

import asyncio
import json
import socket
import sys
from collections.abc import Coroutine, Iterator
from contextlib import contextmanager
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, NoReturn, TypeVar
from uuid import UUID

import typer

from app.local.errors import CannotStart, GaveUp

if TYPE_CHECKING:
    from app.demo import Report
    from app.settings import Settings

T = TypeVar("T")
FAILED, NEEDS_ADMINISTRATOR = 1, 3
LOCAL_API = "http://127.0.0.1:8000"
DOCUMENT = Path(__file__).parents[1] / "openapi" / "v1.json"


class Seed(StrEnum):
    none = "none"
    demo = "demo"


crm = typer.Typer(
    help="Rapport, an API-first CRM backend.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
tenant = typer.Typer(help="Tenants.", no_args_is_help=True)
key = typer.Typer(help="API keys.", no_args_is_help=True)
demo = typer.Typer(help="A sample sales pipeline.", no_args_is_help=True)
crm.add_typer(tenant, name="tenant")
crm.add_typer(key, name="key")
crm.add_typer(demo, name="demo")

Port = Annotated[int, typer.Option(min=0, max=65535, help="0 takes a free one.")]
Workers = Annotated[int, typer.Option(min=1, max=64, help="API processes.")]
StateFolder = Annotated[Path | None, typer.Option(help="Data, logs and the admin key; ./.rapport if left out.")]
ReadyFile = Annotated[
    Path | None, typer.Option(help="Once ready, a JSON file with addresses, admin key and process ids.")
]
Descriptor = Annotated[int | None, typer.Option(help="A listening socket handed down, instead of host and port.")]


def main() -> None:
    """One sentence instead of a traceback for what the person at the terminal can mend."""
    try:
        crm()
    except (CannotStart, GaveUp) as error:
        _fail(str(error))


@crm.command()
def up(
    port: Port = 8000,
    state: StateFolder = None,
    seed: Annotated[Seed, typer.Option(help="What the first start is filled with.")] = Seed.none,
    ready_file: ReadyFile = None,
    workers: Workers = 1,
) -> None:
    """Start everything: PostgreSQL, Valkey, the API and the worker.

    With CRM_DATABASE_URL and CRM_REDIS_URL set, those servers are used and none is started.
    """
    from app.local.up import Options, up  # noqa: PLC0415  # see the module

    load = _load_demo if seed is Seed.demo else None
    with _explained():
        up(Options(port, workers, state, ready_file, load), typer.echo, _notice)


@crm.command()
def serve(host: str = "127.0.0.1", port: Port = 8000, fd: Descriptor = None, workers: Workers = 1) -> None:
    """Serve the API until SIGTERM."""
    from app.local.serving import serve, serve_on  # noqa: PLC0415  # see the module
    from app.repositories.privileges import refuse_excessive_privileges  # noqa: PLC0415  # see the module

    _run(refuse_excessive_privileges(_settings().database_url))
    if fd is None:
        serve(host, port, workers)
    else:
        serve_on(socket.socket(fileno=fd), workers=1)


@crm.command()
def worker() -> None:
    """Do what no request waits for, until SIGTERM."""
    from app.api.logging import configure_logging  # noqa: PLC0415  # see the module
    from app.local.signals import until_told  # noqa: PLC0415  # see the module
    from app.workers.housekeeping import run  # noqa: PLC0415  # see the module

    settings = _settings()
    configure_logging(settings.log_level)
    asyncio.run(until_told(run(settings)))


@crm.command()
def migrate() -> None:
    """Bring the database to the newest schema; where that takes an administrator, print the SQL for one and exit 3."""
    from app.repositories.migrate import migrate  # noqa: PLC0415  # see the module

    _run(migrate(_settings().database_url))


@crm.command()
def verify() -> None:
    """Check schema, isolation and the event log against every record; exit 1 with what was found."""
    from app.repositories.verify import verify  # noqa: PLC0415  # see the module

    findings = _run(verify(_settings().database_url))
    for finding in findings:
        typer.echo(finding)
    if findings:
        raise typer.Exit(FAILED)
    typer.echo("Everything is as it should be.")


@crm.command()
def openapi(
    *, check: Annotated[bool, typer.Option("--check", help="Compare with the committed document.")] = False
) -> None:
    """Print the OpenAPI document, the same bytes for the same code."""
    from app.main import openapi_text  # noqa: PLC0415  # see the module

    text = openapi_text()
    if not check:
        typer.echo(text, nl=False)
    elif DOCUMENT.read_text() != text:
        _fail("The code says something else than openapi/v1.json: run `make openapi` and look at the difference.")


@tenant.command("create")
def create_tenant(
    name: Annotated[str, typer.Option()],
    email: Annotated[str, typer.Option(help="Of its administrator.")] = "admin@rapport.example",
) -> None:
    """Make a tenant with an administrator and a key; the key is shown this once."""
    from app.local.tenants import new_tenant  # noqa: PLC0415  # see the module

    made = _run(new_tenant(_settings(), name, email))
    typer.echo(json.dumps({"tenantId": str(made.tenant_id), "userId": str(made.user_id), "adminKey": made.key}))


@key.command("create")
def create_key(
    tenant: Annotated[UUID, typer.Option()],
    user: Annotated[UUID, typer.Option(help="The user that the key acts as.")],
    scope: Annotated[list[str], typer.Option(help="Such as contacts:read; may be repeated.")],
    name: Annotated[str, typer.Option()] = "crm key create",
) -> None:
    """Make an API key and show it, this once."""
    from app.local.tenants import new_key  # noqa: PLC0415  # see the module

    typer.echo(_run(new_key(_settings(), tenant, user, name, scope)))


@demo.command("load")
def load_demo(
    directory: Annotated[Path, typer.Argument(exists=True, file_okay=False)],
    url: Annotated[str, typer.Option(help="Where the API is.")] = LOCAL_API,
    key: Annotated[str, typer.Option(envvar="CRM_KEY", help="Better given as CRM_KEY, which `ps` does not show.")] = "",
    as_json: Annotated[bool, typer.Option("--json", help="Report in JSON.")] = False,  # noqa: FBT002  # typer's way
) -> None:
    """Load the sample through the public API; loading it again changes nothing. Exits 1 when a row went astray."""
    report = _run(_load(url, key, directory))
    typer.echo(report.as_json() if as_json else report.as_text())
    if not report.complete:
        raise typer.Exit(FAILED)


async def _load_demo(api_url: str, admin_key: str) -> None:
    from app.demo import SHIPPED, unlimited_key  # noqa: PLC0415  # see the module

    async with unlimited_key(api_url, admin_key) as key:
        typer.echo((await _load(api_url, key, SHIPPED)).as_text(lines=False))


async def _load(api_url: str, admin_key: str, directory: Path) -> "Report":
    from app.demo import LoadFailed, load  # noqa: PLC0415  # see the module

    try:
        return await load(api_url, admin_key, directory, progress=True)
    except LoadFailed as error:
        raise CannotStart(f"The sample was not loaded: {error}") from error


def _settings() -> "Settings":
    from app.local.environment import settings_with_servers  # noqa: PLC0415  # see the module

    return settings_with_servers()


def _run(work: Coroutine[Any, Any, T]) -> T:
    with _explained():
        return asyncio.run(work)


@contextmanager
def _explained() -> Iterator[None]:
    """What the database, or a rule of the product, has against a command."""
    import asyncpg  # noqa: PLC0415  # see the module
    from pydantic import ValidationError  # noqa: PLC0415  # see the module

    from app.domain.kernel.errors import AppError  # noqa: PLC0415  # see the module
    from app.repositories.migrate import CannotMigrate  # noqa: PLC0415  # see the module
    from app.repositories.privileges import ExcessivePrivileges  # noqa: PLC0415  # see the module

    try:
        yield
    except CannotMigrate as error:
        typer.echo(error.sql, nl=False)
        _fail(str(error), NEEDS_ADMINISTRATOR if error.sql else FAILED)
    except (ExcessivePrivileges, AppError) as error:
        _fail(str(error))
    except ValidationError as error:
        _fail("; ".join(f"{'.'.join(map(str, one['loc']))}: {one['msg']}" for one in error.errors()))
    except (ConnectionError, FileNotFoundError, socket.gaierror, TimeoutError, asyncpg.PostgresError) as error:
        _fail(f"The database cannot be used: {str(error) or type(error).__name__}")


def _notice(sentence: str) -> None:
    typer.echo(f"crm: {sentence}", err=True)


def _fail(sentence: str, code: int = FAILED) -> NoReturn:
    """PostgreSQL adds lines of detail and hint to what it refuses."""
    _notice(" ".join(sentence.split()))
    sys.exit(code)


if __name__ == "__main__":
    main()
