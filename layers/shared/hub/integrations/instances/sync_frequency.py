"""How often an integration is to be synced: milliseconds, `rate(5 minutes)`, `cron(0 9 ? * MON-FRI *)`, hourly, daily.

Rates and cron expressions are those of EventBridge Scheduler: six fields, `?` in one of the two day fields.
Source: https://docs.aws.amazon.com/scheduler/latest/UserGuide/schedule-types.html
"""

import re
from collections.abc import Mapping
from typing import Any

Json = dict[str, Any]

LEAST_MS = 60_000
MOST_MS = 366 * 24 * 3600 * 1000
WORDS = {"hourly": "0 * * * ? *", "daily": "0 0 * * ? *"}
_RATE = re.compile(r"rate\(([0-9]{1,6}) (minute|hour|day)s?\)")
_CRON = re.compile(r"cron\(([^()]{11,200})\)")
_UNIT_MS = {"minute": 60_000, "hour": 3_600_000, "day": 86_400_000}
_MONTHS = "JAN FEB MAR APR MAY JUN JUL AUG SEP OCT NOV DEC".split()
_DAYS = "SUN MON TUE WED THU FRI SAT".split()
# Of each field: its name, the least and the greatest number, the words for them (the first is the least).
_FIELDS: tuple[tuple[str, int, int, list[str]], ...] = (
    ("minutes", 0, 59, []),
    ("hours", 0, 23, []),
    ("day of month", 1, 31, []),
    ("month", 1, 12, _MONTHS),
    ("day of week", 1, 7, _DAYS),
    ("year", 1970, 2199, []),
)
_SPECIAL: Mapping[str, re.Pattern[str]] = {
    "day of month": re.compile(r"\?|L|LW|(0?[1-9]|[12][0-9]|3[01])W"),
    "day of week": re.compile(r"\?|L|[1-7]L|[1-7]#[1-5]|(SUN|MON|TUE|WED|THU|FRI|SAT)(L|#[1-5])"),
}
_EXPECTED = "expected milliseconds (60000 or more), rate(5 minutes), cron(0 9 ? * MON-FRI *), hourly or daily"


def fault(wanted: str | int) -> str | None:
    """Say what is wrong with a frequency; None where it is one."""
    if isinstance(wanted, int) or (wanted.isascii() and wanted.isdigit()):
        return _fault_of_ms(str(wanted))
    if wanted in WORDS:
        return None
    if (rate := _RATE.fullmatch(wanted)) is not None:
        return _fault_of_ms(str(int(rate[1]) * _UNIT_MS[rate[2]]))
    if (cron := _CRON.fullmatch(wanted)) is not None:
        return _fault_of_cron(cron[1])
    return _EXPECTED


def schedule_of(wanted: str | int, time_zone: str = "UTC") -> Json:
    """Return a frequency without fault as `{"everyS": 300}` or `{"cron": "0 9 ? * MON-FRI *", "timeZone": "UTC"}`."""
    text = str(wanted)
    if text.isdigit():
        return {"everyS": int(text) // 1000}
    if (rate := _RATE.fullmatch(text)) is not None:
        return {"everyS": int(rate[1]) * _UNIT_MS[rate[2]] // 1000}
    cron = _CRON.fullmatch(text)
    return {"cron": WORDS.get(text) or (cron[1] if cron else ""), "timeZone": time_zone}


def _fault_of_ms(text: str) -> str | None:
    if len(text) <= 12 and LEAST_MS <= int(text) <= MOST_MS:
        return None
    return f"expected {LEAST_MS} to {MOST_MS} milliseconds between two syncs"


def _fault_of_cron(text: str) -> str | None:
    parts = text.split()
    if len(parts) != len(_FIELDS):
        return f"expected a cron expression of {len(_FIELDS)} fields, found {len(parts)}"
    if (parts[2] == "?") == (parts[4] == "?"):
        return "expected ? for either the day of month or the day of week, and not for both"
    for part, (name, least, most, words) in zip(parts, _FIELDS, strict=True):
        if not _is_field(part.upper(), name, (least, most), words):
            return f"expected {least} to {most} for {name}, as *, 1, 1,2, 1-5 or */2; found {part[:20]!r}"
    return None


def _is_field(text: str, name: str, bounds: tuple[int, int], words: list[str]) -> bool:
    special = _SPECIAL.get(name)
    if special is not None and special.fullmatch(text):
        return True
    return all(_is_item(item, bounds, words) for item in text.split(","))


def _is_item(text: str, bounds: tuple[int, int], words: list[str]) -> bool:
    """Say whether a text is `*`, a number, a range, or one of them with a step."""
    span, slash, step = text.partition("/")
    if slash and not (step.isascii() and step.isdigit() and len(step) <= 4 and 1 <= int(step) <= bounds[1]):
        return False
    first, dash, last = span.partition("-")
    ends = [first, last] if dash else [first]
    if ends == ["*"]:
        return True
    numbers = [_number(end, bounds[0], words) for end in ends]
    found = [number for number in numbers if number is not None and bounds[0] <= number <= bounds[1]]
    return len(found) == len(ends) and found == sorted(found)


def _number(text: str, least: int, words: list[str]) -> int | None:
    if text in words:
        return words.index(text) + least
    return int(text) if text.isascii() and text.isdigit() and len(text) <= 4 else None
