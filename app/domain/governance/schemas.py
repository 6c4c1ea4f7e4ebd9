from functools import cache
from typing import Annotated, Literal
from uuid import UUID
from zoneinfo import available_timezones

from babel import Locale
from babel.core import UnknownLocaleError
from pydantic import MISSING, AfterValidator, BaseModel, ConfigDict, Field
from pydantic.alias_generators import to_camel
from pydantic_core import PydanticCustomError

from app.domain.kernel.countries import Country
from app.domain.kernel.money import Currency
from app.domain.kernel.schemas import INT_MAX, Email, Input, Label, Limits, Name, RecordInput, RecordRead, Timestamp

UserRole = Literal["admin", "member"]
UserStatus = Literal["active", "inactive"]
Scope = Annotated[str, Limits(60, pattern=r"^(admin|[a-z][a-z-]*:(read|write))$")]


@cache
def _time_zones() -> set[str]:
    """Of the IANA database: asked for, Python opens six hundred files, which takes a worker 20 ms."""
    return available_timezones()


def _time_zone(name: str) -> str:
    if name not in _time_zones():
        raise PydanticCustomError("unknown_time_zone", "This is no time zone of the IANA database.")
    return name


def _locale(name: str) -> str:
    try:
        return str(Locale.parse(name, sep="-")).replace("_", "-")
    except (UnknownLocaleError, ValueError) as error:
        raise PydanticCustomError("unknown_locale", "This is no known locale such as en-GB.") from error


TimeZone = Annotated[str, AfterValidator(_time_zone)]
LocaleName = Annotated[str, AfterValidator(_locale)]


class UserCreate(RecordInput):
    name: Name
    email: Email = Field(description="Differs from user to user.")
    manager_id: UUID | None = Field(None, description="The user above; the hierarchy has no cycles.")
    region: Label | None = None
    role: UserRole = Field("member", description="A member writes records; an admin also users, keys and the tenant.")
    status: UserStatus = Field("active", description="The keys of an inactive user do not work.")


class UserRead(RecordRead):
    name: str
    email: str
    manager_id: UUID | None
    region: str | None
    role: UserRole
    status: UserStatus


class TenantCreate(Input):
    name: Name
    time_zone: TimeZone = "UTC"
    locale: LocaleName = "en"
    currency: Currency = "USD"
    country: Country | None = None


class TenantRead(BaseModel):
    model_config = ConfigDict(alias_generator=to_camel)

    id: UUID
    name: str
    time_zone: str
    locale: str
    currency: str
    country: str | None = Field(description="Phones without the code of a country are read as numbers of it.")
    schema_version: int


class TenantSettings(BaseModel):
    """What an administrator chooses for the whole organisation."""

    model_config = ConfigDict(alias_generator=to_camel, validate_by_name=True)

    country: str | None = None


class TenantSettingsUpdate(Input):
    """What is left out stays."""

    country: Country | MISSING | None = Field(
        MISSING, description="Of phones without a code, where their record says no country; null where there is none."
    )


class ApiKeyCreate(Input):
    name: Name
    user_id: UUID | None = Field(None, description="The user that the key acts as; left out, it is the caller.")
    scopes: list[Scope] = Field(min_length=1, max_length=100)
    expires_at: Timestamp | None = None
    rate_limit_per_minute: int | None = Field(None, ge=0, le=INT_MAX, description="0 switches the limit off.")


class ApiKeyRead(BaseModel):
    model_config = ConfigDict(alias_generator=to_camel)

    id: UUID
    name: str
    user_id: UUID
    scopes: list[str]
    expires_at: Timestamp | None
    rate_limit_per_minute: int | None
    created_at: Timestamp
    created_by: UUID | None


class ApiKeyCreated(ApiKeyRead):
    key: str | None = Field(description="Shown once, here; null when the answer is replayed.")
