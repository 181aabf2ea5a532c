"""Stops the syncs of an integration that is deleted or paused: each ends within one page, what was stored stays."""

from hub.core.attributes import Item
from hub.core.journal import Change
from hub.sync import jobs
from hub.sync.starts import locks


def stop(change: Change, integration_id: str) -> None:
    """Add the cancellation of the integration's open jobs to `change`."""
    for job in locks.holders(change.tables, change.caller.tenant, integration_id):
        if job["status"] in jobs.OPEN:
            jobs.cancel(change, job)


def stop_when_paused(change: Change, before: Item, after: Item) -> None:
    """Add the same where a change of the integration pauses it."""
    if after["status"] == "paused" and before["status"] != "paused":
        stop(change, after["sk"])
