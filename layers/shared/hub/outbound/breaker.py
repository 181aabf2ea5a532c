"""The circuit breaker, as pure decisions about the item that holds it; `traffic` acts on them.

closed      fewer than 5 failures in a row
open        for 30 s from the fifth on, nothing is sent
half-open   one call at a time is sent, as a probe: 3 successes close the circuit, one failure opens it again

The state is not stored. It follows from the failures and the time of the last one, so there is no second write that
could be missing between the fifth failure and the opening. Failures and successes are sets of the ids of tries: a
write that is repeated because its answer was lost changes nothing, where a counter would drift. `generation` is
another one after each closing and each opening anew: what began in an earlier one reports too late to count.
Times are microseconds since the epoch. Source: specification of the freight platform, "Circuit Breaker".
"""

from dataclasses import dataclass
from enum import Enum
from typing import Any, Literal

from hub.core import clock
from hub.core.attributes import Item
from hub.outbound.ledger import Change

Json = dict[str, Any]
State = Literal["closed", "open", "half_open"]

SECOND_US = 1_000_000
FAILURES_TO_OPEN = 5
SUCCESSES_TO_CLOSE = 3
OPEN_US = 30 * SECOND_US
# Whoever meets a probe under way asks again after this time at the latest.
PROBED_US = 5 * SECOND_US

_TRIPPED = "size(failures) >= :most"
_NOT_TRIPPED = "(attribute_not_exists(failures) OR size(failures) < :most)"
_IS_MINE = "generation = :generation AND probe = :try"


class Outcome(Enum):
    """What a try says about its host. `NEITHER`: an answer such as 404 or 429, or a call that was never sent."""

    SUCCESS = "success"
    FAILURE = "failure"
    NEITHER = "neither"


@dataclass(frozen=True)
class Try:
    """A call that may go; a probe must have ended at `ends_us`, then another one may be sent."""

    id: str
    generation: int
    ends_us: int | None = None


@dataclass(frozen=True)
class Circuit:
    failures: frozenset[str] = frozenset()
    failed_at_us: int = 0
    generation: int = 0
    successes: frozenset[str] = frozenset()
    probe_until_us: int = 0

    @classmethod
    def of(cls, item: Item) -> "Circuit":
        return cls(
            failures=frozenset(item.get("failures", ())),
            failed_at_us=item.get("failedAt", 0),
            generation=item.get("generation", 0),
            successes=frozenset(item.get("successes", ())),
            probe_until_us=item.get("probeUntil", 0),
        )

    @property
    def is_tripped(self) -> bool:
        return len(self.failures) >= FAILURES_TO_OPEN

    @property
    def opens_at_us(self) -> int:
        """When the first probe may go."""
        return self.failed_at_us + OPEN_US

    def state(self, now_us: int) -> State:
        if not self.is_tripped:
            return "closed"
        return "open" if now_us < self.opens_at_us else "half_open"

    def held_back_us(self, now_us: int) -> int:
        """Return how long a call has to wait; 0 = it may go, in a tripped circuit as a probe."""
        state = self.state(now_us)
        if state == "open":
            return self.opens_at_us - now_us
        if state == "half_open" and self.probe_until_us >= now_us:
            return min(self.probe_until_us - now_us + 1, PROBED_US)
        return 0

    def view(self, now_us: int) -> Json:
        state = self.state(now_us)
        at = clock.iso(self.opens_at_us / SECOND_US) if state == "open" else None
        return {"state": state, "failures": len(self.failures), "opensAgainAt": at}


def claim(circuit: Circuit, try_: Try, now_us: int) -> Change:
    """Return the write that makes a try the one probe under way. Its `or probe = :try` is for its own repetition."""
    return Change(
        {"probe": try_.id, "probeUntil": try_.ends_us},
        "",
        f"generation = :generation AND {_TRIPPED}"
        " AND (attribute_not_exists(probe) OR probeUntil < :now OR probe = :try)",
        {"generation": circuit.generation, "most": FAILURES_TO_OPEN, "now": now_us, "try": try_.id},
    )


def after(circuit: Circuit, try_: Try, outcome: Outcome, now_us: int) -> Change | None:
    """Return what a finished try changes; None in most cases: a success where no failures are known costs nothing."""
    if circuit.generation != try_.generation:
        return None
    if try_.ends_us is not None:
        return _after_probe(circuit, try_, outcome, now_us)
    if circuit.is_tripped:
        return None
    if outcome is Outcome.FAILURE:
        return _failed(try_, now_us)
    return _cleared(circuit) if outcome is Outcome.SUCCESS and circuit.failures else None


def _failed(try_: Try, now_us: int) -> Change:
    return Change(
        {"failedAt": now_us, "generation": try_.generation},
        "ADD failures :tries",
        f"(attribute_not_exists(generation) OR generation = :new_generation) AND {_NOT_TRIPPED}",
        {"tries": {try_.id}, "most": FAILURES_TO_OPEN},
    )


def _cleared(circuit: Circuit) -> Change:
    """Take out the failures that are known: one that another worker adds meanwhile came after this success."""
    return Change(
        {},
        "DELETE failures :tries",
        f"generation = :generation AND {_NOT_TRIPPED}",
        {"tries": circuit.failures, "generation": circuit.generation, "most": FAILURES_TO_OPEN},
    )


def _after_probe(circuit: Circuit, try_: Try, outcome: Outcome, now_us: int) -> Change:
    mine = {"generation": try_.generation, "try": try_.id}
    anew = {"generation": try_.generation + 1}
    if outcome is Outcome.FAILURE:
        return Change({**anew, "failedAt": now_us}, "REMOVE probe, probeUntil, successes", _IS_MINE, mine)
    if outcome is Outcome.NEITHER:
        return Change({}, "REMOVE probe, probeUntil", _IS_MINE, mine)
    if len(circuit.successes | {try_.id}) >= SUCCESSES_TO_CLOSE:
        return Change(anew, "REMOVE probe, probeUntil, successes, failures, failedAt", _IS_MINE, mine)
    return Change({}, "ADD successes :tries REMOVE probe, probeUntil", _IS_MINE, {**mine, "tries": {try_.id}})
