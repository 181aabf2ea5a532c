"""Runs one sync job for as long as the function may: fetch a page, map it, upsert the documents, checkpoint, go on.

Whatever happens between two checkpoints is done again by the next worker and counts once: upserts know the step that
wrote them. The job ends, is handed on with a delay, or is left to whoever holds it now; nothing else can happen to it.
"""

import time
import uuid
from collections.abc import Callable
from contextlib import closing
from dataclasses import asdict, dataclass
from functools import partial
from typing import Any

from hub import documents
from hub.connector.actions import Judge
from hub.connector.ahead import MOST_AHEAD
from hub.connector.entities import document_type, has_records
from hub.connector.plan import Means, Page, PageRun, Plan, Position
from hub.core import events, jsontext, logs, queues
from hub.core.attributes import Item
from hub.core.caller import Tenant
from hub.core.errors import HubError, UpstreamError
from hub.core.queues import Hint
from hub.core.resources import Resources
from hub.core.tables import Write
from hub.core.vault import Vault
from hub.integrations import connected, custom
from hub.integrations.calls.noticing import noticing
from hub.integrations.connections.marks import Marks
from hub.integrations.plans import document_of, plan_of
from hub.outbound.calls import Deferred
from hub.outbound.retry import Sender
from hub.outbound.traffic import Traffic
from hub.sync import increments, job_events, jobs, last_sync, pauses
from hub.sync.jobs import Cancelled, Claim, Counters, LeaseLost
from hub.sync.state import State
from hub.sync.state import after as state_after

Json = dict[str, Any]

LEAVE_MS = 45_000
KEPT_ERRORS = 20
# After the third failure without a page in between the job ends.
WAIT_S_BY_HOP = (30, 120)
# A provider may ask for any delay; the job's items are kept for days, not for ever.
LONGEST_WAIT_S = 24 * 3600
DEFAULT_ENTITY = "record"


@dataclass(frozen=True)
class Worker:
    """What a run needs from the function it runs in; `remaining_ms` says how long that function may still live.

    Up to `most_ahead` pages are fetched while those before them are stored.
    """

    resources: Resources
    vault: Vault
    client: Sender
    remaining_ms: Callable[[], int]
    most_ahead: int = MOST_AHEAD

    def run(self, hint: Hint) -> None:
        """Work on the job the hint names; returns when it ended, was handed on, or belongs to someone else."""
        me = uuid.uuid4().hex
        held = jobs.claim(self.resources.tables, hint.tenant, hint.id, me, self.resources.settings.sync_lease_s)
        if held is None:
            logs.info("job.stepped_aside", tenant=hint.tenant.id, job_id=hint.id)
            return
        try:
            self._run(held)
        except LeaseLost:
            logs.warning("job.lease_lost", tenant=hint.tenant.id, job_id=hint.id, fence=held.job["fence"])

    def _run(self, held: Claim) -> None:
        try:
            if held.job["hops"] > jobs.MAX_HOPS:
                raise UpstreamError(
                    f"No page was completed in {jobs.MAX_HOPS} runs in a row; the last position is kept."
                )
            state = State(self.resources.tables.activity, held.job)
            with closing(self._bind(held, state)) as pages:
                self._pages(held, pages, state)
        except LeaseLost:
            raise
        except HubError as error:
            self._failed(held.refreshed(self.resources.tables), error)

    def _bind(self, held: Claim, state: State) -> PageRun:
        config, job = self.resources.tables.config, held.job
        found = connected.load(config, held.tenant, job["integrationId"], user=str(job.get("userId") or ""))
        custom.must_not_be_paused(found.found)
        chosen = connected.at_version(config, found, job["connectorVersion"])
        connected.must_be_usable(chosen)
        # Of a custom integration the secrets belong to the draft, whichever version runs.
        secrets = connected.secrets_of(config, self.vault, found if chosen.entry is None else chosen)
        plan = plan_of(chosen.definition_text, job["endpointId"])
        marks = self._marks()
        means = Means(
            client=noticing(self._regulated(found.id, held.tenant, plan), chosen, marks),
            secrets=secrets,
            # The token server is another system: neither the provider's limits nor its failures are its own.
            tokens=connected.token_source_of(self.vault, self.client, chosen, secrets, marks=marks),
            find_documents=partial(documents.find_many, self.resources.tables.documents, held.tenant),
            validators=None if job["position"] or job.get("isFresh") else state.validators,
            most_ahead=self.most_ahead,
            began_s=increments.began_s(job),
        )
        variables = connected.variables_of(chosen, jsontext.load(job["params"]), state)
        return plan.bind(variables, means, job.get("incrementalFrom"))

    def _marks(self) -> Marks:
        """Return who notes on a connection that the provider refuses its tokens."""
        found = self.resources
        return Marks(found.tables, found.settings.retention_days, partial(events.hint, found))

    def _regulated(self, integration_id: str, tenant: Tenant, plan: Plan) -> Sender:
        """Return the way to the provider. Answers are judged in it: a rule may say that one is a rate limit."""
        traffic = Traffic(self.resources.tables.coordination, tenant, integration_id)
        return traffic.regulated(Judge(self.client, plan.exchange.rules), plan.limits, plan.rate_headers)

    def _pages(self, held: Claim, pages: PageRun, state: State) -> None:
        slowest_s = 0.0
        while True:
            began = time.monotonic()
            page = pages.fetch(_position(held.job), give_up_at=began + self.resources.settings.sync_lease_s * 0.75)
            progress = self._store(held, page)
            try:
                if page.next is None:
                    self._finish(held, page, progress, state)
                    return
                held = self._checkpoint(held, page, progress)
                slowest_s = max(slowest_s, time.monotonic() - began)
                if self.remaining_ms() < max(2000 * slowest_s, LEAVE_MS):
                    self._hand_on(held, 0, {}, "handed on before the function's time is up")
                    return
            except Cancelled:
                self._end(held, "CANCELLED", progress, "cancelled after this page", {})
                return

    def _store(self, held: Claim, page: Page) -> Json:
        """Upsert the page's documents; return the job's progress with them."""
        accepted, refused = _sorted_out(page)
        step = documents.Step(f"integration:{held.job['integrationId']}", f"{held.job['sk']}#{held.job['page']}")
        table = self.resources.tables.documents
        outcomes = documents.upsert(table, held.tenant, held.job["entityType"], accepted, step)
        counted = Counters(
            read=len(page.records),
            rejected=len(refused),
            **{name: outcomes.count(name) for name in ("created", "updated", "unchanged")},
        )
        errors = [{"page": held.job["page"], **fault} for fault in refused]
        return {
            "page": held.job["page"] + 1,
            "position": jsontext.dump(page.next.to_json()) if page.next else None,
            "counters": asdict(Counters.of(held.job).plus(counted)),
            "total": page.total if page.total is not None else held.job["total"],
            "errors": [*held.job["errors"], *errors][:KEPT_ERRORS],
            **increments.progress(held.job, page),
            **pauses.OVER,
        }

    def _checkpoint(self, held: Claim, page: Page, progress: Json) -> Claim:
        lease_s = self.resources.settings.sync_lease_s
        log = self._log(held, "page", "page stored", _page_facts(held, page, progress))
        after = jobs.checkpoint(self.resources.tables, held, progress, log, lease_s)
        self._say("sync.page", after.job, page)
        return after

    def _finish(self, held: Claim, page: Page, progress: Json, state: State) -> None:
        facts = _page_facts(held, page, progress)
        self._say("sync.page", {**held.job, **progress}, page)
        progress = {**progress, "stopReason": page.stop_reason, "hops": 0}
        if page.stop_reason == "repeated_page":
            fault = "The provider answered a page it had answered before; what was read so far is stored."
            progress["errors"] = [*progress["errors"], {"page": held.job["page"], "reason": fault}]
            self._end(held, "FAILED", progress, fault, facts)
        else:
            increment = increments.left(held.job, page, progress)
            kept = state_after(self.resources.tables.activity, held.job, page, state, increment)
            self._end(held, "COMPLETED", progress, f"last page stored ({page.stop_reason})", facts, kept)

    def _failed(self, held: Claim, error: HubError) -> None:
        """Decide what follows an error: the same call later, or the end of the job."""
        error = pauses.given_up(held.job, error)
        fault = {"page": held.job["page"], "code": error.code, "reason": error.message}
        progress = {"errors": [*held.job["errors"], fault][-KEPT_ERRORS:]}
        try:
            if isinstance(error, Deferred):
                self._hand_on(held, pauses.wait_s(error), pauses.begun(held.job), error.message)
            elif error.retryable and held.job["hops"] < jobs.MAX_HOPS:
                self._hand_on(held, _wait_s(held, error), progress, error.message)
            else:
                self._end(held, "FAILED", {**progress, "stopReason": "failed"}, error.message, {"code": error.code})
        except Cancelled:
            self._end(held, "CANCELLED", progress, "cancelled", {})

    def _hand_on(self, held: Claim, wait_s: float, progress: Json, message: str) -> None:
        log = self._log(held, "handed_on", message, {"waitSeconds": wait_s})
        job = jobs.defer(self.resources.tables, held, wait_s, progress, log)
        logs.info("job.handed_on", tenant=held.tenant.id, job_id=job["sk"], page=job["page"], retry_after_s=wait_s)
        if wait_s <= queues.MAX_DELAY_S:
            queue_url = self.resources.settings.sync_queue_url
            queues.send(self.resources.sqs, queue_url, Hint(held.tenant, job["sk"]), delay_s=round(wait_s + 0.5))

    def _end(self, held: Claim, status: str, progress: Json, message: str, facts: Json, *more: Write) -> None:
        log, told = self._log(held, status.lower(), message, facts), self._told(held, status, progress, message)
        outbox = [] if told is None else [events.write(self.resources.tables, told)]
        job = jobs.finish(self.resources.tables, held, status, progress, log, *more, *outbox)
        last_sync.note(self.resources.tables.config, job, message)
        logs.info(
            "job.ended",
            tenant=held.tenant.id,
            job_id=job["sk"],
            status=status,
            page=job["page"],
            stop_reason=job.get("stopReason"),
            **_logged(job["counters"]),
        )
        if told is not None:
            events.hint(self.resources, told)

    def _told(self, held: Claim, status: str, progress: Json, message: str) -> Item | None:
        """Return the event of the job's end; that of a cancelled one was written by who cancelled it."""
        if status == "CANCELLED":
            return None
        counters = {**held.job, **progress}["counters"]
        return job_events.ended(held.job, status, message, counters, self.resources.settings.retention_days)

    def _log(self, held: Claim, kind: str, message: str, facts: Json) -> Any:
        keep_days = self.resources.settings.retention_days
        return jobs.log_line(self.resources.tables, held, kind, message, facts, keep_days)

    def _say(self, event: str, job: Item, page: Page) -> None:
        logs.info(
            event,
            tenant=Tenant.of_item(job).id,
            job_id=job["sk"],
            page=job["page"],
            status=page.status,
            duration_ms=page.elapsed_ms,
            bytes=page.body_bytes,
            attempts=page.attempts,
            **_logged(job["counters"]),
        )


def entity_of(definition: Json, endpoint_id: str) -> str | None:
    """Return the document type an endpoint fills, None where there is no such endpoint that reads records."""
    endpoints = {endpoint["id"]: endpoint for endpoint in definition["endpoints"] if has_records(endpoint)}
    if endpoint_id not in endpoints:
        return None
    return document_type(endpoints[endpoint_id]) or DEFAULT_ENTITY


def _wait_s(held: Claim, error: HubError) -> float:
    """Return how long to wait before the next try: what the provider asks for, but a growing while at the least."""
    asked_s = getattr(error, "retry_after_s", None) or 0
    least_s = WAIT_S_BY_HOP[max(held.job["hops"], 1) - 1]  # a page that was done in this run has set hops to 0
    return float(min(max(asked_s, least_s), LONGEST_WAIT_S))


def _position(job: Item) -> Position | None:
    return Position.from_json(jsontext.load(job["position"])) if job["position"] else None


def _sorted_out(page: Page) -> tuple[list[documents.Incoming], list[Json]]:
    """Part the page's records into those to store and the faults of the others."""
    accepted: list[documents.Incoming] = []
    refused: list[Json] = []
    for record in page.records:
        try:
            accepted.append(document_of(record))
        except documents.Unstorable as fault:
            refused.append({"index": record.index, "externalId": record.external_id, "reason": str(fault)})
    return accepted, refused


def _page_facts(held: Claim, page: Page, progress: Json) -> Json:
    """Return what the job's log says of one page: the call and what became of its records."""
    before = asdict(Counters.of(held.job))
    counted = {name: count - before[name] for name, count in progress["counters"].items()}
    since = held.job.get("incrementalFrom") if held.job["page"] == 0 else None
    return {
        **({} if since is None else {"incrementalFrom": since}),
        "method": page.method,
        "url": page.url,
        "status": page.status,
        "durationMs": page.elapsed_ms,
        "bytes": page.body_bytes,
        "attempts": page.attempts,
        **counted,
    }


def _logged(counters: Json) -> Json:
    return {f"records_{name}": count for name, count in counters.items()}
