"""A provider that takes a batch as a job of its own: what is noted of it until it has ended, and what it counts as."""

from typing import Any

from hub.connector.batches import BatchResult, JobStatus
from hub.core import clock
from hub.core.attributes import Item
from hub.sync.jobs import Counters

Json = dict[str, Any]

LEAST_WAIT_S, MOST_WAIT_S = 5.0, 60.0
REFUSED = "PROVIDER_JOB"
_WRITTEN = ("created", "updated", "written")


def of(job: Item) -> Json | None:
    """Return what a job has noted of the provider's one; another job's, which this one repeats, is none of its own."""
    found: Json | None = job.get("remoteJob")
    return found if found is not None and found["jobId"] == job["sk"] else None


def begun(job: Item, result: BatchResult, until: str, new: int) -> Json:
    """Return what a job notes of the provider's one, which got `new` records that were not linked before."""
    return {
        "id": result.job_id,
        "jobId": job["sk"],
        "until": until,
        "sent": len(result.results),
        "new": new,
        "sentAt": clock.now(),
    }


def wait_s(waiting: Json) -> float:
    """Return how long to wait before it is asked again: longer, the longer it takes."""
    since_s = clock.epoch_s() - clock.epoch_of(waiting["sentAt"])
    return min(max(LEAST_WAIT_S, since_s / 4), MOST_WAIT_S)


def counters(waiting: Json, status: JobStatus) -> tuple[Counters, int]:
    """Return what the batch counts as, every record once, and how many of them the provider refused."""
    sent, told = int(waiting["sent"]), status.counts
    rejected = min(told.get("rejected", 0), sent)
    written = sent - rejected
    is_told = any(name in told for name in _WRITTEN)
    created = min(told.get("created", 0) if is_told else int(waiting["new"]), written)
    of_job = Counters(read=sent, created=created, updated=written - created, rejected=rejected)
    return Counters(**waiting["counters"]).plus(of_job), rejected
