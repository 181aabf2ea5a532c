"""Ids say what they name and sort by time."""

import re
from collections.abc import Callable

from hub.core.ids import new_id, ulid

SetClock = Callable[[float], None]


def test_id_begins_with_its_prefix_and_is_a_ulid() -> None:
    assert re.fullmatch(r"int_[0-7][0-9A-HJKMNP-TV-Z]{25}", new_id("int"))


def test_ids_sort_as_the_times_they_were_made_at(at: SetClock) -> None:
    made = []
    for millisecond in range(0, 100_000, 7):
        at(1_800_000_000 + millisecond / 1000)
        made.append(new_id("job"))

    assert made == sorted(made)


def test_ids_of_the_same_millisecond_differ(at: SetClock) -> None:
    at(1_800_000_000)

    assert len({ulid() for _ in range(10_000)}) == 10_000


def test_ulid_holds_the_time_as_the_specification_says(at: SetClock) -> None:
    """The example of the ULID specification: 1469918176385 ms is 01ARYZ6S41."""
    at(1_469_918_176.385)

    assert ulid()[:10] == "01ARYZ6S41"
