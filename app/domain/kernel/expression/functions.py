"""The functions of the language: one table that the checker, the metadata and the documentation read.

`expanded` ones never reach a back end; those that give a condition become `Test`, those that give a value `Call`.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from app.domain.kernel.expression.tree import Type


class Profile(StrEnum):
    """Where an expression is judged: over stored records, or over an event with what was there before."""

    sql = "sql"
    event = "event"


class Form(StrEnum):
    """How a function is called: `value.name(...)`, `name(value, ...)`, or either."""

    method = "method"
    plain = "plain"
    both = "both"


class Nullable(StrEnum):
    """When the result may be null: where any argument may, where all may, or always."""

    any = "any"
    all = "all"
    always = "always"


class Role(StrEnum):
    """What becomes of the call: `Test`, `Call`, a value read while checking or bound later, or a rule of its own."""

    test = "test"
    call = "call"
    literal = "literal"
    bound = "bound"
    special = "special"


@dataclass(frozen=True, slots=True)
class Parameter:
    """`literal` ones must be written out, so that they can be checked before anything runs."""

    name: str
    type: Type
    literal: bool = False


@dataclass(frozen=True, slots=True)
class Overload:
    """`repeated` says that the last parameter may be given several times."""

    parameters: tuple[Parameter, ...]
    result: Type
    repeated: bool = False


@dataclass(frozen=True, slots=True)
class Function:
    """`written` are the signatures of those that no overload can describe: they take fields or conditions."""

    name: str
    role: Role
    form: Form
    summary: str
    example: str
    overloads: tuple[Overload, ...] = ()
    written: tuple[str, ...] = ()
    nullable: Nullable = Nullable.any
    profiles: frozenset[Profile] = frozenset(Profile)

    @property
    def signatures(self) -> tuple[str, ...]:
        return self.written or tuple(self._signature(one) for one in self.overloads)

    def _signature(self, overload: Overload) -> str:
        shown = [f"{one.name}: {one.type}" for one in overload.parameters]
        if overload.repeated:
            shown.append("...")
        if self.form is Form.plain:
            return f"{self.name}({', '.join(shown)}) -> {overload.result}"
        receiver = overload.parameters[0].type
        return f"{receiver}.{self.name}({', '.join(shown[1:])}) -> {overload.result}"


_EVENT = frozenset({Profile.event})
_SQL = frozenset({Profile.sql})
_SCALARS = (Type.text, Type.number, Type.boolean, Type.date, Type.timestamp, Type.duration, Type.id)
_MEASURES = (Type.number, Type.date, Type.timestamp)
_PLACES = Parameter("digits", Type.number, literal=True)
_ZONE = Parameter("zone", Type.text, literal=True)
_WRITTEN = Parameter("text", Type.text, literal=True)


def _test(name: str, summary: str, example: str) -> Function:
    parameters = (Parameter("text", Type.text), Parameter("part", Type.text))
    return Function(name, Role.test, Form.method, summary, example, (Overload(parameters, Type.boolean),))


def _call(
    name: str,
    summary: str,
    example: str,
    *overloads: Overload,
    form: Form = Form.plain,
    nullable: Nullable = Nullable.any,
) -> Function:
    return Function(name, Role.call, form, summary, example, overloads, nullable=nullable)


def _takes(result: Type, /, *types: Type, names: Sequence[str] = ("value", "other")) -> Overload:
    return Overload(tuple(Parameter(name, type_) for name, type_ in zip(names, types, strict=False)), result)


def _part(name: str, meaning: str, example: str) -> Function:
    overloads = (
        _takes(Type.number, Type.date, names=("date",)),
        Overload((Parameter("timestamp", Type.timestamp), _ZONE), Type.number),
    )
    summary = f"{meaning} of a date, or of a timestamp as clocks show it in a time zone."
    return _call(name, summary, example, *overloads, nullable=Nullable.always)


def _literal(name: str, type_: Type, summary: str, example: str) -> Function:
    return Function(name, Role.literal, Form.plain, summary, example, (Overload((_WRITTEN,), type_),))


def _bound(name: str, type_: Type, summary: str, example: str) -> Function:
    return Function(name, Role.bound, Form.plain, summary, example, (Overload((), type_),))


def _special(
    name: str, form: Form, summary: str, example: str, *written: str, profiles: frozenset[Profile] = frozenset(Profile)
) -> Function:
    return Function(name, Role.special, form, summary, example, written=written, profiles=profiles)


_ALL = (
    _test("contains", "Whether the text holds the other one, letter for letter.", 'name.contains("GTX")'),
    _test("icontains", "Whether the text holds the other one, in upper or lower case.", 'name.icontains("gtx")'),
    _test("startsWith", "Whether the text begins with the other one.", 'name.startsWith("Acme")'),
    _test("endsWith", "Whether the text ends with the other one.", 'name.endsWith("Basic")'),
    _test("iequals", "Whether both texts are the same but for upper and lower case.", 'stage.iequals("ENGAGING")'),
    _call("lower", "The text in lower case.", 'name.lower() == "acme"', _takes(Type.text, Type.text), form=Form.both),
    _call(
        "trim", "The text without the spaces around it.", 'name.trim() != ""', _takes(Type.text, Type.text), form=Form.both
    ),
    _call(
        "size",
        "How many characters the text has, or how many values the field.",
        "name.size() > 40",
        _takes(Type.number, Type.text),
        _takes(Type.number, Type.texts),
        form=Form.both,
    ),
    _call(
        "coalesce",
        "The first of the values that is not empty.",
        "coalesce(amount, 0) >= 100",
        *(Overload((Parameter("value", one), Parameter("otherwise", one)), one, repeated=True) for one in _SCALARS),
        nullable=Nullable.all,
    ),
    _call("abs", "The number without its sign.", "abs(amount) > 100", _takes(Type.number, Type.number)),
    _call(
        "round",
        "The number with so many decimals, 0 to 10; halves go away from zero.",
        "round(amount / 3, 2) == 33.33",
        Overload((Parameter("value", Type.number), _PLACES), Type.number),
    ),
    _call(
        "min",
        "The smaller or earlier of the two; empty when one is.",
        "min(probability, 50) < 50",
        *(_takes(one, one, one) for one in _MEASURES),
    ),
    _call(
        "max",
        "The greater or later of the two; empty when one is.",
        "max(engageDate, closeDate) > today()",
        *(_takes(one, one, one) for one in _MEASURES),
    ),
    _part("year", "The year", "year(closeDate) == 2026"),
    _part("month", "The month, 1 to 12,", "month(closeDate) == 12"),
    _part("day", "The day of the month", "day(closeDate) == 31"),
    _part("weekday", "The day of the week, 1 (Monday) to 7 (Sunday),", 'weekday(createdAt, "Europe/Berlin") >= 6'),
    _call(
        "hour",
        "The hour of a timestamp, 0 to 23, as clocks show it in a time zone.",
        'hour(createdAt, "Europe/Berlin") < 8',
        Overload((Parameter("timestamp", Type.timestamp), _ZONE), Type.number),
        nullable=Nullable.always,
    ),
    _call(
        "toDate",
        "The day on which the timestamp lies in a time zone.",
        'toDate(createdAt, "Europe/Berlin") == today()',
        Overload((Parameter("timestamp", Type.timestamp), _ZONE), Type.date),
        nullable=Nullable.always,
    ),
    _call(
        "addDays",
        "The date so many days later; decimals of the number are cut off, and a day outside of years 1 to 9999 is empty.",
        "closeDate < addDays(today(), 30)",
        _takes(Type.date, Type.date, Type.number, names=("date", "days")),
        nullable=Nullable.always,
    ),
    _call(
        "addMonths",
        "The date so many months later, at the latest on the last day of that month; otherwise as addDays.",
        "closeDate >= addMonths(engageDate, 6)",
        _takes(Type.date, Type.date, Type.number, names=("date", "months")),
        nullable=Nullable.always,
    ),
    _call(
        "daysBetween",
        "How many days the second date lies after the first.",
        "daysBetween(engageDate, closeDate) > 90",
        _takes(Type.number, Type.date, Type.date, names=("from", "to")),
    ),
    _literal("date", Type.date, "A day of the calendar.", 'closeDate >= date("2026-11-01")'),
    _literal(
        "timestamp",
        Type.timestamp,
        "A moment, with its offset from UTC.",
        'createdAt >= timestamp("2026-11-01T09:30:00+01:00")',
    ),
    _literal(
        "duration",
        Type.duration,
        "A length of time in days, hours, minutes and seconds.",
        'now() - modifiedAt > duration("36h")',
    ),
    _bound("now", Type.timestamp, "The moment at which the expression is judged.", 'createdAt > now() - duration("7d")'),
    _bound("today", Type.date, "The day at which it is judged, in the time zone of the tenant.", "closeDate < today()"),
    _bound("me", Type.id, "The id of the user who asks.", "ownerId == me()"),
    _special(
        "has", Form.plain, "Whether the field is not empty.", "has(closeDate)", "has(field) -> boolean",
    ),
    _special(
        "isBlank", Form.method, "Whether the text is empty or holds only spaces.", "owner.region.isBlank()",
        "text.isBlank() -> boolean",
    ),
    _special(
        "exists", Form.method, "Whether the condition holds for some related record, or for some value of the field.",
        'children.exists(c, c.status == "inactive")',
        "relation.exists(name, condition) -> boolean", "texts.exists(name, condition) -> boolean",
    ),
    _special(
        "all", Form.method, "Whether the condition holds for every related record, or for every value; also for none.",
        "children.all(c, has(c.website))",
        "relation.all(name, condition) -> boolean", "texts.all(name, condition) -> boolean",
    ),
    _special(
        "count", Form.method, "For how many related records the condition holds.",
        "children.count(c, c.employees > 100) >= 2", "relation.count(name, condition) -> number", profiles=_SQL,
    ),
    _special(
        "changed", Form.plain, "Whether the event set the field to another value; true for each field of a new record.",
        "changed(stage)", "changed(field) -> boolean", profiles=_EVENT,
    ),
    _special(
        "isNew", Form.plain, "Whether the event created the record, or restored it.",
        "isNew()", "isNew() -> boolean", profiles=_EVENT,
    ),
)  # fmt: skip
FUNCTIONS: Mapping[str, Function] = {one.name: one for one in _ALL}
