"""Events with the same `orderingKey` arrive one after the other in their order, whoever dies on the way."""

from itertools import pairwise

import pytest

from hub.core.attributes import Item
from hub.core.queues import Hint
from hub.webhooks.deliveries import deliver
from hub.webhooks.deliveries.deliver import Deliverer
from hub.webhooks.deliveries.lane_order import LaneOrder
from hub.webhooks.subscriptions.subscriptions import Subscription
from tests.proofs.delivery_world import Crew, DeliveryWorld, silent
from tests.proofs.memory_cloud import Trouble
from tests.proofs.receivers import flaky, healthy
from tests.proofs.test_deliveries import TROUBLE, told

__all__ = ["silent"]

KEYS, EVENTS = 6, 15
CREW = Crew(deliverers=5, routers=2)


def post_all(world: DeliveryWorld) -> dict[str, list[Item]]:
    """Post the events of all keys in turn; return them by key, in their order."""
    posted: dict[str, list[Item]] = {f"key-{number}": [] for number in range(KEYS)}
    for _ in range(EVENTS):
        for key, events in posted.items():
            events.append(world.post("order.placed", key, is_hinted=world.turns.chance.random() > 0.1))
    return posted


def overtaken(world: DeliveryWorld, subscription: Subscription, events: list[Item]) -> int:
    """Return how many events were sent before the last request for the one ahead of them had ended."""
    requests = world.receiver_of({"subscriptionId": subscription.id}).requests
    spans = [(requests[event["sk"]][0].at_s, requests[event["sk"]][-1].ended_at_s) for event in events]
    return sum(later[0] < earlier[1] for earlier, later in pairwise(spans))


@pytest.mark.parametrize("seed", [1, 2])
def test_events_of_one_key_arrive_in_order_when_workers_die_at_every_step(seed: int) -> None:
    world = DeliveryWorld(seed, TROUBLE, CREW)
    subscriptions = [world.subscribe(flaky(0.15)), world.subscribe(healthy)]
    posted = post_all(world)

    judged = told(world.run())

    assert judged.faults() == {}
    assert judged.states.total() == KEYS * EVENTS * len(subscriptions)
    assert world.cloud.line.kills.total() > 100
    for subscription in subscriptions:
        for events in posted.values():
            assert overtaken(world, subscription, events) == 0


def test_long_lane_is_worked_off_without_a_chain_of_messages() -> None:
    """Lambda drops a message that comes from itself some 16 times over."""
    world = DeliveryWorld(1, Trouble(), CREW)
    subscription = world.subscribe(healthy)
    posted = [world.post("order.placed", "key") for _ in range(200)]

    judged = told(world.run())

    assert judged.faults() == {}
    assert overtaken(world, subscription, posted) == 0
    assert world.cloud.sqs.dropped == []
    assert world.cloud.sqs.longest_lineage <= 3


def test_mutant_that_hands_a_lane_on_by_messages_meets_the_guard(monkeypatch: pytest.MonkeyPatch) -> None:
    def hint(deliverer: Deliverer, following: Hint) -> None:
        deliverer._recorder.hint(following)

    monkeypatch.setattr(deliver, "LONGEST_IN_A_ROW_S", 0.0)
    monkeypatch.setattr(Deliverer, "_leave_to_sweeper", hint)
    world = DeliveryWorld(1, Trouble(), CREW)
    world.subscribe(healthy)
    for _ in range(200):
        world.post("order.placed", "key")

    told(world.run())

    assert world.cloud.sqs.dropped != []


def test_mutant_that_does_not_look_at_its_lane_sends_events_out_of_order(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(LaneOrder, "is_head", lambda *_: True)
    world = DeliveryWorld(1, Trouble(), CREW)
    subscription = world.subscribe(flaky(0.3))
    posted = post_all(world)
    told(world.run())

    assert sum(overtaken(world, subscription, events) for events in posted.values()) > 0
