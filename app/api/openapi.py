"""The OpenAPI document: the routes as data, told in the words of OpenAPI 3.1."""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from http import HTTPStatus
from typing import Any, Literal

import orjson
from fastapi import FastAPI
from pydantic import BaseModel
from pydantic.json_schema import GenerateJsonSchema, JsonSchemaValue, models_json_schema

from app.api.parameters import IDEMPOTENCY_KEY, PATH
from app.api.preview import EXAMPLE, Preview
from app.api.route import JSON_TYPE, ApiRoute, Named, Parameter, Told
from app.api.shapes import Problem, finish_views
from app.domain.kernel.errors import AppError, Unauthenticated

JSON, MERGE_PATCH, PROBLEM = JSON_TYPE, "application/merge-patch+json", "application/problem+json"
_DESCRIPTION = (
    "An API-first CRM. Every write can be retried under an `Idempotency-Key`; every read can be resumed and asked "
    "as of a time; every failure is `application/problem+json` with a stable `code`."
)
_PREVIEW = Preview.__name__
_UNLESS_PREVIEWED = "ETagUnlessPreviewed"
LINE = 120
_TEXT = {"type": "string"}
_HEADERS: dict[str, dict[str, Any]] = {
    "ETag": {"description": "The version of what is shown.", "required": True, "schema": _TEXT},
    _UNLESS_PREVIEWED: {"description": "The version of what is shown. A preview has none.", "schema": _TEXT},
    "Location": {"description": "Where the new thing is.", "required": True, "schema": _TEXT},
    "Content-Disposition": {"description": "The name of the file.", "required": True, "schema": _TEXT},
    "Request-Id": {"description": "Name this when you ask us about the request.", "required": True, "schema": _TEXT},
    "RateLimit": {"description": "What is left of the limit.", "schema": _TEXT},
    "RateLimit-Policy": {"description": "The limit and its window.", "schema": _TEXT},
    "Retry-After": {
        "description": "Seconds until asking again makes sense.",
        "required": True,
        "schema": {"type": "integer", "minimum": 0},
    },
    "WWW-Authenticate": {"description": "How to authenticate.", "required": True, "schema": _TEXT},
    "Idempotent-Replayed": {
        "description": "The answer repeats the one that the Idempotency-Key got first.",
        "schema": {"type": "string", "const": "true"},
    },
    "Preference-Applied": {
        "description": "With a preview, and with its refusal.",
        "schema": {"type": "string", "const": "dry-run"},
    },
    "Upsert-Outcome": {
        "description": "What the call has done; not repeated with a replayed answer.",
        "schema": {"type": "string", "enum": ["created", "updated", "unchanged"]},
    },
}
_SECURITY = {
    "apiKey": {"type": "http", "scheme": "bearer", "description": "An API key: `crm_<environment>_<id>_<secret>`."}
}


def add_route(app: FastAPI, prefix: str, route: ApiRoute) -> None:
    """A route that FastAPI finds; what runs is set by the caller, and what it is documented by is the route itself."""

    async def never_called() -> None: ...

    app.add_api_route(prefix + route.path, never_called, methods=[route.method], include_in_schema=False)


def document(prefix: str, routes: Sequence[ApiRoute], told: Sequence[Told] = ()) -> dict[str, Any]:
    """The same for the same routes and requests of ours, in every process."""
    finish_views()
    schemas = _Schemas(routes, told)
    shared = _Shared(routes, told)
    paths: dict[str, dict[str, Any]] = defaultdict(dict)
    for route in routes:
        paths[prefix + route.path][route.method.lower()] = _operation(route, schemas, shared)
    return {
        "openapi": "3.1.0",
        "info": {"title": "Rapport", "version": "1", "description": _DESCRIPTION},
        "tags": [{"name": tag} for tag in dict.fromkeys(route.tag for route in routes)],
        "paths": paths,
        "webhooks": {one.name: {"post": _telling(one, schemas, shared)} for one in told},
        "security": [{name: []} for name in _SECURITY],
        "components": {
            "schemas": schemas.definitions,
            "headers": _HEADERS,
            "responses": {
                _PREVIEW: _preview(),
                **{error.__name__: _problem(error) for route in routes for error in route.errors},
            },
            "securitySchemes": _SECURITY,
            **shared.components,
        },
    }


def as_text(made: Any) -> str:
    """As it is committed: sorted, so that a change shows as what it is, and with what fits a line on one line."""
    return "".join(_lines(made, "")) + "\n"


def _lines(value: Any, margin: str) -> Iterator[str]:
    line = orjson.dumps(value, option=orjson.OPT_SORT_KEYS).decode()
    if len(margin) + len(line) <= LINE or not isinstance(value, dict | list):
        yield line
        return
    inner = f"{margin} "
    is_object = isinstance(value, dict)
    members = sorted(value.items()) if isinstance(value, dict) else [(None, one) for one in value]
    for number, (name, member) in enumerate(members):
        yield ("," if number else "{" if is_object else "[") + f"\n{inner}"
        if is_object:
            yield f"{orjson.dumps(name).decode()}: "
        yield from _lines(member, inner)
    yield f"\n{margin}" + ("}" if is_object else "]")


class _Untitled(GenerateJsonSchema):
    """Without the titles that pydantic makes of names: they say nothing new."""

    def field_title_should_be_set(self, schema: Any) -> bool:  # noqa: ARG002  # the signature is pydantic's
        return False

    def dict_schema(self, schema: Any) -> JsonSchemaValue:
        """Keys of another form are refused."""
        made = super().dict_schema(schema)
        return made | {"additionalProperties": False} if "patternProperties" in made else made


class _Schemas:
    """The models of all routes under one set of names."""

    def __init__(self, routes: Sequence[ApiRoute], told: Sequence[Told]) -> None:
        shown = [shape for route in routes for shape in (route.body, route.shows) if shape is not None]
        shown += [one.body for one in told]
        models: list[type[BaseModel]] = [shape for shape in shown if not isinstance(shape, Named)]
        inputs: list[tuple[Any, Literal["validation"]]] = [
            (model, "validation") for model in [Problem, Preview, *models]
        ]
        self._refs, made = models_json_schema(
            list(dict.fromkeys(inputs)),
            ref_template="#/components/schemas/{model}",
            schema_generator=_Untitled,
        )
        self.definitions: dict[str, Any] = made["$defs"]
        for schema in self.definitions.values():
            schema.pop("title", None)
        self.definitions |= {shape.name: dict(shape.schema) for shape in shown if isinstance(shape, Named)}

    def ref(self, shape: type[BaseModel] | Named) -> dict[str, Any]:
        if isinstance(shape, Named):
            return {"$ref": f"#/components/schemas/{shape.name}"}
        return dict(self._refs[shape, "validation"])


class _Shared:
    """What several operations say alike, written once.

    It is found under its own name, or behind the tag's where another tag says something else by that name.
    """

    def __init__(self, routes: Sequence[ApiRoute], told: Sequence[Told]) -> None:
        self.components: dict[str, dict[str, Any]] = {"parameters": {}, "examples": {}}
        self._meanings: dict[tuple[str, str], set[bytes]] = defaultdict(set)
        for route in routes:
            for section, name, value in _shareable(route):
                self._meanings[section, name].add(_canonical(value))
        for parameter in (one for request in told for one in request.parameters):
            self._meanings["parameters", parameter.name].add(_canonical(_parameter(parameter)))

    def ref(self, section: str, name: str, tag: str, value: Any) -> dict[str, str]:
        key = name if len(self._meanings[section, name]) == 1 else f"{tag}.{name}"
        known = self.components[section]
        if known.get(key, value) != value:
            raise ValueError(f"{section} has two meanings of {key}")
        key = next((other for other, meaning in known.items() if meaning == value), key)
        known[key] = value
        return {"$ref": f"#/components/{section}/{key}"}


def _shareable(route: ApiRoute) -> Iterator[tuple[str, str, Any]]:
    for one in _parameters(route):
        yield "parameters", _key(one), _parameter(one)
    for shape, value in ((route.body, route.body_example), (route.shows, route.example)):
        if shape is not None:
            yield "examples", _name(shape), {"value": value}


def _canonical(value: Any) -> bytes:
    return orjson.dumps(value, option=orjson.OPT_SORT_KEYS)


def _name(shape: type[BaseModel] | Named) -> str:
    return shape.name if isinstance(shape, Named) else shape.__name__


def _operation(route: ApiRoute, schemas: _Schemas, shared: _Shared) -> dict[str, Any]:
    operation: dict[str, Any] = {
        "operationId": route.name,
        "summary": route.summary,
        "description": route.description,
        "tags": [route.tag],
        "x-permission": route.permission,
        "responses": _responses(route, schemas, shared),
    }
    if parameters := _parameters(route):
        operation["parameters"] = [
            shared.ref("parameters", _key(one), route.tag, _parameter(one)) for one in parameters
        ]
    if route.body is not None:
        content = _content(route, route.body, route.body_example, schemas, shared)
        types = (JSON, MERGE_PATCH) if route.method == "PATCH" else (JSON,)
        operation["requestBody"] = {"required": True, "content": dict.fromkeys(types, content)}
    return operation


def _telling(one: Told, schemas: _Schemas, shared: _Shared) -> dict[str, Any]:
    return {
        "operationId": one.name.replace(".", "_"),
        "summary": one.summary,
        "tags": [one.tag],
        "parameters": [shared.ref("parameters", each.name, one.tag, _parameter(each)) for each in one.parameters],
        "requestBody": {"required": True, "content": {JSON: {"schema": schemas.ref(one.body)}}},
        "responses": {status: {"description": meaning} for status, meaning in one.answers.items()},
    }


def _content(
    route: ApiRoute, shape: type[BaseModel] | Named, example: Any, schemas: _Schemas, shared: _Shared
) -> dict[str, Any]:
    shown = shared.ref("examples", _name(shape), route.tag, {"value": example})
    return {"schema": schemas.ref(shape), "examples": {"example": shown}}


def _parameters(route: ApiRoute) -> list[Parameter]:
    named = [part[1:-1] for part in route.path.split("/") if part.startswith("{")]
    return [*(PATH[name] for name in named), *route.parameters]


def _key(one: Parameter) -> str:
    """A filter may have the name of a part of the path."""
    return f"{one.name}InPath" if one.place == "path" else one.name


def _parameter(one: Parameter) -> dict[str, Any]:
    required = {"required": True} if one.required or one.place == "path" else {}
    return {
        "name": one.name,
        "in": one.place,
        "description": one.description,
        "schema": dict(one.schema),
        **required,
    }


def _responses(route: ApiRoute, schemas: _Schemas, shared: _Shared) -> dict[str, Any]:
    responses = {str(status): _success(status, route, schemas, shared) for status in (route.status, *route.also)}
    if IDEMPOTENCY_KEY in route.parameters:
        responses["200"] = _or_preview(responses.get("200"))
    refusals = {str(error.status): {"$ref": f"#/components/responses/{error.__name__}"} for error in route.errors}
    return responses | refusals


def _or_preview(answer: dict[str, Any] | None) -> dict[str, Any]:
    """Of a write that answers 200 anyway, what it shows or what it would show."""
    if answer is None:
        return {"$ref": f"#/components/responses/{_PREVIEW}"}
    content = {media: _either(one) for media, one in answer["content"].items()}
    headers = answer["headers"] | _headers("Preference-Applied")
    if "ETag" in headers:
        headers["ETag"] = {"$ref": f"#/components/headers/{_UNLESS_PREVIEWED}"}
    return {**answer, "headers": headers, "content": content}


def _either(content: dict[str, Any]) -> dict[str, Any]:
    return {**content, "schema": {"anyOf": [content["schema"], {"$ref": f"#/components/schemas/{_PREVIEW}"}]}}


def _preview() -> dict[str, Any]:
    return {
        "description": "A preview.",
        "headers": _headers("Request-Id", "RateLimit", "RateLimit-Policy", "Preference-Applied"),
        "content": {JSON: {"schema": {"$ref": f"#/components/schemas/{_PREVIEW}"}, "example": EXAMPLE}},
    }


def _success(status: int, route: ApiRoute, schemas: _Schemas, shared: _Shared) -> dict[str, Any]:
    success: dict[str, Any] = {
        "description": HTTPStatus(status).phrase,
        "headers": _headers(*_success_headers(status, route)),
    }
    if route.shows is not None and status != HTTPStatus.NOT_MODIFIED:
        success["content"] = {route.media: _content(route, route.shows, route.example, schemas, shared)}
    if route.links and status != HTTPStatus.NOT_MODIFIED:
        success["links"] = {link.operation: _link(link.operation, link.parameters) for link in route.links}
    return success


def _success_headers(status: int, route: ApiRoute) -> Iterator[str]:
    yield from ("Request-Id", "RateLimit", "RateLimit-Policy", *route.headers)
    if status == HTTPStatus.CREATED:
        yield "Location"
    if IDEMPOTENCY_KEY in route.parameters:
        yield "Idempotent-Replayed"


def _link(operation: str, parameters: Mapping[str, str]) -> dict[str, Any]:
    return {"operationId": operation, "parameters": dict(parameters)}


def _problem(error: type[AppError]) -> dict[str, Any]:
    example = {
        "type": f"urn:rapport:problem:{error.code}",
        "title": error.title,
        "status": error.status,
        "detail": "What to do about it.",
        "code": error.code,
        "requestId": "019ad1c0-7b3e-7c11-9d52-6f0c3a9b1e44",
        "errors": [],
    }
    more = ["Retry-After"] if error.status in (429, 503) else []
    more += ["WWW-Authenticate"] if error is Unauthenticated else []
    return {
        "description": f"{error.title}.",
        "headers": _headers("Request-Id", *more),
        "content": {PROBLEM: {"schema": {"$ref": "#/components/schemas/Problem"}, "example": example}},
    }


def _headers(*names: str) -> dict[str, Any]:
    return {name: {"$ref": f"#/components/headers/{name}"} for name in names}
