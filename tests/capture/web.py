"""A person in front of a form: what the page holds, typed into and sent."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from html.parser import HTMLParser
from itertools import count
from os import urandom
from typing import Any

import httpx

from app.domain.capture.tickets import NONCE_BYTES, issued, proves
from app.domain.kernel.clock import utc_now
from tests.factories.capture import make_form
from tests.world import Client, World

LONG = timedelta(minutes=1)
YOUNG = -LONG  # the age of a ticket that is issued in a minute only: it is too young however long a test takes


class Page(HTMLParser):
    """`inputs` are the values by name, `text` is what is read, `tags` the elements with their attributes."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.inputs: dict[str, str] = {}
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self._area = ""
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        self.tags.append((tag, given))
        name = given.get("name")
        if tag == "input" and name and given.get("type") != "checkbox":
            self.inputs[name] = given.get("value") or ""
        self._area = (name or "") if tag == "textarea" else ""

    def handle_data(self, data: str) -> None:
        if self._area:
            self.inputs[self._area] = self.inputs.get(self._area, "") + data.removeprefix("\n")
        self.text += data

    def of(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes in self.tags if name == tag]


def some_address() -> str:
    """From which nobody else has posted in this minute."""
    return f"2001:db8:{urandom(2).hex()}:{urandom(2).hex()}::1"


@dataclass
class Visitor:
    """Nobody the product knows, with an address of their own: limits are for each address."""

    world: World
    headers: Mapping[str, str] = field(default_factory=dict)
    address: str = field(default_factory=some_address)

    def __post_init__(self) -> None:
        transport = httpx.ASGITransport(self.world.app, raise_app_exceptions=False, client=(self.address, 1))
        self.http = httpx.AsyncClient(transport=transport, base_url="http://test", headers=dict(self.headers))

    async def ticket(self, form: Mapping[str, Any], age: timedelta = LONG) -> str:
        """As the form has issued it a while ago."""
        async with self.world.place.connect() as administrator:
            secret = await administrator.fetchval("select secret from form_lookup($1)", form["formKey"])
        return issued(secret, utc_now() - age, urandom(NONCE_BYTES))

    async def send(self, form: Mapping[str, Any], **values: str) -> httpx.Response:
        """As a browser without JavaScript sends the page."""
        given = {"lastName": "Hopper", "email": "grace@acme.example", "consent": "yes"} | values
        given.setdefault("ticket", await self.ticket(form))
        return await self.http.post(f"/forms/{form['formKey']}", data=given)

    async def post(self, form: Mapping[str, Any], **members: Any) -> httpx.Response:
        """As a script of another site posts it."""
        given = {"answers": {"lastName": "Hopper", "email": "grace@acme.example"}, "consent": True} | members
        if "ticket" not in given:
            given["ticket"] = await self.ticket(form)
        if form["proofOfWorkBits"] and "proof" not in given:
            given["proof"] = proof_of(given["ticket"], form["proofOfWorkBits"])
        return await self.http.post(f"/api/v1/forms/{form['formKey']}/submissions", json=given)


def proof_of(ticket: str, bits: int) -> str:
    return next(str(n) for n in count() if proves(ticket, str(n), bits))


async def make_pending(world: World, client: Client) -> dict[str, Any]:
    """A submission whose address is not confirmed yet."""
    form = await make_form(client, doubleOptIn=True)
    assert (await Visitor(world).send(form)).status_code == 303
    [found] = [one for one in await listed(client, "lead-submissions") if one["formId"] == form["id"]]
    return found


async def listed(client: Client, plural: str) -> list[dict[str, Any]]:
    answer = await client.get(f"/{plural}?limit=200&sort=createdAt")
    assert answer.status_code == 200, answer.text
    found: list[dict[str, Any]] = answer.json()["data"]
    return found
