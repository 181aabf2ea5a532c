"""What the workers of an integration know of a host in common: one item, read seldom and changed by conditions.

The item is a help and no authority: while it cannot be read or written, calls go out as if it said nothing.
"""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import Enum
from threading import RLock
from typing import Any

from hub.core import logs
from hub.core.attributes import Item
from hub.core.caller import Tenant
from hub.core.expressions import setting
from hub.core.tables import CALL_FAILED, ConditionFailed, Table, key

# Shorter than the time a circuit stays open: what a call knows at its start is at most one state old.
READ_EVERY_S = 10.0
LONGEST_HOST = 253
KEPT_S = 2 * 24 * 3600


@dataclass(frozen=True)
class Change:
    """A conditional change: attributes to set, `also` and `only_if` as DynamoDB expressions with plain names."""

    sets: Mapping[str, Any]
    also: str
    only_if: str
    values: Mapping[str, Any]


class Written(Enum):
    """`REFUSED`: the item is another one by now, and the ledger knows it. `FAILED`: nobody can tell."""

    DONE = "done"
    REFUSED = "refused"
    FAILED = "failed"


class Ledger:
    """One item; whoever decides by it and writes holds `lock`, so that threads do not get into each other's way."""

    def __init__(self, table: Table, tenant: Tenant, integration_id: str, host: str, now: Callable[[], float]) -> None:
        self.lock = RLock()
        self.host = host
        self.facts = {"tenant": tenant.id, "integration_id": integration_id, "host": host[:LONGEST_HOST]}
        self._table = table
        self._place = key(tenant, "traffic", f"{integration_id}#{host[:LONGEST_HOST]}")
        self._now = now
        self._item: Item = {}
        self._read_at_s = -math.inf

    @property
    def known(self) -> Item:
        """Return the item without asking for it."""
        return self._item

    def item(self) -> Item:
        """Return the item as it was at most `READ_EVERY_S` ago, as this process changed it since."""
        if self._now() - self._read_at_s >= READ_EVERY_S:
            self._read()
        return self._item

    def write(self, change: Change) -> Written:
        sets = {"expiresEpochS": int(self._now()) + KEPT_S, **change.sets}
        expression, new = setting(sets)
        values = {**change.values, **new}
        try:
            changed = self._table.update(self._place, f"{expression} {change.also}", values, change.only_if)
        except ConditionFailed as refusal:
            self._take(refusal.found)
            return Written.REFUSED
        except CALL_FAILED as error:
            logs.failure("traffic.unwritten", error, **self.facts)
            return Written.FAILED
        self._take(changed)
        return Written.DONE

    def _read(self) -> None:
        try:
            self._take(self._table.get(self._place))
        except CALL_FAILED as error:
            logs.failure("traffic.unread", error, **self.facts)
            self._take(self._item)

    def _take(self, item: Item | None) -> None:
        self._item, self._read_at_s = item or {}, self._now()
