"""The fuses of a job: deletions that wait for an administrator, of documents here or of records at the provider.

A job of both ways may have one of each; both are approved together.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from hub.core import clock
from hub.core.clock import DAY_S
from hub.sync.jobs import INBOUND, OUTBOUND

Json = dict[str, Any]

HERE, THERE = "fuse", "pushFuse"
# Which way the deletions would go that each one holds.
_WAYS = {HERE: INBOUND, THERE: OUTBOUND}
# An approval is a decision about what was seen then; it does not stay right for ever.
APPROVE_DAYS = 7


def made(count: int, documents: int, sample: Sequence[str], keep_days: int) -> Json:
    """Return a fuse that holds `count` deletions of `documents`, some of which are named."""
    until_s = clock.epoch_s() + min(APPROVE_DAYS, keep_days) * DAY_S
    return {"count": count, "documents": documents, "sample": list(sample), "approveUntil": clock.iso(until_s)}


def of(job: Mapping[str, Any]) -> list[Json]:
    """Return the blown fuses of a job, each with its direction; that of a pull stands first."""
    return [{**job[name], "direction": way} for name, way in _WAYS.items() if job.get(name)]


def count(job: Mapping[str, Any]) -> int:
    """Return how many deletions of a job wait."""
    return sum(fuse["count"] for fuse in of(job))
