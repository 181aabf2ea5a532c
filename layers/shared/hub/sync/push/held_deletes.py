"""The ledger of deletions that pushes have held back: of documents that were deleted here and live at the provider.

    held-delete#{integration}#{type}    {documentId}

The cursor of a push passes what stands here, so nothing is lost and nothing is sent unasked: it stays until somebody
approves it, or until the document is restored or its record gone.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Literal, NamedTuple

from hub import documents
from hub.core import clock
from hub.core.attributes import Item
from hub.core.tables import Delete, Key, key, partition
from hub.sync.two_way.links import Link, Links
from hub.sync.two_way.merge import WHOLE

State = Literal["waits", "is asked", "is over"]

AT_ONCE = 50
SAMPLE = 5
# So many entries are forgotten with one checkpoint; the next push forgets more.
MOST_FORGOTTEN = 80


class Held(NamedTuple):
    """One entry with what it is about, as it is now."""

    document_id: str
    item: Item | None
    link: Link | None

    @property
    def state(self) -> State:
        """Say whether the deletion is still to be made; while somebody is asked about the record it is not."""
        if documents.exists(self.item) or self.link is None or not (self.link.is_live and self.link.external_id):
            return "is over"
        return "is asked" if WHOLE in self.link.conflicts else "waits"


@dataclass(frozen=True)
class Waiting:
    """How many deletions wait, some of them, and entries that are over."""

    count: int
    sample: list[str]
    over: list[str]


@dataclass(frozen=True)
class Ledger:
    """The held deletions of one integration's entity."""

    links: Links
    document_type: str

    def place(self, document_id: str) -> Key:
        return key(self.links.tenant, self._kind, document_id)

    def keep(self, document_ids: Iterable[str]) -> None:
        """Note deletions as held; done again it changes nothing."""
        now = clock.now()
        self.links.tables.documents.batch_put([{**self.place(name), "heldAt": now} for name in document_ids])

    def known(self, document_ids: Iterable[str]) -> set[str]:
        """Return those that are held already, one call per 100."""
        places = [self.place(name) for name in document_ids]
        return {item["sk"] for item in self.links.tables.documents.batch_get(places, "pk, sk")} if places else set()

    def page(self, after: str, limit: int) -> tuple[list[Held], str | None]:
        """Return the next entries by id and where to go on, None where there are no more."""
        bounds = {"pk": partition(self.links.tenant, self._kind), "after": after or "\u0000"}
        found = self.links.tables.documents.query("pk = :pk AND sk > :after", bounds, limit=limit)
        names = [item["sk"] for item in found.items]
        return self._read(names), names[-1] if names and found.next_key else None

    def waiting(self) -> Waiting:
        """Go through all entries: work proportional to what is held."""
        count, sample, over = 0, list[str](), list[str]()
        for held in self._all():
            count += held.state == "waits"
            sample += [held.document_id] if held.state == "waits" and len(sample) < SAMPLE else []
            over += [held.document_id] if held.state == "is over" and len(over) < MOST_FORGOTTEN else []
        return Waiting(count, sample, over)

    def forgetting(self, document_ids: Iterable[str]) -> list[Delete]:
        """Return the writes that take entries out."""
        return [Delete(self.links.tables.documents, self.place(name)) for name in document_ids]

    @property
    def _kind(self) -> str:
        return f"held-delete#{self.links.name}"

    def _all(self) -> Iterator[Held]:
        after: str | None = ""
        while after is not None:
            page, after = self.page(after, AT_ONCE)
            yield from page

    def _read(self, names: Sequence[str]) -> list[Held]:
        """Return entries with their documents and links, in one call as both lie in one table."""
        if not names:
            return []
        places = {name: documents.document_key(self.links.tenant, self.document_type, name) for name in names}
        read = self.links.tables.documents.batch_get([*places.values(), *map(self.links.place, names)])
        kind = places[names[0]]["pk"]
        items = {item["sk"]: item for item in read if item["pk"] == kind}
        links = self.links.parsed(item for item in read if item["pk"] != kind)
        return [Held(name, items.get(name), links.get(name)) for name in names]
