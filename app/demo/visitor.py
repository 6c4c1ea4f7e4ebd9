"""Somebody in front of a form of the web: what a browser makes of its page, and sends."""

import asyncio
from hashlib import sha256
from html.parser import HTMLParser
from itertools import count
from typing import Self

import httpx


class FormPage(HTMLParser):
    """`inputs` are the values by name, `bits` what the page asks to be calculated, `wait_s` how long it takes at least."""

    def __init__(self) -> None:
        super().__init__()
        self.inputs: dict[str, str] = {}
        self.bits, self.wait_s = 0, 0.0

    @classmethod
    def read(cls, text: str) -> Self:
        page = cls()
        page.feed(text)
        return page

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        if tag == "form":
            self.bits, self.wait_s = int(given["data-bits"]), int(given["data-wait"]) / 1000
        elif tag in {"input", "textarea"} and given.get("type") != "checkbox":
            self.inputs[given["name"]] = given.get("value", "")


def proof_of(ticket: str, bits: int) -> str:
    """The first number that the page's script would find."""
    return next(str(number) for number in count() if _leading_zeros(f"{ticket}.{number}") >= bits)


async def fill_in(http: httpx.AsyncClient, address: str, page: FormPage, answers: dict[str, str]) -> httpx.Response:
    """Sent as the browser sends it, when its script is ready."""
    proof = await asyncio.to_thread(proof_of, page.inputs["ticket"], page.bits)
    await asyncio.sleep(page.wait_s)
    return await http.post(address, data=page.inputs | answers | {"proof": proof, "consent": "yes"})


def _leading_zeros(text: str) -> int:
    digest = sha256(text.encode()).digest()
    return 8 * len(digest) - int.from_bytes(digest).bit_length()
