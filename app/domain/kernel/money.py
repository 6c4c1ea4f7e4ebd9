import re
from decimal import Decimal
from typing import Annotated, Any

from babel.numbers import get_currency_precision, list_currencies
from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, WithJsonSchema, model_validator
from pydantic_core import PydanticCustomError
from typing_extensions import TypeAliasType

CURRENCIES = frozenset(list_currencies())
AMOUNT = r"^-?(0|[1-9][0-9]{0,14})(\.[0-9]{1,4})?$"
_AMOUNT = re.compile(AMOUNT.removesuffix("$") + r"\Z")


def _amount(value: Any) -> Decimal:
    """A JSON number would have lost its decimals before it came here, so only text is read."""
    if isinstance(value, Decimal):
        return value
    if isinstance(value, str) and _AMOUNT.match(value):
        return Decimal(value)
    raise PydanticCustomError("decimal_string", "Give the amount as a decimal string such as '1234.50'.")


def _currency(value: str) -> str:
    if value not in CURRENCIES:
        raise PydanticCustomError("unknown_currency", "This is no ISO 4217 currency code.")
    return value


Amount = Annotated[Decimal, BeforeValidator(_amount), WithJsonSchema({"type": "string", "pattern": AMOUNT})]
Currency = TypeAliasType(
    "Currency", Annotated[str, AfterValidator(_currency), Field(json_schema_extra={"enum": sorted(CURRENCIES)})]
)


class Money(BaseModel):
    """An exact amount in one currency of ISO 4217.

    At most 15 digits and 4 decimals; shown with at least as many decimals as the currency has.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    amount: Amount
    currency: Currency

    @model_validator(mode="after")
    def _in_the_scale_of_its_currency(self) -> "Money":
        object.__setattr__(self, "amount", scaled(self.amount, self.currency))
        return self


def zero(currency: str) -> Money:
    return Money(amount=Decimal(0), currency=currency)


def scaled(amount: Decimal, currency: str) -> Decimal:
    """With the decimals of its currency, or more where it has more; never minus zero."""
    places = max(get_currency_precision(currency), -int(amount.normalize().as_tuple().exponent))
    return amount.quantize(Decimal(1).scaleb(-places)) + 0
