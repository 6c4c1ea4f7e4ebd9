from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager

import pytest

from tests.fuzz.server import serving
from tests.world import PATIENT, Client, Place, World

Untouched = Callable[[Client], AbstractAsyncContextManager[None]]
TABLES = ("account", "contact", "opportunity", "product", "user", "api_key")
TABLES += ("event", "bin", "external_id", "idempotency")


@pytest.fixture(scope="session")
def url(place: Place) -> Iterator[str]:
    """The application as a process of its own, without a rate limit."""
    unlimited = dict.fromkeys(("rate_limit_per_minute", "form_posts_per_minute", "form_posts_per_form_per_minute"), 0)
    with serving(place, **unlimited, **PATIENT) as served:
        yield served


@pytest.fixture
def count_rows(world: World) -> Callable[[Client], Awaitable[dict[str, int]]]:
    """What the client's tenant has, by table."""

    async def count(client: Client) -> dict[str, int]:
        async with world.place.connect() as admin:
            return {
                table: await admin.fetchval(f'select count(*) from "{table}" where tenant_id = $1', client.tenant_id)
                for table in TABLES
            }

    return count


@pytest.fixture
def untouched(count_rows: Callable[[Client], Awaitable[dict[str, int]]]) -> Untouched:
    """Nothing may have been written by what happens inside, not even half."""

    @asynccontextmanager
    async def check(client: Client) -> AsyncIterator[None]:
        before = await count_rows(client)
        yield
        assert await count_rows(client) == before

    return check
