"""How an event is told to a broker, and in which order."""

from typing import Any

import orjson
import pytest

from app.workers.messages import Message, cloud_event, message_of, waves
from tests.publishing.conformance import violations

LARGE = 1_000_000
ROW: dict[str, Any] = {
    "tenant_id": "0192f0c0-0000-7000-8000-000000000001",
    "id": "0192f0c0-0000-7000-8000-000000000002",
    "settle": 9,
    "seq": 10,
    "at": "2026-11-22T08:00:00.123456+00:00",
    "object": "account",
    "record_id": "0192f0c0-0000-7000-8000-000000000003",
    "version": 2,
    "type": "account.updated",
    "actor_id": None,
    "on_behalf_of": None,
    "origin": "api",
    "change_set_id": None,
    "cause_id": None,
    "cause_depth": 0,
    "changes": {"name": ["Old", "New"]},
    "data": {"id": "0192f0c0-0000-7000-8000-000000000003", "name": "New"},
}


def test_an_event_is_a_cloud_event_with_the_public_event_as_its_data():
    told = orjson.loads(message_of(ROW, LARGE).body)
    assert not list(violations(told))
    assert {name: told[name] for name in ("id", "source", "type", "subject", "time", "partitionkey")} == {
        "id": ROW["id"],
        "source": f"/tenants/{ROW['tenant_id']}",
        "type": "rapport.account.updated",
        "subject": f"account/{ROW['record_id']}",
        "time": ROW["at"],
        "partitionkey": ROW["record_id"],
    }
    assert told["data"]["sequence"] == "9-10"
    assert told["data"]["data"] == ROW["data"]
    assert told["data"]["previous"] == {"name": "Old"}


@pytest.mark.parametrize(
    "spoilt",
    [
        {"specversion": "0.3"},
        {"source": "not a path"},
        {"source": "https://host/"},
        {"time": "yesterday"},
        {"time": "2026-11-22T08:00:00"},
        {"partitionKey": "x"},
        {"sequence": 7},
        {"subject": ""},
        {"id": None},
        {"previous": {}},
        {"datacontenttype": "json"},
        {"data_base64": ""},
    ],
)
def test_the_check_of_cloud_events_finds(spoilt):
    assert list(violations(cloud_event(ROW) | spoilt))


def test_the_order_of_sequences_as_texts_is_the_order_of_the_log():
    places = [(9, 99), (10, 1), (10, 2), (10, 10), (2**63 - 1, 1)]
    told = [cloud_event(ROW | {"settle": settle, "seq": seq})["sequence"] for settle, seq in places]
    assert told == sorted(told)


def test_a_route_is_tenant_object_and_verb():
    assert message_of(ROW, LARGE).path == (ROW["tenant_id"], "account", "updated")


def test_what_is_too_large_for_the_broker_is_told_without_the_record():
    row = ROW | {"data": {"name": "x" * 5000}}
    size = len(message_of(row, LARGE).body)
    assert orjson.loads(message_of(row, size).body)["data"]["data"] == row["data"]
    told = orjson.loads(message_of(row, size - 1).body)
    assert not list(violations(told))
    assert told["data"]["data"] == {"id": ROW["record_id"]}
    assert told["data"]["truncated"] is True
    assert told["data"]["changedFields"] == ["name"]
    assert "previous" not in told["data"]


def test_a_wave_has_each_record_once_and_keeps_the_order_of_its_events():
    sent = [Message(str(number), ("t", "o", "v"), record, b"") for number, record in enumerate("abacab")]
    assert [[one.id for one in wave] for wave in waves(sent)] == [["0", "1", "3"], ["2", "5"], ["4"]]
