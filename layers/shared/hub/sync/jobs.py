"""Sync jobs: one item that says everything, so that any worker can go on where another stopped.

States: PENDING -> RUNNING (lease, owner, fence) -> COMPLETED | FAILED | CANCELLED; back to PENDING between two hops.
The table is the truth and a queue message only a hint; the due index finds a job whose worker fell silent.
Records are written first, the checkpoint second, and the counters are part of the checkpoint.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from typing import Any

from hub.core import clock, due, events, jsontext, queues
from hub.core.attributes import Item
from hub.core.caller import Tenant
from hub.core.clock import DAY_S
from hub.core.errors import Conflict, NotFound
from hub.core.expressions import setting
from hub.core.ids import new_id
from hub.core.journal import Change
from hub.core.tables import IS_NEW, ConditionFailed, Delete, Key, Put, Tables, Update, Write, key, partition
from hub.sync import job_bounds, job_events

Json = dict[str, Any]

OPEN = ("PENDING", "RUNNING")
LOCK = "sync-lock"
PULL, PUSH, UPLOAD = "pull", "push", "upload"
BOTH = (PULL, PUSH)
INBOUND, OUTBOUND = "INBOUND", "OUTBOUND"
# Which way the records of a phase go; a job of both phases shuts out every other one of the entity.
_IN, _OUT = (PULL, "delete", "quarantine", "revert"), (PUSH, UPLOAD, "release")
WAYS = dict.fromkeys(_IN, INBOUND) | dict.fromkeys(_OUT, OUTBOUND)
# A worker that dies before it completes a page has used up a hop: a page that kills every worker ends the job.
MAX_HOPS = 3
_MAY_CLAIM = "status IN (:pending, :running) AND leaseUntil < :now AND nextAttemptAt <= :now"
_IS_MINE = "fence = :fence AND owner = :me"


@dataclass(frozen=True)
class Counters:
    """What became of the records a run has read: read = created + updated + unchanged + rejected + deleted."""

    read: int = 0
    created: int = 0
    updated: int = 0
    unchanged: int = 0
    rejected: int = 0
    deleted: int = 0

    def plus(self, other: "Counters") -> "Counters":
        return Counters(*(getattr(self, part.name) + getattr(other, part.name) for part in fields(self)))

    @classmethod
    def of(cls, item: Item) -> "Counters":
        return cls(**item["counters"])


def counted_since(job: Item, progress: Json) -> Json:
    """Return the counters of one page: those with it less those without."""
    before = asdict(Counters.of(job))
    return {name: count - before[name] for name, count in progress["counters"].items()}


@dataclass(frozen=True)
class Claim:
    """A worker's hold on a job: writes count only while `fence` and `owner` stand in the item."""

    job: Item
    me: str

    @property
    def tenant(self) -> Tenant:
        return Tenant.of_item(self.job)

    @property
    def place(self) -> Key:
        return {"pk": self.job["pk"], "sk": self.job["sk"]}

    def refreshed(self, tables: Tables) -> "Claim":
        """Return the claim with the job as its last checkpoint left it."""
        return Claim(tables.activity.get(self.place) or self.job, self.me)


class LeaseLost(Exception):
    """Another worker has taken over; what this one still holds is done again there."""


class Cancelled(Exception):
    """Somebody cancelled the job while its page was under way."""


class Gone(Exception):
    """What the job's end is noted on, in the configuration, is not there any more."""


@dataclass(frozen=True)
class Wanted:
    """What a new job is to do; a fresh one reads everything, even where the provider would say that nothing changed.

    `job_id` is for a start that may be repeated: the second one finds the first. `phases` are what the job does one
    after the other, and `more` is whatever else it keeps for them (see `hub.sync.starts.orders`).
    """

    integration_id: str
    endpoint_id: str
    entity: str
    params: Json
    connector_version: int
    is_fresh: bool = False
    job_id: str = ""
    job_type: str = "FULL_SYNC"
    phases: tuple[str, ...] = (PULL,)
    more: Mapping[str, Any] = field(default_factory=dict)


def new(change: Change, wanted: Wanted) -> Item:
    """Return a pending job that is not stored yet; raises BadRequest where it is asked for with too much."""
    job_bounds.must_fit(wanted.params, wanted.more)
    job_id, now = wanted.job_id or new_id("job"), clock.epoch_s()
    return {
        **key(change.caller.tenant, "job", job_id),
        "integrationId": wanted.integration_id,
        "endpointId": wanted.endpoint_id,
        "entityType": wanted.entity,
        "connectorVersion": wanted.connector_version,
        "params": jsontext.dump(wanted.params),
        "isFresh": wanted.is_fresh,
        "jobType": wanted.job_type,
        "direction": WAYS[wanted.phases[0]],
        "phase": wanted.phases[0],
        "phases": list(wanted.phases),
        "status": "PENDING",
        "createdAt": clock.iso(now),
        "createdBy": change.caller.actor,
        "page": 0,
        "position": None,
        "counters": asdict(Counters()),
        "total": None,
        "errors": [],
        "fence": 0,
        "owner": "",
        "leaseUntil": 0,
        "nextAttemptAt": 0,
        "hops": 0,
        **due.JOBS.marks(job_id, now + due.GRACE_S),
        "expiresEpochS": expiry(change.keep_days),
        **wanted.more,
    }


def start(change: Change, job: Item) -> None:
    """Add a new job to `change`, with its event and the locks that keep a second run of the same entity out."""
    told = events.write(change.tables, job_events.started(job, change.keep_days))
    listed = Put(change.tables.activity, _listing(job), IS_NEW)
    change.add(Put(change.tables.activity, job, IS_NEW), *_locks(change.tables, job), listed, told)
    change.audit("sync.requested", job["sk"], integrationId=job["integrationId"], endpointId=job["endpointId"])


def document_type(job: Item) -> str:
    """Return the type of the documents that a job reads or writes; the entity is what the provider calls them."""
    return str(job.get("documentType") or job["entityType"])


def get(tables: Tables, tenant: Tenant, job_id: str) -> Item:
    found = tables.activity.get(key(tenant, "job", job_id))
    if found is None:
        raise NotFound("No sync job has this id in your tenant.")
    return found


def claim(tables: Tables, tenant: Tenant, job_id: str, me: str, lease_s: int) -> Claim | None:
    """Take the job for `lease_s` seconds; None when it is done, not due, or another worker holds it.

    A claim whose answer was lost is sent again by the SDK and refused, by an item that says whose it is.
    """
    now = clock.epoch_ms()
    try:
        job = tables.activity.update(
            key(tenant, "job", job_id),
            "SET owner = :me, fence = fence + :one, hops = hops + :one, leaseUntil = :until, status = :running,"
            " startedAt = if_not_exists(startedAt, :at), dueAt = :due",
            {
                "me": me,
                "one": 1,
                "now": now,
                "until": now + lease_s * 1000,
                "at": clock.now(),
                "pending": "PENDING",
                "running": "RUNNING",
                "due": clock.iso(clock.epoch_s() + lease_s),
            },
            only_if=_MAY_CLAIM,
        )
    except ConditionFailed as refusal:
        found = refusal.found
        is_mine = found is not None and found["owner"] == me and found["status"] == "RUNNING"
        return Claim(found, me) if found is not None and is_mine else None
    return Claim(job, me)


def checkpoint(tables: Tables, held: Claim, progress: Json, log: Put, lease_s: int, *with_it: Write) -> Claim:
    """Record a finished page and renew the lease, in one transaction with the page's log line and `with_it`.

    Raises LeaseLost or Cancelled; then nothing was recorded.
    """
    now = clock.epoch_s()
    renewed = {"leaseUntil": int(now * 1000) + lease_s * 1000, "dueAt": clock.iso(now + lease_s), "hops": 0}
    changed = {**job_bounds.kept(progress), **renewed}
    mine = _set(tables, held, changed, f"{_IS_MINE} AND status = :running", running="RUNNING")
    _write(tables, held, mine, log, *with_it)
    return Claim({**held.job, **changed}, held.me)


def finish(tables: Tables, held: Claim, status: str, progress: Json, *with_it: Write) -> Item:
    """End the job and release its locks, in one transaction `with_it`.

    Raises Cancelled where only the status CANCELLED is still possible, Gone where a note in the configuration is not.
    """
    ended = {**job_bounds.kept(progress), "status": status, "owner": "", "leaseUntil": 0}
    if status == "CANCELLED":
        write = _set(tables, held, ended, _IS_MINE, remove="dueShard, dueAt")
    else:
        ended["completedAt"] = clock.now()
        only_if = f"{_IS_MINE} AND status = :running"
        write = _set(tables, held, ended, only_if, remove="dueShard, dueAt", running="RUNNING")
    mine = {"id": held.job["sk"]}
    released = (
        Delete(tables.coordination, place, "attribute_not_exists(pk) OR jobId = :id", mine)
        for place in lock_places(held.job)
    )
    _write(tables, held, write, *released, *with_it)
    return {**held.job, **ended}


def defer(tables: Tables, held: Claim, wait_s: float, progress: Json, log: Put) -> Item:
    """Hand the job on: pending again, due in `wait_s`."""
    at = clock.epoch_s() + wait_s
    changed = {**job_bounds.kept(progress), "status": "PENDING", "owner": "", "leaseUntil": 0}
    # A long wait has no hint but the sweeper's.
    due_s = at if wait_s > queues.MAX_DELAY_S else at + due.GRACE_S
    changed |= {"nextAttemptAt": int(at * 1000), "dueAt": clock.iso(due_s)}
    _write(tables, held, _set(tables, held, changed, f"{_IS_MINE} AND status = :running", running="RUNNING"), log)
    return {**held.job, **changed}


def cancel(change: Change, job: Item) -> Item:
    """Add the cancellation to `change`. A worker notices at its next checkpoint, and ends the job with that page.

    So at most one page is written after a cancellation, or up to 1,000 unchanged records that share a checkpoint are
    still counted. Where the worker dies at that moment nobody runs the job again: what it wrote of this one page stays
    and is not counted; the next sync finds it unchanged.
    """
    if job["status"] not in OPEN:
        raise Conflict(f"The job has ended already: {job['status']}.", status=job["status"])
    ended = {"status": "CANCELLED", "completedAt": clock.now(), "stopReason": "cancelled"}
    change.add(
        Update(
            change.tables.activity,
            {"pk": job["pk"], "sk": job["sk"]},
            "SET status = :cancelled, completedAt = :at, stopReason = :reason REMOVE dueShard, dueAt",
            {
                "cancelled": "CANCELLED",
                "at": ended["completedAt"],
                "reason": ended["stopReason"],
                "pending": "PENDING",
                "running": "RUNNING",
            },
            "status IN (:pending, :running)",
        )
    )
    failed = job_events.ended(job, "CANCELLED", "cancelled", job["counters"], change.keep_days)
    change.add(events.write(change.tables, failed))
    change.audit("sync.cancelled", job["sk"])
    return {**job, **ended}


def _write(tables: Tables, held: Claim, *writes: Write) -> None:
    try:
        tables.write(*writes)
    except ConditionFailed as failure:
        if writes[failure.index].table is tables.config:
            raise Gone from None
        raise _why(tables, held, failure) from None


def _why(tables: Tables, held: Claim, failure: ConditionFailed) -> Exception:
    present = failure.found if failure.index == 0 and failure.found else tables.activity.get(held.place)
    is_mine = present is not None and present["fence"] == held.job["fence"] and present["owner"] == held.me
    return Cancelled() if is_mine and present and present["status"] == "CANCELLED" else LeaseLost()


def _set(tables: Tables, held: Claim, changed: Json, only_if: str, remove: str = "", **values: Any) -> Update:
    sets, new = setting(changed)
    expression = sets + (f" REMOVE {remove}" if remove else "")
    mine = {"fence": held.job["fence"], "me": held.me}
    return Update(tables.activity, held.place, expression, {**new, **mine, **values}, only_if)


def lock_places(job: Item) -> list[Key]:
    """Return what a job holds while it is open: one lock for each way, and for each user whose records they are."""
    user = f"#{job['userId']}" if job.get("userId") else ""
    ways = dict.fromkeys(WAYS[phase] for phase in job.get("phases") or (PULL,))
    name = f"{job['integrationId']}#{job['entityType']}"
    return [key(Tenant.of_item(job), LOCK, f"{name}#{way}{user}") for way in ways]


def _locks(tables: Tables, job: Item) -> list[Put]:
    return [Put(tables.coordination, {**place, "jobId": job["sk"]}, IS_NEW) for place in lock_places(job)]


def _listing(job: Item) -> Item:
    """Return what finds a job among those of its integration."""
    pk = listing_partition(Tenant.of_item(job), job["integrationId"])
    return {"pk": pk, "sk": job["sk"], "expiresEpochS": job["expiresEpochS"]}


def listing_partition(tenant: Tenant, integration_id: str) -> str:
    """Return where the jobs of an integration are listed."""
    return partition(tenant, f"job-of#{integration_id}")


def expiry(keep_days: int) -> int:
    """Return when a job that is made now is forgotten (epoch seconds)."""
    return int(clock.epoch_s()) + keep_days * DAY_S
