"""Each thing that the checker looks for, planted into the logs of a run that went well."""

from dataclasses import replace

import pytest

from tests.chaos.checker import Ack, Fault, Findings, check
from tests.chaos.receivers import Receipt

ENDPOINTS = {"north": ["n1", "n2"], "south": ["s1"]}


def ack(version: int, tenant: str = "north") -> Ack:
    return Ack(float(version), tenant, f"{tenant} record", version)


def receipt(endpoint: str, version: int, at: float) -> Receipt:
    tenant = "north" if endpoint.startswith("n") else "south"
    record = f"{tenant} record"
    return Receipt(
        at, tenant, endpoint, f"{record} {version}", record, version, tenant, is_verified=True, is_lost=False
    )


ACKS = [ack(1), ack(2), ack(3), ack(1, "south")]
RECEIPTS = [receipt(endpoint, version, version + 0.5) for version in (1, 2, 3) for endpoint in ("n1", "n2")]
RECEIPTS.append(receipt("s1", 1, 1.5))


def told(receipts: list[Receipt], *faults: Fault) -> list[str]:
    return list(found(receipts, *faults).breaches())


def found(receipts: list[Receipt], *faults: Fault) -> Findings:
    return check(ACKS, receipts, ENDPOINTS, faults)


def without(endpoint: str, *versions: int) -> list[Receipt]:
    return [one for one in RECEIPTS if one.endpoint != endpoint or one.version not in versions]


def test_nothing_is_found_where_everything_came_once_and_in_order() -> None:
    assert told(RECEIPTS) == []
    assert found(RECEIPTS).expected == len(RECEIPTS)


def test_what_was_passed_over_is_lost_and_what_may_still_come_is_pending() -> None:
    assert told(without("n1", 2)) == ["1 deliveries are lost"]
    assert told(without("n1", 2, 3)) == ["2 deliveries are still pending"]


def test_a_version_behind_a_newer_one_is_out_of_order() -> None:
    assert told([*without("n2", 2), receipt("n2", 2, 9)]) == ["1 first deliveries came out of order"]


@pytest.mark.parametrize(
    ("change", "breach"),
    [
        ({"told_tenant": "south"}, "1 deliveries to another tenant"),
        ({"is_verified": False}, "1 deliveries with a bad signature"),
        ({"version": 7, "record": "nobody's"}, "1 deliveries of versions that nobody was told of"),
    ],
)
def test_what_should_not_have_been_sent_is_seen(change: dict[str, object], breach: str) -> None:
    assert breach in told([*RECEIPTS, replace(RECEIPTS[0], **change)])  # type: ignore[arg-type]  # one of its fields


def test_a_duplicate_is_explained_by_a_lost_answer_or_by_a_fault_at_its_time_and_by_nothing_else() -> None:
    again = receipt("n1", 1, 6.0)
    kill = Fault("kill worker", 1.6, 2.0, repeats=20)
    lost = [replace(RECEIPTS[0], is_lost=True), *RECEIPTS[1:], again]

    assert found(lost).duplicates == {"lost answer": 1}
    assert told(lost) == []
    assert found([*RECEIPTS, again], kill).duplicates == {"kill worker": 1}
    assert told([*RECEIPTS, again], kill) == []
    assert found([*RECEIPTS, again]).late == 1
    assert told([*RECEIPTS, again]) == [
        "1 duplicates without any cause",
        "1 duplicates, where 0 can be explained",
    ]
    assert told([*RECEIPTS, again], replace(kill, began=20, ended=21))[0] == "1 duplicates without any cause"


def test_more_duplicates_than_a_fault_can_cause_are_a_breach() -> None:
    many = [*RECEIPTS, *[receipt("n1", 1, 6.0)] * 21]
    kill = Fault("kill worker", 1.6, 20, repeats=20)
    assert told(many, kill) == ["21 duplicates, where 20 can be explained"]
