"""Counters of an endpoint or a subscription: totals and last times, in the transaction of what they count.

Eight items of the activity table, `tenant#count#<thing id>` with the shard as the sort key, so that transactions of
busy workers seldom meet on one; whoever reads adds them up.
"""

import random
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from time import sleep
from typing import Any

from hub.core import clock
from hub.core.attributes import Item
from hub.core.caller import Tenant
from hub.core.clock import DAY_S
from hub.core.tables import Contended, Key, Table, Tables, Update, Write, key, partition

SHARDS = 8
# Totals are wanted long after the single things have gone: they go a year after the last of them.
KEPT_LONGER_DAYS = 365
TRIES = 6
FIRST_WAIT_S = 0.02
_NO_COUNTER = frozenset({"pk", "sk", "expiresEpochS"})


@dataclass(frozen=True)
class Counts:
    """`numbers` by name, 0 where nothing was counted; `times` are ISO 8601, the latest of each name."""

    numbers: Mapping[str, int] = field(default_factory=dict)
    times: Mapping[str, str] = field(default_factory=dict)

    def number(self, name: str) -> int:
        return self.numbers.get(name, 0)

    def time(self, name: str) -> str | None:
        return self.times.get(name)


@dataclass(frozen=True)
class Patience:
    """How a contended transaction is tried again: `chance` in [0, 1) picks shard and wait."""

    sleep: Callable[[float], None] = sleep
    chance: Callable[[], float] = random.random


def write(
    activity: Table,
    tenant: Tenant,
    thing_id: str,
    added: Mapping[str, int],
    times: Mapping[str, str],
    keep_days: int,
    shard: int,
) -> Update:
    """Return the write that adds to one shard and sets its last times."""
    expires = int(clock.epoch_s()) + (keep_days + KEPT_LONGER_DAYS) * DAY_S
    values: dict[str, Any] = {f"add_{name}": number for name, number in added.items()}
    values |= {f"at_{name}": at for name, at in times.items()} | {"expires": expires}
    sets = ", ".join([*(f"{name} = :at_{name}" for name in times), "expiresEpochS = :expires"])
    adds = ", ".join(f"{name} :add_{name}" for name in added)
    return Update(activity, _place(tenant, thing_id, shard), f"SET {sets}" + (f" ADD {adds}" if adds else ""), values)


def commit(tables: Tables, writes: Callable[[int], Sequence[Write]], patience: Patience | None = None) -> None:
    """Write `writes(shard)` in one transaction, on another shard whenever somebody else is at one of its items.

    Raises ConditionFailed, and Contended after the last try.
    """
    patience = patience or Patience()
    for number in range(TRIES):
        try:
            tables.write(*writes(int(patience.chance() * SHARDS)))
            break
        except Contended:
            if number == TRIES - 1:
                raise
            patience.sleep(FIRST_WAIT_S * 2**number * (0.5 + patience.chance()))


def read(activity: Table, tenant: Tenant, thing_id: str) -> Counts:
    """Return what was counted for one thing; one call."""
    return _sum(activity.query("pk = :pk", {"pk": partition(tenant, f"count#{thing_id}")}).items)


def read_many(activity: Table, tenant: Tenant, thing_ids: Iterable[str]) -> dict[str, Counts]:
    """Return what was counted for each; one call per twelve things."""
    shards: dict[str, list[Item]] = {thing_id: [] for thing_id in thing_ids}
    keys = [_place(tenant, thing_id, shard) for thing_id in shards for shard in range(SHARDS)]
    for item in activity.batch_get(keys):
        shards[item["pk"].split("#", 2)[2]].append(item)
    return {thing_id: _sum(items) for thing_id, items in shards.items()}


def _place(tenant: Tenant, thing_id: str, shard: int) -> Key:
    return key(tenant, f"count#{thing_id}", str(shard))


def _sum(shards: Iterable[Item]) -> Counts:
    numbers: dict[str, int] = {}
    times: dict[str, str] = {}
    for shard in shards:
        for name in shard.keys() - _NO_COUNTER:
            value = shard[name]
            if isinstance(value, str):
                times[name] = max(value, times.get(name, ""))
            else:
                numbers[name] = numbers.get(name, 0) + value
    return Counts(numbers, times)
