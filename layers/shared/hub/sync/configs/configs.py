"""Sync configurations: what of an integration is synced, which way, how often, and who is right when both sides change.

An item of the config table, `key(tenant, "sync-config", scf_id)`:

    integrationId, name?, enabled, direction (pull, push, bidirectional), frequency (as given), timeZone, schedule (see
    `schedules`), anchorAt, given (the names of what the caller chose of all that can be derived), entity, endpointId?,
    writeEndpointId?, documentType, params (JSON text), fieldMappings, conflictResolution, fieldRules, deletes, mode,
    contract, keepRaw, history, userId?, nextSlot?, nextSyncAt?, dueShard?, dueAt? (while it is enabled),
    lastSyncAt?, lastStatus?, lastReason?, lastJobId?, lastSkippedSlot?, attempts, successes, failures,
    isDerived? (for an integration's own frequency, see `own_schedule`),
    version (of what the caller set), createdAt, createdBy, updatedAt, updatedBy

One that was deleted stays for a month without a schedule: a job that still runs notes its end there.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from hub.core import clock, jsontext
from hub.core.attributes import Item
from hub.core.caller import Tenant
from hub.core.clock import DAY_S
from hub.core.due import Family
from hub.core.errors import NotFound
from hub.core.expressions import setting
from hub.core.ids import new_id
from hub.core.journal import Change
from hub.core.tables import IS_NEW, IS_UNCHANGED, Put, Table, Tables, Update, Write, key, partition
from hub.sync.configs.schedules import Schedule

Json = dict[str, Any]

KIND = "sync-config"
DUE = Family("sync-config", 8)
KEPT_DAYS = 31
# What the hub finds where the caller does not name it; in the order of `choosing.Sought`.
DERIVED = ("entity", "endpointId", "writeEndpointId", "documentType")
# What a job keeps of its configuration, under the same names.
OF_JOBS = ("fieldMappings", "conflictResolution", "fieldRules", "deletes", "contract", "keepRaw", "history")
_OF_DELETED = ("deletedAt", "expiresEpochS")
UNSCHEDULED = ("nextSlot", "nextSyncAt", "dueShard", "dueAt")


class SyncConfigNotFound(NotFound):
    def __init__(self) -> None:
        super().__init__("No sync configuration has this id in your team.")


@dataclass(frozen=True)
class Wanted:
    """The fields of a configuration that a caller asks for, checked, with what the definition adds to them."""

    fields: Json
    schedule: Json


def get(config: Table, tenant: Tenant, config_id: str) -> Item:
    found = config.get(key(tenant, KIND, config_id))
    if found is None or not is_there(found):
        raise SyncConfigNotFound
    return found


def list_all(config: Table, tenant: Tenant, integration_id: str | None = None) -> list[Item]:
    found = config.query_all("pk = :pk", {"pk": partition(tenant, KIND)})
    return [each for each in found if is_there(each) and integration_id in (None, each["integrationId"])]


def is_there(config: Item) -> bool:
    return "integrationId" in config and "deletedAt" not in config


def create(change: Change, wanted: Wanted, derived_id: str = "") -> Item:
    """Add a new configuration to `change` and return it; one for an interval is due at once.

    `derived_id` is for one that the hub keeps for an integration's own frequency.
    """
    now = clock.now()
    place = key(change.caller.tenant, KIND, derived_id or new_id("scf"))
    item = {
        **place,
        "isDerived": bool(derived_id),
        **wanted.fields,
        "schedule": wanted.schedule,
        "anchorAt": now,
        "attempts": 0,
        "successes": 0,
        "failures": 0,
        "version": 1,
        "createdAt": now,
        "createdBy": change.caller.actor,
        "updatedAt": now,
        "updatedBy": change.caller.actor,
    }
    item |= _due(item) if item["enabled"] else {}
    change.add(Put(change.tables.config, item, IS_NEW))
    change.audit("sync_config.created", item["sk"], integrationId=item["integrationId"])
    return item


def update(change: Change, before: Item, wanted: Wanted) -> Item:
    """Add the changed configuration to `change` and return it; a new schedule counts from now on.

    One that was deleted is there again.
    """
    fields = {**wanted.fields, "schedule": wanted.schedule}
    is_rescheduled = wanted.schedule != before["schedule"] or fields["enabled"] != before["enabled"]
    stamp = {"updatedAt": clock.now(), "updatedBy": change.caller.actor, "version": before["version"] + 1}
    kept = {name: value for name, value in before.items() if name not in _OF_DELETED}
    after = {**kept, **fields, **stamp}
    if is_rescheduled:
        after = {name: value for name, value in after.items() if name not in UNSCHEDULED}
        after["anchorAt"] = clock.now()
        after |= _due(after) if after["enabled"] else {}
    change.add(_update(change.tables, before, after))
    changed = sorted(name for name in fields if before.get(name) != fields[name])
    change.audit("sync_config.updated", before["sk"], changed=changed)
    return after


def delete(change: Change, config: Item) -> None:
    """Add the deletion to `change`: nothing is due any more, and a job that runs goes on to its end."""
    after = {name: value for name, value in config.items() if name not in UNSCHEDULED}
    expires = int(clock.epoch_s()) + KEPT_DAYS * DAY_S
    gone = {"deletedAt": clock.now(), "enabled": False, "expiresEpochS": expires, "version": config["version"] + 1}
    change.add(_update(change.tables, config, {**after, **gone}))
    change.audit("sync_config.deleted", config["sk"], integrationId=config["integrationId"])


def log_attempt(change: Change, config: Item, *, success: bool) -> None:
    """Add to `change` that a sync was done elsewhere (spec S003, logSyncAttempt)."""
    status = "COMPLETED" if success else "FAILED"
    change.add(_noted(change.tables, config["pk"], config["sk"], status, "reported by the caller"))
    change.audit("sync_config.attempt_logged", config["sk"], success=success)


def begun(tables: Tables, config: Item, job_id: str) -> Update:
    """Return the write that notes a job which was not started by the schedule; it is no edit."""
    change, values = setting({"lastJobId": job_id})
    return Update(tables.config, {"pk": config["pk"], "sk": config["sk"]}, change, values, "attribute_exists(pk)")


def ended(tables: Tables, job: Item, status: str, message: str) -> list[Write]:
    """Return what the end of a job writes on its configuration; nothing for a job that has none, or was cancelled."""
    if not job.get("configId") or status == "CANCELLED":
        return []
    pk = partition(Tenant.of_item(job), KIND)
    return [_noted(tables, pk, job["configId"], status, message, job["sk"])]


def next_of(item: Item, slot_s: float | None) -> Json:
    """Return what makes a configuration due for a slot; nothing where there is no further one."""
    if slot_s is None:
        return {}
    due_s = Schedule.of(item).due_at(slot_s)
    return {"nextSlot": clock.iso(slot_s), "nextSyncAt": clock.iso(due_s), **DUE.marks(item["sk"], due_s)}


def params_of(config: Item) -> Json:
    params: Json = jsontext.load(config["params"])
    return params


def _due(item: Item) -> Json:
    return next_of(item, Schedule.of(item).first())


def _noted(tables: Tables, pk: str, sk: str, status: str, message: str, job_id: str = "") -> Update:
    """Return the write of how a sync was; it is no edit, so the version stays."""
    is_good = status == "COMPLETED"
    counted = "successes" if is_good else "failures"
    sets = {"lastStatus": status, "lastReason": None if is_good else message[:500]}
    sets |= {"lastSyncAt": clock.now()} if is_good else {}
    sets |= {"lastJobId": job_id} if job_id else {}
    change, values = setting(sets)
    return Update(
        tables.config, {"pk": pk, "sk": sk}, f"{change} ADD attempts :one, {counted} :one", {**values, "one": 1}
    )


def _update(tables: Tables, before: Item, after: Mapping[str, Any]) -> Update:
    changed = {name: value for name, value in after.items() if before.get(name) != value or name not in before}
    gone = sorted(before.keys() - after.keys())
    change, values = setting(changed)
    place = {"pk": before["pk"], "sk": before["sk"]}
    removes = f" REMOVE {', '.join(gone)}" if gone else ""
    return Update(tables.config, place, change + removes, {**values, "version_read": before["version"]}, IS_UNCHANGED)
