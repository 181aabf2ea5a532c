"""When a cron expression of EventBridge Scheduler comes next: six fields, in a time zone.

Each local time counts once: one that daylight saving time leaves out is skipped, one that it repeats is the first.
Source: https://docs.aws.amazon.com/scheduler/latest/UserGuide/schedule-types.html
"""

from calendar import monthrange
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from functools import lru_cache
from itertools import islice
from zoneinfo import ZoneInfo

_MONTHS = {name: number for number, name in enumerate("JAN FEB MAR APR MAY JUN JUL AUG SEP OCT NOV DEC".split(), 1)}
_DAYS = {name: number for number, name in enumerate("SUN MON TUE WED THU FRI SAT".split(), 1)}
ANY = "?"
# Every day of a month is on every day of the week within so many years, also where 29 February is meant.
YEARS_AHEAD = 40
# An hour that began so long ago is over, also where daylight saving time ends within it.
PASSED_S = 2 * 3600
FIRST_YEAR, LAST_YEAR = 1970, 2199


@dataclass(frozen=True)
class Cron:
    """A checked expression (see `sync_frequency.fault`), its numbers as sets."""

    minutes: tuple[int, ...]
    hours: tuple[int, ...]
    days: str
    months: frozenset[int]
    weekdays: str
    years: frozenset[int]
    zone: ZoneInfo

    def after(self, epoch_s: float) -> float | None:
        """Return the first time behind this one (epoch seconds); None where there is none."""
        return next(self._times(epoch_s), None)

    def _times(self, epoch_s: float) -> Iterator[float]:
        """Yield the times behind this one, in their order."""
        # A time that is repeated may lie before: the day before is looked at too.
        first = datetime.fromtimestamp(epoch_s, self.zone).date() - timedelta(days=1)
        for day in self._dates(first):
            for hour in self.hours:
                began = datetime(day.year, day.month, day.day, hour, tzinfo=self.zone)
                if began.timestamp() >= epoch_s - PASSED_S:
                    yield from self._times_of(began, epoch_s)

    def _times_of(self, began: datetime, epoch_s: float) -> Iterator[float]:
        """Yield the times of an hour that lie behind this time."""
        for minute in self.minutes:
            at = began.replace(minute=minute).timestamp()
            if at > epoch_s:
                local = datetime.fromtimestamp(at, self.zone)
                if (local.day, local.hour, local.minute) == (began.day, began.hour, minute):
                    yield at

    def _dates(self, first: date) -> Iterator[date]:
        years = (year for year in range(first.year, LAST_YEAR + 1) if year in self.years)
        for year in islice(years, YEARS_AHEAD):
            for month in sorted(self.months):
                if (year, month) < (first.year, first.month):
                    continue
                for day in sorted(self._days_of(year, month)):
                    found = date(year, month, day)
                    if found >= first:
                        yield found

    def _days_of(self, year: int, month: int) -> set[int]:
        return _days(self.days, year, month) if self.weekdays == ANY else _weekdays(self.weekdays, year, month)


@lru_cache(maxsize=512)
def cron_of(text: str, time_zone: str = "UTC") -> Cron:
    """Return the expression `0 9 ? * MON-FRI *`, which was checked before."""
    minutes, hours, days, months, weekdays, years = text.upper().split()
    return Cron(
        tuple(sorted(_numbers(minutes, 0, 59))),
        tuple(sorted(_numbers(hours, 0, 23))),
        days,
        frozenset(_numbers(months, 1, 12, _MONTHS)),
        weekdays,
        frozenset(_numbers(years, FIRST_YEAR, LAST_YEAR)),
        ZoneInfo(time_zone),
    )


def _numbers(text: str, least: int, most: int, words: dict[str, int] | None = None) -> set[int]:
    """Return the numbers of `*`, `5`, `1-5`, `*/15`, `10/20` (from 10 on) and lists of them."""
    found: set[int] = set()
    for item in text.split(","):
        span, slash, step = item.partition("/")
        first, dash, last = span.partition("-")
        low = least if first == "*" else _number(first, words)
        high = _number(last, words) if dash else (most if first == "*" or slash else low)
        found |= set(range(low, high + 1, int(step or 1)))
    return found


def _number(text: str, words: dict[str, int] | None) -> int:
    return (words or {}).get(text) or int(text)


def _days(text: str, year: int, month: int) -> set[int]:
    """Return the days of the month; `L` is the last, `LW` the last weekday, `15W` the weekday nearest to the 15th."""
    last = monthrange(year, month)[1]
    if text == "L":
        return {last}
    if text == "LW":
        return {_nearest_weekday(year, month, last)}
    if text.endswith("W"):
        day = int(text[:-1])
        return {_nearest_weekday(year, month, day)} if day <= last else set()
    return {day for day in _numbers(text, 1, 31) if day <= last}


def _nearest_weekday(year: int, month: int, day: int) -> int:
    """Return the Monday to Friday that is nearest, in the same month."""
    weekday, last = date(year, month, day).weekday(), monthrange(year, month)[1]
    if weekday == 5:
        return day - 1 if day > 1 else day + 2
    if weekday == 6:
        return day + 1 if day < last else day - 2
    return day


def _weekdays(text: str, year: int, month: int) -> set[int]:
    """Return the days on which a weekday falls; `6L` is the last Friday, `3#2` the second Tuesday, `L` Saturdays."""
    if "#" in text:
        name, _, count = text.partition("#")
        return set(_falling(year, month, {_number(name, _DAYS)})[int(count) - 1 : int(count)])
    if text.endswith("L") and text != "L":
        return set(_falling(year, month, {_number(text[:-1], _DAYS)})[-1:])
    wanted = {7} if text == "L" else _numbers(text, 1, 7, _DAYS)
    return set(_falling(year, month, wanted))


def _falling(year: int, month: int, wanted: set[int]) -> list[int]:
    """Return the days of the month that are one of these weekdays, 1 = Sunday."""
    days = range(1, monthrange(year, month)[1] + 1)
    return [day for day in days if date(year, month, day).isoweekday() % 7 + 1 in wanted]


def gap_s(cron: Cron, epoch_s: float) -> float:
    """Return how far the time behind this one is from it; 0 where there is none."""
    following = cron.after(epoch_s)
    return 0.0 if following is None else following - epoch_s
