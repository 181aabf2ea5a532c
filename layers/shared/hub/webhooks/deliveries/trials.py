"""Test deliveries: an event addressed to one subscription, sent once, by the worker that sends all others."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from hub.core import events
from hub.core.attributes import Item
from hub.core.errors import BadDefinition, NotFound, Problem
from hub.core.journal import Change
from hub.core.tables import IS_NEW, Put, Table
from hub.webhooks.deliveries import deliveries
from hub.webhooks.events import event_types
from hub.webhooks.subscriptions.subscription_secrets import shown_place
from hub.webhooks.subscriptions.subscriptions import Subscription

if TYPE_CHECKING:
    from hub.webhooks.subscriptions.subscription_models import TestRequest

Json = dict[str, Any]

TEST_TYPE = "webhook.test"
DEFAULT_PAYLOAD: Json = {"test": True, "message": "This is a test delivery of Integration Hub."}
# Growing pauses between two looks: 20 s in all, within the 29 s that API Gateway waits.
WAIT_S = 20.0
FIRST_PAUSE_S, PAUSE_FACTOR, LONGEST_PAUSE_S = 0.1, 1.5, 1.5


def start(change: Change, subscription: Subscription, wanted: "TestRequest") -> Item:
    """Add a test delivery and its event to `change`: there is nothing to route, and there will be one attempt."""
    _must_be_possible(subscription, wanted)
    name = wanted.eventType or first_type(subscription)
    described = _described(change.tables.config, subscription, name)
    data = described.payload if wanted.payload is None else wanted.payload
    event = events.new(subscription.tenant, described.type, data, change.keep_days)
    event = {field: value for field, value in event.items() if field not in ("dueShard", "dueAt")}
    event |= {"state": "routed", "addressedTo": subscription.id, "isTest": True}
    delivery = {**deliveries.new(subscription, event, name), "isTest": True}
    change.add(events.write(change.tables, event), Put(change.tables.activity, delivery, IS_NEW))
    change.audit("subscription.tested", subscription.id, deliveryId=delivery["sk"], eventType=name)
    return delivery


def _must_be_possible(subscription: Subscription, wanted: "TestRequest") -> None:
    name = wanted.eventType
    if name is not None and not (event_types.is_name(name) or event_types.is_alias(name)):
        faults = [Problem("/eventType", "expected a name such as contact.created")]
        raise BadDefinition("The test has a fault; `details.problems` says where.", faults)
    if subscription.item["missingSecrets"]:
        missing = [Problem(shown_place(place), "enter this secret") for place in subscription.item["missingSecrets"]]
        raise BadDefinition("Secrets are missing; enter them before the first call.", missing)


@dataclass(frozen=True)
class Described:
    """The type that a name stands for, and what a test of it delivers."""

    type: str
    payload: Any


def _described(config: Table, subscription: Subscription, name: str) -> Described:
    try:
        found = event_types.view(event_types.get(config, subscription.tenant, name))
    except NotFound:
        return Described(name, DEFAULT_PAYLOAD)
    return Described(found["name"], found["example"] or DEFAULT_PAYLOAD)


def first_type(subscription: Subscription) -> str:
    """Return the first type that the subscription names without a wildcard."""
    return next((name for name in subscription.event_types if not name.endswith("*")), TEST_TYPE)


def pauses() -> Iterator[float]:
    """Yield the pauses between the looks at a test, in seconds."""
    pause_s, left_s = FIRST_PAUSE_S, WAIT_S
    while left_s > 0:
        yield min(pause_s, left_s)
        left_s -= pause_s
        pause_s = min(pause_s * PAUSE_FACTOR, LONGEST_PAUSE_S)


def wait(activity: Table, delivery: Item, sleep: Callable[[float], None]) -> Item:
    """Return the delivery when it has ended, or as it is when the time is up."""
    for pause_s in pauses():
        sleep(pause_s)
        delivery = activity.get({"pk": delivery["pk"], "sk": delivery["sk"]}) or delivery
        if delivery["state"] in deliveries.ENDED:
            break
    return delivery
