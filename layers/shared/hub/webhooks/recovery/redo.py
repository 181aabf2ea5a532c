"""Redo jobs: many deliveries or received events done again, page by page, no faster than asked, until cancelled.

`recover` queues the deliveries of a subscription again that failed or were skipped; `replay` the events that an
endpoint received. One item of the activity table, worked on by `functions/event_router`:

    kind, scopeId (the subscription or the endpoint), since, until, states, ratePerSecond,
    state RUNNING -> COMPLETED | CANCELLED, position (where the next page begins), found, redone,
    owner, leaseUntil, nextAttemptAt (ms), runs (in a row, by hints of its own), createdAt, createdBy, completedAt?

Every item is queued again by a conditional write of its own that names the job: a page that is done twice after a crash
changes nothing and counts the same.
"""

import time
import uuid
from collections.abc import Iterable
from dataclasses import dataclass
from math import ceil
from typing import Any

from hub.core import clock, due, logs, queues
from hub.core.attributes import Item
from hub.core.caller import Tenant
from hub.core.clock import DAY_S
from hub.core.errors import BadDefinition, Conflict, NotFound, Problem
from hub.core.expressions import setting
from hub.core.ids import new_id
from hub.core.journal import Change
from hub.core.queues import Hint
from hub.core.resources import Resources
from hub.core.tables import IS_NEW, ConditionFailed, Key, Put, Tables, Update, key
from hub.webhooks.recovery.job_ids import PREFIXES
from hub.webhooks.recovery.redo_pages import KINDS, Page, page_of

Json = dict[str, Any]

KIND = "redo"
RECOVER = "recover"
REPLAY = "replay"
DEFAULT_RATE = 20
PAGE = 100
LEASE_S = 60
# One run queues what may be sent in so many seconds: whoever cancels waits no longer for the end of it.
RUN_S = 5
# A range with little to do in it is read for so long before others get their turn.
MOST_READING_S = 5.0
# Lambda drops a chain of messages through one function at about 16; the sweeper begins a new one.
MOST_RUNS = 8
_MAY_CLAIM = "state = :running AND ((leaseUntil < :now AND nextAttemptAt <= :now) OR owner = :me)"


@dataclass(frozen=True)
class Wanted:
    """What was made from `since` to `until` is to be done again; no `until` = until now, no states = the usual ones."""

    since: str
    until: str | None = None
    states: tuple[str, ...] = ()
    rate_per_second: int = DEFAULT_RATE


def start(change: Change, kind: str, scope_id: str, wanted: Wanted) -> Item:
    """Add a new job to `change` and return it; after the commit, `hint` makes it begin at once. Raises BadRequest."""
    now = clock.epoch_s()
    until = min(wanted.until or clock.iso(now), clock.iso(now))
    if wanted.since > until:
        fault = f"expected a time before {until}, found {wanted.since}"
        raise BadDefinition("The range is empty.", [Problem("/since", fault)])
    job_id = new_id(PREFIXES[kind])
    job: Item = {
        **key(change.caller.tenant, KIND, job_id),
        "kind": kind,
        "scopeId": scope_id,
        "since": wanted.since,
        "until": until,
        "states": list(wanted.states or KINDS[kind].default_states),
        "ratePerSecond": wanted.rate_per_second,
        "state": "RUNNING",
        "position": "",
        "found": 0,
        "redone": 0,
        "owner": "",
        "leaseUntil": 0,
        "nextAttemptAt": 0,
        "runs": 0,
        "createdAt": clock.iso(now),
        "createdBy": change.caller.actor,
        **due.REDO.marks(job_id, now + due.GRACE_S),
        "expiresEpochS": int(now) + change.keep_days * DAY_S,
    }
    change.add(Put(change.tables.activity, job, IS_NEW))
    change.audit(f"{kind}.requested", scope_id, jobId=job_id, since=job["since"], until=until)
    return job


def hint(resources: Resources, item: Item, delay_s: int = 0) -> None:
    """Have a stored job worked on now."""
    named = Hint(Tenant.of_item(item), item["sk"])
    queues.send(resources.sqs, resources.settings.event_queue_url, named, delay_s)


def get(tables: Tables, tenant: Tenant, kind: str, scope_id: str, job_id: str) -> Item:
    """Return the job of this kind and of this subscription or endpoint; raises NotFound."""
    found = tables.activity.get(key(tenant, KIND, job_id))
    if found is None or (found["kind"], found["scopeId"]) != (kind, scope_id):
        raise NotFound("No such job has this id in your tenant.")
    return found


def cancel(change: Change, item: Item) -> Item:
    """Add the cancellation to `change`: no further page is begun. Raises Conflict when the job has ended."""
    if item["state"] != "RUNNING":
        raise Conflict(f"The job has ended already: {item['state']}.", status=item["state"])
    ended = {"state": "CANCELLED", "completedAt": clock.now()}
    change.add(
        Update(
            change.tables.activity,
            _place(item),
            "SET state = :cancelled, completedAt = :at REMOVE dueShard, dueAt",
            {"cancelled": ended["state"], "at": ended["completedAt"], "running": "RUNNING"},
            "state = :running",
        )
    )
    change.audit(f"{item['kind']}.cancelled", item["scopeId"], jobId=item["sk"])
    return {**item, **ended}


def view(item: Item) -> Json:
    """Return `hub.webhooks.recovery.redo_models:RedoJob`."""
    return {
        "id": item["sk"],
        "kind": item["kind"],
        KINDS[item["kind"]].scope: item["scopeId"],
        "status": item["state"],
        "since": item["since"],
        "until": item["until"],
        "states": item["states"],
        "ratePerSecond": item["ratePerSecond"],
        "found": item["found"],
        "redone": item["redone"],
        "createdAt": item["createdAt"],
        "createdBy": item["createdBy"],
        "completedAt": item.get("completedAt"),
    }


def work(resources: Resources, hint: Hint, most_per_page: int = PAGE) -> None:
    """Do the next pages of a job, then hand it on; a hint that is early, late or doubled changes nothing."""
    held = _claim(resources.tables, hint, uuid.uuid4().hex)
    if held is not None:
        _run(resources, held, most_per_page)


def _run(resources: Resources, held: Item, most_per_page: int) -> None:
    """Do pages until a run's share is queued again; each is recorded before the next begins."""
    rate, done, ends_at = held["ratePerSecond"], 0, time.monotonic() + MOST_READING_S
    share = rate * RUN_S
    while True:
        page = page_of(resources, held, min(most_per_page, share - done))
        _send(resources, held, page.redone, range(done, done + len(page.redone)))
        done += len(page.redone)
        goes_on = page.position and done < share and time.monotonic() < ends_at
        progress = _progress(held, page)
        if not goes_on:
            _leave(resources, held, progress, done / rate)
            return
        if not _write(resources.tables, held, {**progress, **_leased()}):
            return
        held = {**held, **progress}


def _send(resources: Resources, job: Item, redone: list[Item], numbers: Iterable[int]) -> None:
    """Hint at what was queued again; each second of the run gets as many as the rate allows."""
    kind = KINDS[job["kind"]]
    delays_s = [number // job["ratePerSecond"] for number in numbers]
    queues.send_many(resources.sqs, kind.queue_url(resources.settings), map(kind.hint_of, redone), delays_s)


def _leave(resources: Resources, held: Item, progress: Json, wait_s: float) -> None:
    """End the job behind its last page, else hand it on to the run that follows when this one's share is sent."""
    if not progress["position"]:
        progress |= {"state": "COMPLETED", "completedAt": clock.now()}
        if _write(resources.tables, held, {**progress, **_RELEASED}, remove=" REMOVE dueShard, dueAt"):
            facts = {"tenant": Tenant.of_item(held).id, "job_id": held["sk"], "kind": held["kind"]}
            logs.info("redo.completed", **facts, total=progress["redone"])
        return
    at = clock.epoch_s() + wait_s
    has_hint = held["runs"] + 1 < MOST_RUNS
    waiting = {
        "nextAttemptAt": ceil(at * 1000),
        "runs": held["runs"] + 1 if has_hint else 0,
        "dueAt": clock.iso(at + due.GRACE_S if has_hint else at),
    }
    if _write(resources.tables, held, {**progress, **_RELEASED, **waiting}) and has_hint:
        hint(resources, held, ceil(wait_s))


_RELEASED = {"owner": "", "leaseUntil": 0}


def _claim(tables: Tables, hint: Hint, me: str) -> Item | None:
    """Take the job; None when it has ended, is not due, or another worker has it."""
    values = {**_leased(), "me": me, "now": clock.epoch_ms(), "running": "RUNNING"}
    change = "SET owner = :me, leaseUntil = :leaseUntil, dueAt = :dueAt"
    try:
        return tables.activity.update(key(hint.tenant, KIND, hint.id), change, values, _MAY_CLAIM)
    except ConditionFailed:
        return None


def _write(tables: Tables, held: Item, changed: Json, remove: str = "") -> bool:
    """Record a page; False when the job was cancelled or another worker has it: what it finds is signed already."""
    sets, new = setting({**changed, "lastOwner": held["owner"]})
    values = {**new, "me": held["owner"], "running": "RUNNING"}
    try:
        tables.write(
            Update(tables.activity, _place(held), sets + remove, values, "owner = :me AND state = :running"),
        )
    except ConditionFailed as failure:
        # The answer of the write that let go of the job was lost, and the SDK sent it again.
        let_go = {"owner": "", "lastOwner": held["owner"], "position": changed["position"]}
        return let_go.items() <= (failure.found or {}).items()
    return True


def _progress(held: Item, page: Page) -> Json:
    counted = {"found": held["found"] + page.found, "redone": held["redone"] + len(page.redone)}
    return {"position": page.position, **counted}


def _leased() -> Json:
    now = clock.epoch_s()
    return {"leaseUntil": int((now + LEASE_S) * 1000), "dueAt": clock.iso(now + LEASE_S)}


def _place(item: Item) -> Key:
    return {"pk": item["pk"], "sk": item["sk"]}
