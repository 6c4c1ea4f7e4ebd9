"""Which events an endpoint wants, and what it may carry with them."""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from typing import Any, Protocol
from uuid import UUID

from app.domain.kernel.catalog import Catalog
from app.domain.kernel.errors import AppError, Fault, Invalid, refused
from app.domain.kernel.object_type import AnyObject

MOST_ENDPOINTS = 100
MOST_SECRETS = 5  # that sign at once: each makes every request longer
EVERYTHING = "*"
# Those of the request itself, of the connection (RFC 9110 7.6.1), and of what it is trusted by.
RESERVED = frozenset(
    {"host", "connection", "keep-alive", "proxy-connection", "te", "trailer", "transfer-encoding", "upgrade", "expect"}
    | {"user-agent", "accept-encoding", "proxy-authorization", "date", "via", "forwarded"}
)
RESERVED_BEGINNINGS = ("webhook-", "content-", "x-forwarded-", "sec-", ":")
MASKED_FROM = 12  # characters: of shorter values nothing is shown


class Subscription(Protocol):
    """What of an endpoint decides whether an event is its own, beside its filter."""

    @property
    def event_types(self) -> Collection[str]: ...
    @property
    def skip_origins(self) -> Collection[str]: ...


class Owned(Protocol):
    @property
    def owner_id(self) -> UUID | None: ...
    @property
    def created_by(self) -> UUID | None: ...


def wants(endpoint: Subscription, event: Mapping[str, Any]) -> bool:
    """Whether an event, as a row of the log, is of a type that it names and came no way that it skips."""
    any_of_object = f"{event['object']}.*"
    if not any(one in endpoint.event_types for one in (event["type"], any_of_object, EVERYTHING)):
        return False
    return not any(one in endpoint.skip_origins for one in (event["origin"], f"user:{event['actor_id']}"))


def acts_for(endpoint: Owned) -> UUID | None:
    """The user whose rights decide what it is told."""
    return endpoint.owner_id or endpoint.created_by


def place_of(tenant_id: UUID, endpoint_id: UUID, secret_id: UUID) -> Sequence[str]:
    """Where a secret lies, for its seal. The headers of an endpoint lie under the id of the endpoint itself."""
    return (str(tenant_id), "webhook_secret", "sealed", f"{endpoint_id}/{secret_id}")


def unknown_types(event_types: Sequence[str], catalog: Catalog) -> Iterator[Fault]:
    message = f"There is no such object. Known are {', '.join(kind.name for kind in catalog)}."
    for place, one in enumerate(event_types):
        if one != EVERYTHING and _object_of(one) not in catalog:
            yield Fault(f"/eventTypes/{place}", "unknownType", message)


def objects_among(event_types: Iterable[str], catalog: Catalog) -> list[AnyObject]:
    """The objects whose events are named, in the order of the catalog."""
    named = set(event_types)
    return [kind for kind in catalog if EVERYTHING in named or any(_object_of(one) == kind.name for one in named)]


def sample_type(event_types: Sequence[str], catalog: Catalog) -> str:
    """One that the endpoint is told of: the first that it names, or else that a record of its first object is made."""
    concrete = (one for one in event_types if one != EVERYTHING and not one.endswith(f".{EVERYTHING}"))
    return next(concrete, f"{objects_among(event_types, catalog)[0].name}.created")


def refuse_reserved(names: Iterable[str]) -> None:
    """Raises `Invalid` for a header that is not the endpoint's own to set, and for one that is named twice."""
    seen: set[str] = set()
    for name in names:
        plain = name.lower()
        if plain in RESERVED or plain.startswith(RESERVED_BEGINNINGS):
            raise _bad_header(name, "reservedHeader", "This header is set by the system: take another name.")
        if plain in seen:
            raise _bad_header(name, "repeatedHeader", "The header is named twice: case makes no difference.")
        seen.add(plain)


def masked(value: str) -> str:
    """Enough to tell one value from another, and too little to use it."""
    return f"****{value[-4:]}" if len(value) >= MASKED_FROM else "****"


def _bad_header(name: str, code: str, message: str) -> AppError:
    pointer = "/headers/" + name.replace("~", "~0").replace("/", "~1")
    return refused(Invalid, pointer, code, message)


def _object_of(event_type: str) -> str:
    return event_type.partition(".")[0]
