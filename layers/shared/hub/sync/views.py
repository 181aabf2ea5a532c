"""Sync jobs as the freight specification (S004, SyncJob Model) writes them, with what the hub knows beyond it."""

from typing import Any

from hub.core import jsontext
from hub.core.attributes import Item
from hub.core.caller import Tenant
from hub.core.clock import iso
from hub.sync import fuses
from hub.sync.jobs import PULL

Json = dict[str, Any]


def job(item: Item) -> Json:
    """Return S004's SyncJob with what the hub adds, see `hub.sync.models.SyncJob`."""
    counters = item["counters"]
    done = counters["created"] + counters["updated"] + counters["unchanged"] + counters["deleted"]
    return {
        "id": item["sk"],
        "tenantId": Tenant.of_item(item).id,
        "integrationId": item["integrationId"],
        "jobType": item["jobType"],
        "entityType": item["entityType"],
        "direction": item["direction"],
        "filters": jsontext.load(item["filters"]) if item.get("filters") else None,
        "status": item["status"],
        "startedAt": item.get("startedAt"),
        "completedAt": item.get("completedAt"),
        "totalRecords": item["total"] if item["total"] is not None else counters["read"],
        "processedRecords": counters["read"],
        "successRecords": done,
        "failedRecords": counters["rejected"],
        "errorLog": item["errors"],
        "createdAt": item["createdAt"],
        "createdBy": item["createdBy"],
        "endpointId": item["endpointId"],
        "connectorVersion": item["connectorVersion"],
        "params": _params(item),
        "partition": (item.get("partition") or {}).get("id"),
        "page": item["page"],
        "counters": counters,
        "incrementalFrom": item.get("incrementalFrom"),
        "stopReason": item.get("stopReason"),
        "nextAttemptAt": _next_attempt_at(item),
        "phase": item.get("phase", PULL),
        "phases": item.get("phases", [PULL]),
        "deletesHeld": fuses.count(item),
        "conflicts": item.get("conflicts", 0),
        "missedSlots": item.get("missedSlots", 0),
        **{name: item.get(name) for name in ("configId", "slot", "userId", "retryOf")},
    }


def _params(item: Item) -> Json:
    """Return what the caller gave, the parent that a list is read of among it."""
    params, only = jsontext.load(item["params"]), item.get("only")
    return {**params, only["param"]: only["value"]} if only else dict(params)


def _next_attempt_at(item: Item) -> str | None:
    """Return when a deferred job goes on; a new one waits for no time."""
    is_deferred = item["status"] == "PENDING" and item["nextAttemptAt"] > 0
    return iso(item["nextAttemptAt"] / 1000) if is_deferred else None


def log_line(item: Item) -> Json:
    """Return `{at, kind, page, message, ...facts}`."""
    facts: Json = jsontext.load(item["facts"])
    return {**facts, **{name: item[name] for name in ("at", "kind", "page", "message")}}
