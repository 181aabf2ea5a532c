"""The transform `number`; its config is described in `hub.mapping.transforms`."""

import math
import re
from collections.abc import Callable
from typing import Any

from hub.mapping.config import BadConfig, Config, Unfit, found

Number = int | float

MAX_NUMBER_CHARS = 300  # so many digits are still a finite double


def number(config: Config) -> Callable[[Any], Any]:
    decimal, thousands = _separators(config)
    read = _reader(decimal, thousands)
    if not config.flag("integer"):
        return read
    return lambda value: _whole(read(value))


def _separators(config: Config) -> tuple[str, str]:
    decimal = config.text("decimalSeparator", ".")
    thousands = config.text("thousandsSeparator", "." if decimal == "," else ",")
    _check_separator("/decimalSeparator", decimal, shortest=1)
    _check_separator("/thousandsSeparator", thousands, shortest=0)
    if decimal == thousands:
        raise BadConfig("/thousandsSeparator", f"{thousands!r} is already the decimal separator")
    return decimal, thousands


def _check_separator(pointer: str, separator: str, shortest: int) -> None:
    if not shortest <= len(separator) <= 1 or separator.isalnum() or separator in ("+", "-"):
        raise BadConfig(pointer, f"expected one character that is no letter, digit or sign, found {separator!r}")


def _reader(decimal: str, thousands: str) -> Callable[[Any], Number]:
    point, comma = re.escape(decimal), re.escape(thousands)
    groups = rf"[0-9]{{1,3}}(?:{comma}[0-9]{{2,3}})*{comma}[0-9]{{3}}|" if thousands else ""
    shape = re.compile(rf"\s*[+-]?(?:{groups}[0-9]+)({point}[0-9]*)?([eE][+-]?[0-9]+)?\s*")

    def read(value: Any) -> Number:
        if not isinstance(value, str):
            return _checked(value)
        match = shape.fullmatch(value) if len(value) <= MAX_NUMBER_CHARS else None
        if match is None:
            raise Unfit(f"expected a number, found {found(value)}")
        text = value.replace(thousands, "") if thousands else value
        if not match.lastindex:
            return int(text)
        number = float(text if decimal == "." else text.replace(decimal, "."))
        return number if match.lastindex == 1 else _checked(number)

    return read


def _checked(value: Any) -> Number:
    if (
        isinstance(value, bool)
        or not isinstance(value, (int, float))
        or (isinstance(value, float) and not math.isfinite(value))
    ):
        raise Unfit(f"expected a number, found {found(value)}")
    return value


def _whole(value: Number) -> int:
    if isinstance(value, float) and not value.is_integer():
        raise Unfit(f"expected a whole number, found {value!r}")
    return int(value)
