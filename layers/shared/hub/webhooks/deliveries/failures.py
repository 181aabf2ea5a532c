"""Failures in a row of a subscription, and when the hub switches it off for them.

One item of the activity table, `tenant#subscription-failures` with the subscription's id as the sort key, holds the
failed attempts as a set of "<ISO time> <delivery id>#<number>": adding one twice changes nothing, where a counter would
drift. A success does not touch it; what counts is what came after the last success (`counters`) and after
`clearedAt`, when the subscription was switched on again.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from hub.core import clock, events
from hub.core.attributes import Item
from hub.core.caller import Tenant
from hub.core.clock import DAY_S
from hub.core.ids import hashed_id
from hub.core.tables import ConditionFailed, Key, Table, Tables, Update, key
from hub.webhooks import counters
from hub.webhooks.subscriptions.subscriptions import DisableRule, Subscription, revised

KIND = "subscription-failures"
HOUR_S = 3600
# More are not told apart; the set must stay far from the 400 KB of an item.
MOST_KEPT = 2000
DISABLED = "webhook.subscription_disabled"


@dataclass(frozen=True)
class Row:
    """Failed attempts in a row: how many, and since when (ISO 8601)."""

    count: int
    since: str | None


def read(activity: Table, tenant: Tenant, subscription_id: str, last_success_at: str | None) -> Row:
    """Return the failures since `last_success_at` (counters: `lastSuccessAt`); one call."""
    return in_a_row(activity.get(_place(tenant, subscription_id)), last_success_at)


def in_a_row(item: Item | None, last_success_at: str | None) -> Row:
    found = item or {}
    after = max(last_success_at or "", found.get("clearedAt", ""))
    entries = sorted(entry for entry in found.get("failed", ()) if entry.partition(" ")[0] > after)
    attempts = {entry.partition(" ")[2] for entry in entries}
    return Row(len(attempts), entries[0].partition(" ")[0] if entries else None)


def note(activity: Table, subscription: Subscription, attempt_id: str, at: str, keep_days: int) -> Item:
    """Add a failed attempt, "<delivery id>#<number>", and return the item as it is then."""
    place = _place(subscription.tenant, subscription.id)
    expires = {"expires": int(clock.epoch_s()) + keep_days * DAY_S}
    change = "ADD failed :entry SET expiresEpochS = :expires"
    noted = activity.update(place, change, {"entry": {f"{at} {attempt_id}"}, **expires})
    if len(noted["failed"]) > MOST_KEPT:
        _forget(activity, place, sorted(noted["failed"])[1 : MOST_KEPT // 2])  # the first tells since when
    return noted


def reason_to_disable(activity: Table, subscription: Subscription, noted: Item) -> str:
    """Say why the subscription should be switched off now, "" = it should not; asks for the last success if need be."""
    rule = subscription.auto_disable
    if not _why(rule, in_a_row(noted, None)):
        return ""
    last_success_at = counters.read(activity, subscription.tenant, subscription.id).time("lastSuccessAt")
    outdated = [entry for entry in noted["failed"] if entry.partition(" ")[0] <= (last_success_at or "")]
    if outdated:
        _forget(activity, _place(subscription.tenant, subscription.id), outdated)
    return _why(rule, in_a_row(noted, last_success_at))


def disable(tables: Tables, subscription: Subscription, reason: str, keep_days: int) -> Item | None:
    """Switch an active subscription off and return the event that tells of it; None when somebody changed it first."""
    data = {"subscriptionId": subscription.id, "reason": reason}
    event_id = _event_id(subscription)
    event = events.new(subscription.tenant, DISABLED, data, keep_days, event_id=event_id)
    change = Update(
        tables.config,
        {"pk": subscription.item["pk"], "sk": subscription.item["sk"]},
        "SET status = :disabled, disabledAt = :now, updatedAt = :now, disabledReason = :reason, version = :next",
        {
            "disabled": "disabled",
            "now": clock.now(),
            "reason": reason,
            "next": subscription.item["version"] + 1,
            "active": "active",
            "read": subscription.item["version"],
        },
        "status = :active AND version = :read",
    )
    try:
        tables.write(change, events.write(tables, event), revised(tables.config, subscription.tenant))
    except ConditionFailed:
        return None
    return event


def _why(rule: DisableRule, row: Row) -> str:
    if rule.failures_in_a_row is not None and row.count >= rule.failures_in_a_row:
        return f"{row.count} attempts failed in a row. Repair the receiver, enable the subscription, recover the rest."
    if rule.hours_without_success is None or row.since is None:
        return ""
    hours = (clock.epoch_s() - clock.epoch_of(row.since)) / HOUR_S
    if hours < rule.hours_without_success:
        return ""
    return f"No attempt worked for {hours:.0f} hours. Repair the receiver, enable the subscription, recover the rest."


def _event_id(subscription: Subscription) -> str:
    """One version of a subscription can be switched off once."""
    return hashed_id("evt", f"{subscription.item['pk']}\n{subscription.id}\n{subscription.item['version']}")


def _forget(activity: Table, place: Key, entries: Iterable[str]) -> None:
    activity.update(place, "DELETE failed :entries", {"entries": set(entries)})


def cleared(activity: Table, tenant: Tenant, subscription_id: str, keep_days: int) -> Update:
    """Return the write that forgets all failures; it belongs to switching a subscription on again."""
    now = clock.epoch_s()
    return Update(
        activity,
        _place(tenant, subscription_id),
        "SET clearedAt = :now, expiresEpochS = :expires REMOVE failed",
        {"now": clock.iso(now), "expires": int(now) + keep_days * DAY_S},
    )


def _place(tenant: Tenant, subscription_id: str) -> Key:
    return key(tenant, KIND, subscription_id)
