"""A stream of NATS JetStream, with acknowledgements."""

import asyncio
import ssl
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from typing import Any, Final

from nats.aio.client import Client
from nats.js import JetStreamContext
from nats.js.api import Header, PubAck, StreamConfig
from nats.js.errors import NotFoundError

from app.workers.messages import CONTENT_TYPE, PATIENCE_S, BrokerFailed, Message, check, outside

HEADERS_BYTES: Final = 1_000
KEPT_S: Final = 7 * 86_400
REPEATS_WITHIN_S: Final = 120


class _Connection(Client):
    """nats-py goes on in clear text, with the password, where a server that was asked for TLS does not offer it."""

    encrypted = False

    async def _process_info(self, info: dict[str, Any], initial_connection: bool = False) -> None:  # noqa: FBT001, FBT002  # the library's own
        if self.encrypted and not info.get("tls_required"):
            raise BrokerFailed("no TLS")
        await super()._process_info(info, initial_connection)


class Nats:
    def __init__(self, connection: Client, prefix: str) -> None:
        self._jetstream: JetStreamContext = connection.jetstream(timeout=PATIENCE_S)
        self._prefix = prefix
        self._answers: asyncio.Future[list[Any]] | None = None
        self.largest = connection.max_payload - HEADERS_BYTES

    async def send(self, messages: Sequence[Message]) -> None:
        async with outside():
            self._answers = asyncio.gather(*map(self._publish, messages), return_exceptions=True)
            check(await self._answers, PubAck)

    async def lost(self) -> None:
        """Nobody else tells those who wait for acknowledgements."""
        if self._answers is not None:
            self._answers.cancel()

    async def _publish(self, message: Message) -> PubAck:
        headers = {Header.MSG_ID: message.id, "Content-Type": CONTENT_TYPE}
        return await self._jetstream.publish(".".join((self._prefix, *message.path)), message.body, headers=headers)

    async def make_stream(self) -> None:
        """Unless there is one for these subjects: how long and where it keeps them is for its operator to say."""
        subjects = f"{self._prefix}.>"
        try:
            await self._jetstream.find_stream_name_by_subject(subjects)
        except NotFoundError:
            name = self._prefix.replace(".", "_")
            config = StreamConfig(name, subjects=[subjects], max_age=KEPT_S, duplicate_window=REPEATS_WITHIN_S)
            await self._jetstream.add_stream(config)


@asynccontextmanager
async def nats(url: str, prefix: str) -> AsyncIterator[Nats]:
    """`url` may name several servers of a cluster, with commas between them."""
    connection = _Connection()
    connection.encrypted = url.startswith("tls:")
    found: Nats | None = None

    async def closed() -> None:
        if found is not None:
            await found.lost()

    try:
        async with outside():
            await connection.connect(
                url.split(","),
                tls=ssl.create_default_context() if connection.encrypted else None,
                allow_reconnect=False,
                max_reconnect_attempts=1,
                reconnect_time_wait=0,
                error_cb=_ignore,
                closed_cb=closed,
            )
            found = Nats(connection, prefix)
            await found.make_stream()
        yield found
    finally:
        with suppress(BrokerFailed):
            async with outside():
                await connection.close()


async def _ignore(_: Exception) -> None:
    """What fails because of it says so; the library would log it with all that it knows."""
