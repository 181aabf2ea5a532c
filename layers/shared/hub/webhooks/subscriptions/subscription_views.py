"""Subscriptions as the two specifications write them: S004's WebhookSubscription, S002's webhook."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from hub.core.tables import Table, key
from hub.webhooks import counters
from hub.webhooks.counters import Counts
from hub.webhooks.deliveries import failures
from hub.webhooks.subscriptions.subscription_secrets import shown_config, shown_place
from hub.webhooks.subscriptions.subscription_settings import MIME_TYPES
from hub.webhooks.subscriptions.subscriptions import Subscription

Json = dict[str, Any]

STATUS = {"active": "ACTIVE", "paused": "PAUSED", "disabled": "DISABLED"}


@dataclass(frozen=True)
class Record:
    """What became of a subscription's deliveries so far."""

    counts: Counts
    failures_in_a_row: int


NOTHING_YET = Record(Counts(), 0)


def record(activity: Table, subscription: Subscription, *, enabled: bool = False) -> Record:
    """Return the record of one subscription: two reads; one that is `enabled` right now has no failures in a row."""
    counts = counters.read(activity, subscription.tenant, subscription.id)
    if enabled:
        return Record(counts, 0)
    row = failures.read(activity, subscription.tenant, subscription.id, counts.time("lastSuccessAt"))
    return Record(counts, row.count)


def records(activity: Table, subscriptions: Iterable[Subscription]) -> dict[str, Record]:
    """Return the records of a page of subscriptions of one tenant, by id."""
    found = list(subscriptions)
    if not found:
        return {}
    tenant = found[0].tenant
    counted = counters.read_many(activity, tenant, [each.id for each in found])
    sets = activity.batch_get([key(tenant, failures.KIND, each.id) for each in found])
    failed = {item["sk"]: item for item in sets}
    return {
        each.id: Record(
            counted[each.id], failures.in_a_row(failed.get(each.id), counted[each.id].time("lastSuccessAt")).count
        )
        for each in found
    }


def v1(subscription: Subscription, so_far: Record) -> Json:
    """Return `hub.webhooks.subscriptions.subscription_models:Subscription`."""
    item, counts = subscription.item, so_far.counts
    return {
        "id": subscription.id,
        "tenantId": subscription.tenant.id,
        "name": item["name"],
        "description": item.get("description") or None,
        "url": item["url"],
        "eventTypes": subscription.event_types,
        "authType": item["authType"].upper(),
        "authConfig": shown_config(subscription.json("auth")),
        "contentType": MIME_TYPES[item["contentType"]],
        "headers": subscription.json("headers") or {},
        "transformTemplate": subscription.json("transformTemplate"),
        **_retries(subscription),
        "status": STATUS[item["status"]],
        "isEnabled": subscription.is_active,
        "totalSent": counts.number("sent"),
        "totalDelivered": counts.number("delivered"),
        "totalFailed": counts.number("failed"),
        **{name: counts.time(name) for name in ("lastTriggeredAt", "lastSuccessAt", "lastFailureAt")},
        "consecutiveFailures": so_far.failures_in_a_row,
        **{name: item[name] for name in ("createdAt", "updatedAt", "createdBy", "payloadFormat")},
        "filter": subscription.json("filter"),
        "throttle": _throttle(subscription.json("throttle")),
        "timeoutMs": subscription.retry.timeout_ms,
        "autoDisable": subscription.auto_disable.stored(),
        "surface": item["surface"],
        "owner": item["owner"] or None,
        **{name: item.get(name) or None for name in ("disabledAt", "disabledReason")},
        "previousSecretValidUntil": subscription.secret_names.previous_until,
        "secretsRequired": [shown_place(place) for place in item["missingSecrets"]],
        "version": item["version"],
    }


def cards(subscription: Subscription) -> Json:
    """Return S002's webhook: `{id, url, events, isActive}`."""
    return {
        "id": subscription.id,
        "url": subscription.item["url"],
        "events": subscription.event_types,
        "isActive": subscription.is_active,
    }


def _retries(subscription: Subscription) -> Json:
    """Return retryProfile, retryEnabled, maxRetries and retryIntervals, in the words of the owner."""
    words: Json = subscription.json("retryConfig")
    return words


def _throttle(stored: Json | None) -> Json | None:
    return {"requests": stored["requests"], "windowSeconds": stored["windowS"]} if stored else None
