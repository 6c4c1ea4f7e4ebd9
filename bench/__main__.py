"""`make bench`, or `python -m bench get list --keep DIR`: docs/performance.md tells what is measured and why so."""

import argparse
import asyncio
import shutil
import signal
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from app.domain.kernel.clock import utc_now
from bench.fill import Scale, filled
from bench.measurements import KNOWN, NAMES, measured
from bench.peers import peers_measured
from bench.plans import plans_of_records, save_plans
from bench.report import Line, machine, put_between_markers, table
from bench.selling import plans_of_screens
from bench.servers import Place, started

HERE = Path(__file__).parent
RESULTS, PLANS, README = HERE / "results.md", HERE / "plans", HERE.parent / "README.md"


def main() -> None:
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # so that what was started is stopped
    options = _options()
    if options.peers:
        _say(table(list(peers_measured(options.peers))))
        return
    with _folder(options.keep) as folder, _running(folder) as place:
        begun = time.monotonic()
        data = asyncio.run(filled(place.admin_url, place.url, folder, Scale()))
        _say(f"The data are ready after {time.monotonic() - begun:.0f} s.")
        if options.write:
            save_plans(PLANS, (*plans_of_records(place, data), *plans_of_screens(place, data)))
        lines = []
        for line in measured(place, data, options.works or NAMES, options.rounds):
            lines.append(line)
            _say(" | ".join(filter(None, line.cells)))
        _tell(lines, machine(utc_now().date()), options)


@contextmanager
def _running(folder: Path) -> Iterator[Place]:
    """The servers, for code that blocks: their own loop runs only while they start and stop."""
    with asyncio.Runner() as runner:
        servers = started(folder)
        place = runner.run(servers.__aenter__())
        try:
            yield place
        finally:
            runner.run(servers.__aexit__(None, None, None))


def _tell(lines: list[Line], where: str, options: argparse.Namespace) -> None:
    _say(f"\n{table(lines)}\n\n{where}\n")
    if options.write:
        before = RESULTS.read_text() if options.works else ""
        text = f"{table(lines, before)}\n\n{where}\n"
        RESULTS.write_text(text)
        put_between_markers(README, text)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="make bench", description=__doc__)
    parser.add_argument("works", nargs="*", metavar="work", help=f"of {', '.join(KNOWN)}; without any all but memory")
    parser.add_argument("--keep", type=Path, metavar="DIR", help="keep the filled database there, and use it again")
    parser.add_argument(
        "--peers", type=Path, metavar="FILE", help="measure the servers that FILE names, and nothing else"
    )
    parser.add_argument("--rounds", type=int, default=7, help="how often limit and product take turns")
    parser.add_argument(
        "--write",
        action="store_true",
        help="write bench/results.md, bench/plans and the table of README.md: the rows of these works, or all",
    )
    options = parser.parse_args()
    if unknown := set(options.works) - set(KNOWN):
        parser.error(f"there is no {', '.join(sorted(unknown))}; known are {', '.join(KNOWN)}")
    return options


@contextmanager
def _folder(kept: Path | None) -> Iterator[Path]:
    """One that the account of the servers can enter."""
    if kept:
        kept.mkdir(parents=True, exist_ok=True)
        yield kept.absolute()
        return
    folder = Path(tempfile.mkdtemp(prefix="rapport-bench-"))
    folder.chmod(0o755)
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _say(text: str) -> None:
    print(text, flush=True)


if __name__ == "__main__":
    main()
