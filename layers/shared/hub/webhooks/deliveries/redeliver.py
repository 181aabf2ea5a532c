"""What a user does to one delivery: send it again, or cancel it."""

from typing import Any

from hub.core import clock, queues
from hub.core.attributes import Item
from hub.core.caller import Tenant
from hub.core.errors import Conflict
from hub.core.journal import Change
from hub.core.queues import Hint
from hub.core.resources import Resources
from hub.webhooks.deliveries import deliveries, lanes
from hub.webhooks.subscriptions.subscriptions import Subscription

RETRIED = "sent again by hand"
CANCELLED = "cancelled by hand"


def retry(change: Change, subscription: Subscription, delivery: Item) -> Item:
    """Add to `change` that a delivery is sent again now; return it as it is then. Raises Conflict."""
    must_be_active(subscription)
    if delivery["state"] == "delivering":
        raise Conflict("The delivery is under way right now.", state=delivery["state"])
    tables = change.tables
    change.add(deliveries.requeue(tables, delivery, RETRIED), *deliveries.rejoined(tables, delivery))
    change.audit("delivery.retried", delivery["sk"], subscriptionId=subscription.id)
    return _changed(delivery, "queued", RETRIED, nextAttemptAt=0)


def cancel(change: Change, delivery: Item) -> Item:
    """Add to `change` that a delivery is cancelled; return it as it is then. Raises Conflict when it has ended."""
    if delivery["state"] in deliveries.ENDED:
        raise Conflict(f"The delivery has ended already: {delivery['state']}.", state=delivery["state"])
    tables = change.tables
    change.add(deliveries.cancel(tables, delivery, CANCELLED), *deliveries.parted(tables, delivery))
    change.audit("delivery.cancelled", delivery["sk"], subscriptionId=delivery["subscriptionId"])
    return _changed(delivery, "cancelled", CANCELLED)


def must_be_active(subscription: Subscription) -> None:
    """Refuse to send again what would only be skipped again."""
    if not subscription.is_active:
        status = subscription.item["status"]
        raise Conflict(f"The subscription is {status}; enable it first.", status=status.upper())


def hint(resources: Resources, delivery: Item) -> None:
    """Have a delivery sent now."""
    queues.send(resources.sqs, resources.settings.delivery_queue_url, deliveries.hint_of(delivery))


def hint_next(resources: Resources, delivery: Item) -> None:
    """Have the one sent that waited behind a delivery which is out of its lane; none waits behind any other."""
    if not delivery.get("lane"):
        return
    tenant, coordination = Tenant.of_item(delivery), resources.tables.coordination
    head = lanes.head(coordination, tenant, delivery["subscriptionId"], delivery["lane"])
    if head is not None:
        queues.send(resources.sqs, resources.settings.delivery_queue_url, Hint(tenant, head.id))


def _changed(delivery: Item, state: str, reason: str, **facts: Any) -> Item:
    kept = {name: value for name, value in delivery.items() if name != "failedAt"}
    return {**kept, "state": state, "reason": reason, "updatedAt": clock.now(), **facts}
