"""Deliveries as the two specifications write them: S004's WebhookDelivery, S002's row of a delivery."""

from dataclasses import dataclass
from typing import Any

from hub.core import clock, jsontext
from hub.core.attributes import Item
from hub.webhooks.deliveries.attempts import Attempt
from hub.webhooks.subscriptions.subscriptions import Subscription

Json = dict[str, Any]

STATUS = {
    "queued": "PENDING",
    "delivering": "PENDING",
    "retrying": "RETRYING",
    "delivered": "DELIVERED",
    "failed": "FAILED",
    "skipped": "FAILED",
    "cancelled": "FAILED",
}
_NEVER_SENT = {"skipped": "The delivery was skipped.", "cancelled": "The delivery was cancelled."}


@dataclass(frozen=True)
class Row:
    """A delivery with what is shown beside it; `event` is None when it is no longer kept, `last` before any attempt."""

    delivery: Item
    event: Item | None
    last: Attempt | None


def v1(subscription: Subscription, row: Row, attempts: list[Attempt] | None = None) -> Json:
    """Return `hub.webhooks.deliveries.delivery_models:Delivery`; with `attempts`, they are inside."""
    delivery, last = row.delivery, row.last
    shown = {
        "id": delivery["sk"],
        "subscriptionId": subscription.id,
        "eventType": delivery["sentAs"],
        "eventId": delivery["eventId"],
        "payload": jsontext.load(row.event["data"]) if row.event else None,
        "attemptNumber": max(delivery["attempts"], 1),
        **_exchange(last, subscription),
        "status": STATUS[delivery["state"]],
        "errorMessage": _error(row),
        "nextRetryAt": _next_at(delivery),
        "createdAt": delivery["createdAt"],
        "state": delivery["state"],
        "reason": delivery["reason"] or None,
        "attemptCount": delivery["attempts"],
        "isTest": bool(delivery.get("isTest")),
        "updatedAt": delivery["updatedAt"],
        "deliveredAt": delivery.get("deliveredAt"),
    }
    return shown if attempts is None else {**shown, "attempts": [_attempt(each) for each in attempts]}


def cards(row: Row) -> Json:
    """Return `hub.webhooks.subscriptions.cards_models:CardsDelivery`."""
    delivery, response = row.delivery, (row.last.response if row.last else None) or {}
    failed_at = delivery["updatedAt"] if delivery["state"] in _NEVER_SENT else delivery.get("failedAt")
    return {
        "id": delivery["sk"],
        "eventType": delivery["sentAs"],
        "payload": _envelope(delivery, row.event) if row.event else None,
        "responseStatus": response.get("status"),
        "responseBody": response.get("body"),
        "attemptCount": delivery["attempts"],
        "deliveredAt": delivery.get("deliveredAt"),
        "failedAt": failed_at,
        "nextRetryAt": _next_at(delivery),
        "createdAt": delivery["createdAt"],
    }


def _envelope(delivery: Item, event: Item) -> Json:
    return {"event": delivery["sentAs"], "timestamp": event["createdAt"], "data": jsontext.load(event["data"])}


def _exchange(last: Attempt | None, subscription: Subscription) -> Json:
    """Return the last attempt's request and response; before any there is only where it will go."""
    request, response = (last.request, last.response or {}) if last else ({}, {})
    return {
        "requestUrl": request.get("url", subscription.item["url"]),
        "requestHeaders": request.get("headers"),
        "requestBody": request.get("body"),
        "responseStatus": response.get("status"),
        "responseHeaders": response.get("headers"),
        "responseBody": response.get("body"),
        "responseTimeMs": last.duration_ms if last else None,
    }


def _attempt(attempt: Attempt) -> Json:
    response = attempt.response or {}
    return {
        "attemptNumber": attempt.number,
        "at": attempt.at,
        "outcome": attempt.outcome,
        "requestUrl": attempt.request["url"],
        "requestHeaders": attempt.request["headers"],
        "requestBody": attempt.request.get("body"),
        "responseStatus": response.get("status"),
        "responseHeaders": response.get("headers"),
        "responseBody": response.get("body"),
        "responseTimeMs": attempt.duration_ms,
        "errorMessage": attempt.error or None,
        "nextRetryAt": attempt.next_attempt_at,
        "why": attempt.why,
    }


def _error(row: Row) -> str | None:
    """Return why a delivery is not there yet or never will be; one that was not sent has no attempt to ask."""
    state, reason = row.delivery["state"], row.delivery["reason"]
    if state in _NEVER_SENT:
        return reason or _NEVER_SENT[state]
    if state in ("failed", "retrying"):
        return (row.last.error if row.last else "") or reason or None
    return None


def _next_at(delivery: Item) -> str | None:
    waits = delivery["state"] in ("queued", "retrying") and delivery["nextAttemptAt"] > 0
    return clock.iso(delivery["nextAttemptAt"] / 1000) if waits else None
