"""The pull of a job: fetch a page, map it, upsert the documents, checkpoint, go on.

Records first, checkpoint second: a page that is read again after a crash writes what is missing and counts once, since
upserts know the step that wrote a document. Pages that change nothing share a checkpoint, see `stretches`.
"""

import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import asdict, dataclass, field, replace
from typing import Any

from hub import documents
from hub.connector.plan import Page, PageRun
from hub.core import jsontext, logs
from hub.core.attributes import Item
from hub.core.caller import Tenant
from hub.core.tables import Write
from hub.integrations import connected
from hub.integrations.plans import plan_of
from hub.sync import calling, jobs, pauses
from hub.sync.field_rules import with_own_fields
from hub.sync.jobs import Cancelled, Claim, Counters
from hub.sync.proof import changed, samples
from hub.sync.pull import contract as contracts
from hub.sync.pull import increments, part_pages, partitions, quarantine, seen
from hub.sync.pull.intake import Intake, Sorted, outcomes_of
from hub.sync.pull.partitions import Asking, Partitions
from hub.sync.pull.state import State, feed_of
from hub.sync.pull.state import after as state_after
from hub.sync.pull.stretches import Source, Stretches, Taken
from hub.sync.two_way import two_way
from hub.sync.two_way.two_way import TwoWay
from hub.sync.working import KEPT_ERRORS, OUT_OF_TIME, Noted, Work, logged, phase_after

Json = dict[str, Any]

# A record that names another document must find it: the page that brings that one is stored before this one is mapped.
LOOKUP = '"lookup"'
OUTCOMES = ("created", "updated", "unchanged", "rejected")


def run(work: Work, held: Claim) -> Claim | None:
    """Read pages until the last one; return the claim where another phase follows."""
    return Pull(work).run(held)


@dataclass(frozen=True)
class Stored:
    """What pages have become: the job's progress with them, and what their checkpoint writes beside it."""

    progress: Json
    writes: tuple[Write, ...] = ()

    def is_quiet(self, job: Item) -> bool:
        """Say whether all of their records were there already."""
        counted = jobs.counted_since(job, self.progress)
        return bool(counted["read"] == counted["unchanged"])


@dataclass
class Pull:
    """One run over the pages of a job; `intake` decides what becomes of their records, `merging` goes both ways."""

    work: Work
    intake: Intake = field(default_factory=Intake)
    merging: TwoWay | None = None
    looks_up: bool = False

    def run(self, held: Claim) -> Claim | None:
        activity = self.work.resources.tables.activity
        state = State(activity, held.job)
        self.intake = Intake(held.job, contracts.of_job(activity, held.job))
        with closing(self.bind(held, state)) as pages:
            return self._pages(held, pages, state)

    def bind(self, held: Claim, state: State) -> PageRun | Partitions:
        """Return the walk over the pages of the job's endpoint, with everything that its calls need."""
        job, tables = held.job, self.work.resources.tables
        asks_whether_changed = not job["position"] and not job.get("isFresh")
        chosen, secrets = calling.chosen(self.work, held, state if asks_whether_changed else None)
        text = with_own_fields(chosen.definition_text, job)
        if two_way.is_two_way(job):
            self.merging = two_way.of_job(tables, job, text, self.work.keep_days)
        self.looks_up = LOOKUP in text
        plan = plan_of(text, job["endpointId"])
        means = replace(
            calling.means(self.work, chosen, secrets, plan),
            validators=state.validators if asks_whether_changed else None,
            most_ahead=self.work.most_ahead,
            began_s=increments.began_s(job),
            keeps_raw=self.intake.wants_raw,
        )
        remembered = {} if job.get("isStateless") else state
        variables = connected.variables_of(chosen, jsontext.load(job["params"]), remembered)
        if plan.parent is not None and plan.parent.param not in variables.params:
            return Partitions(tables, job, Asking(plan, plan.parent, variables, means))
        return plan.bind(variables, means, job.get("incrementalFrom"))

    def _pages(self, held: Claim, pages: PageRun | Partitions, state: State) -> Claim | None:
        slowest_s, began = 0.0, time.monotonic()
        stretches = Stretches(self._source(held, pages))
        for taken in stretches.of(held.job):
            stored = self.store(held, taken)
            stretches.is_quiet = stored.is_quiet(held.job)
            try:
                if taken.is_last:
                    return self._last(held, taken, stored, state)
                held = self._checkpoint(held, taken, stored)
                slowest_s, began = max(slowest_s, time.monotonic() - began), time.monotonic()
                if self.work.must_leave(slowest_s):
                    self.work.hand_on(held, 0, {}, OUT_OF_TIME)
                    return None
            except Cancelled:
                facts = _page_facts(held, taken, stored.progress)
                noted = Noted("cancelled", "cancelled after this page", facts)
                self.work.end(held, "CANCELLED", stored.progress, noted)
                return None
        raise AssertionError("the last page ends the walk")

    def _source(self, held: Claim, pages: PageRun | Partitions) -> Source:
        job, lease_s = held.job, self.work.resources.settings.sync_lease_s

        def are_unchanged(taken: Sequence[Taken]) -> list[bool]:
            table, kind = self.work.resources.tables.documents, jobs.document_type(job)
            each = [(one.sorted_out.accepted, self._step({**job, "page": one.number})) for one in taken]
            there = documents.are_there(table, held.tenant, kind, each)
            return [is_there and not one.sorted_out.refused for is_there, one in zip(there, taken, strict=True)]

        return Source(
            fetch=lambda position, since: pages.fetch(position, give_up_at=since + lease_s * 0.75),
            sort_out=lambda page: self.intake.sort_out(page.records, page.raw),
            are_unchanged=are_unchanged,
            watch=self.work.watch,
            may_hold=not (self.looks_up or self._decides_page_by_page or isinstance(pages, Partitions)),
        )

    @property
    def _decides_page_by_page(self) -> bool:
        """Say whether what becomes of a page depends on those before it: it is merged, or the run learns from it."""
        return self.merging is not None or self.intake.contract is not None

    def store(self, held: Claim, taken: Taken) -> Stored:
        """Upsert the documents of a page; return the job's progress with them."""
        job, activity = held.job, self.work.resources.tables.activity
        page, sorted_out = taken.page, taken.sorted_out
        kept = self._quarantined(job, sorted_out)
        became = self._upserted(held, taken)
        found = list(outcomes_of(became.outcomes, sorted_out))
        counted = Counters(read=len(page.records), **{name: _count(found, name) for name in OUTCOMES})
        errors = [{"page": job["page"], **fault} for fault in _faults(sorted_out, became, page)]
        progress = {
            "page": job["page"] + taken.count,
            "position": jsontext.dump(page.next.to_json()) if page.next else None,
            "counters": asdict(Counters.of(job).plus(counted)),
            "total": page.total if page.total is not None else job["total"],
            "errors": [*job["errors"], *errors][:KEPT_ERRORS],
            "samples": samples.with_more(job.get("samples"), found),
            **kept,
            **({"conflicts": job.get("conflicts", 0) + became.conflicts} if self.merging else {}),
            **increments.progress(job, page),
            **seen.progress(job, page),
            **pauses.OVER,
            **part_pages.fields(page),
        }
        kept_with = (*seen.writes(activity, job, page), *changed.writes(activity, job, found))
        return Stored(progress, (*kept_with, *part_pages.writes(page)))

    def _upserted(self, held: Claim, taken: Taken) -> two_way.Stored:
        """Store the documents; return what became of each. Only merging refuses any of them, or raises conflicts."""
        accepted = taken.sorted_out.accepted
        if taken.is_unchanged:
            return two_way.Stored(["unchanged"] * len(accepted))
        if self.merging is not None:
            return self.merging.store(accepted, self._step(held.job))
        table, kind = self.work.resources.tables.documents, jobs.document_type(held.job)
        return two_way.Stored(list(documents.upsert(table, held.tenant, kind, accepted, self._step(held.job))))

    def _quarantined(self, job: Item, sorted_out: Sorted) -> Json:
        """Keep what was not taken as it came; raises ContractBroken where the run may not go on with it."""
        contract = self.intake.contract
        if contract is None:
            return {}
        kept: Json = {}
        if sorted_out.kept:
            kept["quarantined"] = quarantine.keep(self.work.resources.tables, job, sorted_out.kept, self.work.keep_days)
        if sorted_out.broken and contract.mode == contracts.FREEZE:
            raise contracts.ContractBroken(f"Nothing of this page is stored: {contracts.message(sorted_out.broken)}.")
        if contract.learns:
            kept["learnt"] = jsontext.dump(contracts.learnt(_learnt(job), sorted_out.contents))
        return kept

    def _step(self, job: Item) -> documents.Step:
        days = self.work.keep_days if job.get("history") else 0
        return documents.Step(f"integration:{job['integrationId']}", f"{job['sk']}#{job['page']}", feed_of(job), days)

    def _checkpoint(self, held: Claim, taken: Taken, stored: Stored) -> Claim:
        message = "page stored" if taken.count == 1 else f"{_named(taken)} unchanged"
        noted = Noted("page", message, _page_facts(held, taken, stored.progress))
        after = self.work.checkpoint(held, stored.progress, noted, *stored.writes)
        _say("sync.page", after.job, taken)
        return after

    def _last(self, held: Claim, taken: Taken, stored: Stored, state: State) -> Claim | None:
        """Store the last page with the end of the job, or with the beginning of its next phase."""
        page, facts = taken.page, _page_facts(held, taken, stored.progress)
        _say("sync.page", {**held.job, **stored.progress}, taken)
        progress = {**stored.progress, "stopReason": page.stop_reason, "hops": 0}
        if page.stop_reason == "repeated_page":
            fault = "The provider answered a page it had answered before; what was read so far is stored."
            progress["errors"] = [*progress["errors"], {"page": progress["page"] - 1, "reason": fault}]
            self.work.end(held, "FAILED", progress, Noted("failed", fault, facts))
            return None
        kept = self._left(held.job, page, progress, state)
        told = part_pages.message(page) if taken.count == 1 else _of_stretch(taken)
        noted = Noted("page", told, facts)
        job = {**held.job, **progress}
        against = seen.reason_against(job, page, state) if seen.is_noted(job) else None
        progress |= {"deletesOff": against} if against else {}
        # A full sync looks for what is gone, if it has surely read everything.
        following = "delete" if seen.is_noted(job) and against is None else phase_after(job)
        if following is None:
            self.work.end(held, "COMPLETED", progress, Noted("completed", noted.message, facts), *kept, *stored.writes)
            return None
        begun = seen.begun(job) if following == "delete" else {}
        return self.work.checkpoint(held, {**progress, **begun, "phase": following}, noted, *kept, *stored.writes)

    def _left(self, job: Item, page: Page, progress: Json, state: State) -> list[Write]:
        """Return the writes of what a completed pull leaves to the next one."""
        activity, contract = self.work.resources.tables.activity, self.intake.contract
        learnt = [] if contract is None else contracts.keeping(activity, job, contract, _learnt(progress))
        if job.get("isStateless") or job.get("only"):
            return [*learnt]
        left = partitions.left_of_all(job, page, progress) or increments.left(job, page, progress)
        return [state_after(activity, job, page, state, left), *learnt]


def _count(found: Sequence[tuple[str, str]], outcome: str) -> int:
    return sum(1 for each, _ in found if each == outcome)


def _learnt(job: Mapping[str, Any]) -> contracts.Types:
    found: contracts.Types = jsontext.load(job.get("learnt") or "{}")
    return found


def _faults(sorted_out: Sorted, became: two_way.Stored, page: Page) -> Iterator[Json]:
    """Yield why records were refused, here or by merging, and what a parent's page has to complain of."""
    yield from sorted_out.refused
    yield from became.faults
    yield from part_pages.faults(page)


def _of_stretch(taken: Taken) -> str:
    return f"{_named(taken)} unchanged, the last one read ({taken.page.stop_reason})"


def _named(taken: Taken) -> str:
    return f"pages {taken.number} to {taken.number + taken.count - 1}"


def _page_facts(held: Claim, taken: Taken, progress: Json) -> Json:
    """Return what the job's log says of one page: the call and what became of its records; of several, in sum."""
    page, since = taken.page, held.job.get("incrementalFrom") if held.job["page"] == 0 else None
    return {
        **({} if since is None else {"incrementalFrom": since}),
        **({} if taken.count == 1 else {"pages": taken.count}),
        "method": page.method,
        "url": page.url,
        "status": page.status,
        "durationMs": page.elapsed_ms,
        "bytes": page.body_bytes,
        "attempts": page.attempts,
        **part_pages.facts(page),
        **jobs.counted_since(held.job, progress),
    }


def _say(event: str, job: Json, taken: Taken) -> None:
    page = taken.page
    logs.info(
        event,
        tenant=Tenant.of_item(job).id,
        job_id=job["sk"],
        page=job["page"],
        status=page.status,
        duration_ms=page.elapsed_ms,
        bytes=page.body_bytes,
        attempts=page.attempts,
        **logged(job["counters"]),
    )
