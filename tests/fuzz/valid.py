"""What the document cannot say of a valid request, because it depends on what is stored.

Ids of other records must exist, cursors come from the page before, an ETag is that of the record as it is, an
Idempotency-Key belongs to one request, a base version is one that the record has had. A generated request that is meant to be valid gets such values here;
one that is meant to be refused is left as it is, but for what else is wrong with it.
"""

from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime
from typing import Any, Self
from uuid import uuid4

import requests
import schemathesis
from hypothesis import strategies as st
from schemathesis.generation.meta import TestPhase
from schemathesis.hooks import GLOBAL_HOOK_DISPATCHER

from app.api.v1.stream import LONGEST_S
from app.domain.registry import CATALOG, OBJECT_TYPES
from tests.factories.making import fresh, needed
from tests.fuzz.meaning import BODIES, FILTER, MEANT, OFTEN_TAKEN, PHONE, REFERENCES, SHORTEST_PHONE

PREFIX = "/api/v1"
MOVES = (
    "/move",
    "/win",
    "/lose",
    "/reopen",
    "/contact",
    "/qualify",
    "/disqualify",
    "/recycle",
    "/convert",
    "/present",
    "/accept",
    "/reject",
    "/revise",
    "/refresh",
)  # after which a record is no longer what they ask for
KINDS = {kind.plural: kind for kind in OBJECT_TYPES}
# PostgreSQL and Python keep years 1 to 9999 in UTC: the first and the last day are out of reach with an offset.
TIMES = st.datetimes(datetime(2, 1, 1), datetime(9998, 1, 1), timezones=st.just(UTC)).map(datetime.isoformat)  # noqa: DTZ001  # hypothesis adds the time zone


class _Lazily(dict[str, dict[str, Any]]):
    """Records by plural, each made when it is first asked for."""

    def __init__(self, make: Callable[[str], dict[str, Any]]) -> None:
        super().__init__()
        self._make = make

    def __missing__(self, plural: str) -> dict[str, Any]:
        self[plural] = self._make(plural)
        return self[plural]


class Valid:
    """A hook of schemathesis. `stock` are records that stay: others refer to them, and no request changes them.

    What no request makes is made by `beside`, by the first word of the path; and so are the delivery of the spare endpoint
    and the submission that is to be confirmed.
    """

    delivery_id = ""
    pending_id = ""
    beside: Mapping[str, Callable[[], str]] = {}  # set for each attack, and never changed

    def __init__(self, url: str, key: str, user_id: str, tags: Iterable[str]) -> None:
        """`tags` are those of the operations: what they list is there, and of the rest what a request refers to."""
        self._api = requests.Session()
        self._api.trust_env = False  # which looks for proxies with every request
        self._api.headers["Authorization"] = f"Bearer {key}"
        self._url = url + PREFIX
        self.user_id = user_id
        self._mine = {user_id, self._send("GET", "/me")["keyId"]}
        self._prepared: set[str] = set()
        self.stock = _Lazily(self._new)
        self.spare = _Lazily(lambda plural: self._new(plural, **_known_as(plural)))
        self.views = _Lazily(lambda plural: self._new("views", object=KINDS[plural].name))
        for plural in _listed_by(tags):
            _ = self.stock[plural], self.spare[plural]

    def __enter__(self) -> Self:
        self._hook = self._prepare  # a bound method is a new object each time, and it is unregistered by identity
        schemathesis.openapi.format("date-time", TIMES)
        GLOBAL_HOOK_DISPATCHER.register_hook_with_name(self._hook, "before_call")
        return self

    def __exit__(self, *_: object) -> None:
        GLOBAL_HOOK_DISPATCHER.unregister(self._hook)

    def _prepare(self, _context: Any, case: Any, _kwargs: Any) -> None:
        if case.path.endswith("/stream"):
            _let_it_end(case)
        if case.meta is None or not case.meta.generation.mode.is_positive:
            self._keep_the_stock(case)
            _let_the_phone_be_right(case)
            return
        if case.headers.get("Last-Event-ID") == "":  # where nothing else came to schemathesis' mind
            del case.headers["Last-Event-ID"]
        if "Idempotency-Key" in case.headers:
            case.headers["Idempotency-Key"] = str(uuid4())
        if case.meta.phase.name is not TestPhase.STATEFUL:
            self._aim(case)
        self._keep_the_stock(case)
        if "asOf" in case.query:
            case.query["asOf"] = self.spare["accounts"]["createdAt"]
            case.query.pop("expand", None)
        self._ask(case)
        if isinstance(case.body, dict):
            case.body = _with_integers(case.body)
            self._fill(case)
        self._turn_the_page(case)

    def _ask(self, case: Any) -> None:
        """By a filter that is an expression, by words, and by a view of the same object; by a rate that is known."""
        if case.path.endswith("/exchange-rates/convert"):
            case.query |= dict.fromkeys(("currency", "to"), "GBP")
        plural = case.path.removeprefix(PREFIX).split("/")[1]
        if isinstance(case.query, dict) and "filter" in case.query and plural == "events":
            case.query.setdefault("object", "account")
        if plural == "sales-figures":
            meant = {
                "by": "owner",
                "from": "2026-01-01",
                "to": "2026-12-31",
                "pipelineId": self.stock["pipelines"]["id"],
            }
            case.query |= {name: one for name, one in meant.items() if name in case.query}
        for asked in (case.query, case.body if case.path.endswith("/query") else {}):
            if isinstance(asked, dict):
                meant = {"filter": FILTER, "q": "ada lov"}
                asked |= {name: one for name, one in meant.items() if name in asked}
                if "view" in asked:
                    asked["view"] = self.views[plural]["id"] if plural in KINDS else None

    def _aim(self, case: Any) -> None:
        """At something that is there: requests to random ids would only ever be answered 404."""
        plural = case.path.removeprefix(PREFIX).split("/")[1]
        if "system" in case.path_parameters and case.method == "GET":
            _ = self.spare[plural]
            case.path_parameters |= {"system": "spare", "externalId": plural}
        if case.path.startswith(f"{PREFIX}/explain/"):
            self._explained(case)
        if "id" in case.path_parameters:
            case.path_parameters["id"] = self._target(case.method, case.path, plural)
        if "deliveryId" in case.path_parameters:
            case.path_parameters["deliveryId"] = self.delivery_id
        if "If-Match" in case.headers:
            known = self._api.get(f"{self._url}/{plural}/{case.path_parameters['id']}")
            case.headers["If-Match"] = known.headers["ETag"]

    def _target(self, method: str, path: str, plural: str) -> str:
        if plural in self.beside:
            return self.beside[plural]()
        if path.endswith("/confirmation"):
            return self.pending_id
        if method != "DELETE" and not path.endswith(("/restore", "/take", *MOVES)):
            return str(self.spare[plural]["id"])
        if path.endswith("/take"):
            return self._waiting()
        record_id = self._presented(path) if plural == "quotes" else str(self._new(plural)["id"])
        if path.endswith("/restore"):
            self._send("DELETE", f"/{plural}/{record_id}")
        if path.endswith("/reopen"):
            self._send("POST", f"/{plural}/{record_id}/lose", json={})
        return record_id

    def _presented(self, path: str) -> str:
        """A quote of an opportunity of its own, since of each one is accepted; as the path needs it."""
        quote_id = str(self._new("quotes", opportunityId=self._new("opportunities")["id"])["id"])
        if path.endswith(("/accept", "/reject", "/revise")):
            self._send("POST", f"/quotes/{quote_id}/present")
        return quote_id

    def _waiting(self) -> str:
        """A lead in a queue of our own, which it comes to by a rule only."""
        queue = self._new("queues", members=[self.user_id])
        rule = self._new("assignment-rules", active=True, queueId=queue["id"])
        lead_id = str(self._new("leads")["id"])
        self._send("DELETE", f"/assignment-rules/{rule['id']}")
        return lead_id

    def _explained(self, case: Any) -> None:
        """Two records of the object that is named, or the one lead."""
        if "leadId" in case.query:
            case.query["leadId"] = self.spare["leads"]["id"]
            return
        plural = CATALOG[case.query["object"]].plural
        known = {"id": self.spare[plural]["id"], "other": self.stock[plural]["id"]}
        case.query |= {name: one for name, one in known.items() if name in case.query}

    def _keep_the_stock(self, case: Any) -> None:
        stays = (*self.stock.values(), *self.views.values())
        kept = self._mine.union(record["id"] for record in stays)
        if case.method in ("PATCH", "DELETE") and case.path_parameters.get("id") in kept:
            case.path_parameters["id"] = str(uuid4())

    def _fill(self, case: Any) -> None:
        for name in REFERENCES.keys() & case.body.keys():
            if case.body[name] is not None and not case.path.endswith("/query"):
                case.body[name] = self.stock[REFERENCES[name]]["id"]
        if isinstance(case.body.get("account"), dict):
            for name in REFERENCES.keys() & case.body["account"].keys():
                case.body["account"][name] = self.stock[REFERENCES[name]]["id"]
        self._mean(case)
        if "/opportunity-lines" in case.path and not case.path.endswith("/query"):  # a product may have no list price
            case.body["unitPrice"] = MEANT["opportunity-lines"]["unitPrice"]
        if "baseVersion" in case.body:
            case.body["baseVersion"] = self._version(case)
        if case.method == "PUT" and isinstance(case.body.get("externalIds"), dict):
            case.body["externalIds"].pop(case.path_parameters["system"], None)

    def _version(self, case: Any) -> int:
        """That of the record as it is: an edit of an older one would mostly clash."""
        plural = case.path.removeprefix(PREFIX).split("/")[1]
        known = self._api.get(f"{self._url}/{plural}/{case.path_parameters.get('id')}")
        return int(known.json().get("version", 1))

    def _mean(self, case: Any) -> None:
        """Texts of which most mean nothing; and a replay is asked for in one way of three."""
        if case.path.endswith("/replay"):
            case.body = {"failedOnly": True}
        elif case.path.endswith("/convert"):
            case.body |= {name: {} for name, one in case.body.items() if isinstance(one, dict)}
        elif not case.path.endswith("/query"):
            meant = MEANT.get(case.path.removeprefix(PREFIX).split("/")[1], {})
            case.body |= {name: one for name, one in meant.items() if name in case.body}
            if case.path.removeprefix(PREFIX).split("/")[1] in OFTEN_TAKEN:
                case.body = fresh(case.body)  # what comes to schemathesis' mind first is soon taken

    def _turn_the_page(self, case: Any) -> None:
        """The cursor of the page before, if the same question has a page after it."""
        asked = case.body if case.path.endswith("/query") and isinstance(case.body, dict) else case.query
        if "cursor" not in asked:
            return
        del asked["cursor"]
        before = case.formatted_path.removeprefix(PREFIX)
        sent = {"json": {**asked, "limit": 1}} if asked is case.body else {"params": {**asked, "limit": 1}}
        page = self._send(case.method, before, **sent).get("page", {})
        if page.get("nextCursor"):
            asked["cursor"] = page["nextCursor"]

    def _new(self, plural: str, **more: Any) -> dict[str, Any]:
        if plural in KINDS and plural not in self._prepared:
            self._prepared.add(plural)
            for path, body in needed(KINDS[plural], CATALOG):
                self._send("POST", path, json=body)
        email = {"email": ""} if plural == "users" else {}
        sent = {"json": fresh({**BODIES[plural], **email}) | more}
        made = self._send("POST", f"/{plural}", **sent)
        if made.get("code") != "tooManyEndpoints":
            return made
        for one in self._send("GET", f"/{plural}?limit=200&fields=id")["data"]:
            if one["id"] not in (self.stock[plural]["id"], self.spare[plural]["id"]):
                self._send("DELETE", f"/{plural}/{one['id']}")
        return self._send("POST", f"/{plural}", **sent)

    def _send(self, method: str, path: str, **content: Any) -> dict[str, Any]:
        answer = self._api.request(method, self._url + path, **content)
        return answer.json() if answer.content else {}


def _let_it_end(case: Any) -> None:
    """A stream would go on for days. A duration that is to be refused is left as it is."""
    duration = str(case.query.setdefault("for", 0))
    if duration.isascii() and duration.isdigit() and int(duration) <= LONGEST_S:
        case.query["for"] = 0


def _let_the_phone_be_right(case: Any) -> None:
    """Or a request that is wrong in one value would be refused for its phone, too, whatever became of that value."""
    if isinstance(case.body, dict) and case.body.get("phone") == SHORTEST_PHONE:
        case.body["phone"] = PHONE


def _with_integers(value: Any) -> Any:
    """JSON Schema counts 20.0 among the integers; the API, as strict readers of JSON do, does not."""
    match value:
        case float() if value.is_integer():
            return int(value)
        case dict():
            return {name: _with_integers(member) for name, member in value.items()}
        case list():
            return [_with_integers(member) for member in value]
    return value


def _known_as(plural: str) -> dict[str, Any]:
    return {} if plural == "api-keys" else {"externalIds": {"spare": plural}}


def _listed_by(tags: Iterable[str]) -> list[str]:
    """Operations that belong to no one object may read any of them."""
    return list(BODIES) if set(tags) - BODIES.keys() else [plural for plural in BODIES if plural in tags]
