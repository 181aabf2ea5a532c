"""Deleting what is gone: the last part of a full sync that has surely read everything.

First the documents of this list that the run has not seen are counted, then deleted, page by page by id, each page with
its checkpoint. Between the two stands the fuse: too many deletions, or a source that has nothing at all, wait for an
administrator. A document that anyone else has written since the run began stays.
"""

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from functools import cached_property
from typing import Any

from hub import document_versions, documents
from hub.core.attributes import Item
from hub.core.tables import ConditionFailed, Contended, Put
from hub.sync import fuses, jobs, pauses
from hub.sync.jobs import Claim, Counters
from hub.sync.proof import changed, samples
from hub.sync.pull import seen
from hub.sync.pull.state import feed_of
from hub.sync.working import Noted, Step, Work, walk

Json = dict[str, Any]

FREE = 10
FREE_SHARE = 0.05
AT_ONCE = 1000
# Tombstones in one transaction.
TOGETHER = 20
SAMPLE = 5
BEGUN: Json = {"stage": "count", "after": "", "documents": 0, "missing": 0, "sample": []}


def run(work: Work, held: Claim) -> Claim | None:
    """Count and delete what the run has not seen; return the claim where another phase follows."""
    sweep = Sweep(work, held)
    return walk(work, held, sweep.step)


def is_blown(found: int, missing: int, read: int, approved: int = 0) -> bool:
    """Say whether so many deletions need an approval, of `found` documents, after a run that read `read` records."""
    if missing <= approved:
        return False
    return missing > max(FREE, found * FREE_SHARE) or (read == 0 and missing > 0)


@dataclass
class Sweep:
    """One walk of a phase over the documents of the job's type; what it has reached stands in the job."""

    work: Work
    held: Claim

    def step(self, held: Claim) -> Step:
        reached = held.job.get("deleteWalk") or BEGUN
        page, following = documents.walk(
            self.work.resources.tables.documents, held.tenant, jobs.document_type(held.job), AT_ONCE, reached["after"]
        )
        return (self._counted if reached["stage"] == "count" else self._deleted)(held, reached, page, following)

    @cached_property
    def _seen(self) -> seen.Seen:
        return seen.load(self.work.resources.tables.activity, self.held.job)

    @cached_property
    def _list(self) -> tuple[str, str]:
        """Name the list that this job reads: the integration, and which of its lists."""
        return f"integration:{self.held.job['integrationId']}", feed_of(self.held.job)

    def _is_of_list(self, item: Item) -> bool:
        """Say whether the document is there and was last written from the list that this job reads."""
        return (item["origin"], item.get("feed")) == self._list and documents.exists(item)

    def _is_gone(self, item: Item) -> bool:
        is_older = item["updatedAt"] < self.held.job["seenSince"]
        return self._is_of_list(item) and is_older and item["sk"] not in self._seen

    def _counted(self, held: Claim, reached: Json, page: Sequence[Item], following: str | None) -> Step:
        missing = [item["sk"] for item in page if self._is_gone(item)]
        reached = {
            **reached,
            "after": following or "",
            "documents": reached["documents"] + sum(map(self._is_of_list, page)),
            "missing": reached["missing"] + len(missing),
            "sample": [*reached["sample"], *missing][:SAMPLE],
        }
        facts = {"documents": reached["documents"], "missing": reached["missing"]}
        progress = {"page": held.job["page"] + 1, "deleteWalk": reached, **pauses.OVER}
        if following is not None:
            return Step(progress, Noted("deletes", "looked for what is gone", facts))
        return self._decided(held.job, progress, facts)

    def _decided(self, job: Item, progress: Json, facts: Json) -> Step:
        """Return what follows the count: nothing, the deletions, or that they wait."""
        reached = progress["deleteWalk"]
        if not reached["missing"]:
            return Step(progress, Noted("deletes", "nothing is gone", facts), is_last=True)
        if not is_blown(reached["documents"], reached["missing"], job["seenRead"], job.get("approved", 0)):
            progress = {**progress, "deleteWalk": {**reached, "stage": "delete"}}
            return Step(progress, Noted("deletes", "what is gone will be deleted", facts))
        fuse = fuses.made(reached["missing"], reached["documents"], reached["sample"], self.work.keep_days)
        message = f"{fuse['count']} deletions wait for an approval"
        return Step({**progress, "fuse": fuse}, Noted("deletes", message, facts), is_last=True)

    def _deleted(self, held: Claim, reached: Json, page: Sequence[Item], following: str | None) -> Step:
        """Delete the page's documents that are gone; those which an earlier worker deleted count the same."""
        step = self._step_name(held)
        done = [item["sk"] for item in page if item["touchedBy"] == step.name and not documents.exists(item)]
        done += self._tombstoned([item for item in page if self._is_gone(item)], step)
        job = held.job
        progress = {
            "page": job["page"] + 1,
            "deleteWalk": {**reached, "after": following or ""},
            "counters": asdict(Counters.of(job).plus(Counters(read=len(done), deleted=len(done)))),
            "samples": samples.with_more(job.get("samples"), (("deleted", name) for name in done)),
            **pauses.OVER,
        }
        facts = jobs.counted_since(job, progress)
        writes = changed.writes(self.work.resources.tables.activity, job, [("deleted", name) for name in done])
        message = "what is gone was deleted"
        return Step(progress, Noted("deletes", message, facts), tuple(writes), is_last=following is None)

    def _step_name(self, held: Claim) -> documents.Step:
        job = held.job
        days = self.work.keep_days if job.get("history") else 0
        return documents.Step(f"integration:{job['integrationId']}", f"{job['sk']}#delete", feed_of(job), days)

    def _tombstoned(self, gone: Sequence[Item], step: documents.Step) -> Iterator[str]:
        table = self.work.resources.tables.documents
        for start in range(0, len(gone), TOGETHER):
            places = [{"pk": item["pk"], "sk": item["sk"]} for item in gone[start : start + TOGETHER]]
            yield from self._written([item for item in table.batch_get(places) if self._is_gone(item)], step)

    def _written(self, present: Sequence[Item], step: documents.Step) -> list[str]:
        """Delete these documents in one transaction; where one changed meanwhile each goes by itself."""
        tables = self.work.resources.tables
        try:
            if present:
                tables.write(*(write for item in present for write in self._writes(item, step)))
            return [item["sk"] for item in present]
        except (ConditionFailed, Contended):
            return [] if len(present) == 1 else [name for item in present for name in self._written([item], step)]

    def _writes(self, before: Item, step: documents.Step) -> Iterator[Put]:
        table = self.work.resources.tables.documents
        if step.history_days:
            yield document_versions.keeping(table, before, step.history_days)
        yield documents.tombstoning(table, before, step, self.work.keep_days)
