"""The net: what has lost its hint is done by the next sweep, through the real queues."""

import secrets
from collections.abc import Callable
from typing import Any

from local.sandbox.server import RunningSandbox
from local.stack import Stack
from tests.flows.hub_client import HubClient, tick

TABLE = "integration-hub-ActivityTable"
LONG_AGO = "2026-01-01T00:00:00.000Z"


def forget_hint(stack: Stack, pk: str, sk: str, **states: str) -> None:
    """Leave an item as it is when its hint was lost: open, and due for long."""
    sets = {"dueAt": LONG_AGO, **states}
    stack.aws("dynamodb").update_item(
        TableName=TABLE,
        Key={"pk": {"S": pk}, "sk": {"S": sk}},
        UpdateExpression="SET " + ", ".join(f"#{name} = :{name}" for name in sets),
        ExpressionAttributeNames={f"#{name}": name for name in sets},
        ExpressionAttributeValues={f":{name}": {"S": value} for name, value in sets.items()},
    )


def open_item(stack: Stack, pk: str, sk: str, shard: str) -> None:
    forget_hint(stack, pk, sk, state="pending" if shard.startswith("event") else "queued", dueShard=shard)


def subscribed(hub: HubClient, provider: RunningSandbox) -> dict[str, Any]:
    wanted = {
        "name": "Orders",
        "url": f"{provider.url}/hooks/orders",
        "eventTypes": ["order.*"],
        "retryProfile": "cards",
    }
    return hub.call("POST", "/api/v1/webhooks/subscriptions", wanted, expect=201)


def posted(hub: HubClient) -> str:
    event_id = f"ord-{secrets.token_hex(4)}"
    hub.call("POST", "/api/v1/events", {"id": event_id, "type": "order.shipped", "data": {"n": 1}}, expect=202)
    return event_id


def test_event_and_delivery_that_lost_their_hints_arrive_after_a_sweep(
    stack: Stack, hub: HubClient, provider: RunningSandbox, tenant: str, eventually: Callable[..., None]
) -> None:
    subscription = subscribed(hub, provider)
    event_id = posted(hub)
    eventually(lambda: len(provider.hooks("orders")) == 1)
    deliveries = f"/api/v1/webhooks/subscriptions/{subscription['id']}/deliveries"
    eventually(lambda: hub.call("GET", deliveries)["data"][0]["state"] == "delivered")
    delivery = hub.call("GET", deliveries)["data"][0]
    open_item(stack, f"{tenant}#delivery#{subscription['id']}", delivery["id"], "delivery#0")
    other = f"lost-{secrets.token_hex(4)}"
    hub.call("POST", "/api/v1/events", {"id": other, "type": "other.thing", "data": {}}, expect=202)
    eventually(lambda: hub.call("GET", f"/api/v1/events/{other}")["state"] == "routed")
    open_item(stack, f"{tenant}#event", other, "event#0")
    assert {item["id"] for item in hub.call("GET", "/api/v1/deliveries/stuck")["items"]} == {delivery["id"], other}

    tick(stack)

    eventually(lambda: len(provider.hooks("orders")) == 2)
    assert {kept["headers"]["webhook-id"] for kept in provider.hooks("orders")} == {event_id}
    eventually(lambda: hub.call("GET", f"/api/v1/events/{other}")["state"] == "routed")
    eventually(lambda: hub.call("GET", "/api/v1/deliveries/stuck") == {"items": [], "total": 0})


def test_recovery_sends_again_what_failed_while_the_receiver_was_away(
    hub: HubClient, provider: RunningSandbox, eventually: Callable[..., None]
) -> None:
    wanted = {"retryEnabled": False, "autoDisable": {"failuresInARow": None}}
    made = {"name": "Orders", "url": f"{provider.url}/hooks/orders", "eventTypes": ["order.*"]}
    subscription = hub.call("POST", "/api/v1/webhooks/subscriptions", {**made, **wanted}, expect=201)
    path = f"/api/v1/webhooks/subscriptions/{subscription['id']}"
    provider.app.hooks.script("orders", [404])
    sent = {posted(hub) for _ in range(12)}
    eventually(lambda: states(hub, path) == ["failed"] * 12, within_s=30)
    provider.app.hooks.script("orders", [200])

    body = {"since": "2026-01-01T00:00:00Z", "ratePerSecond": 100}
    job = hub.call("POST", f"{path}/recover", body, expect=202)

    eventually(lambda: states(hub, path) == ["delivered"] * 12, within_s=30)
    eventually(lambda: hub.call("GET", f"{path}/recoveries/{job['id']}")["status"] == "COMPLETED")
    ended = hub.call("GET", f"{path}/recoveries/{job['id']}")
    assert (ended["found"], ended["redone"]) == (12, 12)
    again = [kept["headers"]["webhook-id"] for kept in provider.hooks("orders") if kept["answered"] == 200]
    assert sorted(again) == sorted(sent)


def states(hub: HubClient, path: str) -> list[str]:
    return [each["state"] for each in hub.call("GET", f"{path}/deliveries", params={"limit": 100})["data"]]
