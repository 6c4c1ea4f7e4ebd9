"""The guard sees every answer of the resolver before anything is dialled; here, nothing ever is."""

import asyncio
import ssl
from collections.abc import Sequence
from typing import Any

import httpcore
import pytest

from app.workers.clients.calling import Called, Caller, Failure
from app.workers.clients.guard import Guard, Names
from tests.clients.test_addresses import HIDDEN, MISFORMED, REFUSED

NO_TRUST = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
PUBLIC, OTHER = "93.184.215.14", "2606:4700::1111"


class Recording(httpcore.AsyncNetworkBackend):
    """Notes where a connection would have gone, and makes none."""

    def __init__(self) -> None:
        self.dialled: list[tuple[str, int]] = []

    async def connect_tcp(self, host: str, port: int, *_: Any, **__: Any) -> httpcore.AsyncNetworkStream:
        self.dialled.append((host, port))
        raise httpcore.ConnectError


class Resolver:
    """Answers from a list, the last answer again and again."""

    def __init__(self, *answers: Sequence[str]) -> None:
        self.answers, self.asked = list(answers), 0

    async def __call__(self, *_: Any) -> Sequence[str]:
        self.asked += 1
        return self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]


async def post(
    url: str, *answers: Sequence[str], allow_loopback: bool = False, times: int = 1
) -> tuple[list[Called], Recording, Resolver]:
    recording, resolver = Recording(), Resolver(*answers)
    guard = Guard(resolver, recording, allow_loopback=allow_loopback)
    async with Caller(allow_loopback=allow_loopback, guard=guard, ssl_context=NO_TRUST) as caller:
        called = [await caller.post(url, {}, b"{}", 2) for _ in range(times)]
    return called, recording, resolver


async def test_a_public_name_is_dialled_by_its_address() -> None:
    (called,), recording, resolver = await post("https://example.com/", [PUBLIC])
    assert recording.dialled == [(PUBLIC, 443)]
    assert resolver.asked == 1
    assert (called.status, called.error) == (None, Failure.CONNECT)


async def test_where_the_first_address_does_not_answer_the_next_is_dialled_without_asking_again() -> None:
    _, recording, resolver = await post("https://example.com:8443/", [OTHER, PUBLIC])
    assert recording.dialled == [(OTHER, 8443), (PUBLIC, 8443)]
    assert resolver.asked == 1


@pytest.mark.parametrize("address", REFUSED)
async def test_a_name_of_a_special_address_is_not_dialled(address: str) -> None:
    (called,), recording, _ = await post("https://example.com/", [address])
    assert called.error == Failure.BLOCKED
    assert not recording.dialled


@pytest.mark.parametrize("answer", [[PUBLIC, "10.0.0.1"], ["127.0.0.1", PUBLIC], [PUBLIC, OTHER, "fec0::1"]])
async def test_one_special_address_among_the_answers_blocks_them_all(answer: list[str]) -> None:
    (called,), recording, _ = await post("https://example.com/", answer)
    assert called.error == Failure.BLOCKED
    assert not recording.dialled


async def test_a_name_that_changes_its_mind_wins_nothing() -> None:
    """What was checked is what is dialled: a second answer belongs to a second connection, and is checked itself."""
    called, recording, resolver = await post("https://example.com/", [PUBLIC], ["127.0.0.1"], times=2)
    assert [one.error for one in called] == [Failure.CONNECT, Failure.BLOCKED]
    assert recording.dialled == [(PUBLIC, 443)]
    assert resolver.asked == 2


@pytest.mark.parametrize("url", [*HIDDEN, *MISFORMED])
async def test_a_url_that_is_refused_is_not_even_resolved(url: str) -> None:
    (called,), recording, resolver = await post(url, [PUBLIC])
    assert called.error == Failure.BLOCKED
    assert not recording.dialled
    assert not resolver.asked


async def test_a_name_without_an_address_cannot_be_connected() -> None:
    (called,), recording, _ = await post("https://example.com/", [])
    assert called.error == Failure.CONNECT
    assert not recording.dialled


class TestInDevelopment:
    async def test_this_machine_is_dialled_and_its_neighbours_are_not(self) -> None:
        _, recording, _ = await post("http://localhost:9000/", ["::1", "127.0.0.1"], allow_loopback=True)
        assert recording.dialled == [("::1", 9000), ("127.0.0.1", 9000)]
        (called,), recording, _ = await post("http://localhost:9000/", ["127.0.0.1", "10.0.0.1"], allow_loopback=True)
        assert called.error == Failure.BLOCKED
        assert not recording.dialled

    async def test_plain_http_never_leaves_it(self) -> None:
        (called,), recording, _ = await post("http://localhost/", [PUBLIC], allow_loopback=True)
        assert called.error == Failure.BLOCKED
        assert not recording.dialled


async def test_a_name_that_hangs_holds_one_thread_and_is_given_up_at_the_deadline(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    names, asked, release = Names(), [], asyncio.Event()
    loop = asyncio.get_running_loop()

    def look_up(host: str, port: int) -> list[str]:
        asked.append(host)
        asyncio.run_coroutine_threadsafe(release.wait(), loop).result(10)
        return [PUBLIC]

    monkeypatch.setattr("app.workers.clients.guard._look_up", look_up)
    guard = Guard(names.addresses, Recording(), allow_loopback=False)
    async with Caller(allow_loopback=False, guard=guard, ssl_context=NO_TRUST) as caller:
        called = await asyncio.gather(*(caller.post("https://hangs.example/", {}, b"", 0.5) for _ in range(8)))
        assert {one.error for one in called} == {Failure.TIMEOUT}
        assert asked == ["hangs.example"]
        release.set()
        assert await names.addresses("hangs.example", 443) == [PUBLIC]
    names.close()


async def test_an_unknown_name_is_no_connection(monkeypatch: pytest.MonkeyPatch) -> None:
    def look_up(host: str, port: int) -> list[str]:
        raise OSError("no such name")

    monkeypatch.setattr("app.workers.clients.guard._look_up", look_up)
    names, recording = Names(), Recording()
    guard = Guard(names.addresses, recording, allow_loopback=False)
    async with Caller(allow_loopback=False, guard=guard, ssl_context=NO_TRUST) as caller:
        assert (await caller.post("https://unknown.example/", {}, b"", 2)).error == Failure.CONNECT
    names.close()
    assert not recording.dialled
