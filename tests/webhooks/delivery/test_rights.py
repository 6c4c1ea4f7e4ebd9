"""Nobody is told by a webhook what its owner could not read."""

from collections.abc import AsyncIterator
from typing import Any

import pytest

from app.domain.kernel.schema import Schema
from app.domain.registry import CATALOG
from app.workers.running import Outside
from tests.factories.accounts import make_account
from tests.factories.views import make_view
from tests.webhooks.delivery.engine import (
    Engine,
    change,
    deliveries,
    outside,
    running_engine,
    subscribe,
)
from tests.webhooks.delivery.receiver import SORRY, Receiver, receiving
from tests.world import Client, World

HIDDEN = {"account": frozenset({"employees", "annual_revenue"})}


@pytest.fixture
async def blind(world: World, client: Client) -> AsyncIterator[Engine]:
    """An engine from which two fields of accounts are hidden."""
    async with outside(world, Schema(CATALOG, hidden=HIDDEN)) as reached, running_engine(world, reached, client) as one:
        yield one


@pytest.fixture
async def second() -> AsyncIterator[Receiver]:
    async with receiving() as started:
        yield started


async def test_a_hidden_field_is_absent(client: Client, blind: Engine, receiver: Receiver) -> None:
    await subscribe(client, receiver)
    account = await make_account(client, employees=777_123, annualRevenue={"amount": "888321", "currency": "EUR"})
    await change(client, f"/accounts/{account['id']}", employees=666_321)
    await blind.delivered()

    created, updated = receiver.requests
    assert b"employees" not in created.body + updated.body
    assert b"annualRevenue" not in created.body + updated.body
    for value in (b"777123", b"888321", b"666321"):
        assert value not in created.body + updated.body
    assert (updated.event["changedFields"], updated.event["previous"]) == ([], {})


async def test_a_filter_that_names_a_hidden_field_lets_nothing_through(
    client: Client, blind: Engine, receiver: Receiver
) -> None:
    """It was saved when the field could still be read."""
    await subscribe(client, receiver, filter="employees > 5")
    await make_account(client)
    await blind.delivered()
    assert receiver.requests == []


async def test_a_private_record_is_told_to_its_owner_and_to_administrators_only(
    client: Client, world: World, engine: Engine, receiver: Receiver, second: Receiver
) -> None:
    ada, bob = await world.member_of(client), await world.member_of(client)
    await subscribe(client, receiver, "view.*", ownerId=str(ada.user_id))
    await subscribe(client, second, "view.*")
    async with receiving() as third:
        endpoint = await subscribe(client, third, "view.*", ownerId=str(bob.user_id))
        mine = await make_view(ada, name="Private")
        shared = await make_view(ada, name="Shared", shared=True)
        await engine.delivered()
        assert {one["recordId"] for one in receiver.events} == {mine["id"], shared["id"]}
        assert {one["recordId"] for one in second.events} == {mine["id"], shared["id"]}
        assert {one["recordId"] for one in third.events} == {shared["id"]}
        assert [one["recordId"] for one in await deliveries(client, endpoint)] == [shared["id"]]


async def test_what_a_record_was_before_it_was_shared_is_not_told(
    client: Client, world: World, engine: Engine, receiver: Receiver
) -> None:
    ada, bob = await world.member_of(client), await world.member_of(client)
    await subscribe(client, receiver, "view.*", ownerId=str(bob.user_id))
    view = await make_view(ada, name="Before")
    await change(ada, f"/views/{view['id']}", name="After", shared=True)
    await engine.delivered()

    (request,) = receiver.requests
    assert request.event["data"]["name"] == "After"
    assert b"Before" not in request.body


async def test_with_an_inactive_owner_nothing_is_sent_any_more(
    client: Client, world: World, engine: Engine, receiver: Receiver
) -> None:
    """Neither what happens from then on, nor what had not been sent by then."""
    ada = await world.member_of(client)
    endpoint = await subscribe(client, receiver, ownerId=str(ada.user_id))
    receiver.answer = lambda _: SORRY
    await make_account(client)
    await engine.delivered()
    receiver.forget()
    await change(client, f"/users/{ada.user_id}", status="inactive")
    await make_account(client)
    await engine.delivered()
    await engine.retried()

    assert receiver.requests == []
    assert [one["state"] for one in await deliveries(client, endpoint)] == ["skipped"]


async def test_two_tenants_never_meet(
    client: Client, stranger: Client, world: World, reached: Outside, receiver: Receiver, second: Receiver
) -> None:
    async with running_engine(world, reached, client, stranger) as engine:
        await subscribe(client, receiver, "*")
        await subscribe(stranger, second, "*")
        ours, theirs = await make_account(client, name="Ours"), await make_account(stranger, name="Theirs")
        await engine.delivered()

    assert tenants(receiver) == {str(client.tenant_id)}
    assert tenants(second) == {str(stranger.tenant_id)}
    assert ours["id"] in receiver.versions
    assert theirs["id"] in second.versions
    assert all(b"Theirs" not in one.body for one in receiver.requests)


async def test_the_log_of_an_endpoint_is_nobodys_in_another_tenant(
    client: Client, stranger: Client, engine: Engine, receiver: Receiver
) -> None:
    endpoint = await subscribe(client, receiver)
    await make_account(client)
    await engine.delivered()
    (delivery,) = await deliveries(client, endpoint)
    path = f"/webhook-endpoints/{endpoint['id']}/deliveries"
    for asked in (path, f"{path}/{delivery['id']}"):
        assert (await stranger.get(asked)).status_code == 404


def tenants(receiver: Receiver) -> set[Any]:
    return {one["tenantId"] for one in receiver.events}
