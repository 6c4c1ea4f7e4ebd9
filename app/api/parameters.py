"""Query parameters and headers as the document names them."""

from collections.abc import Iterable, Mapping, Sequence
from functools import cache
from typing import Any

from pydantic import TypeAdapter

from app.api.listing import MAX_LIMIT
from app.api.route import Named, Parameter
from app.domain.kernel.catalog import Catalog
from app.domain.kernel.expression.limits import MAX_LENGTH
from app.domain.kernel.expression.shorthand import MAX_CONDITIONS, MAX_LIST
from app.domain.kernel.object_type import AnyObject, FieldType, ValueType
from app.domain.kernel.query import TO_MANY
from app.domain.kernel.schemas import MAX_TEXT, NO_NUL
from app.domain.kernel.search import CANDIDATES, MAX_QUERY

_TAG = '"[0-9]{1,18}(-[0-9a-f]{1,20})?"'
IF_MATCH = Parameter(
    "If-Match",
    "The ETag of the record as you know it: the write is refused with 412 when the record has another version.",
    {"type": "string", "pattern": rf"^(\*|{_TAG}(, *{_TAG}){{0,9}})$", "examples": ['"3-0a1b2c3d"']},
    place="header",
)
IF_NONE_MATCH = Parameter(
    "If-None-Match",
    "An ETag that you hold: the answer is 304 without a body when nothing has changed.",
    {"type": "string", "examples": ['"3-0a1b2c3d"']},
    place="header",
)
IDEMPOTENCY_KEY = Parameter(
    "Idempotency-Key",
    "Makes the request safe to repeat: a second one with the same key repeats the first answer, for 72 hours.",
    {"type": "string", "minLength": 1, "maxLength": 255, "pattern": "^[!-~]+$"},
    place="header",
)
PREFER = Parameter(
    "Prefer",
    "`wait=2` gives the request two seconds instead of five; `dry-run` previews a write, as `?dryRun=true` does: the "
    "answer is what it would answer and do, and nothing of it happens; `allow-duplicates` creates a record whatever the "
    "organisation does about duplicates (RFC 7240). Other preferences are ignored.",
    {"type": "string", "examples": ["wait=2"]},
    place="header",
)
CAUSE = Parameter(
    "Cause",
    "The id of the event that this write answers (the `webhook-id` of a request). Its own event names it as its cause; "
    "webhooks no longer follow a chain of more than 8.",
    {"type": "string", "format": "uuid"},
    place="header",
)
KEYED = (IDEMPOTENCY_KEY, CAUSE, PREFER)
ETAGS = (IF_MATCH, *KEYED)
LIMIT = Parameter(
    "limit",
    f"Records per page, at most {MAX_LIMIT}.",
    {"type": "integer", "minimum": 1, "maximum": MAX_LIMIT, "default": 50},
)
CURSOR = Parameter(
    "cursor",
    "`page.nextCursor` of the previous page of the same query.",
    {"type": "string", "pattern": "^[A-Za-z0-9_=-]+$"},
)
FILTER = Parameter(
    "filter",
    "A condition in the expression language over any field that you see, those of other records included, such as "
    '`modifiedAt > now() - duration("7d") && owner.region in ["North", "East"]`. It narrows what the other conditions leave.',
    {"type": "string", "minLength": 1, "maxLength": MAX_LENGTH, "examples": ["version > 1 && has(owner)"]},
)
Q = Parameter(
    "q",
    "Words that must all occur in a record's names, emails, phone numbers or external ids: whole, as a beginning, inside a "
    f"word, or one letter off in a word of five or more. The best {CANDIDATES:,} records are listed, in the order of "
    "relevance unless `sort` says another.",
    {"type": "string", "minLength": 1, "maxLength": MAX_QUERY, "pattern": NO_NUL, "examples": ["ada lov"]},
)
AS_OF = Parameter(
    "asOf", "The record as it was at this time; not together with `expand`.", {"type": "string", "format": "date-time"}
)


ID = {"type": "string", "format": "uuid"}
EXTERNAL_ID = {"type": "string", "minLength": 1, "maxLength": 255, "pattern": NO_NUL}
SYSTEM = r"[a-zA-Z][a-zA-Z0-9_-]{0,39}"
PATH = {
    "id": Parameter("id", "The id of the record.", ID, place="path"),
    "system": Parameter(
        "system",
        "The other system, by a name of your choice.",
        {"type": "string", "pattern": f"^{SYSTEM}$"},
        place="path",
    ),
    "externalId": Parameter(
        "externalId",
        "The id that the other system knows the record by.",
        EXTERNAL_ID,
        place="path",
    ),
    "deliveryId": Parameter("deliveryId", "The id of the delivery.", ID, place="path"),
}
VIEW = Parameter(
    "view",
    "A saved view of these records: its filter holds beside the others; its sort and columns hold unless you name some.",
    ID,
)
COUNT = Parameter("count", "`exact` counts all that match.", {"type": "string", "enum": ["none", "exact"]})
OPERATORS = (
    "A filter may name an operator in brackets, as in `createdAt[gte]`: `[ne]`, `[lt]`, `[lte]`, `[gt]`, `[gte]`, "
    "`[in]` with values between commas, `[empty]` with true or false, and of text `[icontains]` and `[startsWith]`. "
    "`externalIds.<system>` finds the record that the system knows by an id."
)
_WRITTEN = {"type": "string", "pattern": "^(0|-?[1-9][0-9]{0,8})$"}
_BOOLEAN = {"type": "string", "enum": ["true", "false"]}
_CURRENCY = {"$ref": "#/components/schemas/Currency"}
_EQUAL, _ORDER, _PARTS = ("eq", "ne"), ("lt", "lte", "gt", "gte"), ("icontains", "startsWith")
_MEMBERS = {"q", "filter", "view", "sort", "cursor", "fields", "expand", "count"}


def one_record(kind: AnyObject, catalog: Catalog) -> Sequence[Parameter]:
    return (_fields(kind), _expand(kind, catalog), IF_NONE_MATCH, PREFER)


def many_records(kind: AnyObject, catalog: Catalog) -> Sequence[Parameter]:
    filters = [
        Parameter(name, f"Only records whose {name} equals this.", schema) for name, schema in _filters(kind).items()
    ]
    searches = (Q,) if kind.searchable else ()
    controls = (*searches, FILTER, VIEW, _sort(kind), LIMIT, CURSOR, _fields(kind), _expand(kind, catalog), COUNT)
    return (*filters, *controls, IF_NONE_MATCH, PREFER)


def query_of(kind: AnyObject, catalog: Catalog) -> Named:
    """The parameters of the list as members of a body. Numbers may be written as text, as they are in a URL."""
    controls = {one.name: dict(one.schema) for one in many_records(kind, catalog) if one.name in _MEMBERS}
    listed = {"type": "string", "pattern": "^([1-9][0-9]?|1[0-9][0-9]|200)$"}
    conditions = {name: _in_json(schema) for name, schema in _filters(kind).items()}
    patterns: dict[str, Any] = {
        rf"^externalIds\.{SYSTEM}$": EXTERNAL_ID,
        rf"^({_pattern(conditions)})\[empty\]$": _in_json(_BOOLEAN),
    }
    for alike in _alike(_filters(kind)):
        patterns |= _compared(_pattern(alike), alike[next(iter(alike))])
    schema = {
        "description": "The parameters of the list as members of a body, the filters among them.",
        "type": "object",
        "properties": {"limit": {"anyOf": [LIMIT.schema, listed]}, **controls, **conditions},
        "patternProperties": patterns,
        "additionalProperties": False,
        "maxProperties": MAX_CONDITIONS,
    }
    return Named(f"{kind.model.__name__}Query", schema)


def _alike(filters: Mapping[str, Mapping[str, Any]]) -> list[dict[str, Mapping[str, Any]]]:
    """The filters in groups of those that are compared with the same."""
    groups: dict[str, dict[str, Mapping[str, Any]]] = {}
    for name, schema in filters.items():
        groups.setdefault(repr(schema), {})[name] = schema
    return list(groups.values())


def _compared(names: str, schema: Mapping[str, Any]) -> dict[str, Any]:
    """What `name[operator]` takes (`names` is a pattern), by a pattern of the operators that take the same."""
    is_text, unordered = schema.get("maxLength") == MAX_TEXT, schema.get("format") == "uuid" or schema == _BOOLEAN
    one = _in_json(schema)
    operators = (*_EQUAL, *(() if unordered or schema == _CURRENCY else _ORDER), *(_PARTS if is_text else ()))
    several = {"type": "array", "items": one, "maxItems": MAX_LIST}
    return {
        rf"^({names})\[({'|'.join(operators)})\]$": one,
        rf"^({names})\[in\]$": {"anyOf": [several, _as_text(schema)]},
    }


def _pattern(names: Iterable[str]) -> str:
    return "|".join(name.replace(".", r"\.") for name in names)


def _in_json(schema: Mapping[str, Any]) -> dict[str, Any]:
    if schema == _BOOLEAN:
        return {"enum": [True, False, "true", "false"]}
    return {"anyOf": [dict(schema), _WRITTEN]} if schema.get("type") == "integer" else dict(schema)


def _as_text(schema: Mapping[str, Any]) -> dict[str, Any]:
    return _WRITTEN if schema.get("type") == "integer" else dict(schema)


def _filters(kind: AnyObject) -> dict[str, Mapping[str, Any]]:
    """What each filter is compared with, by its name in the API."""
    filters: dict[str, Mapping[str, Any]] = {}
    for name, field in kind.fields.items():
        if kind.may_filter(field.name):
            filters[name] = _schema(field)
            if field.type is ValueType.money:
                filters[f"{name}.currency"] = _CURRENCY
    return filters


def _sort(kind: AnyObject) -> Parameter:
    sortable = [field.api_name for field in kind.fields.values() if kind.may_sort(field.name)]
    return Parameter(
        "sort",
        f"At most two fields, `-` for descending; empty values come last. Default {kind.default_sort}.",
        {"type": "string", "pattern": _listed(sortable, prefix="-?", most=1)},
    )


def _fields(kind: AnyObject) -> Parameter:
    return Parameter(
        "fields", "Only these fields, separated by commas.", {"type": "string", "pattern": _listed(kind.fields)}
    )


def _expand(kind: AnyObject, catalog: Catalog) -> Parameter:
    return Parameter(
        "expand",
        f"References to show inline, separated by commas; a dot goes one further. Lists show their first {TO_MANY}.",
        {"type": "string", "pattern": _listed(catalog.expansions(kind))},
    )


def _listed(names: Iterable[str], prefix: str = "", most: int = 20) -> str:
    one = f"{prefix}({'|'.join(names)})"
    return f"^({one}(,{one}){{0,{most}}})?$"


def _schema(field: FieldType) -> Mapping[str, Any]:
    """What the adapter takes: formats stay, numbers are numbers, and money is compared by its amount."""
    if field.type in (ValueType.money, ValueType.decimal):
        places = 4 if field.type is ValueType.money else 10
        return {"type": "string", "pattern": rf"^-?[0-9]{{1,15}}(\.[0-9]{{1,{places}}})?$"}
    if field.type is ValueType.text:
        return {"type": "string", "pattern": NO_NUL, "maxLength": MAX_TEXT}
    return _schema_of(field.adapter)


@cache
def _schema_of(adapter: TypeAdapter[Any]) -> Mapping[str, Any]:
    """Hundreds of fields share a dozen adapters."""
    return adapter.json_schema()
