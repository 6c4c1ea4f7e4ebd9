"""`make chaos`, or `python -m tests.chaos --seed 7`: docs/reliability.md tells what is proved and how to read it."""

import argparse
import asyncio
import secrets
import signal
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from random import Random

from app.repositories.verify import verify
from tests.chaos import promises
from tests.chaos.planted import PLANTS, unseen
from tests.chaos.promises import Told
from tests.chaos.run import Run
from tests.chaos.stage import Stage, staged
from tests.servers import Nursery, Servers

APIS, WORKERS = 2, 3
LONG = (50_000, 200)
PATIENCE_S = 15.0  # of a delivery, as the product has it


def main() -> None:
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # so that what was started is stopped
    options = _options()
    _say(
        f"seed {options.seed}; the long form: make chaos ARGS='--seed {options.seed} --events {LONG[0]} --kills {LONG[1]}'"
    )
    nursery = Nursery()
    began = time.monotonic()
    try:
        held = asyncio.run(_all(nursery.start(), options))
    finally:
        nursery.close()
    _say(
        f"{'Everything held' if held else 'NOT EVERYTHING HELD'} after {time.monotonic() - began:.0f} s, seed {options.seed}."
    )
    sys.exit(not held)


async def _all(servers: Servers, options: argparse.Namespace) -> bool:
    """Whether no promise was breached."""
    random, held = Random(options.seed), True
    with tempfile.TemporaryDirectory(prefix="rapport-chaos-") as folder:
        async with staged(servers, Path(folder), random, apis=APIS, workers=WORKERS, patches=["brisk"]) as stage:
            try:
                async for line in _lines(stage, random, options):
                    held &= not line.breaches
                    _say(f"{line.promise:<8} {'held  ' if not line.breaches else 'BROKEN'} {line.says}")
                    for breach in line.breaches:
                        _say(f"{'':<8} ! {breach}")
            finally:
                if not held:
                    _show_logs(stage)
    return held


async def _lines(stage: Stage, random: Random, options: argparse.Namespace) -> AsyncIterator[Told]:
    """One after the other; each has tenants of its own."""
    is_long = options.events >= LONG[0]
    seconds = 20.0 if is_long else 3.0
    tries: dict[str, Callable[[], Awaitable[Told]]] = {
        "storm": lambda: storm(stage, random, options.events, options.kills),
        "keys": lambda: promises.one_effect_per_key(stage, random, options.keys),
        "valkey": lambda: promises.without_valkey(stage, random, seconds),
        "postgres": lambda: promises.without_postgres(stage, random, 3.0),
        "restarts": lambda: promises.rolling_restarts(stage, random, 20),
        "horizon": lambda: promises.foreign_writer(stage, random, seconds),
        "endpoint": lambda: promises.dead_endpoint(stage, random, 60),
        "backlog": lambda: promises.backlog(stage, random, 400),
        "whole": lambda: whole(stage),
        "planted": lambda: planted(stage, random),
    }
    for name, attempt in tries.items():
        if not options.only or name in options.only:
            yield await attempt()


async def storm(stage: Stage, random: Random, events: int, kills: int) -> Told:
    result = await Run(stage, random, events, kills, PATIENCE_S).go()
    found = result.findings
    causes = ", ".join(f"{number} by {cause}" for cause, number in found.duplicates.most_common()) or "none"
    says = (
        f"{found.acknowledged} acknowledged writes in {result.wrote_s:.0f} s; faults: {result.faults}; "
        f"{found.expected} deliveries: {len(found.lost)} lost, {len(found.pending)} pending {result.drained_s:.1f} s "
        f"after the last fault, {len(found.out_of_order)} out of order, duplicates {causes} (at most {found.may_repeat}), "
        f"{found.late} of them late, {found.foreign} to other tenants, {found.unsigned} badly signed; "
        f"{result.followed} events read from feed and stream, {len(result.wrong)} faults of readers and answers"
    )
    return Told("R1 R3 R9", says, [*result.breaches()])


async def whole(stage: Stage) -> Told:
    """Beside the logs: what `crm verify` finds in the database after all this."""
    findings = await verify(stage.servers.place.url)
    return Told("R9", f"crm verify: {len(findings)} findings", findings)


async def planted(stage: Stage, random: Random) -> Told:
    stage.dismiss_workers()
    missed = await unseen(stage, random)
    return Told("checker", f"{len(PLANTS) - 1} planted bugs, {len(missed)} of them not seen for what they are", missed)


def _show_logs(stage: Stage) -> None:
    for process in (*stage.apis, *stage.workers):
        _say(f"--- the end of the log of {process.name}\n{process.printed()}")


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="make chaos", description=__doc__)
    parser.add_argument("only", nargs="*", help="names of what to try; all of it if left out")
    parser.add_argument("--seed", type=int, default=secrets.randbits(32))
    parser.add_argument("--events", type=int, default=5_000, help="acknowledged writes of the storm")
    parser.add_argument("--kills", type=int, default=40, help="SIGKILLs of the storm; half as many other faults")
    parser.add_argument("--keys", type=int, default=100, help="idempotency keys, each used by ten clients")
    return parser.parse_args()


def _say(text: str) -> None:
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
