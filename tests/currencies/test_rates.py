"""Rates by day, and amounts in other currencies, over HTTP."""

import asyncio

import pytest

from tests.factories.currencies import make_exchange_rate
from tests.world import Client


async def convert(client: Client, **asked: str) -> tuple[int, dict[str, object]]:
    answer = await client.get("/exchange-rates/convert", params=asked)
    return answer.status_code, answer.json()


async def test_the_rate_of_a_day_is_the_latest_not_after_it(client: Client) -> None:
    for valid_from, rate in (("2026-03-01", "1.5"), ("2026-01-01", "1.25"), ("2026-02-01", "1.4")):
        await make_exchange_rate(client, validFrom=valid_from, rate=rate)

    for day, amount in (
        ("2026-01-01", "125.00"),
        ("2026-01-31", "125.00"),
        ("2026-02-01", "140.00"),
        ("2026-02-28", "140.00"),
        ("2030-12-31", "150.00"),
    ):
        status, shown = await convert(client, amount="100.00", currency="GBP", date=day)
        assert (status, shown["to"], shown["date"]) == (200, {"amount": amount, "currency": "EUR"}, day)


async def test_an_amount_goes_by_the_corporate_currency_from_one_to_another(client: Client) -> None:
    await make_exchange_rate(client, currency="GBP", rate="1.25")
    await make_exchange_rate(client, currency="JPY", rate="0.0062")

    status, shown = await convert(client, amount="100.00", currency="GBP", to="JPY", date="2026-06-01")
    assert (status, shown["to"]) == (200, {"amount": "20161", "currency": "JPY"})
    assert shown["rate"] == "201.61290322580645161"
    status, shown = await convert(client, amount="1.005", currency="USD", to="USD", date="2026-06-01")
    assert (status, shown["to"], shown["rate"]) == (200, {"amount": "1.005", "currency": "USD"}, "1")


async def test_a_missing_rate_names_the_currency_and_the_day(client: Client) -> None:
    await make_exchange_rate(client, validFrom="2026-02-01")

    for currency, to, missing in (("GBP", "EUR", "GBP"), ("EUR", "GBP", "GBP"), ("CHF", "GBP", "CHF")):
        status, problem = await convert(client, amount="1", currency=currency, to=to, date="2026-01-31")
        assert (status, problem["code"]) == (422, "rateMissing")
        assert problem["errors"][0]["params"] == {"currency": missing, "date": "2026-01-31"}  # type: ignore[index]  # a problem


@pytest.mark.parametrize(
    ("asked", "name"),
    [
        ({"amount": "1,5", "currency": "GBP"}, "amount"),
        ({"currency": "GBP"}, "amount"),
        ({"amount": "1", "currency": "DOLLARS"}, "currency"),
        ({"amount": "1", "currency": "GBP", "to": "XXL"}, "to"),
        ({"amount": "1", "currency": "GBP", "date": "tomorrow"}, "date"),
    ],
)
async def test_what_is_no_amount_currency_or_day_is_named(client: Client, asked: dict[str, str], name: str) -> None:
    status, problem = await convert(client, **asked)
    assert (status, problem["errors"][0]["pointer"]) == (400, name)  # type: ignore[index]  # a problem


async def test_the_corporate_currency_has_no_rate(client: Client) -> None:
    made = await client.post("/exchange-rates", json={"currency": "EUR", "rate": "2", "validFrom": "2026-01-01"})
    assert (made.status_code, made.json()["code"]) == (422, "corporateCurrency")
    assert made.json()["errors"][0]["pointer"] == "/currency"


@pytest.mark.parametrize("rate", ["0", "-1", "0.00", "1e3", "1.00000000001", 1.5, "", "1,5", "01"])
async def test_a_rate_is_a_decimal_string_above_zero(client: Client, rate: object) -> None:
    made = await client.post("/exchange-rates", json={"currency": "GBP", "rate": rate, "validFrom": "2026-01-01"})
    assert (made.status_code, made.json()["errors"][0]["pointer"]) == (422, "/rate")


async def test_of_many_at_once_one_sets_the_rate_of_a_day(client: Client) -> None:
    bodies = [{"currency": "GBP", "rate": f"1.{n}", "validFrom": "2026-01-01"} for n in range(1, 9)]
    answers = await asyncio.gather(*(client.post("/exchange-rates", json=body) for body in bodies))
    assert sorted(answer.status_code for answer in answers) == [201] + [409] * 7
    refused = next(answer for answer in answers if answer.status_code == 409).json()
    assert (refused["code"], refused["errors"][0]["pointer"]) == ("taken", "/validFrom")


async def test_rates_are_those_of_the_tenant(client: Client, stranger: Client) -> None:
    await make_exchange_rate(stranger)
    status, problem = await convert(client, amount="1", currency="GBP", date="2026-06-01")
    assert (status, problem["code"]) == (422, "rateMissing")
