from app.domain.forecasting.models import ForecastAdjustment, Quota
from app.domain.forecasting.schemas import ForecastAdjustmentCreate, ForecastAdjustmentRead, QuotaCreate, QuotaRead
from app.domain.kernel.actor import Role
from app.domain.kernel.object_type import ObjectType, Reference

QUOTA = ObjectType(
    name="quota",
    plural="quotas",
    model=Quota,
    create=QuotaCreate,
    read=QuotaRead,
    example={
        "userId": "019ad1c0-7b60-7e21-8d40-1c2d3e4f5061",
        "period": "2026-Q4",
        "scope": "own",
        "amount": {"amount": "250000.00", "currency": "USD"},
    },
    filterable=frozenset({"user_id", "period", "scope", "amount"}),
    sortable=frozenset({"period", "amount"}),
    references={"user_id": Reference("user", inverse="quotas")},
    unique_together=("user_id", "scope", "period"),
    written_by=Role.admin,
    default_sort="-period",
)
FORECAST_ADJUSTMENT = ObjectType(
    name="forecastAdjustment",
    plural="forecast-adjustments",
    model=ForecastAdjustment,
    create=ForecastAdjustmentCreate,
    read=ForecastAdjustmentRead,
    example={
        "period": "2026-Q4",
        "category": "commit",
        "amount": {"amount": "180000.00", "currency": "USD"},
        "note": "Two of the deals will slip.",
    },
    filterable=frozenset({"user_id", "by_user_id", "period", "category", "amount"}),
    sortable=frozenset({"period", "amount"}),
    references={"user_id": Reference("user", inverse="forecastAdjustments"), "by_user_id": Reference("user")},
    unique_together=("user_id", "by_user_id", "category", "period"),
    default_sort="-period",
)
