from datetime import date

from pydantic import BaseModel, ConfigDict, Field
from pydantic.alias_generators import to_camel

from app.domain.kernel.decimals import Rate
from app.domain.kernel.money import Currency, Money
from app.domain.kernel.schemas import Day, RecordInput, RecordRead

EXAMPLES = ["GBP", "CHF", "JPY", "SEK", "NOK", "DKK", "CZK", "HUF"]


class ExchangeRateCreate(RecordInput):
    currency: Currency = Field(description="Any but the tenant's own, whose rate is always 1.", examples=EXAMPLES)
    rate: Rate = Field(description="What one unit of it is worth in the tenant's own currency.")
    valid_from: Day = Field(description="It holds from this day until that of the next rate of the currency.")


class ExchangeRateRead(RecordRead):
    currency: str
    rate: Rate
    valid_from: date


class ConversionRead(BaseModel):
    """`rate` is exact where the decimals suffice, else rounded to 20 digits; `to` is rounded once, from exact values."""

    model_config = ConfigDict(alias_generator=to_camel)

    given: Money = Field(alias="from")
    to: Money
    rate: str = Field(description="What one unit of the first currency is worth in the second.")
    on: date = Field(alias="date")
