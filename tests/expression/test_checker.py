"""What an expression means to the checker: types, names, nulls and slots, and the exact place of every fault."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from random import Random
from typing import Any
from uuid import UUID

import pytest

from app.domain.kernel.expression.checker import Checked, Profile, check, check_value
from app.domain.kernel.expression.functions import FUNCTIONS
from app.domain.kernel.expression.tree import (
    OLD,
    RECORD,
    And,
    Arithmetic,
    AsValue,
    Bound,
    Call,
    Changed,
    Choice,
    Compare,
    Comparison,
    Condition,
    Constant,
    Count,
    Either,
    Element,
    Exists,
    ExistsValue,
    ExternalId,
    Field,
    Holds,
    Hop,
    IsNew,
    IsNull,
    IsTrue,
    Many,
    Negated,
    Not,
    Null,
    OneOf,
    Operation,
    Or,
    Slot,
    Source,
    Type,
)
from app.domain.kernel.expression.tree import Test as TextTest
from tests.expression import generating
from tests.expression.generating import Generator, schema
from tests.expression.kinds import CATALOG
from tests.expression.viewers import ANYBODY

_WHOLE, _HIDDEN = schema(), schema(hidden=True)
_HERE = Source(RECORD, "opportunity")
_ACCOUNT = Source(RECORD, "account", (Hop("account", "account_id", "account"),))
_NAME = Field(_HERE, "name", "name", Type.text, nullable=False)
_STAGE = Field(_HERE, "stage", "stage", Type.text, nullable=False)
_AMOUNT = Field(_HERE, "amount", "amount", Type.number, nullable=True, currency="amount_currency")
_PROBABILITY = Field(_HERE, "probability", "probability", Type.number, nullable=True)
_CLOSE = Field(_HERE, "closeDate", "close_date", Type.date, nullable=True)
_ENGAGE = Field(_HERE, "engageDate", "engage_date", Type.date, nullable=True)
_CREATED = Field(_HERE, "createdAt", "created_at", Type.timestamp, nullable=False)
_OWNER = Field(_HERE, "ownerId", "owner_id", Type.id, nullable=True)
_INDUSTRY = Field(_ACCOUNT, "industry", "industry", Type.text, nullable=True)
_VIP = Field(_HERE, "vip", "custom", Type.boolean, nullable=True, custom=True)
_TAGS = Field(_HERE, "tags", "custom", Type.texts, nullable=True, custom=True)
_BUDGET = Field(_HERE, "budget", "custom", Type.number, nullable=True, custom=True)
_CONTACTS = Many(_ACCOUNT, "contacts", "contact", "account_id", "v1")
_EMAIL = Field(Source("v1", "contact"), "email", "email", Type.text, nullable=True)
_ID = "01890a5d-ac96-774b-bcce-b302099a8057"


def _check(text: str, profile: Profile = Profile.sql, kind: str = "opportunity") -> Checked:
    return check(text, CATALOG[kind], _WHOLE, ANYBODY, profile)


def _value(text: str) -> Checked:
    return check_value(text, CATALOG["opportunity"], _WHOLE, ANYBODY)


def _text(index: int) -> Slot:
    return Slot(index, Type.text)


def _number(index: int) -> Slot:
    return Slot(index, Type.number)


def _over(value: Any, slot: Slot) -> Condition:
    return Compare(Comparison.gt, value, slot)


def _is(value: Any, other: Any) -> Condition:
    return Compare(Comparison.eq, value, other)


CONDITIONS: Mapping[str, tuple[Condition, tuple[Any, ...]]] = {
    "amount > 10000": (_over(_AMOUNT, _number(0)), (Decimal(10000),)),
    "record.amount > -0.5": (_over(_AMOUNT, _number(0)), (Decimal("-0.5"),)),
    'stage == "won"': (_is(_STAGE, _text(0)), ("won",)),
    '"e\u0301" == stage': (_is(_text(0), _STAGE), ("\u00e9",)),
    "amount > 1 && probability > 1": (And((_over(_AMOUNT, _number(0)), _over(_PROBABILITY, _number(1)))), (1, 1)),
    "(true && has(name)) && false": (And((Constant(value=True), Not(IsNull(_NAME)), Constant(value=False))), ()),
    "true || (false || true)": (Or((Constant(value=True), Constant(value=False), Constant(value=True))), ()),
    "!(amount > 1)": (Not(_over(_AMOUNT, _number(0))), (1,)),
    "!!(amount > 1)": (_over(_AMOUNT, _number(0)), (1,)),
    "closeDate == null": (IsNull(_CLOSE), ()),
    "null != closeDate": (Not(IsNull(_CLOSE)), ()),
    "has(closeDate)": (Not(IsNull(_CLOSE)), ()),
    "account.industry in ['Tech', 'x']": (OneOf(_INDUSTRY, _text(0)), (("Tech", "x"),)),
    "amount in []": (OneOf(_AMOUNT, _number(0)), ((),)),
    'closeDate in [date("2026-11-01")]': (OneOf(_CLOSE, Slot(0, Type.date)), ((date(2026, 11, 1),),)),
    f"ownerId in ['{_ID}']": (OneOf(_OWNER, Slot(0, Type.id)), ((UUID(_ID),),)),
    f"ownerId == '{_ID}'": (_is(_OWNER, Slot(0, Type.id)), (UUID(_ID),)),
    f"'{_ID.upper()}' == owner": (_is(Slot(0, Type.id), _OWNER), (UUID(_ID),)),
    "ownerId == me()": (_is(_OWNER, Slot(0, Type.id)), (Bound.me,)),
    "closeDate == today()": (_is(_CLOSE, Slot(0, Type.date)), (Bound.today,)),
    "account == null": (IsNull(Field(_HERE, "accountId", "account_id", Type.id, nullable=True)), ()),
    "has(account.parent)": (Not(IsNull(Field(_ACCOUNT, "parentId", "parent_id", Type.id, nullable=True))), ()),
    "account.name == name": (_is(Field(_ACCOUNT, "name", "name", Type.text, nullable=True), _NAME), ()),
    'amount.currency == "EUR"': (
        _is(Field(_HERE, "amount.currency", "amount_currency", Type.text, nullable=True), _text(0)),
        ("EUR",),
    ),
    'externalIds.sap == "7"': (_is(ExternalId(_HERE, _text(0)), _text(1)), ("sap", "7")),
    "custom.budget > 1": (_over(_BUDGET, _number(0)), (1,)),
    "custom.vip": (IsTrue(_VIP), ()),
    "!custom.vip": (Not(IsTrue(_VIP)), ()),
    "custom.vip == false": (_is(_VIP, Slot(0, Type.boolean)), (False,)),
    "(amount > 1) == custom.vip": (_is(AsValue(_over(_AMOUNT, _number(0))), _VIP), (1,)),
    "custom.vip ? amount > 1 : null": (Either(IsTrue(_VIP), _over(_AMOUNT, _number(0)), Constant(value=False)), (1,)),
    "(custom.vip ? custom.vip : null) == null": (
        IsNull(Choice(IsTrue(_VIP), _VIP, Null(Type.boolean), Type.boolean, nullable=True)),
        (),
    ),
    "(true ? amount : null) > 1": (
        _over(Choice(Constant(value=True), _AMOUNT, Null(Type.number), Type.number, nullable=True), _number(0)),
        (1,),
    ),
    '"vip" in custom.tags': (Holds(_TAGS, _text(0)), ("vip",)),
    "custom.tags.exists(t, t == stage)": (ExistsValue(_TAGS, "v1", _is(Element("v1"), _STAGE)), ()),
    "custom.tags.all(t, t == stage)": (Not(ExistsValue(_TAGS, "v1", Not(_is(Element("v1"), _STAGE)))), ()),
    "has(custom.tags)": (Not(IsNull(_TAGS)), ()),
    'account.contacts.exists(c, c.email == "a")': (Exists(_CONTACTS, _is(_EMAIL, _text(0))), ("a",)),
    "account.contacts.all(c, has(c.email))": (Not(Exists(_CONTACTS, Not(Not(IsNull(_EMAIL))))), ()),
    "account.contacts.count(c, true) > 2": (_over(Count(_CONTACTS, Constant(value=True)), _number(0)), (2,)),
    "name.contains(stage)": (TextTest("contains", (_NAME, _STAGE)), ()),
    "name.isBlank()": (_is(Call("trim", (_NAME,), Type.text, nullable=False), _text(0)), ("",)),
    "account.industry.isBlank()": (
        Or((IsNull(_INDUSTRY), _is(Call("trim", (_INDUSTRY,), Type.text, nullable=True), _text(0)))),
        ("",),
    ),
    "account.industry.isBlank() || false": (
        Or(
            (
                IsNull(_INDUSTRY),
                _is(Call("trim", (_INDUSTRY,), Type.text, nullable=True), _text(0)),
                Constant(value=False),
            )
        ),
        ("",),
    ),
    "-amount > amount + 1": (
        _over(
            Negated(_AMOUNT, nullable=True), Arithmetic(Operation.add, _AMOUNT, _number(0), Type.number, nullable=True)
        ),
        (1,),
    ),
    "6 / 3 > 1": (
        _over(Arithmetic(Operation.divide, _number(0), _number(1), Type.number, nullable=True), _number(2)),
        (6, 3, 1),
    ),
    'createdAt > now() - duration("1d2h")': (
        _over(
            _CREATED,
            Arithmetic(
                Operation.subtract, Slot(0, Type.timestamp), Slot(1, Type.duration), Type.timestamp, nullable=True
            ),
        ),
        (Bound.now, timedelta(days=1, hours=2)),
    ),
    'now() - createdAt > duration("-90m")': (
        _over(
            Arithmetic(Operation.subtract, Slot(0, Type.timestamp), _CREATED, Type.duration, nullable=False),
            Slot(1, Type.duration),
        ),
        (Bound.now, timedelta(minutes=-90)),
    ),
    'createdAt > timestamp("2026-11-01T09:30:00+01:00")': (
        _over(_CREATED, Slot(0, Type.timestamp)),
        (datetime(2026, 11, 1, 8, 30, tzinfo=UTC),),
    ),
    "coalesce(amount, probability, 0) > 1": (
        _over(Call("coalesce", (_AMOUNT, _PROBABILITY, _number(0)), Type.number, nullable=False), _number(1)),
        (0, 1),
    ),
    "min(closeDate, engageDate) == null": (
        IsNull(Call("min", (_CLOSE, _ENGAGE), Type.date, nullable=True)),
        (),
    ),
    'hour(createdAt, "UTC") > 8': (
        _over(Call("hour", (_CREATED, _text(0)), Type.number, nullable=True), _number(1)),
        ("UTC", 8),
    ),
}


@pytest.mark.quick
@pytest.mark.parametrize("text", CONDITIONS)
def test_a_condition_becomes_this_tree(text: str) -> None:
    shape, arguments = CONDITIONS[text]
    checked = _check(text)
    assert checked.expression.shape == shape
    assert checked.arguments == arguments
    assert checked.type is Type.boolean


@pytest.mark.parametrize(
    ("text", "shape"),
    [
        ("stage != old.stage", Compare(Comparison.ne, _STAGE, replace(_STAGE, source=Source(OLD, "opportunity"), nullable=True))),
        ("changed(stage)", Changed(_STAGE)),
        ("changed(account)", Changed(Field(_HERE, "accountId", "account_id", Type.id, nullable=True))),
        ("changed(custom.budget)", Changed(_BUDGET)),
        ("isNew()", IsNew()),
        ("has(account)", Not(IsNull(Field(_HERE, "accountId", "account_id", Type.id, nullable=True)))),
    ],
)  # fmt: skip
def test_an_event_knows_what_was_before(text: str, shape: Condition) -> None:
    assert _check(text, Profile.event).shape == shape


@pytest.mark.parametrize(
    ("text", "fields"),
    [
        ("true", ()),
        ("stage == 'a' && amount > 1 && stage == 'b'", ("amount", "stage")),
        ("account.industry == name", ("account.industry", "name")),
        ("has(account.parent)", ("account.parentId",)),
        ("amount.currency == externalIds.sap", ("amount.currency", "externalIds.sap")),
        ("custom.tags.exists(t, t == name)", ("custom.tags", "name")),
        ("account.contacts.exists(c, c.email == c.custom.segment)", ("account.contacts.custom.segment", "account.contacts.email")),
        ("account.contacts.count(c, amount > 1) > 1", ("account.contacts", "amount")),
    ],
)  # fmt: skip
def test_the_fields_that_are_read_are_known(text: str, fields: tuple[str, ...]) -> None:
    assert _check(text).fields == fields


def test_the_fields_of_an_event_are_known() -> None:
    assert _check("old.stage != stage && changed(amount)", Profile.event).fields == ("amount", "old.stage", "stage")


@pytest.mark.parametrize(
    ("text", "type_", "nullable"),
    [
        ("name + stage", Type.text, False), ("name.size()", Type.number, False), ("account.name.size()", Type.number, True),
        ("amount > 1 ? 1 : 2", Type.number, False), ("amount > 1 ? 1 : null", Type.number, True), ("name.size() / 2", Type.number, True),
        ("name.size() * 2", Type.number, False), ("today()", Type.date, False), ("addDays(today(), 1)", Type.date, True),
        ("now() - createdAt", Type.duration, False), ("custom.tags", Type.texts, True), ("externalIds.sap", Type.text, True),
        ("coalesce(closeDate, engageDate)", Type.date, True), ("coalesce(closeDate, today())", Type.date, False), ("null", Type.null, True),
        ("daysBetween(today(), closeDate)", Type.number, True), ("account.contacts.count(c, true)", Type.number, False),
    ],
)  # fmt: skip
def test_a_value_has_a_type_and_may_be_null_or_not(text: str, type_: Type, nullable: bool) -> None:  # noqa: FBT001  # it is a row of a table
    checked = _value(text)
    assert checked.type is type_
    assert getattr(checked.shape, "nullable", None) is nullable


def test_a_condition_is_a_value_too() -> None:
    assert _value("amount > 1").shape == _check("amount > 1").shape
    assert _value("custom.vip").shape == _VIP
    assert _value("true").type is Type.boolean


def test_the_names_of_variables_do_not_matter() -> None:
    one = _check("account.contacts.exists(c, c.email == 'a') || custom.tags.exists(t, t == 'b')")
    other = _check("account.contacts.exists(x, x.email == 'c') || custom.tags.exists(x, x == 'd')")
    assert one.shape == other.shape


def test_a_variable_hides_what_has_its_name() -> None:
    checked = _check(
        "account.contacts.exists(name, name.email == record.name && custom.tags.exists(name, name == 'a')) && name == 'b'"
    )
    assert checked.fields == ("account.contacts.email", "custom.tags", "name")


def test_equal_questions_have_equal_shapes(monkeypatch: pytest.MonkeyPatch) -> None:
    """The same choices of the generator among other values give the same expression about something else."""
    turned = {type_: (*values[1:], values[0]) for type_, values in generating.SAMPLES.items()}
    for kind in CATALOG:
        texts = [_generated(kind.name, seed) for seed in range(60)]
        with monkeypatch.context() as other:
            other.setattr(generating, "SAMPLES", turned)
            others = [_generated(kind.name, seed) for seed in range(60)]
        assert sum(one != two for one, two in zip(texts, others, strict=True)) > 40
        for one, two in zip(texts, others, strict=True):
            assert _check(one, kind=kind.name).shape == _check(two, kind=kind.name).shape
            assert hash(_check(one, kind=kind.name).shape)


def _generated(kind: str, seed: int) -> str:
    return Generator(Random(seed), CATALOG[kind], _WHOLE).condition(3)


@pytest.mark.parametrize("profile", Profile)
@pytest.mark.parametrize("hidden", [False, True])
def test_what_is_generated_is_accepted(profile: Profile, *, hidden: bool) -> None:
    seen = _HIDDEN if hidden else _WHOLE
    for kind in CATALOG:
        generator = Generator(random := Random(11), kind, seen, profile)
        for _ in range(60):
            text = generator.condition(random.choice((1, 2, 3, 4)))
            assert check(text, kind, seen, ANYBODY, profile).type is Type.boolean


@pytest.mark.parametrize("function", FUNCTIONS.values(), ids=list(FUNCTIONS))
def test_every_function_has_an_example_that_is_accepted_somewhere(function: Any) -> None:
    profile = min(function.profiles, key=lambda one: one is Profile.event)
    kind = "account" if "children" in function.example else "opportunity"
    assert _check(function.example, profile, kind).shape
    assert function.name in function.example
    assert function.summary.endswith(".")
    assert all(function.name in signature and "->" in signature for signature in function.signatures)
