"""Papers as PDF, set by a process beside this one: what it computes, and what memory it takes, holds up no request."""

import asyncio
import sys
import time
from asyncio.subprocess import DEVNULL, PIPE, Process
from collections.abc import Mapping
from hashlib import sha256
from importlib.metadata import version
from pathlib import Path
from typing import Any, Final

import orjson

from app.domain.kernel.errors import Unavailable

_FOLDER: Final = Path(__file__).parent
_SETTER: Final = _FOLDER / "setter.py"
_EDITION: Final = (_FOLDER / "quote.typ").read_bytes() + version("typst").encode()
MOST_WAITING: Final = 40
LONGEST_S: Final = 4.0  # for one paper: then it is given up, and the process with it
RENEWED_AFTER: Final = 500  # papers: the process keeps some memory of each


class Press:
    """One paper is set at a time, and a bounded number waits."""

    def __init__(self) -> None:
        self._turn = asyncio.Lock()
        self._setter: Process | None = None
        self._waiting = 0
        self._set = 0

    def tag(self, data: Mapping[str, Any]) -> bytes:
        """The same for what is printed the same, without printing it."""
        return b'"%b"' % sha256(_EDITION + orjson.dumps(data)).hexdigest()[:20].encode()

    async def print(self, data: Mapping[str, Any], deadline: float) -> bytes:
        """Raises `Unavailable` where too many wait already, or it takes too long; `TimeoutError` at the deadline."""
        if self._waiting >= MOST_WAITING:
            raise Unavailable("Too many papers are being printed: try again shortly.", code="printingBusy")
        self._waiting += 1
        try:
            async with asyncio.timeout(deadline - time.monotonic()), self._turn:
                return await self._printed(orjson.dumps(data))
        finally:
            self._waiting -= 1

    async def close(self) -> None:
        setter, self._setter, self._set = self._setter, None, 0
        if setter is not None:
            if setter.returncode is None:
                setter.kill()
            await setter.wait()

    async def _printed(self, paper: bytes) -> bytes:
        """Whatever goes wrong, the next paper has a new process: nobody gets the answer to another's."""
        whole = False
        try:
            async with asyncio.timeout(LONGEST_S):
                state, made = await self._exchange(await self._running(), paper)
            whole = state == 0 and self._set < RENEWED_AFTER
        except (TimeoutError, asyncio.IncompleteReadError, ConnectionError) as error:
            raise Unavailable("The paper could not be printed in time: try again.", code="printingFailed") from error
        finally:
            if not whole:
                await self.close()
        if state:
            raise RuntimeError(made.decode())
        return made

    async def _running(self) -> Process:
        if self._setter is None:
            program = (sys.executable, "-I", str(_SETTER))
            self._setter = await asyncio.create_subprocess_exec(
                *program, stdin=PIPE, stdout=PIPE, stderr=DEVNULL, env={"RAYON_NUM_THREADS": "1"}
            )
        return self._setter

    async def _exchange(self, setter: Process, paper: bytes) -> tuple[int, bytes]:
        assert setter.stdin is not None  # noqa: S101  # both are pipes
        assert setter.stdout is not None  # noqa: S101  # both are pipes
        setter.stdin.write(len(paper).to_bytes(4) + paper)
        await setter.stdin.drain()
        head = await setter.stdout.readexactly(5)
        self._set += 1
        return head[0], await setter.stdout.readexactly(int.from_bytes(head[1:]))
