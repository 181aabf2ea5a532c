"""Subscriptions: where events of a tenant are sent, under both surfaces over one model.

One item of the config table:

    surface "cards" | "v1", owner (the user of a cards subscription, else ""), name, description, url,
    eventTypes [as subscribed: "contact.created", "CONTACT_CREATED", "contact.*", "*"],
    status active -> paused (by its owner) | disabled (by the hub: disabledAt, disabledReason) -> active | deleted,
    retry (JSON: RetryRule), retryConfig (JSON: the same in the words of its owner), autoDisable (JSON: DisableRule),
    authType none | basic | bearer | api_key | oauth2, auth (JSON in the form of `hub.connector.auth_config`, handles
    for its secrets), headers (JSON {name: value or handle}), contentType json | form,
    payloadFormat cards | standard | raw, transformTemplate (JSON or ""), filter (JSON or ""),
    throttle (JSON {requests, windowS} or ""), secretNames (Rotation.stored), storedSecrets [names in the vault],
    missingSecrets [names: it is paused until they are entered], version, createdAt, createdBy, updatedAt, updatedBy

Its secrets are one record of the vault, kind SECRETS_KIND: `secret.N` (for signing), by JSON pointer those of `auth`
(`/auth/token`, `/auth/password`, `/auth/keyValue`, `/auth/clientSecret`) and of `headers` (`/headers/X-Key`).
"""

import time
from dataclasses import dataclass
from functools import cached_property
from threading import Lock
from typing import Any, Self

from hub.core import jsontext
from hub.core.attributes import Item
from hub.core.caller import Tenant
from hub.core.errors import NotFound
from hub.core.ids import ulid
from hub.core.tables import Key, Table, Update, key, partition
from hub.webhooks.rotation import Rotation

Json = dict[str, Any]

KIND = "subscription"
SECRETS_KIND = "subscription"  # in the vault
NOT_FOUND = "No subscription has this id in your tenant."
# No subscription has this id; it stands before them all.
REVISION = "-revision"
# What workers know of a tenant's subscriptions is at most so old.
CACHED_S = 10.0
MOST_CACHED_TENANTS = 500


@dataclass(frozen=True)
class RetryRule:
    """When a failed delivery is tried again: `delays_s[n - 1]` after its attempt number n, then it has failed.

    `jitter` adds up to that part of a delay, never takes from it. `timeout_ms` is for one HTTP call.
    """

    delays_s: tuple[float, ...]
    timeout_ms: int
    jitter: float

    @property
    def max_attempts(self) -> int:
        return len(self.delays_s) + 1

    def stored(self) -> Json:
        return {"delaysS": list(self.delays_s), "timeoutMs": self.timeout_ms, "jitter": self.jitter}

    @classmethod
    def of(cls, stored: Json) -> Self:
        return cls(tuple(stored["delaysS"]), stored["timeoutMs"], stored["jitter"])


# Sources: the specifications of the cards product ("Delivery & Retry Logic") and of the freight platform
# (`retryIntervals`); `standard` is that of Standard Webhooks.
CARDS = RetryRule((2, 4, 8, 16), 10_000, 0)
V1 = RetryRule((60, 300, 900, 3600, 7200), 15_000, 0.1)
STANDARD = RetryRule((5, 300, 1800, 7200, 18_000, 36_000, 50_400, 72_000, 86_400), 20_000, 0.2)
PROFILES = {"cards": CARDS, "v1": V1, "standard": STANDARD}


@dataclass(frozen=True)
class DisableRule:
    """When the hub switches a subscription off by itself; None = never for this reason."""

    failures_in_a_row: int | None = None
    hours_without_success: float | None = None

    def stored(self) -> Json:
        return {"failuresInARow": self.failures_in_a_row, "hoursWithoutSuccess": self.hours_without_success}

    @classmethod
    def of(cls, stored: Json) -> Self:
        return cls(stored["failuresInARow"], stored["hoursWithoutSuccess"])


@dataclass(frozen=True)
class Subscription:
    item: Item

    @property
    def tenant(self) -> Tenant:
        return Tenant.of_item(self.item)

    @property
    def id(self) -> str:
        return str(self.item["sk"])

    @property
    def is_active(self) -> bool:
        return bool(self.item["status"] == "active")

    @property
    def is_deleted(self) -> bool:
        return bool(self.item["status"] == "deleted")

    @property
    def event_types(self) -> list[str]:
        return list(self.item["eventTypes"])

    @cached_property
    def retry(self) -> RetryRule:
        return RetryRule.of(jsontext.load(self.item["retry"]))

    @cached_property
    def auto_disable(self) -> DisableRule:
        return DisableRule.of(jsontext.load(self.item["autoDisable"]))

    @cached_property
    def secret_names(self) -> Rotation:
        return Rotation.of(jsontext.load(self.item["secretNames"]))

    def json(self, name: str) -> Any:
        """Return a field that is stored as JSON text; None where it is empty."""
        text = self.item.get(name) or ""
        return jsontext.load(text) if text else None


def get(config: Table, tenant: Tenant, subscription_id: str) -> Subscription:
    """Return a subscription that is not deleted, as last written; raises NotFound."""
    found = config.get(key(tenant, KIND, subscription_id))
    if found is None or found["status"] == "deleted":
        raise NotFound(NOT_FOUND)
    return Subscription(found)


def list_all(config: Table, tenant: Tenant) -> list[Subscription]:
    """Return all subscriptions of the tenant, deleted ones left out."""
    return list(_read(config, tenant)[0].values())


def _read(config: Table, tenant: Tenant) -> tuple[dict[str, Subscription], str]:
    """Return the subscriptions by id, deleted ones left out, and the mark of their last change."""
    found = {item["sk"]: item for item in config.query_all("pk = :pk", {"pk": partition(tenant, KIND)})}
    mark = mark_of(found.pop(REVISION, None))
    return {name: Subscription(item) for name, item in found.items() if item["status"] != "deleted"}, mark


def revision_place(tenant: Tenant) -> Key:
    """Return the key of the item that tells whether any subscription of the tenant was changed."""
    return key(tenant, KIND, REVISION)


def revised(config: Table, tenant: Tenant) -> Update:
    """Return the write that belongs into every transaction that changes a subscription."""
    return Update(config, revision_place(tenant), "SET mark = :mark", {"mark": ulid()})


def mark_of(revision: Item | None) -> str:
    """Return the mark of the last change; "" before the first."""
    return str(revision["mark"]) if revision else ""


@dataclass(frozen=True)
class _Known:
    until: float
    subscriptions: dict[str, Subscription]
    mark: str


class Directory:
    """The subscriptions of tenants as this process knows them: read at most every `CACHED_S` per tenant."""

    def __init__(self, config: Table) -> None:
        self._config = config
        self._known: dict[str, _Known] = {}
        self._lock = Lock()

    def of_tenant(self, tenant: Tenant, mark: str | None = None) -> dict[str, Subscription]:
        """Return `{id: subscription}`, in the order of creation.

        They are at most `CACHED_S` old; with the `mark` that was read just now, they are as they were then.
        """
        known = self._known.get(tenant.id)
        if known and known.until > time.monotonic() and mark in (None, known.mark):
            return known.subscriptions
        read_at = time.monotonic()  # before reading: a change that comes meanwhile is not older than this
        known = _Known(read_at + CACHED_S, *_read(self._config, tenant))
        with self._lock:
            if len(self._known) >= MOST_CACHED_TENANTS:
                self._known.clear()
            self._known[tenant.id] = known
        return known.subscriptions

    def find(self, tenant: Tenant, subscription_id: str) -> Subscription | None:
        """Return a subscription; one that is not known yet is looked for in the table."""
        found = self.of_tenant(tenant).get(subscription_id)
        if found is not None:
            return found
        item = self._config.get(key(tenant, KIND, subscription_id))
        return Subscription(item) if item else None

    def forget(self, tenant: Tenant) -> None:
        """Read the tenant's subscriptions anew at the next question."""
        with self._lock:
            self._known.pop(tenant.id, None)
