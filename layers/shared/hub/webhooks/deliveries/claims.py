"""The conditional writes by which one worker at a time has a delivery; each may be repeated without harm.

Whoever comes early, late or twice is refused and told how the delivery stands.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Any

from hub.core import clock, due
from hub.core.attributes import Item
from hub.core.queues import MAX_DELAY_S
from hub.core.tables import Key, Table, Update
from hub.webhooks.deliveries.deliveries import OPEN

# Between the end of the HTTP deadline and the end of the lease: reading, signing and writing.
LEASE_MARGIN_S = 30.0
FIRST_PARK_S, LONGEST_PARK_S = 30.0, 150.0
# Each delayed message comes from the one before, and Lambda drops what comes from itself some 16 times in a row.
MOST_CHAINED = 8
# A hint is not sent a whole second later for this; one that comes early by it is sent again.
ROUNDING_S = 0.002
# A place under a throttle is not worth a burst of all that came late; the second one is, or nothing would ever go.
LATE_S = 60.0

_IS_OPEN = "(state = :queued OR state = :retrying OR state = :delivering)"
_IS_FREE = f"{_IS_OPEN} AND leaseUntil < :now AND nextAttemptAt <= :now"
_STATES = {state: state for state in OPEN}


class Standing(Enum):
    """How a delivery stands that could not be claimed."""

    GONE = "gone"
    ENDED = "ended"
    EARLY = "early"
    TAKEN = "taken"
    FREE = "free"


@dataclass(frozen=True)
class Result:
    """What becomes of a claimed delivery: `next_attempt_ms` is 0 when it has ended, `status` None without answer."""

    state: str
    reason: str
    next_attempt_ms: int = 0
    status: int | None = None
    was_tried: bool = True


def now_ms() -> int:
    return round(clock.epoch_s() * 1000)


def standing(found: Item | None) -> Standing:
    if found is None:
        return Standing.GONE
    if found["state"] not in OPEN:
        return Standing.ENDED
    if found["leaseUntil"] >= now_ms():
        return Standing.TAKEN
    return Standing.EARLY if found["nextAttemptAt"] > now_ms() else Standing.FREE


def claimed(activity: Table, place: Key, owner: str, lease_s: float) -> Update:
    """Return the write that takes an unordered delivery; `OR owner = :me` is for its own repetition."""
    return _claimed(activity, place, owner, lease_s, "attribute_not_exists(lane)", {})


def claimed_in_lane(activity: Table, delivery: Item, owner: str, lease_s: float) -> Update:
    """Return the write that takes an ordered delivery as it was read; the lane is taken in the same transaction."""
    place = {"pk": delivery["pk"], "sk": delivery["sk"]}
    return _claimed(activity, place, owner, lease_s, "attempts = :attempts", {"attempts": delivery["attempts"]})


def _claimed(
    activity: Table, place: Key, owner: str, lease_s: float, only_if: str, values: Mapping[str, Any]
) -> Update:
    sets = _leased(place["sk"], owner, lease_s)
    return Update(
        activity,
        place,
        "SET " + ", ".join(f"{name} = :{name}_set" for name in sets),
        {**values, **_STATES, "now": now_ms(), **{f"{name}_set": value for name, value in sets.items()}},
        f"({_IS_FREE} AND {only_if}) OR owner = :owner_set",
    )


def as_claimed(delivery: Item, owner: str, lease_s: float) -> Item:
    """Return the item as the claim leaves it."""
    return {**delivery, **_leased(delivery["sk"], owner, lease_s)}


def _leased(delivery_id: str, owner: str, lease_s: float) -> Item:
    until_s = clock.epoch_s() + lease_s
    return {
        "state": "delivering",
        "owner": owner,
        "leaseUntil": round(until_s * 1000),
        "updatedAt": clock.now(),
        **due.DELIVERIES.marks(delivery_id, until_s),
    }


def finished(activity: Table, delivery: Item, owner: str, result: Result) -> Update:
    """Return the write of what an attempt came to; its condition fails when the lease went to somebody else."""
    now = clock.now()
    sets: Item = {
        "state": result.state,
        "reason": result.reason,
        "attempts": delivery["attempts"] + result.was_tried,
        "parks": 0,
        "places": 0,
        "owner": "",
        "leaseUntil": 0,
        "nextAttemptAt": result.next_attempt_ms,
        "updatedAt": now,
        **({"lastStatus": result.status} if result.status else {}),
        **({f"{result.state}At": now} if result.state in ("delivered", "failed") else {}),
        **(_waiting(delivery, result.next_attempt_ms) if result.next_attempt_ms else {}),
    }
    removed = "" if result.next_attempt_ms else " REMOVE dueShard, dueAt"
    return Update(
        activity,
        {"pk": delivery["pk"], "sk": delivery["sk"]},
        "SET " + ", ".join(f"{name} = :{name}" for name in sets) + removed,
        {**sets, "me": owner, "delivering": "delivering"},
        "owner = :me AND state = :delivering",
    )


def _waiting(delivery: Item, next_ms: int) -> dict[str, str]:
    has_hint = hint_delay_s(delivery, next_ms) is not None
    return due.DELIVERIES.marks(delivery["sk"], next_ms / 1000 + (due.GRACE_S if has_hint else 0))


def hint_delay_s(delivery: Item, next_ms: int) -> int | None:
    """Return the delay of a hint of its own for that time; None = the sweeper sends it."""
    delay_s = max(0, math.ceil(next_ms / 1000 - clock.epoch_s() - ROUNDING_S))
    chained = delivery["attempts"] - delivery["roundFrom"] + delivery["places"]
    return delay_s if delay_s <= MAX_DELAY_S and chained < MOST_CHAINED else None


def parked(activity: Table, place: Key, delivery: Item | None, wait_s: float, reason: str) -> Update:
    """Return the write that leaves a delivery alone for a while; no attempt is used up. None = one not tried before.

    It gets no hint: the sweeper sends one in time. A test is not parked.
    """
    parks, attempts = (delivery["parks"], delivery["attempts"]) if delivery else (0, 0)
    until_s = clock.epoch_s() + wait_s
    sets: Item = {"parks": parks + 1, "places": 0, "nextAttemptAt": math.ceil(until_s * 1000)}
    sets |= due.DELIVERIES.marks(place["sk"], until_s)
    return _put_off(activity, place, sets, attempts, reason, ("parks", parks))


def park_s(parks: int, chance: float) -> float:
    """Return the wait before a host that is left alone is looked at again: doubling, and spread so that all do not."""
    shortest_s = min(FIRST_PARK_S * 2.0 ** min(parks, 10), LONGEST_PARK_S)
    return shortest_s * (1 + chance)


def reserved(activity: Table, delivery: Item, wait_s: float, reason: str) -> Update:
    """Return the write that has a delivery wait for its place under a throttle."""
    until_ms = math.ceil((clock.epoch_s() + wait_s) * 1000)
    sets: Item = {"places": delivery["places"] + 1, "nextAttemptAt": until_ms, **_waiting(delivery, until_ms)}
    place = {"pk": delivery["pk"], "sk": delivery["sk"]}
    return _put_off(activity, place, sets, delivery["attempts"], reason, ("places", delivery["places"]))


def has_place(delivery: Item) -> bool:
    """Say whether a delivery has taken its place under the throttle, and came when it was due."""
    late_ms = now_ms() - delivery["nextAttemptAt"]
    return bool(delivery["places"] >= 2 or (delivery["places"] == 1 and late_ms <= LATE_S * 1000))


def _put_off(activity: Table, place: Key, sets: Item, attempts: int, reason: str, read: tuple[str, int]) -> Update:
    name, value = read
    sets = {
        **sets,
        "state": "retrying" if attempts else "queued",
        "reason": reason,
        "owner": "",
        "updatedAt": clock.now(),
    }
    return Update(
        activity,
        place,
        "SET " + ", ".join(f"{each} = :{each}_set" for each in sets),
        {
            **{f"{each}_set": found for each, found in sets.items()},
            **_STATES,
            "now": now_ms(),
            "read": value,
            "attempts": attempts,
        },
        f"{_IS_FREE} AND {name} = :read AND attempts = :attempts AND attribute_not_exists(isTest)",
    )


def due_now(activity: Table, place: Key) -> Update:
    """Return the write that has the sweeper hint at a delivery at its next turn; refused where it has ended."""
    only_if = "attribute_exists(dueAt) AND leaseUntil = :free"
    return Update(activity, place, "SET dueAt = :now", {"now": clock.now(), "free": 0}, only_if)


def unsent(activity: Table, place: Key, state: str, reason: str) -> Update:
    """Return the write that ends a delivery whose subscription takes none now; a test is not skipped."""
    sets = {"state": state, "reason": reason, "owner": "", "updatedAt": clock.now()}
    return Update(
        activity,
        place,
        "SET " + ", ".join(f"{name} = :{name}_set" for name in sets) + " REMOVE dueShard, dueAt",
        {**{f"{name}_set": value for name, value in sets.items()}, **_STATES, "now": now_ms()},
        f"{_IS_FREE} AND attribute_not_exists(isTest)" if state == "skipped" else _IS_FREE,
    )
