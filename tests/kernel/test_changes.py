"""What a patch changes, and what it may not change over the heads of others."""

from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import pytest

from app.domain.accounts.schemas import AccountRead
from app.domain.kernel.changes import clashes, creation, merge
from app.domain.kernel.money import Money

NOW = datetime(2026, 11, 22, tzinfo=UTC)
EURO, DOLLAR = (
    Money.model_validate({"amount": "5", "currency": "EUR"}),
    Money.model_validate({"amount": "5", "currency": "USD"}),
)


def record(**values: Any) -> AccountRead:
    empty = dict.fromkeys(AccountRead.model_fields)
    fixed = {"id": UUID(int=1), "version": 3, "external_ids": {}, "custom": {}, "name": "Acme", "status": "active"}
    return AccountRead.model_construct(**(empty | fixed | values))


def test_of_a_new_record_nothing_is_recorded_that_was_left_empty() -> None:
    change = creation(record(industry="Tech"), ["name", "industry", "employees", "external_ids"])
    assert change.as_json() == {"name": [None, "Acme"], "industry": [None, "Tech"]}


def test_only_what_differs_is_a_change() -> None:
    change = merge(record(employees=5), {"name": "Acme", "employees": 6, "annual_revenue": EURO})
    assert change.fields == ("annual_revenue", "employees")
    assert change.as_json() == {
        "annualRevenue": [None, {"amount": "5.00", "currency": "EUR"}],
        "employees": [5, 6],
    }


def test_the_same_amount_in_another_currency_is_a_change() -> None:
    assert merge(record(annual_revenue=EURO), {"annual_revenue": DOLLAR}).fields == ("annual_revenue",)
    assert merge(record(annual_revenue=EURO), {"annual_revenue": EURO.model_copy()}).fields == ()


def test_external_ids_merge_by_system_and_null_removes() -> None:
    change = merge(record(external_ids={"a": "1", "b": "2"}), {"external_ids": {"b": None, "c": "3"}})
    assert change.after.external_ids == {"a": "1", "c": "3"}


@pytest.mark.parametrize(
    ("now", "patch", "edits", "expected"),
    [
        ({"name": "Theirs"}, {"industry": "Mine"}, [{"name": ["Base", "Theirs"]}], []),
        ({"name": "Same"}, {"name": "Same"}, [{"name": ["Base", "Same"]}], []),
        ({"name": "Theirs"}, {"name": "Mine"}, [{"name": ["Base", "Theirs"]}], [("name", "Base", "Theirs", "Mine")]),
        (
            {"name": "Third"},
            {"name": "Mine"},
            [{"name": ["Base", "Second"]}, {"name": ["Second", "Third"]}],
            [("name", "Base", "Third", "Mine")],
        ),
        (
            {"external_ids": {"a": "9", "b": "2"}},
            {"external_ids": {"b": "3"}},
            [{"externalIds": [{"a": "1", "b": "2"}, {"a": "9", "b": "2"}]}],
            [],
        ),
        (
            {"external_ids": {"a": "9"}},
            {"external_ids": {"a": "2"}},
            [{"externalIds": [{"a": "1"}, {"a": "9"}]}],
            [("externalIds", {"a": "1"}, {"a": "9"}, {"a": "2"})],
        ),
    ],
)
def test_edits_of_the_same_field_clash_and_others_do_not(
    now: dict[str, Any], patch: dict[str, Any], edits: list[Any], expected: list[Any]
) -> None:
    found = clashes(merge(record(**now), patch), patch, edits)
    assert [(one.field, one.base, one.theirs, one.yours) for one in found] == expected
