from typing import Any

from app.domain.pipeline.schemas import STAGES
from tests.factories.making import make
from tests.world import Client


async def make_product(client: Client, **fields: Any) -> dict[str, Any]:
    defaults = {"name": "GTX Basic", "family": "GTX", "listPrice": {"amount": "550.00", "currency": "EUR"}}
    return await make(client, "products", defaults, fields)


async def make_pipeline(client: Client, **fields: Any) -> dict[str, Any]:
    return await make(client, "pipelines", {"name": "New business", "stages": STAGES}, fields)


async def make_opportunity(client: Client, **fields: Any) -> dict[str, Any]:
    return await make(client, "opportunities", {"name": "Acme - GTX Basic", "stage": "engaging"}, fields)


def stage(key: str, **fields: Any) -> dict[str, Any]:
    """An open one, unless `fields` say otherwise."""
    return {"key": key, "label": key, "probability": 50, **fields}
