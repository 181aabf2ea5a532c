"""What an attempt came to, written in one transaction; then the hints and events that follow from it."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from threading import Lock

from hub.core import clock, events, logs, queues
from hub.core.attributes import Item
from hub.core.caller import Tenant
from hub.core.ids import hashed_id
from hub.core.queues import Hint
from hub.core.resources import Resources
from hub.core.tables import CALL_FAILED, ConditionFailed, Contended, Write
from hub.outbound.calls import Reply
from hub.outbound.retry import CHANCE
from hub.webhooks import counters
from hub.webhooks.counters import Patience
from hub.webhooks.deliveries import attempts, claims, deliveries, failures, lanes
from hub.webhooks.deliveries.attempts import Attempt
from hub.webhooks.deliveries.claims import Result
from hub.webhooks.deliveries.lane_order import LaneOrder
from hub.webhooks.deliveries.send import Sent
from hub.webhooks.deliveries.verdicts import Verdict, judge
from hub.webhooks.events import event_types, own_events
from hub.webhooks.subscriptions.subscriptions import Directory, RetryRule, Subscription

DELIVERED, FAILED = "webhook.delivered", "webhook.failed"
_ONCE: tuple[float, ...] = ()


@dataclass(frozen=True)
class Held:
    """A delivery that this worker has claimed as `owner`."""

    subscription: Subscription
    delivery: Item
    owner: str

    @property
    def tenant(self) -> Tenant:
        return self.subscription.tenant

    @property
    def lease_left_s(self) -> float:
        return float(self.delivery["leaseUntil"] / 1000 - clock.epoch_s())

    @property
    def is_test(self) -> bool:
        return bool(self.delivery.get("isTest"))

    @property
    def is_ordered(self) -> bool:
        return bool(self.delivery.get("lane"))

    @property
    def number(self) -> int:
        """The number of the attempt that is under way."""
        return int(self.delivery["attempts"]) + 1

    @property
    def rule(self) -> RetryRule:
        rule = self.subscription.retry
        return RetryRule(_ONCE, rule.timeout_ms, 0) if self.is_test else rule


class Recorder:
    """Writes results; threads may share it. `chance` picks the jitter and the shard of the counters."""

    def __init__(
        self,
        resources: Resources,
        directory: Directory,
        chance: Callable[[], float] = CHANCE,
        patience: Patience | None = None,
    ) -> None:
        self._resources, self._directory = resources, directory
        self._chance = chance
        self._patience = patience or Patience(chance=chance)
        self.lanes = LaneOrder(resources.tables)
        self._unannounced: list[Item] = []
        self._lock = Lock()

    def record(self, held: Held, sent: Sent) -> None:
        """Write what an attempt came to, if the delivery is still this worker's."""
        round_attempt = held.number - held.delivery["roundFrom"]
        verdict = judge(round_attempt, held.rule, sent.outcome, self._chance())
        if verdict.state != "delivered" and not held.is_test:
            self._count_failure(held, verdict)
        next_ms = verdict.next_attempt_ms
        status = sent.outcome.status if isinstance(sent.outcome, Reply) else None
        result = Result(verdict.state, f"{verdict.error} {verdict.why}".strip(), next_ms, status)
        row = _row(held, sent, verdict, next_ms)
        self._finish(held, result, row, verdict)

    def fail(self, held: Held, reason: str) -> None:
        """End a delivery that cannot be sent at all; that is no failure of its receiver."""
        verdict = Verdict("failed", reason, "")
        self._finish(held, Result("failed", reason, was_tried=False), None, verdict)

    def announce(self) -> None:
        """Tell the bus what was delivered and what failed since the last call."""
        with self._lock:
            waiting, self._unannounced = self._unannounced, []
        if waiting:
            events.announce(self._resources, waiting)

    def hint(self, hint: Hint, delay_s: int = 0) -> None:
        queues.send(self._resources.sqs, self._resources.settings.delivery_queue_url, hint, delay_s)

    def _finish(self, held: Held, result: Result, row: Attempt | None, verdict: Verdict) -> None:
        event = self._own_event(held, verdict)
        is_wanted = event is not None and own_events.wanted(self._directory, held.tenant, event["type"])
        if not self._write(held, result, row, event if is_wanted else None):
            return
        self._log(held, result, row)
        self._follow(held, result)
        if event is not None and is_wanted:
            events.hint(self._resources, event)
        elif event is not None:
            with self._lock:
                self._unannounced.append(event)

    def _write(self, held: Held, result: Result, row: Attempt | None, event: Item | None) -> bool:
        """Write it all; False when the lease went to another worker, or the delivery was cancelled meanwhile."""
        tables, delivery = self._resources.tables, held.delivery
        must: list[Write] = [claims.finished(tables.activity, delivery, held.owner, result)]
        must += (
            [attempts.write(tables.activity, held.tenant, delivery["sk"], row, delivery["expiresEpochS"])]
            if row
            else []
        )
        must += [events.write(tables, event)] if event else []
        lane = self._lane_writes(held, result)
        try:
            self._commit(held, result, row, [*must, *lane])
        except ConditionFailed as refusal:
            if lane and refusal.index == len(must) + len(lane) - 1:  # the lane was lost, this delivery was not
                return self._is_written(held, result, row, [*must, *lane[:-1]])
            self._tell_lost(held)
            return False
        return True

    def _is_written(self, held: Held, result: Result, row: Attempt | None, must: Sequence[Write]) -> bool:
        try:
            self._commit(held, result, row, must)
        except ConditionFailed:
            self._tell_lost(held)
            return False
        return True

    def _commit(self, held: Held, result: Result, row: Attempt | None, must: Sequence[Write]) -> None:
        """Write a result with what it counts; while the counters are too busy, without: it is not for them to lose it.

        The result stands first, so that a condition that is not met has the index that it has in `must`.
        """

        def counted(shard: int) -> Sequence[Write]:
            return [*must, *self._counted(held, result, row, shard)]

        try:
            counters.commit(self._resources.tables, counted, self._patience)
        except Contended:
            counters.commit(self._resources.tables, lambda _: must, self._patience)
            logs.warning("delivery.uncounted", tenant=held.tenant.id, **_ids(held))

    def _tell_lost(self, held: Held) -> None:
        logs.warning("delivery.lost", tenant=held.tenant.id, attempt=held.number, **_ids(held))

    def _lane_writes(self, held: Held, result: Result) -> list[Write]:
        if not held.is_ordered:
            return []
        coordination, delivery = self._resources.tables.coordination, held.delivery
        place = (held.tenant, held.subscription.id, delivery["lane"])
        parted = deliveries.parted(self._resources.tables, delivery) if result.state in deliveries.ENDED else []
        return [*parted, lanes.released(coordination, *place, delivery["sk"])]

    def _counted(self, held: Held, result: Result, row: Attempt | None, shard: int) -> list[Write]:
        if held.is_test:
            return []
        now = clock.now()
        is_success = result.state == "delivered"
        added = ({"sent": 1} if row else {}) | ({result.state: 1} if result.state in ("delivered", "failed") else {})
        times = {"lastTriggeredAt": now, ("lastSuccessAt" if is_success else "lastFailureAt"): now} if row else {}
        keep_days = self._resources.settings.retention_days
        activity = self._resources.tables.activity
        return [counters.write(activity, held.tenant, held.subscription.id, added, times, keep_days, shard)]

    def _count_failure(self, held: Held, verdict: Verdict) -> None:
        """Add to the failures in a row and switch the subscription off when they are too many.

        The delivery goes before: what cannot be counted now is missing from a count, and nothing else.
        """
        try:
            reason = verdict.error if verdict.is_gone else self._reason_to_disable(held)
            if verdict.is_gone:
                self._note(held)
            if reason:
                self._disable(held.subscription, f"{reason} {verdict.why}" if verdict.is_gone else reason)
        except CALL_FAILED as error:
            logs.failure("failure.uncounted", error, tenant=held.tenant.id)

    def _note(self, held: Held) -> Item:
        attempt_id = f"{held.delivery['sk']}#{held.number}"
        keep_days = self._resources.settings.retention_days
        return failures.note(self._resources.tables.activity, held.subscription, attempt_id, clock.now(), keep_days)

    def _reason_to_disable(self, held: Held) -> str:
        return failures.reason_to_disable(self._resources.tables.activity, held.subscription, self._note(held))

    def _disable(self, subscription: Subscription, reason: str) -> None:
        event = failures.disable(self._resources.tables, subscription, reason, self._resources.settings.retention_days)
        if event is not None:
            self._directory.forget(subscription.tenant)
            events.hint(self._resources, event)
            logs.warning("subscription.disabled", tenant=subscription.tenant.id, subscription_id=subscription.id)

    def _follow(self, held: Held, result: Result) -> None:
        """Send the hint for the next attempt, or make way for the next delivery in the lane."""
        if result.next_attempt_ms:
            deliveries.keep(self._resources.tables.activity, held.delivery, result.next_attempt_ms / 1000)
            delay_s = claims.hint_delay_s(held.delivery, result.next_attempt_ms)
            if delay_s is not None:
                self.hint(deliveries.hint_of(held.delivery), delay_s)
        elif held.is_ordered:
            self.lanes.make_way(held.delivery)

    def _own_event(self, held: Held, verdict: Verdict) -> Item | None:
        """Return the event about a delivery that has ended; deliveries of such events have none, or there is no end."""
        if held.is_test or verdict.state == "retrying" or event_types.is_about_webhooks(held.delivery["eventType"]):
            return None
        facts = {"subscriptionId": held.subscription.id, "deliveryId": held.delivery["sk"]}
        name = DELIVERED if verdict.state == "delivered" else FAILED
        data = facts if name == DELIVERED else {**facts, "error": verdict.error}
        keep_days = self._resources.settings.retention_days
        return events.new(held.tenant, name, data, keep_days, event_id=_event_id(held))

    def _log(self, held: Held, result: Result, row: Attempt | None) -> None:
        logs.info(
            "delivery.attempted",
            tenant=held.tenant.id,
            attempt=held.number,
            status=result.state,
            code=result.status,
            duration_ms=row.duration_ms if row else None,
            **_ids(held),
        )


def _row(held: Held, sent: Sent, verdict: Verdict, next_ms: int) -> Attempt:
    return Attempt(
        number=held.number,
        at=sent.at,
        duration_ms=sent.duration_ms,
        outcome="delivered" if verdict.state == "delivered" else "failed",
        request=sent.request,
        response=sent.response,
        error=verdict.error,
        next_attempt_at=clock.iso(next_ms / 1000) if next_ms else None,
        why=verdict.why,
    )


def _ids(held: Held) -> Mapping[str, str]:
    delivery = held.delivery
    return {"delivery_id": delivery["sk"], "event_id": delivery["eventId"], "subscription_id": held.subscription.id}


def _event_id(held: Held) -> str:
    """A delivery ends once in each of its rounds."""
    return hashed_id("evt", f"{held.delivery['pk']}\n{held.delivery['sk']}\n{held.number}")
