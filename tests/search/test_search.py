"""Quick search over HTTP: what is found, in which order, and by whom."""

from collections.abc import AsyncIterator
from typing import Any

import pytest

from app.domain.kernel.schema import Schema
from app.domain.registry import CATALOG
from app.main import create_app
from tests.factories.accounts import make_account, make_contact
from tests.factories.governance import make_user
from tests.factories.pipeline import make_opportunity, make_product
from tests.world import Client, World, lifespan

PEOPLE = (
    {"firstName": "Ada", "lastName": "Lovelace", "email": "ada@engine.example", "phone": "+4930123456"},
    {"firstName": "Günther", "lastName": "Groß", "externalIds": {"erp": "K-4711"}},
    {"firstName": "Łukasz", "lastName": "O'Brien-Søndergård"},
    {"firstName": "Γιώργος", "lastName": "Παπαδόπουλος"},
    {"firstName": "100%", "lastName": "Under_score"},
)


@pytest.fixture(scope="module")
async def people(world: World) -> Client:
    client = await world.tenant()
    for one in PEOPLE:
        await make_contact(client, **one)
    return client


async def found(client: Client, q: str, **more: str) -> list[str]:
    """The last names of what the list of contacts finds, in its order."""
    answer = await client.get("/contacts", params={"q": q, **more})
    assert answer.status_code == 200, answer.text
    return [one["lastName"] for one in answer.json()["data"]]


async def groups(client: Client, **parameters: str) -> dict[str, list[dict[str, Any]]]:
    answer = await client.get("/search", params=parameters)
    assert answer.status_code == 200, answer.text
    return {group["object"]: group["hits"] for group in answer.json()["data"]}


async def matched(client: Client, q: str) -> list[tuple[str, str]]:
    hits = (await groups(client, q=q, objects="contact"))["contact"]
    return [(hit["record"]["lastName"], hit["matched"]) for hit in hits]


@pytest.mark.parametrize(
    ("q", "name", "way"),
    [
        ("lovelace", "Lovelace", "word"),
        ("LOVELACE Ada", "Lovelace", "word"),
        ("e", "Lovelace", "prefix"),
        ("ad love", "Lovelace", "prefix"),
        ("velac", "Lovelace", "infix"),
        ("lovelcae", "Lovelace", "similar"),
        ("lovlace ada", "Lovelace", "similar"),
        ("llovelace", "Lovelace", "similar"),
        ("lovelaxe", "Lovelace", "similar"),
        ("ada@engine.example", "Lovelace", "word"),
        ("engine", "Lovelace", "word"),
        ("+49 30 123456", "Lovelace", "infix"),
        ("+4930123456", "Lovelace", "word"),
        ("0049 (0)30/12 34-56", "Lovelace", "infix"),
        ("030 123456", "Lovelace", "infix"),
        ("gunther gross", "Groß", "word"),
        ("GÜNTHER GROẞ", "Groß", "word"),
        ("guenther", "Groß", "similar"),
        ("k-4711", "Groß", "word"),
        ("k-47", "Groß", "prefix"),
        ("lukasz obrien", "O'Brien-Søndergård", "word"),
        ("o\u2019brien sonder", "O'Brien-Søndergård", "prefix"),
        ("ΠΑΠΑΔΟΠΟΥΛΟΣ", "Παπαδόπουλος", "word"),
        ("παπαδοπουλως", "Παπαδόπουλος", "similar"),
        ("100% under_", "Under_score", "word"),
        ("\uff13\uff10\uff11\uff12\uff13\uff14\uff15\uff16", "Lovelace", "infix"),
    ],
)
async def test_a_record_is_found_however_its_words_are_written(people: Client, q: str, name: str, way: str) -> None:
    assert await matched(people, q) == [(name, way)]
    assert await found(people, q) == [name]


@pytest.mark.parametrize(
    "q", ["lovelace grace", "lovelqqce", "lvoe", "lov%lxce", "l_velaces", "%q%", "4930123457", "xyz", "ab ad"]
)
async def test_what_lacks_a_word_is_not_found(people: Client, q: str) -> None:
    assert await found(people, q) == []
    assert await groups(people, q=q, objects="contact") == {}


async def test_more_exact_comes_first_and_then_the_newest(client: Client) -> None:
    for first, last in (
        ("Max", "Obermeier"),
        ("Max", "Meierhof"),
        ("Meier", "Max"),
        ("Max", "Meier"),
        ("Eva", "Meier"),
    ):
        await make_contact(client, firstName=first, lastName=last)
    await make_contact(client, firstName="Max", lastName="Maier")

    assert await found(client, "meier") == ["Max", "Meier", "Meier", "Meierhof", "Obermeier", "Maier"]
    assert await found(client, "max meier") == ["Meier", "Max", "Meierhof", "Obermeier", "Maier"]


async def test_what_is_alike_is_left_out_when_enough_is_found_as_written(client: Client) -> None:
    for number in range(10):
        await make_contact(client, firstName=f"Number {number}", lastName="Meier")
    await make_contact(client, lastName="Maier")

    assert await found(client, "meier") == ["Meier"] * 10
    assert "Maier" in await found(client, "meier", firstName="Ada")


async def test_a_changed_a_deleted_and_a_restored_record_is_found_as_it_is_now(client: Client) -> None:
    url = f"/contacts/{(await make_contact(client, lastName='Hopper'))['id']}"
    await client.patch(url, json={"lastName": "Murray", "externalIds": {"erp": "77-x"}})
    assert (await found(client, "hopper"), await found(client, "murray"), await found(client, "77-x")) == (
        [],
        ["Murray"],
        ["Murray"],
    )
    await client.delete(url)
    assert await found(client, "murray") == []
    await client.post(f"{url}/restore")
    assert await found(client, "murray") == ["Murray"]


async def test_a_search_takes_filters_sorts_cursors_and_counts_as_every_list_does(client: Client) -> None:
    for number in range(7):
        await make_contact(client, firstName="Ada", lastName=f"Byron {number}", email=f"b{number % 2}@x.example")
    await make_contact(client, firstName="Ada", lastName="Other")
    by_relevance = await found(client, "byron ada")
    assert by_relevance == [f"Byron {number}" for number in reversed(range(7))]

    for sort in ({}, {"sort": "lastName"}, {"sort": "-email"}):
        paged: list[str] = []
        page: dict[str, Any] = {"nextCursor": ""}
        while page["nextCursor"] is not None:
            more = {"cursor": page["nextCursor"]} if page["nextCursor"] else {}
            answer = await client.get(
                "/contacts", params={"q": "byron ada", "limit": "2", "count": "exact", **sort, **more}
            )
            assert answer.json()["meta"] == {"count": 7}, answer.text
            page = answer.json()["page"]
            paged += [one["lastName"] for one in answer.json()["data"]]
        assert paged == await found(client, "byron ada", **sort)
        assert sorted(paged) == sorted(by_relevance)
    assert await found(client, "byron", email="b1@x.example", sort="lastName") == ["Byron 1", "Byron 3", "Byron 5"]
    assert await found(client, "byron", filter='lastName.endsWith("4")') == ["Byron 4"]
    body = {"q": "byron", "limit": 1, "fields": "lastName"}
    assert (await client.post("/contacts/query", json=body)).json()["data"] == [{"lastName": "Byron 6"}]


async def test_all_objects_are_searched_in_one_request_and_grouped(client: Client) -> None:
    await make_account(client, name="Turing Works", website="https://turing.example")
    await make_contact(client, firstName="Alan", lastName="Turing", email="alan@turing.example")
    await make_opportunity(client, name="Work of Turing")
    await make_product(client, name="Enigma")
    await make_user(client, name="Alan Turing")

    hits = await groups(client, q="turing")

    titles = {
        "account": "Turing Works",
        "user": "Alan Turing",
        "contact": "Alan Turing",
        "opportunity": "Work of Turing",
    }
    assert {name: [hit["title"] for hit in one] for name, one in hits.items()} == {
        name: [title] for name, title in titles.items()
    }
    assert next(iter(hits)) == "account"
    assert {hit["matched"] for one in hits.values() for hit in one} == {"word"}
    for name, (hit,) in hits.items():
        assert hit["record"] == (await client.get(f"/{CATALOG[name].plural}/{hit['id']}")).json()


async def test_a_group_says_that_there_are_more(client: Client) -> None:
    for number in range(12):
        await make_contact(client, lastName=f"Curie {number}")
    for limit, shown, more in (("", 10, True), ("11", 11, True), ("12", 12, False)):
        answer = await client.get("/search", params={"q": "curie"} | ({"limit": limit} if limit else {}))
        (group,) = answer.json()["data"]
        assert (len(group["hits"]), group["hasMore"]) == (shown, more)


async def test_nobody_finds_what_others_have(client: Client, stranger: Client, world: World) -> None:
    await make_contact(client, lastName="Lovelace")
    await make_account(client, name="Lovelace Ltd")
    assert await groups(stranger, q="lovelace") == {}
    assert await found(stranger, "lovelace") == []
    narrow = await world.key_of(client, scopes=["accounts:read"])
    assert list(await groups(narrow, q="lovelace")) == ["account"]
    refused = await narrow.get("/search", params={"q": "lovelace", "objects": "account,contact"})
    assert (refused.status_code, refused.json()["code"]) == (403, "missingScope")
    nothing = await world.key_of(client, scopes=["events:read"])
    assert await groups(nothing, q="lovelace") == {}


@pytest.fixture
async def half_blind(client: Client, world: World) -> AsyncIterator[Client]:
    """The same user where emails are hidden and contacts are seen by their owners only."""
    schema = Schema(CATALOG, hidden={"contact": frozenset({"email", "external_ids"})}, by_owner=frozenset({"account"}))
    app = create_app(world.settings, schema=schema)
    async with lifespan(app):
        yield Client(app, client.tenant_id, client.user_id, client.key)


@pytest.mark.parametrize("q", ["secret", "sec", "ecre", "secert", "s-99", "ada secret"])
async def test_nothing_is_found_by_what_is_hidden(client: Client, half_blind: Client, q: str) -> None:
    await make_contact(client, email="secret@x.example", externalIds={"erp": "S-99"})
    await make_account(client, name="Secret Ltd s 99 ada")
    assert await found(client, q) == ["Lovelace"]
    assert len(await groups(client, q=q)) == 2
    assert await found(half_blind, q) == []
    assert await groups(half_blind, q=q) == {}
    assert await found(half_blind, "ada love") == ["Lovelace"]


@pytest.mark.parametrize(
    ("parameters", "code"),
    [
        ({}, "missing"),
        ({"q": ""}, "noWords"),
        ({"q": " %-_!\u2026\U0001f600 "}, "noWords"),
        ({"q": "a" * 201}, "tooLong"),
        ({"q": "a b c d e f g h i j k"}, "tooManyWords"),
        ({"q": "a\0b"}, "badCharacter"),
        ({"q": "ada", "limit": "51"}, "badLimit"),
        ({"q": "ada", "limit": "\u0665"}, "badLimit"),
        ({"q": "ada", "objects": "contact,key"}, "unknownObject"),
        ({"q": "ada", "objects": ""}, "unknownObject"),
        ({"q": "ada", "sort": "name"}, "unknownParameter"),
    ],
)
async def test_a_search_that_makes_no_sense_is_refused(client: Client, parameters: dict[str, str], code: str) -> None:
    answer = await client.get("/search", params=parameters)
    assert (answer.status_code, answer.json()["code"]) == (400, code)
    if code in ("noWords", "tooLong", "tooManyWords", "badCharacter"):
        assert (await client.get("/contacts", params=parameters)).json()["code"] == code


@pytest.mark.parametrize(
    "q",
    [
        "a" * 200,
        "x " * 9 + "x",
        "ab'" * 60,
        "(" * 100 + "q",
        "é" * 200,
        "\U0001f600q",
        "a_b%c\\d",
        "١٢٣",
        "ก็",
    ],
)
async def test_odd_words_are_looked_for_in_vain(people: Client, q: str) -> None:
    assert await found(people, q) == []
    assert await groups(people, q=q) == {}
