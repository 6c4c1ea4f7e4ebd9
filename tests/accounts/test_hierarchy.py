"""What stands above and below an account, and what it all comes to, compared with a plain tree."""

import random
from collections import Counter, defaultdict
from decimal import Decimal
from typing import Any

from tests.factories.accounts import make_account, make_contact
from tests.factories.pipeline import make_opportunity
from tests.world import Client

CURRENCIES = ("EUR", "USD")


async def pages(client: Client, path: str, limit: int, **options: Any) -> list[tuple[int, str]]:
    found: list[tuple[int, str]] = []
    cursor: str | None = ""
    while cursor is not None:
        asked = {"limit": limit, **options} | ({"cursor": cursor} if cursor else {})
        answer = await client.get(path, params=asked)
        assert answer.status_code == 200, answer.text
        page = answer.json()
        assert len(page["data"]) <= limit
        found += [(one["depth"], one["record"]["id"]) for one in page["data"]]
        cursor = page["page"]["nextCursor"]
    return found


def above(parents: dict[str, str | None], one: str) -> list[tuple[int, str]]:
    found, at = [], parents[one]
    while at is not None:
        found.append((len(found) + 1, at))
        at = parents[at]
    return found


def below(parents: dict[str, str | None], one: str) -> set[tuple[int, str]]:
    return {(depth, other) for other in parents for depth, each in above(parents, other) if each == one}


async def test_branches_and_figures_are_those_of_a_plain_tree(client: Client, seed: int) -> None:
    chance = random.Random(seed)
    parents: dict[str, str | None] = {}
    revenue: dict[str, tuple[str, Decimal]] = {}
    contacts: Counter[str] = Counter()
    open_: defaultdict[str, list[tuple[str, Decimal]]] = defaultdict(list)
    for _ in range(25):
        parent = chance.choice([None, *parents])
        currency, amount = chance.choice(CURRENCIES), Decimal(chance.randrange(10**6)).scaleb(-2)
        money = {"amount": str(amount), "currency": currency}
        account = (await make_account(client, parentId=parent, annualRevenue=money))["id"]
        parents[account], revenue[account] = parent, (currency, amount)
    for _ in range(15):
        account, currency = chance.choice([*parents]), chance.choice(CURRENCIES)
        await make_contact(client, accountId=account)
        contacts[account] += 1
        amount, stage = Decimal(chance.randrange(10**6)).scaleb(-2), chance.choice(("prospecting", "closedWon"))
        money = {"amount": str(amount), "currency": currency}
        await make_opportunity(client, accountId=account, amount=money, stage=stage)
        if stage == "prospecting":
            open_[account].append((currency, amount))

    for one in chance.sample([*parents], 6):
        path = f"/accounts/{one}"
        assert await pages(client, f"{path}/ancestors", 2) == above(parents, one)
        found = await pages(client, f"{path}/descendants", 3)
        assert (set(found), [depth for depth, _ in found]) == (below(parents, one), sorted(depth for depth, _ in found))
        assert set(await pages(client, f"{path}/descendants", 50, depth=1)) == {
            (1, other) for other, parent in parents.items() if parent == one
        }
        family = [one, *(other for _, other in below(parents, one))]
        figures = (await client.get(f"{path}/rollup")).json()
        assert figures["accounts"] == {"count": len(family), "amounts": sums([revenue[each] for each in family])}
        assert figures["contacts"] == {"count": sum(contacts[each] for each in family), "amounts": []}
        deals = [deal for each in family for deal in open_[each]]
        assert figures["openOpportunities"] == {"count": len(deals), "amounts": sums(deals)}


def sums(amounts: list[tuple[str, Decimal]]) -> list[dict[str, str]]:
    together: defaultdict[str, Decimal] = defaultdict(Decimal)
    for currency, amount in amounts:
        together[currency] += amount
    return [{"amount": str(together[one]), "currency": one} for one in sorted(together)]


async def test_a_branch_of_another_tenant_is_not_found_and_bad_options_are_refused(
    client: Client, stranger: Client
) -> None:
    account = await make_account(client)
    for path in ("ancestors", "descendants", "rollup", "overview"):
        assert (await stranger.get(f"/accounts/{account['id']}/{path}")).status_code == 404
    for options in ("depth=0", "depth=x", "limit=201", "cursor=e30=", "cursor=WzEsMl0="):
        answer = await client.get(f"/accounts/{account['id']}/descendants?{options}")
        assert (answer.status_code, answer.json()["errors"][0]["pointer"]) == (400, options.partition("=")[0])
