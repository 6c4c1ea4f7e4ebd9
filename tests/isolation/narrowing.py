"""A user of a tenant as somebody who sees less of it."""

from collections.abc import AsyncIterator, Collection, Mapping
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any

import pytest

from app.api import auth
from app.domain.kernel.actor import as_array
from app.domain.kernel.schema import Schema
from app.domain.registry import CATALOG
from tests.world import Client, World, running


@asynccontextmanager
async def seeing_less(
    world: World,
    client: Client,
    *,
    only_own: Collection[str] = (),
    hidden: Mapping[str, frozenset[str]] | None = None,
) -> AsyncIterator[Client]:
    """The same user with the same key. Of the objects `only_own` only the user's own records are seen."""
    find = auth.find_credential

    async def find_owner(*asked: Any) -> Any:
        found = await find(*asked)
        return found and replace(found, actor=replace(found.actor, owners=as_array((found.actor.id,))))

    schema = Schema(CATALOG, hidden=hidden, by_owner=frozenset(only_own))
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(auth, "find_credential", find_owner)
        async with running(world.place, schema=schema) as other:
            yield Client(other.app, client.tenant_id, client.user_id, client.key)
