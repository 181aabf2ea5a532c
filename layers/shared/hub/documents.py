"""Documents: what the hub stores of other systems' records, by tenant, type and external id.

Upserts are idempotent: a record whose content has the stored hash writes nothing, and a page that is run again after a
crash counts exactly as it did the first time: every document remembers the step that wrote it last, and what was there
before that step.
"""

import hashlib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, TypeGuard

import orjson

from hub.core import clock
from hub.core.attributes import Item
from hub.core.caller import Tenant
from hub.core.errors import BadRequest, NotFound
from hub.core.journal import DAY_S, Change
from hub.core.tables import IS_NEW, IS_UNCHANGED, Key, Put, Table, key, partition

Json = dict[str, Any]
Outcome = Literal["created", "updated", "unchanged"]

MAX_CONTENT_BYTES = 300 * 1024
MAX_ID_BYTES = 512
# A write is stamped just before it is sent. Readers of the change stream stay this far behind the clock, so that no
# slower write can appear before a position they have passed.
SETTLE_S = 5
_TYPE = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,63}")
_STORED_FIELDS = "pk, sk, hash, hashBefore, version, createdAt, touchedBy, deletedAt"
_ABSENT = ""  # the hash of a document that is not there


@dataclass(frozen=True)
class Incoming:
    """A mapped record on its way into the store."""

    id: str
    content: Json


@dataclass(frozen=True)
class Step:
    """Who writes: `origin` is kept with the document; `name` is unique per page of a run and the same when repeated."""

    origin: str
    name: str


def document_key(tenant: Tenant, document_type: str, document_id: str) -> Key:
    if not _TYPE.fullmatch(document_type):
        raise BadRequest(
            "A document type is 1 to 64 letters, digits, '.', '_' or '-'.", found=document_type[:80], where="type"
        )
    if not 1 <= len(document_id.encode(errors="replace")) <= MAX_ID_BYTES:
        raise BadRequest(f"A document id has 1 to {MAX_ID_BYTES} bytes.", where="id")
    return key(tenant, f"doc#{document_type}", document_id)


def fault_of(document_id: str, content: Json) -> str | None:
    """Say why a document cannot be stored, None when it can."""
    if not 1 <= len(document_id.encode(errors="replace")) <= MAX_ID_BYTES:
        return f"the id must have 1 to {MAX_ID_BYTES} bytes"
    try:
        size = len(orjson.dumps(content))
    except orjson.JSONEncodeError as error:
        return f"the content cannot be stored as JSON: {error}"
    return f"the content has {size} bytes, at most {MAX_CONTENT_BYTES} are stored" if size > MAX_CONTENT_BYTES else None


def upsert(table: Table, tenant: Tenant, document_type: str, incoming: Sequence[Incoming], step: Step) -> list[Outcome]:
    """Store the records and return what became of each, in their order.

    Per 100 records: one batch read, and one batch write per 25 that changed. Ids may repeat: the last one stays.
    """
    keys = {record.id: document_key(tenant, document_type, record.id) for record in incoming}
    stored = {item["sk"]: item for item in table.batch_get(list(keys.values()), _STORED_FIELDS)}
    outcomes, changed = decide(stored, keys, incoming, step)
    table.batch_put(list(changed.values()))
    return outcomes


def decide(
    stored: Mapping[str, Item], keys: Mapping[str, Key], incoming: Sequence[Incoming], step: Step
) -> tuple[list[Outcome], dict[str, Item]]:
    """Return each record's outcome and the items to write; nothing is written here.

    A document that this very step wrote before a crash is counted from what it was before the step.
    """
    before = {name: _hash_before(stored.get(name), step) for name in keys}
    reached = dict(before)
    outcomes: list[Outcome] = []
    for record in incoming:
        digest = content_hash(record.content)
        outcomes.append(_outcome(reached[record.id], digest))
        reached[record.id] = digest
    last = {record.id: record.content for record in incoming}
    return outcomes, {
        name: _next_item(stored.get(name), keys[name], content, reached[name], step) | {"hashBefore": before[name]}
        for name, content in last.items()
        if reached[name] != _hash(stored.get(name))
    }


def content_hash(content: Json) -> str:
    return hashlib.blake2b(orjson.dumps(content, option=orjson.OPT_SORT_KEYS), digest_size=16).hexdigest()


def _outcome(before: str, digest: str) -> Outcome:
    if before == _ABSENT:
        return "created"
    return "unchanged" if before == digest else "updated"


def _hash(item: Item | None) -> str:
    return str(item["hash"]) if exists(item) else _ABSENT


def _hash_before(item: Item | None, step: Step) -> str:
    return str(item["hashBefore"]) if exists(item) and item["touchedBy"] == step.name else _hash(item)


def _next_item(before: Item | None, place: Key, content: Json, digest: str, step: Step) -> Item:
    now = clock.now()
    return {
        **place,
        "content": orjson.dumps(content).decode(),
        "hash": digest,
        "version": 1 + (before["version"] if before else 0),
        "origin": step.origin,
        "touchedBy": step.name,
        "createdAt": _created_at(before, now),
        "updatedAt": now,
        "changeKey": f"{now}#{place['sk']}",
    }


def _created_at(before: Item | None, now: str) -> str:
    return str(before["createdAt"]) if exists(before) else now


def get(table: Table, tenant: Tenant, document_type: str, document_id: str) -> Item:
    found = find(table, tenant, document_type, document_id)
    if not exists(found):
        raise NotFound("No document has this type and id in your tenant.")
    return found


def find(table: Table, tenant: Tenant, document_type: str, document_id: str) -> Item | None:
    """Return the stored item, which may be the tombstone of a deleted document."""
    return table.get(document_key(tenant, document_type, document_id))


def exists(item: Item | None) -> TypeGuard[Item]:
    return item is not None and not item.get("deletedAt")


def list_page(
    table: Table, tenant: Tenant, document_type: str, limit: int, after_id: str | None
) -> tuple[list[Item], bool]:
    """Return up to `limit` documents after `after_id`, ordered by id, and whether there are more."""
    pk = document_key(tenant, document_type, "-")["pk"]
    found: list[Item] = []
    after = after_id or "\u0000"
    while len(found) <= limit:
        page = table.query("pk = :pk AND sk > :after", {"pk": pk, "after": after}, limit=limit + 1)
        found += filter(exists, page.items)
        if page.next_key is None:
            break
        after = page.items[-1]["sk"]
    return found[:limit], len(found) > limit


def changes(table: Table, tenant: Tenant, document_type: str, limit: int, after: str) -> tuple[list[Item], bool]:
    """Return up to `limit` documents changed after the position, oldest first, tombstones included."""
    document_key(tenant, document_type, "-")
    settled = f"{clock.iso(clock.epoch_s() - SETTLE_S)}#\uffff"
    if after >= settled:
        return [], False
    found = table.query(
        "pk = :pk AND changeKey BETWEEN :after AND :settled",
        {"pk": partition(tenant, f"doc#{document_type}"), "after": after + "\u0000", "settled": settled},
        index="changes",
        limit=limit + 1,
    )
    return found.items[:limit], len(found.items) > limit or found.next_key is not None


def put(change: Change, document_type: str, document_id: str, content: Json, before: Item | None) -> Item:
    """Add the write of a local edit to `change` and return the document as it will be; `before` is what `find` gave."""
    fault = fault_of(document_id, content)
    if fault:
        raise BadRequest(f"The document cannot be stored: {fault}.")
    place = document_key(change.caller.tenant, document_type, document_id)
    step = Step(f"user:{change.caller.actor}", f"edit#{clock.now()}")
    after = _next_item(before, place, content, content_hash(content), step) | {"hashBefore": _hash(before)}
    _add(change, after, before, "document.put", document_type)
    return after


def delete(change: Change, document_type: str, before: Item, keep_days: int) -> None:
    """Add a tombstone to `change`: the change stream shows the deletion for `keep_days`."""
    now = clock.now()
    after = {name: value for name, value in before.items() if name != "content"}
    after |= {"version": before["version"] + 1, "deletedAt": now, "updatedAt": now, "hash": ""}
    after |= {"changeKey": f"{now}#{before['sk']}", "origin": f"user:{change.caller.actor}", "touchedBy": f"edit#{now}"}
    after["expiresEpochS"] = int(clock.epoch_s()) + keep_days * DAY_S
    _add(change, after, before, "document.deleted", document_type)


def _add(change: Change, after: Item, before: Item | None, action: str, document_type: str) -> None:
    only_if, values = (IS_UNCHANGED, {"version_read": before["version"]}) if before else (IS_NEW, {})
    change.add(Put(change.tables.documents, after, only_if, values))
    change.audit(action, f"{document_type}/{after['sk']}", version=after["version"])


def view(item: Item) -> Json:
    """Return `{id, type, content, version, origin, createdAt, updatedAt}`, the form all of our own routes answer."""
    return {
        "id": item["sk"],
        "type": item["pk"].split("#", 2)[2],
        "content": orjson.loads(item["content"]),
        "version": item["version"],
        "origin": item["origin"],
        "createdAt": item["createdAt"],
        "updatedAt": item["updatedAt"],
    }


def change_view(item: Item) -> Json:
    """Return `{operation, id, type, version, origin, updatedAt, document?}`; a deletion has no document."""
    is_deletion = "deletedAt" in item
    change = {
        "operation": "delete" if is_deletion else "upsert",
        "id": item["sk"],
        "type": item["pk"].split("#", 2)[2],
        "version": item["version"],
        "origin": item["origin"],
        "updatedAt": item["updatedAt"],
    }
    return change if is_deletion else {**change, "document": view(item)}
