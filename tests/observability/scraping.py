"""/metrics as Prometheus reads it."""

from typing import Any

import httpx
from prometheus_client.parser import text_string_to_metric_families
from starlette.types import ASGIApp


class Scrape:
    def __init__(self, text: str) -> None:
        families = text_string_to_metric_families(text)
        self.samples: list[Any] = [sample for family in families for sample in family.samples]

    def value(self, name: str, **labels: str) -> float:
        """Of the one series with that name and, among others, these labels."""
        (sample,) = self.series(name, **labels)
        return float(sample.value)

    def series(self, name: str, **labels: str) -> list[Any]:
        return [sample for sample in self.samples if sample.name == name and sample.labels.items() >= labels.items()]


async def scrape(app: ASGIApp) -> Scrape:
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://test") as client:
        answer = await client.get("/metrics")
    assert answer.status_code == 200
    assert answer.headers["content-type"].startswith("text/plain; version=")
    return Scrape(answer.text)
