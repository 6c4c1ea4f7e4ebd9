"""Every convention of the contract table holds, and its proof fails without it."""

from collections import Counter
from inspect import iscoroutinefunction

import httpx
import pytest

from tests.contract.convention import Case, Convention
from tests.contract.conventions import TABLE
from tests.world import Client, World

TOPICS = {
    *("ids", "list", "filter", "expand", "errors", "concurrency", "patch", "idempotency", "upsert", "history"),
    *("events", "auth", "limits", "browser", "tracing", "discovery", "dry run"),
}
STATUSES = {"400", "401", "403", "404", "405", "409", "410", "412", "413", "415", "422", "429", "500", "503"}
"""Each is proved by a row that bears its number; 412 is what If-Match is about."""


def marked(one: Convention) -> object:
    marks = [pytest.mark.own_server] if one.alone else []
    return pytest.param(one, id=f"{one.topic}: {one.name}", marks=marks)


each = pytest.mark.parametrize("convention", [marked(one) for one in TABLE])


@pytest.fixture
def case(world: World, client: Client, stranger: Client) -> Case:
    return Case(world, client, stranger)


@pytest.mark.quick
@each
async def test_the_convention_holds(case: Case, convention: Convention) -> None:
    await convention.proof(case)


@pytest.mark.portable
@each
async def test_its_proof_fails_with_the_behaviour_switched_off(case: Case, convention: Convention) -> None:
    with convention.mutation(case), pytest.raises((AssertionError, httpx.HTTPError)):
        await convention.proof(case)


def test_a_row_without_a_proof_or_a_mutation_cannot_be_written() -> None:
    for left_out in ("proof", "mutation"):
        row = {name: getattr(TABLE[0], name) for name in ("topic", "name", "rule", "proof", "mutation")}
        del row[left_out]
        with pytest.raises(TypeError, match=left_out):
            Convention(**row)


def test_every_row_is_a_sentence_with_a_name_and_a_proof_of_its_own() -> None:
    assert [one.name for one in TABLE if not one.rule.endswith(".") or not iscoroutinefunction(one.proof)] == []
    assert [name for name, times in Counter((one.topic, one.name) for one in TABLE).items() if times > 1] == []
    assert [proof.__name__ for proof, times in Counter(one.proof for one in TABLE).items() if times > 1] == []


def test_no_topic_and_no_status_is_left_out() -> None:
    assert {one.topic for one in TABLE} >= TOPICS
    own = {word for one in TABLE for word in one.name.split()}
    demanded = {"412": "If-Match"}
    assert {status for status in STATUSES if demanded.get(status, status) not in own} == set()
