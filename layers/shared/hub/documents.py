"""Documents: what the hub stores of other systems' records, by tenant, type and external id.

Upserts are idempotent: a record whose content has the stored hash writes nothing, and a page that is run again after a
crash counts exactly as it did the first time: every document remembers the step that wrote it last, and what was there
before that step.
"""

import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from hashlib import blake2b
from typing import Any, Literal, NamedTuple, Self, TypeGuard

import orjson

from hub import document_reads, document_versions
from hub.core import clock
from hub.core.attributes import Item, decode_item
from hub.core.caller import Tenant
from hub.core.clock import DAY_S
from hub.core.errors import BadRequest, NotFound
from hub.core.journal import Change
from hub.core.tables import IS_NEW, IS_UNCHANGED, Key, Put, Table, key, partition

Json = dict[str, Any]
Outcome = Literal["created", "updated", "unchanged"]

MAX_CONTENT_BYTES = 300 * 1024
MAX_ID_BYTES = 512
# A larger raw record is not kept: with the content it would not fit into an item.
MAX_RAW_BYTES = 64 * 1024
# A write is stamped just before it is sent. Readers of the change stream stay this far behind the clock, so that no
# slower write can appear before a position they have passed.
SETTLE_S = 5
_TYPE = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,63}")
_WALKED_FIELDS = "pk, sk, origin, feed, source, touchedBy, updatedAt, deletedAt"
_ABSENT = ""  # the hash of a document that is not there


class Unstorable(Exception):
    """A document that cannot be stored; the text says why."""


class Incoming(NamedTuple):
    """A document on its way into the store, written as JSON once: `digest` is of `content`, whose keys are sorted.

    With the record it was made of, `raw`, the digest is of both.
    """

    id: str
    content: str
    digest: str
    raw: str = ""

    @classmethod
    def of(cls, document_id: str, content: Json, raw: Any = None) -> Self:
        """Return the document in the form that is stored; raises Unstorable."""
        if not _is_id(document_id):
            raise Unstorable(f"the id must have 1 to {MAX_ID_BYTES} bytes")
        try:
            text = orjson.dumps(content, option=orjson.OPT_SORT_KEYS)
        except orjson.JSONEncodeError as error:
            raise Unstorable(f"the content cannot be stored as JSON: {error}") from error
        if len(text) > MAX_CONTENT_BYTES:
            raise Unstorable(f"the content has {len(text)} bytes, at most {MAX_CONTENT_BYTES} are stored")
        beside = b"" if raw is None else _raw(raw)
        return cls(document_id, text.decode(), blake2b(text + beside, digest_size=16).hexdigest(), beside.decode())


def _raw(record: Any) -> bytes:
    """Return a record as it is kept beside its document, nothing of one that cannot be."""
    try:
        text = orjson.dumps(record, option=orjson.OPT_SORT_KEYS)
    except orjson.JSONEncodeError:
        return b""
    return text if len(text) <= MAX_RAW_BYTES else b""


@dataclass(frozen=True)
class Step:
    """Who writes: `origin` is kept with the document; `name` is unique per page of a run and the same when repeated.

    `feed` is which list of the origin it came from: what that list no longer has is gone. What a document was before
    is kept for `history_days`, 0 = not at all.
    """

    origin: str
    name: str
    feed: str = ""
    history_days: int = 0


def document_key(tenant: Tenant, document_type: str, document_id: str) -> Key:
    if not _TYPE.fullmatch(document_type):
        raise BadRequest(
            "A document type is 1 to 64 letters, digits, '.', '_' or '-'.", found=document_type[:80], where="type"
        )
    if not _is_id(document_id):
        raise BadRequest(f"A document id has 1 to {MAX_ID_BYTES} bytes.", where="id")
    return key(tenant, f"doc#{document_type}", document_id)


def _is_id(text: str) -> bool:
    return 1 <= len(text.encode(errors="replace")) <= MAX_ID_BYTES


def upsert(table: Table, tenant: Tenant, document_type: str, incoming: Sequence[Incoming], step: Step) -> list[Outcome]:
    """Store the records and return what became of each, in their order.

    One read for a page whose ids lie together, else one per 100 records; one batch write per 25 that changed. Ids may
    repeat: the last one stays.
    """
    pk = document_key(tenant, document_type, "-")["pk"]
    stored = document_reads.stored(table, pk, _ids(incoming))
    outcomes: list[Outcome] = ["unchanged"] * len(incoming)
    open_ = [index for index, record in enumerate(incoming) if not _is_there(stored.get(record.id), record, step)]
    if not open_:
        return outcomes
    # A record that comes twice is judged by what came before it.
    unclear = _ids(incoming[index] for index in open_)
    rest = [index for index, record in enumerate(incoming) if record.id in unclear]
    keys = {name: {"pk": pk, "sk": name} for name in unclear}
    before = {name: decode_item(stored[name]) for name in unclear & stored.keys()}
    decided, changed = decide(before, keys, [incoming[index] for index in rest], step)
    for index, outcome in zip(rest, decided, strict=True):
        outcomes[index] = outcome
    if step.history_days:
        document_versions.keep(table, [keys[name] for name in changed if name in before], step.history_days)
    table.batch_put(list(changed.values()))
    return outcomes


def are_there(
    table: Table, tenant: Tenant, document_type: str, pages: Sequence[tuple[Sequence[Incoming], Step]]
) -> list[bool]:
    """Say of each page whether an upsert of it, after those before it, would write nothing: one read for all of them.

    What is written must not be made of that read, which is old by then.
    """
    pk = document_key(tenant, document_type, "-")["pk"]
    ids = _ids(record for records, _ in pages for record in records)
    stored = document_reads.stored(table, pk, ids, document_reads.COMPARED_FIELDS)
    changing: set[str] = set()
    found: list[bool] = []
    for records, step in pages:
        found.append(all(_is_there(stored.get(each.id), each, step) and each.id not in changing for each in records))
        changing |= set() if found[-1] else _ids(records)
    return found


def _ids(records: Iterable[Incoming]) -> set[str]:
    return {record.id for record in records}


def _is_there(stored: Item | None, record: Incoming, step: Step) -> bool:
    """Say whether the very record is stored, by another step; the stored one is as DynamoDB gave it."""
    return stored is not None and stored["hash"]["S"] == record.digest and bool(stored["touchedBy"]["S"] != step.name)


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
        outcomes.append(_outcome(reached[record.id], record.digest))
        reached[record.id] = record.digest
    last, now = {record.id: record for record in incoming}, clock.now()
    return outcomes, {
        name: _next_item(stored.get(name), keys[name], record, step, now) | {"hashBefore": before[name]}
        for name, record in last.items()
        if record.digest != _hash(stored.get(name))
    }


def _outcome(before: str, digest: str) -> Outcome:
    if before == _ABSENT:
        return "created"
    return "unchanged" if before == digest else "updated"


def _hash(item: Item | None) -> str:
    return str(item["hash"]) if exists(item) else _ABSENT


def _hash_before(item: Item | None, step: Step) -> str:
    return str(item["hashBefore"]) if exists(item) and item["touchedBy"] == step.name else _hash(item)


def _next_item(before: Item | None, place: Key, document: Incoming, step: Step, now: str) -> Item:
    # What the source said last of a document's version stays, whoever writes: an older event must not overwrite it.
    guard = {"sourceVersion": before["sourceVersion"]} if before and "sourceVersion" in before else {}
    return {
        **guard,
        **({"feed": step.feed} if step.feed else _source(before)),
        **({"raw": document.raw} if document.raw else {}),
        **place,
        "content": document.content,
        "hash": document.digest,
        "version": 1 + (before["version"] if before else 0),
        "origin": step.origin,
        "touchedBy": step.name,
        "createdAt": before["createdAt"] if exists(before) else now,
        "updatedAt": now,
        "changeKey": f"{now}#{place['sk']}",
    }


def _source(before: Item | None) -> Json:
    """Return which list's owner a document was read by, which others have written since."""
    found = before and (before.get("source") or (before["origin"] if "feed" in before else None))
    return {"source": found} if found else {}


def get(table: Table, tenant: Tenant, document_type: str, document_id: str) -> Item:
    found = find(table, tenant, document_type, document_id)
    if not exists(found):
        raise NotFound("No document has this type and id in your tenant.")
    return found


def find(table: Table, tenant: Tenant, document_type: str, document_id: str) -> Item | None:
    """Return the stored item, which may be the tombstone of a deleted document."""
    return table.get(document_key(tenant, document_type, document_id))


def find_many(table: Table, tenant: Tenant, document_type: str, ids: Collection[str]) -> dict[str, Json]:
    """Return the contents of the documents that exist by id; one call per 100 ids, which may not repeat."""
    keys = [document_key(tenant, document_type, document_id) for document_id in ids]
    found = table.batch_get(keys, "pk, sk, content, deletedAt")
    return {item["sk"]: orjson.loads(item["content"]) for item in found if exists(item)}


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


def walk(table: Table, tenant: Tenant, document_type: str, limit: int, after_id: str) -> tuple[list[Item], str | None]:
    """Return who wrote the next documents by id and when, tombstones included, and the id to go on after, if any."""
    bounds = {"pk": partition(tenant, f"doc#{document_type}"), "after": after_id or "\u0000"}
    found = table.query("pk = :pk AND sk > :after", bounds, limit=limit, fields=_WALKED_FIELDS)
    return found.items, found.items[-1]["sk"] if found.items and found.next_key else None


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


def put(
    change: Change, document_type: str, document_id: str, content: Json, before: Item | None, keep_days: int = 0
) -> Item:
    """Add the write of a local edit to `change` and return the document as it will be; `before` is what `find` gave.

    What was there before is kept for `keep_days`, 0 = not at all.
    """
    try:
        document = Incoming.of(document_id, content)
    except Unstorable as fault:
        raise BadRequest(f"The document cannot be stored: {fault}.") from fault
    place, now = document_key(change.caller.tenant, document_type, document_id), clock.now()
    step = Step(f"user:{change.caller.actor}", f"edit#{now}")
    after = _next_item(before, place, document, step, now) | {"hashBefore": _hash(before)}
    after |= {"raw": before["raw"]} if before and "raw" in before else {}
    if before and keep_days:
        change.add(document_versions.keeping(change.tables.documents, before, keep_days))
    _add(change, after, before, "document.put", document_type)
    return after


def delete(change: Change, document_type: str, before: Item, keep_days: int) -> None:
    """Add a tombstone to `change`: the change stream shows the deletion for `keep_days`."""
    after = tombstone(before, Step(f"user:{change.caller.actor}", f"edit#{clock.now()}"), keep_days)
    _add(change, after, before, "document.deleted", document_type)


def tombstone(before: Item, step: Step, keep_days: int) -> Item:
    """Return what stays of a deleted document for `keep_days`."""
    now = clock.now()
    after = {name: value for name, value in before.items() if name not in ("content", "raw")}
    after |= {"version": before["version"] + 1, "deletedAt": now, "updatedAt": now, "hash": _ABSENT}
    after |= {"changeKey": f"{now}#{before['sk']}", "origin": step.origin, "touchedBy": step.name}
    return after | {"expiresEpochS": int(clock.epoch_s()) + keep_days * DAY_S}


def tombstoning(table: Table, before: Item, step: Step, keep_days: int) -> Put:
    """Return the write that deletes a document which is still as it was read."""
    after = tombstone(before, step, keep_days)
    return Put(table, after, IS_UNCHANGED, {"version_read": before["version"]})


def _add(change: Change, after: Item, before: Item | None, action: str, document_type: str) -> None:
    only_if, values = (IS_UNCHANGED, {"version_read": before["version"]}) if before else (IS_NEW, {})
    change.add(Put(change.tables.documents, after, only_if, values))
    change.audit(action, f"{document_type}/{after['sk']}", version=after["version"])
