"""What should have been done long ago and is not: in a hub that works, nothing.

The due index says since when an item waits for somebody to touch it; a retry, a lease and a place behind others of the
same `orderingKey` are not that.
"""

from typing import Any

from hub.core import clock, due
from hub.core.attributes import Item
from hub.core.caller import Tenant
from hub.core.tables import Tables, partition
from hub.webhooks.deliveries import lanes

Json = dict[str, Any]

OVERDUE_S = 900
MOST_SHOWN = 100
FAMILIES = (due.DELIVERIES, due.INBOUND, due.EVENTS)
_SWEPT_AHEAD_S = due.AHEAD_S + due.AGAIN_AFTER_S
_FIELDS = "pk, sk, subscriptionId, endpointId, state, reason, attempts, lane, orderingKey, createdAt, receivedAt, dueAt"


def stuck(tables: Tables, tenant: Tenant) -> Json:
    """Return `{items: [...], total}`: the tenant's open items that are overdue, the longest overdue first."""
    found = [item for family in FAMILIES for item in _overdue(tables, tenant, family)]
    found.sort(key=due.overdue_since)
    shown = _whole(tables, found[:MOST_SHOWN])
    blocked = [item for item in shown if not _waits_in_lane(tables, tenant, item)]
    return {"items": [_view(item) for item in blocked], "total": len(found) - len(found[:MOST_SHOWN]) + len(blocked)}


def _overdue(tables: Tables, tenant: Tenant, family: due.Family) -> list[Item]:
    """The index knows no tenants: the items of the others are left out by their keys."""
    now, own = clock.epoch_s(), partition(tenant, "")
    found = due.overdue(tables.activity, family, now + _SWEPT_AHEAD_S)
    return [item for item in found if item["pk"].startswith(own) and due.overdue_since(item) < now - OVERDUE_S]


def _whole(tables: Tables, keys: list[Item]) -> list[Item]:
    """Return the items that are still open; the index lags behind the table."""
    found = tables.activity.batch_get([{"pk": each["pk"], "sk": each["sk"]} for each in keys], _FIELDS)
    return sorted((item for item in found if "dueAt" in item), key=due.overdue_since)


def _waits_in_lane(tables: Tables, tenant: Tenant, item: Item) -> bool:
    if "lane" not in item:
        return False
    scope = item.get("subscriptionId", lanes.EVENTS)
    head = lanes.head(tables.coordination, tenant, scope, item["lane"])
    return head is not None and head.id.rpartition("/")[2] != item["sk"]


def _view(item: Item) -> Json:
    kind = item["pk"].split("#")[1]
    return {
        "kind": "received" if kind == "inbound" else kind,
        "id": item["sk"],
        "subscriptionId": item.get("subscriptionId"),
        "endpointId": item.get("endpointId"),
        "state": item["state"],
        "reason": item.get("reason") or None,
        "attempts": item.get("attempts", 0),
        "createdAt": item.get("receivedAt") or item["createdAt"],
        "overdueSince": clock.iso(due.overdue_since(item)),
    }
