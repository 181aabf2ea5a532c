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
from hub.core.tables import Write
from hub.integrations import connected
from hub.integrations.instances.settings import must_allow
from hub.integrations.plans import definition_of
from hub.outbound.calls import Deferred
from hub.sync import calling, fuses, jobs, pauses
from hub.sync.field_rules import with_own_fields
from hub.sync.jobs import Claim, Counters
from hub.sync.proof import samples
from hub.sync.push import kept_deletes, outgoing, remote_deletes, remote_jobs
from hub.sync.push import state as push_state
from hub.sync.push.halving import Halving, Settled, is_of_the_batch, rejecting
from hub.sync.push.held_deletes import Ledger
from hub.sync.push.idempotency import with_key
from hub.sync.push.outgoing import OutgoingFuse
from hub.sync.push.sending import HOLD, Decider, Sending
from hub.sync.push.told import Told, counted, faults, rejected
from hub.sync.push.upcoming import Ahead, Stream
from hub.sync.two_way.links import Links
from hub.sync.two_way.storing import store_links
from hub.sync.two_way.terms import has_own_ids, terms_of, write_endpoint_id
from hub.sync.working import KEPT_ERRORS, Noted, Step, Work, logged, walk

Json = dict[str, Any]

ALREADY_LINKED = "ALREADY_LINKED"
# Parts of a lease: after the first a call is given up, after the second no further part of a batch is sent.
GIVE_UP_SHARE, LATE_SHARE = 0.75, 0.25


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
        self.variables = with_key(connected.variables_of(found, jsontext.load(job["params"])), job["sk"])
        self.means = calling.means(work, found, secrets, self.plan)
        self.links = Links.of_job(self.tables, job)
        self.deletes = remote_deletes.of(text, job, self.variables, self.means)
        kind, definition = jobs.document_type(job), jsontext.load(text)
        decider = Decider.of(job, terms, self.deletes is not None, theirs=has_own_ids(definition, kind))
        self.fuse = OutgoingFuse(Ledger(self.links, kind), Stream(self.links, kind, decider, self.plan.cutter.size))
        self._job = job

    @cached_property
    def begins_at(self) -> str:
        return push_state.begins_at(self.tables, self._job)

    def step(self, held: Claim) -> Step:
        """Send the next batch; raises Deferred where something is to be waited for."""
        waiting = remote_jobs.of(held.job)
        if waiting is not None:
            return self._asked(held, waiting)
        position = self.position(held.job)
        verdict, ahead = self.fuse.judged(held.job, position, self.fuse.ahead(held.job, position))
        held = Claim({**held.job, **verdict}, held.me)
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
        if len(result.results) < len(batch.items):
            ahead = ahead.until(to_send[batch.items[len(result.results)].index].document_id)
            told = {each.document_id: told[each.document_id] for each in ahead.found}
        results = {to_send[each.index].document_id: each for each in result.results}
        if result.job_id is not None:
            return self._accepted(held, ahead, {name: told[name] for name in told.keys() - results}, result)
        sent = [each for each in ahead.found if each.document_id in results]
        told |= self._told(held, sent, results)
        return self._step(held, ahead, told, result)

    def _send(self, held: Claim, batch: Batch) -> Settled:
        """Send a batch, in parts where the provider refuses it as it is; a job of the provider is never in parts."""
        begun, lease_s = time.monotonic(), self.work.resources.settings.sync_lease_s
        give_up_at = begun + lease_s * GIVE_UP_SHARE

        def send(part: Batch) -> BatchResult:
            try:
                return self._run_of(held, part).send(part, give_up_at=give_up_at)
            except Refused as refusal:
                if self.plan.job is None or not is_of_the_batch(refusal):
                    raise
                return rejecting(part, refusal)

        return Halving(send, lambda: time.monotonic() - begun > lease_s * LATE_SHARE).settle(batch)

    def _run_of(self, held: Claim, part: Batch) -> BatchRun:
        """Return the run of one call; its idempotency key is of its records, and the same when it is repeated."""
        contents = jsontext.dump([item.content for item in part.items])
        variables = with_key(self.variables, held.job["sk"], self.position(held.job), contents)
        return BatchRun(self.plan, variables, self.means)

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
        owners = self._owners(sent, results)
        return {
            each.document_id: self._of_result(held, each, results[each.document_id], owners, position) for each in sent
        }

    def _owners(self, sent: Sequence[Sending], results: Mapping[str, RecordResult]) -> dict[str, str]:
        """Return whose each record is: the document's that is linked to it, else the first one's that became it."""
        became = [(each, name) for each in sent if (name := results[each.document_id].external_id) is not None]
        news = {name for each, name in became if each.link is None or name != each.link.external_id}
        owners = self.links.documents_of(news) if news else {}
        for each, name in became:
            owners.setdefault(name, each.document_id)
        return owners

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

    def _step(self, held: Claim, ahead: Ahead, told: Mapping[str, Told], result: Settled | None) -> Step:
        self._keep(ahead.found, told)
        progress = self._progress(held.job, ahead, told)
        kept: list[Write] = []
        if not ahead.has_more:
            kept = [*push_state.after(self.tables, held.job, ahead.position)]
            held_back, forgotten = self._left_over(held.job)
            progress, kept = progress | held_back, [*kept, *forgotten]
        facts = {**_facts(result), **jobs.counted_since(held.job, progress), "refused": faults(ahead.found, told)}
        _say(held.job, progress, result)
        message = "changes sent" if ahead.has_more else kept_deletes.message(progress)
        return Step(progress, Noted("push", message, facts), tuple(kept), is_last=not ahead.has_more)

    def _left_over(self, job: Item) -> tuple[Json, list[Write]]:
        """Return the fuse of a push that has come to its end; where nothing is ever deleted, nothing is held."""
        if self.deletes is None or job.get("deletes") == "keep":
            return {}, []
        fuse, writes = self.fuse.left_over(self.work.keep_days)
        return {fuses.THERE: fuse} if fuse or job.get(fuses.THERE) else {}, writes

    def _keep(self, found: Sequence[Sending], told: Mapping[str, Told]) -> None:
        """Write the links of what was sent, and which deletions are held."""
        store_links(self.links, found, told)
        self.fuse.ledger.keep(each.document_id for each in found if each.action == HOLD)

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
            **kept_deletes.progress(job, ahead.found),
            **outgoing.after(job, ahead.found, told),
            **pauses.OVER,
        }

    # Jobs of the provider

    def _accepted(self, held: Claim, ahead: Ahead, others: Mapping[str, Told], result: Settled) -> Step:
        """Note the provider's job; the cursor stays before the batch until it is known how the job has ended."""
        self._keep(ahead.found, others)
        new = sum(not each.former.is_live for each in ahead.to_send if each.document_id not in others)
        begun = remote_jobs.begun(held.job, result, ahead.position, new)
        refused = [{"page": held.job["page"], **fault} for fault in faults(ahead.found, others)]
        progress = {
            "page": held.job["page"] + 1,
            "remoteJob": {**begun, "counters": asdict(counted(others.values()))},
            "errors": [*held.job["errors"], *refused][:KEPT_ERRORS],
            **outgoing.after(held.job, ahead.found, others),
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
        give_up_at = time.monotonic() + self.work.resources.settings.sync_lease_s * GIVE_UP_SHARE
        status = run.poll(waiting["id"], give_up_at=give_up_at)
        if status.state == "pending":
            raise Deferred(f"The provider's job {waiting['id']} is under way.", remote_jobs.wait_s(waiting))
        facts = {"providerJob": waiting["id"], "status": status.status}
        if status.state == "failed":
            progress = {"page": held.job["page"] + 1, "remoteJob": {**waiting, "failedAs": status.status}}
            return Step(progress, Noted("push", "the provider's job failed", facts))
        progress = self._progress_of_job(held.job, waiting, status)
        self._link_job(held, run, waiting, is_whole=not remote_jobs.counters(waiting, status)[1])
        facts |= jobs.counted_since(held.job, progress)
        return Step(progress, Noted("push", "the provider's job is done", facts))

    def _link_job(self, held: Claim, run: BatchRun, waiting: Json, *, is_whole: bool) -> None:
        """Link what the provider's job got; where it refused some, nobody can say of any what the provider has."""
        position = self.position(held.job)
        ahead = self.fuse.ahead(held.job, position, until=waiting["until"])
        batches = run.batches([each.content for each in ahead.to_send]).batches
        taken = [ahead.to_send[item.index] for item in batches[0].items] if batches else []
        sent = taken if is_whole else [replace(each, content={}) for each in taken]
        links = {each.document_id: Told("updated", each.linked(None, held.job, position)) for each in sent}
        self._keep(ahead.found, links)

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


def _facts(result: Settled | None) -> Json:
    if result is None:
        return {}
    return {
        "method": result.method,
        "url": result.url,
        "status": result.status,
        "durationMs": result.elapsed_ms,
        "attempts": result.attempts,
        **({"calls": result.calls} if result.calls > 1 else {}),
    }


def _say(job: Item, progress: Json, result: Settled | None) -> None:
    logs.info(
        "sync.batch",
        tenant=str(job["pk"]).partition("#")[0],
        job_id=job["sk"],
        page=progress["page"],
        status=result.status if result else None,
        duration_ms=result.elapsed_ms if result else None,
        **logged(progress["counters"]),
    )
