import io
import json
import logging
import sys
from collections.abc import Callable, Iterator

import asyncpg
import pytest
import structlog

from app.api.logging import configure_logging
from app.domain.kernel.errors import NotFound

log = logging.getLogger("app.somewhere")
KEY = "crm_live_0192f0c1e4b17c0a8d3e5f6a7b8c9d0e_s3cr3t-Value_42"


@pytest.fixture
def lines(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[], list[dict[str, object]]]]:
    """What the logging of the product writes, parsed."""
    root, stderr = logging.getLogger(), io.StringIO()
    structlog_before = structlog.get_config()
    before = (root.handlers[:], root.level)
    monkeypatch.setattr(sys, "stderr", stderr)
    configure_logging("INFO")
    yield lambda: [json.loads(line) for line in stderr.getvalue().splitlines()]
    root.handlers[:], level = before
    root.setLevel(level)
    structlog.configure(**structlog_before)


def test_a_line_is_one_object_with_level_logger_time_and_what_was_added(lines):
    log.warning("request %s\nfailed", 7, extra={"request_id": "abc"})
    (line,) = lines()
    assert line["timestamp"].endswith("Z")
    assert {key: line[key] for key in ("event", "level", "logger", "request_id")} == {
        "event": "request 7\nfailed",
        "level": "warning",
        "logger": "app.somewhere",
        "request_id": "abc",
    }


def test_the_level_is_kept(lines):
    log.debug("quiet")
    structlog.get_logger("app").debug("quiet")
    log.info("loud")
    assert [line["event"] for line in lines()] == ["loud"]


def test_keys_and_logins_are_masked_wherever_they_stand(lines):
    added = {"url": "postgresql://crm:hush@db/crm", "headers": {"authorization": f"Bearer {KEY}"}}
    log.info("key %s", KEY, extra=added)
    structlog.get_logger("app").info(f"key {KEY}", **added)
    for line in lines():
        assert line["event"] == "key ***"
        assert line["url"] == "postgresql://***@db/crm"
        assert line["headers"] == {"authorization": "Bearer ***"}


def test_an_exception_is_told_by_type_and_frames_and_not_by_its_text(lines):
    def fail() -> None:
        try:
            int("ada@person.example")
        except ValueError as error:
            raise NotFound("Ada Lovelace") from error

    try:
        fail()
    except NotFound as error:
        log.exception("failed")
        structlog.get_logger("app.elsewhere").exception("failed")
        structlog.get_logger("app.elsewhere").error("failed", request_id="abc", exc_info=error)
    assert len(lines()) == 3
    for line in lines():
        assert (line["event"], line["level"]) == ("failed", "error")
        assert line["exception"]["type"] == "app.domain.kernel.errors.NotFound"
        assert line["exception"]["cause"]["type"] == "builtins.ValueError"
        assert line["exception"]["frames"][-1].endswith(" fail")
        assert "person.example" not in json.dumps(line)
        assert "Lovelace" not in json.dumps(line)


async def test_what_postgresql_says_of_a_row_stays_out_and_the_name_of_the_constraint_goes_in(lines, place):
    admin = await asyncpg.connect(place.admin_url)
    try:
        await admin.execute("create temp table person (email text constraint person_email_key unique)")
        try:
            await admin.execute("insert into person values ('ada@person.example'), ('ada@person.example')")
        except asyncpg.UniqueViolationError:
            log.exception("failed")
    finally:
        await admin.close()
    (line,) = lines()
    assert (line["exception"]["sqlstate"], line["exception"]["constraint_name"]) == ("23505", "person_email_key")
    assert "person.example" not in json.dumps(line)
