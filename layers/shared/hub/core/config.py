"""Everything the hub reads from the environment, once per cold start."""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache


class MissingSettings(RuntimeError):
    """The function cannot start; the message names every missing variable at once."""


@dataclass(frozen=True)
class Settings:
    """What template.yaml gives every function; the names there are these in upper case."""

    config_table: str
    credentials_table: str
    documents_table: str
    activity_table: str
    coordination_table: str
    bus_name: str
    blob_bucket: str
    kms_key_id: str
    sync_queue_url: str
    event_queue_url: str
    delivery_queue_url: str
    inbound_queue_url: str
    connection_queue_url: str
    retention_days: int
    rate_limits: Mapping[str, int]
    sync_lease_s: int
    sync_interval_s: int
    range_reads_from: int
    outbound_allowed_private: str
    return_origins: tuple[str, ...]
    own_hosts: tuple[str, ...]


@dataclass(frozen=True)
class TokenSettings:
    """What only the authorizer is given."""

    jwt_issuer: str
    jwt_audience: str
    jwks_url: str
    tenant_claim: str


@cache
def settings() -> Settings:
    read = _Reader(os.environ)
    found = Settings(
        config_table=read.text("CONFIG_TABLE"),
        credentials_table=read.text("CREDENTIALS_TABLE"),
        documents_table=read.text("DOCUMENTS_TABLE"),
        activity_table=read.text("ACTIVITY_TABLE"),
        coordination_table=read.text("COORDINATION_TABLE"),
        bus_name=read.text("BUS_NAME"),
        blob_bucket=read.text("BLOB_BUCKET"),
        kms_key_id=read.text("KMS_KEY_ID"),
        sync_queue_url=read.text("SYNC_QUEUE_URL"),
        event_queue_url=read.text("EVENT_QUEUE_URL"),
        delivery_queue_url=read.text("DELIVERY_QUEUE_URL"),
        inbound_queue_url=read.text("INBOUND_QUEUE_URL"),
        connection_queue_url=read.text("CONNECTION_QUEUE_URL"),
        retention_days=read.number("RETENTION_DAYS"),
        rate_limits=read.numbers("RATE_LIMITS", at_least="integration"),
        sync_lease_s=read.number("SYNC_LEASE_S"),
        sync_interval_s=read.number("SYNC_INTERVAL_S"),
        range_reads_from=read.number("RANGE_READS_FROM"),
        outbound_allowed_private=read.text("OUTBOUND_ALLOWED_PRIVATE"),
        return_origins=read.optional_names("RETURN_ORIGINS"),
        own_hosts=read.optional_names("OWN_HOSTS"),
    )
    read.complain()
    return found


@cache
def token_settings() -> TokenSettings:
    read = _Reader(os.environ)
    found = TokenSettings(
        jwt_issuer=read.text("JWT_ISSUER"),
        jwt_audience=read.text("JWT_AUDIENCE"),
        jwks_url=read.text("JWKS_URL"),
        tenant_claim=read.text("TENANT_CLAIM"),
    )
    read.complain()
    return found


@cache
def dashboard_url() -> str:
    """Return where a browser is sent after OAuth when nothing else was asked for; only the OAuth function has it."""
    read = _Reader(os.environ)
    found = read.text("DASHBOARD_URL")
    read.complain()
    return found


@cache
def dead_letter_queues() -> Mapping[str, str]:
    """Return `{name: URL}` of the dead letter queues; only the operations are given them."""
    read = _Reader(os.environ)
    found = dict(entry.partition("=")[::2] for entry in read.text("DEAD_LETTERS").split(",") if entry)
    read.complain()
    return found


class _Reader:
    """Reads variables and remembers what was wrong, so that one failure names all of it."""

    def __init__(self, environment: Mapping[str, str]) -> None:
        self._environment = environment
        self._faults: list[str] = []

    def text(self, name: str) -> str:
        if name not in self._environment:
            self._faults.append(f"{name} is not set")
        return self._environment.get(name, "")

    def number(self, name: str) -> int:
        return self._integer(name, self.text(name))

    def numbers(self, name: str, at_least: str) -> dict[str, int]:
        """Read `a=1,b=2`, in which `at_least` must be one of the names."""
        pairs = (entry.partition("=") for entry in self.text(name).split(",") if entry.strip())
        found = {key.strip(): self._integer(name, value) for key, _, value in pairs}
        if name in self._environment and at_least not in found:
            self._faults.append(f"{name} must name {at_least}")
        return found

    def optional_names(self, name: str) -> tuple[str, ...]:
        return tuple(entry.strip() for entry in self._environment.get(name, "").split(",") if entry.strip())

    def complain(self) -> None:
        if self._faults:
            raise MissingSettings("; ".join(self._faults))

    def _integer(self, name: str, text: str) -> int:
        if text.isascii() and text.strip().isdigit():
            return int(text)
        if name in self._environment:
            self._faults.append(f"{name} must hold whole numbers, found {text!r}")
        return 0
