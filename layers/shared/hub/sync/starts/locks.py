"""Who holds the locks that let one job of an entity run each way."""

from hub.core import clock
from hub.core.attributes import Item
from hub.core.caller import Tenant
from hub.core.tables import Delete, Key, Tables, key, partition
from hub.sync import jobs


def holder(tables: Tables, job: Item) -> Item | None:
    """Return the unfinished job that keeps `job` from starting; a lock that a dead worker left behind is removed."""
    held = (_holder(tables, job, place) for place in jobs.lock_places(job))
    return next((each for each in held if each is not None), None)


def _holder(tables: Tables, job: Item, place: Key) -> Item | None:
    lock = tables.coordination.get(place)
    found = tables.activity.get({"pk": job["pk"], "sk": lock["jobId"]}) if lock else None
    if lock and (found is None or (found["status"] not in jobs.OPEN and found["leaseUntil"] < clock.epoch_ms())):
        tables.write(Delete(tables.coordination, place, "jobId = :id", {"id": lock["jobId"]}))
        return None
    return found


def holders(tables: Tables, tenant: Tenant, integration_id: str) -> list[Item]:
    """Return the jobs that hold the locks of an integration, one per entity and direction; some may have ended."""
    bounds = {"pk": partition(tenant, jobs.LOCK), "start": f"{integration_id}#"}
    locks = tables.coordination.query_all("pk = :pk AND begins_with(sk, :start)", bounds)
    found = (
        tables.activity.get(key(tenant, "job", job_id)) for job_id in dict.fromkeys(each["jobId"] for each in locks)
    )
    return [job for job in found if job is not None]
