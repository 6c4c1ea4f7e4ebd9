"""One call to a server that is not ours: what it is sent, what is kept of its answer, and how it can fail."""

import asyncio
import logging
import ssl
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from time import monotonic

import pytest

from app.workers.clients import calling
from app.workers.clients.calling import KEPT_BYTES, READ_BYTES, Called, Caller, Failure
from app.workers.clients.guard import Guard
from app.workers.clients.wire import Dialler
from tests.clients.certificates import contexts
from tests.clients.receiver import OK, Receiver, Script, receiving


@pytest.fixture
async def caller() -> AsyncIterator[Caller]:
    async with Caller(allow_loopback=True, ssl_context=ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)) as one:
        yield one


def fields(head: bytes) -> list[tuple[str, str]]:
    lines = [line.split(": ", 1) for line in head.decode().splitlines()[1:] if line]
    return [(name.lower(), value) for name, value in lines]


def after_taking(*parts: bytes, pause_s: float = 0.0, end: bool = False) -> Script:
    """Answers each request in parts; with `end` it closes the connection then, else it waits."""

    async def script(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        for part in parts:
            writer.write(part)
            await writer.drain()
            await asyncio.sleep(pause_s)
        if end:
            writer.close()
        else:
            await reader.read()

    return script


async def until(what: Callable[[], object]) -> None:
    end = monotonic() + 20
    while not what():
        assert monotonic() < end
        await asyncio.sleep(0.005)


class TestWhatIsSent:
    async def test_body_and_headers_arrive_as_they_were_given(self, caller: Caller) -> None:
        body = bytes(range(256)) * 1000
        async with receiving() as receiver:
            called = await caller.post(
                f"{receiver.url}?a=b", {"Content-Type": "application/json", "X-A": "b c"}, body, 5
            )
        assert (called.status, called.body_start, called.error) == (200, b"ok", None)
        assert receiver.bodies == [body]
        assert receiver.heads[0].startswith(b"POST /hook?a=b HTTP/1.1\r\n")
        assert sorted(fields(receiver.heads[0])) == [
            ("content-length", "256000"),
            ("content-type", "application/json"),
            ("host", f"127.0.0.1:{receiver.port}"),
            ("user-agent", "Rapport"),
            ("x-a", "b c"),
        ]

    async def test_no_header_of_a_customer_takes_the_place_of_ours(self, caller: Caller) -> None:
        ours = {"webhook-id": "1", "Content-Type": "application/json"}
        custom = {
            "Webhook-Id": "2",
            "content-type": "text/plain",
            "HOST": "internal",
            "Content-Length": "9",
            "Transfer-Encoding": "chunked",
            "User-Agent": "me",
            "Connection": "close",
            "Authorization": "Bearer x",
        }
        async with receiving() as receiver:
            assert (await caller.post(receiver.url, ours, b"{}", 30, custom=custom)).status == 200
        assert sorted(fields(receiver.heads[0])) == [
            ("authorization", "Bearer x"),
            ("content-length", "2"),
            ("content-type", "application/json"),
            ("host", f"127.0.0.1:{receiver.port}"),
            ("user-agent", "Rapport"),
            ("webhook-id", "1"),
        ]

    @pytest.mark.parametrize(
        "custom", [{"X-A": "b\r\nHost: c"}, {"X-A\r\nHost": "b"}, {"X A": "b"}, {"X-A": "é"}, {"": "b"}, {"X": "\0"}]
    )
    async def test_a_header_that_is_none_is_not_sent(self, caller: Caller, custom: dict[str, str]) -> None:
        async with receiving() as receiver:
            called = await caller.post(receiver.url, {}, b"", 5, custom=custom)
            again = await caller.post(receiver.url, {}, b"", 30)
        assert (called.status, called.error) == (None, Failure.PROTOCOL)
        assert again.status == 200
        assert len(receiver.heads) == 1

    async def test_no_proxy_of_the_environment_is_used(self, caller: Caller, monkeypatch: pytest.MonkeyPatch) -> None:
        async with receiving() as proxy, receiving() as receiver:
            for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "http_proxy", "all_proxy"):
                monkeypatch.setenv(name, f"http://127.0.0.1:{proxy.port}")
            assert (await caller.post(receiver.url, {}, b"", 30)).status == 200
        assert not proxy.connections


class TestConnections:
    @pytest.fixture(autouse=True)
    def none_expires(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(calling, "IDLE_S", 3600.0)

    async def test_one_is_used_again(self, caller: Caller) -> None:
        async with receiving() as receiver:
            for _ in range(5):
                assert (await caller.post(receiver.url, {}, b"x", 30)).status == 200
        assert (len(receiver.bodies), receiver.connections) == (5, 1)

    async def test_one_that_the_server_has_closed_is_not(self, caller: Caller) -> None:
        async with receiving(script=after_taking(OK, end=True)) as receiver:
            for _ in range(3):
                assert (await caller.post(receiver.url, {}, b"x", 30)).error is None
                (host,) = caller._hosts.values()
                await until(host.pool.connections[0].has_expired)
        assert receiver.connections == 3

    async def test_nor_one_that_says_more_than_it_was_asked(self, caller: Caller) -> None:
        """What comes unasked would be taken for the answer to the next request."""
        foreign = b"HTTP/1.1 201 Created\r\ncontent-length: 0\r\n\r\n"
        async with receiving(script=after_taking(OK, foreign, pause_s=0.01)) as receiver:
            assert (await caller.post(receiver.url, {}, b"x", 30)).status == 200
            (host,) = caller._hosts.values()
            await until(host.pool.connections[0].has_expired)
            assert (await caller.post(receiver.url, {}, b"x", 30)).status == 200
        assert receiver.connections == 2

    async def test_a_host_that_hangs_holds_up_no_other(self, caller: Caller) -> None:
        async with asyncio.TaskGroup() as group, receiving() as receiver, receiving(script=after_taking()) as slow:
            hanging = [group.create_task(caller.post(slow.url, {}, b"", 60)) for _ in range(50)]
            await until(lambda: len(slow.heads) == 50)
            assert (await caller.post(receiver.url, {}, b"", 30)).status == 200
            assert not any(one.done() for one in hanging)
        assert {one.result().error for one in hanging} == {Failure.PROTOCOL}

    async def test_of_too_many_hosts_the_least_recent_lose_theirs(
        self, caller: Caller, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(calling, "MOST_HOSTS", 1)
        async with receiving() as one, receiving() as other:
            for receiver in (one, one, other, one):
                assert (await caller.post(receiver.url, {}, b"", 30)).status == 200
        assert (one.connections, other.connections) == (2, 1)

    async def test_but_not_while_they_answer(self, caller: Caller, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(calling, "MOST_HOSTS", 1)
        go_on = asyncio.Event()

        async def slow(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await go_on.wait()
            writer.write(OK)

        async with receiving(script=slow) as one, receiving() as other, asyncio.TaskGroup() as group:
            first = group.create_task(caller.post(one.url, {}, b"", 30))
            await until(lambda: one.heads)
            assert (await caller.post(other.url, {}, b"", 30)).status == 200
            go_on.set()
            await first
        assert (first.result().status, first.result().error) == (200, None)


class TestWhatIsKept:
    async def test_of_a_body_its_start(self, caller: Caller) -> None:
        body = b"0123456789" * 1000
        async with receiving(b"HTTP/1.1 500 No\r\ncontent-length: 10000\r\n\r\n" + body) as receiver:
            called = await caller.post(receiver.url, {}, b"", 30)
        assert (called.status, called.body_start, called.error) == (500, body[:KEPT_BYTES], None)

    async def test_of_headers_as_much_and_always_the_wish_to_wait(self, caller: Caller) -> None:
        many = b"".join(b"A-%d: %s\r\n" % (number, b"v" * 100) for number in range(100))
        answer = b"HTTP/1.1 429 Slow\r\n" + many + b"Retry-After: 7\r\nContent-Length: 0\r\n\r\n"
        async with receiving(answer) as receiver:
            called = await caller.post(receiver.url, {}, b"", 30)
        assert called.headers["retry-after"] == "7"
        assert called.headers["a-0"] == "v" * 100
        assert sum(len(name) + len(value) for name, value in called.headers.items()) <= KEPT_BYTES

    @pytest.mark.parametrize("framing", [b"content-length: 99999999\r\n\r\n", b"\r\n"])
    async def test_a_body_without_end_is_not_read_to_its_end(self, caller: Caller, framing: bytes) -> None:
        script = after_taking(b"HTTP/1.1 200 OK\r\n" + framing, *[b"x" * READ_BYTES] * 20)
        async with receiving(script=script) as receiver:
            called = await caller.post(receiver.url, {}, b"", 30)
        assert (called.status, called.error, len(called.body_start)) == (200, Failure.TOO_LARGE, KEPT_BYTES)

    async def test_who_sends_without_end_is_not_listened_to(self) -> None:
        """Before anything is read, such as while a request is on its way."""
        async with receiving(b"x" * 20_000_000) as receiver:
            wire = await Dialler().connect_tcp("127.0.0.1", receiver.port)
            wire._transport.write(b"POST / HTTP/1.1\r\ncontent-length: 0\r\n\r\n")
            await until(lambda: len(wire._unread) > 256 * 1024)
            assert not wire._transport.is_reading()
            await wire.aclose()

    async def test_a_redirect_is_an_answer_and_is_not_followed(self, caller: Caller) -> None:
        async with receiving() as target:
            moved = f"HTTP/1.1 307 Moved\r\nlocation: {target.url}\r\ncontent-length: 0\r\n\r\n".encode()
            async with receiving(moved) as receiver:
                called = await caller.post(receiver.url, {}, b"{}", 30)
        assert (called.status, called.error) == (307, None)
        assert not target.connections


class TestTheDeadline:
    @pytest.mark.parametrize(
        ("parts", "status"),
        [
            ([], None),
            ([b"HTTP/1.1 200 OK\r\n"], None),
            ([b"H", b"T", b"T", b"P", b"/", b"1", b".", b"1", b" ", b"2", b"0", b"0"], None),
            ([b"HTTP/1.1 200 OK\r\n", *[b"x: y\r\n"] * 50], None),
            ([b"HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\n", *[b"x"] * 50], 200),
        ],
    )
    async def test_is_for_everything_together_also_where_it_comes_in_drips(
        self, caller: Caller, parts: list[bytes], status: int | None
    ) -> None:
        """A limit for each read would never strike here."""
        async with receiving(script=after_taking(*parts, pause_s=0.1)) as receiver:
            began = monotonic()
            called = await caller.post(receiver.url, {}, b"", 1.0)
        assert (called.status, called.error) == (status, Failure.TIMEOUT)
        assert 0.99 < monotonic() - began < 4.5
        assert 990 < called.latency_ms < 4500

    async def test_holds_while_a_large_body_is_not_taken(self, caller: Caller) -> None:
        """Nobody reads at the other end, so it does not leave this one."""
        end = asyncio.Event()

        async def ignore(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await end.wait()
            writer.transport.abort()

        server = await asyncio.start_server(ignore, "127.0.0.1", 0, limit=1)
        async with server:
            port = server.sockets[0].getsockname()[1]
            called = await caller.post(f"http://127.0.0.1:{port}/", {}, bytes(20_000_000), 0.2)
            end.set()
            await asyncio.sleep(0.01)
        assert (called.status, called.error) == (None, Failure.TIMEOUT)

    async def test_leaves_nothing_behind(self, caller: Caller) -> None:
        async with receiving(script=after_taking()) as receiver:
            assert (await caller.post(receiver.url, {}, b"", 0.05)).error == Failure.TIMEOUT
            (host,) = caller._hosts.values()
            assert (host.calls, host.pool.connections) == (0, [])


class TestFailures:
    @pytest.mark.parametrize(
        "answer",
        [
            *(b"", b"SSH-2.0-OpenSSH\r\n", b"HTTP/1.1 2000 OK\r\n\r\n", b"HTTP/1.1 200 OK\r\nx", b"\x15\x03\x01" * 10),
            *(b"HTTP/1.1 200 OK\r\ncontent-length: x\r\n\r\n", b"HTTP/1.1 200 OK\r\nx: " + b"y" * 200_000),
        ],
    )
    async def test_what_is_no_answer_is_said_to_be_none(self, caller: Caller, answer: bytes) -> None:
        async with receiving(script=after_taking(answer, end=True)) as receiver:
            called = await caller.post(receiver.url, {}, b"", 30)
        assert (called.status, called.error) == (None, Failure.PROTOCOL)

    async def test_an_answer_that_breaks_off_keeps_its_status(self, caller: Caller) -> None:
        script = after_taking(b"HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nabc", end=True)
        async with receiving(script=script) as receiver:
            called = await caller.post(receiver.url, {}, b"", 30)
        assert (called.status, called.body_start, called.error) == (200, b"abc", Failure.PROTOCOL)

    async def test_nobody_there_is_no_connection(self, caller: Caller) -> None:
        async with receiving() as gone:
            pass
        called = await caller.post(gone.url, {}, b"", 30)
        assert (called.status, called.error) == (None, Failure.CONNECT)

    async def test_without_leave_this_machine_is_not_called(self) -> None:
        async with receiving() as receiver, Caller(allow_loopback=False) as caller:
            called = await caller.post(receiver.url, {}, b"", 30)
        assert called.error == Failure.BLOCKED
        assert not receiver.connections

    async def test_neither_answer_nor_log_shows_what_was_sent_or_where(
        self, caller: Caller, caplog: pytest.LogCaptureFixture
    ) -> None:
        caplog.set_level(logging.DEBUG)
        async with receiving(script=after_taking(b"?", end=True)) as receiver:
            called = await caller.post(f"{receiver.url}?canary", {"x": "canary"}, b"canary", 5)
        assert "canary" not in f"{called}{caplog.text}"
        assert "127.0.0.1" not in f"{called}{caplog.text}"

    async def test_who_cancels_gets_no_answer(self, caller: Caller) -> None:
        async with receiving(script=after_taking()) as receiver:
            with pytest.raises(TimeoutError):
                async with asyncio.timeout(0.05):
                    await caller.post(receiver.url, {}, b"", 30)


class TestTls:
    async def call(self, receiver: Receiver, trust: ssl.SSLContext | None) -> Called:
        """By a name that the resolver, and nobody else, knows."""

        async def resolve(host: str, port: int) -> list[str]:
            assert (host, port) == ("hooks.example", 443)
            return ["127.0.0.1"]

        class ToReceiver(Dialler):
            async def connect_tcp(self, host: str, *_: object, **__: object):
                return await super().connect_tcp(host, receiver.port)

        guard = Guard(resolve, ToReceiver(), allow_loopback=True)
        async with Caller(allow_loopback=True, ssl_context=trust, guard=guard) as caller:
            return await caller.post("https://hooks.example/x", {}, b"x" * 300_000, 30)

    async def test_a_server_proves_that_it_is_the_name_of_the_url(self, tmp_path: Path) -> None:
        server, trust = contexts(tmp_path, "hooks.example")
        asked = []
        server.sni_callback = lambda _socket, name, _context: asked.append(name)
        async with receiving(tls=server) as receiver:
            called = await self.call(receiver, trust)
        assert (called.status, called.error) == (200, None)
        assert asked == ["hooks.example"]
        assert ("host", "hooks.example") in fields(receiver.heads[0])
        assert receiver.bodies == [b"x" * 300_000]

    @pytest.mark.parametrize("name", ["other.example", "127.0.0.1"])
    async def test_one_of_another_name_is_sent_nothing(self, tmp_path: Path, name: str) -> None:
        server, trust = contexts(tmp_path, name)
        async with receiving(tls=server) as receiver:
            called = await self.call(receiver, trust)
        assert (called.status, called.error) == (None, Failure.TLS)
        assert not receiver.heads

    async def test_nor_one_that_nobody_vouches_for(self, tmp_path: Path) -> None:
        server, _ = contexts(tmp_path, "hooks.example")
        async with receiving(tls=server) as receiver:
            called = await self.call(receiver, None)
        assert (called.status, called.error) == (None, Failure.TLS)
        assert not receiver.heads

    async def test_nor_one_that_speaks_no_tls(self, tmp_path: Path) -> None:
        _, trust = contexts(tmp_path, "hooks.example")
        greeting = asyncio.StreamWriter.close
        server = await asyncio.start_server(
            lambda _, writer: (writer.write(b"220 hello\r\n"), greeting(writer)), "127.0.0.1", 0
        )
        async with server:
            called = await self.call(Receiver(server.sockets[0].getsockname()[1]), trust)
        assert (called.status, called.error) == (None, Failure.TLS)
