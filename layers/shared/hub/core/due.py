"""Work that is due: a sparse index over everything that is open, so that nothing needs a message to be found.

An open item carries `dueShard` ("delivery#3") and `dueAt` (ISO 8601); one that has ended carries neither. The sweeper
asks the index each minute and hints at what it finds; a message of a queue is only the faster way.
"""

import time
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from math import ceil, inf

from hub.core import clock, logs, queues
from hub.core.attributes import Item
from hub.core.caller import Tenant
from hub.core.queues import Hint
from hub.core.resources import Resources
from hub.core.tables import ConditionFailed, Table

# An item that was given a hint of its own is due so much later than the hint: the sweeper is the net, not the way.
GRACE_S = 60
# A hint may still be in the queue when the item is found again: a busy hour must not flood the queue.
AGAIN_AFTER_S = 120
# What comes due before the next sweep is hinted at in this one, with a delay.
AHEAD_S = 60
MOST_PER_SHARD = 2000
_SINCE = " since "


@dataclass(frozen=True)
class Family:
    """One kind of open items in the activity table, spread over `shards` of the index."""

    name: str
    shards: int

    def marks(self, item_id: str, at_epoch_s: float) -> dict[str, str]:
        """Return the attributes that make an item findable from then on."""
        return {"dueShard": f"{self.name}#{sum(item_id.encode()) % self.shards}", "dueAt": clock.iso(at_epoch_s)}


EVENTS = Family("event", 4)
DELIVERIES = Family("delivery", 8)
INBOUND = Family("inbound", 4)
JOBS = Family("job", 4)
REDO = Family("redo", 1)
CONNECTIONS = Family("connection", 2)


def overdue(activity: Table, family: Family, by_epoch_s: float, most: int = MOST_PER_SHARD) -> Iterator[Item]:
    """Yield the keys of the items that are due by then, `{pk, sk, dueShard, dueAt}`, longest due first per shard."""
    for shard in range(family.shards):
        left, start = most, None
        while left > 0:
            found = activity.query(
                "dueShard = :shard AND dueAt <= :by",
                {"shard": f"{family.name}#{shard}", "by": clock.iso(by_epoch_s)},
                index="due",
                limit=left,
                start=start,
            )
            yield from found.items
            left, start = left - len(found.items), found.next_key
            if start is None:
                break


def sweep(
    resources: Resources,
    family: Family,
    queue_url: str,
    most: int = MOST_PER_SHARD,
    give_up_at: float = inf,
) -> int:
    """Hint at the items of the family that are due before the next sweep, at most so many of each shard.

    Returns how many were hinted at. Ends at `give_up_at` (`time.monotonic()`); what is left is still due.
    """
    activity, total = resources.tables.activity, 0
    found = overdue(activity, family, clock.epoch_s() + AHEAD_S, most)
    while time.monotonic() < give_up_at and (chunk := list(islice(found, queues.BATCH))):
        # Hinted at first: who dies before the due times are moved on has hinted once too often, not too seldom.
        if queues.send_many(resources.sqs, queue_url, map(_hint, chunk), map(_delay_s, chunk)):
            total += sum(_postpone(activity, item) for item in chunk)
    if total:
        logs.info("overdue.hinted", kind=family.name, total=total)
    return total


def overdue_since(item: Item) -> float:
    """Return when an item was first found due that nobody has touched since (epoch seconds), else when it is due."""
    return clock.epoch_of(item["dueAt"].rpartition(_SINCE)[2])


def _delay_s(item: Item) -> int:
    """Return the delay of a hint that must not come early: one that does changes nothing, and the next is far."""
    return max(0, ceil(overdue_since(item) - clock.epoch_s()))


def _postpone(activity: Table, item: Item) -> bool:
    """Move an item's due time on; False when somebody else touched the item in the meantime.

    The text says since when it is due: "2026-07-01T10:06:00.000Z since 2026-07-01T10:00:00.000Z". It sorts as before,
    and whoever works on the item sets a due time without.
    """
    later = clock.iso(clock.epoch_s() + AHEAD_S + AGAIN_AFTER_S)
    values = {"later": f"{later}{_SINCE}{clock.iso(overdue_since(item))}", "read": item["dueAt"]}
    try:
        activity.update({"pk": item["pk"], "sk": item["sk"]}, "SET dueAt = :later", values, "dueAt = :read")
    except ConditionFailed:
        return False
    return True


def _hint(item: Item) -> Hint:
    """A hint names the item within its kind: what follows `tenant#kind#` in the key, if anything, goes before it."""
    owner = item["pk"].split("#", 2)[2:]
    return Hint(Tenant.of_item(item), "/".join([*owner, item["sk"]]))
