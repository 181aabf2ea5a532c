"""Writing edits: documents end as the edits say, in any order of workers, and a repeat changes nothing.

What several edits of one event make of a document is folded in memory and written once, on condition that the document
is as it was read; where it is not, it is read and decided again. A document of a guarded rule carries `sourceVersion`,
the highest version that an event has named: an older event is stale. It is kept by whatever else writes the document
(syncs and users, whose content counts as that version's) and by its tombstone, so that a late event cannot bring a
deleted document back. Events of the same version overwrite each other.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby

import orjson

from hub import documents
from hub.core import clock
from hub.core.attributes import Item
from hub.core.caller import Tenant
from hub.core.chunks import chunks
from hub.core.tables import IS_NEW, ConditionFailed, Contended, Key, Put, Tables, Update, Write
from hub.documents import Incoming, Step, Unstorable
from hub.mapping.paths import PathFailed
from hub.webhooks.inbound.edits import Edit, Number, Result, merged

# One transaction takes 100 items and 4 MB; a document has up to 300 KB.
MOST_TOGETHER = 25
MAX_BYTES_TOGETHER = 3_000_000
PAGE = 500
ROUNDS = 8
_CONTENDED = "Others change the same documents right now."


@dataclass(frozen=True)
class Store:
    """Where a tenant's documents are written, and as whose step."""

    tables: Tables
    tenant: Tenant
    step: Step
    keep_days: int

    def apply(self, edits: Sequence[Edit]) -> list[Result]:
        """Write the edits and return what became of each, in their order by document type; raises Contended."""
        results: list[Result] = []
        for document_type, of_type in groupby(sorted(edits, key=_type), key=_type):
            group = list(of_type)
            apply = self._replace if all(edit.is_plain for edit in group) else self._fold
            results += apply(document_type, group)
        return results

    def _replace(self, document_type: str, edits: Sequence[Edit]) -> list[Result]:
        """Write documents whatever is there: pages of reads and batches of writes."""
        results: list[Result] = []
        incoming: list[tuple[Edit, Incoming]] = []
        for edit in edits:
            try:
                incoming.append((edit, Incoming.of(edit.document_id, edit.content or {})))
            except Unstorable as fault:
                results.append(edit.result("failed", str(fault)))
        table = self.tables.documents
        for start in range(0, len(incoming), PAGE):
            page = incoming[start : start + PAGE]
            outcomes = documents.upsert(table, self.tenant, document_type, [each for _, each in page], self.step)
            results += [edit.result(outcome) for (edit, _), outcome in zip(page, outcomes, strict=True)]
        return results

    def _fold(self, document_type: str, edits: Sequence[Edit]) -> list[Result]:
        """Write what the edits make of the documents as they are, each on its condition, until all conditions held."""
        by_id: dict[str, list[Edit]] = {}
        for edit in edits:
            by_id.setdefault(edit.document_id, []).append(edit)
        keys = {name: documents.document_key(self.tenant, document_type, name) for name in by_id}
        results: list[Result] = []
        for _ in range(ROUNDS):
            stored = {item["sk"]: item for item in self.tables.documents.batch_get([keys[name] for name in by_id])}
            folded = {name: fold(stored.get(name), keys[name], group, self) for name, group in by_id.items()}
            refused = self._write({name: each.write for name, each in folded.items() if each.write})
            results += [result for name, each in folded.items() if name not in refused for result in each.results]
            by_id = {name: group for name, group in by_id.items() if name in refused}
            if not by_id:
                return results
        raise Contended(_CONTENDED)

    def _write(self, writes: Mapping[str, Write]) -> set[str]:
        """Write the documents, many in a transaction; return the ids of those that had changed meanwhile."""
        refused: set[str] = set()
        for names in _together(writes):
            try:
                self.tables.write(*(writes[name] for name in names))
            except (ConditionFailed, Contended):
                refused |= {name for name in names if len(names) == 1 or not self._written(writes[name])}
        return refused

    def _written(self, write: Write) -> bool:
        try:
            self.tables.write(write)
        except (ConditionFailed, Contended):
            return False
        return True


@dataclass(frozen=True)
class Folded:
    results: list[Result]
    write: Write | None


@dataclass
class _Document:
    """A document while edits are folded into it; `content` is None where there is none."""

    content: str | None
    digest: str
    version: Number | None


def fold(stored: Item | None, place: Key, edits: Sequence[Edit], store: Store) -> Folded:
    """Return what edits of one document make of it, in their order: their results and the one write, if any."""
    there = documents.exists(stored)
    is_repeat = stored is not None and stored["touchedBy"] == store.step.name
    reached = _before(stored, is_repeat=is_repeat)
    now = _Document(
        stored["content"] if stored and there else None,
        stored["hash"] if stored else "",
        (stored or {}).get("sourceVersion"),
    )
    first, results = reached, []
    for edit in edits:
        result, reached = _folded(now, edit, reached)
        results.append(result)
    return Folded(results, _write_of(stored, place, now, first, store))


def _before(stored: Item | None, *, is_repeat: bool) -> str:
    """Return the digest before this step: a repeat tells the same as the first time."""
    if stored is None:
        return ""
    return str(stored["hashBefore"] if is_repeat else stored["hash"])


def _folded(now: _Document, edit: Edit, reached: str) -> tuple[Result, str]:
    """Put one edit into the document; return its result and the digest that it leads to."""
    if edit.version is not None and now.version is not None and edit.version < now.version:
        return edit.result("stale"), reached
    try:
        document = _next(now, edit)
    except (Unstorable, PathFailed) as fault:
        return edit.result("failed", str(fault)), reached
    now.version = now.version if edit.version is None else edit.version
    now.content, now.digest = (document.content, document.digest) if document else (None, "")
    if document is None:
        return edit.result("deleted" if reached else "missing"), ""
    outcome = "created" if not reached else "unchanged" if reached == document.digest else "updated"
    return edit.result(outcome), document.digest


def _next(now: _Document, edit: Edit) -> Incoming | None:
    """Return the document after the edit, None after a deletion; raises Unstorable and PathFailed."""
    if edit.content is None:
        return None
    if edit.targets is None:
        return Incoming.of(edit.document_id, edit.content)
    return Incoming.of(edit.document_id, merged(orjson.loads(now.content or "{}"), edit))


def _write_of(stored: Item | None, place: Key, now: _Document, first: str, store: Store) -> Write | None:
    """Return the write that a changed document needs; one whose version alone is new is no change of the document."""
    guard = {} if now.version is None else {"sourceVersion": now.version}
    is_newer = now.version != (stored or {}).get("sourceVersion")
    if now.digest == (stored["hash"] if stored else ""):
        if not is_newer:
            return None
        return _advance(stored, guard, store) if stored else _put(stored, _absent(place, store) | guard, store)
    if now.content is not None:
        item = _item(stored, place, now, store)
    elif stored is not None:
        item = documents.tombstone(stored, store.step, store.keep_days)
    else:
        return None
    return _put(stored, {**item, **guard, "hashBefore": first}, store)


def _item(stored: Item | None, place: Key, now: _Document, store: Store) -> Item:
    document = Incoming(place["sk"], now.content or "", now.digest)
    before = {} if stored is None else {place["sk"]: stored}
    nameless = Step(store.step.origin, store.step.name)
    _, items = documents.decide(before, {place["sk"]: place}, [document], nameless)
    return items[place["sk"]]


def _absent(place: Key, store: Store) -> Item:
    """Return the tombstone of a document that never was: an event older than its deletion may still come."""
    now = clock.now()
    before = {**place, "version": 0, "createdAt": now, "hash": "", "hashBefore": ""}
    return documents.tombstone(before, store.step, store.keep_days)


def _put(stored: Item | None, item: Item, store: Store) -> Put:
    only_if, values = _as_read(stored)
    return Put(store.tables.documents, item, only_if, values)


def _advance(stored: Item, guard: Mapping[str, Number], store: Store) -> Update:
    """Return the write of a new version of the same content; it also ends what another step could count again."""
    only_if, values = _as_read(stored)
    changed = {**guard, "touched": store.step.name, "hash_now": stored["hash"]}
    where = {"pk": stored["pk"], "sk": stored["sk"]}
    change = "SET sourceVersion = :sourceVersion, touchedBy = :touched, hashBefore = :hash_now"
    return Update(store.tables.documents, where, change, {**changed, **values}, only_if)


def _as_read(stored: Item | None) -> tuple[str, dict[str, object]]:
    """Return the condition that nobody has written the document since; a sync's writes do not count versions alone."""
    if stored is None:
        return IS_NEW, {}
    only_if = "version = :version_read AND hash = :hash_read AND updatedAt = :updated_read"
    values = {"version_read": stored["version"], "hash_read": stored["hash"], "updated_read": stored["updatedAt"]}
    if "sourceVersion" not in stored:
        return f"{only_if} AND attribute_not_exists(sourceVersion)", values
    return f"{only_if} AND sourceVersion = :source_read", {**values, "source_read": stored["sourceVersion"]}


def _together(writes: Mapping[str, Write]) -> Iterator[list[str]]:
    """Yield the ids of documents that fit into one transaction."""
    return chunks(writes, MOST_TOGETHER, MAX_BYTES_TOGETHER, lambda name: _most_bytes(writes[name]))


def _most_bytes(write: Write) -> int:
    return len(write.item.get("content", "")) * 4 if isinstance(write, Put) else 0


def _type(edit: Edit) -> str:
    return edit.document_type
