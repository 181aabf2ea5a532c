"""The marks by which open work is found again."""

from collections import Counter
from collections.abc import Callable

import pytest

from hub.core import due
from hub.core.ids import new_id

FAMILIES = (due.EVENTS, due.DELIVERIES, due.INBOUND, due.JOBS, due.REDO, due.CONNECTIONS)


def test_mark_says_when_an_item_is_due() -> None:
    assert due.EVENTS.marks("evt_1", 1_782_900_000.5)["dueAt"] == "2026-07-01T10:00:00.500Z"


def test_item_is_always_in_the_same_shard() -> None:
    assert due.JOBS.marks("job_1", 1.0)["dueShard"] == due.JOBS.marks("job_1", 2.0)["dueShard"]


@pytest.mark.parametrize("family", FAMILIES, ids=lambda family: family.name)
def test_items_are_spread_over_all_shards_of_their_family(family: due.Family) -> None:
    found = Counter(family.marks(new_id("x"), 1.0)["dueShard"] for _ in range(2000))

    assert found.keys() == {f"{family.name}#{shard}" for shard in range(family.shards)}
    assert max(found.values()) < 2 * min(found.values())


def test_item_that_was_swept_says_since_when_it_is_due() -> None:
    swept = {"dueAt": "2026-07-01T10:06:00.000Z since 2026-07-01T10:00:00.000Z"}

    assert due.overdue_since(swept) == 1_782_900_000
    assert due.overdue_since({"dueAt": "2026-07-01T10:00:00.000Z"}) == 1_782_900_000


def test_item_that_was_swept_sorts_by_its_next_time() -> None:
    """The index is a range over texts."""
    times = [
        "2026-07-01T10:05:59.999Z",
        "2026-07-01T10:06:00.000Z",
        "2026-07-01T10:06:00.000Z since 2026-07-01T10:00:00.000Z",
        "2026-07-01T10:06:00.001Z",
    ]

    assert sorted(times) == times


@pytest.mark.parametrize(("wait_s", "delay_s"), [(-5, 0), (0, 0), (0.2, 1), (20, 20), (20.001, 21)])
def test_hint_never_comes_before_its_time(at: Callable[[float], None], wait_s: float, delay_s: int) -> None:
    """An early one changes nothing, and the next is minutes away."""
    at(1_782_900_000)

    assert due._delay_s(due.EVENTS.marks("x", 1_782_900_000 + wait_s)) == delay_s
