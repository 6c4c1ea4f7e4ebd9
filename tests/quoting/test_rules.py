"""The way of a quote and its sums, against plain models that share no code with the product."""

from decimal import Decimal
from fractions import Fraction
from types import MappingProxyType
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.domain.kernel.errors import AppError, Conflict
from app.domain.quoting import rules
from app.domain.quoting.schemas import QuoteLine
from tests.currencies.test_rules import to_the_digits

VERBS = ("present", "accept", "reject", "expire", "supersede", "revise")
PLACES = {"USD": 2, "JPY": 0, "KWD": 3}


def allowed(status: str, verb: str) -> bool:
    """In words: a draft is presented; what is presented is decided once; what was not accepted gives way to a newer one."""
    if verb == "present":
        return status == "draft"
    if verb in ("accept", "reject", "expire"):
        return status == "presented"
    return status in ("presented", "rejected", "expired")


def differs(walk: list[str]) -> str | None:
    """The first step at which the product does something else than the model."""
    status = "draft"
    for verb in walk:
        try:
            after = rules.turned(status, verb)
        except Conflict:
            after = None
        expected = None
        if allowed(status, verb):
            expected = status if verb == "revise" else {"present": "presented", "supersede": "superseded"}.get(verb)
            expected = expected or {"accept": "accepted", "reject": "rejected", "expire": "expired"}[verb]
        if after != expected:
            return f"{verb} of {status}: {after}"
        status = after or status
    return None


@given(st.lists(st.sampled_from(VERBS), max_size=12))
def test_any_walk_goes_as_the_model_goes(walk: list[str]) -> None:
    assert differs(walk) is None


@pytest.mark.parametrize(
    ("status", "verb", "after"),
    [("rejected", "accept", "accepted"), ("accepted", "supersede", "superseded"), ("draft", "present", "accepted")],
)
def test_a_planted_way_is_found(status: str, verb: str, after: str, monkeypatch: pytest.MonkeyPatch) -> None:
    loose = {**rules.NEXT, status: {**rules.NEXT[status], verb: after}}
    monkeypatch.setattr(rules, "NEXT", MappingProxyType(loose))
    ways = {"draft": [], "rejected": ["present", "reject"], "accepted": ["present", "accept"]}
    assert differs([*ways[status], verb]) is not None


def amounts(largest: int) -> st.SearchStrategy[str]:
    return st.decimals(0, largest, places=4).map(lambda one: f"{one:f}")


@st.composite
def lines(draw: Any) -> list[dict[str, Any]]:
    currency = draw(st.sampled_from(sorted(PLACES)))
    some = st.fixed_dictionaries(
        {
            "quantity": st.decimals("0.0001", 9_999, places=4).map(lambda one: f"{one.normalize():f}"),
            "unitPrice": amounts(99_999).map(lambda one: {"amount": one, "currency": currency}),
            "discountPercent": amounts(100),
            "discountAmount": st.none() | amounts(3).map(lambda one: {"amount": one, "currency": currency}),
            "taxRatePercent": st.sampled_from(["0", "7", "7.0", "19", "8.1250"]),
        }
    )
    return draw(st.lists(some, min_size=1, max_size=6))  # type: ignore[no-any-return]  # hypothesis draws what it is told


def model(sold: list[dict[str, Any]]) -> dict[str, Fraction] | None:
    """By fractions; None where more is taken off than there is."""
    places = PLACES[sold[0]["unitPrice"]["currency"]]
    found = dict.fromkeys(("subtotal", "discount", "net", "tax"), Fraction(0))
    nets: dict[Fraction, Fraction] = {}
    for one in sold:
        subtotal = to_the_digits(Fraction(one["quantity"]) * Fraction(one["unitPrice"]["amount"]), places)
        discount = to_the_digits(subtotal * Fraction(one["discountPercent"]) / 100, places)
        if one["discountAmount"]:
            discount += to_the_digits(Fraction(one["discountAmount"]["amount"]), places)
        if discount > subtotal:
            return None
        rate = Fraction(one["taxRatePercent"])
        nets[rate] = nets.get(rate, Fraction(0)) + subtotal - discount
        for name, amount in (("subtotal", subtotal), ("discount", discount), ("net", subtotal - discount)):
            found[name] += amount
    found["tax"] = sum((to_the_digits(net * rate / 100, places) for rate, net in nets.items()), Fraction(0))
    return found | {"total": found["net"] + found["tax"]}


@settings(max_examples=60)
@given(lines())
def test_a_quote_comes_to_what_fractions_say(sold: list[dict[str, Any]]) -> None:
    expected = model(sold)
    read = [QuoteLine.model_validate(one) for one in sold]
    if expected is None:
        with pytest.raises(AppError, match="No more can be taken off"):
            rules.worth(read)
        return
    found = rules.worth(read)
    assert {name: Fraction(found[name].amount) for name in expected} == expected
    assert sum(Decimal(one["tax"]["amount"]) for one in found["taxes"]) == found["tax"].amount
    assert sum(Decimal(one["net"]["amount"]) for one in found["amounts"]) == found["net"].amount
