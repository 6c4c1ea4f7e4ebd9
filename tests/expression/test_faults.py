"""What is refused, why, and where exactly it stands."""

from collections.abc import Mapping

import pytest

from app.domain.kernel.expression.checker import Checked, Profile, check
from app.domain.kernel.expression.errors import ExpressionError
from app.domain.registry import CATALOG
from tests.expression.generating import schema
from tests.expression.viewers import ANYBODY, reader

_WHOLE, _HIDDEN = schema(), schema(hidden=True)


def _check(text: str, profile: Profile = Profile.sql) -> Checked:
    return check(text, CATALOG["opportunity"], _WHOLE, ANYBODY, profile)


# What was written, the code, and what is underlined; then what was found, expected and suggested.
FAULTS: Mapping[str, tuple[str, str, str | None, str | None, str | None]] = {
    'stge == "x"': ("unknownField", "stge", "stge", None, "stage"),
    'account.indutry == "x"': ("unknownField", "indutry", "indutry", None, "industry"),
    "custom.bugdet > 1": ("unknownField", "bugdet", "bugdet", None, "budget"),
    "acount == null": ("unknownField", "acount", "acount", None, "account"),
    "amount.curency == 'EUR'": ("unknownField", "curency", "curency", None, "currency"),
    "nothingLikeIt > 1": ("unknownField", "nothingLikeIt", "nothingLikeIt", None, None),
    "account.contacts.exists(c, c.emial == 'a')": ("unknownField", "emial", "emial", None, "email"),
    "account.contacts.exists(contact, contct.email == 'a')": ("unknownField", "contct", "contct", None, "contact"),
    "name.startswith('x')": ("unknownFunction", "startswith", "startswith", None, "startsWith"),
    "contains(name, 'x')": ("unknownFunction", "contains", "contains", None, None),
    "amount.abs() > 1": ("unknownFunction", "abs", "abs", None, None),
    "name.matches('x')": ("unknownFunction", "matches", "matches", None, None),
    'amount > "5"': ("wrongType", '"5"', "text", "number", None),
    "name > 5": ("wrongType", "5", "number", "text", None),
    'closeDate > "2026-11-01"': ("wrongType", '"2026-11-01"', "text", "date", None),
    "closeDate > createdAt": ("wrongType", "createdAt", "timestamp", "date", None),
    "custom.vip > true": ("wrongType", "custom.vip > true", "boolean", "an ordered type", None),
    "ownerId < me()": ("wrongType", "ownerId < me()", "id", "an ordered type", None),
    "custom.tags == 'a'": ("wrongType", "custom.tags", "texts", "one value", None),
    "custom.tags in ['a']": ("wrongType", "custom.tags", "texts", "one value", None),
    "name in stage": ("wrongType", "stage", "text", "texts", None),
    "amount in custom.tags": ("wrongType", "amount", "number", "text", None),
    "amount": ("wrongType", "amount", "number", "boolean", None),
    "amount && true": ("wrongType", "amount", "number", "boolean", None),
    "!name": ("wrongType", "name", "text", "boolean", None),
    "null": ("wrongType", "null", "null", "boolean", None),
    "-name == 'a'": ("wrongType", "name", "text", "number", None),
    "name + 1 == 'a'": ("wrongType", "1", "number", "text", None),
    "closeDate + 1 == closeDate": ("wrongType", "closeDate", "date", "number", None),
    "createdAt - 1 > now()": ("wrongType", "1", "number", "duration or timestamp", None),
    "amount > null": ("wrongType", "amount > null", "null", None, None),
    "null == null": ("wrongType", "null == null", "null", None, None),
    "null + 1 > 1": ("wrongType", "null", "null", "number", None),
    "(true ? 1 : 'a') == 1": ("wrongType", "'a'", "text", "number", None),
    "(true ? null : null) == null": ("wrongType", "null", "null", "a value", None),
    "lower(amount) == 'a'": ("wrongType", "amount", "number", "text", None),
    "name.contains(1)": ("wrongType", "1", "number", "text", None),
    "coalesce(amount, 'a') > 1": ("wrongType", "'a'", "text", "number", None),
    "max(name, stage) == name": ("wrongType", "name", "text", "one of number, date, timestamp", None),
    "amount in [1, 'a']": ("wrongType", "'a'", "text", "number", None),
    "amount in [probability]": ("wrongType", "probability", None, "number", None),
    "amount in [null]": ("wrongType", "null", None, "number", None),
    "has(lower(name))": ("wrongType", "lower(name)", None, None, None),
    "custom == null": ("wrongType", "custom", "custom", None, None),
    "externalIds == null": ("wrongType", "externalIds", "externalIds", None, None),
    "account.contacts == null": ("wrongType", "contacts", "contacts", None, None),
    "account.contacts.email == 'a'": ("wrongType", "email", "email", None, None),
    "name.exists(c, true)": ("wrongType", "name", "text", "many records, or a field with several values", None),
    "custom.tags.count(t, true) > 1": ("wrongType", "custom.tags", "texts", "many records", None),
    "account.contacts.exists(c, c == null)": ("wrongType", "c", "c", None, None),
    "round(amount, probability) > 1": ("wrongType", "probability", None, "digits literal", None),
    "round(amount, 11) > 1": ("wrongType", "11", None, "digits literal", None),
    "round(amount, 1.5) > 1": ("wrongType", "1.5", None, "digits literal", None),
    "hour(createdAt, name) > 1": ("wrongType", "name", None, "zone literal", None),
    "date(name) == closeDate": ("wrongType", "name", None, "text literal", None),
    "ownerId == 'me'": ("wrongValue", "'me'", "me", "id", None),
    "ownerId in ['x']": ("wrongValue", "'x'", "x", "id", None),
    'closeDate == date("2026-02-30")': ("wrongValue", '"2026-02-30"', "2026-02-30", "date", None),
    'closeDate == date("2026-1-1")': ("wrongValue", '"2026-1-1"', "2026-1-1", "date", None),
    'createdAt > timestamp("2026-01-01T00:00:00")': (
        "wrongValue", '"2026-01-01T00:00:00"', "2026-01-01T00:00:00", "timestamp", None,
    ),
    'createdAt > timestamp("0001-01-01T00:00:00Z")': (
        "wrongValue", '"0001-01-01T00:00:00Z"', "0001-01-01T00:00:00Z", "timestamp", None,
    ),
    'now() - createdAt > duration("1w")': ("wrongValue", '"1w"', "1w", "duration", None),
    'now() - createdAt > duration("")': ("wrongValue", '""', "", "duration", None),
    'now() - createdAt > duration("1000001d")': ("wrongValue", '"1000001d"', "1000001d", "duration", None),
    'year(createdAt, "Berlin") > 1': ("wrongValue", '"Berlin"', "Berlin", "time zone", None),
    'year(createdAt, "localtime") > 1': ("wrongValue", '"localtime"', "localtime", "time zone", None),
    "year(createdAt) > 1": ("wrongArguments", "year(createdAt)", "1", "2", None),
    "now(1) > now()": ("wrongArguments", "now(1)", "1", "0", None),
    "coalesce(amount) > 1": ("wrongArguments", "coalesce(amount)", "1", "2", None),
    "name.contains() ": ("wrongArguments", "name.contains()", "1", "2", None),
    "account.contacts.exists(true)": ("wrongArguments", "account.contacts.exists(true)", "2", "3", None),
    "account.contacts.exists(c.d, true)": ("syntax", "c.d", None, "name", None),
    "account.contacts.exists(record, true)": ("syntax", "record", None, "name", None),
    "old.stage == stage": ("notHere", "old", "old", None, None),
    "changed(stage)": ("notHere", "changed", "changed", None, None),
    "stage.x == 'a'": ("notHere", "x", "x", None, None),
    "custom.budget.x == 1": ("notHere", "x", "x", None, None),
    "custom.tags.exists(t, t.x == 'a')": ("notHere", "x", "x", None, None),
    "[1] == amount": ("notHere", "[1]", "list", None, None),
    "createdAt + (now() - createdAt) > now()": ("notHere", "(now() - createdAt)", None, None, None),
    "account.contacts.exists(c, c.opportunities.exists(o, true))": ("notHere", "exists", "exists", None, None),
    "account.parent.parent.parent.name == 'a'": ("tooDeep", "parent", "parent", None, None),
    "account.contacts.exists(c, c.account.owner.name == 'a')": ("tooDeep", "owner", "owner", None, None),
    "amount >": ("syntax", "", "end", "a field, a value or a function", None),
    "amount > > 1": ("syntax", ">", ">", "a field, a value or a function", None),
    "amount = 1": ("syntax", "=", "=", None, None),
    "1 < amount < 3": ("syntax", "<", "<", "&&", None),
    "amount > 1e5": ("syntax", "1e5", "1e5", "number", None),
    "name == 'a": ("syntax", "'a", "text", None, None),
    r"name == 'a\d'": ("syntax", r"\d", r"\d", "escape", None),
    "(amount > 1": ("syntax", "", "end", ")", None),
    "amount > 1 stage": ("syntax", "stage", "stage", "the end, or an operator such as &&", None),
    "amount > 1000000000000000000000000000000": (
        "wrongValue", "1" + "0" * 30, "1000000000000000000000000000000...", None, None,
    ),
}  # fmt: skip


@pytest.mark.quick
@pytest.mark.parametrize("text", FAULTS)
def test_a_fault_is_named_where_it_stands(text: str) -> None:
    code, underlined, found, expected, suggestion = FAULTS[text]
    with pytest.raises(ExpressionError) as refused:
        _check(text)
    error = refused.value
    assert (error.code, error.found, error.expected, error.suggestion) == (code, found, expected, suggestion)
    assert text[error.position : error.end] == underlined
    if suggestion:
        assert f"Did you mean {suggestion}?" in error.message


def test_the_place_is_that_of_the_last_of_equal_names() -> None:
    with pytest.raises(ExpressionError) as refused:
        _check("account.parent.parent.parent.name == 'a'")
    assert (refused.value.position, refused.value.end) == (22, 28)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('closeDate > "2026-11-01"', 'This should be of type date, and is of type text. Write date("2026-11-01").'),
        ("stge == 'a'", "There is no field stge on opportunity. Did you mean stage?"),
        ("name.matches('a')", "There is no function matches. There are no regular expressions; use contains, startsWith or endsWith."),
        ("1 < amount < 3", "Comparisons cannot be chained; join two of them with &&."),
        ("amount = 1", "Compare with ==."),
        ("old.stage == 'a'", "What a record was before is known only where events are judged; take old away here."),
    ],
)  # fmt: skip
def test_a_message_says_what_to_do(text: str, message: str) -> None:
    with pytest.raises(ExpressionError) as refused:
        _check(text)
    assert refused.value.message == message


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("account.industry == 'a'", "An event carries only the record itself, and no account; ask for accountId."),
        ("account.contacts.exists(c, true)", "An event carries only the record itself, and no account; ask for accountId."),
        ("old.account.name == 'a'", "An event carries only the record itself, and no account; ask for accountId."),
        ("old == null", "This is a whole record; name a field of it: old.id."),
        ("changed(old.stage)", "changed takes a field of the record itself, such as changed(stage)."),
        ("changed(amount.currency)", "changed takes a field of the record itself, such as changed(stage)."),
        ("changed(externalIds.sap)", "changed takes a field of the record itself, such as changed(stage)."),
        ("changed(amount > 1)", "changed takes a field of the record itself, such as changed(stage)."),
    ],
)  # fmt: skip
def test_an_event_carries_only_the_record(text: str, message: str) -> None:
    with pytest.raises(ExpressionError) as refused:
        _check(text, Profile.event)
    assert refused.value.message == message


@pytest.mark.parametrize("text", ["probability > 1", "product.name == 'a'", "productId == null", "has(product)"])
def test_a_hidden_field_is_an_unknown_one(text: str) -> None:
    with pytest.raises(ExpressionError) as refused:
        check(text, CATALOG["opportunity"], _HIDDEN, ANYBODY)
    assert refused.value.code == "unknownField"
    assert refused.value.suggestion not in ("probability", "product", "productId")


@pytest.mark.parametrize(
    "text", ["probabilit > 1", "products == null", "account.annualRevenu > 1", "account.contact == null"]
)
def test_a_hidden_field_is_never_suggested(text: str) -> None:
    with pytest.raises(ExpressionError) as refused:
        check(text, CATALOG["opportunity"], _HIDDEN, ANYBODY)
    assert (refused.value.code, refused.value.suggestion) == ("unknownField", None)
    with pytest.raises(ExpressionError) as refused:
        check(text, CATALOG["opportunity"], _WHOLE, ANYBODY)
    assert refused.value.suggestion


@pytest.mark.parametrize(
    "text", ["account.industry == 'a'", "account.contacts.exists(c, true)", "owner.manager.name == 'a'"]
)
def test_a_relation_needs_the_scope_of_its_target(text: str) -> None:
    narrow = reader("opportunities:read", "users:write")
    with pytest.raises(ExpressionError) as refused:
        check(text, CATALOG["opportunity"], _WHOLE, narrow)
    assert refused.value.code == "missingScope"
    assert "users:read" in refused.value.message or "accounts:read" in refused.value.message
    assert check(text, CATALOG["opportunity"], _WHOLE, reader("users:read", "accounts:read", "contacts:read"))


def test_the_reference_itself_needs_no_scope() -> None:
    assert check("has(account) && accountId != null", CATALOG["opportunity"], _WHOLE, reader("opportunities:read"))
