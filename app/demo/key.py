"""A key for the time of one load."""

import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime

import httpx

from app.demo.client import BASE

LIVES_S = 3600


@asynccontextmanager
async def unlimited_key(api_url: str, admin_key: str) -> AsyncIterator[str]:
    """Without a rate limit, so that a load takes no minute longer than it must and leaves the admin's budget whole.

    It is revoked at the end; that of a load which was killed expires by itself.
    """
    headers = {"Authorization": f"Bearer {admin_key}"}
    expires = datetime.fromtimestamp(time.time() + LIVES_S, UTC).isoformat()
    wanted = {"name": "Sample load", "scopes": ["admin"], "rateLimitPerMinute": 0, "expiresAt": expires}
    async with httpx.AsyncClient(base_url=api_url.rstrip("/") + BASE, headers=headers, timeout=30) as http:
        made = (await http.post("/api-keys", json=wanted)).raise_for_status().json()
        try:
            yield made["key"]
        finally:
            await http.delete(f"/api-keys/{made['id']}")
