"""Deliveries: one event for one subscription, from its making to its end; the protocol that loses none.

    queued -> delivering (lease, owner) -> delivered | failed | cancelled | skipped
                      \\-> retrying (nextAttemptAt) -> delivering ...

The item is the truth and a message only a hint. The key is made of the event and the subscription, so that fan-out can
be repeated. One item of the activity table, in a partition per subscription, newest last:

    eventId, eventType, sentAs (the name it was subscribed by), subscriptionId, state, attempts, roundFrom (attempts
    before the present round of the retry rule), owner, leaseUntil, nextAttemptAt (ms), parks (how often in a row its
    host was left alone), places (how many places it took under a throttle for its next attempt), reason (why it waits
    or ended), createdAt, updatedAt, deliveredAt?, failedAt?, lastStatus?, isTest?,
    lane? (of its orderingKey), turn? (its place there)
"""

from contextlib import suppress
from typing import Any

from hub.core import clock, due, events
from hub.core.attributes import Item
from hub.core.caller import Tenant
from hub.core.clock import DAY_S
from hub.core.ids import stable_id
from hub.core.queues import Hint
from hub.core.tables import ConditionFailed, Key, Table, Tables, Update, Write, key, partition
from hub.webhooks.deliveries import lanes
from hub.webhooks.subscriptions.subscriptions import Subscription

Json = dict[str, Any]

OPEN = ("queued", "delivering", "retrying")
ENDED = ("delivered", "failed", "skipped", "cancelled")


def delivery_id(event: Item, subscription_id: str) -> str:
    """Return the id that this event always has for this subscription: a ULID of the event's time and a hash of both."""
    name = f"{event['pk']}\n{event['sk']}\n{subscription_id}"
    return stable_id("dlv", clock.epoch_of(event["createdAt"]), name)


def place(tenant: Tenant, subscription_id: str, delivery_id: str) -> Key:
    return key(tenant, f"delivery#{subscription_id}", delivery_id)


def partition_of(tenant: Tenant, subscription_id: str) -> str:
    return partition(tenant, f"delivery#{subscription_id}")


def attempts_partition(tenant: Tenant, delivery_id: str) -> str:
    return partition(tenant, f"attempt#{delivery_id}")


def hint_of(delivery: Item) -> Hint:
    """Return the hint of a delivery; its id is `sub_.../dlv_...`."""
    return Hint(Tenant.of_item(delivery), f"{delivery['subscriptionId']}/{delivery['sk']}")


def new(subscription: Subscription, event: Item, sent_as: str, *, skipped: str = "") -> Item:
    """Return a delivery that is yet to be written; `skipped` says why it is kept without being sent."""
    now = clock.epoch_s()
    made_id = delivery_id(event, subscription.id)
    delivery: Item = {
        **place(subscription.tenant, subscription.id, made_id),
        "subscriptionId": subscription.id,
        "eventId": event["sk"],
        "eventType": event["type"],
        "sentAs": sent_as,
        "state": "skipped" if skipped else "queued",
        "attempts": 0,
        "roundFrom": 0,
        "owner": "",
        "leaseUntil": 0,
        "nextAttemptAt": 0,
        "parks": 0,
        "places": 0,
        "reason": skipped,
        "createdAt": event["createdAt"],
        "updatedAt": clock.iso(now),
        "expiresEpochS": event["expiresEpochS"],
    }
    return delivery if skipped else {**delivery, **due.DELIVERIES.marks(made_id, now + due.GRACE_S)}


def requeue(tables: Tables, item: Item, reason: str) -> Update:
    """Return the write that has a delivery sent again, from now on with all the tries of its retry rule.

    Its condition fails when the delivery is under way or was changed since it was read. Of an ordered one, `rejoined`
    belongs into the same transaction. The caller hints afterwards.
    """
    now = clock.epoch_s()
    marks = due.DELIVERIES.marks(item["sk"], now + due.GRACE_S)
    return Update(
        tables.activity,
        {"pk": item["pk"], "sk": item["sk"]},
        "SET state = :queued, reason = :reason, roundFrom = :attempts, parks = :zero, places = :zero, owner = :nobody,"
        " leaseUntil = :zero, nextAttemptAt = :zero, updatedAt = :now, dueShard = :shard, dueAt = :due"
        " REMOVE failedAt, deliveredAt",
        {
            "queued": "queued",
            "underway": "delivering",
            "reason": reason,
            "zero": 0,
            "nobody": "",
            "now": clock.iso(now),
            "shard": marks["dueShard"],
            "due": marks["dueAt"],
            "attempts": item["attempts"],
            "state": item["state"],
        },
        "state = :state AND attempts = :attempts AND state <> :underway",
    )


def cancel(tables: Tables, item: Item, reason: str) -> Update:
    """Return the write that ends a delivery which has not ended; a request that is under way may still arrive.

    Its condition fails when the delivery has ended. Of an ordered one, `parted` belongs into the same transaction.
    """
    return ended(tables, item, "cancelled", reason)


def ended(tables: Tables, item: Item, state: str, reason: str) -> Update:
    """Return the write that ends an open delivery without a request."""
    return Update(
        tables.activity,
        {"pk": item["pk"], "sk": item["sk"]},
        "SET state = :state, reason = :reason, owner = :nobody, leaseUntil = :zero, updatedAt = :now"
        " REMOVE dueShard, dueAt",
        {
            "state": state,
            "reason": reason,
            "nobody": "",
            "zero": 0,
            "now": clock.now(),
            "queued": "queued",
            "retrying": "retrying",
            "delivering": "delivering",
        },
        "state = :queued OR state = :retrying OR state = :delivering",
    )


def keep(activity: Table, delivery: Item, until_epoch_s: float) -> None:
    """Keep a delivery that waits until then, and its event, for a day longer: nothing that is open may be tidied away.

    It costs nothing while both are kept for so long anyway.
    """
    needed = int(until_epoch_s) + DAY_S
    if delivery["expiresEpochS"] >= needed:
        return
    event = key(Tenant.of_item(delivery), events.KIND, delivery["eventId"])
    for item_key in (event, {"pk": delivery["pk"], "sk": delivery["sk"]}):
        with suppress(ConditionFailed):
            activity.update(item_key, "SET expiresEpochS = :until", {"until": needed}, "expiresEpochS < :until")


def rejoined(tables: Tables, item: Item) -> list[Write]:
    """Return the write that gives an ordered delivery its old place in the lane again; none for any other."""
    if not item.get("lane"):
        return []
    place = (item["subscriptionId"], item["lane"], item["turn"], hint_of(item).id, item["expiresEpochS"])
    return [lanes.entry(tables.coordination, Tenant.of_item(item), *place)]


def parted(tables: Tables, item: Item) -> list[Write]:
    """Return the write that takes an ordered delivery out of its lane; none for any other."""
    if not item.get("lane"):
        return []
    return [lanes.left(tables.coordination, Tenant.of_item(item), item["subscriptionId"], item["lane"], item["turn"])]
