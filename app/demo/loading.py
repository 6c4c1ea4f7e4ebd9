"""The load itself: records in an order in which what they refer to is there first, eight at a time."""

import asyncio
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from time import monotonic

import httpx
import typer

from app.demo.client import IN_FLIGHT, OUTCOME, Client, document, problem
from app.demo.failure import LoadFailed
from app.demo.mapping import Mapping
from app.demo.plan import ACCOUNTS, FILES, USERS, Entry, Plan, Target
from app.demo.report import OUTCOMES, Report
from app.demo.rows import Kind

SHIPPED = Path(__file__).resolve().parents[2] / "demo" / "sales-opportunities"
MAPPING = "mapping.toml"


async def load(
    api_url: str, key: str, directory: Path, *, progress: bool, transport: httpx.AsyncBaseTransport | None = None
) -> Report:
    """Put every row of the directory's files; a mapping.toml beside them takes the place of the shipped one.

    Any number of loads, whole or killed in the middle, leave what one leaves: a row finds its record by
    external id, and a row that says what the record already says writes nothing.
    """
    started = monotonic()
    own = directory / MAPPING
    plan = Plan(directory, Mapping.read(own if own.exists() else SHIPPED.parent / MAPPING))
    async with Client(api_url, key, transport) as client:
        with typer.progressbar(length=len(plan.entries), label="Loading", file=sys.stderr, hidden=not progress) as bar:
            loading = Loading(client, plan, on_row=lambda: bar.update(1))
            await loading.run()
        return Report(
            source=plan.name,
            counts={name: dict(count) for name, count in loading.counts.items()},
            rows=[row for rows in plan.rows.values() for row in rows],
            made_up={"user email addresses": sum(entry.object == USERS for entry in plan.entries)},
            requests=client.requests,
            repeated=client.repeated,
            seconds=monotonic() - started,
        )


class Loading:
    """One run: which records are there by now, and what became of each row."""

    def __init__(self, client: Client, plan: Plan, on_row: Callable[[], None]) -> None:
        self.counts = {name: Counter(dict.fromkeys(OUTCOMES, 0)) for name in FILES}
        for name, rows in plan.rows.items():
            self.counts[name]["notLoaded"] = sum(row.not_loaded for row in rows)
        self._client, self._plan, self._on_row = client, plan, on_row
        self._ids: dict[Target, str | None] = {}  # None: tried in vain

    async def run(self) -> None:
        owner = await self._first_administrator()
        for entry in self._plan.entries:
            if entry.object == ACCOUNTS:
                entry.body["ownerId"] = owner
        rest = self._plan.entries
        while rest:
            ready = [entry for entry in rest if self._ids.keys() >= set(entry.references.values())]
            rest = [entry for entry in rest if not self._ids.keys() >= set(entry.references.values())]
            await self._put_all(iter(ready))

    async def _first_administrator(self) -> str:
        found = await self._client.get("/users", role="admin", sort="createdAt", limit=1)
        if not found["data"]:
            raise LoadFailed("The tenant has no administrator who could own the accounts.")
        return str(found["data"][0]["id"])

    async def _put_all(self, entries: Iterator[Entry]) -> None:
        async def take_turns() -> None:
            for entry in entries:
                await self._put(entry)
                self._on_row()

        failure: BaseException | None = None
        try:
            async with asyncio.TaskGroup() as group:
                for _ in range(IN_FLIGHT):
                    group.create_task(take_turns())
        except* LoadFailed as failures:
            failure = failures.exceptions[0]
        if failure:
            raise failure

    async def _put(self, entry: Entry) -> None:
        body = entry.body | self._resolved(entry)
        answer = await self._client.put(entry.object, self._plan.mapping.system, entry.key, body)
        if answer.is_error:
            entry.row.note(Kind.NOT_LOADED, f"refused in {entry.object}: {problem(answer)}", value=entry.key)
            self._ids[entry.target] = None
            self.counts[entry.object]["notLoaded"] += 1
            return
        self._ids[entry.target] = document(answer)["id"]
        self.counts[entry.object][answer.headers[OUTCOME]] += 1

    def _resolved(self, entry: Entry) -> dict[str, str]:
        found = {name: self._ids[target] for name, target in entry.references.items()}
        for name in [name for name, there in found.items() if there is None]:
            target = entry.references[name]
            entry.row.note(Kind.UNMATCHED, f"{name}: {target[1]!r} was not loaded, left empty", value=target[1])
        return {name: there for name, there in found.items() if there is not None}
