"""Identifiers: a prefix that says what it names, and a ULID (https://github.com/ulid/spec), which sorts by time."""

import os

from hub.core import clock

_CROCKFORD = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"


def new_id(prefix: str) -> str:
    """Return for example `int_01JCZ8Y0M3V8T6W2Q9X4N5B7KD`."""
    return f"{prefix}_{ulid()}"


def ulid() -> str:
    value = int(clock.epoch_s() * 1000) << 80 | int.from_bytes(os.urandom(10), "big")
    return "".join(_CROCKFORD[value >> shift & 31] for shift in range(125, -1, -5))
