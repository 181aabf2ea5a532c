"""One worker that dies at one step: each line of the promise's table, then every step there is, on both sides."""

from dataclasses import dataclass

import pytest

from hub.core.attributes import Item
from tests.proofs.delivery_judge import Judged
from tests.proofs.delivery_world import Crew, DeliveryWorld, silent
from tests.proofs.receivers import Behaviour, fails_first, healthy

__all__ = ["silent"]

BEFORE, AFTER = "before", "after"
CLAIM, SEND, RECORD = "dynamodb.UpdateItem", "http.Send", "dynamodb.TransactWriteItems"
HINT, DELETE = "sqs.SendMessage", "sqs.DeleteMessage"


@dataclass
class Story:
    """One delivery, from its making to its end."""

    world: DeliveryWorld
    delivery: Item
    judged: Judged
    began_s: float

    @property
    def ids(self) -> list[str]:
        """The `webhook-id` of every request that arrived."""
        requests = self.world.receiver_of(self.delivery).requests.get(self.delivery["eventId"], [])
        return [request.headers["webhook-id"] for request in requests]

    @property
    def took_s(self) -> float:
        return self.world.turns.now_s - self.began_s


def story(behaviour: Behaviour = healthy, kill: tuple[int, str] | None = None, *, is_hinted: bool = True) -> Story:
    """Let one worker deliver, which dies at the call with that number; another one takes its place."""
    world = DeliveryWorld(1, crew=Crew(deliverers=1))
    world.cloud.line.plan = kill
    delivery = world.deliver(world.subscribe(behaviour), is_hinted=is_hinted)
    began_s = world.turns.now_s
    world.run()
    return Story(world, delivery, world.judge(), began_s)


def calls_of(behaviour: Behaviour) -> list[str]:
    """Return the calls of an undisturbed delivery in their order, the sweeper's left out."""
    world = DeliveryWorld(1, crew=Crew(deliverers=1, has_sweeper=False))
    world.deliver(world.subscribe(behaviour))
    world.run()
    world.judge()
    return world.cloud.line.log


def step(name: str, behaviour: Behaviour = healthy) -> int:
    """Return the number of the first call with this name."""
    return calls_of(behaviour).index(name) + 1


def dies(name: str, side: str, behaviour: Behaviour = healthy) -> Story:
    """Return the story whose worker dies at the first call with this name."""
    told = story(behaviour, (step(name, behaviour), side))
    assert told.world.cloud.line.kills == {f"{side} {name}": 1}
    return told


def assert_delivered(told: Story, *, requests: int) -> None:
    assert told.judged.faults() == {}
    assert told.judged.states == {"delivered": 1}
    assert told.ids == [told.delivery["eventId"]] * requests


def test_delivery_without_a_hint_is_found_by_the_sweeper() -> None:
    told = story(is_hinted=False)

    assert_delivered(told, requests=1)
    assert told.took_s <= 180


def test_delivery_of_a_worker_that_dies_before_its_claim_is_delivered_once() -> None:
    assert_delivered(dies(CLAIM, BEFORE), requests=1)


def test_delivery_of_a_worker_that_dies_with_the_claim_is_delivered_once_when_the_lease_is_over() -> None:
    told = dies(CLAIM, AFTER)

    assert_delivered(told, requests=1)
    assert told.took_s > 40  # the lease


def test_delivery_of_a_worker_that_dies_before_its_request_arrives_is_delivered_once() -> None:
    assert_delivered(dies(SEND, BEFORE), requests=1)


@pytest.mark.parametrize(("name", "side"), [(SEND, AFTER), (RECORD, BEFORE)])
def test_delivery_that_was_sent_and_not_recorded_is_sent_again_with_the_same_webhook_id(name: str, side: str) -> None:
    assert_delivered(dies(name, side), requests=2)


def test_delivery_of_a_worker_that_dies_after_its_record_is_not_sent_again() -> None:
    assert_delivered(dies(RECORD, AFTER), requests=1)


def test_retry_without_a_hint_is_found_by_the_sweeper() -> None:
    assert_delivered(dies(HINT, BEFORE, fails_first(1)), requests=2)


def test_second_hint_for_a_delivery_that_has_ended_does_nothing() -> None:
    assert_delivered(dies(DELETE, BEFORE), requests=1)


def test_second_hint_for_a_retry_does_not_send_it_early() -> None:
    assert_delivered(dies(DELETE, BEFORE, fails_first(1)), requests=2)


def is_unrecorded(calls: list[str], number: int, side: str) -> bool:
    """Say whether who dies there has sent a request and not recorded it."""
    done = calls[: number if side == AFTER else number - 1]
    return done.count(SEND) > done.count(RECORD)


@pytest.mark.parametrize("side", [BEFORE, AFTER])
@pytest.mark.parametrize("failures", [0, 1])
def test_delivery_ends_right_whichever_call_its_worker_dies_at(failures: int, side: str) -> None:
    """No call is left out, not even those that were added to the protocol later."""
    calls = calls_of(fails_first(failures))

    for number in range(1, len(calls) + 1):
        told = story(fails_first(failures), (number, side))
        assert told.judged.faults() == {}, (number, calls[number - 1])
        assert told.judged.states == {"delivered": 1}, (number, calls[number - 1])
        assert told.judged.duplicates == is_unrecorded(calls, number, side), (number, calls[number - 1])

    assert calls.count(SEND) == failures + 1
