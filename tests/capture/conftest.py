from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.capture.browser import Chromium, browsing
from tests.documentation.browser import served
from tests.world import Place, running


@pytest.fixture(scope="module")
async def chromium(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Chromium]:
    profile: Path = tmp_path_factory.mktemp("profile")
    async with browsing(profile) as browser:
        yield browser


@pytest.fixture(scope="module")
async def site(place: Place) -> AsyncIterator[str]:
    """Where the pages are. All visitors of these tests have one address."""
    async with running(place, form_posts_per_minute=1_000) as world, served(world.app) as url:
        yield url
