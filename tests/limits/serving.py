"""A process with nothing but the limiter in it: GET /<key id>/<limit> spends a token, GET / says how it is doing."""

import asyncio
import os
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any
from uuid import UUID

from app.api.answer import Answer
from app.api.limits import LimitReached, RateLimiter


class Application:
    def __init__(self) -> None:
        self.limiter: RateLimiter | None = None
        self.task: asyncio.Future[None] | None = None

    async def __call__(self, scope: MutableMapping[str, Any], receive: Callable[[], Awaitable[Any]], send: Any) -> None:
        if scope["type"] == "lifespan":
            await self._live(receive, send)
            return
        assert self.limiter is not None
        if scope["path"] == "/":
            state = f"{self.limiter.processes if self.limiter.is_shared else 'apart'}"
            await Answer(200, state.encode()).send(send)
            return
        _, key_id, limit = scope["path"].split("/")
        try:
            admission = await self.limiter.admit(UUID(key_id), int(limit))
            await Answer(204, headers=admission.headers()).send(send)
        except LimitReached as refusal:
            await Answer(429, headers=refusal.admission.headers()).send(send)

    async def _live(self, receive: Callable[[], Awaitable[Any]], send: Any) -> None:
        await receive()
        self.limiter = RateLimiter(os.environ["REDIS_URL"])
        self.task = asyncio.ensure_future(self.limiter.run())
        await send({"type": "lifespan.startup.complete"})
        await receive()
        self.task.cancel()
        await asyncio.wait([self.task])
        await send({"type": "lifespan.shutdown.complete"})


application = Application()
