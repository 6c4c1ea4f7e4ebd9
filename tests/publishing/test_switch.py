"""What switches publishing on, and what is said of the login."""

import asyncio

import pytest
from pydantic import SecretStr, ValidationError

from app.settings import Settings
from app.workers import running
from app.workers.clients.nats import nats
from app.workers.messages import BrokerFailed
from app.workers.publishing import publisher_of
from tests.publishing.memory import publishing, until
from tests.world import Place, World

SECRET = "hunter2"


def settings_with(url: str, place: Place | None = None) -> Settings:
    given = (
        {"database_url": place.url, "redis_url": place.redis_url} if place else {"database_url": "", "redis_url": ""}
    )
    return Settings(**given, broker_url=SecretStr(url))


@pytest.mark.parametrize(
    "url",
    ["amqp://a:b,c@host/vhost", "amqps://host", "nats://host:4222", "tls://a@one,tls://b@two", "nats://one,nats://two"],
)
def test_a_broker_can_be(url):
    settings = settings_with(url)
    assert settings.broker_url is not None
    assert settings.broker_url.get_secret_value() == url
    assert publisher_of(settings).subscriber == ("publisher:amqp" if url.startswith("amqp") else "publisher:nats")


@pytest.mark.parametrize("url", ["kafka://h", f"amqp:/{SECRET}", "tls://one,nats://two", "nats://one, nats://two"])
def test_a_broker_cannot_be_and_the_refusal_does_not_repeat(url):
    with pytest.raises(ValidationError) as refusal:
        settings_with(url)
    assert SECRET not in str(refusal.value)


@pytest.mark.parametrize("name", ["", "a.", "a..b", "a b", "a.*", "a.>", "$JS"])
def test_a_name_of_an_exchange_is_one_of_a_subject_too(name):
    with pytest.raises(ValidationError):
        Settings(database_url="", redis_url="", broker_exchange=name)


def test_without_a_url_there_is_no_broker():
    assert settings_with("").broker_url is None


@pytest.mark.parametrize("url", ["", "nats://host"])
async def test_a_worker_publishes_where_a_broker_is_named(place: Place, monkeypatch: pytest.MonkeyPatch, url: str):
    begun: list[object] = []

    async def part(*given: object) -> None:
        begun.append(given[0])
        await asyncio.Event().wait()

    monkeypatch.setattr("app.workers.publishing.publish", part)
    monkeypatch.setattr(running, "chores", lambda _: [])
    monkeypatch.setattr(running.queue, "answer", part)
    settings = settings_with(url, place)
    worker = asyncio.ensure_future(running.run(settings))
    await until(lambda: settings.redis_url in begun and (settings in begun) is bool(url))
    worker.cancel()
    await asyncio.wait([worker], timeout=5)
    assert worker.done()


@pytest.mark.parametrize("scheme", ["amqp", "nats"])
async def test_no_login_is_logged(world: World, caplog: pytest.LogCaptureFixture, scheme: str):
    """Of a server that hangs up at once, and at the level at which libraries tell most."""
    caplog.set_level("DEBUG")
    asked = asyncio.Event()

    async def hang_up(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        asked.set()
        writer.close()
        await writer.wait_closed()

    server = await asyncio.start_server(hang_up, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    async with (
        server,
        publishing(publisher_of(settings_with(f"{scheme}://ada:{SECRET}@127.0.0.1:{port}", world.place))),
    ):
        await asked.wait()
        await until(lambda: "publishing failed" in caplog.text)
    assert SECRET not in caplog.text


async def test_nothing_is_said_to_a_server_of_nats_that_does_not_encrypt_when_it_was_asked_to():
    heard = asyncio.get_running_loop().create_future()

    async def plain(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b'INFO {"server_id":"x","version":"2.10.0","max_payload":1048576,"headers":true}\r\n')
        heard.set_result(await reader.read(100))
        writer.close()
        await writer.wait_closed()

    server = await asyncio.start_server(plain, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    async with server:
        with pytest.raises(BrokerFailed):
            async with nats(f"tls://ada:{SECRET}@127.0.0.1:{port}", "rapport"):
                pass
        assert await asyncio.wait_for(heard, 5) == b""
