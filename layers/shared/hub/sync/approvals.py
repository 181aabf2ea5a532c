"""Deletions that wait: an administrator lets them happen, and a job of its own carries them out."""

from hub.core import clock, jsontext
from hub.core.attributes import Item
from hub.core.errors import Conflict
from hub.core.journal import Change
from hub.core.tables import Update
from hub.sync import jobs, orders, two_way
from hub.sync.state import State

# What the new job needs of the one that has seen the source.
CARRIED = (
    *("seenOf", "seenSince", "seenRead", "documentType", "userId", "history", "configId"),
    *("writeEndpointId", "fieldMappings", "conflictResolution", "fieldRules", "deletes"),
)


def approve(change: Change, job: Item) -> Item:
    """Add to `change` the job that deletes what the fuse of `job` held back, and return it; raises Conflict."""
    _must_wait(change, job)
    wanted = jobs.Wanted(
        job["integrationId"],
        job["endpointId"],
        job["entityType"],
        jsontext.load(job["params"]),
        job["connectorVersion"],
        phases=("delete",),
        more={
            **{name: job[name] for name in CARRIED if name in job},
            "approved": job["fuse"]["count"],
            # It only deletes, and yet by the links of the sync that goes both ways.
            "isTwoWay": two_way.is_two_way(job),
        },
    )
    made = jobs.new(change, wanted)
    change.add(_noted(change, job, made))
    jobs.start(change, made)
    orders.must_be_free(change, made)
    change.audit("sync.deletes_approved", job["sk"], count=job["fuse"]["count"], jobId=made["sk"])
    return made


def _must_wait(change: Change, job: Item) -> None:
    fuse = job.get("fuse")
    if fuse is None or job["status"] in jobs.OPEN:
        raise Conflict("No deletions of this job wait for an approval.")
    if "approvedBy" in job:
        raise Conflict("The deletions of this job were approved already.", jobId=job.get("approvedJobId"))
    if fuse["approveUntil"] < clock.now():
        raise Conflict("The approval has come too late; run the full sync again.", approveUntil=fuse["approveUntil"])
    if State(change.tables.activity, job).generation != job["seenOf"]:
        raise Conflict("A later sync has read everything since; what it has found stands.")


def _noted(change: Change, job: Item, made: Item) -> Update:
    values = {"by": change.caller.actor, "job": made["sk"], "at": clock.now()}
    place = {"pk": job["pk"], "sk": job["sk"]}
    sets = "SET approvedBy = :by, approvedAt = :at, approvedJobId = :job"
    return Update(change.tables.activity, place, sets, values, "attribute_not_exists(approvedBy)")
