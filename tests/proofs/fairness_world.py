"""The delivery queue and its workers, event by event on a clock of their own: who waits for whom.

What is simulated is what AWS documents: an SQS event source takes up to ten visible messages as soon as one of at most
50 invocations is free; an invocation ends when its slowest message has ended. A fair queue (standard queues, messages
with a group id) hands out the messages of groups that have many in flight behind those of all others. The circuit
breaker is the hub's own, with one process per place of the 50.
"""

import heapq
from collections import Counter, deque
from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import count
from random import Random

from hub.core.caller import Tenant
from hub.outbound.breaker import Outcome
from hub.outbound.calls import Deferred
from hub.outbound.traffic import Rules, Traffic
from tests.proofs.memory_cloud import MemoryCloud, Trouble
from tests.proofs.turns import Turns

BATCH, INVOCATIONS = 10, 50
HANGS_S = 10.0
PARKED_S = (30.0, 60.0)
# Before HTTP and after it: a handful of calls to DynamoDB.
AROUND_S = 0.03
NOISY = "tenant-0"
START_S = 1_800_000_000.0


@dataclass(frozen=True)
class Load:
    """`rate` of each tenant per second; the noisy one has its own and a target that never answers in time.

    `flood` are deliveries that the noisy one has all at once, to a target that answers after `answers_s`.
    """

    tenants: int = 20
    rate: float = 1.0
    noisy_rate: float = 20.0
    lasts_s: float = 1500.0
    noisy_from_s: float = 30.0
    flood: int = 0
    answers_s: float = 0.3


@dataclass(frozen=True)
class Message:
    tenant: str
    sent_at: float
    parks: int = 0


class PlainQueue:
    """First in, first out: what a queue without groups comes to."""

    def __init__(self) -> None:
        self._waiting: deque[Message] = deque()

    def __len__(self) -> int:
        return len(self._waiting)

    def put(self, message: Message) -> None:
        self._waiting.append(message)

    def take(self) -> list[Message]:
        return [self._waiting.popleft() for _ in range(min(BATCH, len(self._waiting)))]

    def done(self, message: Message) -> None:
        pass


class FairQueue:
    """Messages of a group with more than its share in flight come behind those of the others."""

    def __init__(self) -> None:
        self._waiting: dict[str, deque[tuple[int, Message]]] = {}
        self._in_flight: Counter[str] = Counter()
        self._numbers = count()
        self._length = 0

    def __len__(self) -> int:
        return self._length

    def put(self, message: Message) -> None:
        self._waiting.setdefault(message.tenant, deque()).append((next(self._numbers), message))
        self._length += 1

    def take(self) -> list[Message]:
        found: list[Message] = []
        while self._length and len(found) < BATCH:
            group = min((name for name, queue in self._waiting.items() if queue), key=self._rank)
            _, message = self._waiting[group].popleft()
            self._length -= 1
            self._in_flight[group] += 1
            found.append(message)
        return found

    def done(self, message: Message) -> None:
        self._in_flight[message.tenant] -= 1

    def _rank(self, group: str) -> tuple[bool, int]:
        total = self._in_flight.total()
        is_noisy = self._in_flight[group] > max(BATCH, 0.1 * total)
        return is_noisy, self._waiting[group][0][0]


Queue = PlainQueue | FairQueue


class Breakers:
    """The circuits of the noisy tenant's target, as each of the 50 processes knows them."""

    def __init__(self, now: Callable[[], float]) -> None:
        self._turns = Turns(0, 0)
        table = MemoryCloud(self._turns, Trouble()).tables.coordination
        rules = Rules(now=now, longest_pause_s=0.0)
        self._gates = [Traffic(table, Tenant(NOISY), "webhooks", rules).gate("slow.test") for _ in range(INVOCATIONS)]

    def hang(self, place: int) -> Callable[[], None] | None:
        """Return what is to be done when the call has timed out; None when it may not go."""
        gate = self._gates[place]
        try:
            may_go = gate.enter((), HANGS_S)
        except Deferred:
            return None
        return lambda: gate.leave(may_go.try_, Outcome.FAILURE)


@dataclass(order=True)
class Step:
    at_s: float
    number: int
    act: Callable[[], None] = field(compare=False)


class Simulation:
    """`latencies` are (seconds since the start, seconds from event to delivery) of the quiet tenants."""

    def __init__(self, load: Load, queue: Queue, *, seed: int, has_breaker: bool) -> None:
        self._load, self._queue, self._chance = load, queue, Random(seed)
        self.now_s = START_S
        self._ends_at = self.now_s + load.lasts_s
        self._breakers = Breakers(lambda: self.now_s) if has_breaker else None
        self._free = list(range(INVOCATIONS))
        self._steps: list[Step] = []
        self._numbers = count()
        self.latencies: list[tuple[float, float]] = []
        self.hung = 0

    def run(self) -> "Simulation":
        for number in range(self._load.tenants):
            tenant = f"tenant-{number}"
            rate = self._load.noisy_rate if tenant == NOISY else self._load.rate
            starts_s = self._load.noisy_from_s if tenant == NOISY else 0.0
            if rate:
                self._later(starts_s, self._arrivals(tenant, rate))
        self._later(self._load.noisy_from_s, self._flood)
        while self._steps:
            step = heapq.heappop(self._steps)
            self.now_s = max(self.now_s, step.at_s)
            if self.now_s > self._ends_at + 60:
                break
            step.act()
            self._dispatch()
        return self

    def _arrivals(self, tenant: str, rate: float) -> Callable[[], None]:
        def arrive() -> None:
            self._queue.put(Message(tenant, self.now_s))
            if self.now_s < self._ends_at:
                self._later(self._chance.expovariate(rate), arrive)

        return arrive

    def _flood(self) -> None:
        for _ in range(self._load.flood):
            self._queue.put(Message(NOISY, self.now_s))

    def _later(self, seconds: float, act: Callable[[], None]) -> None:
        heapq.heappush(self._steps, Step(self.now_s + seconds, next(self._numbers), act))

    def _dispatch(self) -> None:
        while self._free and len(self._queue):
            place = self._free.pop()
            batch = self._queue.take()
            longest_s = max([self._begin(message, place) for message in batch])
            self._later(longest_s, self._freed(place, batch))

    def _freed(self, place: int, batch: list[Message]) -> Callable[[], None]:
        """Messages count as in flight until the whole batch has ended: only then they are deleted."""

        def free() -> None:
            for message in batch:
                self._queue.done(message)
            self._free.append(place)

        return free

    def _begin(self, message: Message, place: int) -> float:
        """Begin a message's work, in a thread of its own; return how long it takes."""
        if message.tenant == NOISY:
            return AROUND_S + self._load.answers_s if self._load.flood else self._hang(message, place)
        takes_s = AROUND_S + self._chance.lognormvariate(-2.1, 0.7)  # 120 ms at the median, 620 ms at the 99th
        self.latencies.append((message.sent_at - START_S, self.now_s + takes_s - message.sent_at))
        return takes_s

    def _hang(self, message: Message, place: int) -> float:
        timed_out = self._breakers.hang(place) if self._breakers else (lambda: None)
        if timed_out is None:
            parked_s = self._chance.uniform(*PARKED_S) * 2 ** min(message.parks, 4)
            self._later(parked_s, lambda: self._queue.put(Message(NOISY, message.sent_at, message.parks + 1)))
            return AROUND_S
        self.hung += 1
        self._later(HANGS_S, timed_out)
        return AROUND_S + HANGS_S


def p99(values: list[float]) -> float:
    return sorted(values)[int(0.99 * len(values))]
