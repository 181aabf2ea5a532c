"""Approved deletions of a push: each that is still deleted here and still linked is made at the provider.

An approval is for what its job had seen: a document that was deleted later, or deleted again, waits for the next one.
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any, Literal

from hub.connector.batches import compile_batch
from hub.core import jsontext
from hub.core.attributes import Item
from hub.core.errors import Refused
from hub.integrations import connected
from hub.integrations.instances.settings import must_allow
from hub.integrations.plans import definition_of
from hub.sync import calling, jobs, pauses
from hub.sync.field_rules import with_own_fields
from hub.sync.jobs import Claim, Counters
from hub.sync.proof import samples
from hub.sync.push import remote_deletes
from hub.sync.push.held_deletes import Held, Ledger
from hub.sync.push.sending import Sending
from hub.sync.push.told import Told, counted, faults, rejected
from hub.sync.push.upcoming import MOST_DELETES
from hub.sync.two_way.links import DELETED, Links
from hub.sync.two_way.storing import store_links
from hub.sync.two_way.terms import write_endpoint_id
from hub.sync.working import KEPT_ERRORS, Noted, Step, Work, walk

Json = dict[str, Any]
What = Literal["delete", "done", "forget", "stays"]

# The links that a release ends name its job alone: what is still in the ledger was not counted.
RELEASED = ""


def run(work: Work, held: Claim) -> Claim | None:
    """Delete at the provider what was approved; return the claim where another phase follows."""
    return walk(work, held, Release(work, held).step)


class Release:
    """One worker's walk over the deletions that are held."""

    def __init__(self, work: Work, held: Claim) -> None:
        self.work = work
        job, tables = held.job, work.resources.tables
        found, secrets = calling.chosen(work, held)
        must_allow(found.integration, jobs.document_type(job))
        text = with_own_fields(found.definition_text, job)
        variables = connected.variables_of(found, jsontext.load(job["params"]))
        means = calling.means(work, found, secrets, compile_batch(definition_of(text), write_endpoint_id(job)))
        self.links = Links.of_job(tables, job)
        self.ledger = Ledger(self.links, jobs.document_type(job))
        self._deletes = remote_deletes.of(text, job, variables, means)

    def step(self, held: Claim) -> Step:
        """Deal with the next entries; those that are over are forgotten, those that nobody approved stay."""
        page, following = self.ledger.page(held.job.get("releasedTo") or "", MOST_DELETES)
        asked = {each.document_id: self._what(held.job, each) for each in page}
        found = [Sending(each.item or {"sk": each.document_id}, each.link) for each in page]
        told = {each.document_id: self._told(held.job, each, asked[each.document_id]) for each in found}
        done = {name: each for name, each in told.items() if each is not None}
        store_links(self.links, found, done)
        progress = {**self._progress(held.job, found, done), "releasedTo": following}
        facts = {**jobs.counted_since(held.job, progress), "refused": faults(found, done)}
        forgotten = self.ledger.forgetting(name for name, what in asked.items() if what != "stays")
        noted = Noted("release", "approved deletions were made at the provider", facts)
        return Step(progress, noted, tuple(forgotten), is_last=following is None)

    def _what(self, job: Item, each: Held) -> What:
        """Say what is to be done about an entry; `done` was done by an earlier worker before its checkpoint."""
        if each.link is not None and (each.link.outcome, each.link.job_id) == (DELETED, job["sk"]):
            return "done"
        if each.state == "is over":
            return "forget"
        is_later = each.item is not None and each.item["changeKey"] > job["releasesTo"]
        return "stays" if is_later or each.state == "is asked" else "delete"

    def _told(self, job: Item, each: Sending, what: What) -> Told | None:
        if what != "delete":
            return Told("deleted") if what == "done" else None
        if self._deletes is None:
            raise Refused("The integration has no operation that deletes.")
        fault = self._deletes.delete(each.former.external_id)
        return Told("deleted", each.unlinked(job, RELEASED)) if fault is None else rejected(each, *fault)

    def _progress(self, job: Item, found: Sequence[Sending], told: Mapping[str, Told]) -> Json:
        refused = [{"page": job["page"], **fault} for fault in faults(found, told)]
        outcomes = [(each.outcome, name) for name, each in told.items()]
        return {
            "page": job["page"] + 1,
            "counters": asdict(Counters.of(job).plus(counted(told.values()))),
            "errors": [*job["errors"], *refused][:KEPT_ERRORS],
            "samples": samples.with_more(job.get("samples"), outcomes),
            **pauses.OVER,
        }
