"""Events with an ordering key are routed one after the other; events of the hub reach the bus first."""

import json
from typing import Any

import pytest

from hub.core import events
from hub.core.resources import resources
from hub.webhooks.events import own_events
from hub.webhooks.subscriptions.subscriptions import Directory
from tests.api.conftest import Hub, lose_connection
from tests.api.routing import Routing
from tests.api.test_call_counts import counted


@pytest.fixture
def routing(hub: Hub) -> Routing:
    return Routing(hub)


def ordered(routing: Routing, subscription: str) -> list[tuple[int, str]]:
    """Return turn and event of each delivery, by turn."""
    return sorted((made["turn"], made["eventId"]) for made in routing.deliveries(subscription))


def test_events_of_one_key_get_turns_in_the_order_they_were_accepted(routing: Routing) -> None:
    subscription = routing.subscribe("*")

    for name in ("e1", "e2", "e3"):
        routing.route(routing.publish(id=name, orderingKey="contact-123"))

    assert ordered(routing, subscription) == [(1, "e1"), (2, "e2"), (3, "e3")]
    assert len({made["lane"] for made in routing.deliveries(subscription)}) == 1


def test_event_waits_while_one_before_it_is_not_routed(routing: Routing) -> None:
    subscription = routing.subscribe("*")
    first, second = (routing.publish(orderingKey="k") for _ in range(2))

    assert routing.route(second)

    assert routing.deliveries(subscription) == []
    assert routing.event(second)["state"] == "pending"
    assert routing.route(first)
    assert [event_id for _, event_id in ordered(routing, subscription)] == [first, second]
    assert routing.event(second)["state"] == "routed"


def test_other_keys_are_not_held_up(routing: Routing) -> None:
    subscription = routing.subscribe("*")
    _held, other, free = routing.publish(orderingKey="k"), routing.publish(orderingKey="l"), routing.publish()

    assert routing.route(other)
    assert routing.route(free)

    assert {made["eventId"] for made in routing.deliveries(subscription)} == {other, free}


def test_lane_that_is_long_is_routed_without_a_chain_of_messages(routing: Routing) -> None:
    """Lambda drops a message that was handed on 16 times."""
    subscription = routing.subscribe("*")
    made = [routing.publish(orderingKey="k") for _ in range(60)]
    routing.waiting("event")

    routing.route(made[0])
    (goes_on,) = routing.waiting("event")
    routing.route(goes_on["id"])

    assert [event_id for _, event_id in ordered(routing, subscription)] == made
    assert routing.waiting("event") == []


def test_ordered_event_that_is_posted_twice_stands_in_its_lane_once(routing: Routing) -> None:
    subscription = routing.subscribe("*")
    for _ in range(2):
        routing.publish(id="e1", orderingKey="k")
    routing.publish(id="e2", orderingKey="k")

    routing.route("e1")

    assert [event_id for _, event_id in ordered(routing, subscription)] == ["e1", "e2"]


def test_ordered_event_for_100_subscriptions_fits_the_transactions(routing: Routing) -> None:
    subscriptions = [routing.subscribe("*") for _ in range(100)]
    event_id = routing.publish(orderingKey="k")

    with counted() as calls:
        assert routing.route(event_id)

    assert calls["TransactWriteItems"] == 3
    assert {len(routing.deliveries(each)) for each in subscriptions} == {1}


# ---------------------------------------------------------------- events of the hub


class Bus:
    """Sees what is put on the bus, and refuses as often as it is told to."""

    def __init__(self) -> None:
        self.entries: list[dict[str, Any]] = []
        self.refusals = 0
        self.is_down = False

    def take(self, params: dict[str, Any], **_: Any) -> None:
        self.entries += params["Entries"]

    def answer(self, parsed: dict[str, Any], **_: Any) -> None:
        if self.refusals:
            self.refusals -= 1
            parsed["FailedEntryCount"] = 1

    def connect(self, **_: Any) -> None:
        if self.is_down:
            lose_connection()


@pytest.fixture
def bus(hub: Hub) -> Any:  # noqa: ARG001 - the clients live in its cloud
    made, hooks = Bus(), resources().events.meta.events
    hooked: dict[str, Any] = {
        "provide-client-params.events.PutEvents": made.take,
        "after-call.events.PutEvents": made.answer,
        "before-call.events.PutEvents": made.connect,
    }
    for name, act in hooked.items():
        hooks.register(name, act)
    yield made
    for name, act in hooked.items():
        hooks.unregister(name, act)


def happened(routing: Routing, event_type: str = "sync.completed", data: Any = None) -> str:
    """Store an event of the hub as the transaction of a change does."""
    event = events.new(routing.tenant, event_type, data or {"jobId": "job_1", "stats": {}}, 30)
    resources().tables.write(events.write(resources().tables, event))
    return str(event["sk"])


def test_event_of_the_hub_is_put_on_the_bus_and_delivered(routing: Routing, bus: Bus) -> None:
    subscription = routing.subscribe("sync.*")
    event_id = happened(routing)

    assert routing.route(event_id)

    (entry,) = bus.entries
    detail = json.loads(entry["Detail"])
    assert (entry["Source"], entry["DetailType"]) == ("hub", "sync.completed")
    assert (detail["id"], detail["tenantId"], detail["jobId"]) == (event_id, routing.tenant.id, "job_1")
    assert len(routing.deliveries(subscription)) == 1


@pytest.mark.parametrize("fault", ["refusals", "is_down"])
def test_hint_comes_back_while_the_bus_does_not_take_the_event(routing: Routing, bus: Bus, fault: str) -> None:
    subscription = routing.subscribe("sync.*")
    event_id = happened(routing)

    setattr(bus, fault, True)
    refused = routing.route(event_id)
    setattr(bus, fault, False)

    assert (refused, routing.deliveries(subscription)) == (False, [])
    assert routing.event(event_id)["dueAt"]
    assert routing.route(event_id)
    assert len(routing.deliveries(subscription)) == 1


def test_event_too_long_for_the_bus_is_announced_without_its_data(routing: Routing, bus: Bus) -> None:
    """EventBridge would refuse it for ever, and hold up its deliveries as long."""
    subscription = routing.subscribe("webhook.received")
    event_id = happened(routing, "webhook.received", {"endpointId": "whe_1", "data": {"text": "x" * 250_000}})

    assert routing.route(event_id)

    detail = json.loads(bus.entries[0]["Detail"])
    assert detail.keys() == {"id", "tenantId", "timestamp", "dataOmitted"}
    assert len(routing.deliveries(subscription)) == 1


def test_events_of_others_are_not_put_on_the_bus_again(routing: Routing, bus: Bus) -> None:
    routing.route(routing.publish())
    routing.from_bus("order.paid", {"tenantId": routing.tenant.id, "data": {}})

    assert bus.entries == []


def test_events_about_webhooks_meet_no_wildcard(routing: Routing, bus: Bus) -> None:  # noqa: ARG001
    wild = [routing.subscribe("*"), routing.subscribe("webhook.*")]
    exact = routing.subscribe("webhook.failed", "*")

    routing.route(happened(routing, "webhook.failed", {"subscriptionId": "sub_1", "error": "500"}))

    assert [len(routing.deliveries(each)) for each in (*wild, exact)] == [0, 0, 1]


def test_announcement_of_many_is_cut_by_number_and_by_size(routing: Routing, bus: Bus) -> None:
    small = [events.new(routing.tenant, "webhook.delivered", {"deliveryId": str(n)}, 30) for n in range(25)]
    large = [events.new(routing.tenant, "webhook.received", {"data": "x" * 100_000}, 30) for _ in range(3)]

    with counted() as calls:
        assert events.announce(resources(), [*small, *large])

    assert dict(calls) == {"PutEvents": 4}
    assert len(bus.entries) == 28


def test_own_events_are_wanted_by_active_subscriptions_that_name_them(routing: Routing) -> None:
    config = resources().tables.config
    routing.subscribe("*", "webhook.*", "webhook.received")
    routing.subscribe("webhook.failed", status="paused")

    wanted = {
        name: own_events.wanted(Directory(config), routing.tenant, name)
        for name in ("webhook.received", "webhook.failed", "webhook.delivered")
    }

    assert wanted == {"webhook.received": True, "webhook.failed": False, "webhook.delivered": False}
