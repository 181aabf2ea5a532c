"""How far the pushes of an integration's entity have come in the stream of changes: the cursor of the next one."""

from typing import Any

from hub.core import clock
from hub.core.attributes import Item
from hub.core.clock import DAY_S
from hub.core.tables import Put, Tables, key, partition
from hub.sync import jobs
from hub.sync.two_way.links import Links

Json = dict[str, Any]

KEPT_DAYS = 400
BEGINNING = ""


def begins_at(tables: Tables, job: Item) -> str:
    """Return the position behind which a job's push begins; an export, and a fresh push, begin at the beginning."""
    if job.get("isStateless") or job["jobType"] == "EXPORT" or (job.get("isFresh") and jobs.PULL not in _phases(job)):
        return BEGINNING
    found = tables.activity.get(_place(tables, job))
    return str(found["position"]) if found else BEGINNING


def after(tables: Tables, job: Item, position: str) -> list[Put]:
    """Return the write that keeps how far a completed push has come; an export leaves nothing."""
    if job.get("isStateless") or job["jobType"] == "EXPORT":
        return []
    expires = int(clock.epoch_s()) + KEPT_DAYS * DAY_S
    item = {**_place(tables, job), "position": position, "jobId": job["sk"], "expiresEpochS": expires}
    return [Put(tables.activity, item)]


def is_followed(links: Links, document_type: str, position: str, until: str) -> bool:
    """Say whether documents were changed behind a position and up to a time, settled or not."""
    bounds = {
        "pk": partition(links.tenant, f"doc#{document_type}"),
        "after": position + "\u0000",
        "until": f"{until}#\uffff",
    }
    if bounds["after"] > bounds["until"]:
        return False
    table = links.tables.documents
    return bool(table.query("pk = :pk AND changeKey BETWEEN :after AND :until", bounds, index="changes", limit=1).items)


def _phases(job: Item) -> list[str]:
    return list(job.get("phases") or ())


def _place(tables: Tables, job: Item) -> Json:
    return key(Links.of_job(tables, job).tenant, "push-state", Links.of_job(tables, job).name)
