"""Every place of every route where something of another tenant can be named, derived from the routes themselves."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import Any

from app.api.route import ApiRoute
from app.api.stream import EVENT_STREAM
from app.api.v1.routes import ROUTES
from app.domain.kernel.ids import uuid7
from app.domain.kernel.object_type import AnyObject, FieldType, ValueType
from app.domain.registry import CATALOG, OBJECT_TYPES
from tests.factories.making import fresh
from tests.isolation.tenants import CURRENCIES, KEY, Inhabited

LISTED: dict[str, Callable[[str], Any]] = {
    "members": lambda user_id: [user_id],
    "round_robin": lambda user_id: [{"userId": user_id, "weight": 1}],
}
NOBODYS = {ValueType.timestamp: "0917-01-01T00:00:00+00:00", ValueType.date: "0917-01-01"}
BY_PLURAL: dict[str, AnyObject] = {kind.plural: kind for kind in OBJECT_TYPES}
UNKNOWN_MARK = "0123456789ab"
PER_RECORD = ("id", "createdAt", "modifiedAt", "stageChangedAt", "externalIds", "key", "formKey", "consentAt")


@dataclass(frozen=True, kw_only=True)
class Ask:
    method: str
    path: str
    query: Mapping[str, str] = field(default_factory=dict)
    body: Any = None
    headers: Mapping[str, str] = field(default_factory=dict)

    def names(self, text: str) -> bool:
        return text in repr((self.path, self.query, self.body, self.headers))


@dataclass(frozen=True)
class Probe:
    """`foreign` names what the other tenant has, `missing` the same of nobody: their answers are the same.

    Without `missing` the answer is only searched for what is not ours. `creates` in our tenant, so it comes last.
    The parameters `echoed` are repeated in the answer, and are no difference.
    """

    route: ApiRoute
    place: str
    foreign: Ask
    missing: Ask | None = None
    creates: bool = False
    echoed: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        return f"{self.route.method} {self.route.path} {self.place}"


def probes(ours: Inhabited, theirs: Inhabited, routes: Sequence[ApiRoute] = ROUTES) -> list[Probe]:
    found = [probe for route in routes for probe in _of_route(route, ours, theirs)]
    return sorted(found, key=lambda probe: probe.creates)


def _of_route(route: ApiRoute, ours: Inhabited, theirs: Inhabited) -> Iterator[Probe]:
    kind = BY_PLURAL.get(route.tag)
    yield Probe(route, "as it is", _valid(route, ours))
    if "{id}" in route.path:
        yield from _path_ids(route, ours, theirs)
    if "{externalId}" in route.path:
        yield from _path_external_ids(route, theirs)
    if route.body and kind:
        yield from _references(route, kind, ours, theirs)
    if route.method == "POST" and route.status == 201:
        yield from _creations(route, ours, theirs)
    if route.body and "event_ids" in getattr(route.body, "model_fields", ()):
        yield _named_events(route, ours, theirs)
    if route.path == "/batch":
        yield from _operations(route, theirs)
    yield from _questions(route, kind, ours, theirs)


def _operations(route: ApiRoute, theirs: Inhabited) -> Iterator[Probe]:
    for method, sent in (("GET", {}), ("PATCH", {"body": {"country": "DE"}}), ("DELETE", {})):
        paths = [f"/accounts/{one}" for one in (theirs.records["accounts"]["id"], str(uuid7()))]
        bodies = [{"atomic": False, "operations": [{"method": method, "path": path, **sent}]} for path in paths]
        yield Probe(route, f"{method} in a batch", *(Ask(method="POST", path=route.path, body=one) for one in bodies))


def _valid(route: ApiRoute, ours: Inhabited) -> Ask:
    """Something the caller might rightly ask about a tenant's own records; ids are of what need not be."""
    path = route.path.replace("{id}", str(uuid7())).replace("{system}", "erp").replace("{externalId}", str(uuid7()))
    if route.method == "GET" and "{id}" in route.path:
        known = ours.beside[route.tag][0] if route.tag in ours.beside else ours.records[route.tag]["id"]
        path = route.path.replace("{id}", known)
    path = path.replace("{deliveryId}", ours.delivery_id)
    query = {one.name: one.schema["examples"][0] for one in route.parameters if one.required} | ending(route)
    return Ask(method=route.method, path=path, query=query, body=_body(route))


def ending(route: ApiRoute) -> Mapping[str, str]:
    """What makes a stream send what there is, and no more."""
    return {"after": "0-0", "for": "0"} if route.media == EVENT_STREAM else {}


def _body(route: ApiRoute) -> Any:
    return None if route.body is None else fresh(route.body_example or {})


def _path_ids(route: ApiRoute, ours: Inhabited, theirs: Inhabited) -> Iterator[Probe]:
    path = route.path.replace("{deliveryId}", theirs.delivery_id)
    groups = [theirs.records, theirs.spare, theirs.binned] if route.tag in theirs.records else []
    foreign_ids = [group[route.tag]["id"] for group in groups] or theirs.beside.get(route.tag, [theirs.key_id])
    if "{deliveryId}" in route.path:
        yield from _path_deliveries(route, ours, theirs)
    for foreign_id in foreign_ids:
        for place, more in _ways(route, theirs):
            asks = [
                Ask(method=route.method, path=path.replace("{id}", one), body=_body(route), **more)
                for one in (foreign_id, str(uuid7()))
            ]
            yield Probe(route, f"id in the path, {place}", *asks)


def _path_deliveries(route: ApiRoute, ours: Inhabited, theirs: Inhabited) -> Iterator[Probe]:
    for place, group in (("of ours", ours.records), ("of theirs", theirs.records)):
        path = route.path.replace("{id}", group[route.tag]["id"])
        asks = [
            Ask(method=route.method, path=path.replace("{deliveryId}", one))
            for one in (theirs.delivery_id, str(uuid7()))
        ]
        yield Probe(route, f"deliveryId {place}", *asks)


def _ways(route: ApiRoute, theirs: Inhabited) -> Iterator[tuple[str, dict[str, Any]]]:
    """One request differs from another by its options, too."""
    yield "plain", {}
    names = {parameter.name for parameter in route.parameters}
    if "Idempotency-Key" in names:
        yield "keyed", {"headers": {"Idempotency-Key": KEY}}
    if "If-Match" in names:
        yield "with their ETag", {"headers": {"If-Match": '"4-00000000"'}}
        yield "with no ETag of theirs", {"headers": {"If-Match": '"99-00000000"'}}
    if "If-None-Match" in names:
        yield "if changed", {"headers": {"If-None-Match": "*"}}
    if "asOf" in names:
        yield "as of its creation", {"query": {"asOf": theirs.records[route.tag]["modifiedAt"]}}
    if "expand" in names:
        yield "expanded", {"query": {"expand": ",".join(CATALOG.expansions(BY_PLURAL[route.tag]))}}
    if "fields" in names:
        yield "sparse", {"query": {"fields": "id,version"}}


def _path_external_ids(route: ApiRoute, theirs: Inhabited) -> Iterator[Probe]:
    known = theirs.records[route.tag]["externalIds"]["erp"]
    asks = [
        Ask(
            method=route.method,
            path=route.path.replace("{system}", "erp").replace("{externalId}", one),
            body=_body(route),
        )
        for one in (known, known.replace(theirs.mark, UNKNOWN_MARK))
    ]
    yield Probe(route, "external id in the path", *asks, creates=route.method == "PUT")


def _references(route: ApiRoute, kind: AnyObject, ours: Inhabited, theirs: Inhabited) -> Iterator[Probe]:
    if route.body_example is None or "query" in route.path:
        return
    path = route.path.replace("{id}", ours.records[kind.plural]["id"]).replace("{system}", "erp")
    for reference in kind.all_references.values():
        column = next(name for name, one in kind.all_references.items() if one is reference)
        field_name = kind.by_column[column].api_name
        plural = CATALOG[reference.to].plural
        asks = [
            Ask(
                method=route.method,
                path=path.replace("{externalId}", str(uuid7())),
                body={**_body(route), field_name: one},
            )
            for one in (theirs.records[plural]["id"], str(uuid7()))
        ]
        yield Probe(route, f"{field_name} in the body", *asks)
    for name in LISTED.keys() & set(kind.writable):
        users = [LISTED[name](one) for one in (theirs.records["users"]["id"], str(uuid7()))]
        bodies = [{**_body(route), kind.by_column[name].api_name: one} for one in users]
        asks = [Ask(method=route.method, path=path.replace("{externalId}", str(uuid7())), body=one) for one in bodies]
        yield Probe(route, f"{name} in the body", *asks)
    if "account" in (route.body.model_fields if route.body else ()):
        owners = (str(theirs.admin.user_id), str(uuid7()))
        nested = [{**_body(route), "account": {"name": "Nested", "ownerId": one}} for one in owners]
        yield Probe(route, "account.ownerId", *(Ask(method=route.method, path=path, body=one) for one in nested))


def _named_events(route: ApiRoute, ours: Inhabited, theirs: Inhabited) -> Probe:
    """What is accepted tells nothing of them; the job finds those of its own tenant only."""
    path = route.path.replace("{id}", ours.records[route.tag]["id"])
    asks = [Ask(method=route.method, path=path, body={"eventIds": [one]}) for one in (theirs.event_id, str(uuid7()))]
    return Probe(route, "eventIds in the body", *asks, creates=True)


def _creations(route: ApiRoute, ours: Inhabited, theirs: Inhabited) -> Iterator[Probe]:
    def asks(*differences: Mapping[str, Any], headers: tuple[Mapping[str, str], ...] = ({}, {})) -> list[Ask]:
        return [
            Ask(method=route.method, path=route.path, body={**_body(route), **one}, headers=sent)
            for one, sent in zip(differences, headers, strict=True)
        ]

    keys = ({"Idempotency-Key": f"{KEY}1"}, {"Idempotency-Key": f"{KEY}2"})
    yield Probe(route, "key that they have used", *asks({}, {}, headers=keys), creates=True)
    if route.tag not in theirs.spare:
        yield Probe(route, "userId in the body", *asks({"userId": str(theirs.admin.user_id)}, {"userId": str(uuid7())}))
        return
    for state, group in (("alive", theirs.spare), ("in the bin", theirs.binned)):
        ids = {"id": group[route.tag]["id"]}, {"id": str(uuid7())}
        yield Probe(route, f"id chosen that is {state} there", *asks(*ids), creates=True)
    known = theirs.spare[route.tag]["externalIds"]["erp"]
    given = ({"externalIds": {"erp": one}} for one in (known, known.replace(theirs.mark, UNKNOWN_MARK)))
    yield Probe(route, "external id that they have", *asks(*given), creates=True)
    if "email" in _body(route):
        emails = ({"email": theirs.spare["users"]["email"]}, {"email": f"{UNKNOWN_MARK}free@b.example"})
        yield Probe(route, "email that they have", *asks(*emails), creates=True)


def _questions(route: ApiRoute, kind: AnyObject | None, ours: Inhabited, theirs: Inhabited) -> Iterator[Probe]:
    yield from _resumed(route, ours, theirs)
    yield from _explained(route, ours, theirs)
    yield from _board(route, ours, theirs)
    yield from _conversions(route, theirs)
    yield from _forecasts(route, theirs)
    yield from _figures(route, theirs)
    if any(parameter.name == "q" for parameter in route.parameters):
        asked = ({"q": theirs.mark}, {"q": UNKNOWN_MARK})
        yield Probe(route, "q", *(Ask(method="GET", path=route.path, query=one) for one in asked))
    if route.path in ("/events", "/events/stream"):
        yield from _events(route, theirs)
    if route.path.endswith("/deliveries"):
        yield from _deliveries(route, ours, theirs)
    if kind and route.method == "GET" and route.path == f"/{kind.plural}":
        yield from _led_away(route, kind)
        views = ({"view": one} for one in (theirs.records["views"]["id"], str(uuid7())))
        yield Probe(route, "view", *(Ask(method="GET", path=route.path, query=one) for one in views))
        for place, *values in _filters(kind, theirs):
            asks = [Ask(method="GET", path=route.path, query={place: one}) for one in values if one]
            yield Probe(route, f"filter {place}", *asks)
    if kind and route.path.endswith("/query"):
        for place, *values in _filters(kind, theirs):
            asks = [Ask(method="POST", path=route.path, body={place: one}) for one in values if one]
            yield Probe(route, f"filter {place} in the body", *asks)
        words = (Ask(method="POST", path=route.path, body={"q": one}) for one in (theirs.mark, UNKNOWN_MARK))
        yield Probe(route, "q in the body", *words)
        views = ({"view": one} for one in (theirs.records["views"]["id"], str(uuid7())))
        yield Probe(route, "view in the body", *(Ask(method="POST", path=route.path, body=one) for one in views))


def _board(route: ApiRoute, ours: Inhabited, theirs: Inhabited) -> Iterator[Probe]:
    if not route.path.endswith("/board"):
        return
    path = route.path.replace("{id}", ours.records[route.tag]["id"])
    ids = (theirs.records["users"]["id"], str(uuid7()))
    yield Probe(route, "ownerId", *(Ask(method="GET", path=path, query={"ownerId": one}) for one in ids))
    written = ({"filter": f'account.ownerId == "{one}"'} for one in ids)
    yield Probe(route, "filter", *(Ask(method="GET", path=path, query=one) for one in written))


def _conversions(route: ApiRoute, theirs: Inhabited) -> Iterator[Probe]:
    """By a rate that they alone have."""
    if route.path != "/exchange-rates/convert":
        return
    rate = theirs.records[route.tag]
    known = {"amount": "1", "currency": rate["currency"], "date": rate["validFrom"]}
    for name, nobodys in (("currency", "ISK"), ("date", "0900-01-01")):
        asks = (Ask(method="GET", path=route.path, query=one) for one in (known, known | {name: nobodys}))
        yield Probe(route, name, *asks, echoed=(name,))


def _forecasts(route: ApiRoute, theirs: Inhabited) -> Iterator[Probe]:
    """Of a user and a pipeline of theirs, and by a rate that they alone have."""
    named = {"userId": "users", "pipelineId": "pipelines"}
    known = {name: theirs.records[plural]["id"] for name, plural in named.items()}
    known |= {"currency": theirs.records["exchange-rates"]["currency"]}
    if route.method == "GET" and route.path.partition("/forecasts")[0] == "":
        for one in route.parameters:
            if one.name in known:
                nobodys = "MKD" if one.name == "currency" else str(uuid7())
                values = ({"period": "2026", one.name: value} for value in (known[one.name], nobodys))
                asks = (Ask(method="GET", path=route.path, query=query) for query in values)
                yield Probe(route, one.name, *asks, echoed=(one.name,))


def _figures(route: ApiRoute, theirs: Inhabited) -> Iterator[Probe]:
    """Of a user and a pipeline of theirs, by a filter that names an account of theirs; and put together in every way."""
    named = {"ownerId": "users", "pipelineId": "pipelines", "filter": "accounts"}
    ways = {
        "by": ("account", "owner", "account.name"),
        "per": ("month",),
        "from": ("0917-01-01",),
        "to": ("9000-01-01",),
    }
    for name in [one.name for one in route.parameters] if route.path.startswith("/sales-figures/") else ():
        ids = (theirs.records[named[name]]["id"], str(uuid7())) if name in named else ()
        given = [f'accountId == "{one}"' if name == "filter" else one for one in ids]
        groups = [given] if given else [[one] for one in ways.get(name, ())]
        for values in groups:
            yield Probe(route, name, *(Ask(method="GET", path=route.path, query={name: one}) for one in values))


def _deliveries(route: ApiRoute, ours: Inhabited, theirs: Inhabited) -> Iterator[Probe]:
    path = route.path.replace("{id}", ours.records[route.tag]["id"])
    asked = ({"recordId": one} for one in (theirs.records["views"]["id"], str(uuid7())))
    yield Probe(route, "recordId", *(Ask(method="GET", path=path, query=one) for one in asked))


def _explained(route: ApiRoute, ours: Inhabited, theirs: Inhabited) -> Iterator[Probe]:
    """A record of theirs; and of two that are compared, one is theirs."""
    if route.path == "/explain/assignment":
        named = ({"object": "lead", "id": one} for one in (theirs.records["leads"]["id"], str(uuid7())))
        yield Probe(route, "id", *(Ask(method="GET", path=route.path, query=one) for one in named))
    if route.path == "/explain/score":
        leads = (theirs.records["leads"]["id"], str(uuid7()))
        yield Probe(route, "leadId", *(Ask(method="GET", path=route.path, query={"leadId": one}) for one in leads))
    for place, other in (("id", "other"), ("other", "id")) if route.path == "/explain/duplicates" else ():
        known = {"object": "account", other: ours.records["accounts"]["id"]}
        asked = (known | {place: one} for one in (theirs.records["accounts"]["id"], str(uuid7())))
        yield Probe(route, place, *(Ask(method="GET", path=route.path, query=one) for one in asked))
        lead = {"object": "lead", "id": ours.records["leads"]["id"], "otherObject": "contact"}
        asked = (lead | {"other": one} for one in (theirs.records["contacts"]["id"], str(uuid7())))
        yield Probe(route, "otherObject", *(Ask(method="GET", path=route.path, query=one) for one in asked))


def _events(route: ApiRoute, theirs: Inhabited) -> Iterator[Probe]:
    for record in (*theirs.records.values(), *theirs.binned.values()):
        asked = ({"recordId": one, **ending(route)} for one in (record["id"], str(uuid7())))
        yield Probe(route, "recordId", *(Ask(method="GET", path=route.path, query=one) for one in asked))
    ids = (theirs.records["accounts"]["id"], str(uuid7()))
    written = ({"object": "account", "filter": f'id == "{one}"', **ending(route)} for one in ids)
    yield Probe(route, "filter", *(Ask(method="GET", path=route.path, query=one) for one in written))


def _resumed(route: ApiRoute, ours: Inhabited, theirs: Inhabited) -> Iterator[Probe]:
    cursor = theirs.cursors.get(route.path.replace("{id}", "{}").removesuffix("/stream"))
    if cursor and route.method == "GET":
        name = "after" if route.tag == "events" else "cursor"
        path = route.path.replace("{id}", ours.records[route.tag]["id"]) if "{id}" in route.path else route.path
        yield Probe(route, "cursor of theirs", Ask(method="GET", path=path, query={**ending(route), name: cursor}))


def _led_away(route: ApiRoute, kind: AnyObject) -> Iterator[Probe]:
    """Lists that are sorted, expanded and counted in every way."""
    for one in kind.fields.values():
        if kind.may_sort(one.name):
            yield Probe(route, f"sort {one.api_name}", Ask(method="GET", path=route.path, query={"sort": one.api_name}))
    for name in CATALOG.expansions(kind):
        yield Probe(route, f"expand {name}", Ask(method="GET", path=route.path, query={"expand": name}))
    yield Probe(route, "count", Ask(method="GET", path=route.path, query={"count": "exact"}))


def _filters(kind: AnyObject, theirs: Inhabited) -> Iterator[tuple[str, str, str | None]]:
    """Parameter, a value that only their record has, and one that none has; of few choices there is none.

    Where their record has no value yet, and where it counts from zero, that is so of every record.
    """
    record = theirs.records[kind.plural]
    for one in kind.fields.values():
        if not kind.may_filter(one.name):
            continue
        value = record[one.api_name]
        if one.type is ValueType.money:
            value = value["amount"] if value else None
        if value is None:
            value = NOBODYS.get(one.type) or str(uuid7())
        if one.type is ValueType.boolean:
            value = str(value).lower()
        other = None if _few(kind, one) or value == 0 else _OTHERS[one.type](value)
        yield one.api_name, str(value), other
        yield f"{one.api_name}[in]", str(value), other
        if one.type is ValueType.money:
            yield f"{one.api_name}.currency", CURRENCIES[1], "ISK"
        if one.type is ValueType.text and other:
            yield f"{one.api_name}[icontains]", str(value)[:14], other[:14]
    known = record["externalIds"]["erp"]
    yield "externalIds.erp", known, known.replace(theirs.mark, UNKNOWN_MARK)


def _few(kind: AnyObject, one: FieldType) -> bool:
    """Whether the field is a choice of a few words."""
    written = kind.create.model_fields.get(one.name)
    if one.type is ValueType.boolean or (written and written.examples):
        return True
    return one.type is ValueType.text and "Literal" in repr(kind.read.model_fields[one.name].annotation)


_OTHERS: dict[ValueType, Callable[[Any], str]] = {
    ValueType.id: lambda _: str(uuid7()),
    ValueType.integer: lambda value: str(int(value) + 7),
    ValueType.decimal: lambda value: f"{value}{'' if '.' in value else '.'}7",
    ValueType.date: lambda value: (date.fromisoformat(value) + timedelta(days=7)).isoformat(),
    ValueType.timestamp: lambda value: (datetime.fromisoformat(value) - timedelta(microseconds=7)).isoformat(),
    ValueType.money: lambda value: f"{value[:-1]}9",
    ValueType.text: lambda value: value[::-1],
}
