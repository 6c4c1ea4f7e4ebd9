from datetime import date
from decimal import Decimal

from sqlalchemy.orm import Mapped

from app.domain.kernel.record import Record


class ExchangeRate(Record):
    __tablename__ = "exchange_rate"

    currency: Mapped[str]
    rate: Mapped[Decimal]
    valid_from: Mapped[date]
