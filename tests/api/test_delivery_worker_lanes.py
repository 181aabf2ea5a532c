"""Events with the same orderingKey are delivered one after the other, and nobody else waits for them."""

import pytest

from hub.core import clock
from hub.core.attributes import Item
from hub.core.resources import resources
from hub.webhooks.deliveries import deliveries, lanes
from hub.webhooks.subscriptions.subscriptions import RetryRule
from tests.api.conftest import Hub, StoppedClock
from tests.api.delivery_work import Outbound, Receiver, answer
from tests.api.sync_work import recorded


@pytest.fixture
def outbound(hub: Hub, stopped_clock: StoppedClock) -> Outbound:  # noqa: ARG001 - time stands still
    return Outbound(hub, Receiver())


def sent(outbound: Outbound) -> list[str]:
    return outbound.receiver.ids


def ids(*waiting: Item) -> list[str]:
    return [delivery["eventId"] for delivery in waiting]


def test_later_delivery_of_a_key_waits_for_the_earlier_one(outbound: Outbound) -> None:
    subscription = outbound.subscribe()
    first = outbound.publish(subscription, ordering_key="order 7")
    second = outbound.publish(subscription, ordering_key="order 7")
    other = outbound.publish(subscription, ordering_key="order 8")
    free = outbound.publish(subscription)

    outbound.work(second, other, free)
    assert sent(outbound) == ids(other, free)
    outbound.work(first)

    assert sent(outbound) == ids(other, free, first, second)


def test_long_lane_is_worked_off_without_a_chain_of_messages(outbound: Outbound, stopped_clock: StoppedClock) -> None:
    """Lambda drops what comes from itself some 16 times in a row: the sweeper has a long lane go on."""
    subscription = outbound.subscribe()
    waiting = [outbound.publish(subscription, ordering_key="k") for _ in range(30)]

    def take_a_second(_: object) -> object:
        stopped_clock.advance(1)
        return answer(204)(None)  # type: ignore[arg-type]

    outbound.receiver.instead = [take_a_second] * 30  # type: ignore[list-item]
    with recorded() as record:
        outbound.work(waiting[0])

    assert sent(outbound) == ids(*waiting[:9])
    assert record.hints(outbound.tenant.id, "Delivery") == []
    assert outbound.now(waiting[9])["dueAt"] == clock.now()


def test_key_waits_while_its_first_delivery_is_tried_again(outbound: Outbound, stopped_clock: StoppedClock) -> None:
    subscription = outbound.subscribe()
    first = outbound.publish(subscription, ordering_key="k")
    second = outbound.publish(subscription, ordering_key="k")
    outbound.receiver.instead = [answer(500)]

    outbound.work(first, second)
    stopped_clock.advance(3)
    outbound.work(second, first, second)

    assert sent(outbound) == ids(first, first, second)


def test_failed_delivery_makes_way_for_the_next_of_its_key(outbound: Outbound) -> None:
    subscription = outbound.subscribe(retry=RetryRule((), 10_000, 0))
    first = outbound.publish(subscription, ordering_key="k")
    second = outbound.publish(subscription, ordering_key="k")
    outbound.receiver.instead = [answer(500)]

    outbound.work(first, second)

    assert [outbound.state(first), outbound.state(second)] == ["failed", "delivered"]


def test_two_of_a_key_are_never_in_flight_together(outbound: Outbound) -> None:
    """One that is retried by hand becomes the head while another one is being sent: the holder keeps it waiting."""
    subscription = outbound.subscribe()
    tables = resources().tables
    old = outbound.publish(subscription, ordering_key="k", state="failed", attempts=1)
    tables.write(*deliveries.parted(tables, old))
    present = outbound.publish(subscription, ordering_key="k")
    rival = outbound.new_worker()

    def retry_the_old_one(_: object) -> object:
        tables.write(deliveries.requeue(tables, outbound.now(old), "retried"), *deliveries.rejoined(tables, old))
        rival.run(deliveries.hint_of(old))
        assert sent(outbound) == ids(present)
        return answer(200)(None)  # type: ignore[arg-type]

    outbound.receiver.instead = [retry_the_old_one]  # type: ignore[list-item]
    outbound.work(present)

    assert sent(outbound) == ids(present, old)


def test_requeued_delivery_without_an_entry_gets_its_place_again(outbound: Outbound) -> None:
    subscription = outbound.subscribe()
    tables = resources().tables
    old = outbound.publish(subscription, ordering_key="k", state="skipped")
    tables.write(*deliveries.parted(tables, old))
    later = outbound.publish(subscription, ordering_key="k")
    tables.write(deliveries.requeue(tables, old, "recovered"))
    outbound.receiver.instead = [answer(500)]

    outbound.work(old, later)

    assert sent(outbound) == ids(old)


def test_lane_is_not_held_up_by_a_delivery_that_was_cancelled(outbound: Outbound, stopped_clock: StoppedClock) -> None:
    """Its entry may stay behind; whoever has waited for long behind it takes it out."""
    subscription = outbound.subscribe()
    tables = resources().tables
    first = outbound.publish(subscription, ordering_key="k")
    second = outbound.publish(subscription, ordering_key="k")
    tables.write(deliveries.cancel(tables, first, "cancelled"))
    stopped_clock.advance(61)

    outbound.work(second)

    assert sent(outbound) == ids(second)


def test_head_that_has_waited_for_long_is_taken_on_by_who_waits_for_it(
    outbound: Outbound, stopped_clock: StoppedClock
) -> None:
    subscription = outbound.subscribe()
    first = outbound.publish(subscription, ordering_key="k")
    second = outbound.publish(subscription, ordering_key="k")

    outbound.work(second)
    stopped_clock.advance(61)
    outbound.work(second)

    assert sent(outbound) == ids(first, second)


def test_hint_of_a_cancelled_delivery_takes_it_out_of_its_lane(outbound: Outbound) -> None:
    subscription = outbound.subscribe()
    tables = resources().tables
    first = outbound.publish(subscription, ordering_key="k")
    second = outbound.publish(subscription, ordering_key="k")
    tables.write(deliveries.cancel(tables, first, "cancelled"))

    outbound.work(first, second)

    assert sent(outbound) == ids(second)


def test_lane_of_a_worker_that_died_goes_on_when_its_lease_is_over(
    outbound: Outbound, stopped_clock: StoppedClock
) -> None:
    class Killed(BaseException):
        pass

    def die(_: object) -> object:
        raise Killed

    subscription = outbound.subscribe()
    first = outbound.publish(subscription, ordering_key="k")
    second = outbound.publish(subscription, ordering_key="k")
    outbound.receiver.instead = [die]  # type: ignore[list-item]
    with pytest.raises(Killed):
        outbound.work(first)

    stopped_clock.advance(41)
    outbound.work(second, first, second)

    assert sent(outbound) == ids(first, first, second)


def test_finished_lane_leaves_nothing_behind(outbound: Outbound) -> None:
    subscription = outbound.subscribe()
    delivery = outbound.publish(subscription, ordering_key="k")

    outbound.work(delivery)

    coordination, lane = resources().tables.coordination, lanes.lane_of("k")
    assert lanes.head(coordination, outbound.tenant, subscription.id, lane) is None
    assert coordination.get({"pk": f"{outbound.tenant.id}#lane-holder#{subscription.id}", "sk": lane}) is None


def test_turns_of_a_key_count_up_and_those_of_another_are_its_own(outbound: Outbound) -> None:
    coordination = resources().tables.coordination

    turns = [lanes.next_turn(coordination, outbound.tenant, key) for key in ("a", "a", "ä" * 255, "a")]

    assert turns == [1, 2, 1, 3]


def test_entry_that_outlived_its_time_is_no_head(outbound: Outbound, stopped_clock: StoppedClock) -> None:
    tables = resources().tables
    place = (tables.coordination, outbound.tenant, "sub_1", "lane")
    tables.write(lanes.entry(*place, 1, "sub_1/dlv_1", int(clock.epoch_s())))
    tables.write(lanes.entry(*place, 2, "sub_1/dlv_2", int(clock.epoch_s()) + 30 * 86_400))
    stopped_clock.advance(61 * 86_400)

    found = lanes.head(*place)

    assert found is not None
    assert (found.turn, found.id) == (2, "sub_1/dlv_2")
