"""A job whose calls the hub itself holds back: it is handed on without a failure and without using up a hop."""

from typing import Any

from hub.core import clock
from hub.core.attributes import Item
from hub.core.errors import HubError, UpstreamError
from hub.outbound.calls import Deferred

Json = dict[str, Any]

LEAST_WAIT_S = 1.0
# A job that cannot read a page for this long ends: its lock keeps every other sync of the entity out.
LONGEST_PAUSE_S = 24 * 3600
# A page was read.
OVER: Json = {"pausedSince": None}


def given_up(job: Item, error: HubError) -> HubError:
    """Return the error that ends a job which has been held back for too long, else the same error."""
    if not isinstance(error, Deferred) or clock.epoch_s() - _since_s(job) < LONGEST_PAUSE_S:
        return error
    hours = LONGEST_PAUSE_S // 3600
    return UpstreamError(f"No page could be read for {hours} hours; the last position is kept. {error.message}")


def wait_s(deferral: Deferred) -> float:
    return float(min(max(deferral.wait_s, LEAST_WAIT_S), LONGEST_PAUSE_S))


def begun(job: Item) -> Json:
    """Return a paused job's progress: when the pause began, and its hops without the one of this run."""
    return {"hops": max(0, job["hops"] - 1), "pausedSince": _since_s(job)}


def _since_s(job: Item) -> int:
    return int(job.get("pausedSince") or clock.epoch_s())
