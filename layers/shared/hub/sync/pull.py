"""The pull of a job: fetch a page, map it, upsert the documents, checkpoint, go on.

Records first, checkpoint second: a page that is read again after a crash writes what is missing and counts once, since
upserts know the step that wrote a document.
"""

import time
from collections.abc import Mapping, Sequence
from contextlib import closing
from dataclasses import asdict, dataclass, field, replace
from typing import Any

from hub import documents
from hub.connector.plan import Page, PageRun, Position
from hub.core import jsontext, logs
from hub.core.attributes import Item
from hub.core.caller import Tenant
from hub.core.tables import Write
from hub.integrations import connected
from hub.integrations.plans import plan_of
from hub.sync import calling, changed, increments, jobs, pauses, quarantine, samples, seen, two_way
from hub.sync import contract as contracts
from hub.sync.field_rules import with_own_fields
from hub.sync.intake import Intake, Sorted, outcomes_of
from hub.sync.jobs import Cancelled, Claim, Counters
from hub.sync.state import State, feed_of
from hub.sync.state import after as state_after
from hub.sync.two_way import TwoWay
from hub.sync.working import KEPT_ERRORS, OUT_OF_TIME, Noted, Work, logged, phase_after

Json = dict[str, Any]

OUTCOMES = ("created", "updated", "unchanged", "rejected")


def run(work: Work, held: Claim) -> Claim | None:
    """Read pages until the last one; return the claim where another phase follows."""
    return Pull(work).run(held)


@dataclass(frozen=True)
class Stored:
    """What a page has become: the job's progress with it, and what its checkpoint writes beside it."""

    progress: Json
    writes: tuple[Write, ...] = ()


@dataclass
class Pull:
    """One run over the pages of a job; `intake` decides what becomes of their records, `merging` goes both ways."""

    work: Work
    intake: Intake = field(default_factory=Intake)
    merging: TwoWay | None = None

    def run(self, held: Claim) -> Claim | None:
        activity = self.work.resources.tables.activity
        state = State(activity, held.job)
        self.intake = Intake(held.job, contracts.of_job(activity, held.job))
        with closing(self.bind(held, state)) as pages:
            return self._pages(held, pages, state)

    def bind(self, held: Claim, state: State) -> PageRun:
        """Return the walk over the pages of the job's endpoint, with everything that its calls need."""
        job, tables = held.job, self.work.resources.tables
        chosen, secrets = calling.chosen(self.work, held)
        text = with_own_fields(chosen.definition_text, job)
        if two_way.is_two_way(job):
            self.merging = two_way.of_job(tables, job, text, self.work.keep_days)
        plan = plan_of(text, job["endpointId"])
        means = replace(
            calling.means(self.work, chosen, secrets, plan),
            validators=None if job["position"] or job.get("isFresh") else state.validators,
            most_ahead=self.work.most_ahead,
            began_s=increments.began_s(job),
            keeps_raw=self.intake.wants_raw,
        )
        remembered = {} if job.get("isStateless") else state
        variables = connected.variables_of(chosen, jsontext.load(job["params"]), remembered)
        return plan.bind(variables, means, job.get("incrementalFrom"))

    def _pages(self, held: Claim, pages: PageRun, state: State) -> Claim | None:
        slowest_s = 0.0
        lease_s = self.work.resources.settings.sync_lease_s
        while True:
            began = time.monotonic()
            page = pages.fetch(_position(held.job), give_up_at=began + lease_s * 0.75)
            stored = self.store(held, page)
            try:
                if page.next is None:
                    return self._last(held, page, stored, state)
                held = self._checkpoint(held, page, stored)
                slowest_s = max(slowest_s, time.monotonic() - began)
                if self.work.must_leave(slowest_s):
                    self.work.hand_on(held, 0, {}, OUT_OF_TIME)
                    return None
            except Cancelled:
                facts = _page_facts(held, page, stored.progress)
                noted = Noted("cancelled", "cancelled after this page", facts)
                self.work.end(held, "CANCELLED", stored.progress, noted)
                return None

    def store(self, held: Claim, page: Page) -> Stored:
        """Upsert the page's documents; return the job's progress with them."""
        job, activity = held.job, self.work.resources.tables.activity
        sorted_out = self.intake.sort_out(page.records, page.raw)
        kept = self._quarantined(job, sorted_out)
        outcomes, conflicts = self._upserted(held, sorted_out)
        found = list(outcomes_of(outcomes, sorted_out))
        counted = Counters(read=len(page.records), **{name: _count(found, name) for name in OUTCOMES})
        errors = [{"page": job["page"], **fault} for fault in sorted_out.refused]
        progress = {
            "page": job["page"] + 1,
            "position": jsontext.dump(page.next.to_json()) if page.next else None,
            "counters": asdict(Counters.of(job).plus(counted)),
            "total": page.total if page.total is not None else job["total"],
            "errors": [*job["errors"], *errors][:KEPT_ERRORS],
            "samples": samples.with_more(job.get("samples"), found),
            **kept,
            **conflicts,
            **increments.progress(job, page),
            **seen.progress(job, page),
            **pauses.OVER,
        }
        return Stored(progress, (*seen.writes(activity, job, page), *changed.writes(activity, job, found)))

    def _upserted(self, held: Claim, sorted_out: Sorted) -> tuple[Sequence[str], Json]:
        """Store the documents; return what became of each, and the progress that only merging makes."""
        if self.merging is not None:
            stored = self.merging.store(sorted_out.accepted, self._step(held.job))
            return stored.outcomes, {"conflicts": held.job.get("conflicts", 0) + stored.conflicts}
        table, kind = self.work.resources.tables.documents, jobs.document_type(held.job)
        return documents.upsert(table, held.tenant, kind, sorted_out.accepted, self._step(held.job)), {}

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

    def _checkpoint(self, held: Claim, page: Page, stored: Stored) -> Claim:
        noted = Noted("page", "page stored", _page_facts(held, page, stored.progress))
        after = self.work.checkpoint(held, stored.progress, noted, *stored.writes)
        _say("sync.page", after.job, page)
        return after

    def _last(self, held: Claim, page: Page, stored: Stored, state: State) -> Claim | None:
        """Store the last page with the end of the job, or with the beginning of its next phase."""
        facts = _page_facts(held, page, stored.progress)
        _say("sync.page", {**held.job, **stored.progress}, page)
        progress = {**stored.progress, "stopReason": page.stop_reason, "hops": 0}
        if page.stop_reason == "repeated_page":
            fault = "The provider answered a page it had answered before; what was read so far is stored."
            progress["errors"] = [*progress["errors"], {"page": held.job["page"], "reason": fault}]
            self.work.end(held, "FAILED", progress, Noted("failed", fault, facts))
            return None
        kept = self._left(held.job, page, progress, state)
        noted = Noted("page", f"last page stored ({page.stop_reason})", facts)
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
        if job.get("isStateless"):
            return [*learnt]
        return [state_after(activity, job, page, state, increments.left(job, page, progress)), *learnt]


def _position(job: Json) -> Position | None:
    return Position.from_json(jsontext.load(job["position"])) if job["position"] else None


def _count(found: Sequence[tuple[str, str]], outcome: str) -> int:
    return sum(1 for each, _ in found if each == outcome)


def _learnt(job: Mapping[str, Any]) -> contracts.Types:
    found: contracts.Types = jsontext.load(job.get("learnt") or "{}")
    return found


def _page_facts(held: Claim, page: Page, progress: Json) -> Json:
    """Return what the job's log says of one page: the call and what became of its records."""
    since = held.job.get("incrementalFrom") if held.job["page"] == 0 else None
    return {
        **({} if since is None else {"incrementalFrom": since}),
        "method": page.method,
        "url": page.url,
        "status": page.status,
        "durationMs": page.elapsed_ms,
        "bytes": page.body_bytes,
        "attempts": page.attempts,
        **jobs.counted_since(held.job, progress),
    }


def _say(event: str, job: Json, page: Page) -> None:
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
