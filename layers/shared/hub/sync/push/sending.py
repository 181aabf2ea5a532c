"""What a push does about one change: send all of the document, or what of it the provider lacks, delete, or nothing.

Nothing is sent or written here. A document that is as both sides know it is our own echo, or was only read; one that an
earlier worker of the same job has sent counts as it did then.
"""

from collections.abc import Mapping, Set
from dataclasses import dataclass, field, replace
from typing import Any, Literal

import orjson

from hub import documents
from hub.core import jsontext
from hub.core.attributes import Item
from hub.mapping.paths import MISSING
from hub.sync.two_way.links import DELETED, Link
from hub.sync.two_way.merge import WHOLE, changed, same
from hub.sync.two_way.terms import Terms

Json = dict[str, Any]
Action = Literal["send", "delete", "hold", "drop", "reject", "none"]

EXTERNAL_ID = "externalId"
UNLINKED = "UNLINKED"
NOT_DELETABLE = "NOT_DELETABLE"
KEPT = "KEPT"
HOLD: Action = "hold"


@dataclass(frozen=True)
class Sending:
    """One change and what follows: `content` is what goes out, `names` are the fields that both sides then agree on.

    `outcome` is what it counts as without a call; `code` and `reason` say why it cannot be made, or is not to be.
    `presumed` is the provider's id of a document without a link that was read from there.
    """

    item: Item
    link: Link | None
    action: Action = "none"
    content: Json | None = None
    names: Set[str] = frozenset()
    marks: Mapping[str, str] = field(default_factory=dict)
    outcome: str = "unchanged"
    code: str = ""
    reason: str = ""
    presumed: str = ""

    @property
    def document_id(self) -> str:
        return str(self.item["sk"])

    @property
    def position(self) -> str:
        return str(self.item["changeKey"])

    @property
    def former(self) -> Link:
        return self.link or Link(self.document_id, self.presumed)

    def linked(self, external_id: str | None, job: Item, position: str) -> Link:
        """Return the link after the provider has taken what was sent."""
        former, content = self.former, self.content or {}
        before = former.base if former.is_live else {}
        agreed = {name: value for name in self.names if (value := content.get(name)) is not None}
        return replace(
            former,
            external_id=external_id or former.external_id,
            base={**{name: before[name] for name in before.keys() - self.names}, **agreed},
            marks={**former.marks, **self.marks} if former.is_live else self.marks,
            job_id=job["sk"],
            position=position,
            outcome=counted(former, job, position),
        )

    def unlinked(self, job: Item, position: str) -> Link:
        """Return the link after the provider has deleted the record."""
        return replace(self.former.ended(), job_id=job["sk"], position=position)


def counted(link: Link, job: Item, position: str) -> str:
    """Return what a record counts as that the provider takes: created where no run before had linked or read it."""
    if is_uncounted(link, job, position) and link.outcome != DELETED:
        return link.outcome
    return "updated" if link.is_live or link.external_id else "created"


def is_uncounted(link: Link | None, job: Item, position: str) -> bool:
    """Say whether this job wrote the link after its last checkpoint: a worker died between the two."""
    return link is not None and link.version > 0 and link.job_id == job["sk"] and link.position >= position


@dataclass(frozen=True)
class Decider:
    """Decides for one job; `can_delete` says whether the provider has an operation for it, `holds` that it must wait.

    `theirs` says that documents which were read from the provider have its own ids.
    """

    job: Item
    terms: Terms
    can_delete: bool
    filters: Mapping[str, Any]
    theirs: bool = False
    holds: bool = False

    @classmethod
    def of(cls, job: Item, terms: Terms, can_delete: bool, *, theirs: bool = False) -> "Decider":
        return cls(job, terms, can_delete, jsontext.load(job["filters"]) if job.get("filters") else {}, theirs)

    def decide(self, item: Item, link: Link | None, position: str) -> Sending:
        """Return what follows a change; `position` is where the job's last checkpoint left it."""
        found = Sending(item, link, presumed=item["sk"] if link is None and self._is_theirs(item) else "")
        if not documents.exists(item):
            return self._of_deletion(found, position)
        content = orjson.loads(item["content"])
        if any(not same(content.get(name, MISSING), value) for name, value in self.filters.items()):
            return found
        return self._of_document(found, content, position)

    def _of_deletion(self, found: Sending, position: str) -> Sending:
        link = found.link
        if link is None or not link.is_live:
            was_deleted = link is not None and is_uncounted(link, self.job, position) and link.outcome == DELETED
            return replace(found, outcome="deleted") if was_deleted else found
        if found.item["origin"] == f"integration:{self.job['integrationId']}":
            return replace(found, action="drop")  # the provider was the one to delete it
        if WHOLE in link.conflicts:
            return found
        if self.job.get("deletes") == "keep":
            return replace(found, code=KEPT)
        return self._deletable(found, link)

    def _deletable(self, found: Sending, link: Link) -> Sending:
        if not link.external_id:
            reason = "the provider did not say which record the document became"
            return replace(found, action="reject", code=UNLINKED, reason=f"{reason}, so it cannot be deleted there")
        if not self.can_delete:
            reason = "the integration has no operation that deletes; the record stays at the provider"
            return replace(found, action="reject", code=NOT_DELETABLE, reason=reason)
        return replace(found, action=HOLD if self.holds else "delete")

    def _of_document(self, found: Sending, content: Json, position: str) -> Sending:
        link = found.link
        if link is None or not link.is_live:
            return found if self._is_echo(found.item) else self._whole(found, content)
        if WHOLE in link.conflicts:
            return found
        if self.job.get("isStateless") and not is_uncounted(link, self.job, position):
            return self._whole(found, content)
        base = self.terms.agreed(link.base, link.marks)
        news = changed(base, content, self.terms.told(base, content) - set(link.conflicts))
        if not news:
            was_sent = is_uncounted(link, self.job, position) and link.outcome
            return replace(found, outcome=link.outcome) if was_sent else found
        return self._part(found, content, self.terms.outgoing.with_needed(news))

    def _is_echo(self, item: Item) -> bool:
        """Say whether a document is as the provider itself sent it, in a sync that only pulled and linked nothing."""
        is_own = item["origin"] == f"integration:{self.job['integrationId']}" and "revertedAs" not in item
        return is_own and not self.job.get("isStateless")

    def _is_theirs(self, item: Item) -> bool:
        """Say whether the provider's id of a document is known from its reading, by a sync that linked nothing."""
        mine = f"integration:{self.job['integrationId']}"
        return self.theirs and documents.exists(item) and mine in (item["origin"], item.get("source"))

    def _whole(self, found: Sending, content: Json) -> Sending:
        held = set(found.link.conflicts) if found.link else set[str]()
        if held & self.terms.outgoing.needed:
            return found
        base = found.former.base if found.former.is_live else {}
        return self._sending(found, content, {**base, **content}.keys() - held)

    def _part(self, found: Sending, content: Json, wanted: Set[str] | None) -> Sending:
        """Send what has changed and what goes with it: the other fields may have changed at the provider."""
        held = set(found.former.conflicts)
        if wanted is None:
            return self._whole(found, content)
        if held & self.terms.outgoing.needed:
            return found  # it could not be told which record is meant
        cleared = {name: None for name in wanted if name in found.former.base}
        return self._sending(found, {**cleared, **content}, set(wanted) - held)

    def _sending(self, found: Sending, content: Json, wanted: Set[str]) -> Sending:
        """A provider that wants its own id in the record gets it where the document has no field of that name."""
        outgoing = self.terms.outgoing
        names = {name for name in wanted if self.terms.tells(name, content.get(name))}
        sent = {name: value for name, value in content.items() if name in names | (outgoing.needed & wanted)}
        if found.former.external_id and EXTERNAL_ID in (outgoing.carried or ()):
            sent = {EXTERNAL_ID: found.former.external_id, **sent}
        marks = self.terms.marked(names)
        return replace(found, action="send", content=sent, names=frozenset(names), marks=marks)
