"""Who may say what about whose forecast."""

import asyncio

from tests.factories.forecasting import make_adjustment
from tests.factories.governance import make_user
from tests.forecasting.asking import eur
from tests.world import Client, World


async def test_a_manager_adjusts_everybody_below_and_nobody_else(client: Client, world: World) -> None:
    top, between, rep, peer = [await world.member_of(client) for _ in range(4)]
    for below, above in ((between, top), (rep, between), (peer, top)):
        moved = await client.patch(f"/users/{below.user_id}", json={"managerId": str(above.user_id)})
        assert moved.status_code == 200

    for by, of, allowed in (
        (top, rep, True),
        (between, rep, True),
        (rep, rep, True),
        (client, rep, True),
        (peer, rep, False),
        (rep, between, False),
        (between, top, False),
    ):
        said = {"userId": str(of.user_id), "period": "2026-Q4", "category": "commit", "amount": eur("5")}
        answer = await by.post("/forecast-adjustments", json=said)
        assert answer.status_code == (201 if allowed else 403), (by, of)
        if not allowed:
            assert answer.json()["code"] == "notAbove"


async def test_the_word_of_another_stays_as_it_is(client: Client, world: World) -> None:
    rep, boss = await world.member_of(client), await world.member_of(client)
    await client.patch(f"/users/{rep.user_id}", json={"managerId": str(boss.user_id)})
    word = await make_adjustment(rep)
    url = f"/forecast-adjustments/{word['id']}"

    for method, path, body in (("PATCH", url, {"note": "No"}), ("DELETE", url, None)):
        answer = await boss.request(method, path, json=body)
        assert (answer.status_code, answer.json()["code"]) == (403, "notYours")
    assert (await rep.delete(url)).status_code == 204
    assert (await boss.post(f"{url}/restore")).status_code == 403
    assert (await rep.post(f"{url}/restore")).status_code == 200
    kept = (await client.patch(url, json={"ownerId": str(client.user_id), "note": "By the administrator"})).json()
    assert (kept["byUserId"], kept["version"]) == (str(rep.user_id), word["version"] + 3)


async def test_whoever_it_is_given_to_may_change_it(client: Client, world: World) -> None:
    member = await world.member_of(client)
    word = await make_adjustment(client, ownerId=str(member.user_id))
    url = f"/forecast-adjustments/{word['id']}"
    assert (await member.patch(url, json={"note": "Agreed"})).json()["byUserId"] == str(client.user_id)
    nobody = await make_user(client)
    refused = await member.patch(url, json={"userId": nobody["id"]})
    assert (refused.status_code, refused.json()["code"]) == (403, "notAbove")


async def test_of_many_words_at_once_one_stands(client: Client) -> None:
    rep = await make_user(client)
    said = {"userId": rep["id"], "period": "2026-Q4", "category": "commit", "amount": eur("5")}
    answers = await asyncio.gather(*(client.post("/forecast-adjustments", json=said) for _ in range(8)))
    assert sorted(answer.status_code for answer in answers) == [201] + [409] * 7


async def test_a_preview_of_a_quota_tells_what_it_would_do_and_does_nothing(client: Client) -> None:
    quota = {"userId": str(client.user_id), "period": "2026-Q4", "amount": eur("5")}
    planned = (await client.post("/quotas?dryRun=true", json=quota)).json()
    assert (planned["status"], [one["object"] for one in planned["writes"]]) == (201, ["quota"])
    assert [one["kind"] for one in planned["work"]] == ["forecast.snapshot"]
    assert (await client.get("/quotas")).json()["data"] == []


async def test_a_quota_is_never_negative(client: Client) -> None:
    refused = await client.post(
        "/quotas", json={"userId": str(client.user_id), "period": "2026-Q4", "amount": eur("-1")}
    )
    assert (refused.status_code, refused.json()["errors"][0]["pointer"]) == (422, "/amount")
