"""What every phase of a job works with: its means, and the ways in which a run goes on, is handed on or ends.

    pull -> (delete) -> (push), one after the other in one job; `phase` in the job says which one is next.

A phase is a function of a worker and its claim. It returns the claim with which another phase goes on, or None where
the job has ended, was handed on, or belongs to somebody else.
"""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from hub.connector.ahead import MOST_AHEAD
from hub.core import clock, events, logs, queues
from hub.core.attributes import Item
from hub.core.errors import HubError
from hub.core.queues import Hint
from hub.core.resources import Resources
from hub.core.tables import Put, Update, Write, key
from hub.core.vault import Vault
from hub.outbound.calls import Deferred
from hub.outbound.retry import Sender
from hub.sync import fuses, job_events, job_logs, jobs, pauses
from hub.sync.configs import configs
from hub.sync.jobs import Cancelled, Claim, Gone

Json = dict[str, Any]

LEAVE_MS = 45_000
KEPT_ERRORS = 20
# After the third failure without a page in between the job ends.
WAIT_S_BY_HOP = (30, 120)
# A provider may ask for any delay; the job's items are kept for days, not for ever.
LONGEST_WAIT_S = 24 * 3600
OUT_OF_TIME = "handed on before the function's time is up"
MAX_ERROR_CHARS = 500


@dataclass(frozen=True)
class Noted:
    """One line of a job's log."""

    kind: str
    message: str
    facts: Json = field(default_factory=dict)


@dataclass(frozen=True)
class Work:
    """What a run needs from the function it runs in; `remaining_ms` says how long that function may still live.

    Up to `most_ahead` pages are fetched while those before them are stored. `watch` tells how long a source takes.
    """

    resources: Resources
    vault: Vault
    client: Sender
    remaining_ms: Callable[[], int]
    most_ahead: int = MOST_AHEAD
    watch: Callable[[], float] = time.monotonic

    @property
    def keep_days(self) -> int:
        return self.resources.settings.retention_days

    def must_leave(self, slowest_s: float) -> bool:
        """Say whether another page as slow as the slowest might outlive the function."""
        return self.remaining_ms() < max(2000 * slowest_s, LEAVE_MS)

    def checkpoint(self, held: Claim, progress: Json, noted: Noted, *more: Write) -> Claim:
        """Record a finished page, with `more` in the same transaction. Raises LeaseLost or Cancelled."""
        lease_s = self.resources.settings.sync_lease_s
        return jobs.checkpoint(self.resources.tables, held, progress, self._log(held, noted), lease_s, *more)

    def failed(self, held: Claim, error: HubError) -> None:
        """Decide what follows an error: the same call later, or the end of the job."""
        error = pauses.given_up(held.job, error)
        at = {"partition": error.details["partition"]} if "partition" in error.details else {}
        fault = {"page": held.job["page"], **at, "code": error.code, "reason": error.message}
        progress = {"errors": [*held.job["errors"], fault][-KEPT_ERRORS:]}
        try:
            if isinstance(error, Deferred):
                self.hand_on(held, pauses.wait_s(error), pauses.begun(held.job), error.message)
            elif error.retryable and held.job["hops"] < jobs.MAX_HOPS:
                self.hand_on(held, _wait_s(held, error), progress, error.message)
            else:
                noted = Noted("failed", error.message, {"code": error.code, **at})
                self.end(held, "FAILED", {**progress, "stopReason": "failed"}, noted)
        except Cancelled:
            self.end(held, "CANCELLED", progress, Noted("cancelled", "cancelled"))

    def hand_on(self, held: Claim, wait_s: float, progress: Json, message: str) -> None:
        """Let another worker go on in `wait_s`."""
        log = self._log(held, Noted("handed_on", message, {"waitSeconds": wait_s}))
        job = jobs.defer(self.resources.tables, held, wait_s, progress, log)
        logs.info("job.handed_on", tenant=held.tenant.id, job_id=job["sk"], page=job["page"], retry_after_s=wait_s)
        if wait_s <= queues.MAX_DELAY_S:
            queue_url = self.resources.settings.sync_queue_url
            queues.send(self.resources.sqs, queue_url, Hint(held.tenant, job["sk"]), delay_s=round(wait_s + 0.5))

    def end(self, held: Claim, status: str, progress: Json, noted: Noted, *more: Write) -> None:
        """End the job, in one transaction with `more`, the last line of its log and the event about it."""
        told = self._told(held, status, progress, noted.message)
        outbox = [events.write(self.resources.tables, event) for event in told]
        writes = [self._log(held, noted), *more, *outbox]
        job = self._finished(held, status, progress, writes, self._marked(held, status, noted.message))
        logs.info(
            "job.ended",
            tenant=held.tenant.id,
            job_id=job["sk"],
            status=status,
            page=job["page"],
            stop_reason=job.get("stopReason"),
            **logged(job["counters"]),
        )
        for event in told:
            events.hint(self.resources, event)

    def _finished(
        self, held: Claim, status: str, progress: Json, writes: Sequence[Write], marks: Sequence[Write]
    ) -> Item:
        try:
            return jobs.finish(self.resources.tables, held, status, progress, *writes, *marks)
        except Gone:
            return jobs.finish(self.resources.tables, held, status, progress, *writes)

    def _told(self, held: Claim, status: str, progress: Json, message: str) -> list[Item]:
        """Return the events of the job's end; that of a cancelled one was written by who cancelled it."""
        if status == "CANCELLED":
            return []
        job = {**held.job, **progress}
        ended = job_events.ended(job, status, message, job["counters"], self.keep_days)
        blown = fuses.of(job) if status == "COMPLETED" else []
        held_back = [job_events.deletes_held(job, fuse, self.keep_days) for fuse in blown]
        raised = [job_events.conflicts(job, self.keep_days)] if job.get("conflicts") and status == "COMPLETED" else []
        return [ended, *held_back, *raised]

    def _marked(self, held: Claim, status: str, message: str) -> list[Write]:
        """Return the writes that note on integration and configuration when they were last in step, or why not.

        Their versions stay: no one has edited them. An integration that is gone in the meantime is left alone.
        """
        now = clock.now()
        if status == "COMPLETED":
            change, values = "SET lastSyncAt = :now REMOVE lastError, lastErrorAt", {"now": now}
        elif status == "FAILED":
            change = "SET lastError = :error, lastErrorAt = :now"
            values = {"now": now, "error": message[:MAX_ERROR_CHARS]}
        else:
            return []
        place = key(held.tenant, "integration", held.job["integrationId"])
        tables = self.resources.tables
        noted = Update(tables.config, place, change, values, "attribute_exists(pk)")
        return [noted, *configs.ended(tables, held.job, status, message)]

    def _log(self, held: Claim, noted: Noted) -> Put:
        tables = self.resources.tables
        return job_logs.line(tables, held, noted.kind, noted.message, noted.facts, self.keep_days)


Phase = Callable[["Work", Claim], Claim | None]


@dataclass(frozen=True)
class Step:
    """What one page of work has come to: the job's progress with it, and what its checkpoint writes beside it."""

    progress: Json
    noted: Noted
    writes: tuple[Write, ...] = ()
    is_last: bool = False


def walk(work: Work, held: Claim, take: Callable[[Claim], Step]) -> Claim | None:
    """Take one step after the other until the last one, each with its checkpoint: the course of a phase."""
    slowest_s = 0.0
    while True:
        began = time.monotonic()
        step = take(held)
        try:
            if step.is_last:
                return complete(work, held, step)
            held = work.checkpoint(held, step.progress, step.noted, *step.writes)
            slowest_s = max(slowest_s, time.monotonic() - began)
            if work.must_leave(slowest_s):
                work.hand_on(held, 0, {}, OUT_OF_TIME)
                return None
        except Cancelled:
            noted = Noted("cancelled", "cancelled after this page", step.noted.facts)
            work.end(held, "CANCELLED", step.progress, noted)
            return None


def complete(work: Work, held: Claim, step: Step) -> Claim | None:
    """End a phase with its last step: go on with the next one, or end the job."""
    following = phase_after({**held.job, **step.progress})
    if following is not None:
        return work.checkpoint(held, {**step.progress, "phase": following}, step.noted, *step.writes)
    noted = Noted("completed", step.noted.message, step.noted.facts)
    work.end(held, "COMPLETED", {**step.progress, "hops": 0}, noted, *step.writes)
    return None


def phase_of(job: Mapping[str, Any]) -> str:
    """Return the phase a job is in; one from before there were phases pulls."""
    return str(job.get("phase") or "pull")


def phase_after(job: Mapping[str, Any]) -> str | None:
    """Return which of the job's phases follows the present one: `phases` lists them where there are several."""
    named, present = list(job.get("phases") or ()), phase_of(job)
    if present == "delete" and present not in named:
        present = "pull"  # deleting what is gone is how a pull ends
    following = named[named.index(present) + 1 :] if present in named else []
    return str(following[0]) if following else None


def logged(counters: Json) -> Json:
    return {f"records_{name}": count for name, count in counters.items()}


def _wait_s(held: Claim, error: HubError) -> float:
    """Return how long to wait before the next try: what the provider asks for, but a growing while at the least."""
    asked_s = getattr(error, "retry_after_s", None) or 0
    least_s = WAIT_S_BY_HOP[max(held.job["hops"], 1) - 1]  # a page that was done in this run has set hops to 0
    return float(min(max(asked_s, least_s), LONGEST_WAIT_S))
