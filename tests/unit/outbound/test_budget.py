"""The provider's budget: no window sees more than it allows, and nearly all of it is used."""

from bisect import bisect_left
from dataclasses import dataclass, field
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hub.outbound.budget import LONGEST_BLOCK_S, Limit, RateHeaders, Turn, asked_pause_s, next_turn
from hub.outbound.calls import Reply

SECOND = 1_000_000
START = 1_800_000_000 * SECOND
MINUTE = 60 * SECOND

Item = dict[str, Any]


@dataclass
class Provider:
    """The item as it is stored, and when which calls went; workers know the item as they last saw it."""

    limits: tuple[Limit, ...]
    item: Item = field(default_factory=dict)
    went: list[int] = field(default_factory=list)
    refused: int = 0

    def ask(self, known: Item, now: int, longest_wait: int) -> Item:
        """Let one worker try until it has a place or the wait is too long; return what it knows then."""
        for _ in range(20):
            turn = next_turn(self.limits, known, "me", now)
            if turn.wait_us > longest_wait:
                self.refused += 1
                return known
            if self._takes(turn):
                self.went.append(now + turn.wait_us)
                return dict(self.item)
            known = dict(self.item)
        raise AssertionError("a place is found by whoever knows the item")

    def _takes(self, turn: Turn) -> bool:
        assert turn.change is not None
        bounds = [turn.change.values[f"reached{index}"] for index, _ in enumerate(self.limits)]
        names = [limit.attribute for limit in self.limits]
        if any(self.item.get(name, 0) > bound for name, bound in zip(names, bounds, strict=True)):
            return False
        self.item.update(turn.change.sets)
        return True


def most_in_a_window(times: list[int], window: int) -> int:
    """Return how many times the fullest half-open window holds, wherever it begins."""
    ordered = sorted(times)
    return max((bisect_left(ordered, at + window) - index for index, at in enumerate(ordered)), default=0)


LIMITS = st.builds(Limit, st.integers(1, 40), st.none() | st.integers(1, 40))
GAPS = st.sampled_from([0, 0, 0, SECOND // 5, SECOND, 4 * SECOND, 62 * SECOND])


@settings(max_examples=100, deadline=None)
@given(
    limit=LIMITS,
    gaps=st.lists(GAPS, min_size=80, max_size=150),
    workers=st.lists(st.integers(0, 4), min_size=150, max_size=150),
    longest_wait=st.sampled_from([0, SECOND, 90 * SECOND]),
)
def test_no_window_sees_more_than_the_limit(
    limit: Limit, gaps: list[int], workers: list[int], longest_wait: int
) -> None:
    """Five workers, each with its own outdated knowledge of the item, call at random times."""
    provider = Provider((limit,))
    known: list[Item] = [{} for _ in range(5)]
    now = START
    for gap, worker in zip(gaps, workers, strict=False):
        now += gap
        known[worker] = provider.ask(known[worker], now, longest_wait)

    assert provider.went
    assert most_in_a_window(provider.went, MINUTE) <= limit.requests


@settings(max_examples=60, deadline=None)
@given(limit=st.builds(Limit, st.integers(1, 400), st.none()), workers=st.integers(1, 4))
def test_nearly_all_of_the_limit_is_used_when_calls_wait_for_their_turn(limit: Limit, workers: int) -> None:
    provider = Provider((limit,))
    known: list[Item] = [{} for _ in range(workers)]
    minutes = 3
    now, turns = START, 0
    while now < START + minutes * MINUTE:
        wait = next_turn((limit,), provider.item, "me", now).wait_us
        now += wait
        known[turns % workers] = provider.ask(known[turns % workers], now, SECOND)
        turns += 1

    steady = [at for at in provider.went if at < START + minutes * MINUTE]
    assert len(steady) >= 0.85 * limit.requests * minutes


def test_burst_goes_at_once_and_then_evenly() -> None:
    limit = Limit(60)
    provider = Provider((limit,))
    known: Item = {}
    for _ in range(9):
        known = provider.ask(known, START, 10 * SECOND)

    waits = [at - START for at in provider.went]
    assert waits[:6] == [0] * 6
    assert waits[6:] == [limit.interval_us, 2 * limit.interval_us, 3 * limit.interval_us]
    assert limit.interval_us == pytest.approx(61 * SECOND / 55, abs=1)


@pytest.mark.parametrize(
    ("requests", "burst", "at_once"), [(1, None, 1), (9, None, 1), (60, None, 6), (60, 20, 20), (60, 60, 30), (1, 1, 1)]
)
def test_burst_is_a_tenth_or_what_is_said_and_at_most_half(requests: int, burst: int | None, at_once: int) -> None:
    assert Limit(requests, burst).at_once == at_once


def test_limit_that_refuses_costs_the_others_nothing() -> None:
    """The endpoint allows one call a minute; the others that it refuses leave the integration's budget as it was."""
    both = (Limit(60), Limit(1, scope="export"))
    provider = Provider(both)
    known = provider.ask({}, START, 0)
    before = dict(provider.item)

    for _ in range(50):
        known = provider.ask(known, START + SECOND, 0)

    assert (len(provider.went), provider.refused, provider.item) == (1, 50, before)


def test_call_waits_until_every_limit_allows_it() -> None:
    strict, loose = Limit(2, 1, scope="export"), Limit(600)
    provider = Provider((loose, strict))
    known = provider.ask({}, START, 0)

    turn = next_turn((loose, strict), known, "me", START)

    assert turn.wait_us == strict.interval_us
    assert turn.change is not None
    # The integration's place is taken at the time of the call, not at that of the asking.
    assert turn.change.sets[loose.attribute] == START + strict.interval_us + loose.interval_us


def test_nobody_goes_while_the_provider_wants_a_pause() -> None:
    item = {"blockedUntil": START + 7 * SECOND}

    assert next_turn((), item, "me", START).wait_us == 7 * SECOND
    assert next_turn((Limit(60),), item, "me", START).wait_us == 7 * SECOND
    assert next_turn((), item, "me", START + 7 * SECOND).wait_us == 0


# What providers say

NOW_S = 1_800_000_000.0
USUAL = RateHeaders()
OWN = RateHeaders(remaining="X-Quota-Left", reset="X-Quota-Reset")


def reply(status: int = 200, **headers: str) -> Reply:
    return Reply(status, {name.replace("_", "-"): value for name, value in headers.items()}, b"", 1)


@pytest.mark.parametrize(
    ("answered", "names", "pause_s"),
    [
        (reply(429, retry_after="17"), USUAL, 17.0),
        (reply(429, retry_after="17", x_ratelimit_reset="90"), USUAL, 17.0),
        (reply(429, x_ratelimit_reset="90"), USUAL, 90.0),
        (reply(429), USUAL, None),
        (reply(429, retry_after="0"), USUAL, None),
        (reply(503, retry_after="17"), USUAL, None),
        (reply(200, x_ratelimit_remaining="0", x_ratelimit_reset="30"), USUAL, 30.0),
        (reply(200, ratelimit_remaining="0", ratelimit_reset="30"), USUAL, 30.0),
        (reply(403, x_ratelimit_remaining="0", x_ratelimit_reset=str(int(NOW_S) + 45)), USUAL, 45.0),
        (reply(200, x_ratelimit_remaining="0", x_ratelimit_reset=str(int(NOW_S) * 1000 + 4500)), USUAL, 4.5),
        (reply(200, x_ratelimit_remaining="0", x_ratelimit_reset=str(int(NOW_S) - 45)), USUAL, None),
        (reply(200, x_ratelimit_remaining="1", x_ratelimit_reset="30"), USUAL, None),
        (reply(200, x_ratelimit_remaining="0"), USUAL, None),
        (reply(200, x_ratelimit_remaining="none", x_ratelimit_reset="30"), USUAL, None),
        (reply(200, x_ratelimit_remaining="0, 0;w=60", x_ratelimit_reset="12.5, 60"), USUAL, 12.5),
        (reply(200, x_quota_left="0", x_quota_reset="8"), OWN, 8.0),
        (reply(200, x_ratelimit_remaining="0", x_ratelimit_reset="30"), OWN, None),
        (reply(429, retry_after="9" * 17), USUAL, LONGEST_BLOCK_S),
        (reply(200, x_ratelimit_remaining="0", x_ratelimit_reset="9" * 17), USUAL, LONGEST_BLOCK_S),
    ],
)
def test_pause_is_read_from_the_answer(answered: Reply, names: RateHeaders, pause_s: float | None) -> None:
    assert asked_pause_s(answered, names, NOW_S) == pause_s
