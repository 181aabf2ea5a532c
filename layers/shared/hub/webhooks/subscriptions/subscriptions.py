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

from dataclasses import dataclass
from functools import cached_property
from typing import Any, Self

from hub.core import jsontext
from hub.core.attributes import Item
from hub.core.caller import Tenant
from hub.core.errors import NotFound
from hub.core.ids import ulid
from hub.core.recent import Recent
from hub.core.tables import Key, Table, Update, key, partition
from hub.webhooks.stored import Stored

Json = dict[str, Any]

KIND = "subscription"
SECRETS_KIND = "subscription"  # in the vault
NOT_FOUND = "No subscription has this id in your tenant."
# No subscription has this id; it stands before them all.
REVISION = "-revision"
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
class Subscription(Stored):
    @property
    def event_types(self) -> list[str]:
        return list(self.item["eventTypes"])

    @cached_property
    def retry(self) -> RetryRule:
        return RetryRule.of(jsontext.load(self.item["retry"]))

    @cached_property
    def auto_disable(self) -> DisableRule:
        return DisableRule.of(jsontext.load(self.item["autoDisable"]))


def get(config: Table, tenant: Tenant, subscription_id: str) -> Subscription:
    """Return a subscription that is not deleted, as last written; raises NotFound."""
    found = config.get(key(tenant, KIND, subscription_id)) if subscription_id != REVISION else None
    if found is None or found["status"] == "deleted":
        raise NotFound(NOT_FOUND)
    return Subscription(found)


def list_all(config: Table, tenant: Tenant) -> list[Subscription]:
    """Return all subscriptions of the tenant, deleted ones left out."""
    return list(_read(config, tenant).subscriptions.values())


@dataclass(frozen=True)
class _Known:
    """`subscriptions` by id, deleted ones left out; `mark` is that of their last change."""

    subscriptions: dict[str, Subscription]
    mark: str


def _read(config: Table, tenant: Tenant) -> _Known:
    found = {item["sk"]: item for item in config.query_all("pk = :pk", {"pk": partition(tenant, KIND)})}
    mark = mark_of(found.pop(REVISION, None))
    return _Known({name: Subscription(item) for name, item in found.items() if item["status"] != "deleted"}, mark)


def revision_place(tenant: Tenant) -> Key:
    """Return the key of the item that tells whether any subscription of the tenant was changed."""
    return key(tenant, KIND, REVISION)


def revised(config: Table, tenant: Tenant) -> Update:
    """Return the write that belongs into every transaction that changes a subscription."""
    return Update(config, revision_place(tenant), "SET mark = :mark", {"mark": ulid()})


def mark_of(revision: Item | None) -> str:
    """Return the mark of the last change; "" before the first."""
    return str(revision["mark"]) if revision else ""


class Directory:
    """The subscriptions of tenants as this process knows them: read at most every ten seconds."""

    def __init__(self, config: Table) -> None:
        self._config = config
        self._recent: Recent[Tenant, _Known] = Recent(lambda tenant: _read(config, tenant), MOST_CACHED_TENANTS)

    def of_tenant(self, tenant: Tenant, mark: str | None = None) -> dict[str, Subscription]:
        """Return `{id: subscription}`, in the order of creation.

        They are at most ten seconds old; with the `mark` that was read just now, they are as they were then.
        """
        return self._recent.get(tenant, lambda known: mark in (None, known.mark)).subscriptions

    def find(self, tenant: Tenant, subscription_id: str) -> Subscription | None:
        """Return a subscription; one that is not known yet is looked for in the table."""
        found = self.of_tenant(tenant).get(subscription_id)
        if found is not None:
            return found
        item = self._config.get(key(tenant, KIND, subscription_id))
        return Subscription(item) if item else None

    def forget(self, tenant: Tenant) -> None:
        """Read the tenant's subscriptions anew at the next question."""
        self._recent.forget(tenant)
