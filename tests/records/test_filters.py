"""`filter=` on lists: the expression language over HTTP, alone and with everything else that a list may be asked."""

import tracemalloc
from datetime import timedelta
from typing import Any

import pytest

from app.domain.governance.service import administrator
from app.domain.kernel.clock import utc_now
from app.domain.kernel.expression import filters
from app.domain.kernel.expression.filters import CHECKED, read_filter
from app.domain.kernel.expression.functions import Profile
from app.domain.kernel.ids import uuid7
from app.domain.kernel.lru import LeastRecentlyUsed
from app.domain.records import service
from app.domain.registry import CATALOG, SCHEMA
from app.repositories.compile import CACHE
from tests.contract.convention import is_problem
from tests.factories.accounts import make_account, make_contact
from tests.factories.pipeline import make_opportunity
from tests.world import Client, World

Json = dict[str, Any]


async def found(client: Client, plural: str, text: str, **more: Any) -> list[Json]:
    answer = await client.get(f"/{plural}", params={"filter": text, "limit": 200} | more)
    assert answer.status_code == 200, answer.text
    rows: list[Json] = answer.json()["data"]
    return rows


async def names(client: Client, text: str, plural: str = "opportunities", **more: Any) -> list[str]:
    return [row["name"] for row in await found(client, plural, text, **{"sort": "name"} | more)]


@pytest.fixture(scope="module")
async def seller(world: World) -> Client:
    """Two accounts with contacts, and four opportunities of them and of none."""
    client = await world.tenant()
    bank = await make_account(client, name="Bank", industry="Finance", externalIds={"erp": "B-1"})
    forge = await make_account(client, name="Forge", industry="Metal", parentId=bank["id"])
    await make_contact(client, accountId=bank["id"], email="ada@acme.com")
    await make_contact(client, accountId=bank["id"], email="bob@bank.example")
    await make_contact(client, accountId=forge["id"], email="eve@forge.example")
    for name, account, amount, probability in (
        ("a", bank, "12000", 60),
        ("b", bank, "9000", None),
        ("c", forge, "50000", 10),
        ("d", None, None, 90),
    ):
        money = {"amount": {"amount": amount, "currency": "EUR"}} if amount else {}
        owner = {"ownerId": str(client.user_id)} if name == "a" else {}
        account_id = account["id"] if account else None
        await make_opportunity(client, name=name, accountId=account_id, probability=probability, **money, **owner)
    return client


@pytest.mark.quick
@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("amount > 10000", "ac"),
        ("amount > 10000 && !(probability < 50)", "a"),
        ("!(probability >= 50)", "bc"),
        ('account.industry in ["Finance", "Tech"]', "ab"),
        ('account.parent.name == "Bank"', "c"),
        ("account == null", "d"),
        ("has(account) && amount.currency == 'EUR'", "abc"),
        ('account.contacts.exists(c, c.email.endsWith("@acme.com"))', "ab"),
        ("owner == me()", "a"),
        ('account.externalIds.erp == "B-1"', "ab"),
        ("createdAt <= now() && createdAt > now() - duration('1h')", "abcd"),
        ("probability == null ? amount < 10000 : probability > 50", "abd"),
    ],
)
async def test_a_list_is_filtered_by_an_expression(seller: Client, text: str, expected: str) -> None:
    assert await names(seller, text) == list(expected)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ('contacts.exists(c, c.email.endsWith("@acme.com"))', ["Bank"]),
        ("contacts.count(c, c.email.contains('@')) > 1", ["Bank"]),
        ("!opportunities.exists(o, o.amount < 10000)", ["Forge"]),
        ("opportunities.all(o, o.amount > 10000)", ["Forge"]),
        ("children.exists(c, c.industry == 'Metal') || parent.name == 'Bank'", ["Bank", "Forge"]),
    ],
)
async def test_lists_of_other_records_are_asked_about(seller: Client, text: str, expected: list[str]) -> None:
    assert await names(seller, text, "accounts") == expected


async def test_a_filter_narrows_what_the_other_conditions_leave(seller: Client) -> None:
    text = 'account.industry == "Finance" || probability == 90'
    assert await names(seller, text) == ["a", "b", "d"]
    assert await names(seller, text, **{"amount[gt]": "10000"}) == ["a"]
    assert await names(seller, text, **{"name[in]": "b,c,d", "probability[empty]": "false"}) == ["d"]


async def test_sorting_paging_counting_and_expanding_work_under_a_filter_of_relations(seller: Client) -> None:
    text = 'account.contacts.exists(c, c.email.contains("example"))'
    for sort in ("name", "-amount", "-closeDate,name"):
        whole = await found(seller, "opportunities", text, sort=sort, expand="account.contacts,owner")
        paged: list[Json] = []
        asked: Json = {"filter": text, "sort": sort, "expand": "account.contacts,owner", "limit": 1, "count": "exact"}
        while True:
            page = (await seller.get("/opportunities", params=asked)).json()
            assert page["meta"] == {"count": 3}
            paged += page["data"]
            if not page["page"]["hasMore"]:
                break
            asked["cursor"] = page["page"]["nextCursor"]
        assert paged == whole
        assert sorted(row["name"] for row in whole) == ["a", "b", "c"]
        assert all(row["account"]["contacts"]["data"] for row in whole)


async def test_a_filter_in_a_body_gives_the_bytes_of_the_list(seller: Client) -> None:
    asked = {"filter": "amount > 10000", "sort": "-name", "limit": "1", "probability[lt]": "70"}
    listed = await seller.get("/opportunities", params=asked)
    queried = await seller.post("/opportunities/query", json=asked)
    assert (listed.status_code, queried.content) == (200, listed.content)


async def test_a_cursor_belongs_to_its_filter(seller: Client) -> None:
    page = (await seller.get("/opportunities", params={"filter": "amount > 1", "limit": 1})).json()
    asked = {"limit": 1, "cursor": page["page"]["nextCursor"]}
    is_problem(await seller.get("/opportunities", params=asked), 400, "otherQuery")
    is_problem(await seller.get("/opportunities", params=asked | {"filter": "amount > 2"}), 400, "otherQuery")
    assert (await seller.get("/opportunities", params=asked | {"filter": "amount > 1"})).status_code == 200


async def test_a_mistake_is_told_with_its_place_and_the_nearest_name(seller: Client) -> None:
    told = is_problem(await seller.get("/opportunities", params={"filter": "amuont > 5"}), 400, "unknownField")
    (fault,) = told["errors"]
    assert (fault["pointer"], fault["code"], fault["message"]) == ("filter", "unknownField", told["detail"])
    assert fault["params"].keys() == {"position", "end", "found", "expected", "suggestion"}
    params = fault["params"]
    assert (params["position"], params["end"], params["suggestion"]) == (0, 6, "amount")
    for text, code in (
        ("amount >", "syntax"),
        ("name > 5", "wrongType"),
        ("custom.budget > 5", "unknownField"),
        ("old.amount > 5", "notHere"),
        ("amount", "wrongType"),
        ("", "syntax"),
    ):
        answer = await seller.post("/opportunities/query", json={"filter": text})
        assert is_problem(answer, 400, code)["errors"][0]["pointer"] == "filter", text


async def test_a_filter_is_given_once_and_as_text(seller: Client) -> None:
    is_problem(await seller.get("/opportunities?filter=amount>1&filter=amount>2"), 400, "repeated")
    for value in (None, True, ["amount > 1"], {"amount": 1}):
        is_problem(await seller.post("/opportunities/query", json={"filter": value}), 400, "wrongType")


async def test_a_filter_reads_no_object_that_the_key_may_not_read(world: World, seller: Client) -> None:
    reader = await world.key_of(seller, scopes=["opportunities:read"])
    asked = {"filter": "account.name == 'Bank'"}
    told = is_problem(await reader.get("/opportunities", params=asked), 403, "missingScope")
    assert "accounts:read" in told["detail"]
    assert (await reader.get("/opportunities", params={"filter": "has(account)"})).status_code == 200


async def test_another_tenant_finds_nothing(world: World, seller: Client) -> None:
    stranger = await world.tenant()
    await make_account(stranger, name="Mine")
    assert await names(stranger, "name != 'x'", "accounts") == ["Mine"]
    assert await names(stranger, "contacts.exists(c, has(c.email)) || parent.name != null", "accounts") == []


async def test_today_is_the_day_in_the_time_zone_of_the_tenant(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """A tenant in Auckland lives in tomorrow while it is evening in Greenwich."""
    near, far = await world.tenant(), await world.tenant()
    async with world.place.connect("rapport_owner") as owner:
        await owner.execute("update tenant set time_zone = 'Pacific/Auckland' where tenant_id = $1", far.tenant_id)
    evening = utc_now().replace(hour=20)
    monkeypatch.setattr(service, "utc_now", lambda: evening)
    days = [evening.date() + timedelta(days=days) for days in (-1, 0, 1)]
    for client, today in ((near, days[1]), (far, days[2])):
        for day in days:
            await make_opportunity(client, closeDate=day.isoformat())
        due = await found(client, "opportunities", "closeDate == today()")
        assert [row["closeDate"] for row in due] == [today.isoformat()]


async def test_equal_questions_share_a_statement_whatever_their_values(seller: Client) -> None:
    await found(seller, "opportunities", 'amount > 1 && account.name == "x" && name != "a"')
    known = len(CACHE)
    for number in range(5):
        await found(seller, "opportunities", f'amount > {number} && account.name == "{number}" && name != ""')
    assert len(CACHE) == known


def test_what_is_kept_of_filters_is_bounded_however_many_there_are(monkeypatch: pytest.MonkeyPatch) -> None:
    actor, kind = administrator(uuid7(), uuid7()), CATALOG["opportunity"]
    monkeypatch.setattr(filters, "CHECKED", LeastRecentlyUsed(entries=50, weight=100_000))
    for number in range(200):
        text = "||".join([f'name!="{number}"'] * (number % 100 // 5 + 1))
        read_filter(text, kind, SCHEMA, actor, Profile.sql)
        assert len(filters.CHECKED) <= 50
        assert 0 < filters.CHECKED.weight <= 100_000
    assert read_filter(text, kind, SCHEMA, actor, Profile.sql) is read_filter(text, kind, SCHEMA, actor, Profile.sql)


def test_what_is_kept_of_a_filter_is_not_more_than_is_counted() -> None:
    """Two comparisons of one letter are the shortest text of a node; lists and joins make the largest SQL."""
    actor, kind = administrator(uuid7(), uuid7()), CATALOG["opportunity"]
    for text in (
        "name==stage", "||".join(["name==stage"] * 120), "&&".join(["1==1"] * 120), "+".join(["1"] * 18) + "==amount", "amount in [" + ",".join("123456789" * 20) + "]",
        " || ".join(f"account.contacts.exists(c, c.email == '{one}')" for one in range(9)),
    ):  # fmt: skip
        read_filter(text, kind, SCHEMA, actor, Profile.sql)  # what its functions keep is not of the filter
        CHECKED.clear()
        read_filter("version == 1", kind, SCHEMA, actor, Profile.sql)
        before = CHECKED.weight
        tracemalloc.start()
        read_filter(text, kind, SCHEMA, actor, Profile.sql)
        taken, _ = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        assert taken <= CHECKED.weight - before + 2_000, text
