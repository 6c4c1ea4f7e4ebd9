"""A supervisor starts again what dies, and says so when that does not help."""

import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from app.local import process
from app.local.errors import CannotStart, GaveUp
from app.local.process import Child, Program, running
from app.local.roll import Roll
from tests.operation.crm import Api, Crm, kill, until

pytestmark = [pytest.mark.own_server, pytest.mark.timeout(300)]


@pytest.mark.parametrize("victim", ["postgres", "valkey", "worker", "api"])
def test_a_child_that_was_killed_is_started_again(living: Crm, victim: str) -> None:
    before = living.ready()
    api = Api(before)
    acknowledged = api.create_account("Kept")
    dead = before["pids"][victim]

    for pid in dead if victim == "api" else [dead]:
        kill(pid)

    after = until(lambda: facts if (facts := living.ready())["pids"][victim] != dead else None, living.printed)
    if victim == "api":
        until(lambda: set(living.ready()["pids"]["api"]).isdisjoint(dead), living.printed)
    until(lambda: api.name_of(acknowledged) == "Kept", living.printed)
    assert "killed by SIGKILL" in living.printed()
    assert after["adminKey"] == before["adminKey"]


@pytest.fixture
def roll(tmp_path: Path) -> Iterator[Roll]:
    roll = Roll(tmp_path / "roll")
    yield roll
    roll.close()


def program(code: str) -> Program:
    return Program("The child", [sys.executable, "-c", code], {})


async def test_a_child_that_dies_at_once_again_and_again_is_given_up(
    roll: Roll, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(process, "RESTARTS", 2)
    said: list[str] = []
    child = Child(program("raise SystemExit(7)"), roll, said.append)
    async with running(child):
        with pytest.raises(GaveUp, match=r"The child ended 3 times in a row \(exit code 7\)"):
            await child.keep(lambda _: None)
    assert len(said) == 2


async def test_a_child_that_does_not_listen_is_killed_in_the_end(roll: Roll, tmp_path: Path) -> None:
    async def is_deaf(_: int) -> bool:
        return (tmp_path / "deaf").exists()

    said: list[str] = []
    deaf = program(
        "import pathlib, signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); pathlib.Path('deaf').touch(); time.sleep(600)"
    )
    child = Child(
        Program(deaf.name, deaf.command, {}, ready=is_deaf, patience_s=0.5, folder=tmp_path), roll, said.append
    )
    async with running(child):
        pass
    assert child.ended == "killed by SIGKILL"
    assert said == ["The child did not stop within 0 s and was killed."]


async def test_the_next_supervisor_ends_the_survivors_of_the_last_one(roll: Roll, tmp_path: Path) -> None:
    """As on systems where no signal tells a child that its supervisor was killed."""
    await roll.begin()
    async with running(Child(program("import time; time.sleep(600)"), roll, print)) as (survivor,):
        next_one = Roll(tmp_path / "roll")
        roll.close()
        await next_one.begin()
        assert await survivor._end() == "killed by SIGTERM"
        next_one.close()
        roll.descriptor = Roll(tmp_path / "roll").descriptor


async def test_a_survivor_is_found_while_it_opens_and_closes_files(roll: Roll, tmp_path: Path) -> None:
    async def is_busy(_: int) -> bool:
        return (tmp_path / "busy").exists()

    code = "import os, pathlib; pathlib.Path('busy').touch()\nwhile True: os.close(os.open(os.devnull, os.O_RDONLY))"
    await roll.begin()
    busy = Program("The child", [sys.executable, "-c", code], {}, ready=is_busy, folder=tmp_path)
    async with running(Child(busy, roll, print)) as (survivor,):
        assert all(roll._holds(survivor.pid) for _ in range(2_000))


def test_a_survivor_that_ends_before_it_is_told_to_is_no_failure(roll: Roll, monkeypatch: pytest.MonkeyPatch) -> None:
    with subprocess.Popen([sys.executable, "-c", ""]) as ended:
        roll.enrol(ended.pid, signal.SIGCONT)
    monkeypatch.setattr(Roll, "_holds", lambda *_: True)
    roll._tell(None)


async def test_a_server_that_cannot_start_is_reported_with_its_last_words(roll: Roll, tmp_path: Path) -> None:
    async def never(_: int) -> bool:
        return False

    mute = program("raise SystemExit('no room left')")
    child = Child(Program("The server", mute.command, {}, ready=never, log=tmp_path / "log"), roll, print)
    with pytest.raises(CannotStart, match=r"The server did not start \(exit code 1\): no room left \(more in"):
        await child.start()
