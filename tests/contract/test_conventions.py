"""Every convention of the contract table holds, and its proof fails without it."""

import httpx
import pytest

from tests.contract.convention import Case, Convention
from tests.contract.conventions import TABLE
from tests.world import Client, World


def marked(one: Convention) -> object:
    marks = [pytest.mark.own_server] if one.alone else []
    return pytest.param(one, id=f"{one.topic}: {one.name}", marks=marks)


each = pytest.mark.parametrize("convention", [marked(one) for one in TABLE])


@pytest.fixture
def case(world: World, client: Client, stranger: Client) -> Case:
    return Case(world, client, stranger)


@each
async def test_the_convention_holds(case: Case, convention: Convention) -> None:
    await convention.proof(case)


@each
async def test_its_proof_fails_with_the_behaviour_switched_off(case: Case, convention: Convention) -> None:
    with convention.mutation(case), pytest.raises((AssertionError, httpx.HTTPError)):
        await convention.proof(case)
