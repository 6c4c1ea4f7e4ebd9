"""A flood of posts from one address at a server of its own: 200 of them, or with POSTS=10000 the long form.

`POSTS=10000 pytest -s tests/capture/test_flood.py` prints what it cost.
"""

import asyncio
import os
from collections import Counter
from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path
from time import monotonic
from typing import Any

import httpx
import pytest

from app.domain.capture.tickets import NONCE_BYTES, issued
from app.domain.kernel.clock import utc_now
from app.settings import Settings
from tests.capture.web import listed
from tests.factories.capture import make_form
from tests.fuzz.server import serving
from tests.world import Client, Place

pytestmark = [pytest.mark.own_server, pytest.mark.timeout(600)]

POSTS = int(os.environ.get("POSTS", "200"))
AT_ONCE = 16
FROM = "127.0.0.77"  # an address from which no other test has posted in this minute
PER_MINUTE: int = Settings.model_fields["form_posts_per_minute"].default
GROWTH_MB = 30
ROWS = """
select (select count(*) from lead where tenant_id = $1), (select count(*) from lead_submission where tenant_id = $1),
       (select count(*) from used_ticket where tenant_id = $1),
       (select count(*) from event where tenant_id = $1)
"""


def _children() -> set[int]:
    tasks = Path("/proc/self/task").iterdir()
    return {int(pid) for task in tasks for pid in (task / "children").read_text().split()}


def _resident_mb(pid: int) -> float:
    [line] = [one for one in Path(f"/proc/{pid}/status").read_text().splitlines() if one.startswith("VmRSS")]
    return int(line.split()[1]) / 1024


async def flood(url: str, form: Mapping[str, Any], secret: str, number: int) -> Counter[int]:
    """Every post is one that would be taken: another person each, and a ticket that has waited long enough."""
    seen, left, path = Counter[int](), iter(range(number)), f"/forms/{form['formKey']}"

    async def send(visitor: httpx.AsyncClient) -> None:
        for _ in left:
            nonce = os.urandom(NONCE_BYTES)
            ticket = issued(secret, utc_now() - timedelta(minutes=1), nonce)
            typed = {"lastName": "Flood", "email": f"{nonce.hex()}@example.com", "ticket": ticket}
            answer = await visitor.post(path, data=typed)
            seen[answer.status_code] += 1
            if answer.status_code == 429:
                assert int(answer.headers["retry-after"]) >= 1
                assert "Wait a minute and send it once more." in answer.text

    way = httpx.AsyncHTTPTransport(local_address=FROM)
    async with httpx.AsyncClient(base_url=url, timeout=60, transport=way) as visitor, asyncio.TaskGroup() as tasks:
        for _ in range(AT_ONCE):
            tasks.create_task(send(visitor))
    return seen


async def test_of_a_flood_a_few_are_taken_whole_and_the_rest_are_told_to_wait(place: Place, client: Client) -> None:
    form = await make_form(client)
    async with place.connect() as administrator:
        secret = await administrator.fetchval("select secret from form_lookup($1)", form["formKey"])
    before = _children()
    with serving(place) as url:
        [pid] = _children() - before
        await flood(url, form, secret, 1)
        memory, began = _resident_mb(pid), monotonic()
        seen = await flood(url, form, secret, POSTS)
        took, grown = monotonic() - began, _resident_mb(pid) - memory
    taken = seen[303] + 1
    async with place.connect() as administrator:
        leads, submissions, tickets, events = await administrator.fetchrow(ROWS, client.tenant_id)
    told = (
        f"{POSTS} posts in {took:.1f} s: {dict(seen)}; {leads} leads, {submissions} submissions, {tickets} used tickets, "
        f"{events} events; the API had {memory:.0f} MB and {grown:+.1f} MB"
    )
    print(f"\n{told}")  # noqa: T201  # the figures are asked for
    assert set(seen) == {303, 429}
    assert PER_MINUTE <= taken <= PER_MINUTE * (took // 60 + 2)
    assert leads == submissions == tickets == taken
    assert {one["leadId"] for one in await listed(client, "lead-submissions")} == {
        one["id"] for one in await listed(client, "leads")
    }
    assert grown < GROWTH_MB
