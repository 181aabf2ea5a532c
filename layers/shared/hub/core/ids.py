"""Identifiers: a prefix that says what it names, and a ULID (https://github.com/ulid/spec), which sorts by time."""

import hashlib
import os

from hub.core import clock

_CROCKFORD = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"


def new_id(prefix: str) -> str:
    """Return for example `int_01JCZ8Y0M3V8T6W2Q9X4N5B7KD`."""
    return f"{prefix}_{ulid()}"


def stable_id(prefix: str, epoch_s: float, name: str) -> str:
    """Return the id that a thing of this time and name always has."""
    digest = hashlib.sha256(name.encode()).digest()
    return f"{prefix}_{time_part(epoch_s)}{_text(int.from_bytes(digest[:10], 'big'), 80)}"


def hashed_id(prefix: str, name: str) -> str:
    """Return the id that a thing of this name always has; it tells no time."""
    digest = hashlib.sha256(name.encode()).digest()
    return f"{prefix}_{_text(int.from_bytes(digest[:17], 'big') >> 6, 130)}"


def ulid() -> str:
    return time_part(clock.epoch_s()) + _text(int.from_bytes(os.urandom(10), "big"), 80)


def time_part(epoch_s: float) -> str:
    """Return what every ULID of this millisecond begins with, its first ten characters."""
    return _text(int(epoch_s * 1000), 50)


def _text(value: int, bits: int) -> str:
    return "".join(_CROCKFORD[value >> shift & 31] for shift in range(bits - 5, -1, -5))
