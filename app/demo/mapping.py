"""The mapping file: everything about the sample that is a decision and not in its files."""

import tomllib
from decimal import Decimal
from pathlib import Path
from typing import Self

from pydantic import BaseModel, ConfigDict, ValidationError

from app.demo.failure import LoadFailed


class Mapping(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    system: str
    currency: str
    revenue_unit: Decimal
    email_domain: str
    no_account: str
    stages: dict[str, str]
    engaged: str | None = None  # the stage that begins with the engage date; without it no history is told
    spelling: dict[str, dict[str, str]]  # by column: as written -> as meant
    known: dict[str, frozenset[str]]  # by column: the values that need no report

    @classmethod
    def read(cls, path: Path) -> Self:
        try:
            return cls.model_validate(tomllib.loads(path.read_text("utf-8")))
        except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError, ValidationError) as error:
            raise LoadFailed(f"The mapping file {path} cannot be used: {error}") from error

    def corrected(self, column: str, cell: str) -> str:
        value = cell.strip()
        return self.spelling.get(column, {}).get(value, value)
