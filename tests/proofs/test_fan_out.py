"""A router that is killed anywhere makes each delivery once; none is lost, none is sent from twice."""

import random
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import Any

import pytest

from hub.core import clock, events, queues
from hub.core.attributes import Item
from hub.core.resources import resources
from hub.core.tables import Put, Update, Write
from hub.webhooks.deliveries import deliveries
from hub.webhooks.events.fan_out import Router
from tests.api.conftest import Cloud, Hub
from tests.api.routing import CREATED, Routing, bus_message
from tests.proofs.conftest import Killed, Killer

SUBSCRIBERS, CHUNK = 7, 4
SWEEP_S = 400  # by then whatever is open is due, also what a sweep has postponed


@dataclass
class Fleet:
    """Routers that come and go; the sweeper and the queues bring their work back."""

    routing: Routing
    router_class: type[Router] = Router
    now_s: float = field(default_factory=clock.epoch_s)
    hinted: Counter[str] = field(default_factory=Counter)

    def receive(self, body: str) -> None:
        """One new process takes one message."""
        with self.routing.hub.cloud.running("EventRouter"):
            self.router_class(resources(), CHUNK).handle({"body": body})

    def recover(self) -> None:
        """Sweep, and do what the sweeper hints at, until every event is routed."""
        for _ in range(10):
            if all(event["state"] == "routed" for event in self.routing.events()):
                return
            self.sweep()
            for hint in self.routing.waiting("event"):
                self.receive(queues.Hint(self.routing.tenant, hint["id"]).text())
        raise AssertionError(f"not routed: {self.routing.events()}")

    def sweep(self) -> None:
        self.now_s += SWEEP_S
        clock.use(lambda: self.now_s)
        with self.routing.hub.cloud.running("Sweeper"):
            self.routing.hub.cloud.handler("Sweeper")({}, None)

    def all_hints(self) -> set[str]:
        """Return the deliveries that were hinted at, those that the sweeper found among them."""
        self.sweep()
        return {hint["id"] for hint in self.routing.waiting("delivery")}


def fleet(cloud: Cloud, tenant: str, router_class: type[Router] = Router, subscribers: int = SUBSCRIBERS) -> Fleet:
    """Return a fleet in a cloud that is empty but for the tenant's subscriptions."""
    cloud.forget()
    clock.use(None)
    made = Fleet(Routing(Hub(cloud, tenant)), router_class)
    made.routing.waiting("event"), made.routing.waiting("delivery")
    for number in range(subscribers):
        made.routing.subscribe("*", status="paused" if number == 1 else "active")
    return made


Scenario = Callable[[Fleet], str]


def of_the_api(made: Fleet) -> str:
    return queues.Hint(made.routing.tenant, made.routing.publish()).text()


def of_the_hub(made: Fleet) -> str:
    event = events.new(made.routing.tenant, "sync.completed", {"jobId": "job_1", "stats": {}}, 30)
    resources().tables.write(events.write(resources().tables, event))
    return queues.Hint(made.routing.tenant, event["sk"]).text()


def of_a_lane(made: Fleet) -> str:
    """Two events of one key; the hint of the first takes the other along."""
    first, *_ = (made.routing.publish(orderingKey="k") for _ in range(2))
    return queues.Hint(made.routing.tenant, first).text()


def of_the_bus(made: Fleet) -> str:
    return bus_message("contact.created", {"tenantId": made.routing.tenant.id, "data": CREATED})


def faults(made: Fleet) -> list[str]:
    """Return what is wrong with the deliveries of all routed events; empty when each is there once and on its way."""
    routing, told = made.routing, made.all_hints()
    subscriptions = [
        item["sk"]
        for item in resources().tables.config.query_all("pk = :pk", {"pk": f"{routing.tenant.id}#subscription"})
    ]
    names = {event["sk"] for event in routing.events()}
    found = []
    for subscription in subscriptions:
        stored = routing.deliveries(subscription)
        if Counter(each["eventId"] for each in stored) != Counter(names):
            found.append(f"{subscription} has {len(stored)} of {len(names)}")
        waiting = [each for each in stored if each["state"] == "queued"]
        found += [f"{each['sk']} is forgotten" for each in waiting if deliveries.hint_of(each).id not in told]
    return found


def fleet_of(cloud: Cloud, scenario: Scenario, name: str) -> Fleet:
    """Two chunks for each event: an ordered delivery takes up twice the place."""
    subscribers = 3 if scenario is of_a_lane else SUBSCRIBERS
    return fleet(cloud, f"{scenario.__name__.replace('_', '-')}-{name}", subscribers=subscribers)


def calls_of_one_run(cloud: Cloud, killer: Killer, scenario: Scenario) -> int:
    made = fleet_of(cloud, scenario, "steps")
    body = scenario(made)
    killer.arm(0, after_effect=False)
    made.receive(body)
    steps = killer.seen
    assert faults(made) == []
    return steps


@pytest.mark.parametrize("after_effect", [False, True], ids=["before", "after"])
@pytest.mark.parametrize("scenario", [of_the_api, of_the_hub, of_a_lane, of_the_bus])
def test_every_subscription_has_one_delivery_when_a_router_dies_at_any_step(
    cloud: Cloud, killer: Killer, scenario: Scenario, after_effect: bool
) -> None:
    steps = calls_of_one_run(cloud, killer, scenario)

    for step in range(1, steps + 1):
        made = fleet_of(cloud, scenario, f"kill-{step}-{after_effect}")
        body = scenario(made)
        killer.arm(step, after_effect=after_effect)
        with pytest.raises(Killed):
            made.receive(body)
        killer.arm(0, after_effect=False)
        if scenario is of_the_bus:
            made.receive(body)  # SQS keeps a message until it is done with
        made.recover()

        assert faults(made) == [], step

    assert killer.struck == steps
    assert steps >= 6


def test_20_events_under_random_kills_reach_every_subscription_once(cloud: Cloud, killer: Killer) -> None:
    """Each event has two messages, and whoever takes one may die at a random side of a random call."""
    chance = random.Random(20261121)
    made = fleet(cloud, "random")
    bodies = [of_the_api(made) for _ in range(20)] * 2
    chance.shuffle(bodies)

    for body in bodies:
        killer.arm(chance.randint(1, 7), after_effect=chance.random() < 0.5)
        with suppress(Killed):
            made.receive(body)
    killer.arm(0, after_effect=False)
    made.recover()

    assert faults(made) == []
    assert killer.struck > 10


def test_rival_in_the_middle_of_a_chunk_changes_nothing(cloud: Cloud) -> None:
    made = fleet(cloud, "rival")
    body = of_the_api(made)

    with before_each("TransactWriteItems", "dynamodb", lambda: made.receive(body), times=2):
        made.receive(body)

    assert faults(made) == []


# ---------------------------------------------------------------- the naive designs, which must fail


class MarksFirst(Router):
    """Mutant: the event's progress is written before the deliveries it speaks of."""

    def _advance(self, event: Item, change: Item) -> Update:
        advance = super()._advance(event, change)
        self._tables.write(advance)
        return Update(advance.table, advance.key, "SET state = state", {}, "attribute_exists(pk)")


class HintsFirst(Router):
    """Mutant: hints go out before the deliveries they name are written."""

    def _puts(self, made: list[Item]) -> list[Write]:
        self._hint(made)
        return super()._puts(made)


class Blind(Router):
    """Mutant: deliveries and progress are written whatever was written before."""

    def _advance(self, event: Item, change: Item) -> Update:
        advance = super()._advance(event, change)
        values = {name: value for name, value in advance.values.items() if name.startswith("new_")}
        return Update(advance.table, advance.key, advance.change, values)

    def _puts(self, made: list[Item]) -> list[Write]:
        return [Put(write.table, write.item) if isinstance(write, Put) else write for write in super()._puts(made)]


def test_mutant_that_marks_first_loses_deliveries(cloud: Cloud, killer: Killer) -> None:
    found = []
    for step in range(2, 6):
        made = fleet(cloud, f"marks-first-{step}", MarksFirst)
        body = of_the_api(made)
        killer.arm(step, after_effect=True)
        with suppress(Killed):
            made.receive(body)
        killer.arm(0, after_effect=False)
        made.recover()
        found += faults(made)

    assert found != []


@pytest.mark.parametrize(("router_class", "early"), [(Router, False), (HintsFirst, True)])
def test_no_hint_goes_out_before_its_delivery_is_there(cloud: Cloud, router_class: type[Router], early: bool) -> None:
    """A worker that takes such a hint finds nothing, and the delivery waits for the sweeper."""
    made = fleet(cloud, f"hints-first-{early}", router_class)
    body = of_the_api(made)
    missing: list[str] = []

    def look(params: dict[str, Any], **_: Any) -> None:
        for entry in params["Entries"]:
            subscription, _slash, delivery = queues.Hint.of(entry["MessageBody"]).id.partition("/")
            found = made.routing.deliveries(subscription)
            if delivery not in [each["sk"] for each in found]:
                missing.append(delivery)

    resources().sqs.meta.events.register("provide-client-params.sqs.SendMessageBatch", look)
    made.receive(body)
    resources().sqs.meta.events.unregister("provide-client-params.sqs.SendMessageBatch", look)

    assert bool(missing) == early


@pytest.mark.parametrize(("router_class", "sent_again"), [(Router, False), (Blind, True)])
def test_late_rival_does_not_queue_again_what_was_delivered(
    cloud: Cloud, router_class: type[Router], sent_again: bool
) -> None:
    made = fleet(cloud, f"blind-{sent_again}", router_class)
    body = of_the_api(made)

    def meanwhile() -> None:
        Fleet(made.routing).receive(body)
        for subscription in {each["id"].partition("/")[0] for each in made.routing.waiting("delivery")}:
            (stored,) = made.routing.deliveries(subscription)
            resources().tables.activity.update(
                {"pk": stored["pk"], "sk": stored["sk"]},
                "SET state = :done REMOVE dueAt, dueShard",
                {"done": "delivered"},
            )

    with before_each("TransactWriteItems", "dynamodb", meanwhile):
        made.receive(body)

    states = {each["state"] for each in _all_deliveries(made)}
    assert ("queued" in states) == sent_again


def _all_deliveries(made: Fleet) -> list[Item]:
    pk = f"{made.routing.tenant.id}#subscription"
    found = resources().tables.config.query_all("pk = :pk", {"pk": pk})
    return [each for item in found for each in made.routing.deliveries(item["sk"])]


@contextmanager
def before_each(operation: str, service: str, act: Callable[[], object], times: int = 1) -> Iterator[None]:
    """Let `act` happen right before the next calls of this name go out; what it calls itself does not count."""
    hooks, left = getattr(resources(), service).meta.events, [times]

    def once(**_: Any) -> None:
        hooks.unregister(name, once)
        act()
        left[0] -= 1
        if left[0]:
            hooks.register(name, once)

    name = f"before-call.{service}.{operation}"
    hooks.register(name, once)
    try:
        yield
    finally:
        hooks.unregister(name, once)
