"""How deliveries are made and tried again: the words of S004 and the hub's as they are stored, and back."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from hub.core import jsontext
from hub.core.attributes import Item
from hub.webhooks.subscriptions.subscriptions import PROFILES, DisableRule, RetryRule

if TYPE_CHECKING:
    from hub.webhooks.subscriptions.subscription_models import NewSubscription

Json = dict[str, Any]

CARDS_SURFACE, V1_SURFACE = "cards", "v1"
# The cards product disables after ten failures in a row; Svix after five days without one success.
DISABLE_RULES = {
    "cards": DisableRule(failures_in_a_row=10),
    "v1": DisableRule(hours_without_success=120),
    "standard": DisableRule(hours_without_success=120),
}
_FORMATS = {CARDS_SURFACE: "cards", V1_SURFACE: "standard"}
CONTENT_TYPES = {"application/json": "json", "application/x-www-form-urlencoded": "form"}
MIME_TYPES = {word: mime for mime, word in CONTENT_TYPES.items()}


def settled(wanted: "NewSubscription", surface: str) -> Item:
    """Return the fields of the item that hold no secret and no state; what was left out gets the surface's default."""
    profile = wanted.retryProfile or surface
    return {
        "name": wanted.name,
        "description": wanted.description or "",
        "url": wanted.url,
        "eventTypes": list(dict.fromkeys(wanted.eventTypes)),
        **_retry(wanted, profile),
        "autoDisable": jsontext.dump(_disable_rule(wanted, profile).stored()),
        "authType": wanted.authType.lower(),
        "contentType": CONTENT_TYPES[wanted.contentType],
        "payloadFormat": wanted.payloadFormat or _FORMATS[surface],
        "transformTemplate": _text(wanted.transformTemplate),
        "filter": _text(wanted.filter),
        "throttle": _text(_throttle(wanted)),
    }


def delays(intervals: Sequence[float], max_retries: int) -> tuple[float, ...]:
    """Return the delays of so many retries: the list cut, or its last one repeated."""
    return tuple(intervals[min(number, len(intervals) - 1)] for number in range(max_retries))


def _retry(wanted: "NewSubscription", profile: str) -> Item:
    base = PROFILES[profile]
    intervals = wanted.retryIntervals or [round(delay_s) for delay_s in base.delays_s]
    max_retries = len(intervals) if wanted.maxRetries is None else wanted.maxRetries
    used = delays(intervals, max_retries if wanted.retryEnabled else 0)
    rule = RetryRule(used, wanted.timeoutMs or base.timeout_ms, base.jitter)
    words = {
        "retryProfile": profile,
        "retryEnabled": wanted.retryEnabled,
        "maxRetries": max_retries,
        "retryIntervals": intervals,
    }
    return {"retry": jsontext.dump(rule.stored()), "retryConfig": jsontext.dump(words)}


def _disable_rule(wanted: "NewSubscription", profile: str) -> DisableRule:
    if wanted.autoDisable is None:
        return DISABLE_RULES[profile]
    return DisableRule(wanted.autoDisable.failuresInARow, wanted.autoDisable.hoursWithoutSuccess)


def _throttle(wanted: "NewSubscription") -> Json | None:
    found = wanted.throttle
    return {"requests": found.requests, "windowS": found.windowSeconds} if found else None


def _text(value: Any) -> str:
    return "" if value is None else jsontext.dump(value)
