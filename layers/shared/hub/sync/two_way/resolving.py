"""Deciding a conflict: one side's value, or another one, applied to the document at once where nobody edited it since.

The document comes into the stream of changes again, so that the next push takes what was decided to the provider.
"""

from dataclasses import dataclass, replace
from typing import Any

import orjson

from hub import documents
from hub.core.attributes import Item
from hub.core.errors import BadRequest, Conflict
from hub.core.journal import Change
from hub.core.tables import IS_UNCHANGED, Put
from hub.mapping.paths import MISSING
from hub.sync.two_way import conflicts
from hub.sync.two_way.links import Link, Links
from hub.sync.two_way.merge import WHOLE, changed, same
from hub.sync.two_way.two_way import touched

Json = dict[str, Any]

LOCAL, REMOTE, VALUE = "local", "remote", "value"


@dataclass(frozen=True)
class Decision:
    resolution: str
    value: Any = None


@dataclass(frozen=True)
class Case:
    """A conflict with what it is about, as all of it is now."""

    conflict: Item
    links: Links
    link: Link
    document: Item | None

    @property
    def content(self) -> Json | None:
        found: Json | None = orjson.loads(self.document["content"]) if documents.exists(self.document) else None
        return found

    @property
    def field(self) -> str:
        return str(self.conflict["field"])

    def side(self, name: str) -> Any:
        return conflicts.value_of(self.conflict, name)


def resolve(change: Change, conflict_id: str, decision: Decision) -> Item:
    """Add a decision to `change` and return the conflict as it will be; raises Conflict with the present values.

    Then the conflict has them too, and can be decided anew.
    """
    case = _case(change, conflicts.get(change.tables, change.caller.tenant, conflict_id))
    _must_be_as_seen(change, case)
    link = (_of_record if case.field == WHOLE else _of_field)(change, case, decision)
    after = conflicts.settled(case.conflict, decision.resolution, change.caller.actor, change.keep_days)
    change.add(*case.links.writes(link, case.link, change.request_id))
    change.add(conflicts.write(change.tables.activity, after, case.conflict))
    document = f"{case.conflict['documentType']}/{case.conflict['documentId']}"
    change.audit(
        "sync.conflict_resolved", conflict_id, document=document, field=case.field, resolution=decision.resolution
    )
    return after


def _case(change: Change, conflict: Item) -> Case:
    if conflict["status"] != conflicts.OPEN:
        raise Conflict("The conflict is decided already.", resolution=conflict["resolution"])
    tables, tenant, name = change.tables, change.caller.tenant, conflict["documentId"]
    links = Links(tables, tenant, conflict["linkName"])
    link = links.find([name]).get(name)
    if link is None or conflict["field"] not in link.conflicts:
        raise Conflict("The two sides have come to terms in the meantime; read the conflict again.")
    return Case(conflict, links, link, documents.find(tables.documents, tenant, conflict["documentType"], name))


def _must_be_as_seen(change: Change, case: Case) -> None:
    present = case.content if case.field == WHOLE else (case.content or {}).get(case.field, MISSING)
    if case.field != WHOLE and case.content is not None and same(present, case.side(LOCAL)):
        return
    if case.field == WHOLE and _is_same_record(case.side(LOCAL), present):
        return
    values = {"base": case.side("base"), "local": present, "remote": case.side(REMOTE)}
    before = case.conflict
    after = {**before, "values": conflicts.values_text(**values), "version": before["version"] + 1}
    change.add(conflicts.write(change.tables.activity, after, before))
    change.keep()
    shown = {name: None if value is MISSING else value for name, value in values.items()}
    raise Conflict("The document was changed since; decide again with the present values.", present=shown)


def _is_same_record(seen: Json | None, present: Json | None) -> bool:
    if seen is None or present is None:
        return seen is None and present is None
    return not changed(seen, present, seen)


def _of_field(change: Change, case: Case, decision: Decision) -> Link:
    """Add the document with the value that was decided; return the link: the remote value is what both now know."""
    content = case.content or {}
    chosen = decision.value if decision.resolution == VALUE else case.side(decision.resolution)
    _put(change, case, _with(content, case.field, chosen))
    return _settled(case, _with(case.link.base, case.field, case.side(REMOTE)))


def _of_record(change: Change, case: Case, decision: Decision) -> Link:
    chosen = decision.value if decision.resolution == VALUE else case.side(decision.resolution)
    if chosen is not None and not isinstance(chosen, dict):
        raise BadRequest("The conflict is about the whole record: `value` must be an object, or null.", where="/value")
    if chosen is None:
        _remove(change, case)
    else:
        _put(change, case, {**(case.content or {}), **chosen})
    remote = case.side(REMOTE)
    return case.link.ended() if remote is None else _settled(case, remote)


def _settled(case: Case, base: Json) -> Link:
    left = tuple(name for name in case.link.conflicts if name != case.field)
    return replace(case.link, base=base, conflicts=left)


def _with(content: Json, name: str, value: Any) -> Json:
    rest = {each: present for each, present in content.items() if each != name}
    return rest if value is MISSING else {**rest, name: value}


def _put(change: Change, case: Case, content: Json) -> None:
    kind, name = case.conflict["documentType"], case.conflict["documentId"]
    documents.put(change, kind, name, content, case.document)


def _remove(change: Change, case: Case) -> None:
    """Delete the document; a tombstone that is there already is looked at again by the next push."""
    before = case.document
    if documents.exists(before):
        documents.delete(change, case.conflict["documentType"], before, change.keep_days)
    elif before is not None:
        table = change.tables.documents
        change.add(Put(table, touched(before), IS_UNCHANGED, {"version_read": before["version"]}))
