"""What the document cannot say of a valid request, because it depends on what is stored.

Ids of other records must exist, cursors come from the page before, an ETag is that of the record as it is, an
Idempotency-Key belongs to one request, a base version is one that the record has had. A generated request that is meant to be valid gets such values here;
one that is meant to be refused is left as it is.
"""

from datetime import UTC, datetime
from typing import Any, Self
from uuid import uuid4

import requests
import schemathesis
from hypothesis import strategies as st
from schemathesis.generation.meta import TestPhase
from schemathesis.hooks import GLOBAL_HOOK_DISPATCHER

from app.domain.registry import OBJECT_TYPES

PREFIX = "/api/v1"
FILTER = "version > 0 && createdAt <= now() || owner == me()"  # any text fits the schema, few are expressions
BODIES = {
    "accounts": {"name": "Acme"},
    "contacts": {"lastName": "Lovelace"},
    "opportunities": {"name": "Acme - GTX Basic"},
    "products": {"name": "GTX Basic"},
    "users": {"name": "Ada Lovelace"},
    "views": {"name": "Finance", "object": "account", "shared": True},
    "api-keys": {"name": "Website", "scopes": ["accounts:read"]},
}
VIEW = {"object": "account", "filter": "employees > 5", "columns": ["name", "owner.name"], "sort": "-employees"}
# PostgreSQL and Python keep years 1 to 9999 in UTC: the first and the last day are out of reach with an offset.
TIMES = st.datetimes(datetime(2, 1, 1), datetime(9998, 1, 1), timezones=st.just(UTC)).map(datetime.isoformat)  # noqa: DTZ001  # hypothesis adds the time zone


class Valid:
    """A hook of schemathesis. `stock` are records that stay: others refer to them, and no request changes them."""

    def __init__(self, url: str, key: str, user_id: str) -> None:
        self._api = requests.Session()
        self._api.headers["Authorization"] = f"Bearer {key}"
        self._url = url + PREFIX
        me = self._send("GET", "/me")
        self.stock = {plural: self._new(plural) for plural in BODIES}
        self.spare = {plural: self._new(plural, **_known_as(plural)) for plural in BODIES}
        self.views = {kind.plural: self._new("views", object=kind.name)["id"] for kind in OBJECT_TYPES}
        self.kept = {user_id, me["keyId"], *(record["id"] for record in self.stock.values()), *self.views.values()}
        self._references = {
            "ownerId": self.stock["users"]["id"],
            "managerId": self.stock["users"]["id"],
            "userId": self.stock["users"]["id"],
            "accountId": self.stock["accounts"]["id"],
            "parentId": self.stock["accounts"]["id"],
            "primaryContactId": self.stock["contacts"]["id"],
            "productId": self.stock["products"]["id"],
        }

    def __enter__(self) -> Self:
        self._hook = self._prepare  # a bound method is a new object each time, and it is unregistered by identity
        schemathesis.openapi.format("date-time", TIMES)
        GLOBAL_HOOK_DISPATCHER.register_hook_with_name(self._hook, "before_call")
        return self

    def __exit__(self, *_: object) -> None:
        GLOBAL_HOOK_DISPATCHER.unregister(self._hook)

    def _prepare(self, _context: Any, case: Any, _kwargs: Any) -> None:
        if case.meta is None or not case.meta.generation.mode.is_positive:
            self._keep_the_stock(case)
            return
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
        """By a filter that is an expression, by words, and by a view of the same object."""
        plural = case.path.removeprefix(PREFIX).split("/")[1]
        if isinstance(case.query, dict) and "filter" in case.query and plural == "events":
            case.query.setdefault("object", "account")
        for asked in (case.query, case.body if case.path.endswith("/query") else {}):
            if isinstance(asked, dict):
                meant = {"filter": FILTER, "q": "ada lov", "view": self.views.get(plural)}
                asked |= {name: one for name, one in meant.items() if name in asked}

    def _aim(self, case: Any) -> None:
        """At something that is there: requests to random ids would only ever be answered 404."""
        plural = case.path.removeprefix(PREFIX).split("/")[1]
        if "system" in case.path_parameters and case.method == "GET":
            case.path_parameters |= {"system": "spare", "externalId": plural}
        if "id" in case.path_parameters:
            case.path_parameters["id"] = self._target(case.method, case.path, plural)
        if "If-Match" in case.headers:
            known = self._api.get(f"{self._url}/{plural}/{case.path_parameters['id']}")
            case.headers["If-Match"] = known.headers["ETag"]

    def _target(self, method: str, path: str, plural: str) -> str:
        if method != "DELETE" and not path.endswith("/restore"):
            return str(self.spare[plural]["id"])
        record_id = str(self._new(plural)["id"])
        if path.endswith("/restore"):
            self._send("DELETE", f"/{plural}/{record_id}")
        return record_id

    def _keep_the_stock(self, case: Any) -> None:
        if case.method in ("PATCH", "DELETE") and case.path_parameters.get("id") in self.kept:
            case.path_parameters["id"] = str(uuid4())

    def _fill(self, case: Any) -> None:
        for name in self._references.keys() & case.body.keys():
            if case.body[name] is not None and not case.path.endswith("/query"):
                case.body[name] = self._references[name]
        if isinstance(case.body.get("account"), dict):
            for name in self._references.keys() & case.body["account"].keys():
                case.body["account"][name] = self._references[name]
        if case.path.startswith(f"{PREFIX}/views") and not case.path.endswith("/query"):
            case.body |= {name: one for name, one in VIEW.items() if name in case.body}
        if "baseVersion" in case.body:
            case.body["baseVersion"] = 1
        if case.method == "PUT" and isinstance(case.body.get("externalIds"), dict):
            case.body["externalIds"].pop(case.path_parameters["system"], None)

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
        email = {"email": f"{uuid4()}@test.example"} if plural == "users" else {}
        return self._send("POST", f"/{plural}", json={**BODIES[plural], **email, **more})

    def _send(self, method: str, path: str, **content: Any) -> dict[str, Any]:
        answer = self._api.request(method, self._url + path, **content)
        return answer.json() if answer.content else {}


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
