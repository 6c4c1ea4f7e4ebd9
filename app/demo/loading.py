"""The load itself: records in an order in which what they refer to is there first, in batches."""

import asyncio
import sys
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path
from time import monotonic
from typing import Any

import httpx
import typer

from app.demo.answers import Result
from app.demo.client import IN_FLIGHT, Client, place
from app.demo.failure import LoadFailed
from app.demo.histories import is_dated, stays_of
from app.demo.mapping import Mapping
from app.demo.plan import ACCOUNTS, FILES, OPPORTUNITIES, USERS, Entry, Plan, Target
from app.demo.report import OUTCOMES, Report
from app.demo.rows import Kind

SHIPPED = Path(__file__).resolve().parents[2] / "demo" / "sales-opportunities"
MAPPING = "mapping.toml"
HISTORIES = "stage histories"
TOGETHER = 50  # rows in a batch: what takes well below a second


def mapping_of(directory: Path) -> Mapping:
    """A mapping.toml beside the files takes the place of the shipped one."""
    own = directory / MAPPING
    return Mapping.read(own if own.exists() else SHIPPED.parent / MAPPING)


async def load(
    api_url: str, key: str, directory: Path, *, progress: bool, transport: httpx.AsyncBaseTransport | None = None
) -> Report:
    """Put every row of the directory's files, and what their dates tell of the stages before.

    Any number of loads, whole or killed in the middle, leave what one leaves: a row finds its record by
    external id, and a row that says what the record already says writes nothing.
    """
    started = monotonic()
    plan = Plan(directory, mapping_of(directory))
    async with Client(api_url, key, transport) as client:
        with typer.progressbar(length=len(plan.entries), label="Loading", file=sys.stderr, hidden=not progress) as bar:
            loading = Loading(client, plan, on_rows=bar.update)
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

    def __init__(self, client: Client, plan: Plan, on_rows: Callable[[int], None]) -> None:
        self.counts = {name: Counter(dict.fromkeys(OUTCOMES, 0)) for name in (*FILES, HISTORIES)}
        for name, rows in plan.rows.items():
            self.counts[name]["notLoaded"] = sum(row.not_loaded for row in rows)
        self._client, self._plan, self._on_rows = client, plan, on_rows
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
            await self._load_all(ready)

    async def _first_administrator(self) -> str:
        found = await self._client.get("/users", role="admin", sort="createdAt", limit=1)
        if not found["data"]:
            raise LoadFailed("The tenant has no administrator who could own the accounts.")
        return str(found["data"][0]["id"])

    async def _load_all(self, entries: Sequence[Entry]) -> None:
        batches = (entries[at : at + TOGETHER] for at in range(0, len(entries), TOGETHER))

        async def take_turns() -> None:
            for batch in batches:
                await self._date_back(await self._put(batch))
                self._on_rows(len(batch))

        failure: BaseException | None = None
        try:
            async with asyncio.TaskGroup() as group:
                for _ in range(IN_FLIGHT):
                    group.create_task(take_turns())
        except* LoadFailed as failures:
            failure = failures.exceptions[0]
        if failure:
            raise failure

    async def _put(self, entries: Sequence[Entry]) -> list[tuple[Entry, dict[str, Any]]]:
        """Those that are there now, with their records."""
        system, bodies = self._plan.mapping.system, [entry.body | self._resolved(entry) for entry in entries]
        pairs = list(zip(entries, bodies, strict=True))
        results = await self._client.together(
            [{"method": "PUT", "path": place(one.object, system, one.key), "body": body} for one, body in pairs]
        )
        if results is None:
            results = [await self._client.put(one.object, system, one.key, body) for one, body in pairs]
        return [
            (entry, result.body) for entry, result in zip(entries, results, strict=True) if self._noted(entry, result)
        ]

    def _noted(self, entry: Entry, result: Result) -> bool:
        if result.is_refusal or result.outcome is None:
            entry.row.note(Kind.NOT_LOADED, f"refused in {entry.object}: {result.problem()}", value=entry.key)
            self._ids[entry.target] = None
            self.counts[entry.object]["notLoaded"] += 1
            return False
        self._ids[entry.target] = result.body["id"]
        self.counts[entry.object][result.outcome] += 1
        return True

    async def _date_back(self, loaded: Sequence[tuple[Entry, dict[str, Any]]]) -> None:
        """Gives the opportunities the stays of their rows, unless they have them."""
        engaged, missing = self._plan.mapping.engaged, []
        for entry, record in loaded:
            stays = stays_of(entry, engaged)
            if stays and is_dated(record, stays):
                self.counts[HISTORIES]["unchanged"] += 1
            elif stays:
                missing.append((entry, f"/{OPPORTUNITIES}/{record['id']}/stage-history", {"stays": stays}))
        if not missing:
            return
        results = await self._client.together(
            [{"method": "POST", "path": path, "body": body} for _, path, body in missing]
        )
        if results is None:
            results = [await self._client.write("POST", path, body) for _, path, body in missing]
        for (entry, _, _), result in zip(missing, results, strict=True):
            if result.is_refusal:
                entry.row.note(Kind.UNMATCHED, f"stage history refused: {result.problem()}")
            self.counts[HISTORIES]["notLoaded" if result.is_refusal else "created"] += 1

    def _resolved(self, entry: Entry) -> dict[str, str]:
        found = {name: self._ids[target] for name, target in entry.references.items()}
        for name in [name for name, there in found.items() if there is None]:
            target = entry.references[name]
            entry.row.note(Kind.UNMATCHED, f"{name}: {target[1]!r} was not loaded, left empty", value=target[1])
        return {name: there for name, there in found.items() if there is not None}
