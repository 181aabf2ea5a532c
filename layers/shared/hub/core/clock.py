"""The only clock of the hub: everything that decides by time asks here, so that a test can set it."""

import time
from collections.abc import Callable
from datetime import UTC, datetime

DAY_S = 86_400

_source: Callable[[], float] = time.time


def use(source: Callable[[], float] | None) -> None:
    """Take the time (epoch seconds) from `source`; None returns to the real clock."""
    global _source
    _source = source or time.time


def epoch_s() -> float:
    return _source()


def epoch_ms() -> int:
    return int(_source() * 1000)


def now() -> str:
    return iso(_source())


def iso(at_epoch_s: float) -> str:
    """Return ISO 8601 in UTC with milliseconds; such texts sort as the times do."""
    return datetime.fromtimestamp(at_epoch_s, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def epoch_of(text: str) -> float:
    """Return the epoch seconds of an ISO 8601 time that the hub itself wrote."""
    return datetime.fromisoformat(text).timestamp()
