"""What is asked of both sides: each work makes its requests before the clock runs."""

import random
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import count
from typing import TypeAlias

from bench.fill import Tenant

PREFIX = "/api/v1"
LISTS = {
    "list": f"{PREFIX}/contacts?lastName[gte]=n&sort=lastName",
    "list-money": f"{PREFIX}/opportunities?amount[gt]=50000&sort=-amount",
}
Ask: TypeAlias = Callable[[], bytes]

_RANDOM = random.Random(7)
_FRESH = count(_RANDOM.randrange(10**9))


@dataclass(frozen=True, slots=True)
class Work:
    """`ask` makes one request; `same` says that both sides must answer the same bytes to it."""

    name: str
    ask: Ask
    requests: int
    target: float
    same: bool = False


def _get(tenants: Sequence[Tenant]) -> Work:
    return Work("get", lambda: get(tenants[0]), 2_000, 2.0, same=True)


def _get_of_ten(tenants: Sequence[Tenant]) -> Work:
    """Ten tenants take turns on ten connections, each of which is set to one of them."""
    return Work("get, 10 tenants", lambda: get(_RANDOM.choice(tenants[:10])), 2_000, 2.0, same=True)


def _list(name: str) -> Callable[[Sequence[Tenant]], Work]:
    return lambda tenants: Work(name, lambda: read(tenants[0], LISTS[name]), 1_000, 1.8, same=True)


def _create(tenants: Sequence[Tenant]) -> Work:
    return Work("create", lambda: create(tenants[0]), 1_200, 3.0)


def _update(tenants: Sequence[Tenant]) -> Work:
    numbers = _shuffled(tenants[0].contacts)
    return Work("update", lambda: update(tenants[0], next(numbers)), 1_200, 3.0)


WORKS: dict[str, Callable[[Sequence[Tenant]], Work]] = {
    "get": _get,
    **{name: _list(name) for name in LISTS},
    "create": _create,
    "update": _update,
    "get-10-tenants": _get_of_ten,
}


def get(tenant: Tenant) -> bytes:
    return read(tenant, f"{PREFIX}/contacts/{tenant.contact(_RANDOM.randint(1, tenant.contacts))}")


def read(tenant: Tenant, path: str) -> bytes:
    return _request("GET", path, tenant)


def create(tenant: Tenant) -> bytes:
    """In front of what the lists show, so that creating does not change them. With a key, as a careful client does."""
    number = next(_FRESH)
    account = tenant.account(_RANDOM.randint(1, max(1, tenant.contacts // 20)))
    body = (
        f'{{"firstName":"Ada","lastName":"Created {number}","email":"ada.{number}@engines.example",'
        f'"phone":"+49{_phone(number)}","accountId":"{account}"}}'
    )
    return _request(
        "POST", f"{PREFIX}/contacts", tenant, body, f"Idempotency-Key: {number:x}-{_RANDOM.getrandbits(32):x}\r\n"
    )


def update(tenant: Tenant, number: int) -> bytes:
    """Always to a value that the record does not have yet."""
    body = f'{{"phone":"+48{_phone(next(_FRESH))}"}}'
    return _request("PATCH", f"{PREFIX}/contacts/{tenant.contact(number)}", tenant, body)


def bearer(tenant: Tenant) -> str:
    return f"Bearer {tenant.key}"


def _phone(number: int) -> str:
    return f"{number:010d}"[-10:]


def _shuffled(size: int) -> Iterator[int]:
    """Each number once in a random order: a prime step walks through all of them."""
    step, start = 7_368_787, _RANDOM.randrange(size)
    return (1 + (start + place * step) % size for place in count())


def _request(method: str, path: str, tenant: Tenant, body: str = "", more: str = "") -> bytes:
    if body:
        more += f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n"
    head = f"{method} {path} HTTP/1.1\r\nHost: bench\r\nAuthorization: {bearer(tenant)}\r\n{more}\r\n"
    return f"{head}{body}".encode()
