"""Slots: counted from an anchor or by an expression, begun a little late, and caught up with once."""

import pytest

from hub.sync.configs.schedules import MOST_MISSED, Schedule, part_of, turn

ANCHOR_S = 1_800_000_000.0


def every(seconds: int, part: float = 0.0) -> Schedule:
    return Schedule({"everyS": seconds}, ANCHOR_S, part)


def cron(expression: str, part: float = 0.0) -> Schedule:
    return Schedule({"cron": expression, "timeZone": "UTC"}, ANCHOR_S, part)


def test_interval_begins_at_once_and_an_expression_at_its_time() -> None:
    assert every(300).first() == ANCHOR_S
    assert cron("0 * * * ? *").first() == ANCHOR_S + 3600  # the anchor is on the hour


def test_slots_of_an_interval_are_counted_from_the_anchor() -> None:
    assert [every(300).after(ANCHOR_S + late_s) for late_s in (-1, 0, 299.5, 300)] == [
        ANCHOR_S,
        ANCHOR_S + 300,
        ANCHOR_S + 300,
        ANCHOR_S + 600,
    ]


@pytest.mark.parametrize(
    ("schedule", "late_s"),
    [
        (every(60, 0.99), 5),
        (every(300, 0.5), 15),
        (every(86_400, 0.999), 299),
        (every(86_400, 0.0), 0),
        (cron("0 * * * ? *", 0.5), 150),
        (cron("0 0 1 1 ? 2030", 0.5), 150),
    ],
)
def test_slot_begins_late_by_a_tenth_at_most_and_five_minutes_at_most(schedule: Schedule, late_s: int) -> None:
    assert schedule.due_at(ANCHOR_S) == ANCHOR_S + late_s


def test_part_of_a_name_is_always_the_same_and_differs_from_others() -> None:
    parts = {part_of(f"tenant-{number}/scf_1") for number in range(100)}

    assert part_of("a/b") == part_of("a/b")
    assert len(parts) == 100
    assert all(0 <= part < 1 for part in parts)


@pytest.mark.parametrize(
    ("late_s", "missed", "next_s"),
    [(0, 0, 300), (299, 0, 300), (300, 1, 600), (899, 2, 900), (3000, 10, 3300)],
)
def test_turn_covers_what_has_passed(late_s: int, missed: int, next_s: int) -> None:
    found = turn(every(300), ANCHOR_S, ANCHOR_S + late_s)

    assert (found.slot_s, found.missed, found.next_s) == (ANCHOR_S, missed, ANCHOR_S + next_s)


def test_next_slot_is_always_ahead_however_long_nobody_looked() -> None:
    late_s = 400 * 86_400.0
    for schedule in (every(60, 0.9), cron("* * * * ? *", 0.9)):
        found = turn(schedule, ANCHOR_S, ANCHOR_S + late_s)

        assert found.missed == MOST_MISSED
        assert found.next_s is not None
        assert ANCHOR_S + late_s < schedule.due_at(found.next_s) <= ANCHOR_S + late_s + 66


def test_last_slot_of_an_expression_has_none_behind_it() -> None:
    only = cron("0 0 1 1 ? 2030")
    slot_s = only.first()

    assert slot_s is not None
    assert turn(only, slot_s, slot_s + 60).next_s is None
