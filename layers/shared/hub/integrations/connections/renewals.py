"""Renewals: when a token is fetched before the present one ends, whether somebody calls or not.

One due item per connection with a refresh token, moved on from one renewal to the next:

    renewal   con_... (of a custom integration: int_...)   integrationId, generation, dueAt = when to look

It says when to look, nothing more: what is to be done says the token record, and the lease there keeps a renewal and
callers that renew on use apart. A hint is the item's id; that of a revocation has a dot in it (`revocations`).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from hub.core import clock, due
from hub.core.attributes import Item
from hub.core.caller import Tenant
from hub.core.clock import DAY_S
from hub.core.tables import Key, Put, Table, Update, key
from hub.integrations.connections.reasons import ACCESS_TOKEN_EXPIRED, ends_the_grant

KIND = "renewal"
# A token need not be renewed a moment sooner than the clock of another machine says.
EARLY_S, AFTER_LEASE_S = 1.0, 5.0
# A failure that nobody repairs is looked at no longer than this after the last token ended.
LONGEST_FAILING_S = 14 * DAY_S
KEPT_DAYS = 7


@dataclass(frozen=True)
class Verdict:
    """What is to be done now, and when to look again (epoch seconds).

    `reason` and `message` are to be noted on the connection.
    """

    do: Literal["renew", "wait", "end"]
    at_s: float = 0.0
    why: str = ""
    reason: str = ""
    message: str = ""


def renewal(activity: Table, connection: Item, renew_from_s: float) -> Put:
    """Return the write that has a connection's token renewed from then on, in place of any former such item."""
    facts = {name: connection[name] for name in ("integrationId", "generation")}
    return _put(activity, Tenant.of_item(connection), connection["sk"], facts, renew_from_s)


def renewal_of_custom(activity: Table, tenant: Tenant, integration_id: str, renew_from_s: float) -> Put:
    """Return the same for a custom integration, whose grant came from a browser flow."""
    return _put(activity, tenant, integration_id, {"integrationId": integration_id, "generation": 0}, renew_from_s)


def none(activity: Table, connection: Item) -> Update:
    """Return the write that ends the renewals of a connection, if there are any."""
    expires = {"expires": int(clock.epoch_s()) + KEPT_DAYS * DAY_S}
    place = place_of(Tenant.of_item(connection), connection["sk"])
    return Update(activity, place, "SET expiresEpochS = :expires REMOVE dueShard, dueAt", expires)


def settled(activity: Table, item: Item, verdict: Verdict) -> Update:
    """Return the write that moves an item on or ends it; it holds for this item, not for one made meanwhile."""
    place = {"pk": item["pk"], "sk": item["sk"]}
    same = {"generation": item["generation"], "made": item["madeAt"]}
    only_if = "generation = :generation AND madeAt = :made AND attribute_exists(dueShard)"
    if verdict.do == "end":
        values = {**same, "why": verdict.why, "expires": int(clock.epoch_s()) + KEPT_DAYS * DAY_S}
        change = "SET endedFor = :why, expiresEpochS = :expires REMOVE dueShard, dueAt"
        return Update(activity, place, change, values, only_if)
    later = due.CONNECTIONS.marks(item["sk"], verdict.at_s)["dueAt"]
    return Update(activity, place, "SET dueAt = :later", {**same, "later": later}, only_if)


def judge(record: Item | None, now_s: float) -> Verdict:
    """Say what a token record wants; nothing of it is decrypted."""
    if record is None or "fields" not in record:
        return Verdict("end", why="there is no token")
    if "endsS" not in record:
        return Verdict("end", why="the token has no end")
    if "refreshToken" not in record["fields"]:
        return _judge_last(record, now_s)
    if now_s < record["renewFromS"] - EARLY_S:
        return Verdict("wait", record["renewFromS"])
    if record.get("leaseUntilS", 0.0) > now_s:
        return Verdict("wait", record["leaseUntilS"] + AFTER_LEASE_S)
    return _judge_failure(record, now_s)


def _judge_last(record: Item, now_s: float) -> Verdict:
    """Without a refresh token the present token is the last: when it ends, the user must know."""
    if now_s < record["endsS"]:
        return Verdict("wait", record["endsS"])
    return Verdict("end", why="there is no refresh token", reason=ACCESS_TOKEN_EXPIRED)


def _judge_failure(record: Item, now_s: float) -> Verdict:
    failure = record.get("failure")
    if failure is None:
        return Verdict("renew")
    told = {"reason": failure.get("reason", ""), "message": failure["message"]}
    if ends_the_grant(told["reason"]):
        return Verdict("end", why="the grant has ended", **told)
    if now_s > record["endsS"] + LONGEST_FAILING_S:
        return Verdict("end", why="it failed for too long", **told)
    is_early = now_s < failure["until_s"] - EARLY_S
    return Verdict("wait", failure["until_s"], **told) if is_early else Verdict("renew")


def place_of(tenant: Tenant, record_id: str) -> Key:
    return key(tenant, KIND, record_id)


def _put(activity: Table, tenant: Tenant, record_id: str, facts: Mapping[str, Any], renew_from_s: float) -> Put:
    marks = due.CONNECTIONS.marks(record_id, renew_from_s)
    return Put(activity, {**place_of(tenant, record_id), **facts, "madeAt": clock.now(), **marks})
