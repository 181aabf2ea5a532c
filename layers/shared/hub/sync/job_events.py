"""What the hub says of its syncs: `sync.started`, `sync.completed` and `sync.failed`, once for each job.

Each is written in the transaction of what it tells of. Source of the payloads: the specification of the freight
platform (S004, "Events to Publish"); the hub adds which integration and what it was asked for.
"""

from typing import Any

from hub.core import events
from hub.core.attributes import Item
from hub.core.caller import Tenant

Json = dict[str, Any]


def started(job: Item, keep_days: int) -> Item:
    """Return the event of a job that begins to exist; its id is the job's, so that whoever knows the job knows it."""
    name = str(job["sk"]).replace("job_", "evt_", 1)
    return events.new(Tenant.of_item(job), "sync.started", _facts(job), keep_days, event_id=name)


def ended(job: Item, status: str, message: str, counters: Json, keep_days: int) -> Item:
    """Return the event of a job that has ended: completed with its counters, else failed with the reason."""
    if status == "COMPLETED":
        return events.new(Tenant.of_item(job), "sync.completed", {**_facts(job), "stats": counters}, keep_days)
    return events.new(Tenant.of_item(job), "sync.failed", {**_facts(job), "error": message}, keep_days)


def deletes_held(job: Item, fuse: Json, keep_days: int) -> Item:
    """Return the event of deletions that wait for an approval: how many there are, some of them, and which way."""
    told = {name: fuse[name] for name in ("count", "sample", "approveUntil", "direction")}
    return events.new(Tenant.of_item(job), "sync.deletes_held", {**_facts(job), **told}, keep_days)


def conflicts(job: Item, keep_days: int) -> Item:
    """Return the event of a job that left conflicts which no rule decides; the inbox has them."""
    return events.new(Tenant.of_item(job), "sync.conflict", {**_facts(job), "count": job["conflicts"]}, keep_days)


def _facts(job: Item) -> Json:
    return {"jobId": job["sk"], "integrationId": job["integrationId"], "entityType": job["entityType"]}
