"""What must be true of the OpenAPI document, each rule as a function from the document to what breaks it."""

import json
import re
from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any

import jsonschema_rs
from schemathesis.specs.openapi.definitions import OPENAPI_31

from app.api.v1.routes import PREFIX, ROUTES

Document = dict[str, Any]
Rule = Callable[[Document], list[str]]
ALWAYS = {"400", "401", "403", "429", "503"}
WITH_ID = {"404"}
WRITING = {"408", "413"}
WITH_BODY = {"415"}
PROBLEM = "application/problem+json"
MOST_BYTES = 1_400_000


def is_openapi_3_1(document: Document) -> list[str]:
    return [f"{error.instance_path} {error.message[:200]}" for error in _META.iter_errors(document)]


def every_reference_leads_somewhere(document: Document) -> list[str]:
    return sorted(ref for ref in set(_refs(document)) if _resolve(document, ref) is None)


def every_component_is_used(document: Document) -> list[str]:
    used = set(_refs(document))
    kept = {f"#/components/{section}/{name}" for section, named in document["components"].items() for name in named}
    return sorted(kept - used - {ref for ref in kept if "/securitySchemes/" in ref})


def the_routes_are_documented_and_no_others(document: Document) -> list[str]:
    served = {f"{route.method} {PREFIX}{route.path}" for route in ROUTES}
    return sorted(served ^ {name for name, _ in _operations(document)})


def every_operation_explains_itself(document: Document) -> list[str]:
    tags = {tag["name"] for tag in document["tags"]}
    return [
        f"{name} {member}"
        for name, operation in _operations(document)
        for member in ("operationId", "summary", "description", "x-permission", "tags")
        if not operation.get(member) or (member == "tags" and not set(operation["tags"]) <= tags)
    ]


def operations_have_different_ids(document: Document) -> list[str]:
    ids = Counter(operation["operationId"] for _, operation in _operations(document))
    return [name for name, times in ids.items() if times > 1]


def every_operation_needs_a_key(document: Document) -> list[str]:
    schemes = document["components"]["securitySchemes"]
    return [
        name
        for name, operation in _operations(document)
        if not (needed := operation.get("security", document["security"]))
        or not all(one and one.keys() <= schemes.keys() for one in needed)
    ]


def every_operation_names_its_errors(document: Document) -> list[str]:
    missing = []
    for name, operation in _operations(document):
        needed = ALWAYS | (WITH_ID if "{" in name and not name.startswith("PUT") else set())
        needed |= set() if name.startswith("GET") else WRITING
        needed |= WITH_BODY if "requestBody" in operation else set()
        missing += [f"{name} {status}" for status in sorted(needed - operation["responses"].keys())]
    return missing


def every_error_is_a_problem(document: Document) -> list[str]:
    return [
        f"{name} {status}"
        for name, status, response in _responses(document)
        if status >= "400" and response["content"].get(PROBLEM, {}).get("schema") != _PROBLEM_SCHEMA
    ]


def every_answer_names_its_request(document: Document) -> list[str]:
    headers = document["components"]["headers"]
    return [
        f"{name} {status}"
        for name, status, response in _responses(document)
        if "Request-Id" not in response["headers"] or not headers["Request-Id"].get("required")
    ]


def every_parameter_is_described(document: Document) -> list[str]:
    return [
        f"{name} {parameter['name']}"
        for name, operation in _operations(document)
        for parameter in map(_in(document), operation.get("parameters", ()))
        if not parameter.get("description") or not parameter.get("schema")
    ]


def every_part_of_a_path_is_a_parameter(document: Document) -> list[str]:
    wrong = []
    for name, operation in _operations(document):
        parameters = [_in(document)(one) for one in operation.get("parameters", ())]
        declared = {one["name"] for one in parameters if one["in"] == "path" and one.get("required")}
        if declared != set(re.findall(r"{(\w+)}", name)):
            wrong.append(name)
    return wrong


def every_body_has_an_example(document: Document) -> list[str]:
    return [where for where, content in _contents(document) if not content.get("examples") and "example" not in content]


def every_example_fits_its_schema(document: Document) -> list[str]:
    """What schemas refer to is in a registry: a validator that had all of it in itself would take 10 MB."""
    wrong, validators = [], dict[str, jsonschema_rs.Draft202012Validator]()
    registry = jsonschema_rs.Registry([("urn:document", document)], draft=jsonschema_rs.Draft202012)
    for where, content in _contents(document):
        schema = json.dumps(content["schema"]).replace('"#/components/', '"urn:document#/components/')
        if schema not in validators:
            made = jsonschema_rs.Draft202012Validator(json.loads(schema), validate_formats=True, registry=registry)
            validators[schema] = made
        validator = validators[schema]
        shown = [_in(document)(one)["value"] for one in content.get("examples", {}).values()]
        shown += [content["example"]] if "example" in content else []
        wrong += [f"{where}: {error.message[:200]}" for one in shown for error in validator.iter_errors(one)]
    return wrong


def every_link_leads_to_an_operation(document: Document) -> list[str]:
    parameters = {
        operation["operationId"]: {_in(document)(one)["name"] for one in operation.get("parameters", ())}
        for _, operation in _operations(document)
    }
    return [
        f"{name} {link['operationId']}"
        for name, _, response in _responses(document)
        for link in response.get("links", {}).values()
        if link["operationId"] not in parameters or not link["parameters"].keys() <= parameters[link["operationId"]]
    ]


def a_record_can_be_followed_from_its_creation_to_its_restoration(document: Document) -> list[str]:
    linked = {
        operation["operationId"]: {link["operationId"] for link in response.get("links", {}).values()}
        for _, operation in _operations(document)
        for status, response in operation["responses"].items()
        if status in ("200", "201", "204")
    }
    kinds = [name.removeprefix("restore_") for name in linked if name.startswith("restore_")]
    broken = [
        kind
        for kind in kinds
        if not {f"get_{kind}", f"update_{kind}", f"delete_{kind}"} <= linked[f"create_{kind}"]
        or f"restore_{kind}" not in linked[f"delete_{kind}"]
    ]
    return broken if kinds else ["no record at all"]


def it_is_small_enough_to_be_read_at_once(document: Document) -> list[str]:
    size = len(json.dumps(document, separators=(",", ":")))
    return [f"{size} bytes"] if size > MOST_BYTES else []


RULES: tuple[Rule, ...] = (
    is_openapi_3_1,
    every_reference_leads_somewhere,
    every_component_is_used,
    the_routes_are_documented_and_no_others,
    every_operation_explains_itself,
    operations_have_different_ids,
    every_operation_needs_a_key,
    every_operation_names_its_errors,
    every_error_is_a_problem,
    every_answer_names_its_request,
    every_parameter_is_described,
    every_part_of_a_path_is_a_parameter,
    every_body_has_an_example,
    every_example_fits_its_schema,
    every_link_leads_to_an_operation,
    a_record_can_be_followed_from_its_creation_to_its_restoration,
    it_is_small_enough_to_be_read_at_once,
)

_META = jsonschema_rs.Draft202012Validator(OPENAPI_31)
_PROBLEM_SCHEMA = {"$ref": "#/components/schemas/Problem"}


def _operations(document: Document) -> Iterator[tuple[str, dict[str, Any]]]:
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            yield f"{method.upper()} {path}", operation


def _responses(document: Document) -> Iterator[tuple[str, str, dict[str, Any]]]:
    for name, operation in _operations(document):
        for status, response in operation["responses"].items():
            yield name, status, _in(document)(response)


def _contents(document: Document) -> Iterator[tuple[str, dict[str, Any]]]:
    for name, operation in _operations(document):
        for content in operation.get("requestBody", {}).get("content", {}).values():
            yield f"{name} request", content
    for name, status, response in _responses(document):
        for content in response.get("content", {}).values():
            yield f"{name} {status}", content


def _refs(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        if isinstance(value.get("$ref"), str):
            yield value["$ref"]
        value = list(value.values())
    if isinstance(value, list):
        for member in value:
            yield from _refs(member)


def _resolve(document: Document, ref: str) -> Any:
    found: Any = document
    for part in ref.removeprefix("#/").split("/"):
        found = found.get(part) if isinstance(found, dict) else None
    return found


def _in(document: Document) -> Callable[[dict[str, Any]], dict[str, Any]]:
    """What a part of the document says, wherever it is written."""
    return lambda part: _resolve(document, part["$ref"]) if "$ref" in part else part
