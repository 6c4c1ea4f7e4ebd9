"""One line for each measurement, one table for all of them."""

import platform
import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from importlib.metadata import version
from pathlib import Path
from statistics import median

from app.local.binaries import POSTGRES

HEAD = ("work", "limit", "product", "ratio", "target", "", "bytes", "PostgreSQL", "p50 / p99")


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """`value` is compared with `target`; it is the median of `values` where there are some. Texts are for reading."""

    work: str
    limit: str = ""
    product: str = ""
    values: Sequence[float] = ()
    target: float | None = None
    unit: str = ""
    size: str = ""
    database: str = ""
    wall: str = ""

    @property
    def value(self) -> float:
        return median(self.values)

    @property
    def is_met(self) -> bool | None:
        return self.value <= self.target if self.target is not None and self.values else None

    @property
    def cells(self) -> tuple[str, ...]:
        unit = f" {self.unit}" if self.unit else ""
        shown = f"{self.value:.2f}{unit}" if self.values else ""
        if len(self.values) > 1:
            shown += f" ({min(self.values):.2f} to {max(self.values):.2f})"
        target = f"{self.target:g}{unit}" if self.target is not None else ""
        verdict = {True: "met", False: "missed", None: ""}[self.is_met]
        return self.work, self.limit, self.product, shown, target, verdict, self.size, self.database, self.wall


def table(lines: Sequence[Line], before: str = "") -> str:
    """The rows of `before`, a table as well, whose works were not measured now, stay as they are."""
    measured = {line.work: line.cells for line in lines}
    rows = [HEAD, *(_rows(before) | measured).values()]
    used = [place for place in range(len(HEAD)) if any(row[place] for row in rows[1:])]
    widths = {place: max(len(row[place]) for row in rows) for place in used}
    text = ["| " + " | ".join(row[place].ljust(widths[place]) for place in used) + " |" for row in rows]
    rule = "|" + "|".join("-" * (widths[place] + 2) for place in used) + "|"
    return "\n".join([text[0], rule, *text[1:]])


def _rows(text: str) -> dict[str, tuple[str, ...]]:
    """By work. A column that no row had anything in is not there."""
    read = [[cell.strip() for cell in line.split("|")[1:-1]] for line in text.splitlines() if line.startswith("| ")]
    found = [dict(zip(read[0], row, strict=True)) for row in read[1:]]
    return {row[HEAD[0]]: tuple(row.get(name, "") for name in HEAD) for row in found}


def machine(today: date) -> str:
    """PostgreSQL is that of the wheel."""
    memory = _first("/proc/meminfo", r"MemTotal: *(\d+)")
    model = _first("/proc/cpuinfo", r"model name\s*: (.+)") or platform.machine()
    cores = len(re.findall(r"^processor", _text("/proc/cpuinfo"), re.MULTILINE))
    ram = f", {int(memory) / 2**20:.0f} GiB" if memory else ""
    return f"{cores} cores of {model}{ram}, Python {platform.python_version()}, PostgreSQL {version(POSTGRES)}, {today}"


def put_between_markers(page: Path, text: str) -> None:
    """Replaces what stands between the two markers of the bench."""
    begin, end = "<!-- bench -->\n", "<!-- end of bench -->"
    before, found, rest = page.read_text().partition(begin)
    _, closed, after = rest.partition(end)
    if not found or not closed:
        raise SystemExit(f"{page.name} has no place for the table: {begin.strip()} and {end}")
    page.write_text(f"{before}{begin}{text}{end}{after}")


def _first(path: str, pattern: str) -> str | None:
    found = re.search(pattern, _text(path))
    return found[1].strip() if found else None


def _text(path: str) -> str:
    try:
        return Path(path).read_text()
    except FileNotFoundError:
        return ""
