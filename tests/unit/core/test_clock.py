"""One clock, which a test can set, and times that sort as texts."""

import time
from collections.abc import Callable

from hypothesis import given
from hypothesis import strategies as st

from hub.core import clock

SECONDS = st.integers(0, 4_102_444_800_000).map(lambda milliseconds: milliseconds / 1000)


def test_now_is_iso_8601_in_utc_with_milliseconds(at: Callable[[float], None]) -> None:
    at(1_800_000_000.25)

    assert clock.now() == "2027-01-15T08:00:00.250Z"
    assert clock.epoch_s() == 1_800_000_000.25


def test_real_time_returns_when_the_test_lets_go(at: Callable[[float], None]) -> None:
    at(0)
    clock.use(None)

    assert abs(clock.epoch_s() - time.time()) < 5


def test_whole_second_has_milliseconds_too() -> None:
    assert clock.iso(0) == "1970-01-01T00:00:00.000Z"


@given(SECONDS, SECONDS)
def test_times_sort_as_texts(one: float, two: float) -> None:
    earlier, later = sorted((one, two))

    assert clock.iso(earlier) <= clock.iso(later)
