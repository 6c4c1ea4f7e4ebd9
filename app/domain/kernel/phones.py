"""Phone numbers, written in any way, in the one form in which they are kept and compared: that of E.164."""

import re
from typing import Annotated

from phonenumbers import (
    NumberParseException,
    PhoneNumberFormat,
    format_number,
    is_valid_number,
    parse,
)
from pydantic import AfterValidator
from pydantic_core import PydanticCustomError

from app.domain.kernel.schemas import Limits

E164 = r"^\+[1-9][0-9]{6,14}$"
DIALLED = r"^[+(0-9][0-9 ()./-]{4,38}$"
DESCRIBED = (
    "In any spelling, kept in the form of E.164: +4930123456. Without the code of its country it is read as a number of "
    "the country that the record is in, or else of the tenant's."
)
_E164, _ABROAD = re.compile(E164), ("+", "00")


def is_international(number: str) -> bool:
    """Whether it says its country itself."""
    return number.startswith(_ABROAD)


def international(number: str) -> str | None:
    """The zero in brackets is for callers within the country. Whether there is such a number nobody asks: it may be new."""
    digits = "".join(filter(str.isdigit, number.replace("(0)", "")))
    normal = "+" + (digits if number.startswith("+") else digits.removeprefix("00"))
    return normal if _E164.fullmatch(normal) else None


def national(number: str, country: str) -> str | None:
    """As it is dialled within the country. Only what its numbering plan has: a guess must not become a wrong number."""
    try:
        read = parse(number, country)
    except NumberParseException:
        return None
    return format_number(read, PhoneNumberFormat.E164) if is_valid_number(read) else None


def e164(number: str, country: str | None) -> str | None:
    if is_international(number):
        return international(number)
    return national(number, country) if country else None


def _spelled(number: str) -> str:
    """What says its country itself needs nothing else to be read; the rest is read with its record."""
    if not is_international(number):
        return number
    if (normal := international(number)) is None:
        raise PydanticCustomError("phone_number", "Write the number with the code of its country: +49 30 123456.")
    return normal


PhoneNumber = Annotated[str, Limits(40, pattern=DIALLED), AfterValidator(_spelled)]
