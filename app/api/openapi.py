"""The OpenAPI document: what FastAPI derives from the models, and what the routes say beyond them."""

from collections.abc import Callable
from http import HTTPStatus
from inspect import Parameter as Argument
from inspect import Signature
from typing import Any

import orjson
from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi

from app.api.route import ApiRoute, Parameter
from app.api.shapes import Problem
from app.domain.kernel.errors import AppError

MERGE_PATCH = "application/merge-patch+json"
_DESCRIPTION = (
    "An API-first CRM. Every write can be retried under an `Idempotency-Key`; every read can be resumed and asked "
    "as of a time; every failure is `application/problem+json` with a stable `code`."
)
_HEADERS = {
    "ETag": {"description": "The version of what is shown.", "schema": {"type": "string"}},
    "Request-Id": {"description": "Name this when you ask us about the request.", "schema": {"type": "string"}},
    "RateLimit": {"description": "What is left of the limit.", "schema": {"type": "string"}},
    "RateLimit-Policy": {"description": "The limit and its window.", "schema": {"type": "string"}},
    "Retry-After": {"description": "Seconds until asking again makes sense.", "schema": {"type": "integer"}},
}


def add_route(app: FastAPI, prefix: str, route: ApiRoute) -> None:
    """FastAPI documents the route by a function of the same signature that is never called."""
    app.add_api_route(
        prefix + route.path,
        _signature_of(route),
        methods=[route.method],
        response_model=route.shows,
        status_code=route.status,
        operation_id=route.name,
        summary=route.summary,
        description=route.description,
        tags=[route.tag],
        responses=_responses(route),
        openapi_extra=_beyond_the_models(route),
    )


def document(app: FastAPI) -> dict[str, Any]:
    """The same bytes at every call and in every process."""
    if app.openapi_schema is None:
        made = get_openapi(
            title="Rapport",
            version="1",
            openapi_version=app.openapi_version,
            description=_DESCRIPTION,
            routes=app.routes,
        )
        components = made.setdefault("components", {})
        components.setdefault("schemas", {}).update(_problem_schemas())
        components["securitySchemes"] = {
            "apiKey": {
                "type": "http",
                "scheme": "bearer",
                "description": "An API key: `crm_<environment>_<id>_<secret>`.",
            }
        }
        made["security"] = [{"apiKey": []}]
        app.openapi_schema = made
    return app.openapi_schema


def as_text(made: dict[str, Any]) -> str:
    """As it is committed: sorted, so that a change shows as what it is."""
    return orjson.dumps(made, option=orjson.OPT_INDENT_2 | orjson.OPT_SORT_KEYS).decode() + "\n"


def _signature_of(route: ApiRoute) -> Callable[..., Any]:
    names = [part[1:-1] for part in route.path.split("/") if part.startswith("{")]
    arguments = [Argument(name, Argument.KEYWORD_ONLY, annotation=str) for name in names]
    if route.body:
        arguments.append(Argument("body", Argument.KEYWORD_ONLY, annotation=route.body))

    async def described() -> None: ...

    described.__signature__ = Signature(arguments)  # type: ignore[attr-defined]  # read by inspect.signature
    return described


def _beyond_the_models(route: ApiRoute) -> dict[str, Any]:
    extra: dict[str, Any] = {"x-permission": route.permission}
    if route.parameters:
        extra["parameters"] = [_parameter(one) for one in route.parameters]
    if route.body:
        content = {"application/json": {"example": route.body_example}}
        if route.method == "PATCH":
            content[MERGE_PATCH] = {"schema": {"$ref": f"#/components/schemas/{route.body.__name__}"}}
        extra["requestBody"] = {"content": content}
    return extra


def _parameter(one: Parameter) -> dict[str, Any]:
    return {
        "name": one.name,
        "in": one.place,
        "required": False,
        "description": one.description,
        "schema": dict(one.schema),
    }


def _responses(route: ApiRoute) -> dict[int | str, dict[str, Any]]:
    responses: dict[int | str, dict[str, Any]] = {route.status: _success(route)}
    for status in route.also:
        responses[status] = {"description": _reason(status), "headers": _headers("ETag", "Request-Id")}
        if status == 201:
            responses[status]["model"] = route.shows
    for error in dict.fromkeys(route.errors):
        responses[error.status] = _problem(error)
    return responses


def _success(route: ApiRoute) -> dict[str, Any]:
    success: dict[str, Any] = {
        "description": _reason(route.status),
        "headers": _headers("ETag", "Request-Id", "RateLimit", "RateLimit-Policy"),
    }
    if route.example is not None:
        success["content"] = {"application/json": {"example": route.example}}
    if route.links:
        success["links"] = {name: _link(name, route, source) for name, source in route.links.items()}
    return success


def _link(operation: str, route: ApiRoute, source: str) -> dict[str, Any]:
    """To a call about the same record: its id is in the answer, or in the path of a call without one."""
    value = "$request.path.id" if route.shows is None else f"$response.body#/{source}"
    return {"operationId": operation, "parameters": {"id": value}}


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
    schema = {"$ref": "#/components/schemas/Problem"}
    return {
        "description": f"{error.title}.",
        "headers": _headers("Request-Id", *(("Retry-After",) if error.status in (429, 503) else ())),
        "content": {"application/problem+json": {"schema": schema, "example": example}},
    }


def _headers(*names: str) -> dict[str, Any]:
    return {name: _HEADERS[name] for name in names}


def _reason(status: int) -> str:
    return HTTPStatus(status).phrase


def _problem_schemas() -> dict[str, Any]:
    schema = Problem.model_json_schema(ref_template="#/components/schemas/{model}", by_alias=True)
    return {**schema.pop("$defs"), "Problem": schema}
