"""The log of a job: a line per page, written with its checkpoint; it is a line of the integration's request log too."""

from typing import Any

from hub.core.attributes import Item
from hub.core.caller import Tenant
from hub.core.tables import Put, Tables
from hub.integrations import request_log
from hub.sync import job_bounds
from hub.sync.jobs import Claim

Json = dict[str, Any]


def line(tables: Tables, held: Claim, kind: str, message: str, facts: Json, keep_days: int) -> Put:
    """Return the write of one line of the job's log, which is a line of the integration's request log too."""
    job, name = held.job, f"{_prefix(held.job)}{_sequence(held.job, kind)}"
    said = {"kind": kind, "jobId": job["sk"], "page": job["page"], "message": job_bounds.cut(message)}
    told = {name: job_bounds.cut(fact) if isinstance(fact, list) else fact for name, fact in facts.items()}
    return request_log.log_line(tables.activity, held.tenant, job["integrationId"], name, said, told, keep_days)


def lines(tables: Tables, job: Item, limit: int, after: str | None) -> tuple[list[Item], bool]:
    """Return up to `limit` lines after the position, oldest first, and whether there are more."""
    pk, prefix = request_log.log_partition(Tenant.of_item(job), job["integrationId"]), _prefix(job)
    bounds = {"pk": pk, "low": (after or prefix) + "\u0000", "high": prefix + "\uffff"}
    found = tables.activity.query("pk = :pk AND sk BETWEEN :low AND :high", bounds, limit=limit + 1)
    return found.items[:limit], len(found.items) > limit or found.next_key is not None


def _prefix(job: Item) -> str:
    return str(job["sk"]).removeprefix("job_") + "#"


def _sequence(job: Item, kind: str) -> str:
    # The fence is part of the name: a page that is done again after a crash writes its own line.
    return f"{job['page']:07d}.{job['fence']:05d}.{kind}"
