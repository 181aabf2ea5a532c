"""Inbound events: what other systems sent, from its acceptance to its end; the protocol that loses none.

    queued -> processing (lease, owner) -> processed | unmatched | failed
                  \\-> retrying (nextAttemptAt) -> processing ...

The item is the truth and a message only a hint. One item of the activity table, in a partition per endpoint:

    sk = event id (`iev_...`), endpointId, receivedAt (ISO 8601), contentType, headers (JSON: allow-listed, no secrets),
    body (bytes) or blobKey (in the bucket), bodyBytes, sourceIp, state, reason, attempts, nextAttemptAt (ms), owner,
    leaseUntil (ms), tries? (set of those that claimed it in this round), eventType?, results (JSON, by the worker),
    history (JSON: results of the rounds before), replays, endedAt?, releasedBy?, dueShard?, dueAt?, expiresEpochS
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from hub.core import clock, due, events, jsontext
from hub.core.attributes import Item
from hub.core.caller import Tenant
from hub.core.clock import DAY_S
from hub.core.errors import Conflict
from hub.core.expressions import setting
from hub.core.ids import hashed_id
from hub.core.queues import Hint
from hub.core.tables import IS_NEW, ConditionFailed, Key, Put, Tables, Update, Write, key, partition
from hub.webhooks import counters

Json = dict[str, Any]

OPEN = ("queued", "processing", "retrying")
ENDED = ("processed", "unmatched", "failed")
# A body up to here is part of the item; a larger one lies in the bucket.
MAX_BODY_IN_ITEM = 300 * 1024
# Longer than the function may live: a worker that still works cannot lose its event.
LEASE_S = 90
KEPT_ROUNDS = 5
REPLAYABLE_DAYS = 7
_MAY_CLAIM = (
    "(state IN (:queued, :processing, :retrying) AND leaseUntil < :now AND nextAttemptAt <= :now) OR owner = :me"
)


def event_id(dedupe_key: str) -> str:
    """Return the id that all copies of one event have: `iev_` and 26 characters of the hash of what identifies it."""
    return hashed_id("iev", dedupe_key)


def place(tenant: Tenant, endpoint_id: str, event_id: str) -> Key:
    return key(tenant, f"inbound#{endpoint_id}", event_id)


def partition_of(tenant: Tenant, endpoint_id: str) -> str:
    return partition(tenant, f"inbound#{endpoint_id}")


def hint_of(event: Item) -> Hint:
    """Return the hint of an event; its id is `<endpoint id>/<event id>`."""
    return Hint(Tenant.of_item(event), f"{event['endpointId']}/{event['sk']}")


def new(
    tenant: Tenant,
    endpoint_id: str,
    event_id: str,
    *,
    headers: dict[str, str],
    body: bytes | None = None,
    blob_key: str = "",
    body_bytes: int = 0,
    source_ip: str = "",
    keep_days: int,
) -> Item:
    """Return an event that is yet to be written; the body is given, or lies in the bucket under `blob_key`.

    `headers` have lower-case names and are those that may be kept.
    """
    now = clock.epoch_s()
    content: Json = {"body": body} if body is not None else {"blobKey": blob_key}
    return {
        **place(tenant, endpoint_id, event_id),
        "endpointId": endpoint_id,
        "receivedAt": clock.iso(now),
        "contentType": headers.get("content-type", ""),
        "headers": jsontext.dump(headers),
        **content,
        "bodyBytes": len(body) if body is not None else body_bytes,
        "sourceIp": source_ip,
        "state": "queued",
        "reason": "",
        "attempts": 0,
        "nextAttemptAt": 0,
        "owner": "",
        "leaseUntil": 0,
        "results": "",
        "replays": 0,
        **due.INBOUND.marks(event_id, now + due.GRACE_S),
        "expiresEpochS": int(now) + keep_days * DAY_S,
    }


def write(tables: Tables, event: Item) -> Put:
    """Return the write of a new event; a ConditionFailed tells that a copy of it was accepted before (`found`)."""
    return Put(tables.activity, event, IS_NEW)


@dataclass(frozen=True)
class Claim:
    """A worker's hold on an event: what it writes counts only while `owner` is its own."""

    event: Item
    me: str

    @property
    def tenant(self) -> Tenant:
        return Tenant.of_item(self.event)

    @property
    def attempt(self) -> int:
        """Return the how manieth claim of this round it is, those of workers that died among them."""
        return len(self.event["tries"])

    @property
    def step(self) -> str:
        """Return the name of this round of this event, the same for every worker that does it."""
        return f"{self.event['endpointId']}/{self.event['sk']}#{self.event['replays']}"


class LeaseLost(Exception):
    """Another worker has taken over; it does again what this one did."""


@dataclass(frozen=True)
class Ended:
    """How a round ended: `results` is JSON of limited size, `{counts, actions, unmatched, omitted}`."""

    state: str
    reason: str = ""
    event_type: str = ""
    results: Json = field(default_factory=dict)


def claim(tables: Tables, where: Key, me: str) -> Claim | None:
    """Take an event for `LEASE_S` seconds; None when it is done, not due, gone, or another worker holds it.

    Claims are counted by who made them, so that one whose answer was lost can be sent again.
    """
    now = clock.epoch_s()
    values = {
        "me": me,
        "mine": {me},
        "now": int(now * 1000),
        "until": int((now + LEASE_S) * 1000),
        "due": clock.iso(now + LEASE_S),
        **dict(zip(("queued", "processing", "retrying"), OPEN, strict=True)),
    }
    change = "SET state = :processing, owner = :me, leaseUntil = :until, dueAt = :due ADD tries :mine"
    try:
        return Claim(tables.activity.update(where, change, values, _MAY_CLAIM), me)
    except ConditionFailed:
        return None


def defer(tables: Tables, held: Claim, wait_s: float, reason: str) -> None:
    """Have the event processed again in `wait_s` seconds, which has a hint of its own; raises LeaseLost."""
    at = clock.epoch_s() + wait_s
    changed = {
        "state": "retrying",
        "reason": reason,
        "attempts": held.attempt,
        "owner": "",
        "leaseUntil": 0,
        "nextAttemptAt": int(at * 1000),
        "dueAt": clock.iso(at + due.GRACE_S),
        "releasedBy": held.me,
    }
    _as_owner(held, lambda: tables.write(_set(tables, held, changed)))


@dataclass(frozen=True)
class Means:
    """What ending a round needs: the tables, how long counters are kept, and patience with other workers."""

    tables: Tables
    keep_days: int
    patience: counters.Patience | None = None


def finish(means: Means, held: Claim, ended: Ended, told: Sequence[Item]) -> None:
    """End the round, count it and write the events that tell of it, all or nothing; raises LeaseLost.

    A ConditionFailed means that one of the events was written before.
    """
    changed = {
        "state": ended.state,
        "reason": ended.reason,
        "eventType": ended.event_type,
        "results": jsontext.dump(ended.results),
        "attempts": held.attempt,
        "owner": "",
        "leaseUntil": 0,
        "endedAt": clock.now(),
        "releasedBy": held.me,
    }
    update = _set(means.tables, held, changed, remove="dueShard, dueAt")
    outbox = [events.write(means.tables, event) for event in told]

    def writes(shard: int) -> list[Write]:
        return [update, *_counting(means, held, ended.state, shard), *outbox]

    _as_owner(held, lambda: counters.commit(means.tables, writes, means.patience))


def requeue(tables: Tables, item: Item) -> Update:
    """Return the write that has an ended event processed again; its condition fails unless it is still as read.

    The results of the round before are kept in `history`, newest last. Raises Conflict for an event that is still open.
    """
    if item["state"] not in ENDED:
        raise Conflict(f"The event has not been processed yet: {item['state']}.", status=item["state"])
    now = clock.epoch_s()
    marks = due.INBOUND.marks(item["sk"], now + due.GRACE_S)
    changed = {
        "state": "queued",
        "reason": "",
        "attempts": 0,
        "nextAttemptAt": 0,
        "results": "",
        "history": jsontext.dump([*history(item), _round(item)][-KEPT_ROUNDS:]),
        "replays": item["replays"] + 1,
        "expiresEpochS": max(item["expiresEpochS"], int(now) + REPLAYABLE_DAYS * DAY_S),
        **marks,
    }
    sets, new = setting(changed)
    expression = f"{sets} REMOVE tries, endedAt, releasedBy"
    values = {**new, "state_read": item["state"], "replays_read": item["replays"]}
    where = {"pk": item["pk"], "sk": item["sk"]}
    return Update(tables.activity, where, expression, values, "state = :state_read AND replays = :replays_read")


def history(item: Item) -> list[Json]:
    """Return the rounds before the present one: `[{state, reason, endedAt, counts}]`, newest last."""
    return list(jsontext.load(item["history"])) if item.get("history") else []


def _round(item: Item) -> Json:
    results = jsontext.load(item["results"]) if item["results"] else {}
    counts = results.get("counts", {})
    return {"state": item["state"], "reason": item["reason"], "endedAt": item.get("endedAt"), "counts": counts}


def _counting(means: Means, held: Claim, state: str, shard: int) -> list[Update]:
    """Return the write that moves the event to its new state in the totals: each event counts once, replayed or not."""
    event, before = held.event, history(held.event)
    former = before[-1]["state"] if before else "received"
    times = {} if before else {"lastReceivedAt": event["receivedAt"]}
    added = {former: 1 if former == "received" else -1, state: 1}
    if former == state:
        return []
    activity = means.tables.activity
    return [counters.write(activity, held.tenant, event["endpointId"], added, times, means.keep_days, shard)]


def _set(tables: Tables, held: Claim, changed: Json, remove: str = "") -> Update:
    sets, values = setting(changed)
    expression = sets + (f" REMOVE {remove}" if remove else "")
    where = {"pk": held.event["pk"], "sk": held.event["sk"]}
    return Update(tables.activity, where, expression, {**values, "me": held.me}, "owner = :me")


def _as_owner(held: Claim, write: Callable[[], None]) -> None:
    """Write; one that had taken effect before, so that only its answer was lost, is done."""
    try:
        write()
    except ConditionFailed as failure:
        if failure.index:
            raise
        if (failure.found or {}).get("releasedBy") != held.me:
            raise LeaseLost from failure
