"""What only memory judges: events with what was before, arguments bound at the call, and the loading of records."""

from collections.abc import Mapping
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal, getcontext
from typing import Any
from uuid import UUID

import pytest

from app.domain.kernel.actor import Actor, Role
from app.domain.kernel.expression import scalars
from app.domain.kernel.expression.checker import Profile, check
from app.domain.kernel.expression.loading import Loader, keys_read
from app.domain.kernel.expression.memory import evaluator
from app.domain.kernel.expression.tree import Type
from app.domain.kernel.schema import CustomField, Schema
from tests.expression.kinds import CATALOG

ME = UUID(int=1)
ACTOR = Actor(tenant_id=ME, id=ME, key_id=ME, role=Role.admin, scopes=frozenset({"admin"}), schema_version=1)
CUSTOM = {"opportunity": (CustomField("budget", Type.number), CustomField("renewal", Type.date))}
SCHEMA = Schema(CATALOG, custom=CUSTOM)
KIND = CATALOG["opportunity"]
WON = {
    "id": str(UUID(int=5)),
    "version": 4,
    "ownerId": str(ME),
    "createdAt": "2026-01-01T00:00:00+00:00",
    "modifiedAt": "2026-02-01T00:00:00.5+00:00",
    "modifiedBy": str(ME),
    "externalIds": {"sap": "7"},
    "custom": {"budget": 12, "renewal": "2026-02-31"},
    "name": "Acme",
    "stage": "closedWon",
    "amount": {"amount": "12000.50", "currency": "EUR"},
    "closeDate": "2026-11-22",
    "probability": 100,
}
CHANGES = {
    "stage": ["engaging", "closedWon"],
    "amount": [{"amount": "12000.50", "currency": "USD"}, WON["amount"]],
    "closeDate": [None, "2026-11-22"],
    "custom": [{}, WON["custom"]],
}


def judged(
    text: str, verb: str = "updated", changes: Mapping[str, Any] = CHANGES, data: Mapping[str, Any] = WON
) -> bool:
    expression = check(text, KIND, SCHEMA, ACTOR, Profile.event).expression
    loader = Loader(KIND, SCHEMA, keys_read(expression.shape))
    row, scope = loader.event(verb, data, changes)
    now = datetime(2026, 11, 22, 5, tzinfo=UTC)
    return evaluator(expression.shape, expression.arguments)(row, {**scope, "now": now, "today": now.date(), "me": ME})


@pytest.mark.parametrize(
    "text",
    [
        'stage != old.stage && stage == "closedWon"',
        'old.stage == "engaging"',
        "changed(stage) && changed(closeDate) && !changed(name)",
        "old.closeDate == null",
        "old.version == 3",
        "changed(amount) && amount != old.amount",
        'old.amount.currency == "USD" && !(amount > old.amount) && !(amount <= old.amount)',
        "old.name == name && old.createdAt == createdAt",
        "old.modifiedAt == null && changed(modifiedAt)",
        "old.custom.budget == null && custom.budget == 12",
        "custom.renewal == null",
        'externalIds.sap == "7" && externalIds.other == null',
        "ownerId == me() && createdAt < now() && closeDate == today()",
        "!isNew()",
    ],
)
def test_an_update_is_judged_by_what_was_and_what_is(text: str) -> None:
    assert judged(text) is True


@pytest.mark.parametrize("verb", ["created", "restored"])
def test_before_a_new_record_there_was_nothing(verb: str) -> None:
    for text in ("isNew()", "old.stage == null", "changed(stage)", "stage != old.stage", "!changed(productId)"):
        assert judged(text, verb, {}) is True
    assert judged("old.amount > 0", verb, {}) is False


def test_a_deleted_record_is_judged_as_it_went() -> None:
    assert judged('stage == "closedWon" && old.stage == stage && !changed(stage) && !isNew()', "deleted", {}) is True


def test_what_a_record_lacks_is_null() -> None:
    empty = {"id": WON["id"], "version": 1}
    for text in (
        "amount == null",
        "custom.budget == null",
        "externalIds.sap == null",
        "!(probability < 5)",
        "name == stage",
    ):
        assert judged(text, "created", {}, empty) is True


def test_a_hidden_field_is_not_loaded() -> None:
    narrowed = Schema(CATALOG, hidden={"opportunity": frozenset({"amount"})})
    row = Loader(KIND, narrowed).row(WON)
    assert row["amount"] is None
    assert row["name"] == "Acme"


def test_only_what_is_read_is_loaded() -> None:
    shape = check("amount > 5 && custom.budget > 1", KIND, SCHEMA, ACTOR, Profile.event).shape
    row = Loader(KIND, SCHEMA, keys_read(shape)).row(WON)
    assert dict(row) == {
        "amount": Decimal("12000.50"),
        "amount_currency": "EUR",
        "custom.budget": Decimal(12),
    }


def test_the_context_of_the_thread_is_left_alone() -> None:
    before = getcontext().copy()
    assert judged("amount * 1.00000000000000000001 > 12000.50 && amount / 3 == 4000.1666666667 && -amount < 0")
    assert getcontext().flags == before.flags
    assert getcontext().prec == before.prec


def test_one_compiled_condition_serves_every_moment() -> None:
    expression = check('createdAt > now() - duration("30d")', KIND, SCHEMA, ACTOR).expression
    holds, row = evaluator(expression.shape, expression.arguments), Loader(KIND, SCHEMA).row(WON)
    created = datetime(2026, 1, 1, tzinfo=UTC)
    assert holds(row, {"now": created + timedelta(days=29)}) is True
    assert holds(row, {"now": created + timedelta(days=31)}) is False


@pytest.mark.parametrize(
    ("type_", "value", "expected"),
    [
        (Type.date, "2024-02-29", date(2024, 2, 29)),
        (Type.date, "2023-02-29", None),
        (Type.date, "1900-02-29", None),
        (Type.date, "2026-11-22\n", None),
        (Type.timestamp, "2026-11-22T05:00:00.250000Z", datetime(2026, 11, 22, 5, 0, 0, 250_000, tzinfo=UTC)),
        (Type.timestamp, "2026-11-22T05:00:00", None),
        (Type.timestamp, "0001-01-01T00:00:00Z", None),
        (Type.number, 0.1, Decimal("0.1")),
        (Type.number, Decimal("1e30"), None),
        (Type.number, Decimal("NaN"), None),
        (Type.number, True, None),
        (Type.boolean, 1, None),
        (Type.texts, ["a", 1, None, "b"], ["a", "b"]),
        (Type.id, str(ME), ME),
        (Type.id, "me", None),
    ],
)
def test_a_custom_value_of_another_form_is_null(type_: Type, value: Any, expected: Any) -> None:
    assert scalars.custom(type_, value) == expected


def test_every_day_of_the_calendar_has_the_form_of_a_date_and_no_other_text_has() -> None:
    for year in (1, 4, 100, 400, 1900, 2000, 2023, 2024, 9999):
        for month in range(14):
            for day in range(33):
                text = f"{year:04}-{month:02}-{day:02}"
                try:
                    expected = date(year, month, day)
                except ValueError:
                    expected = None
                assert scalars.custom(Type.date, text) == expected
