"""The inbox of conflicts that no rule decides: each names one field of one document, with the base and both values.

An id follows from what the conflict is about: a page that is merged again finds its own, and a record that is read
again while nobody has decided brings the present values.

    id, integrationId, entityType, documentType, documentId, externalId, field ("" = the whole record), values (JSON
    text), status open|resolved, jobId, step, detectedAt, updatedAt, version, resolution?, resolvedAt?, resolvedBy?
"""

from collections.abc import Iterable, Mapping
from typing import Any

from hub.core import clock, jsontext
from hub.core.attributes import Item
from hub.core.caller import Tenant
from hub.core.clock import DAY_S
from hub.core.errors import BadRequest, NotFound
from hub.core.ids import hashed_id
from hub.core.tables import IS_NEW, IS_UNCHANGED, Put, Table, Tables, key, partition
from hub.documents import Unstorable
from hub.mapping.paths import MISSING
from hub.sync import jobs
from hub.sync.two_way.merge import WHOLE, Conflict

Json = dict[str, Any]

KIND = "conflict"
OPEN, RESOLVED, ALL = "open", "resolved", "all"
AGREED = "agreed"
# An open one waits for a decision for as long as it takes; a resolved one is kept like any other record.
_READ_AT_ONCE = 100
# Decided ones are looked through for those that wait: so many for one page of a list.
MOST_READ = 2000
MOST_BYTES = 300_000


def id_of(link_name: str, document_id: str, field: str) -> str:
    return hashed_id("cfl", f"{link_name}#{len(document_id)}#{document_id}#{field}")


def find(tables: Tables, tenant: Tenant, conflict_ids: Iterable[str]) -> dict[str, Item]:
    wanted = [key(tenant, KIND, conflict_id) for conflict_id in dict.fromkeys(conflict_ids)]
    return {item["sk"]: item for item in tables.activity.batch_get(wanted)} if wanted else {}


def get(tables: Tables, tenant: Tenant, conflict_id: str) -> Item:
    found = tables.activity.get(key(tenant, KIND, conflict_id))
    if found is None:
        raise NotFound("No sync conflict has this id in your tenant.")
    return found


def of_job(job: Item, link_name: str, document_id: str, external_id: str) -> Item:
    """Return what a conflict says of where it is, without what it is about."""
    return {
        "integrationId": job["integrationId"],
        "entityType": job["entityType"],
        "documentType": jobs.document_type(job),
        "documentId": document_id,
        "externalId": external_id,
        "linkName": link_name,
        "jobId": job["sk"],
    }


def raised(where: Item, tenant: Tenant, conflict: Conflict, before: Item | None, step: str) -> Item:
    """Return the item of an open conflict; one that is open already keeps when and by which step it was found."""
    now = clock.now()
    conflict_id = id_of(where["linkName"], where["documentId"], conflict.name)
    began = {"detectedAt": now, "step": step, "jobId": where["jobId"]}
    if before is not None and before["status"] == OPEN:
        began = {name: before[name] for name in began}
    return {
        **where,
        **key(tenant, KIND, conflict_id),
        **began,
        "field": conflict.name,
        "values": values_text(base=conflict.base, local=conflict.local, remote=conflict.remote),
        "status": OPEN,
        "updatedAt": now,
        "version": 1 + (before["version"] if before else 0),
    }


def settled(before: Item, resolution: str, by: str, keep_days: int) -> Item:
    """Return the item of a conflict that is decided."""
    now = clock.now()
    return {
        **before,
        "status": RESOLVED,
        "resolution": resolution,
        "resolvedAt": now,
        "resolvedBy": by,
        "updatedAt": now,
        "version": before["version"] + 1,
        "expiresEpochS": int(clock.epoch_s()) + keep_days * DAY_S,
    }


def write(table: Table, after: Item, before: Item | None) -> Put:
    """Return the write of a conflict, which fails where it is no longer as it was read."""
    if before is None:
        return Put(table, after, IS_NEW)
    return Put(table, after, IS_UNCHANGED, {"version_read": before["version"]})


def has_changed(before: Item | None, after: Item) -> bool:
    return before is None or any(before.get(name) != after[name] for name in ("status", "values", "externalId"))


def values_text(**values: Any) -> str:
    """Return the values as they are stored: one that is not there is left out, and the base of very large ones."""
    kept = {name: value for name, value in values.items() if value is not MISSING}
    text = jsontext.dump(kept)
    if len(text.encode()) <= MOST_BYTES:
        return text
    return jsontext.dump({name: value for name, value in kept.items() if name != "base"})


def must_fit(conflict: Conflict) -> None:
    """Raise Unstorable for a conflict whose values are too large to be kept until somebody decides."""
    size = len(values_text(base=conflict.base, local=conflict.local, remote=conflict.remote).encode())
    if size > MOST_BYTES:
        what = f"the field {conflict.name[:80]!r}" if conflict.name else "the record"
        reason = f"both sides changed {what}, and its values have {size} bytes"
        raise Unstorable(f"{reason}: a conflict may have {MOST_BYTES}")


def value_of(item: Mapping[str, Any], side: str) -> Any:
    """Return the value of `base`, `local` or `remote`; MISSING where the side has none."""
    return jsontext.load(item["values"]).get(side, MISSING)


def wanted(query: Mapping[str, str]) -> dict[str, str]:
    """Return which conflicts a list is asked for, by attribute; those that wait for a decision if nothing is said."""
    status = query.get("status", OPEN)
    if status not in (OPEN, RESOLVED, ALL):
        raise BadRequest(f"`status` must be {OPEN}, {RESOLVED} or {ALL}, found {status[:40]!r}.")
    asked = {"status": status if status != ALL else None, "integrationId": query.get("integrationId")}
    return {name: value for name, value in asked.items() if value is not None}


def page(
    tables: Tables, tenant: Tenant, wanted: Mapping[str, str], limit: int, after: str | None
) -> tuple[list[Item], str | None]:
    """Return up to `limit` conflicts whose attributes have the `wanted` values, by id, and where there may be more."""
    found: list[Item] = []
    here: str | None = after or "\u0000"
    for _ in range(0, MOST_READ, _READ_AT_ONCE):
        bounds = {"pk": partition(tenant, KIND), "after": here}
        read = tables.activity.query("pk = :pk AND sk > :after", bounds, limit=_READ_AT_ONCE)
        found += [item for item in read.items if all(item[name] == value for name, value in wanted.items())]
        here = read.items[-1]["sk"] if read.next_key else None
        if here is None or len(found) > limit:
            break
    return found[:limit], found[limit - 1]["sk"] if len(found) > limit else here


def view(item: Item) -> Json:
    """Return `{id, integrationId, ..., field, base, local, remote, status, ...}`; `field` null = the whole record."""
    values = jsontext.load(item["values"])
    shown = ("integrationId", "entityType", "documentType", "documentId", "externalId", "jobId", "status")
    return {
        "id": item["sk"],
        **{name: item[name] for name in shown},
        "kind": "delete" if item["field"] == WHOLE else "edit",
        "field": item["field"] or None,
        **{side: values.get(side) for side in ("base", "local", "remote")},
        "detectedAt": item["detectedAt"],
        "updatedAt": item["updatedAt"],
        **{name: item.get(name) for name in ("resolution", "resolvedAt", "resolvedBy")},
    }
