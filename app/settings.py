"""Every knob, typed. There is no default for anything that is secret or says where data lies."""

from pydantic import Field
from pydantic_settings import BaseSettings, SettingsConfigDict


class Settings(BaseSettings):
    """Read from the environment, each under its name in capitals behind `CRM_`."""

    model_config = SettingsConfigDict(env_prefix="CRM_", frozen=True)

    database_url: str = Field(description="postgresql://login@host/database; one login, member of the three roles")
    redis_url: str = Field(description="redis://host:port/db or unix:///path/to.sock")
    environment: str = Field("live", pattern="^[a-z]+$", description="Part of every API key: crm_<environment>_...")
    log_level: str = "INFO"

    pool_size: int = Field(10, ge=1)
    pool_wait_s: float = 3.0
    deadline_s: float = 5.0
    body_limit_bytes: int = 1_000_000
    rate_limit_per_minute: int = Field(6_000, ge=0, description="Per API key; 0 switches the limit off")
    cors_origins: list[str] = ["*"]
