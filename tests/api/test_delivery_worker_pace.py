"""What holds deliveries back uses up no attempt: the throttle of a subscription, the circuit of a host."""

import pytest

from hub.core.attributes import Item
from hub.core.errors import Retryable
from hub.core.resources import resources
from hub.webhooks.deliveries import deliveries
from tests.api.conftest import Hub, StoppedClock, just_before, lose_connection
from tests.api.delivery_work import Outbound, Receiver, answer, fails_with
from tests.api.sync_work import recorded


@pytest.fixture
def outbound(hub: Hub, stopped_clock: StoppedClock) -> Outbound:  # noqa: ARG001 - time stands still
    return Outbound(hub, Receiver())


def places(outbound: Outbound, waiting: list[Item], now_s: float) -> list[float]:
    return [round(outbound.now(delivery)["nextAttemptAt"] / 1000 - now_s) for delivery in waiting]


def test_throttled_deliveries_go_in_their_order_and_no_faster(outbound: Outbound, stopped_clock: StoppedClock) -> None:
    subscription = outbound.subscribe(throttle={"requests": 6, "windowS": 60})
    waiting = [outbound.publish(subscription) for _ in range(4)]
    started_s = stopped_clock.epoch_s

    with recorded() as record:
        outbound.work(*waiting)
    delays = [hint["delay"] for hint in record.hints(outbound.tenant.id, "Delivery")]
    assert outbound.receiver.ids == [waiting[0]["eventId"]]
    first, *later = places(outbound, waiting, started_s)
    assert first <= 0
    assert later == [10, 20, 31]  # a minute is counted as 61 seconds
    assert delays == [11, 21, 31]
    outbound.work(*waiting)  # hints that come early
    assert len(outbound.receiver.calls) == 1

    for number in range(1, 4):
        stopped_clock.advance(10.5)
        outbound.work(*reversed(waiting))
        assert len(outbound.receiver.calls) == number + 1
    assert outbound.receiver.ids == [delivery["eventId"] for delivery in waiting]
    assert [outbound.now(delivery)["attempts"] for delivery in waiting] == [1, 1, 1, 1]


def test_throttled_backlog_that_comes_late_is_not_sent_at_once(outbound: Outbound, stopped_clock: StoppedClock) -> None:
    subscription = outbound.subscribe(throttle={"requests": 6, "windowS": 60})
    waiting = [outbound.publish(subscription) for _ in range(4)]
    outbound.work(*waiting)
    stopped_clock.advance(3600)

    outbound.work(*waiting)

    assert len(outbound.receiver.calls) == 2


def test_delivery_that_was_late_twice_goes(outbound: Outbound, stopped_clock: StoppedClock) -> None:
    """Under a queue that is always late, nothing would ever be sent if each place had to be kept in time."""
    subscription = outbound.subscribe(throttle={"requests": 6, "windowS": 60})
    waiting = [outbound.publish(subscription) for _ in range(3)]
    outbound.work(*waiting)
    for _ in range(2):
        stopped_clock.advance(3600)
        outbound.work(*waiting)

    assert len(outbound.receiver.calls) == 3


def test_test_delivery_is_not_throttled(outbound: Outbound) -> None:
    subscription = outbound.subscribe(throttle={"requests": 1, "windowS": 3600})
    outbound.work(outbound.publish(subscription))

    outbound.work(outbound.publish(subscription, isTest=True))

    assert len(outbound.receiver.calls) == 2


def test_host_that_fails_five_times_is_left_alone_without_using_up_attempts(
    outbound: Outbound, stopped_clock: StoppedClock
) -> None:
    outbound.receiver.always = fails_with(Retryable("receiver.example.com did not answer completely in time"))
    subscription = outbound.subscribe()
    waiting = [outbound.publish(subscription) for _ in range(7)]

    with recorded() as record:
        outbound.work(*waiting[5:], *waiting[:5])
    assert len(outbound.receiver.calls) == 5
    parked = [outbound.now(delivery) for delivery in waiting[3:5]]
    assert [(each["state"], each["attempts"], each["parks"]) for each in parked] == [("queued", 0, 1)] * 2
    assert [each["nextAttemptAt"] // 1000 for each in parked] == [int(stopped_clock.epoch_s + 30)] * 2
    assert "left alone" in parked[0]["reason"]
    assert len(record.hints(outbound.tenant.id, "Delivery")) == 5


def test_parked_deliveries_go_one_by_one_until_the_host_answers_again(
    outbound: Outbound, stopped_clock: StoppedClock
) -> None:
    outbound.receiver.always = answer(503)
    subscription = outbound.subscribe()
    broken = [outbound.publish(subscription) for _ in range(5)]
    parked = [outbound.publish(subscription) for _ in range(4)]
    outbound.work(*broken, *parked)
    assert len(outbound.receiver.calls) == 5

    stopped_clock.advance(31)
    outbound.work(*parked)  # the first is the probe: it fails, and the others wait on
    assert len(outbound.receiver.calls) == 6
    assert [outbound.now(delivery)["attempts"] for delivery in parked] == [1, 0, 0, 0]
    assert [outbound.now(delivery)["parks"] for delivery in parked] == [0, 2, 2, 2]

    outbound.receiver.always = answer(200)
    stopped_clock.advance(62)
    outbound.work(*parked)

    assert [outbound.state(delivery) for delivery in parked] == ["delivered"] * 4


def test_refusals_of_the_receiver_open_no_circuit(outbound: Outbound) -> None:
    outbound.receiver.always = answer(404)
    subscription = outbound.subscribe()

    outbound.work(*(outbound.publish(subscription) for _ in range(8)))

    assert len(outbound.receiver.calls) == 8


def test_open_circuit_of_one_host_holds_up_no_other(outbound: Outbound) -> None:
    outbound.receiver.always = answer(500)
    broken = outbound.subscribe()
    outbound.work(*(outbound.publish(broken) for _ in range(6)))
    other = outbound.publish(outbound.subscribe(url="https://other.example.com/hooks"))

    outbound.work(other)

    assert len(outbound.receiver.calls) == 6
    assert outbound.now(other)["attempts"] == 1


def test_test_delivery_goes_through_an_open_circuit(outbound: Outbound) -> None:
    outbound.receiver.always = answer(500)
    subscription = outbound.subscribe()
    outbound.work(*(outbound.publish(subscription) for _ in range(6)))
    test = outbound.publish(subscription, isTest=True)

    outbound.work(test)

    assert outbound.state(test) == "failed"
    assert len(outbound.receiver.calls) == 6


def test_delivery_is_sent_when_the_circuit_cannot_be_read(outbound: Outbound) -> None:
    delivery = outbound.publish(outbound.subscribe())
    coordination = resources().tables.coordination.name

    def unreadable(params: dict[str, object], **_: object) -> None:
        if str(coordination) in str(params["body"]):
            lose_connection()

    made = resources().dynamodb.meta.events
    made.register("before-call.dynamodb.GetItem", unreadable)
    try:
        outbound.work(delivery)
    finally:
        made.unregister("before-call.dynamodb.GetItem", unreadable)

    assert outbound.state(delivery) == "delivered"


def test_claim_lost_to_a_rival_leaves_the_circuit_as_it_was(outbound: Outbound) -> None:
    """The rival sends; whoever came second must not hold the probe of a half-open circuit."""
    delivery = outbound.publish(outbound.subscribe())
    rival = outbound.new_worker()
    with just_before("UpdateItem", lambda: rival.run(deliveries.hint_of(delivery))):
        outbound.work(delivery)

    assert len(outbound.receiver.calls) == 1
