"""Is the process alive, and may it be given requests?"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Final

import orjson
from starlette.types import Receive, Scope, Send

from app.api.answer import JSON, Answer

Check = Callable[[], Awaitable[None]]
CHECK_TIMEOUT_S: Final = 1.0
_FRESH = [*JSON, (b"cache-control", b"no-store")]


async def live(scope: Scope, receive: Receive, send: Send) -> None:  # noqa: ARG001  # an ASGI application takes these
    """The event loop turns; nothing else is asked, or a database that is down would restart every process."""
    await Answer(200, b'{"status":"live"}', _FRESH).send(send)


@dataclass(frozen=True, slots=True)
class Ready:
    """`needed` decides between 200 and 503; without what is `wished` for, the process is ready but degraded.

    A check raises where it fails. Only the type of the error is shown: its text may name hosts and logins.
    """

    needed: Mapping[str, Check]
    wished: Mapping[str, Check]
    is_draining: Callable[[], bool]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:  # noqa: ARG002  # as for `live`
        names = [*self.needed, *self.wished]
        outcomes = await asyncio.gather(*(_outcome(check) for check in [*self.needed.values(), *self.wished.values()]))
        failed = {name: outcome for name, outcome in zip(names, outcomes, strict=True) if outcome}
        checks = {name: f"failed: {failed[name]}" if name in failed else "ok" for name in names}
        status = "draining" if self.is_draining() else self._status(failed)
        is_ready = status in {"ready", "degraded"}
        headers = _FRESH if is_ready else [*_FRESH, (b"retry-after", b"1")]
        body = orjson.dumps({"status": status, "checks": checks})
        await Answer(200 if is_ready else 503, body, headers).send(send)

    def _status(self, failed: Mapping[str, str]) -> str:
        if failed.keys() & self.needed.keys():
            return "unready"
        return "degraded" if failed else "ready"


async def _outcome(check: Check) -> str:
    try:
        async with asyncio.timeout(CHECK_TIMEOUT_S):
            await check()
    except Exception as error:  # noqa: BLE001  # whatever a check raises is its answer
        return type(error).__name__
    return ""
