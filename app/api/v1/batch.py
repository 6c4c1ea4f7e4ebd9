"""Many operations in one request."""

from typing import Annotated, Any, Literal

from pydantic import MISSING, Field, StrictBool, StringConstraints

from app.api.answer import Answer
from app.api.batching import NAME, Batch, Operation, refuse_bad_references
from app.api.edge import Call
from app.api.parameters import KEYED
from app.api.route import ANYONE, EDITING, ApiRoute
from app.api.shapes import ID, Shape
from app.domain.kernel.errors import Gone, MethodNotAllowed
from app.domain.kernel.schemas import Input

MOST = 500


class OperationHeaders(Input):
    """An Idempotency-Key is that of the whole batch, and a Cause, too."""

    if_match: str | MISSING = Field(MISSING, alias="If-Match")
    if_none_match: str | MISSING = Field(MISSING, alias="If-None-Match")


class BatchOperation(Input):
    """One request. A value `{"$ref": "a.id"}` in its body stands for the member `id` of the answer of operation `a`."""

    id: Annotated[str, StringConstraints(pattern=f"^{NAME}$")] | None = Field(
        None, description="By which later operations refer to its answer."
    )
    method: Literal["GET", "POST", "PUT", "PATCH", "DELETE"]
    path: Annotated[str, StringConstraints(max_length=8_000, pattern=r"^/[^\u0000]*$")] = Field(
        description="Below the base of the API, with its query if it has one. `{a.id}` stands for what `$ref` does."
    )
    body: Any = None
    headers: OperationHeaders = Field(default_factory=OperationHeaders)


class BatchBody(Input):
    atomic: StrictBool = Field(default=True, description="All or nothing; otherwise each operation stands for itself.")
    operations: list[BatchOperation] = Field(min_length=1, max_length=MOST)


class OperationResult(Shape):
    """What the operation would have been answered alone."""

    id: str | None
    status: int
    headers: dict[str, str]
    body: Any = Field(
        description="Null where the answer has none. A refusal is a problem, with pointers into the batch."
    )


class BatchResult(Shape):
    """In the order of the operations."""

    results: list[OperationResult]


async def run(call: Call) -> Answer:
    given = BatchBody.model_validate(call.json())
    operations = [_operation(one) for one in given.operations]
    refuse_bad_references(operations)
    if len(operations) > 1:
        await call.edge.count(call, len(operations) - 1)
    batch = Batch(call, operations)
    return await (batch.together() if given.atomic else batch.one_by_one())


def _operation(one: BatchOperation) -> Operation:
    body = [one.body] if "body" in one.model_fields_set else None
    return Operation(one.id, one.method, one.path, body, one.headers.model_dump(by_alias=True, exclude_unset=True))


_WRITE = {"id": "a", "method": "POST", "path": "/accounts", "body": {"name": "Acme"}}
_READ = {"id": "b", "method": "GET", "path": "/accounts/{a.id}?fields=name"}
batch = (
    ApiRoute(
        method="POST",
        path="/batch",
        name="run_batch",
        summary="Do many things in one request",
        description=f"Up to {MOST} operations in their order, each as it would be alone: with the same rights, checks and "
        "answers. With `atomic` the first refusal undoes all and is the answer; without it each operation has its own "
        "status, and a repetition under the same Idempotency-Key goes on where the first was cut. Each operation counts "
        "against the rate limit. Streams and batches cannot be in a batch.",
        tag="batch",
        permission=ANYONE,
        handler=run,
        errors=(*EDITING, Gone, MethodNotAllowed),
        body=BatchBody,
        body_example={"atomic": False, "operations": [_WRITE, _READ]},
        shows=BatchResult,
        example={
            "results": [
                {"id": "a", "status": 201, "headers": {"Location": f"/api/v1/accounts/{ID}"}, "body": {"id": ID}},
                {
                    "id": "c",
                    "status": 201,
                    "headers": {"Location": f"/api/v1/contacts/{ID}"},
                    "body": {"accountId": ID},
                },
            ]
        },
        parameters=KEYED,
    ),
)
