from app.domain.currencies.models import ExchangeRate
from app.domain.currencies.schemas import ExchangeRateCreate, ExchangeRateRead
from app.domain.kernel.actor import Role
from app.domain.kernel.object_type import ObjectType

EXCHANGE_RATE = ObjectType(
    name="exchangeRate",
    plural="exchange-rates",
    model=ExchangeRate,
    create=ExchangeRateCreate,
    read=ExchangeRateRead,
    example={"currency": "GBP", "rate": "1.1462", "validFrom": "2026-11-01"},
    filterable=frozenset({"currency", "rate", "valid_from"}),
    sortable=frozenset({"currency", "valid_from"}),
    unique_together=("currency", "valid_from"),
    written_by=Role.admin,
    default_sort="-validFrom",
)
