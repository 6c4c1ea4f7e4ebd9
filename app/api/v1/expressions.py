"""The expression language: what an editor needs to know of it, and what an expression means."""

from collections.abc import Iterator
from typing import Any, Literal, get_args, get_origin

import orjson
from pydantic import Field

from app.api.answer import JSON, Answer, etag_of_bytes, show_unless_known
from app.api.edge import Call
from app.api.parameters import IF_NONE_MATCH, PREFER
from app.api.route import ALWAYS, ANYONE, ASKING, ApiRoute, Parameter
from app.api.shapes import Shape
from app.domain.kernel.actor import Actor
from app.domain.kernel.errors import BadRequest, Invalid, refused
from app.domain.kernel.expression import limits
from app.domain.kernel.expression.checker import check_value
from app.domain.kernel.expression.errors import ExpressionError
from app.domain.kernel.expression.functions import FUNCTIONS, Form, Profile
from app.domain.kernel.expression.meaning import meaning
from app.domain.kernel.expression.names import TYPES as TYPE_OF
from app.domain.kernel.expression.tree import Type
from app.domain.kernel.expression.vocabulary import OPERATORS, PROFILES, TYPES
from app.domain.kernel.object_type import AnyObject, FieldType, ValueType
from app.domain.kernel.schema import Schema
from app.domain.kernel.schemas import Input
from app.domain.registry import CATALOG, OBJECT_TYPES

_KIND = OBJECT_TYPES[0]
_OBJECTS = tuple(kind.name for kind in CATALOG)
MAX_BODY_TEXT = 50_000


class ExpressionType(Shape):
    name: Type
    summary: str
    example: str


class ExpressionOperator(Shape):
    symbol: str
    precedence: int = Field(description="The higher binds first.")
    operands: list[str]
    summary: str
    example: str


class ExpressionFunction(Shape):
    name: str
    form: Form = Field(description="`method` is called on a value, as in name.lower(); `plain` is not.")
    signatures: list[str]
    summary: str
    example: str
    profiles: list[Profile]


class ExpressionProfile(Shape):
    name: Profile
    summary: str


class ExpressionLimits(Shape):
    characters: int
    nodes: int = Field(description="Fields, values and operators in all.")
    depth: int
    listed_values: int
    hops: int = Field(description="Relations that one path may follow.")
    relations: int = Field(description="Different relations that one expression may ask.")
    digits: int = Field(description="Of a number, before the point.")
    decimals: int
    factors: int = Field(description="Of a product.")


class ExpressionField(Shape):
    name: str = Field(description="As an expression names it; put your own word in place of one in brackets.")
    type: Type
    nullable: bool
    filterable: bool = Field(description="Whether lists take it as a parameter, too.")
    sortable: bool
    choices: list[str] | None = Field(description="All values that the field can have.")


class ExpressionRelation(Shape):
    name: str
    object: str
    many: bool = Field(description="Ask many records with exists, all and count; of one record, name a field.")


class ExpressionObject(Shape):
    name: str
    plural: str
    fields: list[ExpressionField]
    relations: list[ExpressionRelation]


class ExpressionLanguage(Shape):
    types: list[ExpressionType]
    operators: list[ExpressionOperator]
    functions: list[ExpressionFunction]
    profiles: list[ExpressionProfile]
    limits: ExpressionLimits
    objects: list[ExpressionObject] = Field(description="Those whose records the key may read.")


class ExpressionCheck(Input):
    object: str = Field(description="Whose fields the expression reads.", json_schema_extra={"enum": [*_OBJECTS]})
    expression: str = Field(max_length=MAX_BODY_TEXT)
    profile: Literal["sql", "event"] = Field("sql", description="Where it is to be judged.")


class ExpressionFault(Shape):
    code: str
    message: str = Field(description="What to do about it.")
    position: int = Field(description="Where the mistake begins, in characters from 0.")
    end: int
    found: str | None
    expected: str | None
    suggestion: str | None = Field(description="The nearest name that you may use.")


class ExpressionChecked(Shape):
    valid: bool
    type: Type | None
    fields: list[str]
    meaning: str | None = Field(description="The expression as a sentence.")
    errors: list[ExpressionFault]


async def describe_language(call: Call) -> Answer:
    options = call.options("object")
    actor, schema = call.session.actor, call.session.schema
    kinds = [kind for kind in schema.catalog if actor.may(kind.scope("read"))]
    if "object" in options:
        kinds = [_known(schema, options["object"], "object")]
        actor.require(kinds[0].scope("read"))
    objects = [_object(kind, schema, actor) for kind in kinds]
    body = orjson.dumps(_LANGUAGE | {"objects": objects})
    return show_unless_known(body, etag_of_bytes(body), call.headers.get(b"if-none-match"))


async def check_expression(call: Call) -> Answer:
    asked, actor, schema = call.read(ExpressionCheck), call.session.actor, call.session.schema
    kind = _known(schema, asked.object, "/object")
    return Answer(200, orjson.dumps(_checked(asked, kind, schema, actor)), JSON)


def _checked(asked: ExpressionCheck, kind: AnyObject, schema: Schema, actor: Actor) -> dict[str, Any]:
    try:
        _require(actor, kind.scope("read"), asked.expression)
        checked = check_value(asked.expression, kind, schema, actor, Profile(asked.profile))
    except ExpressionError as error:
        fault = {name: getattr(error, name) for name in ExpressionFault.model_fields}
        return {"valid": False, "type": None, "fields": [], "meaning": None, "errors": [fault]}
    return {
        "valid": True,
        "type": checked.type,
        "fields": checked.fields,
        "meaning": meaning(checked),
        "errors": [],
    }


def _require(actor: Actor, scope: str, expression: str) -> None:
    if not actor.may(scope):
        raise ExpressionError("missingScope", f"The key lacks the scope {scope}.", 0, len(expression))


def _known(schema: Schema, name: str, pointer: str) -> AnyObject:
    if name not in schema.catalog:
        known = ", ".join(kind.name for kind in schema.catalog)
        raise refused(BadRequest, pointer, "unknownObject", f"There is no such object. Known are {known}.")
    return schema.catalog[name]


def _object(kind: AnyObject, schema: Schema, actor: Actor) -> dict[str, Any]:
    return {
        "name": kind.name,
        "plural": kind.plural,
        "fields": [*_fields(kind, schema)],
        "relations": [
            {"name": name, "object": relation.to, "many": relation.many}
            for name, relation in schema.relations(kind).items()
            if actor.may(schema.catalog[relation.to].scope("read"))
        ],
    }


def _fields(kind: AnyObject, schema: Schema) -> Iterator[dict[str, Any]]:
    for name, known in schema.fields(kind).items():
        if known.type is not ValueType.json:
            yield _field(
                kind, known, name, TYPE_OF[known.type], _choices(kind.read.model_fields[known.name].annotation)
            )
        if known.type is ValueType.money:
            yield _field(kind, known, f"{name}.currency", Type.text, None)
        if name == "externalIds":
            yield _of_document(f"{name}.<system>", Type.text)
    for custom in schema.custom(kind).values():
        yield _of_document(f"custom.{custom.name}", custom.type)


def _field(kind: AnyObject, known: FieldType, name: str, type_: Type, choices: list[str] | None) -> dict[str, Any]:
    return {
        "name": name,
        "type": type_,
        "nullable": known.nullable,
        "filterable": kind.may_filter(known.name),
        "sortable": kind.may_sort(known.name) and name == known.api_name,
        "choices": choices,
    }


def _of_document(name: str, type_: Type) -> dict[str, Any]:
    return {"name": name, "type": type_, "nullable": True, "filterable": False, "sortable": False, "choices": None}


def _choices(annotation: Any) -> list[str] | None:
    if get_origin(annotation) is Literal:
        return list(get_args(annotation))
    return next((found for one in get_args(annotation) if (found := _choices(one))), None)


_LANGUAGE = {
    "types": [{"name": name, "summary": one.summary, "example": one.example} for name, one in TYPES.items()],
    "operators": [
        {
            "symbol": one.symbol,
            "precedence": one.precedence,
            "operands": one.operands,
            "summary": one.summary,
            "example": one.example,
        }
        for one in OPERATORS
    ],
    "functions": [
        {
            "name": one.name,
            "form": one.form,
            "signatures": one.signatures,
            "summary": one.summary,
            "example": one.example,
            "profiles": sorted(one.profiles),
        }
        for one in FUNCTIONS.values()
    ],
    "profiles": [{"name": name, "summary": summary} for name, summary in PROFILES.items()],
    "limits": {
        "characters": limits.MAX_LENGTH,
        "nodes": limits.MAX_NODES,
        "depth": limits.MAX_DEPTH,
        "listedValues": limits.MAX_LIST,
        "hops": limits.MAX_HOPS,
        "relations": limits.MAX_RELATIONS,
        "digits": limits.MAX_DIGITS,
        "decimals": limits.MAX_DECIMALS,
        "factors": limits.MAX_FACTORS,
    },
}
_ANSWER = {
    **{name: shown[:1] for name, shown in _LANGUAGE.items() if isinstance(shown, list)},
    "limits": _LANGUAGE["limits"],
    "objects": [
        {
            "name": _KIND.name,
            "plural": _KIND.plural,
            "fields": [_field(_KIND, _KIND.fields["name"], "name", Type.text, None)],
            "relations": [{"name": "owner", "object": "user", "many": False}],
        }
    ],
}
expressions = (
    ApiRoute(
        method="GET",
        path="/metadata/expressions",
        name="get_expression_language",
        summary="What can expressions say?",
        description="The operators, functions, types and limits of the language of filters and conditions, and the "
        "fields and relations that this key may use, by object: for editors and for agents that write expressions.",
        tag="metadata",
        permission=ANYONE,
        handler=describe_language,
        errors=ALWAYS,
        also=(304,),
        headers=("ETag",),
        shows=ExpressionLanguage,
        example=_ANSWER,
        parameters=(
            Parameter("object", "Only the fields of this object.", {"type": "string", "enum": list(_OBJECTS)}),
            IF_NONE_MATCH,
            PREFER,
        ),
    ),
    ApiRoute(
        method="POST",
        path="/expressions/check",
        name="check_expression",
        summary="Check an expression",
        description="Says of an expression which type it has, which fields it reads, and what it means in a plain "
        "sentence; of a wrong one, where the mistake is and what to do. A wrong one is an answer, too: 200 with "
        "`valid` false. Nothing is stored.",
        tag="metadata",
        permission=ANYONE,
        handler=check_expression,
        errors=(*ASKING, Invalid),
        body=ExpressionCheck,
        body_example={"object": _KIND.name, "expression": 'name.startsWith("A") && ownerId == me()'},
        shows=ExpressionChecked,
        example={
            "valid": True,
            "type": "boolean",
            "fields": ["name", "ownerId"],
            "meaning": 'The name starts with "A" and the owner is the current user.',
            "errors": [],
        },
        parameters=(PREFER,),
    ),
)
