"""What is gone at the provider, in a sync that goes both ways: deleted here too, unless it was edited here meanwhile.

The list is told by the links: a document may have come from here, and then its record has another id.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from hub import documents
from hub.core.attributes import Item
from hub.core.errors import Unavailable
from hub.core.tables import ConditionFailed, Contended
from hub.sync import calling, jobs
from hub.sync.jobs import Claim
from hub.sync.pull import deletes
from hub.sync.two_way import two_way
from hub.sync.two_way.links import Link
from hub.sync.two_way.merge import WHOLE
from hub.sync.two_way.two_way import Side, TwoWay
from hub.sync.working import Step, Work, walk

Json = dict[str, Any]


def run(work: Work, held: Claim) -> Claim | None:
    """Look for what is gone and delete it; return the claim where another phase follows."""
    tables = work.resources.tables
    if not two_way.is_two_way(held.job):
        return deletes.run(work, held)
    merging = two_way.of_job(tables, held.job, calling.definition_of(work, held), work.keep_days)
    return walk(work, held, Sweep(work, held, merging).step)


@dataclass
class Sweep(deletes.Sweep):
    """The walk of a one-way pull, with the provider's deletion merged with what was done here."""

    merging: TwoWay
    raised: int = 0
    links: dict[str, Link] = field(default_factory=dict)

    def step(self, held: Claim) -> Step:
        reached = held.job.get("deleteWalk") or deletes.BEGUN
        table, kind = self.work.resources.tables.documents, jobs.document_type(held.job)
        page, following = documents.walk(table, held.tenant, kind, deletes.AT_ONCE, reached["after"])
        self.links = self.merging.links.find(item["sk"] for item in page)
        return (self._counted if reached["stage"] == "count" else self._deleted)(held, reached, page, following)

    def _is_of_list(self, item: Item) -> bool:
        link = self.links.get(item["sk"])
        is_open = link is not None and WHOLE in link.conflicts  # somebody is asked already
        return link is not None and link.is_live and bool(link.external_id) and not is_open and documents.exists(item)

    def _is_gone(self, item: Item) -> bool:
        is_older = item["updatedAt"] < self.held.job["seenSince"]
        return self._is_of_list(item) and is_older and self.links[item["sk"]].external_id not in self._seen

    def _deleted(self, held: Claim, reached: Json, page: Sequence[Item], following: str | None) -> Step:
        self.raised = 0
        step = super()._deleted(held, reached, page, following)
        conflicts = held.job.get("conflicts", 0) + self.raised
        return replace(step, progress={**step.progress, "conflicts": conflicts})

    def _tombstoned(self, gone: Sequence[Item], step: documents.Step) -> Iterator[str]:
        for start in range(0, len(gone), deletes.TOGETHER):
            yield from self._merged([item["sk"] for item in gone[start : start + deletes.TOGETHER]], step)

    def _merged(self, ids: Sequence[str], step: documents.Step) -> list[str]:
        """Merge the deletion into these documents; return those that are deleted now."""
        for _ in range(two_way.TRIES):
            sides = self.merging.sides(ids)
            lasting = [side for side in sides.values() if side.item is not None and self._is_gone(side.item)]
            items = {side.document_id: after for side in lasting if (after := self._after(side, step)) is not None}
            try:
                self.raised += self.merging.write(lasting, items, step)
                return list(items)
            except (ConditionFailed, Contended):
                continue  # somebody edited a document between the reading and the writing
        raise Unavailable("The documents of this page are being changed by others at this moment.")

    def _after(self, side: Side, step: documents.Step) -> Item | None:
        """Note in a side what follows the deletion; return the tombstone where its document goes too."""
        merged = self.merging.merge(side, None)
        self.merging.keep(side, merged)
        if merged.open or side.item is None:
            return None
        side.link = side.link.ended()  # what lives on here is new to the provider
        return documents.tombstone(side.item, step, self.work.keep_days) if merged.local is None else None
