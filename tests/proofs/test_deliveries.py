"""Deliveries whose workers die at every step, on a cloud that loses answers and hints: nothing is lost or too early.

`HUB_PROOF_DELIVERIES` says how many; `make proofs` takes 10,000.
"""

import os

import pytest

from tests.proofs.delivery_judge import Judged
from tests.proofs.delivery_world import LONG, Crew, DeliveryWorld, silent
from tests.proofs.memory_cloud import LONGEST_LINEAGE, Trouble
from tests.proofs.receivers import broken, fails_first, flaky, healthy

__all__ = ["silent"]

DELIVERIES = int(os.environ.get("HUB_PROOF_DELIVERIES", "500"))
KILLS = 0.05
TROUBLE = Trouble(kill=KILLS, lost_answer=0.02, conflict=0.02, lost_message=0.02, twice=0.05, early=0.05)


def told(world: DeliveryWorld) -> Judged:
    """End the world and print what happened in it."""
    line, sqs, judged = world.cloud.line, world.cloud.sqs, world.judge()
    print(  # noqa: T201
        f"{dict(judged.states)}; {line.kills.total()} deaths in {line.calls.total()} calls, {judged.duplicates}"
        f" requests sent again, {sqs.lost} hints lost, longest lineage {sqs.longest_lineage}; faults {judged.faults()}"
    )
    return judged


def fill(world: DeliveryWorld, count: int) -> None:
    """Make deliveries to receivers of every kind; one in twenty of them is never hinted at."""
    many = [*(world.subscribe(flaky(0.15)) for _ in range(20)), *(world.subscribe(healthy) for _ in range(15))]
    many += [world.subscribe(fails_first(2)) for _ in range(5)] + [world.subscribe(flaky(0.3), LONG) for _ in range(5)]
    few = [world.subscribe(broken), world.subscribe(broken, LONG), world.subscribe(fails_first(4))]
    for number in range(count):
        chosen = world.turns.chance.choice(few if number % 100 == 0 else many)
        world.deliver(chosen, is_hinted=world.turns.chance.random() > 0.05)


@pytest.mark.parametrize("seed", [20261121])
def test_no_delivery_is_lost_or_early_when_workers_die_at_every_step(seed: int) -> None:
    world = DeliveryWorld(seed, TROUBLE)
    fill(world, DELIVERIES)

    judged = told(world.run())

    assert judged.faults() == {}
    assert judged.states.total() == DELIVERIES
    assert judged.states["failed"] > 0
    assert world.cloud.line.kills.total() > DELIVERIES / 2
    assert 0 < judged.duplicates < world.cloud.line.kills.total()
    assert world.cloud.sqs.longest_lineage < LONGEST_LINEAGE


@pytest.mark.parametrize("workers", [1, 2, 12])
def test_no_delivery_is_lost_or_early_with_any_number_of_workers(workers: int) -> None:
    world = DeliveryWorld(workers, TROUBLE, Crew(deliverers=workers))
    fill(world, 200)

    assert told(world.run()).faults() == {}


def test_nothing_is_sent_twice_when_nobody_dies_and_the_cloud_works() -> None:
    """The control of the tests above: what is seen there comes from the deaths."""
    world = DeliveryWorld(1)
    fill(world, 200)

    judged = told(world.run())

    assert judged.faults() == {}
    assert judged.duplicates == 0


def test_every_event_reaches_every_subscription_it_is_for_when_routers_die_too() -> None:
    world = DeliveryWorld(7, TROUBLE, Crew(deliverers=3, routers=2))
    for _ in range(3):
        world.subscribe(flaky(0.1))
    orders = [world.subscribe(healthy, eventTypes=[name]) for name in ("order.placed", "order.*", "ORDER")]
    posted = [
        world.post(f"order.{name}", is_hinted=world.turns.chance.random() > 0.1) for name in ("placed", "paid") * 40
    ]

    judged = told(world.run())

    assert judged.faults() == {}
    assert judged.states == {"delivered": 80 * 4 + 40}
    assert all(world.item(event)["state"] == "routed" for event in posted)
    assert [len(world.receiver_of({"subscriptionId": each.id}).accepted) for each in orders] == [40, 80, 0]


def test_worker_that_was_away_for_longer_than_its_lease_neither_sends_nor_records() -> None:
    world = DeliveryWorld(3, Trouble(stall=0.05), Crew(deliverers=6))
    receivers = [world.subscribe(flaky(0.3)) for _ in range(20)]
    for number in range(200):
        world.deliver(receivers[number % 20])

    judged = told(world.run())

    assert judged.faults() == {}
    assert world.cloud.line.stalls > 100
