"""Puts what was made up beside the sample, once: what is there stays as people have left it."""

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from decimal import Decimal
from typing import Any
from urllib.parse import quote

import httpx

from app.demo.answers import Result
from app.demo.client import Client, place
from app.demo.failure import LoadFailed
from app.demo.made_up import FORM, LEADS, OVERDUE, SCORING, STAGES, behaviours, leads, quotas

SALES, FORM_KEY, PRICE_BOOK = "sales-pipeline", "talk-to-sales", "resellers"  # their external ids
REBATE = Decimal("0.95")  # what resellers pay of a list price
TOGETHER = 50
MOST_USERS = 200


Body = dict[str, Any]
Keyed = tuple[str, Body]


async def furnish(
    api_url: str, key: str, system: str, transport: httpx.AsyncBaseTransport | None = None
) -> dict[str, int]:
    """How many of each object were made now. What is found by its external id is left alone, whatever it says."""
    async with Client(api_url, key, transport) as client:
        furnishing = Furnishing(client, system)
        await furnishing.run()
        return dict(furnishing.made)


def _none(_: str) -> Iterable[Body]:
    return ()


class Furnishing:
    def __init__(self, client: Client, system: str) -> None:
        self.made: Counter[str] = Counter()
        self._client, self._system = client, system

    async def run(self) -> None:
        people = await self._people()
        managers = [one for one in people if any(other["managerId"] == one["id"] for other in people)]
        agents = [one for one in people if one not in managers]
        if not managers:
            raise LoadFailed("Nobody of the sample is there: load it first.")
        await self._regulate_sales()
        await self._distribute([one["id"] for one in managers], [one["id"] for one in agents[:4]])
        await self._make("lead-forms", FORM_KEY, FORM)
        await self._price()
        await self._fill("quotas", list(quotas([(one["name"], one["id"]) for one in agents])))
        await self._make("scoring-models", "inbound", SCORING)
        await self._fill("leads", list(leads(LEADS)), "behaviours", behaviours)

    async def _people(self) -> list[dict[str, Any]]:
        found = await self._client.get("/users", sort="name", limit=MOST_USERS, fields="id,name,managerId,externalIds")
        return [one for one in found["data"] if self._system in one["externalIds"]]

    async def _regulate_sales(self) -> None:
        """The pipeline that every tenant begins with gets stages with rules, unless somebody has been there before."""
        [pipeline] = (await self._client.get("/pipelines", isDefault="true", limit=1))["data"]
        if pipeline["version"] > 1:
            return
        regulated = {
            "stages": STAGES,
            "overdue": OVERDUE,
            "externalIds": pipeline["externalIds"] | {self._system: SALES},
        }
        _accepted(await self._client.write("PATCH", f"/pipelines/{pipeline['id']}", regulated))
        self.made["pipelines"] += 1

    async def _distribute(self, managers: Sequence[str], agents: Sequence[str]) -> None:
        """Large companies go to the managers in turn, the web to a few agents, and the rest waits for who takes it."""
        queue = await self._make("queues", "inbound", {"name": "Inbound", "members": [*managers, *agents]})
        turns = [{"userId": one, "weight": weight} for one, weight in zip(agents, (3, 2, 2, 1), strict=False)]
        rules: dict[str, dict[str, Any]] = {
            "Large companies": {
                "when": "employees >= 2000",
                "roundRobin": [{"userId": m, "weight": 1} for m in managers],
            },
            "From the web": {"when": "source == 'Website'", "roundRobin": turns},
            "Everybody else": {},
        }
        for position, (name, rule) in enumerate(rules.items(), start=1):
            body = {"name": name, "position": position, "queueId": queue, **rule}
            await self._make("assignment-rules", name, body)

    async def _price(self) -> None:
        book = await self._make("price-books", PRICE_BOOK, {"name": "Resellers", "currency": "USD"})
        for product in (await self._client.get("/products", sort="name", limit=MOST_USERS))["data"]:
            key, price = product["externalIds"].get(self._system), product["listPrice"]
            if key is not None and price is not None and price["currency"] == "USD":
                amount = f"{Decimal(price['amount']) * REBATE:.2f}"
                body = {"priceBookId": book, "productId": product["id"], "unitPrice": price | {"amount": amount}}
                await self._make("price-book-entries", f"{PRICE_BOOK} {key}", body)

    async def _make(self, plural: str, key: str, body: dict[str, Any]) -> str:
        """Its id, whether it is new or was there."""
        found = await self._client.get(f"/{plural}", **{f"externalIds.{self._system}": key, "fields": "id"})
        if found["data"]:
            return str(found["data"][0]["id"])
        made = _accepted(await self._client.put(plural, self._system, key, body))
        self.made[plural] += 1
        return str(made.body["id"])

    async def _fill(
        self, plural: str, wanted: Sequence[Keyed], child: str = "", children: Callable[[str], Iterable[Body]] = _none
    ) -> None:
        """As `_make`, of many; each comes with what belongs to it, or not at all."""
        for at in range(0, len(wanted), TOGETHER):
            part = wanted[at : at + TOGETHER]
            asked = [f"/{plural}?externalIds.{self._system}={quote(key)}&fields=id" for key, _ in part]
            found = await self._together([{"method": "GET", "path": path} for path in asked])
            missing = [one for one, answer in zip(part, found, strict=True) if not answer.body["data"]]
            operations: list[Body] = []
            for number, (key, body) in enumerate(missing):
                path = place(plural, self._system, key)
                operations.append({"id": f"r{number}", "method": "PUT", "path": path, "body": body})
                path = f"/{plural}/{{r{number}.id}}/{child}"
                operations.extend({"method": "POST", "path": path, "body": one} for one in children(key))
            if operations:
                await self._together(operations)
                self.made[plural] += len(missing)

    async def _together(self, operations: Sequence[dict[str, Any]]) -> list[Result]:
        results = await self._client.together(operations)
        if results is None:
            raise LoadFailed("What was made up was refused: is the product newer or older than its sample?")
        return results


def _accepted(result: Result) -> Result:
    if result.is_refusal:
        raise LoadFailed(f"What was made up was refused: {result.problem()}")
    return result
