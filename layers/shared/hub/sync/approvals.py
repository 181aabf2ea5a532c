"""Deletions that wait: an administrator lets them happen, and a job of its own carries them out."""

from typing import Any

from hub.core import clock, jsontext
from hub.core.attributes import Item
from hub.core.errors import Conflict
from hub.core.journal import Change
from hub.core.tables import Update
from hub.sync import fuses, jobs
from hub.sync.pull.state import State
from hub.sync.starts import orders
from hub.sync.two_way import two_way

Json = dict[str, Any]

# What the new job needs of the one that has seen the source.
CARRIED = (
    *("seenOf", "seenSince", "seenRead", "documentType", "userId", "history", "configId"),
    *("writeEndpointId", "fieldMappings", "conflictResolution", "fieldRules", "deletes"),
)


def approve(change: Change, job: Item) -> Item:
    """Add to `change` the job that makes the deletions which `job` held back, and return it; raises Conflict."""
    _must_wait(change, job)
    made = jobs.new(change, _wanted(job))
    change.add(_noted(change, job, made))
    jobs.start(change, made)
    orders.must_be_free(change, made)
    change.audit("sync.deletes_approved", job["sk"], count=fuses.count(job), jobId=made["sk"])
    return made


def _wanted(job: Item) -> jobs.Wanted:
    here, there = job.get(fuses.HERE), job.get(fuses.THERE)
    more: Json = {name: job[name] for name in CARRIED if name in job}
    # It only deletes, and yet by the links of the sync that goes both ways.
    more |= {"isTwoWay": two_way.is_two_way(job)}
    more |= {"approved": here["count"]} if here else {}
    # What was deleted here after the push has looked was not approved.
    more |= {"releasesTo": job["pushedTo"]} if there else {}
    return jobs.Wanted(
        job["integrationId"],
        job["endpointId"],
        job["entityType"],
        jsontext.load(job["params"]),
        job["connectorVersion"],
        phases=tuple(phase for phase, fuse in (("delete", here), ("release", there)) if fuse),
        more=more,
    )


def _must_wait(change: Change, job: Item) -> None:
    blown = fuses.of(job)
    if not blown or job["status"] in jobs.OPEN:
        raise Conflict("No deletions of this job wait for an approval.")
    if "approvedBy" in job:
        raise Conflict("The deletions of this job were approved already.", jobId=job.get("approvedJobId"))
    until = min(fuse["approveUntil"] for fuse in blown)
    if until < clock.now():
        raise Conflict("The approval has come too late; run the sync again.", approveUntil=until)
    if job.get(fuses.HERE) and State(change.tables.activity, job).generation != job["seenOf"]:
        raise Conflict("A later sync has read everything since; what it has found stands.")


def _noted(change: Change, job: Item, made: Item) -> Update:
    values = {"by": change.caller.actor, "job": made["sk"], "at": clock.now()}
    place = {"pk": job["pk"], "sk": job["sk"]}
    sets = "SET approvedBy = :by, approvedAt = :at, approvedJobId = :job"
    return Update(change.tables.activity, place, sets, values, "attribute_not_exists(approvedBy)")
