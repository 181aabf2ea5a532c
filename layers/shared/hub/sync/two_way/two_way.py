"""The pull of a sync that goes both ways: a page's records are merged into their documents, field by field.

A document, its link and its conflicts are written in one transaction that fails where anybody has changed one of them
in the meantime; then the merge is made again with what is there now. What the provider lacks is left to the push.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

import orjson

from hub import document_versions, documents
from hub.core import clock, jsontext
from hub.core.attributes import Item
from hub.core.errors import Unavailable
from hub.core.ids import hashed_id
from hub.core.tables import IS_NEW, IS_UNCHANGED, ConditionFailed, Contended, Put, Tables, Write
from hub.documents import Incoming, Step
from hub.sync import jobs
from hub.sync.push import state as push_state
from hub.sync.two_way import conflicts
from hub.sync.two_way.links import Link, Links, bundles
from hub.sync.two_way.merge import WHOLE, Conflict, Merged, changed, merge
from hub.sync.two_way.nested import with_own
from hub.sync.two_way.terms import Terms, terms_of

Json = dict[str, Any]

AT_ONCE = 50
# Conflicts of one document in one transaction with it.
MOST_TOLD = 80
TRIES = 5


def is_two_way(job: Mapping[str, Any]) -> bool:
    """Say whether what a job pulls is merged with what it will push."""
    return bool(job.get("isTwoWay")) or set(jobs.BOTH) <= set(job.get("phases") or ())


def of_job(tables: Tables, job: Item, definition: str, keep_days: int) -> "TwoWay":
    """Return who merges a job's records into their documents, by the definition that it runs."""
    return TwoWay(tables, job, terms_of(job, jsontext.load(definition)), keep_days)


@dataclass(frozen=True)
class Stored:
    """What became of each record, in order, why some were refused, and how many conflicts this step has raised.

    A fault is `{externalId, reason}`, as a job's errors name it.
    """

    outcomes: list[str]
    faults: list[Json] = field(default_factory=list)
    conflicts: int = 0

    def plus(self, other: "Stored") -> "Stored":
        return Stored(self.outcomes + other.outcomes, self.faults + other.faults, self.conflicts + other.conflicts)


@dataclass
class Side:
    """One document while a page is merged: as it was read, and as it is to be."""

    document_id: str
    item: Item | None
    former: Link | None
    link: Link
    content: Json | None
    open: dict[str, Conflict] = field(default_factory=dict)
    is_owed: bool = False
    is_held: bool = False

    @classmethod
    def read(cls, document_id: str, item: Item | None, former: Link | None) -> "Side":
        content = orjson.loads(item["content"]) if documents.exists(item) else None
        return cls(document_id, item, former, former or Link(document_id), content)

    @property
    def was_open(self) -> set[str]:
        return set(self.former.conflicts) if self.former else set()

    @property
    def has_changed(self) -> bool:
        return self.former is None or self.link != self.former


@dataclass(frozen=True)
class TwoWay:
    """Merges records into documents for one job; `step` names the page, so that it counts once."""

    tables: Tables
    job: Item
    terms: Terms
    keep_days: int

    @cached_property
    def links(self) -> Links:
        return Links.of_job(self.tables, self.job)

    @cached_property
    def _pushed_to(self) -> str:
        """Where the push of this job begins in the stream of changes."""
        return push_state.begins_at(self.tables, self.job)

    def store(self, incoming: Sequence[Incoming], step: Step) -> Stored:
        """Merge the records into their documents; raises Unavailable where others never stop changing the same ones."""
        done = Stored([])
        for start in range(0, len(incoming), AT_ONCE):
            done = done.plus(self._chunk(incoming[start : start + AT_ONCE], step))
        return done

    def _chunk(self, incoming: Sequence[Incoming], step: Step) -> Stored:
        for _ in range(TRIES):
            try:
                return self._once(incoming, step)
            except (ConditionFailed, Contended):
                continue  # somebody edited a document between the reading and the writing
        raise Unavailable("The documents of this page are being changed by others at this moment.")

    def _once(self, incoming: Sequence[Incoming], step: Step) -> Stored:
        names = self._names(incoming)
        sides = self.sides(set(names))
        merged: list[Incoming | None] = []
        faults: dict[int, Json] = {}
        settled: dict[str, Side] = {}
        for index, (record, name) in enumerate(zip(incoming, names, strict=True)):
            side = replace(sides[name])  # what cannot be stored leaves no trace: a base would say that both sides agree
            try:
                merged.append(self._merged(side, record))
                sides[name] = settled[name] = side
            except documents.Unstorable as fault:
                faults[index] = {"externalId": record.id, "reason": str(fault)}
                merged.append(None)
                if sides[name].link.is_live:
                    sides[name] = settled[name] = _held(sides[name])
        decided, items = self._decided(sides, [record for record in merged if record is not None], step)
        found = iter(decided)
        outcomes = [
            "rejected" if index in faults else "unchanged" if record is None else str(next(found))
            for index, record in enumerate(merged)
        ]
        return Stored(outcomes, list(faults.values()), self.write(settled.values(), items, step))

    def _names(self, incoming: Sequence[Incoming]) -> list[str]:
        """Return the id of each record's document: the linked one, else its own, unless that is another record's."""
        known = self.links.documents_of(record.id for record in incoming)
        free = [record.id for record in incoming if record.id not in known]
        taken = {name for name, link in self.links.find(free).items() if link.is_live and link.external_id}
        mine = self.job["integrationId"]
        return [
            known.get(record.id) or (hashed_id("doc", f"{mine}#{record.id}") if record.id in taken else record.id)
            for record in incoming
        ]

    def sides(self, names: Iterable[str]) -> dict[str, Side]:
        """Return documents with their links, as they are now."""
        ids = list(names)
        places = {name: documents.document_key(self.links.tenant, jobs.document_type(self.job), name) for name in ids}
        read = self.tables.documents.batch_get([*places.values(), *map(self.links.place, ids)])
        kept = {place["pk"] for place in places.values()}
        items = {item["sk"]: item for item in read if item["pk"] in kept}
        found = self.links.parsed(item for item in read if item["pk"] not in kept)
        return {name: Side.read(name, items.get(name), found.get(name)) for name in ids}

    def _merged(self, side: Side, record: Incoming) -> Incoming | None:
        """Merge a record into its side; return the document to store, None where it stays deleted."""
        merged = self.merge(side, orjson.loads(record.content))
        for conflict in merged.open:
            conflicts.must_fit(conflict)
        outcome = side.link.outcome if side.link.is_live else ""
        side.link = replace(side.link, external_id=record.id, outcome=outcome)
        self.keep(side, merged)
        if merged.local is None:
            return None
        rest = {name: value for name, value in (side.content or {}).items() if name not in self.terms.shared({name: 0})}
        side.content = {**rest, **merged.local}
        raw = orjson.loads(record.raw) if record.raw else None
        return Incoming.of(side.document_id, side.content, raw)

    def merge(self, side: Side, remote: Json | None) -> Merged:
        """Return what becomes of a side and the provider's record, None = deleted."""
        base = self._base(side.link, remote) if side.link.is_live else {}
        local = None if side.content is None else self.terms.shared(side.content)
        if local is None and not side.link.is_live:
            local = {}  # new here
        if local and remote is not None:
            base, remote = (with_own(each, local, self.terms.parts) for each in (base, remote))
        rules = self.terms.rules([*(local or {}), *(remote or {}), *base])
        return merge(base, local, remote, rules)

    def _base(self, link: Link, remote: Json | None) -> Json:
        """Return what both sides knew of the fields that are read as they were then."""
        return dict(link.base) if remote is None else self.terms.agreed(link.base, link.marks)

    def keep(self, side: Side, merged: Merged) -> None:
        """Note in a side what its link and its conflicts will be."""
        side.is_held, side.open = False, {conflict.name: conflict for conflict in merged.open}
        marks, open_ = self.terms.marked(merged.base), tuple(sorted(side.open))
        side.link = replace(side.link, base=merged.base, marks=marks, conflicts=open_)
        side.is_owed = self._is_owed(merged)

    def _is_owed(self, merged: Merged) -> bool:
        """Say whether the provider is to be written to: it lacks a change, or has a record that is deleted here."""
        if any(conflict.name == WHOLE for conflict in merged.open):
            return False
        if merged.local is None:
            return bool(merged.conflicts)
        names = self.terms.told(merged.base, merged.local) - {conflict.name for conflict in merged.open}
        return bool(changed(merged.base, merged.local, names))

    def _decided(
        self, sides: Mapping[str, Side], incoming: Sequence[Incoming], step: Step
    ) -> tuple[Sequence[str], dict[str, Item]]:
        stored = {name: side.item for name, side in sides.items() if side.item is not None}
        kind = jobs.document_type(self.job)
        keys = {record.id: documents.document_key(self.links.tenant, kind, record.id) for record in incoming}
        return documents.decide(stored, keys, incoming, step)

    # What is written

    def write(self, sides: Iterable[Side], items: Mapping[str, Item], step: Step) -> int:
        """Write the documents with their links and conflicts; return how many conflicts this step has raised."""
        every = list(sides)
        known = self._conflicts_of(every)
        raised = 0
        groups: list[Sequence[Write]] = []
        for side in every:
            inbox = list(self._inbox(side, known, step))
            raised += sum(after["step"] == step.name and after["status"] == conflicts.OPEN for after, _ in inbox)
            told = list(self._told(inbox))
            # Conflicts alone mean nothing: those for which there is no room beside the document go before it.
            groups += [told[start : start + MOST_TOLD] for start in range(MOST_TOLD, len(told), MOST_TOLD)]
            document = self._of_document(side, items.get(side.document_id), step)
            groups.append([*document, *self._of_link(side), *told[:MOST_TOLD]])
        for writes in bundles(group for group in groups if group):
            self.tables.write(*writes)
        return raised

    def _conflicts_of(self, sides: Sequence[Side]) -> dict[str, Item]:
        named = ((side.document_id, name) for side in sides for name in {*side.open, *side.was_open})
        ids = (conflicts.id_of(self.links.name, document_id, name) for document_id, name in named)
        return conflicts.find(self.tables, self.links.tenant, ids)

    def _inbox(self, side: Side, known: Mapping[str, Item], step: Step) -> Iterator[tuple[Item, Item | None]]:
        """Yield the conflicts of a document as they are to be, each with what it was."""
        if side.is_held:
            return  # it could not be merged: what was open stays so
        where = conflicts.of_job(self.job, self.links.name, side.document_id, side.link.external_id)
        for conflict in side.open.values():
            before = known.get(conflicts.id_of(self.links.name, side.document_id, conflict.name))
            yield conflicts.raised(where, self.links.tenant, conflict, before, step.name), before
        for name in side.was_open - side.open.keys():
            before = known.get(conflicts.id_of(self.links.name, side.document_id, name))
            if before is not None and before["status"] == conflicts.OPEN:
                yield conflicts.settled(before, conflicts.AGREED, f"job:{self.job['sk']}", self.keep_days), before

    def _of_link(self, side: Side) -> Iterator[Write]:
        if side.has_changed:
            yield from self.links.writes(side.link, side.former)

    def _told(self, inbox: Sequence[tuple[Item, Item | None]]) -> Iterator[Write]:
        for after, before in inbox:
            if conflicts.has_changed(before, after):
                yield conflicts.write(self.tables.activity, after, before)

    def _of_document(self, side: Side, after: Item | None, step: Step) -> Iterator[Write]:
        """Yield the write of a document; one that stays as it is and is owed comes into the stream of changes again."""
        table, before = self.tables.documents, side.item
        if after is None and side.is_owed and before is not None and before["changeKey"] <= self._pushed_to:
            after = touched(before)
        if after is None:
            return
        if before is not None and step.history_days:
            yield document_versions.keeping(table, before, step.history_days)
        only_if, values = (IS_UNCHANGED, {"version_read": before["version"]}) if before else (IS_NEW, {})
        yield Put(table, after, only_if, values)


def _held(side: Side) -> Side:
    """Return a side whose record could not be merged into it: the push must not send the document over it."""
    open_ = tuple(sorted({*side.link.conflicts, WHOLE}))
    return replace(side, is_held=True, link=replace(side.link, conflicts=open_))


def touched(item: Item) -> Item:
    """Return a document, or its tombstone, as one that has just changed: the next push looks at it."""
    now = clock.now()
    return {**item, "version": item["version"] + 1, "updatedAt": now, "changeKey": f"{now}#{item['sk']}"}
