"""One event with what became of it: its deliveries and their states."""

from typing import Any

from hub.core import events, jsontext
from hub.core.attributes import Item
from hub.core.caller import Tenant
from hub.core.errors import NotFound
from hub.core.tables import Table, key
from hub.webhooks.deliveries import deliveries
from hub.webhooks.events import accept

Json = dict[str, Any]


def get(activity: Table, tenant: Tenant, event_id: str) -> Item:
    """Return an event that is still kept; raises NotFound."""
    found = activity.get(key(tenant, events.KIND, event_id))
    if found is None:
        raise NotFound("No event has this id in your tenant.")
    return found


def with_deliveries(activity: Table, event: Item) -> Json:
    """Return `hub.webhooks.events.event_models:Event`."""
    told = _told(event)
    return {
        "id": event["sk"],
        "type": event["type"],
        "data": jsontext.load(event["data"]),
        "source": event["source"],
        "createdAt": event["createdAt"],
        "state": event["state"],
        **accept.named_in(event),
        "matched": event.get("matched", len(told)),
        "deliveries": _deliveries(activity, event, told),
    }


def _told(event: Item) -> list[str]:
    """Return the first subscriptions that the event was for; a test has but the one it is addressed to."""
    return [event["addressedTo"]] if event.get("addressedTo") else list(event.get("matchedIds", []))


def _deliveries(activity: Table, event: Item, told: list[str]) -> list[Json]:
    tenant = Tenant.of_item(event)
    places = [deliveries.place(tenant, each, deliveries.delivery_id(event, each)) for each in told]
    found = {item["subscriptionId"]: item for item in activity.batch_get(places, "subscriptionId, sk, state")}
    return [
        {"subscriptionId": each, "deliveryId": found[each]["sk"], "state": found[each]["state"]}
        for each in told
        if each in found
    ]
