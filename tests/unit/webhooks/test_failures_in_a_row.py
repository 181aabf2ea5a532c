"""Failures in a row are counted by their names, so that nothing counts twice."""

from typing import Any

from hub.webhooks.deliveries.failures import in_a_row

LATE = "2026-01-01T10:00:00.000Z"


def item(*entries: str, **more: Any) -> dict[str, Any]:
    return {"failed": set(entries), **more}


def test_nothing_noted_is_no_failure() -> None:
    assert in_a_row(None, None).count == 0
    assert in_a_row({}, LATE).since is None


def test_attempt_that_was_noted_twice_counts_once() -> None:
    """A worker may die between noting and recording; its attempt gets the same number again."""
    found = in_a_row(item("2026-01-01T09:00:00.000Z dlv_1#1", "2026-01-01T09:01:00.000Z dlv_1#1"), None)

    assert found.count == 1


def test_only_what_came_after_the_last_success_counts() -> None:
    noted = item(
        "2026-01-01T09:00:00.000Z dlv_1#1", "2026-01-01T10:00:00.000Z dlv_2#1", "2026-01-01T10:00:00.001Z dlv_3#1"
    )

    found = in_a_row(noted, LATE)

    assert (found.count, found.since) == (1, "2026-01-01T10:00:00.001Z")


def test_what_came_before_the_subscription_was_switched_on_again_does_not_count() -> None:
    assert in_a_row(item("2026-01-01T09:00:00.000Z dlv_1#1", clearedAt=LATE), None).count == 0
