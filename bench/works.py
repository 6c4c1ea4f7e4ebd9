"""What is asked of both sides: each work makes its requests before the clock runs."""

import random
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import count
from typing import TypeAlias

from bench.fill import Tenant

PREFIX = "/api/v1"
LISTS = {
    "list": f"{PREFIX}/contacts?lastName[gte]=N&sort=lastName",
    "list-money": f"{PREFIX}/opportunities?amount[gt]=50000&sort=-amount",
}
Ask: TypeAlias = Callable[[int], bytes]

_RANDOM = random.Random(7)
_FRESH = count(time.time_ns() // 1_000_000 % 10**9)  # a kept database has the numbers of earlier runs


@dataclass(frozen=True, slots=True)
class Work:
    """`ask` makes one request; `same` says that both sides must answer the same bytes to it."""

    name: str
    ask: Ask  # by the number of the connection
    requests: int
    target: float
    same: bool = False


@dataclass(frozen=True, slots=True)
class Asking:
    """Who asks: callers of these tenants, to whom, when guarded, the records of some owners are shown."""

    tenants: Sequence[Tenant]
    guarded: bool

    @property
    def largest(self) -> Tenant:
        return self.tenants[0]

    def get(self, tenant: Tenant) -> bytes:
        return read(tenant, f"{PREFIX}/contacts/{tenant.contact(self._number(tenant))}")

    def create(self, tenant: Tenant) -> bytes:
        """In front of what the lists show, so that creating does not change them; with a key, as careful clients do."""
        number = next(_FRESH)
        email = "" if self.guarded else f'"email":"ada.{number}@engines.example",'
        body = (
            f'{{"firstName":"Ada","lastName":"Created {number}",{email}"phone":"+49{_phone(number)}",'
            f'"accountId":"{tenant.account(_RANDOM.randint(1, max(1, tenant.contacts // 20)))}",'
            f'"ownerId":"{tenant.user_id}"}}'
        )
        key = f"Idempotency-Key: {number:x}-{_RANDOM.getrandbits(32):x}\r\n"
        return request("POST", f"{PREFIX}/contacts", tenant, body, key)

    def updates(self, tenant: Tenant) -> Iterator[bytes]:
        """Each of another record, and to a phone that it does not have yet."""
        step, start = 7_368_787, _RANDOM.randrange(tenant.contacts)  # a prime step walks through all of them
        for place in count():
            number = 1 + (start + place * step) % tenant.contacts
            if not self.guarded or tenant.shows(number):
                body = f'{{"phone":"+48{_phone(next(_FRESH))}"}}'
                yield request("PATCH", f"{PREFIX}/contacts/{tenant.contact(number)}", tenant, body)

    def _number(self, tenant: Tenant) -> int:
        while True:
            number = _RANDOM.randint(1, tenant.contacts)
            if not self.guarded or tenant.shows(number):
                return number


def read(tenant: Tenant, path: str) -> bytes:
    return request("GET", path, tenant)


def bearer(tenant: Tenant) -> str:
    return f"Bearer {tenant.key}"


def _phone(number: int) -> str:
    return f"{number:010d}"[-10:]


def request(method: str, path: str, tenant: Tenant, body: str = "", more: str = "") -> bytes:
    if body:
        more += f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n"
    head = f"{method} {path} HTTP/1.1\r\nHost: bench\r\nAuthorization: {bearer(tenant)}\r\n{more}\r\n"
    return f"{head}{body}".encode()


def _get(by: Asking) -> Work:
    return Work("get", lambda _: by.get(by.largest), 2_000, 2.0, same=True)


def _get_of_ten(by: Asking) -> Work:
    """Each connection speaks for a tenant of its own, as that of a client does."""
    return Work("get, many tenants", lambda one: by.get(by.tenants[one % len(by.tenants)]), 2_000, 2.0, same=True)


def _list(name: str) -> Callable[[Asking], Work]:
    return lambda by: Work(name, lambda _: read(by.largest, LISTS[name]), 1_000, 1.8, same=True)


def _create(by: Asking) -> Work:
    return Work("create", lambda _: by.create(by.largest), 1_200, 3.0)


def _update(by: Asking) -> Work:
    updates = by.updates(by.largest)
    return Work("update", lambda _: next(updates), 1_200, 3.0)


WORKS: dict[str, Callable[[Asking], Work]] = {
    "get": _get,
    **{name: _list(name) for name in LISTS},
    "create": _create,
    "update": _update,
    "get-tenants": _get_of_ten,
}
