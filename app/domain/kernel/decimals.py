"""Exact numbers that are no amounts of money: quantities, percentages, rates."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal
from typing import Annotated, Any

from annotated_types import GroupedMetadata
from pydantic import BeforeValidator, WithJsonSchema
from pydantic_core import PydanticCustomError


@dataclass(frozen=True, slots=True)
class Digits(GroupedMetadata):
    """Of an exact number, to stand in `Annotated`: a decimal string outside, since JSON numbers lose decimals.

    `form` is all that may be written; `wanted` says the same in words.
    """

    form: str
    wanted: str

    def __iter__(self) -> Iterator[Any]:
        yield BeforeValidator(self._read)
        yield WithJsonSchema({"type": "string", "pattern": self.form})

    def _read(self, value: Any) -> Decimal:
        if isinstance(value, Decimal):
            return value
        if isinstance(value, str) and re.fullmatch(self.form.removeprefix("^").removesuffix("$"), value):
            return Decimal(value)
        raise PydanticCustomError("decimal_string", "Give {wanted}.", {"wanted": self.wanted})


def above_zero(digits: int, places: int) -> Digits:
    """Greater than zero; at most so many digits before and after the point."""
    small = "|".join(f"0{{{zeros}}}[1-9][0-9]{{0,{places - zeros - 1}}}" for zeros in range(places))
    form = rf"^([1-9][0-9]{{0,{digits - 1}}}(\.[0-9]{{1,{places}}})?|0\.({small}))$"
    return Digits(form, f"a decimal string greater than zero such as '2.5', with at most {places} decimals")


Quantity = Annotated[Decimal, above_zero(12, 4)]
Rate = Annotated[Decimal, above_zero(9, 10)]
Percent = Annotated[
    Decimal,
    Digits(
        r"^(100(\.0{1,4})?|[1-9]?[0-9](\.[0-9]{1,4})?)$",
        "a decimal string from '0' to '100' such as '19' or '7.5', with at most 4 decimals",
    ),
]
