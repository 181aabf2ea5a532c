"""Processes an accepted event: claim, read, route, act, end. What is cut short is done again, and has one effect."""

import time
import uuid
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field

from hub.core import events, jsontext, logs, queues
from hub.core.attributes import Item
from hub.core.caller import Tenant
from hub.core.chunks import chunks
from hub.core.errors import BadRequest, HubError
from hub.core.queues import Hint
from hub.core.recent import Recent
from hub.core.resources import Resources
from hub.core.tables import CALL_FAILED, ConditionFailed, Table
from hub.mapping.fields import BadRule
from hub.mapping.paths import BadPath
from hub.mapping.templates import BadTemplate
from hub.webhooks.counters import Patience
from hub.webhooks.endpoints import endpoints
from hub.webhooks.endpoints.endpoints import Endpoint
from hub.webhooks.events import own_events
from hub.webhooks.inbound import inbound, payloads, route
from hub.webhooks.inbound.act import RECEIVED, Actor, Done, shown
from hub.webhooks.inbound.inbound import Claim, Ended, LeaseLost
from hub.webhooks.subscriptions.subscriptions import Directory

MOST_CACHED = 1000
# An event is tried so often; the waits lie between.
MAX_TRIES = 5
WAITS_S = (5, 30, 180, 600)
# What a body of 5 MiB may take; an event that is not begun in time is left to the next run.
LEAVE_MS = 20_000
# What the rules of one endpoint may take for one body: others wait for this worker.
MOST_RULES_S = 10.0
# A transaction takes 100 writes: the event, its counter, and these.
MOST_TOLD_TOGETHER = 90
# It takes 4 MB, too.
MOST_CHARS_TOGETHER = 1_000_000


class Known:
    """The endpoints as this process knows them, each read at most every ten seconds."""

    def __init__(self, config: Table) -> None:
        self._recent: Recent[tuple[Tenant, str], Endpoint | None] = Recent(
            lambda where: endpoints.find(config, *where), MOST_CACHED
        )

    def find(self, tenant: Tenant, endpoint_id: str) -> Endpoint | None:
        """Return an endpoint, which may be a deleted one."""
        return self._recent.get((tenant, endpoint_id))


class Unprocessable(Exception):
    """The event cannot be processed, however often it is tried; the text says why."""


@dataclass(frozen=True)
class Worker:
    """Works on hints one after the other; `remaining_ms` says how long the function may still live.

    Announcements are collected: `announce` sends those of all hints at once.
    """

    resources: Resources
    known: Known
    directory: Directory
    remaining_ms: Callable[[], int]
    cpu_s: Callable[[], float] = time.thread_time
    patience: Patience | None = None
    announced: list[Item] = field(default_factory=list)

    def run(self, hint: Hint) -> None:
        """Process the event the hint names; returns when it ended, waits, or belongs to someone else."""
        if self.remaining_ms() < LEAVE_MS:
            self._send(hint, 0)
            return
        endpoint_id, _, event_id = hint.id.partition("/")
        where = inbound.place(hint.tenant, endpoint_id, event_id)
        held = inbound.claim(self.resources.tables, where, uuid.uuid4().hex)
        if held is None:
            logs.info("inbound.stepped_aside", tenant=hint.tenant.id, endpoint_id=endpoint_id)
            return
        try:
            self._process(held)
        except LeaseLost:
            logs.warning("inbound.lease_lost", tenant=hint.tenant.id, endpoint_id=endpoint_id)

    def announce(self) -> None:
        """Tell the bus what was received; whoever must not miss it has a subscription or a target service."""
        if self.announced:
            events.announce(self.resources, self.announced)
            self.announced.clear()

    def _process(self, held: Claim) -> None:
        if held.attempt > MAX_TRIES:
            self._end(held, Ended("failed", f"Gave up: {MAX_TRIES} workers were stopped while they worked on it."))
            return
        try:
            self._route(held)
        except (Unprocessable, BadRequest) as fault:
            self._end(held, Ended("failed", str(fault), held.event.get("eventType", "")))
        except (HubError, *CALL_FAILED) as error:
            self._defer(held, error)

    def _route(self, held: Claim) -> None:
        endpoint = self._endpoint(held)
        headers = jsontext.load(held.event["headers"])
        payload = payloads.parse(held.event["contentType"], self._body(held.event))
        may_go_on = self._limit()
        try:
            decision = route.decide(route.of_endpoint(endpoint.item), headers, payload, may_go_on)
            done = Actor(self.resources, endpoint, held, may_go_on).act(decision, payload)
        except (BadPath, BadRule, BadTemplate) as fault:
            raise Unprocessable(f"The endpoint's routing does not fit: {fault}") from fault
        self._finish(held, endpoint, _ended(decision, done), done)

    def _limit(self) -> Callable[[], None]:
        ends_at = self.cpu_s() + MOST_RULES_S

        def may_go_on() -> None:
            if self.cpu_s() > ends_at:
                raise Unprocessable(f"The endpoint's rules take more than {MOST_RULES_S:g} s for this body.")

        return may_go_on

    def _endpoint(self, held: Claim) -> Endpoint:
        endpoint = self.known.find(held.tenant, held.event["endpointId"])
        if endpoint is None or endpoint.is_deleted:
            raise Unprocessable("The endpoint was deleted before the event was processed.")
        return endpoint

    def _body(self, event: Item) -> bytes:
        if "body" in event:
            return bytes(event["body"])
        s3 = self.resources.s3
        try:
            found = s3.get_object(Bucket=self.resources.settings.blob_bucket, Key=event["blobKey"])
        except s3.exceptions.NoSuchKey as error:
            raise Unprocessable("The body is no longer kept.") from error
        return found["Body"].read()

    def _finish(self, held: Claim, endpoint: Endpoint, ended: Ended, done: Done) -> None:
        """End the event, with what it tells in the same transaction where that has room for it."""
        is_kept = endpoint.target_service or own_events.wanted(self.directory, held.tenant, RECEIVED)
        told = [*done.told, *(done.received if is_kept and ended.state == "processed" else ())]
        apart = told if len(list(_chunks(told))) > 1 else []
        self._write_events(apart)
        try:
            self._end(held, ended, [] if apart else told)
        except ConditionFailed:  # an event was written by a worker that knew another routing
            self._write_events(told)
            self._end(held, ended)
        self._hint(told)
        if not is_kept and ended.state == "processed":
            self.announced.extend(done.received)

    def _end(self, held: Claim, ended: Ended, told: Sequence[Item] = ()) -> None:
        means = inbound.Means(self.resources.tables, self.resources.settings.retention_days, self.patience)
        inbound.finish(means, held, ended, told)
        logs.info(
            "inbound.ended",
            tenant=held.tenant.id,
            endpoint_id=held.event["endpointId"],
            status=ended.state,
            attempt=held.attempt,
            bytes=held.event["bodyBytes"],
        )

    def _write_events(self, told: Sequence[Item]) -> None:
        """Write events that may be there already."""
        tables = self.resources.tables
        for some in _chunks(told):
            chunk = [events.write(tables, event) for event in some]
            try:
                tables.write(*chunk)
            except ConditionFailed:
                for write in chunk:
                    with suppress(ConditionFailed):
                        tables.write(write)

    def _hint(self, told: Sequence[Item]) -> None:
        hints = [Hint(Tenant.of_item(event), event["sk"]) for event in told]
        queues.send_many(self.resources.sqs, self.resources.settings.event_queue_url, hints)

    def _defer(self, held: Claim, error: Exception) -> None:
        """Try again later, or end after the last try; the reason names no address and no value."""
        reason = error.message if isinstance(error, HubError) else f"Storage failed ({type(error).__name__})."
        if held.attempt >= MAX_TRIES:
            self._end(held, Ended("failed", f"Gave up after {held.attempt} tries. {reason}"))
            return
        wait_s = WAITS_S[held.attempt - 1]
        inbound.defer(self.resources.tables, held, wait_s, reason)
        logs.failure("inbound.deferred", error, tenant=held.tenant.id, endpoint_id=held.event["endpointId"])
        self._send(inbound.hint_of(held.event), wait_s)

    def _send(self, hint: Hint, delay_s: int) -> None:
        queues.send(self.resources.sqs, self.resources.settings.inbound_queue_url, hint, delay_s)


def _chunks(told: Sequence[Item]) -> Iterator[list[Item]]:
    """Yield the events in lists that fit into one transaction each."""
    return chunks(told, MOST_TOLD_TOGETHER, MOST_CHARS_TOGETHER, lambda event: len(event["data"]))


def _ended(decision: route.Decision, done: Done) -> Ended:
    """Return how the round ends: failed where an action failed, unmatched where nothing took any event."""
    results = shown(done, decision)
    faults = [result.reason for result in done.results if result.outcome == "failed"]
    if faults:
        reason = f"{len(faults)} of {len(done.results)} actions failed. {faults[0]}"
        return Ended("failed", reason[:500], decision.event_type, results)
    if not decision.matches:
        found = f"of the type {decision.event_type!r}" if decision.event_type else "without a type"
        return Ended("unmatched", f"No rule takes an event {found}.", decision.event_type, results)
    return Ended("processed", "", decision.event_type, results)
