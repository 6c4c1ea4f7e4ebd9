"""What the API answered, whether a request came alone or in a batch."""

from dataclasses import dataclass
from typing import Any, Self

import httpx

from app.demo.failure import LoadFailed

OUTCOME = "Upsert-Outcome"  # created, updated or unchanged


@dataclass(frozen=True, slots=True)
class Result:
    status: int
    outcome: str | None
    body: Any  # a JSON value, or text where a proxy in between answered something else

    @classmethod
    def of(cls, answer: httpx.Response) -> Self:
        try:
            content = answer.json() if answer.content else None
        except ValueError:
            content = answer.text
        return cls(answer.status_code, answer.headers.get(OUTCOME), content)

    @classmethod
    def in_batch(cls, answer: dict[str, Any]) -> Self:
        return cls(answer["status"], answer["headers"].get(OUTCOME), answer["body"])

    @property
    def is_refusal(self) -> bool:
        return self.status >= httpx.codes.BAD_REQUEST

    def problem(self) -> str:
        """What a problem document says, in one line."""
        try:
            errors = [f"{error['pointer']}: {error['message']}" for error in self.body.get("errors") or []]
            said = [self.body.get("code"), self.body.get("detail"), *errors]
        except (AttributeError, TypeError, KeyError):
            said = [str(self.body or "")[:200]]
        return " ".join([str(self.status), *(str(part) for part in said if part)])


def document(answer: httpx.Response) -> dict[str, Any]:
    content = Result.of(answer).body
    if not isinstance(content, dict):
        raise no_api(answer)
    return content


def no_api(answer: httpx.Response) -> LoadFailed:
    return LoadFailed(f"{answer.request.url} does not answer as the API does; is the address right?")
