"""Compares what the hub says of its deliveries with what the receivers know."""

from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from hub.core import clock
from hub.core.attributes import Item
from hub.webhooks.deliveries import deliveries

if TYPE_CHECKING:
    from tests.proofs.delivery_world import DeliveryWorld

ROUNDING_S = 0.002


@dataclass
class Judged:
    """The faults, none of which may be, and beside them what shows that something has happened.

    `lost`: not ended, or said to be delivered and never accepted; `wrong`: ended as something else although the
    receiver had accepted it, or an end that does not fit its attempts; `unexplained`: a request that was not recorded
    although its worker lived, had its lease and could write; `early`: a request before its time or without a lease;
    `together`: two requests of one delivery at a time; `broke`: what the hub raised that it should not.
    """

    lost: list[str] = field(default_factory=list)
    wrong: list[str] = field(default_factory=list)
    unexplained: list[str] = field(default_factory=list)
    early: list[str] = field(default_factory=list)
    together: list[str] = field(default_factory=list)
    broke: list[str] = field(default_factory=list)
    duplicates: int = 0
    states: Counter[str] = field(default_factory=Counter)

    def faults(self) -> dict[str, list[str]]:
        """Return the faults by kind, an example or two of each; {} when all is well."""
        names = ("lost", "wrong", "unexplained", "early", "together", "broke")
        return {f"{len(getattr(self, name))} {name}": getattr(self, name)[:3] for name in names if getattr(self, name)}


def look_at_request(world: "DeliveryWorld", found: Item, timeout_s: float) -> None:
    """Note what is wrong with a request of this delivery that is about to go out."""
    now_s, early = world.turns.now_s, world.judged.early
    if found["nextAttemptAt"] > (now_s + ROUNDING_S) * 1000:
        early.append(f"{found['sk']} before nextAttemptAt")
    if found["state"] != "delivering" or found["leaseUntil"] < (now_s + timeout_s) * 1000:
        early.append(f"{found['sk']} in state {found['state']}, or without a lease for as long as it may take")
    for last in world.attempts(found)[-1:]:
        ended_s = clock.epoch_of(last["at"]) + last["durationMs"] / 1000
        delays_s = world.subscriptions[found["subscriptionId"]].retry.delays_s
        done = found["attempts"] - found["roundFrom"]
        if done > len(delays_s) or now_s < ended_s + delays_s[done - 1] - ROUNDING_S:
            early.append(f"{found['sk']} before the delay of its rule")


def look_at_end(world: "DeliveryWorld", item: Item) -> None:
    """Note what is wrong with a delivery now that all has ended."""
    judged, name = world.judged, f"{item['sk']} {item['state']}"
    receiver, rows = world.receiver_of(item), world.attempts(item)
    is_accepted = item["eventId"] in receiver.accepted
    judged.states[item["state"]] += 1
    if item["state"] not in deliveries.ENDED or (item["state"] == "delivered" and not is_accepted):
        judged.lost.append(name)
        return
    if is_accepted and item["state"] != "delivered":
        judged.wrong.append(f"{name} although it was accepted")
    if "dueShard" in item or [row["number"] for row in rows] != list(range(1, item["attempts"] + 1)):
        judged.wrong.append(f"{name} is still due, or has other attempts than it says")
    if (rows[-1]["outcome"] == "delivered" if rows else False) != (item["state"] == "delivered"):
        judged.wrong.append(f"{name} differs from its last attempt")
    _compare_requests(world, item, rows)


def _compare_requests(world: "DeliveryWorld", item: Item, rows: list[Item]) -> None:
    """Every request has its attempt, but those of workers that could not write it; no attempt is made up."""
    judged, requests = world.judged, world.receiver_of(item).requests.get(item["eventId"], [])
    reached = sum("could not be connected" not in row["error"] for row in rows)
    extra = len(requests) - reached
    judged.duplicates += max(0, extra)
    if extra < 0 or extra > world.unrecorded[item["sk"]]:
        judged.wrong.append(f"{item['sk']}: {len(requests)} requests, {reached} attempts")
    if any(request.webhook_id != item["eventId"] for request in requests):
        judged.wrong.append(f"{item['sk']}: another webhook-id")
