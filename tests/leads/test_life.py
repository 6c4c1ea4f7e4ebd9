"""How a lead is worked: its statuses, on every path that changes them."""

from random import Random
from typing import Any

import httpx
import pytest

from tests.factories.leads import make_lead
from tests.world import Client, World

STATUSES = ("new", "contacted", "qualified", "disqualified")
WHY = {"reason": "badTiming", "note": "Asks again in spring."}
# Said again here, and not read from the product.
ALLOWED = {
    ("new", "contacted"),
    ("new", "qualified"),
    ("new", "disqualified"),
    ("contacted", "qualified"),
    ("contacted", "disqualified"),
    ("qualified", "disqualified"),
    ("disqualified", "new"),
}
VERBS = {"contact": "contacted", "qualify": "qualified", "disqualify": "disqualified", "recycle": "new"}


async def turn(client: Client, lead: dict[str, Any], verb: str, **more: Any) -> httpx.Response:
    body = {"json": WHY} if verb == "disqualify" else {}
    return await client.post(f"/leads/{lead['id']}/{verb}", **body, **more)


async def by(path: str, client: Client, lead: dict[str, Any], status: str) -> httpx.Response:
    """The change of status by one of the paths that lead to it."""
    if path == "verb":
        verb = next(one for one, becomes in VERBS.items() if becomes == status)
        return await turn(client, lead, verb)
    body = {"status": status} | ({"disqualifiedReason": "spam"} if status == "disqualified" else {})
    if path == "patch":
        return await client.patch(f"/leads/{lead['id']}", json=body)
    return await client.put(f"/leads/by/erp/{lead['externalIds']['erp']}", json={"lastName": "Hopper", **body})


async def test_random_walks_by_all_paths_follow_the_plain_model(client: Client, seed: int) -> None:
    random = Random(seed)
    for walk in range(12):
        lead = await make_lead(client, externalIds={"erp": f"{walk}"}, status=random.choice(STATUSES[:3]))
        status, version, converted = lead["status"], 1, False
        for _ in range(8):
            path, wanted = random.choice(("verb", "patch", "put")), random.choice((*STATUSES, "converted"))
            if wanted == "converted":
                answer = await client.post(f"/leads/{lead['id']}/convert", json={"contact": {"lastName": "Hopper"}})
                legal = status != "disqualified" and not converted
            else:
                answer = await by(path, client, lead, wanted)
                legal = not converted and ((status, wanted) in ALLOWED or status == wanted)
                if (path, status, wanted) == ("verb", "qualified", "contacted") and not converted:
                    legal, wanted = True, "qualified"  # somebody has responded, and it stays what it is
            now = (await client.get(f"/leads/{lead['id']}")).json()
            if legal:
                assert answer.status_code == 200, (status, wanted, answer.text)
                converted, status = wanted == "converted", wanted
            else:
                code = "leadConverted" if converted else "illegalTransition"
                assert (answer.status_code, answer.json()["code"]) == (409, code), (status, wanted, path, answer.text)
                assert now["version"] == version
            assert now["status"] == ("converted" if converted else status)
            version = now["version"]


async def test_a_refused_transition_says_which_there_are(client: Client) -> None:
    lead = await make_lead(client, status="contacted")
    answer = await client.patch(f"/leads/{lead['id']}", json={"status": "new"})
    (fault,) = answer.json()["errors"]
    assert (fault["pointer"], fault["params"]) == (
        "/status",
        {"before": "contacted", "allowed": ["qualified", "disqualified"]},
    )


async def test_nobody_says_converted_but_the_conversion(client: Client) -> None:
    lead = await make_lead(client)
    for answer in (
        await client.post("/leads", json={"lastName": "Hopper", "status": "converted"}),
        await client.patch(f"/leads/{lead['id']}", json={"status": "converted"}),
        await client.patch(f"/leads/{lead['id']}", json={"convertedAccountId": lead["id"]}),
    ):
        assert answer.status_code == 422, answer.text


async def test_a_lead_is_somebody(client: Client) -> None:
    for nobody in ({}, {"firstName": "Grace"}, {"lastName": "", "company": None}):
        answer = await client.post("/leads", json=nobody)
        assert (answer.status_code, answer.json()["code"]) == (422, "nameless")
    for name in ({"lastName": "Hopper"}, {"company": "Acme"}, {"email": "grace@acme.example"}):
        lead = await client.post("/leads", json=name)
        assert lead.status_code == 201
        cleared = await client.patch(f"/leads/{lead.json()['id']}", json=dict.fromkeys(name))
        assert (cleared.status_code, cleared.json()["code"]) == (422, "nameless")


async def test_who_is_disqualified_is_so_for_a_reason_which_stays_when_the_lead_comes_back(client: Client) -> None:
    lead = await make_lead(client)
    bare = await client.patch(f"/leads/{lead['id']}", json={"status": "disqualified"})
    assert (bare.status_code, bare.json()["errors"][0]["pointer"]) == (422, "/disqualifiedReason")
    gone = await client.post(f"/leads/{lead['id']}/disqualify", json=WHY | {"recycleOn": "2999-01-01"})
    shown = {name: gone.json()[name] for name in ("status", "disqualifiedReason", "disqualifiedNote", "recycleOn")}
    assert list(shown.values()) == ["disqualified", WHY["reason"], WHY["note"], "2999-01-01"]
    cleared = await client.patch(f"/leads/{lead['id']}", json={"disqualifiedReason": None})
    assert cleared.json()["code"] == "missingReason"

    back = (await turn(client, lead, "recycle")).json()
    assert (back["status"], back["recycleOn"], back["disqualifiedReason"]) == ("new", None, WHY["reason"])


async def test_a_verb_is_retried_and_guarded_as_any_write(client: Client) -> None:
    lead = await make_lead(client)
    stale = await turn(client, lead, "contact", headers={"If-Match": '"9-0"'})
    first, again = [await turn(client, lead, "contact", headers={"Idempotency-Key": "k"}) for _ in range(2)]
    unchanged = await turn(client, lead, "contact")

    assert stale.status_code == 412
    assert (first.status_code, first.json()["status"]) == (200, "contacted")
    assert (again.content, again.headers["idempotent-replayed"]) == (first.content, "true")
    assert unchanged.json() == first.json()
    history = (await client.get(f"/leads/{lead['id']}/history")).json()["data"]
    assert [event["version"] for event in history] == [2, 1]


SCRIPT = "<script>alert('x')</script>\"';--"


async def test_scripts_in_every_text_are_text(client: Client) -> None:
    names = ("firstName", "lastName", "company", "title", "website", "country", "industry", "description", "source")
    texts = dict.fromkeys(names, SCRIPT) | {"disqualifiedNote": SCRIPT, "utm": {"source": SCRIPT}}
    made = await client.post("/leads", json=texts)
    assert made.status_code == 201, made.text
    assert {name: made.json()[name] for name in texts} == texts
    assert made.headers["content-type"] == "application/json"
    for name in ("email", "phone", "rating", "status", "disqualifiedReason", "recycleOn", "employees"):
        refused = await client.post("/leads", json={"lastName": "Hopper", name: SCRIPT})
        assert (refused.status_code, refused.json()["errors"][0]["pointer"]) == (422, f"/{name}")


@pytest.mark.parametrize("verb", ["contact", "qualify", "disqualify", "recycle", "convert"])
async def test_a_lead_of_others_and_one_that_is_not_there_are_the_same(
    world: World, client: Client, stranger: Client, verb: str
) -> None:
    lead = await make_lead(stranger)
    body = {"json": WHY if verb == "disqualify" else {}} if verb in ("disqualify", "convert") else {}
    answer = await client.post(f"/leads/{lead['id']}/{verb}", **body)
    assert answer.status_code == 404
    reader = await world.key_of(client, scopes=["leads:read"])
    assert (await reader.post(f"/leads/{lead['id']}/{verb}", **body)).json()["code"] == "missingScope"
    assert (await stranger.get(f"/leads/{lead['id']}")).json() == lead


@pytest.mark.parametrize("verb", ["contact", "qualify", "recycle", "take", "assign"])
async def test_a_verb_without_a_body_drops_nothing_that_it_is_sent(client: Client, verb: str) -> None:
    lead = await make_lead(client)
    url = f"/leads/{lead['id']}"
    refused = (await client.post(f"{url}/{verb}", json={"note": "Called twice."})).json()
    assert [(one["pointer"], one["code"]) for one in refused["errors"]] == [("/note", "extra_forbidden")]
    assert (await client.get(url)).json() == lead
    assert (await client.post(f"{url}/contact", json={})).status_code == 200


async def test_blanks_are_no_name(client: Client) -> None:
    told = (await client.post("/leads", json={"lastName": "  ", "company": "\t"})).json()
    assert told["code"] == "nameless"
