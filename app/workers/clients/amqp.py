"""A topic exchange of an AMQP 0-9-1 broker such as RabbitMQ, with publisher confirms."""

import asyncio
import logging
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from typing import Final

import aio_pika
from aio_pika.abc import AbstractConnection, AbstractExchange
from aio_pika.exceptions import ChannelNotFoundEntity
from pamqp.commands import Basic

from app.workers.messages import CONTENT_TYPE, BrokerFailed, Message, check, outside

# The default limit of RabbitMQ 4 for a message.
LARGEST: Final = 16_000_000

# At a lower level both show whole messages, which hold what people typed.
for name in ("aio_pika", "aiormq"):
    logging.getLogger(name).setLevel(logging.WARNING)


@dataclass(frozen=True, slots=True)
class Amqp:
    exchange: AbstractExchange
    largest: int = LARGEST

    async def send(self, messages: Sequence[Message]) -> None:
        async with outside():
            check(await asyncio.gather(*map(self._publish, messages), return_exceptions=True), Basic.Ack)

    async def _publish(self, message: Message) -> object:
        sent = aio_pika.Message(
            message.body,
            message_id=message.id,
            content_type=CONTENT_TYPE,
            delivery_mode=aio_pika.DeliveryMode.PERSISTENT,
        )
        return await self.exchange.publish(sent, ".".join(message.path), mandatory=False)


@asynccontextmanager
async def amqp(url: str, exchange: str) -> AsyncIterator[Amqp]:
    """Not aio-pika's robust connection: what is sent again after a failure is for the publisher to say."""
    async with outside():
        connection = await aio_pika.connect(url)
    try:
        async with outside():
            found = await _exchange(connection, exchange)
        yield Amqp(found)
    finally:
        with suppress(BrokerFailed):
            async with outside():
                await connection.close()


async def _exchange(connection: AbstractConnection, name: str) -> AbstractExchange:
    """One that is there is taken as it is: the account may not be allowed to declare any. The refusal ends its channel."""
    try:
        return await (await connection.channel()).get_exchange(name, ensure=True)
    except ChannelNotFoundEntity:
        channel = await connection.channel()
        return await channel.declare_exchange(name, aio_pika.ExchangeType.TOPIC, durable=True)
