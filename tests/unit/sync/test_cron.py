"""When an expression of EventBridge Scheduler comes next: each local time once, in its time zone."""

from datetime import UTC, datetime

import pytest

from hub.integrations.instances import sync_frequency
from hub.sync.configs import cron
from hub.sync.configs.cron import cron_of


def times(expression: str, after: str, count: int, zone: str = "UTC") -> list[str]:
    """Return the next times in UTC, to the minute."""
    found, at = [], datetime.fromisoformat(f"{after}+00:00").timestamp()
    for _ in range(count):
        following = cron_of(expression, zone).after(at)
        if following is None:
            break
        at = following
        found.append(datetime.fromtimestamp(at, UTC).isoformat()[:16])
    return found


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ("0/20 * * * ? *", ["2026-03-01T00:20", "2026-03-01T00:40", "2026-03-01T01:00"]),
        ("0 9,17 * * ? *", ["2026-03-01T09:00", "2026-03-01T17:00", "2026-03-02T09:00"]),
        ("0 9 ? * MON-FRI *", ["2026-03-02T09:00", "2026-03-03T09:00", "2026-03-04T09:00"]),
        ("0 9 ? * 1 *", ["2026-03-01T09:00", "2026-03-08T09:00", "2026-03-15T09:00"]),
        ("0 0 L * ? *", ["2026-03-31T00:00", "2026-04-30T00:00", "2026-05-31T00:00"]),
        ("0 0 LW * ? *", ["2026-03-31T00:00", "2026-04-30T00:00", "2026-05-29T00:00"]),
        ("0 0 1W * ? *", ["2026-03-02T00:00", "2026-04-01T00:00", "2026-05-01T00:00"]),
        ("0 0 31 * ? *", ["2026-03-31T00:00", "2026-05-31T00:00", "2026-07-31T00:00"]),
        ("0 0 ? * 6L *", ["2026-03-27T00:00", "2026-04-24T00:00", "2026-05-29T00:00"]),
        ("0 0 ? * TUE#2 *", ["2026-03-10T00:00", "2026-04-14T00:00", "2026-05-12T00:00"]),
        ("0 0 ? * 2#5 *", ["2026-03-30T00:00", "2026-06-29T00:00", "2026-08-31T00:00"]),
        ("0 0 29 2 ? *", ["2028-02-29T00:00", "2032-02-29T00:00", "2036-02-29T00:00"]),
        ("0 0 1 JAN ? 2030-2031", ["2030-01-01T00:00", "2031-01-01T00:00"]),
        ("0 0 31 2 ? *", []),
        ("0 0 1 1 ? 2020", []),
    ],
)
def test_next_times_of(expression: str, expected: list[str]) -> None:
    assert times(expression, "2026-03-01T00:00", 3) == expected


def test_local_time_that_summer_time_leaves_out_is_skipped() -> None:
    assert times("30 2 * * ? *", "2026-03-28T00:00", 3, "Europe/Berlin") == [
        "2026-03-28T01:30",
        "2026-03-30T00:30",
        "2026-03-31T00:30",
    ]


def test_local_time_that_comes_twice_counts_once() -> None:
    assert times("30 2 * * ? *", "2026-10-24T12:00", 2, "Europe/Berlin") == ["2026-10-25T00:30", "2026-10-26T01:30"]


def test_time_zone_without_whole_hours() -> None:
    assert times("0 9 * * ? *", "2026-03-01T00:00", 1, "Asia/Kathmandu") == ["2026-03-01T03:15"]


def test_next_time_is_found_without_looking_at_the_whole_day_before(monkeypatch: pytest.MonkeyPatch) -> None:
    looked: list[float] = []

    class Counted(datetime):
        def timestamp(self) -> float:
            looked.append(0)
            return super().timestamp()

    monkeypatch.setattr(cron, "datetime", Counted)

    assert times("* * * * ? *", "2026-03-01T23:58", 1) == ["2026-03-01T23:59"]
    assert len(looked) < 250


@pytest.mark.parametrize("text", ["0 0 0W * ? *", "0 0 00W * ? *", "0 0 32W * ? *", "*/² * * * ? *", "0 0 ٣W * ? *"])
def test_expression_that_means_no_time_is_refused(text: str) -> None:
    assert sync_frequency.fault(f"cron({text})") is not None
    assert sync_frequency.fault("cron(0 0 31W * ? *)") is None
