"""A page of Markdown as commands with the answers it promises."""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

FENCE = re.compile(r"^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
NOT_RUN = re.compile(r"<!-- not run: \S.* -->\n$")
WIDTH = 110

ID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[0-9a-f]{4}-[0-9a-f]{12}")
VOLATILE = (
    (re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|\+00:00)"), "<time>"),
    (re.compile(r'(ETag: "\d+)-\w+"', re.IGNORECASE), r'\1-<shape>"'),
    (re.compile(r'("(?:nextCursor|cursor|sequence)": ?)"[^"]+"'), r'\1"<position>"'),
    (re.compile(r"\br=\d+;t=\d+"), "r=<left>;t=<seconds>"),
    (re.compile(r"^(HTTP/1\.1 \d{3}) .*$", re.MULTILINE), r"\1"),  # words of the interpreter, and others from 3.13 on
)


@dataclass(frozen=True, slots=True)
class Answer:
    """What the page shows, and where: `http` has a status line and some of the headers before the body."""

    language: str
    text: str
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Step:
    line: int
    command: str
    answer: Answer | None


def steps(page: str) -> Iterator[Step]:
    """Each `sh` block; the block after it is its answer, unless that is a command as well."""
    blocks = list(FENCE.finditer(page))
    for block, following in zip(blocks, [*blocks[1:], None], strict=True):
        if block[1] != "sh" or NOT_RUN.search(page[: block.start()]):
            continue
        answer = None
        if following and following[1] in {"json", "http", "text"}:
            answer = Answer(following[1], following[2], following.start(2), following.end(2))
        yield Step(page.count("\n", 0, block.start()) + 2, block[2], answer)


class Normal:
    """Replaces what differs from run to run; the same id stays the same id over the whole page."""

    def __init__(self) -> None:
        self._ids: dict[str, str] = {}

    def __call__(self, text: str) -> str:
        text = ID.sub(lambda found: self._ids.setdefault(found[0], f"<id {len(self._ids) + 1}>"), text)
        for pattern, name in VOLATILE:
            text = pattern.sub(name, text)
        return text


def parsed(language: str, text: str) -> Any:
    """Something to compare: status, headers and body of an answer, its JSON, or its lines."""
    if language == "json":
        return _json(text)
    if language == "text":
        return text.strip().splitlines()
    head, _, body = text.replace("\r\n", "\n").partition("\n\n")
    status, *lines = head.strip().splitlines()
    headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
    return status, headers, _json(body) if body.strip() else None


def shown(answer: Answer, output: str) -> str:
    """The output as the page would show it: of the headers only those that it shows already."""
    if answer.language == "text":
        return output.strip() + "\n"
    if answer.language == "json":
        return pretty(_json(output)) + "\n"
    status, headers, body = parsed("http", output)
    names = [line.partition(":")[0] for line in answer.text.partition("\n\n")[0].strip().splitlines()[1:]]
    lines = [status, *(f"{name}: {headers[name.lower()]}" for name in names if name.lower() in headers)]
    return "\n".join(lines) + "\n" + (f"\n{pretty(body)}\n" if body is not None else "")


def _json(text: str) -> Any:
    """What is no JSON counts as the text that it is, so that it can be shown as a wrong answer."""
    try:
        return json.loads(text)
    except ValueError:
        return text


def pretty(value: Any, depth: int = 0) -> str:
    """JSON that breaks a line only where it would be too long."""
    line = json.dumps(value, ensure_ascii=False)
    if len(line) + depth <= WIDTH or not isinstance(value, dict | list) or not value:
        return line
    inner, left, right = " " * (depth + 2), *("{}" if isinstance(value, dict) else "[]")
    if isinstance(value, dict):
        parts = [f"{json.dumps(name)}: {pretty(one, depth + 2)}" for name, one in value.items()]
    else:
        parts = [pretty(one, depth + 2) for one in value]
    return f"{left}\n{inner}" + f",\n{inner}".join(parts) + f"\n{' ' * depth}{right}"
