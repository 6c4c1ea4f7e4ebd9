"""Random walks through random pipelines, against a model that shares no code with the product."""

from dataclasses import dataclass, field
from datetime import datetime
from random import Random
from typing import Any

import pytest

from app.domain.pipeline.rules import Rulebook
from tests.factories.pipeline import make_opportunity, make_pipeline, stage
from tests.world import Client, World

Json = dict[str, Any]
WALKS, STEPS = 3, 14


def random_stages(random: Random) -> list[Json]:
    keys = [f"s{number}" for number in range(random.randint(4, 7))]
    outcomes = ["open", "won", "lost", *random.choices(("open", "open", "won", "lost"), k=len(keys) - 3)]
    return [
        stage(
            key,
            outcome=outcome,
            probability=random.randrange(101),
            requires=random.choice(([], [], ["nextStep"])) if key != "s0" else [],
            next=random.choice((None, random.sample(keys, random.randrange(len(keys))))),
        )
        for key, outcome in zip(keys, outcomes, strict=True)
    ]


@dataclass
class Model:
    """What should be, said as plainly as can be."""

    stages: dict[str, Json]
    at: str
    admin: bool = True
    next_step: str | None = None
    probability: int | None = None
    path: list[str] = field(default_factory=list)

    def tries(self, to: str, *, admin: bool) -> int:
        now, then = self.stages[self.at], self.stages.get(to)
        if to == self.at:
            return 200
        if then is None:
            return 422
        closed = now["outcome"] in ("won", "lost")
        if (closed and not admin) or (not closed and now["next"] is not None and to not in now["next"]):
            return 409
        if "nextStep" in then["requires"] and not self.next_step:
            return 422
        self.at, self.probability = to, then["probability"]
        self.path.append(to)
        return 200


async def walk(admin: Client, member: Client, random: Random) -> list[str]:
    """What is otherwise than the model says."""
    stages = random_stages(random)
    pipeline = await make_pipeline(admin, name="Random", stages=stages)
    made = await make_opportunity(admin, pipelineId=pipeline["id"], stage="s0", externalIds={"erp": pipeline["id"]})
    model = Model({one["key"]: one for one in stages}, "s0", probability=stages[0]["probability"], path=["s0"])
    url, wrong = f"/opportunities/{made['id']}", []
    for _ in range(STEPS):
        if random.random() < 0.3:
            model.next_step = random.choice((None, "Call"))
            assert (await member.patch(url, json={"nextStep": model.next_step})).status_code == 200
        client, to = random.choice((admin, member)), random.choice([*model.stages, "nowhere"])
        ways = [("PATCH", url), ("POST", f"{url}/move"), ("PUT", f"/opportunities/by/erp/{pipeline['id']}")]
        method, path = random.choice(ways)
        beside = {"name": made["name"]} if method == "PUT" else {}
        answer = await client.request(method, path, json={"stage": to, **beside})
        expected = model.tries(to, admin=client is admin)
        if answer.status_code != expected:
            wrong.append(f"{method} to {to}: {answer.status_code}, not {expected}: {answer.text}")
            break
    now = (await admin.get(url)).json()
    outcome = model.stages[model.at]["outcome"]
    if (now["stage"], now["probability"], now["status"]) != (model.at, model.probability, outcome):
        wrong.append(f"it is in {now['stage']}, not in {model.at}")
    if (now["closedAt"] is None) != (outcome == "open"):
        wrong.append("closedAt and status differ")
    return wrong + stays_differ((await admin.get(f"{url}/stage-history")).json()["data"], model.path, now)


def stays_differ(stays: list[Json], path: list[str], now: Json) -> list[str]:
    wrong = []
    if [one["stage"] for one in stays] != path:
        wrong.append(f"the history is {[one['stage'] for one in stays]}, not {path}")
    for one, following in zip(stays, [*stays[1:], None], strict=True):
        if one["leftAt"] != (following["enteredAt"] if following else None):
            wrong.append("a stay does not end where the next begins")
        if one["leftAt"] is not None:
            lasted = datetime.fromisoformat(one["leftAt"]) - datetime.fromisoformat(one["enteredAt"])
            if abs(lasted.total_seconds() - one["durationSeconds"]) > 1e-6:
                wrong.append("a duration is not the difference of its times")
    if stays[-1]["enteredAt"] != now["stageChangedAt"]:
        wrong.append("the last stay began at another time than the stage was changed")
    return wrong


async def test_random_walks_go_where_the_model_goes(client: Client, world: World, seed: int) -> None:
    random, member = Random(seed), await world.member_of(client)
    for _ in range(WALKS):
        assert await walk(client, member, random) == []


async def test_a_graph_that_is_not_held_to_is_noticed(
    client: Client, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Rulebook, "refuse_move", lambda *_, **__: None)
    member = await world.member_of(client)
    assert any([await walk(client, member, Random(seed)) for seed in range(4)])
