"""What came of a load: every row is clean or listed, and the listed ones say why."""

import json
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import pairwise
from textwrap import fill
from typing import Any

from app.demo.rows import Kind, Row

OUTCOMES = ("created", "updated", "unchanged", "notLoaded")


@dataclass(frozen=True)
class Report:
    source: str
    counts: dict[str, dict[str, int]]  # by object, then by outcome
    rows: list[Row]
    made_up: dict[str, int]  # by what it is
    requests: int
    repeated: int
    seconds: float

    @property
    def listed(self) -> list[Row]:
        return [row for row in self.rows if row.notes]

    @property
    def complete(self) -> bool:
        """Whether every row is loaded and every value found what it names."""
        return not any(note.kind in (Kind.UNMATCHED, Kind.NOT_LOADED) for row in self.rows for note in row.notes)

    def as_json(self) -> str:
        return json.dumps(self.as_dict(), ensure_ascii=False, indent=2)

    def as_dict(self) -> dict[str, Any]:
        return {
            "source": self.source,
            "complete": self.complete,
            "counts": self.counts,
            "files": self._files(),
            "madeUp": self.made_up,
            "listed": [_listed(row) for row in self.listed],
            "requests": self.requests,
            "repeated": self.repeated,
            "seconds": round(self.seconds, 1),
        }

    def as_text(self, *, lines: bool = True) -> str:
        """For people; without `lines`, the reasons stand without the line numbers."""
        parts = [
            f"Loaded {self.source} in {self.seconds:.1f} s ({self.requests:,} requests, {self.repeated:,} repeated).",
            "\n".join(self._table()),
            "\n".join(
                f"{name}: {file['rows']:,} rows, {file['clean']:,} clean, {file['listed']:,} listed"
                for name, file in self._files().items()
            ),
            *self._reasons(lines=lines),
            *(f"Made up, because the files have none: {what} ({count:,})." for what, count in self.made_up.items()),
        ]
        return "\n\n".join(parts)

    def _files(self) -> dict[str, dict[str, int]]:
        rows = Counter(row.file for row in self.rows)
        listed = Counter(row.file for row in self.listed)
        return {name: {"rows": n, "clean": n - listed[name], "listed": listed[name]} for name, n in rows.items()}

    def _table(self) -> Iterator[str]:
        yield " " * 16 + "".join(f"{outcome:>11}" for outcome in OUTCOMES)
        for name, count in self.counts.items():
            yield f"{name:16}" + "".join(f"{count[outcome]:11,}" for outcome in OUTCOMES)

    def _reasons(self, *, lines: bool) -> Iterator[str]:
        found: dict[tuple[Kind, str, str], list[int]] = defaultdict(list)
        for row in self.listed:
            for note in row.notes:
                found[note.kind, row.file, note.text].append(row.line)
        for kind, file, text in sorted(found, key=lambda reason: (list(Kind).index(reason[0]), *reason[1:])):
            at = found[kind, file, text]
            head = f"{file}: {'NOT LOADED: ' if kind is Kind.NOT_LOADED else ''}{text} ({_counted(len(at), 'row')})"
            yield f"{head}\n{fill(_ranges(at), 110, initial_indent='  ', subsequent_indent='  ')}" if lines else head


def in_words(made: Mapping[str, int]) -> str:
    """What was made up, by object."""
    listed = ", ".join(f"{plural.replace('-', ' ')} ({number:,})" for plural, number in made.items())
    return f"Made up beside the files, and kept as it is from now on: {listed or 'nothing more'}."


def _listed(row: Row) -> dict[str, Any]:
    reasons = [{"kind": note.kind, "column": note.column, "value": note.value, "text": note.text} for note in row.notes]
    return {"file": row.file, "line": row.line, "reasons": reasons}


def _counted(number: int, noun: str) -> str:
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def _ranges(lines: Iterable[int]) -> str:
    """`lines 3, 5-8`"""
    at = sorted(set(lines))
    starts = [at[0], *(after for before, after in pairwise(at) if after != before + 1)]
    ends = [*(before for before, after in pairwise(at) if after != before + 1), at[-1]]
    spans = [f"{start}" if start == end else f"{start}-{end}" for start, end in zip(starts, ends, strict=True)]
    return f"line{'' if len(at) == 1 else 's'} {', '.join(spans)}"
