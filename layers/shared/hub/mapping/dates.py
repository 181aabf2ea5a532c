"""The transform `date`: reads a date or time in one format and writes it in another; impossible dates are refused.

A format is a name or a pattern.

- Names: ISO8601 (reads `2024-01-31` and every date-time of ISO 8601 but ordinal dates, writes
  `2024-01-31T00:00:00.000Z`), UNIX (seconds) and UNIX_MS (milliseconds), which write whole numbers, rounded down.
- Patterns: YYYY YY MMMM MMM (English) MM M DD D HH H hh h mm m ss s SSS A a Z (+02:00) ZZ (+0200) X (seconds)
  x (milliseconds), [literal text], T, and everything that is no letter. YY means 1969 to 2068. Reading takes MM as
  exactly two digits and M as one or two; Z and ZZ both take +02:00, +0200 and Z. What a pattern lacks is its lowest
  value: YYYY-MM is the first day of the month.

`timezone` (an IANA name, default UTC) is where readings without an offset belong and in which patterns are written;
ISO8601, UNIX and UNIX_MS are always written in UTC. A local time that a clock change repeats is the first one.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, timezone, tzinfo
from operator import attrgetter
from typing import Any

from hub.mapping.config import BadConfig, Config, Unfit, found

Read = Callable[[Any], datetime]
Write = Callable[[datetime], Any]

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MAX_DATE_CHARS = 100
MONTHS = ("January February March April May June July August September October November December").split()
SHORT_MONTHS = [month[:3] for month in MONTHS]


def date(config: Config) -> Callable[[Any], Any]:
    zone = _zone(config.text("timezone", "UTC"))
    reading, writing = config.text("inputFormat", "ISO8601"), config.text("outputFormat", "ISO8601")
    if (reading, writing, zone) == ("YYYY-MM-DD", "ISO8601", UTC):
        return _day_to_iso
    read, write = reader(reading, zone), writer(writing, zone)

    def convert(value: Any) -> Any:
        try:
            return write(read(value))
        except (ValueError, OverflowError) as cause:
            raise Unfit(f"expected a date as {reading}, found {found(value)}") from cause

    return convert


def _zone(name: str) -> tzinfo:
    if name == "UTC":
        return UTC
    from zoneinfo import ZoneInfo

    try:
        return ZoneInfo(name)
    except (KeyError, ValueError, OSError) as cause:
        raise BadConfig("/timezone", f"expected an IANA time zone such as 'Europe/Zurich', found {name!r}") from cause


def _day_to_iso(value: Any) -> str:
    """Do what the general way does for the commonest pair of formats, three times as fast."""
    try:
        if len(value) == 10 and value[4] == "-" == value[7]:
            datetime.fromisoformat(value)
            return f"{value}T00:00:00.000Z"
    except (TypeError, ValueError, IndexError, KeyError):
        pass
    raise Unfit(f"expected a date as YYYY-MM-DD, found {found(value)}")


# Reading


def reader(pattern: str, zone: tzinfo) -> Read:
    """Return what reads the format; it may raise ValueError and OverflowError, this raises BadConfig."""
    named = {"ISO8601": _iso_reader(zone), "UNIX": _epoch_reader("seconds"), "UNIX_MS": _epoch_reader("milliseconds")}
    return named.get(pattern) or _pattern_reader(_tokens(pattern, "/inputFormat"), zone)


def _iso_reader(zone: tzinfo) -> Read:
    def read(value: Any) -> datetime:
        if not isinstance(value, str):
            raise ValueError("not a text")
        moment = datetime.fromisoformat(value)
        return moment if moment.tzinfo else moment.replace(tzinfo=zone)

    return read


def _epoch_reader(unit: str) -> Read:
    def read(value: Any) -> datetime:
        if isinstance(value, str) and _EPOCH_TEXT.fullmatch(value):
            value = float(value)
        if isinstance(value, bool) or not isinstance(value, (int, float)):
            raise ValueError("not a number")
        return EPOCH + timedelta(**{unit: value})

    return read


_EPOCH_TEXT = re.compile(r"-?[0-9]{1,15}(?:\.[0-9]{1,9})?")


def _pattern_reader(tokens: list["Token | str"], zone: tzinfo) -> Read:
    fields = [token for token in tokens if isinstance(token, Token)]
    _check_fields([token.field for token in fields])
    shape = re.compile("".join(f"({t.shape})" if isinstance(t, Token) else re.escape(t) for t in tokens), re.ASCII)
    if all(token.field in _CLOCK and token.is_padded for token in fields):
        return _digits_reader(shape, [token.field for token in fields], zone)

    def read(value: Any) -> datetime:
        texts = _groups(shape, value)
        return _moment({t.field: t.read(text) for t, text in zip(fields, texts, strict=True)}, zone)

    return read


def _check_fields(fields: list[str]) -> None:
    if twice := [field for field in fields if fields.count(field) > 1]:
        raise BadConfig("/inputFormat", f"names the {twice[0]} twice")
    if not {"year", "seconds", "milliseconds"} & set(fields):
        raise BadConfig("/inputFormat", "expected ISO8601, UNIX, UNIX_MS or a pattern with a year such as YYYY-MM-DD")
    if ("hour12" in fields) != ("half" in fields):
        raise BadConfig("/inputFormat", "expected hh or h together with A or a")
    if {"hour", "hour12"} <= set(fields):
        raise BadConfig("/inputFormat", "names the hour twice")


def _groups(shape: re.Pattern[str], value: Any) -> tuple[str, ...]:
    match = shape.fullmatch(value) if isinstance(value, str) and len(value) <= MAX_DATE_CHARS else None
    if match is None:
        raise ValueError("another shape")
    return match.groups()


def _digits_reader(shape: re.Pattern[str], names: list[str], zone: tzinfo) -> Read:
    """Read two-digit fields and a year by putting them in ISO order: twice as fast as field by field."""
    order = [names.index(name) + 1 for name in _CLOCK if name in names]
    parts = ["%s" if name in names else f"{default:02d}" for name, default in _CLOCK.items()]
    is_utc = zone is UTC
    iso = "{}-{}-{}T{}:{}:{}".format(*parts) + ("+00:00" if is_utc else "")

    def read(value: Any) -> datetime:
        match = shape.fullmatch(value) if value.__class__ is str else None
        if match is None:
            raise ValueError("another shape")
        moment = datetime.fromisoformat(iso % match.group(*order))
        return moment if is_utc else moment.replace(tzinfo=zone)

    return read


def _moment(fields: dict[str, Any], zone: tzinfo) -> datetime:
    if "seconds" in fields or "milliseconds" in fields:
        return EPOCH + timedelta(seconds=fields.get("seconds", 0), milliseconds=fields.get("milliseconds", 0))
    clock = {name: fields.get(name, default) for name, default in _CLOCK.items()}
    if "hour12" in fields:
        clock["hour"] = _hour(fields["hour12"], fields["half"])
    clock["microsecond"] = fields.get("fraction", 0)
    return datetime(**clock, tzinfo=fields.get("offset", zone))


def _hour(hour12: int, half: str) -> int:
    if not 1 <= hour12 <= 12:
        raise ValueError("no hour of a twelve hour clock")
    return hour12 % 12 + (12 if half == "PM" else 0)


_CLOCK = {"year": 1970, "month": 1, "day": 1, "hour": 0, "minute": 0, "second": 0}


# Writing


def writer(pattern: str, zone: tzinfo) -> Write:
    """Return what writes the format, rounded down to what it can say; raises BadConfig."""
    if pattern == "YYYY-MM-DD":
        return lambda moment: (moment if moment.tzinfo is zone else moment.astimezone(zone)).date().isoformat()
    return _NAMED_WRITERS.get(pattern) or _pattern_writer(_tokens(pattern, "/outputFormat"), zone)


def _iso(moment: datetime) -> str:
    utc = moment if moment.tzinfo is UTC else moment.astimezone(UTC)
    return f"{utc.isoformat(timespec='milliseconds')[:-6]}Z"


def _epoch_ms(moment: datetime) -> int:
    return (moment - EPOCH) // timedelta(milliseconds=1)


_NAMED_WRITERS: dict[str, Write] = {
    "ISO8601": _iso,
    "UNIX": lambda moment: _epoch_ms(moment) // 1000,
    "UNIX_MS": _epoch_ms,
}


def _pattern_writer(tokens: list["Token | str"], zone: tzinfo) -> Write:
    fields = _values([token.write for token in tokens if isinstance(token, Token)])
    pattern = "".join(t.form if isinstance(t, Token) else t.replace("%", "%%") for t in tokens)
    return lambda moment: pattern % fields(moment if moment.tzinfo is zone else moment.astimezone(zone))


def _values(fields: list[str | Write]) -> Callable[[datetime], Any]:
    names = [field for field in fields if isinstance(field, str)]
    if len(names) == len(fields):
        return attrgetter(*names)
    calls = [attrgetter(field) if isinstance(field, str) else field for field in fields]
    return lambda moment: tuple([call(moment) for call in calls])


# Patterns


@dataclass(frozen=True)
class Token:
    """One field of a pattern: what it means, its shape as a regular expression, how to read and to write it."""

    field: str
    shape: str
    read: Callable[[str], Any]
    form: str
    write: str | Write  # an attribute of datetime or a function of it
    is_padded: bool = False


def _digits(field: str, write: str | Write, width: int = 2) -> tuple[Token, Token]:
    padded = Token(field, f"[0-9]{{{width}}}", int, f"%0{width}d", write, is_padded=True)
    return padded, Token(field, f"[0-9]{{1,{width}}}", int, "%d", write)


def _name(names: list[str]) -> Token:
    numbers = {name.lower(): number for number, name in enumerate(names, 1)}
    shape = "(?i:" + "|".join(names) + ")"
    return Token("month", shape, lambda text: numbers[text.lower()], "%s", lambda moment: names[moment.month - 1])


def _half(names: tuple[str, str]) -> Token:
    return Token("half", "(?i:AM|PM)", str.upper, "%s", lambda moment: names[moment.hour >= 12])


def _offset(separator: str) -> Token:
    def write(moment: datetime) -> str:
        minutes = (moment.utcoffset() or timedelta()) // timedelta(minutes=1)
        hours, rest = divmod(abs(minutes), 60)
        return f"{'-' if minutes < 0 else '+'}{hours:02d}{separator}{rest:02d}"

    return Token("offset", "Z|[+-][0-9]{2}:?[0-5][0-9]", _zone_at, "%s", write)


def _zone_at(text: str) -> tzinfo:
    if text == "Z":
        return UTC
    minutes = int(text[1:3]) * 60 + int(text[-2:])
    return timezone(timedelta(minutes=-minutes if text[0] == "-" else minutes))


def _two_digit_year(text: str) -> int:
    return int(text) + (1900 if int(text) > 68 else 2000)


_MONTH, _DAY = _digits("month", "month"), _digits("day", "day")
_HOUR, _HOUR12 = _digits("hour", "hour"), _digits("hour12", lambda moment: moment.hour % 12 or 12)
_MINUTE, _SECOND = _digits("minute", "minute"), _digits("second", "second")

TOKENS = {
    "YYYY": _digits("year", "year", width=4)[0],
    "YY": Token("year", "[0-9]{2}", _two_digit_year, "%02d", lambda moment: moment.year % 100),
    "MMMM": _name(MONTHS), "MMM": _name(SHORT_MONTHS), "MM": _MONTH[0], "M": _MONTH[1],
    "DD": _DAY[0], "D": _DAY[1],
    "HH": _HOUR[0], "H": _HOUR[1], "hh": _HOUR12[0], "h": _HOUR12[1],
    "mm": _MINUTE[0], "m": _MINUTE[1], "ss": _SECOND[0], "s": _SECOND[1],
    "SSS": Token("fraction", "[0-9]{3}", lambda text: int(text) * 1000, "%03d", lambda m: m.microsecond // 1000),
    "A": _half(("AM", "PM")), "a": _half(("am", "pm")),
    "Z": _offset(":"), "ZZ": _offset(""),
    "X": Token("seconds", r"-?[0-9]{1,12}(?:\.[0-9]{1,6})?", float, "%d", lambda m: _epoch_ms(m) // 1000),
    "x": Token("milliseconds", "-?[0-9]{1,15}", int, "%d", _epoch_ms),
}  # fmt: skip

_PART = re.compile(r"\[(?P<literal>[^\]]*)\]|(?P<letters>(?P<letter>[A-Za-z])(?P=letter)*)|(?P<other>.)", re.DOTALL)


def _tokens(pattern: str, pointer: str) -> list[Token | str]:
    parts = [_token(match, pointer) for match in _PART.finditer(pattern)]
    if len(pattern) > MAX_DATE_CHARS or not any(isinstance(part, Token) for part in parts):
        raise BadConfig(
            pointer, f"expected ISO8601, UNIX, UNIX_MS or a pattern such as YYYY-MM-DD, found {found(pattern)}"
        )
    return parts


def _token(match: re.Match[str], pointer: str) -> Token | str:
    letters = match["letters"]
    if letters is None:
        return match["literal"] if match["literal"] is not None else match["other"]
    if letters not in TOKENS and letters != "T":
        known = f"known are {' '.join(TOKENS)}; other text goes into [brackets]"
        raise BadConfig(pointer, f"unknown {letters!r} at character {match.start()}; {known}")
    return TOKENS.get(letters, letters)
