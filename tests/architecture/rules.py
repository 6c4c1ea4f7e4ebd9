"""Rules that ruff and import-linter cannot say, each with a sample that breaks it and one that keeps it."""

import ast
import io
import re
import tokenize
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from app.domain.registry import OBJECT_TYPES
from tests.architecture.source import ROOT, Source

Found = Iterable[tuple[int, str]]

CODE = ("app/", "migrations/", "tests/", "bench/")
MODULES = {path.name for path in (ROOT / "app/domain").iterdir() if path.is_dir()} - {"kernel", "records"}
PLATFORM = ("app.domain.governance.", "app.domain.views.")
"""Actors and owners are users, and every list can be one that a view describes: generic code may know of them."""


@dataclass(frozen=True)
class Rule:
    """`find` gives line and complaint; `bad` and `good` are read as files at `at`."""

    name: str
    find: Callable[[Source], Found]
    bad: str
    good: str
    at: str = "app/api/sample.py"
    covers: tuple[str, ...] = ("app/",)
    spares: tuple[str, ...] = ()

    def applies(self, path: str) -> bool:
        return path.startswith(self.covers) and not path.startswith(self.spares)


def long_files(source: Source) -> Found:
    length = source.text.count("\n")
    return [(length, f"{length} lines")] if length > 400 else []


def long_functions(source: Source) -> Found:
    for node in source.nodes:
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            length = (node.end_lineno or 0) - node.lineno + 1
            if length > 60:
                yield node.lineno, f"{node.name} has {length} lines"


def commits(source: Source) -> Found:
    for node in source.nodes:
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "commit":
            yield node.lineno, "only leaving a transaction commits"


def formatted_sql(source: Source) -> Found:
    for node in source.nodes:
        if isinstance(node, ast.Call) and _name(node.func) == "text":
            yield from ((node.lineno, "text() takes a constant") for part in node.args if _computed(part))


_VERBS = "select|create|alter|drop|grant|revoke|set|call|begin|rollback|commit"
_SQL = re.compile(
    r"(?i:\bselect\b.+\bfrom\b|\binsert\s+into\b|\bupdate\s+\S+\s+set\b|\bdelete\s+from\b)"
    rf"|^\s*({_VERBS}|{_VERBS.upper()})\s+[\w\"(]",
    re.DOTALL,
)


def stray_sql(source: Source) -> Found:
    for node in source.strings:
        if _SQL.search(node.value):
            yield node.lineno, f"SQL outside of the repositories: {node.value[:40]!r}"


_EXEMPTION = re.compile(r"#\s*(noqa|type:|ruff:|mypy:|pragma)")
_REASONED = re.compile(
    r"#( ?(noqa: [A-Z]+\d+(, ?[A-Z]+\d+)*|type: ignore\[[a-z, -]+\])\s+#)+(?! ?(noqa|type):).*\w{3}.*"
)


def unreasoned_exemptions(source: Source) -> Found:
    for token in tokenize.generate_tokens(io.StringIO(source.text).readline):
        exempts = token.type == tokenize.COMMENT and _EXEMPTION.match(token.string)
        if exempts and not _REASONED.fullmatch(token.string):
            yield token.start[0], f"no code or no reason: {token.string}"


def framework_shortcuts(source: Source) -> Found:
    """The middleware class costs a task and a queue per request; an included router hides its routes."""
    for node in source.nodes:
        if _name(node) in {"BaseHTTPMiddleware", "include_router"} or _imported(node, {"BaseHTTPMiddleware"}):
            yield _line(node), "routes are listed and middleware is plain ASGI"


def importing(package: str) -> Callable[[Source], Found]:
    def find(source: Source) -> Found:
        for node in source.nodes:
            modules = [name.name for name in node.names] if isinstance(node, ast.Import) else []
            if isinstance(node, ast.ImportFrom):
                modules = [node.module or ""]
            if any(module.partition(".")[0] == package for module in modules):
                yield node.lineno, f"imports {package}"

    return find


_NAMES = {name: kind for kind in OBJECT_TYPES for name in (kind.name, kind.plural)}
HOMONYMS = {"quote", "quotes"}
"""Texts stand between quotes, and a quote is an object, too: only a case for one would tell it."""
_BUSINESS = {name for name, kind in _NAMES.items() if not kind.model.__module__.startswith(PLATFORM)} - HOMONYMS
_WORDS = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+")


def object_names(source: Source) -> Found:
    for node in source.nodes:
        words = {word.lower() for word in _WORDS.findall(_name(node) or _imports(node))}
        yield from ((_line(node), f"names {word}") for word in words & _BUSINESS)
    for string in source.strings:
        words = {word.lower() for word in _WORDS.findall(string.value)}
        yield from ((string.lineno, f"names {word}") for word in words & _BUSINESS)


def object_cases(source: Source) -> Found:
    """A comparison with the name of any object, the platform's included, is a special case."""
    for node in source.nodes:
        if isinstance(node, ast.Compare | ast.match_case):
            for part in ast.walk(node.pattern if isinstance(node, ast.match_case) else node):
                if isinstance(part, ast.Constant) and part.value in _NAMES:
                    yield part.lineno, f"has a case for {part.value}"


_VAGUE = re.compile(
    r"(^|/|_)(utils?|helpers?|managers?|misc|common|base)(_|\.|/)|([a-z]|^)(Manager|Helper|Utils?|Impl|DTO)$"
)


def vague_names(source: Source) -> Found:
    if _VAGUE.search(source.path):
        yield 1, f"the path {source.path} says nothing"
    for node in source.nodes:
        if isinstance(node, ast.ClassDef) and _VAGUE.search(node.name):
            yield node.lineno, f"the name {node.name} says nothing"


IDLE = {"skip", "skipif", "xfail", "importorskip"}


def idle_tests(source: Source) -> Found:
    for node in source.nodes:
        if isinstance(node, ast.Attribute) and ast.unparse(node).startswith("pytest.") and node.attr in IDLE:
            yield node.lineno, "a test that does not run proves nothing"


def _name(node: ast.AST) -> str:
    """The identifier a node introduces or uses, if it is one."""
    for field in ("id", "attr", "arg", "name"):
        if isinstance(value := getattr(node, field, None), str):
            return value
    return ""


def _computed(node: ast.AST) -> bool:
    return not isinstance(node, ast.Constant | ast.Name)


def _line(node: ast.AST) -> int:
    return getattr(node, "lineno", 0)


def _imports(node: ast.AST) -> str:
    return node.module or "" if isinstance(node, ast.ImportFrom) else ""


def _imported(node: ast.AST, names: set[str]) -> bool:
    return isinstance(node, ast.ImportFrom) and any(name.name in names for name in node.names)


GENERIC = ("app/domain/kernel/", "app/domain/records/", "app/repositories/", "app/api/")
FURTHER = (
    "board",
    "stages",
    "forecast_sums",
    "snapshots",
)  # files of a module that has more to ask than one file holds
OF_A_MODULE = ("app/api/v1/", "app/api/pages/", *(f"app/repositories/{module}.py" for module in (*MODULES, *FURTHER)))
LOOP = "def f():\n" + "    pass\n" * 59

RULES = (
    Rule("files have at most 400 lines", long_files, "x = 1\n" * 401, "x = 1\n" * 400, covers=CODE),
    Rule("functions have at most 60 lines", long_functions, LOOP + "    pass\n", LOOP, covers=CODE),
    Rule(
        "nothing but the pool commits",
        commits,
        "await session.commit()",
        "async with session.transaction(): ...",
        spares=("app/repositories/pool.py",),
    ),
    Rule(
        "SQL text is constant",
        formatted_sql,
        "text(f'select {x}')",
        "text('select :x')",
        covers=("app/", "migrations/"),
    ),
    Rule(
        "SQL lives in the repositories",
        stray_sql,
        "fetch('select name from tenant')",
        '"""Select one from the list."""\nfetch("updated")',
        spares=("app/repositories/",),
    ),
    Rule(
        "exemptions name their code and their reason",
        unreasoned_exemptions,
        "import a  # noqa: F401",
        "import a  # noqa: F401  # importing it registers the codec",
        covers=CODE,
    ),
    Rule(
        "no request passes a shortcut of the framework",
        framework_shortcuts,
        "app.include_router(x)",
        "app.routes.append(x)",
    ),
    Rule(
        "only clients of the outside import httpx",
        importing("httpx"),
        "import httpx",
        "import http",
        spares=("app/demo/", "app/workers/clients/"),
    ),
    Rule(
        "only the queue imports arq",
        importing("arq"),
        "from arq.connections import RedisSettings",
        "from app.workers import queue",
        spares=("app/workers/queue.py", "app/workers/settings.py"),
    ),
    Rule(
        "only its client imports aio-pika",
        importing("aio_pika"),
        "from aio_pika import Message",
        "from app.workers.clients.amqp import amqp",
        spares=("app/workers/clients/amqp.py",),
    ),
    Rule(
        "only its client imports nats-py",
        importing("nats"),
        "from nats.aio.client import Client",
        "from app.workers.clients.nats import nats",
        spares=("app/workers/clients/nats.py",),
    ),
    Rule(
        "only the rate limit and the queue import redis",
        importing("redis"),
        "from redis.asyncio import Redis",
        "from app.api.limits import RateLimiter",
        spares=("app/api/limits.py", "app/workers/queue.py", "app/workers/settings.py"),
    ),
    Rule(
        "generic code names no object",
        object_names,
        "def account_of(x): ...",
        "def record_of(x): ...",
        covers=GENERIC,
        spares=OF_A_MODULE,
    ),
    Rule(
        "generic code has no case for an object",
        object_cases,
        "if kind.name == 'account': ...",
        "if kind.name == 'record': ...",
        covers=GENERIC,
        spares=OF_A_MODULE,
    ),
    Rule("names say what a thing is", vague_names, "class RecordManager: ...", "class Records: ...", covers=CODE),
    Rule(
        "every test runs",
        idle_tests,
        "pytest.importorskip('x')",
        "pytest.raises(ValueError)",
        "tests/sample.py",
        ("tests/",),
    ),
)
