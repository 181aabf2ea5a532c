"""Circuit breaker and budget keep their word under lost answers, dying workers and outdated knowledge.

Time is a number that the simulation moves on. Workers are processes of their own: each knows of the others only what
stands in the item. The naive variants go through the very same checks and fail.
"""

import heapq
import random
import uuid
from bisect import bisect_left
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from itertools import count
from typing import Any

import pytest

from hub.core.attributes import Item
from hub.core.caller import Tenant
from hub.core.resources import resources
from hub.core.tables import ConditionFailed, Key, Table
from hub.outbound import breaker, budget
from hub.outbound.breaker import FAILURES_TO_OPEN, Circuit, Outcome, Try
from hub.outbound.budget import Limit, Turn
from hub.outbound.calls import Deferred
from hub.outbound.ledger import READ_EVERY_S, Change
from hub.outbound.traffic import Gate, MayGo, Rules, Traffic
from tests.api.conftest import Cloud

HOST = "api.example.com"
START_S = 1_800_000_000.0
WINDOW_S = 60.0
TIMEOUT_S = 10.0
_INTEGRATIONS = count(1)


class LossyTable(Table):
    """Loses the answer of every third write: the SDK then sends it again, as a real one does."""

    def __init__(self, table: Table, chance: random.Random, lost: float = 0.33) -> None:
        super().__init__(table._client, table.name)
        self._chance = chance
        self._lost = lost

    def update(self, item_key: Key, change: str, values: Mapping[str, Any], only_if: str = "") -> Item:
        if self._chance.random() < self._lost:
            with suppress(ConditionFailed):
                self.sent(item_key, change, values, only_if)
        return self.sent(item_key, change, values, only_if)

    def sent(self, item_key: Key, change: str, values: Mapping[str, Any], only_if: str) -> Item:
        return super().update(item_key, change, values, only_if)


class CountingTable(LossyTable):
    """Mutant: every write that arrives counts, as `ADD failures 1` does, and not every try by its name."""

    def sent(self, item_key: Key, change: str, values: Mapping[str, Any], only_if: str) -> Item:
        if "ADD failures" in change:
            values = {**values, "tries": {uuid.uuid4().hex}}
        return super().sent(item_key, change, values, only_if)


@dataclass
class World:
    """One integration, its workers and the time; `lossy` is the table they write to."""

    cloud: Cloud
    seed: int
    lossy: type[LossyTable] = LossyTable
    now_s: float = START_S
    chance: random.Random = field(init=False)
    integration_id: str = field(init=False)
    paused_s: float = 0.0

    def __post_init__(self) -> None:
        self.chance = random.Random(self.seed)
        self.integration_id = f"int_{next(_INTEGRATIONS)}"

    def _pause(self, seconds: float) -> None:
        self.paused_s = seconds

    def gate(self, **rules: Any) -> Gate:
        """Return the gate of a new worker."""
        table = self.lossy(resources().tables.coordination, self.chance)
        made = Rules(now=lambda: self.now_s, sleep=self._pause, **rules)
        return Traffic(table, Tenant("proofs"), self.integration_id, made).gate(HOST)

    def state(self) -> Mapping[str, Any]:
        honest = Rules(now=lambda: self.now_s)
        return Traffic(resources().tables.coordination, Tenant("proofs"), self.integration_id, honest).state(HOST)


def entered(gate: Gate, limits: tuple[Limit, ...] = ()) -> MayGo | None:
    try:
        return gate.enter(limits, TIMEOUT_S)
    except Deferred:
        return None


# ---------------------------------------------------------------- opens after five failures, neither sooner nor later


def openings(world: World, rounds: int) -> list[int]:
    """Return how many different tries in a row had failed whenever the circuit opened.

    Every worker has read the item before its call: what it cannot know, it need not consider.
    """
    workers = [world.gate() for _ in range(4)]
    failed, found = 0, list[int]()
    while len(found) < rounds:
        world.now_s += READ_EVERY_S
        worker = world.chance.choice(workers)
        may_go = entered(worker)
        assert may_go is not None, f"held back after {failed} failures"
        succeeds = world.chance.random() < 0.2
        worker.leave(may_go.try_, Outcome.SUCCESS if succeeds else Outcome.FAILURE)
        failed = 0 if succeeds else failed + 1
        if world.state()["state"] == "open":
            found.append(failed)
            world.integration_id, failed = f"int_{next(_INTEGRATIONS)}", 0
            workers = [world.gate() for _ in range(4)]
        assert failed <= FAILURES_TO_OPEN
    return found


def test_circuit_opens_after_exactly_five_failed_tries_when_answers_are_lost(cloud: Cloud) -> None:
    assert set(openings(World(cloud, seed=1), rounds=12)) == {FAILURES_TO_OPEN}


def test_mutant_that_counts_writes_opens_too_soon(cloud: Cloud) -> None:
    assert min(openings(World(cloud, seed=1, lossy=CountingTable), rounds=12)) < FAILURES_TO_OPEN


# ---------------------------------------------------------------- one probe at a time


@dataclass(order=True)
class Event:
    at_s: float
    number: int
    act: Callable[[], None] = field(compare=False)


@dataclass
class Crowd:
    """Workers that call, wait, fail and die, in the order of the simulated time; `probes` are (begin, end)."""

    world: World
    until_s: float
    probes: list[tuple[float, float]] = field(default_factory=list)
    calls: int = 0
    _events: list[Event] = field(default_factory=list)
    _numbers: Any = field(default_factory=count)

    def run(self, workers: int) -> None:
        for _ in range(workers):
            self._after(self.world.chance.random(), self._life(self.world.gate()))
        while self._events and self._events[0].at_s < self.until_s:
            event = heapq.heappop(self._events)
            self.world.now_s = event.at_s
            event.act()

    def _after(self, seconds: float, act: Callable[[], None]) -> None:
        heapq.heappush(self._events, Event(self.world.now_s + seconds, next(self._numbers), act))

    def _life(self, gate: Gate) -> Callable[[], None]:
        """Return what a worker does: it calls, and goes on when the call has ended."""

        def call() -> None:
            chance = self.world.chance
            try:
                may_go = gate.enter((), TIMEOUT_S)
            except Deferred as deferral:
                self._after(deferral.wait_s + chance.random(), call)
                return
            self.calls += 1
            lasts_s = may_go.timeout_s if chance.random() < 0.3 else chance.uniform(0.05, 2)
            if may_go.try_.ends_us is not None:
                self.probes.append((self.world.now_s, self.world.now_s + lasts_s))
            if chance.random() < 0.1:  # it dies; its call goes on without it
                self._after(chance.uniform(0, 5), self._life(self.world.gate()))
                return
            self._after(lasts_s, end(may_go))

        def end(may_go: MayGo) -> Callable[[], None]:
            def act() -> None:
                gate.leave(may_go.try_, self._outcome())
                self._after(self.world.chance.uniform(0, 1), call)

            return act

        return call

    def _outcome(self) -> Outcome:
        """The provider is down for two minutes of three, and shaky in the third."""
        is_down = (self.world.now_s - START_S) % 180 < 120
        return Outcome.FAILURE if is_down or self.world.chance.random() < 0.1 else Outcome.SUCCESS


def most_at_once(spans: list[tuple[float, float]]) -> int:
    return max(sum(begin <= at < end for begin, end in spans) for at, _ in spans)


def crowd(cloud: Cloud, seed: int, lasts_s: float = 600) -> Crowd:
    made = Crowd(World(cloud, seed), START_S + lasts_s)
    made.run(workers=6)
    return made


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_never_two_probes_are_under_way(cloud: Cloud, seed: int) -> None:
    """Six workers, a tenth of the calls ends with a death, every third write is sent twice."""
    made = crowd(cloud, seed)

    assert most_at_once(made.probes) == 1
    assert len(made.probes) > 15
    assert made.calls > 2 * len(made.probes)  # it closes in between


def unclaimed(circuit: Circuit, try_: Try, now_us: int) -> Change:  # noqa: ARG001
    """Mutant: whoever finds the circuit half-open sends a probe."""
    return Change({"probe": try_.id, "probeUntil": 0}, "", "attribute_exists(pk)", {})


def test_mutant_that_does_not_claim_its_probe_sends_several(cloud: Cloud, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(breaker, "claim", unclaimed)

    assert most_at_once(crowd(cloud, 1, lasts_s=120).probes) > 1


# ---------------------------------------------------------------- no window sees more than the limit


def arrivals(world: World, limit: Limit, calls: int, gaps: Callable[[], float]) -> list[float]:
    """Return when calls went out that four workers wanted to make; a deferred one is given up."""
    workers = [world.gate() for _ in range(4)]
    went = []
    for _ in range(calls):
        world.now_s += gaps()
        world.paused_s = 0.0
        if entered(world.chance.choice(workers), (limit,)) is not None:
            went.append(world.now_s + world.paused_s)
    return went


def most_in_a_window(times: list[float]) -> int:
    ordered = sorted(times)
    return max(bisect_left(ordered, at + WINDOW_S) - index for index, at in enumerate(ordered))


def rush(world: World) -> Callable[[], float]:
    """Calls come in heaps, some of them at the end of a minute and the next at its beginning."""
    return lambda: 0.01 if world.chance.random() < 0.95 else world.chance.choice([3.0, 20.0, 59.0])


LIMIT = Limit(30)


@pytest.mark.parametrize("seed", [1, 2])
def test_no_window_of_a_minute_sees_more_calls_than_allowed(cloud: Cloud, seed: int) -> None:
    world = World(cloud, seed)

    went = arrivals(world, LIMIT, 500, rush(world))

    assert most_in_a_window(went) <= LIMIT.requests
    assert len(went) > 60


def test_nearly_all_of_the_limit_gets_through_under_a_steady_load(cloud: Cloud) -> None:
    """Workers ask more often than the limit allows, for four minutes, and no answer is lost."""
    world = World(cloud, 3, lossy=Faithful)

    went = arrivals(world, LIMIT, 480, lambda: 0.5)

    assert most_in_a_window(went) <= LIMIT.requests
    assert len(went) >= 0.85 * LIMIT.requests * 4


class Faithful(LossyTable):
    def __init__(self, table: Table, chance: random.Random) -> None:
        super().__init__(table, chance, lost=0.0)


def fixed_window(limits: tuple[Limit, ...], item: Item, try_id: str, now_us: int) -> Turn:  # noqa: ARG001
    """Mutant: counts the calls of each minute of the clock."""
    minute = now_us // (60 * budget.SECOND_US)
    used = item.get("used", 0) if item.get("minute") == minute else 0
    if used >= limits[0].requests:
        return Turn((minute + 1) * 60 * budget.SECOND_US - now_us, None)
    same = "attribute_not_exists(used) OR (used = :used_read AND minute = :minute_read)"
    read = {"used_read": item.get("used", 0), "minute_read": item.get("minute", 0)}
    return Turn(0, Change({"used": used + 1, "minute": minute}, "", same, read))


def test_mutant_that_counts_in_fixed_windows_lets_through_too_many(
    cloud: Cloud, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(budget, "next_turn", fixed_window)
    world = World(cloud, 1)

    assert most_in_a_window(arrivals(world, LIMIT, 500, rush(world))) > LIMIT.requests
