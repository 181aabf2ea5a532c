"""One page of a redo job: which deliveries or received events come next, and how one of them is queued again."""

import dataclasses
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from hub.core import clock, jsontext
from hub.core.attributes import Item
from hub.core.caller import Tenant
from hub.core.config import Settings
from hub.core.errors import Unavailable
from hub.core.ids import time_part
from hub.core.queues import Hint
from hub.core.resources import Resources
from hub.core.tables import ConditionFailed, Found, Table, Tables, Update, Write
from hub.webhooks.deliveries import deliveries
from hub.webhooks.inbound import inbound

Json = dict[str, Any]

# What `inbound.requeue` and `hint_of` need of an event; its body may have 300 KB.
_EVENT_FIELDS = (
    "pk, sk, endpointId, state, reason, attempts, results, history, replays, endedAt, expiresEpochS, redoneBy"
)
_LAST = "~"  # sorts behind every character of an id


@dataclass(frozen=True)
class Kind:
    """Where the items of a kind of job are, and what it takes to have one done again."""

    scope: str
    default_states: tuple[str, ...]
    read: Callable[[Tables, Item, int], Found]
    writes: Callable[[Tables, Item, str], list[Write]]
    hint_of: Callable[[Item], Hint]
    queue_url: Callable[[Settings], str]


@dataclass(frozen=True)
class Page:
    """`redone` were queued again by this job, now or before a crash; `position` is where the next page begins."""

    found: int
    redone: list[Item]
    position: str


def page_of(resources: Resources, job: Item, limit: int) -> Page:
    """Queue the next items of the job again, reading at most `limit`."""
    tables, kind = resources.tables, KINDS[job["kind"]]
    read = kind.read(tables, job, limit)
    chosen = [item for item in read.items if _is_wanted(item, job)]
    redone = [item for item in chosen if _redo(tables, kind, item, job)]
    return Page(len(chosen), redone, jsontext.dump(read.next_key) if read.next_key else "")


def _is_wanted(item: Item, job: Item) -> bool:
    return _is_redone(item, job) or (item["state"] in job["states"] and not item.get("isTest"))


def _is_redone(item: Item, job: Item) -> bool:
    """Say whether this job did it before: its page is done once more after a crash."""
    return bool(item.get("redoneBy") == job["sk"])


def _redo(tables: Tables, kind: Kind, item: Item, job: Item) -> bool:
    """Queue one item again; False when somebody else has changed it since it was read."""
    if _is_redone(item, job):
        return True
    first, *others = kind.writes(tables, item, f"{job['kind']} {job['sk']}")
    try:
        tables.write(_signed(first, job), *others)
    except ConditionFailed as failure:
        # The answer of a write that took effect was lost, and the SDK sent it again.
        return failure.found is not None and _is_redone(failure.found, job)
    return True


def _signed(write: Write, job: Item) -> Update:
    if not isinstance(write, Update) or not write.change.startswith("SET "):
        raise Unavailable("What queues an item again must be an update.")
    change = f"SET redoneBy = :redoneBy, {write.change.removeprefix('SET ')}"
    return dataclasses.replace(write, change=change, values={**write.values, "redoneBy": job["sk"]})


def _deliveries(tables: Tables, job: Item, limit: int) -> Found:
    """Return the next deliveries of a subscription, by the times of their events, which their ids begin with."""
    bounds = {
        "pk": deliveries.partition_of(Tenant.of_item(job), job["scopeId"]),
        "low": f"dlv_{time_part(clock.epoch_of(job['since']))}",
        "high": f"dlv_{time_part(clock.epoch_of(job['until']))}{_LAST}",
    }
    return tables.activity.query("pk = :pk AND sk BETWEEN :low AND :high", bounds, limit=limit, start=_start(job))


def _redelivered(tables: Tables, item: Item, reason: str) -> list[Write]:
    return [deliveries.requeue(tables, item, reason), *deliveries.rejoined(tables, item)]


def _events(tables: Tables, job: Item, limit: int) -> Found:
    """Return the next events of an endpoint, by the time of their arrival."""
    bounds = {
        "pk": inbound.partition_of(Tenant.of_item(job), job["scopeId"]),
        "since": job["since"],
        "until": job["until"],
    }
    condition = "pk = :pk AND receivedAt BETWEEN :since AND :until"
    keys = tables.activity.query(condition, bounds, index="received", limit=limit, start=_start(job))
    return Found(_whole(tables.activity, keys.items), keys.next_key)


def _whole(activity: Table, keys: list[Item]) -> list[Item]:
    found = activity.batch_get([{"pk": each["pk"], "sk": each["sk"]} for each in keys], _EVENT_FIELDS)
    order = {each["sk"]: number for number, each in enumerate(keys)}
    return sorted(found, key=lambda item: order[item["sk"]])


def _start(job: Item) -> Json | None:
    return jsontext.load(job["position"]) if job["position"] else None


KINDS = {
    "recover": Kind(
        scope="subscriptionId",
        default_states=("failed", "skipped"),
        read=_deliveries,
        writes=_redelivered,
        hint_of=deliveries.hint_of,
        queue_url=lambda settings: settings.delivery_queue_url,
    ),
    "replay": Kind(
        scope="endpointId",
        default_states=inbound.ENDED,
        read=_events,
        writes=lambda tables, item, _reason: [inbound.requeue(tables, item)],
        hint_of=inbound.hint_of,
        queue_url=lambda settings: settings.inbound_queue_url,
    ),
}
