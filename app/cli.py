"""`crm`: each command is a few lines and leaves the doing to others.

What a command needs is imported when it runs: `crm --help` and a refused option do not wait for a web framework.
"""

import asyncio
import gc
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
work = typer.Typer(help="Due work of all tenants.", no_args_is_help=True)
crm.add_typer(tenant, name="tenant")
crm.add_typer(key, name="key")
crm.add_typer(demo, name="demo")
crm.add_typer(work, name="work")

Port = Annotated[int, typer.Option(min=0, max=65535, help="0 takes a free one.")]
Workers = Annotated[int, typer.Option(min=1, max=64, help="API processes.")]
StateFolder = Annotated[Path | None, typer.Option(help="Data, logs and the admin key; ./.rapport if left out.")]
ReadyFile = Annotated[
    Path | None, typer.Option(help="Once ready, a JSON file with addresses, admin key and process ids.")
]
AsJson = Annotated[bool, typer.Option("--json", help="In JSON.")]
ParkedId = Annotated[UUID, typer.Argument(metavar="ID", help="As `crm work parked` shows it.")]
Descriptor = Annotated[int | None, typer.Option(help="A listening socket handed down, instead of host and port.")]


def main() -> None:
    """One sentence instead of a traceback for what the person at the terminal can mend."""
    gc.disable()  # until a command works: what is imported stays, and to look for garbage in it takes a fifth of the start
    gc.set_threshold(10_000, 20, 50)
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
    settings = _settings()
    from app.local.serving import serve, serve_on  # noqa: PLC0415  # see the module
    from app.repositories.privileges import refuse_excessive_privileges  # noqa: PLC0415  # see the module

    _run(refuse_excessive_privileges(settings.database_url))
    if fd is None:
        serve(host, port, workers)
    else:
        serve_on(socket.socket(fileno=fd), workers=1)


@crm.command()
def worker() -> None:
    """Do what no request waits for, until SIGTERM."""
    settings = _settings()
    from app.api.logging import configure_logging  # noqa: PLC0415  # see the module
    from app.local.signals import until_told  # noqa: PLC0415  # see the module
    from app.memory import spare_what_stays  # noqa: PLC0415  # see the module
    from app.workers.running import run  # noqa: PLC0415  # see the module

    configure_logging(settings.log_level)
    spare_what_stays()
    asyncio.run(until_told(run(settings)))


@crm.command()
def migrate() -> None:
    """Bring the database to the newest schema; where that takes an administrator, print the SQL for one and exit 3."""
    settings = _settings()
    from app.repositories.migrate import migrate  # noqa: PLC0415  # see the module

    _run(migrate(settings.database_url))


@crm.command()
def verify() -> None:
    """Check schema, isolation and the event log against every record; exit 1 with what was found."""
    settings = _settings()
    from app.repositories.verify import verify  # noqa: PLC0415  # see the module

    findings = _run(verify(settings.database_url))
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
    country: Annotated[str | None, typer.Option(help="Of phones without a code, such as DE.")] = None,
) -> None:
    """Make a tenant with an administrator and a key; the key is shown this once."""
    from app.domain.kernel.countries import COUNTRIES  # noqa: PLC0415  # see the module
    from app.local.tenants import new_tenant  # noqa: PLC0415  # see the module

    if country is not None and country not in COUNTRIES:
        raise typer.BadParameter("Give the code of ISO 3166-1, such as DE.", param_hint="--country")
    made = _run(new_tenant(_settings(), name, email, country))
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
    *,
    as_json: Annotated[bool, typer.Option("--json", help="Report in JSON.")] = False,
    made_up: Annotated[
        bool, typer.Option("--made-up", help="Also leads, rules, prices and a form, which the files have not.")
    ] = False,
) -> None:
    """Load the sample through the public API; loading it again changes nothing. Exits 1 when a row went astray."""
    report = _run(_load(url, key, directory))
    typer.echo(report.as_json() if as_json else report.as_text())
    if made_up:
        typer.echo(_run(_furnish(url, key, directory)), err=as_json)
    if not report.complete:
        raise typer.Exit(FAILED)


@demo.command("tour")
def take_tour(state: StateFolder = None) -> None:
    """The way of a lead from a form to a won deal, through the API of the `crm up` of this folder, one line a step."""
    from app.local.environment import running_product  # noqa: PLC0415  # see the module
    from app.local.state import HERE  # noqa: PLC0415  # see the module

    url, admin_key = running_product(state or HERE)
    from app.demo import SHIPPED, LoadFailed, mapping_of, tour  # noqa: PLC0415  # see the module

    try:
        _run(tour(url, admin_key, mapping_of(SHIPPED).system, typer.echo))
    except LoadFailed as error:
        raise GaveUp(f"The tour ends here. {error}") from error


@work.command("list")
def list_work(*, as_json: AsJson = False) -> None:
    """How much is due, under way and parked, by kind and tenant."""
    from app.local import work  # noqa: PLC0415  # see the module

    rows = _run(work.listed(_settings().database_url))
    typer.echo(work.as_json(rows) if as_json else work.as_text(rows, work.LISTED, "There is nothing to do."))


@work.command("parked")
def list_parked(*, as_json: AsJson = False) -> None:
    """What has failed too often and waits for somebody to look, oldest first."""
    from app.local import work  # noqa: PLC0415  # see the module

    rows = _run(work.waiting(_settings().database_url))
    typer.echo(work.as_json(rows) if as_json else work.as_text(rows, work.PARKED, "Nothing is parked."))


@work.command("replay")
def replay_work(work_id: ParkedId) -> None:
    """Try parked work again, from its first attempt on."""
    from app.local import work  # noqa: PLC0415  # see the module

    _run(work.replay(_settings().database_url, work_id))


@work.command("discard")
def discard_work(work_id: ParkedId) -> None:
    """Give parked work up; what had to wait for it goes on."""
    from app.local import work  # noqa: PLC0415  # see the module

    _run(work.discard(_settings().database_url, work_id))


async def _load_demo(api_url: str, admin_key: str) -> None:
    from app.demo import SHIPPED, unlimited_key  # noqa: PLC0415  # see the module

    async with unlimited_key(api_url, admin_key) as key:
        typer.echo((await _load(api_url, key, SHIPPED)).as_text(lines=False))
        typer.echo(await _furnish(api_url, key, SHIPPED))


async def _load(api_url: str, admin_key: str, directory: Path) -> "Report":
    from app.demo import LoadFailed, load  # noqa: PLC0415  # see the module

    try:
        return await load(api_url, admin_key, directory, progress=True)
    except LoadFailed as error:
        raise CannotStart(f"The sample was not loaded: {error}") from error


async def _furnish(api_url: str, admin_key: str, directory: Path) -> str:
    from app.demo import LoadFailed, furnish, in_words, mapping_of  # noqa: PLC0415  # see the module

    try:
        return in_words(await furnish(api_url, admin_key, mapping_of(directory).system))
    except LoadFailed as error:
        raise CannotStart(f"The sample is there, but not what is made up beside it: {error}") from error


def _settings() -> "Settings":
    from app.local.environment import settings_with_servers  # noqa: PLC0415  # see the module

    return settings_with_servers()


def _run(work: Coroutine[Any, Any, T]) -> T:
    with _explained():
        return asyncio.run(work)


@contextmanager
def _explained() -> Iterator[None]:
    """What the database, or a rule of the product, has against a command. Only a failure waits for their classes."""
    gc.enable()
    try:
        yield
    except (CannotStart, GaveUp, typer.Exit):
        raise
    except Exception as error:  # noqa: BLE001  # it is raised again where there is no sentence for it
        _explain(error)


def _explain(failure: Exception) -> None:
    import asyncpg  # noqa: PLC0415  # see the module
    from pydantic import ValidationError  # noqa: PLC0415  # see the module

    from app.domain.kernel.errors import AppError  # noqa: PLC0415  # see the module
    from app.repositories.migrate import CannotMigrate  # noqa: PLC0415  # see the module
    from app.repositories.privileges import ExcessivePrivileges  # noqa: PLC0415  # see the module

    try:
        raise failure
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
