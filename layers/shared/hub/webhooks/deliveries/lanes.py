"""Lanes: what has the same `orderingKey` goes one after the other, in the order it came; all else is not held up.

Everything in the coordination table. A lane belongs to a scope: "event" for routing, a subscription's id for its
deliveries. Whoever waits has an entry, `tenant#lane#<scope>#<lane>` with its turn as the sort key; the head is the
lowest. The holder, `tenant#lane-holder#<scope>` with the lane as the sort key, is there while one is in flight: two
workers that saw two different heads cannot both go.
"""

import hashlib
from dataclasses import dataclass

from hub.core import clock
from hub.core.attributes import Item
from hub.core.caller import Tenant
from hub.core.clock import DAY_S
from hub.core.tables import Delete, Key, Put, Table, Update, key, partition

EVENTS = "event"
# A counter that nobody asked for so long starts anew: no entry of its lane is left by then.
TURNS_KEPT_S = 200 * DAY_S
# An entry outlives what it stands for, which is kept for longer while it waits; mostly it is taken out long before.
ENTRY_KEPT_S = 60 * DAY_S
HOLDER_KEPT_S = DAY_S
_PAGE = 10


@dataclass(frozen=True)
class Head:
    """Who goes next: `id` as in its hint, waiting since `since` (ISO 8601)."""

    turn: int
    id: str
    since: str


def lane_of(ordering_key: str) -> str:
    """Return the name of a key's lane; the key is any text."""
    return hashlib.sha256(ordering_key.encode()).hexdigest()[:32]


def next_turn(coordination: Table, tenant: Tenant, ordering_key: str) -> int:
    """Return the next number of this key, from 1: one call, and never the same twice."""
    expires = {"one": 1, "expires": int(clock.epoch_s()) + TURNS_KEPT_S}
    place = key(tenant, "lane-turn", lane_of(ordering_key))
    return int(coordination.update(place, "ADD turn :one SET expiresEpochS = :expires", expires)["turn"])


def entry(
    coordination: Table, tenant: Tenant, scope: str, lane: str, turn: int, item_id: str, expires_epoch_s: int
) -> Put:
    """Return the write that queues an item; `item_id` as in its hint, `expires_epoch_s` when the item itself does."""
    item: Item = {
        **_entry_place(tenant, scope, lane, turn),
        "itemId": item_id,
        "since": clock.now(),
        "expiresEpochS": expires_epoch_s + ENTRY_KEPT_S,
    }
    return Put(coordination, item)


def head(coordination: Table, tenant: Tenant, scope: str, lane: str) -> Head | None:
    """Return the first in the lane, None when nobody waits; one call."""
    pk, start = partition(tenant, f"lane#{scope}#{lane}"), None
    while True:
        found = coordination.query("pk = :pk", {"pk": pk}, limit=_PAGE, start=start)
        alive = (item for item in found.items if item["expiresEpochS"] > clock.epoch_s())
        first = next(alive, None)
        if first is not None:
            return Head(int(first["sk"]), first["itemId"], first["since"])
        start = found.next_key
        if start is None:
            return None


def left(coordination: Table, tenant: Tenant, scope: str, lane: str, turn: int) -> Delete:
    """Return the write that takes an item out of the lane; one that is out already stays out."""
    return Delete(coordination, _entry_place(tenant, scope, lane, turn))


def held(coordination: Table, tenant: Tenant, scope: str, lane: str, owner: str, until_epoch_s: float) -> Update:
    """Return the write by which `owner` has the lane until then; its condition fails while another one has it."""
    now = clock.epoch_s()
    return Update(
        coordination,
        _holder_place(tenant, scope, lane),
        "SET owner = :me, leaseUntil = :until, expiresEpochS = :expires",
        {
            "me": owner,
            "until": round(until_epoch_s * 1000),
            "now": round(now * 1000),
            "expires": int(until_epoch_s) + HOLDER_KEPT_S,
        },
        "attribute_not_exists(pk) OR owner = :me OR leaseUntil < :now",
    )


def released(coordination: Table, tenant: Tenant, scope: str, lane: str, owner: str) -> Delete:
    """Return the write that gives the lane back; its condition fails when another one has it by now."""
    return Delete(
        coordination,
        _holder_place(tenant, scope, lane),
        "attribute_not_exists(pk) OR owner = :me",
        {"me": owner},
    )


def _entry_place(tenant: Tenant, scope: str, lane: str, turn: int) -> Key:
    return key(tenant, f"lane#{scope}#{lane}", f"{turn:020d}")


def _holder_place(tenant: Tenant, scope: str, lane: str) -> Key:
    return key(tenant, f"lane-holder#{scope}", lane)
