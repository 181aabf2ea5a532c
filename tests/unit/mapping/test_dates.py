from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hub.mapping.fields import FieldRule, MappingFailed, compile_rules


def rewritten(value: Any, reading: str = "ISO8601", writing: str = "ISO8601", zone: str = "UTC") -> Any:
    config = {"inputFormat": reading, "outputFormat": writing, "timezone": zone}
    return compile_rules([FieldRule("$", "out", "date", config)])(value)["out"]


@pytest.mark.parametrize(
    ("value", "reading", "iso"),
    [
        ("2024-01-31", "YYYY-MM-DD", "2024-01-31T00:00:00.000Z"),
        ("2024-01-31", "ISO8601", "2024-01-31T00:00:00.000Z"),
        ("2024-01-31T10:20:30.456Z", "ISO8601", "2024-01-31T10:20:30.456Z"),
        ("2024-01-31T10:20:30+02:00", "ISO8601", "2024-01-31T08:20:30.000Z"),
        ("31.1.2024", "D.M.YYYY", "2024-01-31T00:00:00.000Z"),
        ("01/31/2024", "MM/DD/YYYY", "2024-01-31T00:00:00.000Z"),
        ("31/01/24", "DD/MM/YY", "2024-01-31T00:00:00.000Z"),
        ("31/01/69", "DD/MM/YY", "1969-01-31T00:00:00.000Z"),
        ("Jan 5, 2024 1:07 pm", "MMM D, YYYY h:mm a", "2024-01-05T13:07:00.000Z"),
        ("12:00 AM 5 JANUARY 2024", "hh:mm A D MMMM YYYY", "2024-01-05T00:00:00.000Z"),
        ("20240131102030", "YYYYMMDDHHmmss", "2024-01-31T10:20:30.000Z"),
        ("2024-01-31T10:20:30.456-0530", "YYYY-MM-DDTHH:mm:ss.SSSZZ", "2024-01-31T15:50:30.456Z"),
        ("2024-01-31T10:20:30Z", "YYYY-MM-DDTHH:mm:ssZ", "2024-01-31T10:20:30.000Z"),
        ("Year 2024", "[Year] YYYY", "2024-01-01T00:00:00.000Z"),
        ("2024", "YYYY", "2024-01-01T00:00:00.000Z"),
        ("2024 7", "YYYY H", "2024-01-01T07:00:00.000Z"),
        (1706696430, "UNIX", "2024-01-31T10:20:30.000Z"),
        (1706696430.456, "UNIX", "2024-01-31T10:20:30.456Z"),
        ("1706696430", "UNIX", "2024-01-31T10:20:30.000Z"),
        (1706696430456, "UNIX_MS", "2024-01-31T10:20:30.456Z"),
        (-1, "UNIX", "1969-12-31T23:59:59.000Z"),
        ("1706696430", "X", "2024-01-31T10:20:30.000Z"),
        ("1706696430456", "x", "2024-01-31T10:20:30.456Z"),
    ],
)
def test_date_reads_a_format(value: Any, reading: str, iso: str) -> None:
    assert rewritten(value, reading) == iso


@pytest.mark.parametrize(
    ("writing", "result"),
    [
        ("YYYY-MM-DD", "2024-01-05"),
        ("YYYY-DD-MM", "2024-05-01"),
        ("D.M.YY", "5.1.24"),
        ("MMM D, YYYY h:mm A", "Jan 5, 2024 1:07 PM"),
        ("MMMM hh:mm:ss a", "January 01:07:09 pm"),
        ("YYYY-MM-DDTHH:mm:ss.SSSZ", "2024-01-05T13:07:09.045+00:00"),
        ("H m s ZZ", "13 7 9 +0000"),
        ("[at 100%] YYYY", "at 100% 2024"),
        ("X", "1704460029"),
        ("x", "1704460029045"),
        ("UNIX", 1704460029),
        ("UNIX_MS", 1704460029045),
        ("ISO8601", "2024-01-05T13:07:09.045Z"),
    ],
)
def test_date_writes_a_format(writing: str, result: Any) -> None:
    assert rewritten("2024-01-05T13:07:09.045Z", writing=writing) == result


@pytest.mark.parametrize(
    ("value", "reading", "writing", "result"),
    [
        ("2024-01-31 10:00", "YYYY-MM-DD HH:mm", "ISO8601", "2024-01-31T09:00:00.000Z"),
        ("2024-07-31T10:00:00", "ISO8601", "ISO8601", "2024-07-31T08:00:00.000Z"),
        ("2024-01-31", "YYYY-MM-DD", "ISO8601", "2024-01-30T23:00:00.000Z"),
        ("2024-01-31", "YYYY-MM-DD", "DD.MM.YYYY", "31.01.2024"),
        ("2024-01-31T23:30:00Z", "ISO8601", "YYYY-MM-DD", "2024-02-01"),
        (0, "UNIX", "YYYY-MM-DD HH:mm Z", "1970-01-01 01:00 +01:00"),
        ("2024-10-27 02:30", "YYYY-MM-DD HH:mm", "ISO8601", "2024-10-27T00:30:00.000Z"),
    ],
)
def test_date_reads_and_writes_in_its_time_zone(value: Any, reading: str, writing: str, result: str) -> None:
    assert rewritten(value, reading, writing, "Europe/Zurich") == result


@pytest.mark.parametrize(
    ("value", "reading"),
    [
        ("2023-02-30", "YYYY-MM-DD"),
        ("2023-02-29", "YYYY-MM-DD"),
        ("2024-13-01", "YYYY-MM-DD"),
        ("2024-1-1", "YYYY-MM-DD"),
        ("20240131", "YYYY-MM-DD"),
        ("2024-W05-3", "YYYY-MM-DD"),
        ("2024-01-31T00:00", "YYYY-MM-DD"),
        ("٢٠٢٤-01-31", "YYYY-MM-DD"),
        (20240131, "YYYY-MM-DD"),
        (["2"] * 10, "YYYY-MM-DD"),
        (["2", "0", "2", "4", "-", "0", "1", "-", "0", "1"], "YYYY-MM-DD"),
        ({"a": 1}, "YYYY-MM-DD"),
        ("2023-02-30", "ISO8601"),
        ("30.02.2023", "DD.MM.YYYY"),
        ("29.2.2023", "D.M.YYYY"),
        ("1.13.2023", "D.M.YYYY"),
        ("2023-02-28 24:00", "YYYY-MM-DD HH:mm"),
        ("2023-02-28 10:60", "YYYY-MM-DD HH:mm"),
        ("2023-02-28 13:00 PM", "YYYY-MM-DD hh:mm A"),
        ("2023-02-28 +25:00", "YYYY-MM-DD Z"),
        ("0000-01-01", "YYYY-MM-DD"),
        ("Foo 1 2024", "MMM D YYYY"),
        ("yesterday", "ISO8601"),
        (1706696430, "ISO8601"),
        (True, "UNIX"),
        ("abc", "UNIX"),
        (float("nan"), "UNIX"),
        (10**20, "UNIX"),
        ("0001-01-01T00:00:00+10:00", "ISO8601"),
    ],
)
def test_date_refuses_what_is_not_in_the_calendar_or_the_format(value: Any, reading: str) -> None:
    with pytest.raises(MappingFailed, match="expected a date as"):
        rewritten({"d": value}["d"], reading)


moments = st.datetimes(datetime(1970, 1, 1), datetime(2068, 12, 31)).map(
    lambda moment: moment.replace(microsecond=moment.microsecond // 1000 * 1000, tzinfo=UTC)
)


@given(moments, st.sampled_from(["UNIX_MS", "x", "YYYY-MM-DDTHH:mm:ss.SSSZ", "MMMM D, YY hh:mm:ss.SSS a ZZ"]))
def test_date_comes_back_from_every_exact_format(moment: datetime, pattern: str) -> None:
    iso = rewritten(moment.isoformat())

    assert rewritten(rewritten(iso, writing=pattern), reading=pattern) == iso


@given(st.dates())
def test_short_way_for_days_agrees_with_the_general_one(day: Any) -> None:
    assert rewritten(day.isoformat(), "YYYY-MM-DD") == rewritten(day.isoformat(), "ISO8601")
