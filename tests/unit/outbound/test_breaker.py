"""The circuit breaker's decisions: what an item says, who may go, and what a finished try changes."""

from typing import Any

import pytest

from hub.outbound.breaker import (
    FAILURES_TO_OPEN,
    OPEN_US,
    PROBED_US,
    SUCCESSES_TO_CLOSE,
    Circuit,
    Outcome,
    Try,
    after,
    claim,
)

NOW = 1_800_000_000_000_000
TRIPPED = frozenset({"f1", "f2", "f3", "f4", "f5"})
LATER = NOW + 60_000_000


def open_circuit(**changed: Any) -> Circuit:
    return Circuit(**{"failures": TRIPPED, "failed_at_us": NOW, "generation": 3, **changed})


@pytest.mark.parametrize(
    ("circuit", "at", "state"),
    [
        (Circuit(), NOW, "closed"),
        (Circuit(failures=frozenset({"f1", "f2", "f3", "f4"}), failed_at_us=NOW), NOW, "closed"),
        (open_circuit(), NOW, "open"),
        (open_circuit(), NOW + OPEN_US - 1, "open"),
        (open_circuit(), NOW + OPEN_US, "half_open"),
        (open_circuit(successes=frozenset({"s1", "s2"})), LATER, "half_open"),
    ],
)
def test_state_follows_from_the_failures_and_the_time(circuit: Circuit, at: int, state: str) -> None:
    assert circuit.state(at) == state


@pytest.mark.parametrize(
    ("circuit", "at", "held_back_us"),
    [
        (Circuit(failures=frozenset({"f1"})), NOW, 0),
        (open_circuit(), NOW + 1_000_000, OPEN_US - 1_000_000),
        (open_circuit(), NOW + OPEN_US, 0),
        (open_circuit(probe_until_us=LATER + 2_000_000), LATER, 2_000_001),
        (open_circuit(probe_until_us=LATER + 60_000_000), LATER, PROBED_US),
        (open_circuit(probe_until_us=LATER), LATER, 1),
        (open_circuit(probe_until_us=LATER), LATER + 1, 0),
    ],
)
def test_call_waits_for_the_opening_and_for_the_probe_under_way(circuit: Circuit, at: int, held_back_us: int) -> None:
    assert circuit.held_back_us(at) == held_back_us


ORDINARY, PROBE = Try("t", 3), Try("t", 3, LATER)
FEW = Circuit(failures=frozenset({"f1"}), failed_at_us=NOW, generation=3)
NO_WRITE: list[tuple[str, Circuit, Try, Outcome]] = [
    ("success without failures", Circuit(generation=3), ORDINARY, Outcome.SUCCESS),
    ("answer that says nothing", FEW, ORDINARY, Outcome.NEITHER),
    ("failure that came after the opening", open_circuit(), ORDINARY, Outcome.FAILURE),
    ("success of a call that began before the opening", open_circuit(), ORDINARY, Outcome.SUCCESS),
    ("failure of an earlier generation", FEW, Try("t", 2), Outcome.FAILURE),
    ("success of an earlier generation", FEW, Try("t", 2), Outcome.SUCCESS),
    ("probe of an earlier generation", open_circuit(), Try("t", 2, LATER), Outcome.SUCCESS),
]


@pytest.mark.parametrize(("_name", "circuit", "try_", "outcome"), NO_WRITE, ids=[row[0] for row in NO_WRITE])
def test_nothing_is_written_for_a(_name: str, circuit: Circuit, try_: Try, outcome: Outcome) -> None:
    assert after(circuit, try_, outcome, LATER) is None


def test_failure_is_added_by_its_name_and_only_while_the_circuit_is_closed() -> None:
    change = after(FEW, ORDINARY, Outcome.FAILURE, LATER)

    assert change is not None
    assert change.also == "ADD failures :tries"
    assert (change.sets["failedAt"], change.values["tries"], change.values["most"]) == (LATER, {"t"}, FAILURES_TO_OPEN)
    assert "size(failures) < :most" in change.only_if


def test_success_takes_out_the_failures_that_are_known() -> None:
    change = after(FEW, ORDINARY, Outcome.SUCCESS, LATER)

    assert change is not None
    assert (change.also, change.values["tries"]) == ("DELETE failures :tries", {"f1"})


@pytest.mark.parametrize(
    ("successes", "outcome", "sets", "also"),
    [
        ((), Outcome.FAILURE, {"generation": 4, "failedAt": LATER}, "REMOVE probe, probeUntil, successes"),
        (("s1", "s2"), Outcome.FAILURE, {"generation": 4, "failedAt": LATER}, "REMOVE probe, probeUntil, successes"),
        (("s1",), Outcome.SUCCESS, {}, "ADD successes :tries REMOVE probe, probeUntil"),
        (
            ("s1", "s2"),
            Outcome.SUCCESS,
            {"generation": 4},
            "REMOVE probe, probeUntil, successes, failures, failedAt",
        ),
        (("s1", "s2"), Outcome.NEITHER, {}, "REMOVE probe, probeUntil"),
    ],
    ids=["failure", "failure after successes", "second success", "third success", "answer that says nothing"],
)
def test_probe_ends_with(successes: tuple[str, ...], outcome: Outcome, sets: dict[str, int], also: str) -> None:
    change = after(open_circuit(successes=frozenset(successes)), PROBE, outcome, LATER)

    assert change is not None
    assert (change.sets, change.also) == (sets, also)
    assert change.only_if == "generation = :generation AND probe = :try"
    assert SUCCESSES_TO_CLOSE == 3


def test_probe_is_claimed_only_where_none_is_under_way() -> None:
    change = claim(open_circuit(), PROBE, LATER)

    assert change.sets == {"probe": "t", "probeUntil": LATER}
    assert "attribute_not_exists(probe) OR probeUntil < :now OR probe = :try" in change.only_if


@pytest.mark.parametrize(
    ("circuit", "view"),
    [
        (Circuit(), {"state": "closed", "failures": 0, "opensAgainAt": None}),
        (open_circuit(), {"state": "open", "failures": 5, "opensAgainAt": "2027-01-15T08:00:30.000Z"}),
        (open_circuit(failed_at_us=0), {"state": "half_open", "failures": 5, "opensAgainAt": None}),
    ],
)
def test_view_tells_the_state_and_when_calls_go_again(circuit: Circuit, view: dict[str, Any]) -> None:
    assert circuit.view(NOW) == view
