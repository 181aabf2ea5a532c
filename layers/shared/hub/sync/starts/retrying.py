"""A job that goes on where a failed or cancelled one ended, and the jobs of an integration, among which it stands."""

from dataclasses import asdict

from hub.core import clock, due
from hub.core.attributes import Item
from hub.core.caller import Tenant
from hub.core.errors import Conflict
from hub.core.ids import new_id
from hub.core.journal import Change
from hub.core.tables import Tables, key
from hub.sync import jobs
from hub.sync.jobs import OPEN, Counters, expiry

# Where going on at the last position would fail in the same way.
_STUCK = ("repeated_page",)
_OF_THE_END = frozenset({"completedAt", "stopReason", "pausedSince", "samples", "deletesKept"})


def again(change: Change, former: Item) -> Item:
    """Return a pending job that goes on where a failed or cancelled one ended; raises Conflict for any other.

    It has all that the former one kept for its phases, but counts for itself. It began when the former one did: what
    changed since then is asked for by the next sync.
    """
    if former["status"] in OPEN or former["status"] == "COMPLETED":
        raise Conflict(f"Only a failed or a cancelled job can be retried; this one is {former['status']}.")
    job_id, now = new_id("job"), clock.epoch_s()
    fresh = {
        **key(change.caller.tenant, "job", job_id),
        "status": "PENDING",
        "createdAt": clock.iso(now),
        "createdBy": change.caller.actor,
        "counters": asdict(Counters()),
        "errors": [],
        "samples": {},
        "fence": 0,
        "owner": "",
        "leaseUntil": 0,
        "nextAttemptAt": 0,
        "hops": 0,
        "retryOf": former["sk"],
        **due.JOBS.marks(job_id, now + due.GRACE_S),
        "expiresEpochS": expiry(change.keep_days),
    }
    if former.get("stopReason") in _STUCK:
        fresh |= {"position": None, "page": 0}
    return {name: value for name, value in {**former, **fresh}.items() if name not in _OF_THE_END}


def newest(tables: Tables, tenant: Tenant, integration_id: str, limit: int, after: str | None) -> list[Item]:
    """Return up to `limit` jobs of an integration that began to exist before the job `after`, newest first."""
    bounds = {"pk": jobs.listing_partition(tenant, integration_id), "after": after or "~"}
    found = tables.activity.query("pk = :pk AND sk < :after", bounds, limit=limit, newest_first=True)
    found_jobs = tables.activity.batch_get([key(tenant, "job", each["sk"]) for each in found.items])
    return sorted(found_jobs, key=lambda job: str(job["sk"]), reverse=True)
