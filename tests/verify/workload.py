"""Writes of every kind, in random order: what a database looks like after use."""

from itertools import count
from random import Random
from typing import Any

from app.domain.registry import CATALOG, OBJECT_TYPES
from tests.factories.making import fresh, make_needed
from tests.world import Client

EXAMPLES = {kind.plural: kind.example for kind in OBJECT_TYPES}
REFUSED = {404, 409, 422}  # what another of these writes has made impossible


class Workload:
    """Records by plural; `seed` decides everything but ids and times."""

    def __init__(self, client: Client, seed: int) -> None:
        self.client, self.random = client, Random(seed)
        self.ids: dict[str, list[str]] = {kind.plural: [] for kind in OBJECT_TYPES}
        self.effects = 0

    async def run(self, effects: int) -> None:
        """Until so many writes had an effect: how many are refused is left to chance."""
        for kind in OBJECT_TYPES:
            await make_needed(self.client, kind, CATALOG)
        for number in count():
            if self.effects >= effects:
                break
            assert number < 10 * effects, f"only {self.effects} of {number} writes had an effect"
            kind = self.random.choice(OBJECT_TYPES)
            verb = self.random.choice((self.create, self.create, self.edit, self.edit, self.remove, self.bring_back))
            await verb(kind.plural, number)

    async def create(self, plural: str, number: int) -> None:
        body = {**self._fields(plural, number), "externalIds": {"erp": f"{plural}{number}"}}
        if plural == "contacts" and self.random.random() < 0.3:
            body["account"] = {"name": f"Of {number}"}
        record = await self._send("POST", f"/{plural}", body)
        if record:
            self.ids[plural].append(record["id"])

    async def edit(self, plural: str, number: int) -> None:
        if self.ids[plural]:
            body = {**self._fields(plural, number), **self._references(plural)}
            body["externalIds"] = self.random.choice(
                ({"erp": None}, {"erp": f"again{number}"}, {"web": f"{number}"}, {})
            )
            await self._send("PATCH", f"/{plural}/{self.random.choice(self.ids[plural])}", body)

    async def remove(self, plural: str, _: int) -> None:
        if self.ids[plural]:
            await self._send("DELETE", f"/{plural}/{self.random.choice(self.ids[plural])}")

    async def bring_back(self, plural: str, _: int) -> None:
        if self.ids[plural]:
            await self._send("POST", f"/{plural}/{self.random.choice(self.ids[plural])}/restore")

    def _fields(self, plural: str, number: int) -> dict[str, Any]:
        amount = {"amount": f"{number}.50", "currency": self.random.choice(("EUR", "USD"))}
        return {
            "accounts": {
                "name": f"Zoë {number}",
                "employees": self.random.choice((0, None, number)),
                "annualRevenue": amount,
            },
            "contacts": {"lastName": f"Łoś {number}", "email": None},
            "products": {"name": f"P{number}", "listPrice": self.random.choice((amount, None))},
            "opportunities": {"name": f"O{number}", "closeDate": "0987-01-31", "probability": 0, "amount": amount},
            "users": {"name": f"U{number}", "email": f"u{number}.{self.random.random()}@test.example"},
            "views": {
                "name": f"V{number}",
                "object": self.random.choice(("account", "user")),
                "filter": self.random.choice((None, f"version > {number}")),
                "columns": self.random.choice(([], ["version", "owner.name"])),
                "shared": self.random.choice((True, False)),
            },
            "webhook-endpoints": {
                "url": f"https://hook{number}.example",
                "eventTypes": self.random.choice((["*"], ["user.created", "contact.*"])),
                "disabled": self.random.choice((True, False)),
                "perSecond": self.random.choice((None, 0.5, number + 1)),
            },
        }.get(plural) or fresh(EXAMPLES[plural])

    def _references(self, plural: str) -> dict[str, str | None]:
        """One that points at some record, which may lie in the bin by now."""
        column, to = {
            "accounts": ("parentId", "accounts"),
            "contacts": ("accountId", "accounts"),
            "opportunities": ("productId", "products"),
            "users": ("managerId", "users"),
        }.get(plural, ("ownerId", "users"))
        return {column: self.random.choice([None, *self.ids[to]])}

    async def _send(self, method: str, path: str, body: dict[str, Any] | None = None) -> dict[str, Any] | None:
        answer = await self.client.request(method, path, json=body)
        assert answer.is_success or answer.status_code in REFUSED, answer.text
        self.effects += answer.is_success
        return answer.json() if answer.is_success and answer.content else None
