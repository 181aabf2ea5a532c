"""The next changes of a push: as many as make a batch, each with what follows from it."""

from collections.abc import Callable, Collection, Set
from dataclasses import dataclass

from hub import documents
from hub.sync.push.sending import Decider, Sending
from hub.sync.two_way.links import Links

READ_AT_ONCE = 100
COUNTED_AT_ONCE = 1000
# So many changes are looked at for one batch: most may be echoes of what the provider itself sent.
MOST_READ = 1000
MOST_DELETES = 25
MOST_BYTES = 5_000_000


@dataclass(frozen=True)
class Ahead:
    """The next changes and what follows each; `position` is behind the last one."""

    found: list[Sending]
    position: str
    has_more: bool

    @property
    def to_send(self) -> list[Sending]:
        return [each for each in self.found if each.action == "send"]

    def until(self, document_id: str) -> "Ahead":
        """Return the part before a document's change."""
        place = next(index for index, each in enumerate(self.found) if each.document_id == document_id)
        return Ahead(self.found[:place], self.found[place - 1].position, has_more=True)


@dataclass(frozen=True)
class Stream:
    """The changes of the documents of one type; a batch takes `size` records."""

    links: Links
    document_type: str
    decider: Decider
    size: int

    def ahead(self, position: str, until: str | None = None) -> Ahead:
        """Return the changes behind a position: enough for a batch, or as many as may be looked at, or `until` one."""
        found: dict[str, Sending] = {}
        here, has_more = position, True
        while has_more and self._has_room(found.values()):
            items, has_more = documents.changes(
                self.links.tables.documents, self.links.tenant, self.document_type, READ_AT_ONCE, here
            )
            kept = [item for item in items if until is None or item["changeKey"] <= until]
            links = self.links.find(item["sk"] for item in kept)
            for item in kept:
                found.pop(item["sk"], None)  # it was changed again while this was read
                found[item["sk"]] = self.decider.decide(item, links.get(item["sk"]), position)
            has_more = has_more and len(kept) == len(items) > 0
            here = kept[-1]["changeKey"] if kept else here
        return _cut_at_deletes(Ahead(list(found.values()), here, has_more))

    def count_deletes(self, position: str, held: Callable[[list[str]], Set[str]]) -> int:
        """Count the deletions to be made behind a position, without those that are `held`."""
        count, has_more = 0, True
        while has_more:
            items, has_more = documents.changes(
                self.links.tables.documents, self.links.tenant, self.document_type, COUNTED_AT_ONCE, position
            )
            gone = [item for item in items if not documents.exists(item)]
            links = self.links.find(item["sk"] for item in gone)
            found = [self.decider.decide(item, links.get(item["sk"]), position) for item in gone]
            asked = [each.document_id for each in found if each.action == "delete"]
            count += len(asked) - len(held(asked))
            position = items[-1]["changeKey"] if items else position
        return count

    def _has_room(self, found: Collection[Sending]) -> bool:
        to_send = [each for each in found if each.action == "send"]
        size = sum(len(each.item.get("content", "")) for each in to_send)
        return len(to_send) < self.size and len(found) < MOST_READ and size < MOST_BYTES


def _cut_at_deletes(ahead: Ahead) -> Ahead:
    """Return so much of it that a worker can make the deletions, one call for each."""
    deletes = [each for each in ahead.found if each.action == "delete"]
    return ahead if len(deletes) <= MOST_DELETES else ahead.until(deletes[MOST_DELETES].document_id)
