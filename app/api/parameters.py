"""Query parameters and headers as the document names them."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from app.api.listing import MAX_LIMIT
from app.api.route import Parameter
from app.domain.kernel.catalog import Catalog
from app.domain.kernel.object_type import AnyObject
from app.domain.kernel.schemas import NO_NUL

IF_MATCH = Parameter(
    "If-Match",
    "The ETag of the record as you know it: the write is refused with 412 when the record has another version.",
    {"type": "string", "pattern": r'^("[0-9]{1,18}-[0-9a-f]{8}"|\*)$'},
    place="header",
)
IF_NONE_MATCH = Parameter(
    "If-None-Match",
    "An ETag that you hold: the answer is 304 without a body when nothing has changed.",
    {"type": "string", "pattern": r'^"[0-9a-f-]{1,60}"$'},
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
    "`wait=2` gives the request two seconds instead of five (RFC 7240).",
    {"type": "string", "pattern": "^wait=[1-5]$"},
    place="header",
)
KEYED = (IDEMPOTENCY_KEY, PREFER)
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
AS_OF = Parameter(
    "asOf", "The record as it was at this time; not together with `expand`.", {"type": "string", "format": "date-time"}
)


def one_record(kind: AnyObject, catalog: Catalog) -> Sequence[Parameter]:
    return (_fields(kind), _expand(kind, catalog), IF_NONE_MATCH, PREFER)


def many_records(kind: AnyObject, catalog: Catalog) -> Sequence[Parameter]:
    sortable = [field.api_name for field in kind.fields.values() if kind.may_sort(field.name)]
    sort = Parameter(
        "sort",
        f"At most two fields, `-` for descending; empty values come last. Default {kind.default_sort}.",
        {"type": "string", "pattern": _listed(sortable, prefix="-?", most=1)},
    )
    count = Parameter("count", "`exact` counts all that match.", {"type": "string", "enum": ["none", "exact"]})
    filters = [
        Parameter(field.api_name, f"Only records whose {field.api_name} equals this. {_OPERATORS}", _schema(kind, name))
        for name, field in kind.fields.items()
        if kind.may_filter(field.name)
    ]
    return (*filters, sort, LIMIT, CURSOR, _fields(kind), _expand(kind, catalog), count, IF_NONE_MATCH, PREFER)


_OPERATORS = (
    "Also `[ne]`, `[lt]`, `[lte]`, `[gt]`, `[gte]`, `[in]`, `[empty]`, and of text `[icontains]`, `[startsWith]`."
)


def _fields(kind: AnyObject) -> Parameter:
    return Parameter(
        "fields", "Only these fields, separated by commas.", {"type": "string", "pattern": _listed(kind.fields)}
    )


def _expand(kind: AnyObject, catalog: Catalog) -> Parameter:
    return Parameter(
        "expand",
        "References to show inline, separated by commas; a dot goes one further. Lists show their first 20.",
        {"type": "string", "pattern": _listed(catalog.expansions(kind))},
    )


def _listed(names: Iterable[str], prefix: str = "", most: int = 20) -> str:
    one = f"{prefix}({'|'.join(names)})"
    return f"^{one}(,{one}){{0,{most}}}$"


def _schema(kind: AnyObject, name: str) -> Mapping[str, Any]:
    """What the adapter takes as text: formats stay, numbers are numbers."""
    schema = kind.fields[name].adapter.json_schema()
    if schema.get("anyOf"):
        return {"type": "string", "pattern": r"^-?[0-9]{1,15}(\.[0-9]{1,4})?$"}
    if schema["type"] == "string" and "format" not in schema:
        return {"type": "string", "pattern": NO_NUL, "maxLength": 4_000}
    return {key: value for key, value in schema.items() if key != "title"}
