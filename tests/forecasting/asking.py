"""Asking for forecasts, and reading what they show."""

from typing import Any

from tests.world import Client

Json = dict[str, Any]


def eur(amount: str) -> Json:
    return {"amount": amount, "currency": "EUR"}


async def forecast(client: Client, **asked: object) -> Json:
    params = {"period": "2026-Q4"} | {name: str(value) for name, value in asked.items()}
    answer = await client.get("/forecasts", params=params)
    assert answer.status_code == 200, answer.text
    shown: Json = answer.json()
    return shown


def row(shown: Json, name: str) -> Json:
    (found,) = [one for one in shown["rows"] if one["name"] == name]
    return dict(found)


def amounts(row: Json) -> dict[str, str]:
    return {name: one["amount"] for name, one in row["categories"].items()}


def sums(row: Json) -> dict[str, tuple[int, str, str]]:
    return {name: (one["count"], one["amount"], one["weighted"]) for name, one in row["categories"].items()}
