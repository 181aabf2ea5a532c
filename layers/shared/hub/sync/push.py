"""The push of a job: what has changed here since the last push goes to the provider, batch by batch.

    changes -> decide -> send one batch -> links -> checkpoint (cursor and counters in one transaction) -> go on

Links first, checkpoint second: a batch that is sent again after a crash is an upsert of the same records, and its links
say what each counted as. A change is looked at when it has settled; a push waits for those made before it began.
"""

import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from functools import cached_property
from typing import Any

from hub import documents
from hub.connector.batches import Batch, BatchResult, BatchRun, JobStatus, RecordResult, compile_batch
from hub.core import clock, jsontext, logs
from hub.core.attributes import Item
from hub.core.errors import Refused
from hub.core.ids import hashed_id
from hub.core.tables import ConditionFailed, Contended
from hub.integrations import connected
from hub.integrations.instances.settings import must_allow
from hub.integrations.plans import definition_of
from hub.outbound.calls import Deferred
from hub.sync import calling, jobs, pauses, push_state, remote_deletes, remote_jobs, samples
from hub.sync.field_rules import with_own_fields
from hub.sync.jobs import Claim, Counters
from hub.sync.links import Link, Links
from hub.sync.sending import Decider, Sending
from hub.sync.terms import terms_of, write_endpoint_id
from hub.sync.told import Told, counted, faults, rejected
from hub.sync.upcoming import Ahead, Stream
from hub.sync.working import KEPT_ERRORS, Noted, Step, Work, logged, walk

Json = dict[str, Any]

# The provider refuses a batch as it is, for what is in it; sent again it is refused again.
OF_THE_BATCH = frozenset({400, 409, 413, 422})
ALREADY_LINKED = "ALREADY_LINKED"
TRIES = 3


def run(work: Work, held: Claim) -> Claim | None:
    """Send changes until there are none; return the claim where another phase follows."""
    return walk(work, held, Push(work, held).step)


class Push:
    """One worker's push of one job."""

    def __init__(self, work: Work, held: Claim) -> None:
        self.work = work
        self.tables = work.resources.tables
        job = held.job
        found, secrets = calling.chosen(work, held)
        must_allow(found.integration, jobs.document_type(job))
        text = with_own_fields(found.definition_text, job)
        terms = terms_of(job, jsontext.load(text))
        self.plan = compile_batch(definition_of(text), write_endpoint_id(job))
        self.variables = connected.variables_of(found, jsontext.load(job["params"]))
        self.means = calling.means(work, found, secrets, self.plan)
        self.links = Links.of_job(self.tables, job)
        self.deletes = remote_deletes.of(text, job, self.variables, self.means)
        decider = Decider.of(job, terms, self.deletes is not None)
        self.stream = Stream(self.links, jobs.document_type(job), decider, self.plan.cutter.size)
        self._job = job

    @cached_property
    def begins_at(self) -> str:
        return push_state.begins_at(self.tables, self._job)

    def step(self, held: Claim) -> Step:
        """Send the next batch; raises Deferred where something is to be waited for."""
        waiting = remote_jobs.of(held.job)
        if waiting is not None:
            return self._asked(held, waiting)
        ahead = self.stream.ahead(self.position(held.job))
        if ahead.has_more or not self._is_unsettled(held.job, ahead):
            return self._sent(held, ahead)
        return self._sent(held, replace(ahead, has_more=True)) if ahead.found else self._waiting(held)

    def position(self, job: Item) -> str:
        reached = job.get("pushedTo")
        return self.begins_at if reached is None else str(reached)

    # What is ahead

    def _is_unsettled(self, job: Item, ahead: Ahead) -> bool:
        """Say whether something was changed before the push began that is too new to be read in order."""
        until = job.get("pushBegan") or clock.now()
        is_recent = clock.epoch_of(until) + documents.SETTLE_S >= clock.epoch_s()
        return is_recent and push_state.is_followed(self.links, jobs.document_type(job), ahead.position, until)

    def _waiting(self, held: Claim) -> Step:
        """Note until when changes are waited for; raises Deferred where that was noted before."""
        began = held.job.get("pushBegan")
        if began:
            wait_s = clock.epoch_of(began) + documents.SETTLE_S - clock.epoch_s() + 0.001
            raise Deferred("The changes of the last seconds have not settled.", wait_s)
        progress = {"page": held.job["page"] + 1, "pushBegan": clock.now()}
        return Step(progress, Noted("push", "waits until the last changes have settled"))

    # One batch

    def _sent(self, held: Claim, ahead: Ahead) -> Step:
        run = BatchRun(self.plan, self.variables, self.means)
        to_send = ahead.to_send
        cut = run.batches([each.content for each in to_send])
        if len(cut.batches) > 1:
            ahead = ahead.until(to_send[cut.batches[1].items[0].index].document_id)
        refused = {to_send[result.index].document_id: result for result in cut.rejected}
        told = {each.document_id: self._done_without_batch(held, each, refused) for each in ahead.found}
        if not cut.batches:
            return self._step(held, ahead, told, None)
        batch = cut.batches[0]
        result = self._send(held, batch)
        results = {to_send[each.index].document_id: each for each in result.results}
        if result.job_id is not None:
            return self._accepted(held, ahead, {name: told[name] for name in told.keys() - results}, result)
        sent = [each for each in ahead.found if each.document_id in results]
        told |= self._told(held, sent, results)
        return self._step(held, ahead, told, result)

    def _send(self, held: Claim, batch: Batch) -> BatchResult:
        position = self.position(held.job)
        key = hashed_id("batch", f"{held.job['sk']}#{position}#{jsontext.dump([item.content for item in batch.items])}")
        variables = replace(self.variables, params={**self.variables.params, "idempotencyKey": key})
        run = BatchRun(self.plan, variables, self.means)
        try:
            return run.send(batch, give_up_at=self._give_up_at())
        except Refused as refusal:
            status = refusal.details.get("status")
            if status not in OF_THE_BATCH:
                raise
            results = batch.all("rejected", f"HTTP_{status}", refusal.message)
            return BatchResult(results, None, "", "", status, 0, 1)

    def _done_without_batch(self, held: Claim, each: Sending, refused: Mapping[str, RecordResult]) -> Told:
        """Return what became of a change that is in no batch; deletions are made here."""
        position = self.position(held.job)
        if each.document_id in refused:
            result = refused[each.document_id]
            return rejected(each, result.code, result.reason)
        if each.action == "reject":
            return rejected(each, each.code, each.reason)
        if each.action == "drop":
            return Told("unchanged", each.unlinked(self._job, position))
        if each.action == "delete" and self.deletes is not None:
            fault = self.deletes.delete(each.former.external_id)
            if fault is not None:
                return rejected(each, *fault)
            return Told("deleted", each.unlinked(held.job, position))
        return Told(each.outcome)

    def _told(self, held: Claim, sent: Sequence[Sending], results: Mapping[str, RecordResult]) -> dict[str, Told]:
        """Return what became of each record of a batch, with the link of each that was taken."""
        position = self.position(held.job)
        news = {
            results[each.document_id].external_id: each.document_id
            for each in sent
            if results[each.document_id].external_id not in (None, each.former.external_id)
        }
        owners = self.links.documents_of(str(name) for name in news) if news else {}
        return {
            each.document_id: self._of_result(held, each, results[each.document_id], owners, position) for each in sent
        }

    def _of_result(
        self, held: Claim, each: Sending, result: RecordResult, owners: Mapping[str, str], position: str
    ) -> Told:
        if result.outcome == "rejected":
            return rejected(each, result.code, result.reason)
        owner = owners.get(result.external_id or "", each.document_id)
        if owner != each.document_id:
            reason = f"the provider's record {result.external_id} is linked to the document {owner}"
            return rejected(each, ALREADY_LINKED, reason)
        link = each.linked(result.external_id, held.job, position)
        return Told(link.outcome, link)

    def _step(self, held: Claim, ahead: Ahead, told: Mapping[str, Told], result: BatchResult | None) -> Step:
        self._keep_links(ahead.found, told)
        progress = self._progress(held.job, ahead, told)
        kept = push_state.after(self.tables, held.job, ahead.position) if not ahead.has_more else []
        facts = {**_facts(result), **jobs.counted_since(held.job, progress), "refused": faults(ahead.found, told)}
        _say(held.job, progress, result)
        message = "changes sent" if ahead.has_more else "all changes are sent"
        return Step(progress, Noted("push", message, facts), tuple(kept), is_last=not ahead.has_more)

    def _keep_links(self, found: Sequence[Sending], told: Mapping[str, Told]) -> None:
        """Write the links; one that a person's decision has changed meanwhile takes what was sent into account."""
        by_id = {each.document_id: each for each in found}
        news = {name: link for name, each in told.items() if (link := each.link) is not None}
        for _ in range(TRIES):
            try:
                self.links.store([(link, by_id[name].link) for name, link in news.items()])
                return
            except (ConditionFailed, Contended):
                present = self.links.find(news)
                by_id = {name: replace(by_id[name], link=present.get(name)) for name in news}
                news = {name: _again(link, present.get(name)) for name, link in news.items()}
        raise Deferred("The links of these documents are being changed by others.", 1.0)

    def _progress(self, job: Item, ahead: Ahead, told: Mapping[str, Told]) -> Json:
        found = [(each.outcome, name) for name, each in told.items()]
        refused = [{"page": job["page"], **fault} for fault in faults(ahead.found, told)]
        return {
            "page": job["page"] + 1,
            "pushedTo": ahead.position,
            "pushBegan": job.get("pushBegan") or clock.now(),
            "remoteJob": None,
            "counters": asdict(Counters.of(job).plus(counted(told.values()))),
            "errors": [*job["errors"], *refused][:KEPT_ERRORS],
            "samples": samples.with_more(job.get("samples"), found),
            "stopReason": None if ahead.has_more else "end_of_changes",
            **pauses.OVER,
        }

    # Jobs of the provider

    def _accepted(self, held: Claim, ahead: Ahead, others: Mapping[str, Told], result: BatchResult) -> Step:
        """Note the provider's job; the cursor stays before the batch until it is known how the job has ended."""
        self._keep_links(ahead.found, others)
        new = sum(not each.former.is_live for each in ahead.to_send if each.document_id not in others)
        begun = remote_jobs.begun(held.job, result, ahead.position, new)
        refused = [{"page": held.job["page"], **fault} for fault in faults(ahead.found, others)]
        progress = {
            "page": held.job["page"] + 1,
            "remoteJob": {**begun, "counters": asdict(counted(others.values()))},
            "errors": [*held.job["errors"], *refused][:KEPT_ERRORS],
            **pauses.OVER,
        }
        facts = {**_facts(result), "providerJob": result.job_id, "records": len(result.results)}
        return Step(progress, Noted("push", "the provider took the batch as a job", facts))

    def _asked(self, held: Claim, waiting: Json) -> Step:
        """Ask how the provider's job is: done, it becomes links and counters; raises Deferred while it runs."""
        if waiting.get("failedAs"):
            raise Refused(
                f"The provider's job {waiting['id']} ended as {waiting['failedAs']}; nothing of it is linked."
            )
        run = BatchRun(self.plan, self.variables, self.means)
        status = run.poll(waiting["id"], give_up_at=self._give_up_at())
        if status.state == "pending":
            raise Deferred(f"The provider's job {waiting['id']} is under way.", remote_jobs.wait_s(waiting))
        facts = {"providerJob": waiting["id"], "status": status.status}
        if status.state == "failed":
            progress = {"page": held.job["page"] + 1, "remoteJob": {**waiting, "failedAs": status.status}}
            return Step(progress, Noted("push", "the provider's job failed", facts))
        ahead, position = self.stream.ahead(self.position(held.job), until=waiting["until"]), self.position(held.job)
        links = {each.document_id: Told("updated", each.linked(None, held.job, position)) for each in ahead.to_send}
        self._keep_links(ahead.found, links)
        return Step(
            self._progress_of_job(held.job, waiting, status), Noted("push", "the provider's job is done", facts)
        )

    def _progress_of_job(self, job: Item, waiting: Json, status: JobStatus) -> Json:
        of_job, refused = remote_jobs.counters(waiting, status)
        fault = {
            "page": job["page"],
            "code": remote_jobs.REFUSED,
            "reason": f"the provider's job {waiting['id']} refused {refused} records and does not say which",
        }
        return {
            "page": job["page"] + 1,
            "pushedTo": waiting["until"],
            "pushBegan": job.get("pushBegan") or clock.now(),
            "remoteJob": None,
            "counters": asdict(Counters.of(job).plus(of_job)),
            "errors": [*job["errors"], *([fault] if refused else [])][:KEPT_ERRORS],
            **pauses.OVER,
        }

    def _give_up_at(self) -> float:
        return time.monotonic() + self.work.resources.settings.sync_lease_s * 0.75


def _again(link: Link, present: Link | None) -> Link:
    """Return a link as it was to be, on top of what somebody else has made of it."""
    if present is None or not present.is_live:
        return replace(link, version=0 if present is None else present.version)
    return replace(link, conflicts=present.conflicts, version=present.version)


def _facts(result: BatchResult | None) -> Json:
    if result is None:
        return {}
    return {
        "method": result.method,
        "url": result.url,
        "status": result.status,
        "durationMs": result.elapsed_ms,
        "attempts": result.attempts,
    }


def _say(job: Item, progress: Json, result: BatchResult | None) -> None:
    logs.info(
        "sync.batch",
        tenant=str(job["pk"]).partition("#")[0],
        job_id=job["sk"],
        page=progress["page"],
        status=result.status if result else None,
        duration_ms=result.elapsed_ms if result else None,
        **logged(progress["counters"]),
    )
