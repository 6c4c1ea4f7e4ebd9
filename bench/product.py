"""The product as it is deployed, plus stand-ins for what later issues bring: three hundred more routes."""

from typing import Any

from app.api.answer import JSON, Answer
from app.api.edge import Call
from app.api.route import READING, ApiRoute
from app.api.v1.routes import ROUTES
from app.main import create_app
from app.settings import Settings

STAND_INS = 300


async def _never(_: Call) -> Answer:
    return Answer(200, b"{}", JSON)


def _stand_in(number: int) -> ApiRoute:
    """Two routes of each object of the future: its list, and one of it."""
    what: dict[str, Any] = {"summary": "Stand-in", "description": "Stand-in.", "tag": "stand-ins", "handler": _never}
    item = "/{id}" if number % 2 else ""
    path = f"/stand-ins-{number // 2}{item}"
    return ApiRoute(method="GET", path=path, name=f"stand_in_{number}", permission="anyone", errors=READING, **what)


app = create_app(Settings(), routes=(*ROUTES, *(_stand_in(number) for number in range(STAND_INS))))
