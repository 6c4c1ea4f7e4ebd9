from collections.abc import AsyncIterator
from datetime import datetime

import pytest

from app.domain.forecasting import service
from app.domain.kernel.clock import utc_now
from app.workers import forecasting as worker
from tests.forecasting.mornings import Clock
from tests.work.engine import engine
from tests.world import Place


@pytest.fixture
async def clock(place: Place) -> AsyncIterator[Clock]:
    async with engine(place) as made:
        yield Clock(made)


@pytest.fixture
def now(monkeypatch: pytest.MonkeyPatch) -> datetime:
    """The clock of forecasts stands still: no midnight, and no morning, falls into the test."""
    moment = utc_now()
    for module in (service, worker):
        monkeypatch.setattr(module, "utc_now", lambda: moment)
    return moment
