"""The naive designs that the delivery protocol is better than: the harness must see what is wrong with each of them."""

from dataclasses import dataclass, field, replace
from threading import Event, Thread
from types import SimpleNamespace
from typing import Any

import pytest

from hub.core import clock, jsontext
from hub.core.attributes import Item
from hub.core.errors import Retryable
from hub.core.queues import Hint
from hub.core.tables import Update
from hub.outbound.calls import Call, Reply
from hub.webhooks.deliveries import claims, deliveries, failures, verdicts
from hub.webhooks.deliveries.deliver import Deliverer
from hub.webhooks.subscriptions.subscriptions import V1, DisableRule, RetryRule, Subscription
from tests.proofs.delivery_world import LONG, QUICK, Crew, DeliveryWorld, Handler, silent, the_hub
from tests.proofs.memory_cloud import LONGEST_LINEAGE, Trouble
from tests.proofs.receivers import TIMED_OUT, broken, fails_first, flaky, healthy
from tests.proofs.test_deliveries import TROUBLE, told

__all__ = ["silent"]

SEED = 20261121
DELIVERIES = 400
UNSWEPT = Crew(has_sweeper=False)
# Answers are lost, and nothing else goes wrong: the SDK sends those calls again.
DEAF = Trouble(lost_answer=0.2, gives_up=0.0)


# ---------------------------------------------------------------- who finds what has no message


class DeletesFirst(DeliveryWorld):
    """Mutant: takes a message out of the queue, then does what it asks for."""

    def handle(self, handler: Handler, messages: list[Any]) -> None:
        for message in messages:
            self.cloud.sqs.delete(message)
        super().handle(handler, messages)


def lost(world: DeliveryWorld, *, is_hinted: float = 1.0) -> int:
    """Return how many of the deliveries never ended; so many of them are hinted at when they are made."""
    receivers = [world.subscribe(flaky(0.2)) for _ in range(40)]  # so many that no circuit opens
    for number in range(DELIVERIES):
        world.deliver(receivers[number % 40], is_hinted=world.turns.chance.random() < is_hinted)
    return len(told(world.run()).lost)


def test_mutant_that_requeues_then_deletes_without_a_sweeper_loses_deliveries() -> None:
    """A router or worker that dies between the write and the hint leaves what nobody looks for."""
    trouble = Trouble(kill=0.05)

    assert lost(DeliveryWorld(SEED, trouble), is_hinted=0.95) == 0
    assert lost(DeliveryWorld(SEED, trouble, UNSWEPT), is_hinted=0.95) > DELIVERIES * 0.02


def test_mutant_that_deletes_before_it_requeues_loses_more() -> None:
    trouble = Trouble(kill=0.05)

    careful = lost(DeliveryWorld(SEED, trouble, UNSWEPT))
    careless = lost(DeletesFirst(SEED, trouble, UNSWEPT))

    assert careless > max(2 * careful, DELIVERIES * 0.1)


# ---------------------------------------------------------------- whose claim it is


def waited_for_a_lease(world: DeliveryWorld) -> int:
    """Return how many deliveries to a healthy receiver began again when their lease was over, although nobody died."""
    receiver = world.subscribe(healthy)
    for _ in range(DELIVERIES):
        world.deliver(receiver)
    began_s = world.turns.now_s
    told(world.run())
    requests = world.receiver_of({"subscriptionId": receiver.id}).requests.values()
    return sum(each[0].at_s > began_s + QUICK.timeout_ms / 1000 + claims.LEASE_MARGIN_S for each in requests)


def claimed_by_nobody(*arguments: Any) -> Update:
    """Mutant: a claim that the SDK repeats is refused, as the delivery is no longer free."""
    update = unhurt_claim(*arguments)
    assert update.only_if.endswith(" OR owner = :owner_set")
    return replace(update, only_if=update.only_if.removesuffix(" OR owner = :owner_set"))


unhurt_claim = claims.claimed


def test_mutant_whose_claim_does_not_know_itself_makes_deliveries_wait(monkeypatch: pytest.MonkeyPatch) -> None:
    assert waited_for_a_lease(DeliveryWorld(SEED, DEAF)) == 0

    monkeypatch.setattr(claims, "claimed", claimed_by_nobody)
    late = waited_for_a_lease(DeliveryWorld(SEED, DEAF))

    print(f"{late} false conflicts in {DELIVERIES}")  # noqa: T201
    assert late > DELIVERIES * 0.1


# ---------------------------------------------------------------- whose result it is


def finished_by_anybody(*arguments: Any) -> Update:
    """Mutant: a worker that comes back after its lease was over writes its result all the same."""
    update = unhurt_finish(*arguments)
    assert update.only_if == "owner = :me AND state = :delivering"
    values = {name: value for name, value in update.values.items() if name not in ("me", "delivering")}
    return replace(update, only_if="", values=values)


unhurt_finish = claims.finished


@dataclass
class Overtaken:
    """Two workers: the first one comes back from its call when its lease is over and the second one's call is out."""

    world: DeliveryWorld
    is_out: Event = field(default_factory=Event)
    goes_on: Event = field(default_factory=Event)

    def first(self, call: Call, *, timeout_s: float) -> Reply:  # noqa: ARG002
        self.is_out.set()
        self.goes_on.wait(10)
        raise Retryable("no answer in time", retry_after_s=None)

    def second(self, call: Call, *, timeout_s: float) -> Reply:  # noqa: ARG002
        self.goes_on.set()
        self.thread.join(10)
        return Reply(200, {}, b"", elapsed_ms=1)

    def play(self) -> Item:
        """Return the delivery as it is when both have ended."""
        delivery = self.world.deliver(self.world.subscribe(healthy))
        hint = deliveries.hint_of(delivery)
        slow = the_hub(self.world.cloud, SimpleNamespace(send=self.first))
        self.thread = Thread(target=slow.run, args=(hint,))
        self.thread.start()
        self.is_out.wait(10)
        self.world.turns.now_s += QUICK.timeout_ms / 1000 + claims.LEASE_MARGIN_S + 1
        the_hub(self.world.cloud, SimpleNamespace(send=self.second)).run(hint)
        self.world.turns.close()
        return self.world.item(delivery)


def test_mutant_that_records_without_its_lease_undoes_what_another_worker_found(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    assert Overtaken(DeliveryWorld()).play()["state"] == "delivered"

    monkeypatch.setattr(claims, "finished", finished_by_anybody)
    assert Overtaken(DeliveryWorld()).play()["state"] == "retrying"


# ---------------------------------------------------------------- how many failures there were


def failures_until_disabled(seed: int) -> int:
    """Return how many attempts had failed when the subscription was switched off, at ten in a row."""
    world = DeliveryWorld(seed, DEAF, Crew(deliverers=1))
    rule = jsontext.dump(DisableRule(failures_in_a_row=10).stored())
    subscription = world.subscribe(broken, LONG, autoDisable=rule)
    for _ in range(12):
        world.deliver(subscription)
    world.run(within_s=7200)
    (disabled_at,) = [item["disabledAt"] for item in world.config_items() if item["sk"] == subscription.id]
    failed = [row for delivery in world.made() for row in world.attempts(delivery)]
    world.turns.close()
    until_s = clock.epoch_of(disabled_at)
    return sum(clock.epoch_of(row["at"]) + row["durationMs"] / 1000 <= until_s + 0.002 for row in failed)


def counted(activity: Any, subscription: Subscription, attempt_id: str, at: str, _keep_days: int) -> Item:
    """Mutant: adds one to a number."""
    place = {"pk": f"{subscription.tenant.id}#counted-failures", "sk": subscription.id}
    number: int = activity.update(place, "ADD failed :one", {"one": 1})["failed"]
    return {"failed": {f"{at} {attempt_id} {each}" for each in range(number)}}


def test_mutant_that_counts_failures_with_add_switches_a_subscription_off_too_soon(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    assert {failures_until_disabled(seed) for seed in range(5)} == {10}

    monkeypatch.setattr(failures, "note", counted)
    drifted = [failures_until_disabled(seed) for seed in range(5)]

    print(f"disabled after {drifted} failures")  # noqa: T201
    assert min(drifted) < 10


# ---------------------------------------------------------------- when the next attempt is due


def jittered_both_ways(planned_s: float, jitter: float, outcome: Any, chance: float) -> float:
    """Mutant: spreads the delay around what was planned."""
    return unhurt_delay(planned_s, jitter, outcome, chance) - planned_s * jitter / 2


unhurt_delay = verdicts.delay_s


def retried(retry: RetryRule) -> dict[str, list[str]]:
    world = DeliveryWorld(SEED)
    receiver = world.subscribe(fails_first(1), retry)
    for _ in range(20):
        world.deliver(receiver)
    return told(world.run()).faults()


def test_mutant_that_jitters_both_ways_sends_too_early(monkeypatch: pytest.MonkeyPatch) -> None:
    assert retried(LONG) == {}

    monkeypatch.setattr(verdicts, "delay_s", jittered_both_ways)
    assert any(name.endswith("early") for name in retried(LONG))


def chained(_delivery: Item, next_ms: int) -> int:
    """Mutant: every wait is a delayed message, one that is longer than a message can wait is several."""
    return min(900, max(1, round(next_ms / 1000 - clock.epoch_s())))


def followed(deliverer: Deliverer, hint: Hint, found: Item | None) -> None:
    """Mutant: a message that comes early is followed by another one, until it is time."""
    if found is not None and claims.standing(found) is claims.Standing.EARLY:
        deliverer._recorder.hint(hint, chained(found, found["nextAttemptAt"]))


def in_hours(world: DeliveryWorld) -> tuple[int, int]:
    """Return how many of the deliveries were lost that fail five times in 3 hours, and the longest lineage."""
    for _ in range(4):
        world.deliver(world.subscribe(fails_first(5), V1))
    judged = told(world.run())
    return len(judged.lost), world.cloud.sqs.longest_lineage


def test_mutant_that_chains_delayed_messages_is_stopped_by_lambda(monkeypatch: pytest.MonkeyPatch) -> None:
    nothing, longest = in_hours(DeliveryWorld(SEED))
    assert nothing == 0
    assert longest <= LONGEST_LINEAGE // 2

    world = DeliveryWorld(SEED, crew=UNSWEPT)
    monkeypatch.setattr(claims, "hint_delay_s", chained)
    monkeypatch.setattr(Deliverer, "_refused", followed)
    gone, _ = in_hours(world)

    assert gone == 4
    assert len(world.cloud.sqs.dropped) == 4


def test_retries_of_every_profile_stay_far_below_what_lambda_takes_for_a_loop() -> None:
    quick = RetryRule((2,) * 25, 10_000, 0)
    for retry in (QUICK, V1, quick):
        world = DeliveryWorld(SEED, TROUBLE)
        receiver = world.subscribe(fails_first(len(retry.delays_s), TIMED_OUT), retry)
        for _ in range(3):
            world.deliver(receiver)
        world.run()
        assert told(world).faults() == {}
        assert world.cloud.sqs.longest_lineage < LONGEST_LINEAGE - 2
        assert not world.cloud.sqs.dropped
