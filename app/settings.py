"""Every knob, typed. There is no default for anything that is secret or says where data lies."""

import re
from base64 import b64decode
from collections.abc import Mapping, Sequence
from functools import cached_property
from ipaddress import IPv4Network, IPv6Network, ip_network
from typing import Literal

from pydantic import Field, SecretStr, field_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

KEY_BYTES, MOST_KEYS = 32, 1_000_000
_BROKER = re.compile(r"amqps?://\S+|nats://[^\s,]+(,nats://[^\s,]+)*|tls://[^\s,]+(,tls://[^\s,]+)*")


class Settings(BaseSettings):
    """Read from the environment, each under its name in capitals behind `CRM_`."""

    model_config = SettingsConfigDict(env_prefix="CRM_", frozen=True, hide_input_in_errors=True)

    database_url: str = Field(description="postgresql://login@host/database; one login, member of the three roles")
    redis_url: str = Field(description="redis://host:port/db or unix:///path/to.sock")
    encryption_keys: SecretStr | None = Field(
        None, description="1:<base64 of 32 bytes>,2:...: what was sealed under any is read, and the highest seals"
    )
    environment: str = Field("live", pattern="^[a-z]+$", description="Part of every API key: crm_<environment>_...")
    log_level: str = "INFO"

    pool_size: int = Field(10, ge=1)
    pool_wait_s: float = 3.0
    deadline_s: float = 5.0
    body_limit_bytes: int = 1_000_000
    rate_limit_per_minute: int = Field(6_000, ge=0, description="Per API key; 0 switches the limit off")
    streams_per_key: int = Field(100, ge=1, description="Event streams that one API key may have open in a process")
    cors_origins: list[str] = ["*"]
    allow_loopback_callouts: bool = Field(
        default=False, description="For development: webhooks may go to this machine, on any port, also without TLS"
    )

    public_url: str = Field(
        "",
        pattern="^(https?://[!-~]*[^/])?$",
        description="What stands before /forms in links of mails: https://crm.example.com",
    )
    trusted_proxies: list[str] = Field(
        [], description="Networks of proxies whose X-Forwarded-For is believed, such as 10.0.0.0/8"
    )
    form_posts_per_minute: int = Field(10, ge=0, description="Of forms on the web, from one address; 0 is no limit")
    form_posts_per_form_per_minute: int = Field(120, ge=0, description="To one form; 0 is no limit")

    decisions_kept_days: int = Field(400, ge=0, le=36_500, description="Of assignment; 0 keeps them for ever")
    scores_kept_days: int = Field(
        400, ge=0, le=36_500, description="Changes of scores, but for the last of each lead; 0 keeps all for ever"
    )
    snapshots_kept_days: int = Field(
        400, ge=0, le=36_500, description="Every day's; the last of each week and month stays. 0 keeps all for ever"
    )

    broker_url: SecretStr | None = Field(
        None,
        description="amqp://, amqps://, nats:// or tls://, with the login: workers publish the log of events to it",
    )
    broker_exchange: str = Field(
        "rapport.events",
        pattern="^[A-Za-z0-9_-]+([.][A-Za-z0-9_-]+)*$",
        description="What NATS subjects begin with, too",
    )
    broker_from: Literal["now", "beginning"] = Field("now", description="Where the first publishing ever begins")

    @property
    def keys(self) -> Mapping[int, bytes]:
        """The encryption keys by their number; none where the setting is missing."""
        return _keys(self.encryption_keys.get_secret_value()) if self.encryption_keys else {}

    @cached_property
    def proxies(self) -> Sequence[IPv4Network | IPv6Network]:
        return [ip_network(one) for one in self.trusted_proxies]

    @field_validator("trusted_proxies")
    @classmethod
    def _are_networks(cls, value: list[str]) -> list[str]:
        for one in value:
            ip_network(one)
        return value

    @field_validator("encryption_keys")
    @classmethod
    def _can_be_read(cls, value: SecretStr | None) -> SecretStr | None:
        if value is None or not value.get_secret_value():
            return None
        _keys(value.get_secret_value())
        return value

    @field_validator("broker_url")
    @classmethod
    def _leads_to_a_broker(cls, value: SecretStr | None) -> SecretStr | None:
        if value is None or not value.get_secret_value():
            return None
        if not _BROKER.fullmatch(value.get_secret_value()):
            raise ValueError("it must be one amqp:// or amqps:// URL, or nats:// or tls:// URLs with commas between")
        return value


def _keys(text: str) -> dict[int, bytes]:
    """A refusal names the place, never what stands there."""
    found: dict[int, bytes] = {}
    for place, part in enumerate(text.split(","), 1):
        number, _, key = part.strip().partition(":")
        if not (number.isascii() and number.isdigit() and 1 <= int(number[:10]) <= MOST_KEYS) or int(number) in found:
            raise ValueError(f"key {place} must begin with a number from 1 to {MOST_KEYS}, each used once, and a colon")
        found[int(number)] = _key(key, place)
    return found


def _key(text: str, place: int) -> bytes:
    try:
        key = b64decode(text, validate=True)
    except ValueError:
        key = b""
    if len(key) != KEY_BYTES:
        raise ValueError(
            f"key {place} must be {KEY_BYTES} bytes in base64, as `openssl rand -base64 {KEY_BYTES}` prints"
        )
    return key
