"""Makes subscriptions, and the deliveries that a worker would have left behind."""

from collections.abc import Mapping
from typing import Any

from hub.core import clock, events, resources
from hub.core.attributes import Item
from hub.core.caller import Tenant
from hub.core.tables import Put, Tables
from hub.webhooks.deliveries import attempts, deliveries
from hub.webhooks.deliveries.attempts import Attempt
from hub.webhooks.subscriptions import subscriptions
from hub.webhooks.subscriptions.subscriptions import SECRETS_KIND, Subscription
from tests.api.conftest import Hub, Reply
from tests.api.queued import hints_in
from tests.api.sync_work import vault

Json = dict[str, Any]

PATH = "/api/v1/webhooks/subscriptions"
CARDS = "/integrations/webhooks"
URL = "https://receiver.example.com/hooks"
CANARY = "canary-secret-that-is-long-enough"


def wanted(**changed: Any) -> Json:
    """Return a subscription as a tenant writes it."""
    return {"name": "orders", "url": URL, "eventTypes": ["contact.created"], **changed}


def subscribe(hub: Hub, **changed: Any) -> Json:
    reply = hub.post(PATH, wanted(**changed))
    assert reply.status == 201, reply.body
    body: Json = reply.body
    return body


def put(hub: Hub, made: Json, **changed: Any) -> Reply:
    """Send what GET answers back, with something changed; None leaves a field out."""
    shown = {**hub.get(f"{PATH}/{made['id']}").body, **changed}
    return hub.call("PUT", f"{PATH}/{made['id']}", {name: value for name, value in shown.items() if value is not None})


def problems(reply: Reply) -> list[str]:
    """Return where the faults of a refused body are."""
    return [each["pointer"] for each in reply.body["error"]["details"]["problems"]]


def secrets(hub: Hub, made: Json) -> Mapping[str, str]:
    """Return what the vault holds for a subscription, in clear."""
    return vault().read(Tenant(hub.tenant), SECRETS_KIND, made["id"])


def tables() -> Tables:
    return resources.resources().tables


def stored(hub: Hub, made: Json) -> Subscription:
    return subscriptions.get(tables().config, Tenant(hub.tenant), made["id"])


def deliver(hub: Hub, made: Json, *, event_type: str = "contact.created", data: Any = None, **changed: Any) -> Item:
    """Store an event and its delivery, as the router writes them; `changed` is what a worker did since."""
    activity, tenant = tables().activity, Tenant(hub.tenant)
    event = events.new(tenant, event_type, {"contactId": "c1"} if data is None else data, 30)
    delivery = {**deliveries.new(stored(hub, made), event, changed.pop("sent_as", event_type)), **changed}
    if delivery["state"] in deliveries.ENDED:
        delivery = {name: value for name, value in delivery.items() if not name.startswith("due")}
    tables().write(Put(activity, event), Put(activity, delivery))
    return delivery


def hints(hub: Hub) -> list[Json]:
    """Take what was sent to the delivery queue for this tenant."""
    return hints_in("delivery", hub.tenant)


def attempted(hub: Hub, delivery: Item, number: int = 1, status: int = 200, **changed: Any) -> Attempt:
    """Store an attempt as the worker writes it."""
    made = Attempt(
        **{
            "number": number,
            "at": clock.now(),
            "duration_ms": 12,
            "outcome": "delivered" if status < 300 else "failed",
            "request": {"url": URL, "method": "POST", "headers": {"webhook-id": delivery["eventId"]}, "body": "{}"},
            "response": {"status": status, "headers": {"x-a": "b"}, "body": "fine", "truncated": False},
            "error": "" if status < 300 else f"The receiver answered {status}.",
            "next_attempt_at": None,
            "why": "",
            **changed,
        }
    )
    activity, tenant = tables().activity, Tenant(hub.tenant)
    tables().write(attempts.write(activity, tenant, delivery["sk"], made, delivery["expiresEpochS"]))
    return made
