"""Makes the jobs of the configurations that are due: every slot once, however often and however late somebody looks.

One transaction moves a configuration to its next slot and puts the job, under a condition on the slot that was read:
of two schedulers one wins, and one that dies has done all or nothing. Slots that passed unseen are made up for by one
job. A slot that cannot be synced, because the last sync still runs or the integration is paused, is passed over with
the reason; the next one comes by itself.

The tenants take turns: one with a thousand due syncs does not keep the others waiting.
"""

import time
from collections import Counter, deque
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from hub.core import clock, due, events, logs, queues
from hub.core.attributes import Item
from hub.core.caller import Caller, Tenant
from hub.core.errors import HubError, IntegrationNotFound
from hub.core.expressions import setting
from hub.core.ids import stable_id
from hub.core.journal import Change
from hub.core.queues import Hint
from hub.core.resources import Resources
from hub.core.tables import CALL_FAILED, ConditionFailed, Update
from hub.sync import job_events, jobs
from hub.sync.configs import configs, configured, schedules
from hub.sync.configs.schedules import Schedule, Turn
from hub.sync.starts import locks, orders

Json = dict[str, Any]

# Configurations of one tenant before the next tenant has its turn.
AT_ONCE = 10
MOST_PER_SHARD = 20_000
_IS_SLOT = "nextSlot = :slot_read AND enabled = :on"
FAR = clock.iso(253_000_000_000)


@dataclass(frozen=True)
class Scheduler:
    """`give_up_at` is a time of `now`; what is left then is still due."""

    resources: Resources
    give_up_at: float
    now: Callable[[], float] = time.monotonic

    def run(self) -> Counter[str]:
        """Make what is due; return how many slots were started, passed over and found taken by somebody else."""
        counted: Counter[str] = Counter()
        found = due.overdue(self.resources.tables.config, configs.DUE, clock.epoch_s(), MOST_PER_SHARD)
        for place in in_turns(found):
            if self.now() >= self.give_up_at:
                break
            counted[self._one(place)] += 1
        for outcome, total in counted.items():
            logs.info(f"slots.{outcome}", total=total)
        return counted

    def _one(self, place: Item) -> str:
        """Make one slot. Whatever AWS refuses leaves it due for the next tick."""
        try:
            config = self.resources.tables.config.get({"pk": place["pk"], "sk": place["sk"]})
            if config is None or clock.epoch_of(config.get("dueAt", FAR)) > clock.epoch_s():
                return "taken"  # the index was read before somebody else moved it on
            return self._slot(config)
        except (*CALL_FAILED, HubError) as error:
            logs.failure("sync.unscheduled", error, tenant=Tenant.of_item(place).id)
        except Exception as error:  # noqa: BLE001 - the edge: one configuration must not keep the others waiting
            logs.failure("sync.broke", error, tenant=Tenant.of_item(place).id)
        return "failed"

    def _slot(self, config: Item) -> str:
        turn = schedules.turn(Schedule.of(config), clock.epoch_of(config["nextSlot"]), clock.epoch_s())
        for _ in range(2):  # a lock that a dead worker left behind is found only once
            change = self._change(config)
            try:
                job = self._job(change, config, turn)
            except HubError as error:
                if error.retryable:
                    raise
                return self._pass_over(config, turn, error)
            change.add(self._moved(config, turn, {"lastJobId": job["sk"]}))
            jobs.start(change, job)
            try:
                change.keep()
            except ConditionFailed:
                if not self._is_due(config):
                    return "taken"
                holder = locks.holder(change.tables, job)
                if holder is not None:
                    return self._pass_over(config, turn, f"the sync {holder['sk']} of the same entity still runs")
                continue
            self._hint(job)
            return "started"
        return "failed"

    def _job(self, change: Change, config: Item, turn: Turn) -> Item:
        """Return the job of a slot; its id is made of both, so that the slot has one."""
        found = configured.integration_of(change.tables.config, config)
        following = {} if turn.next_s is None else {"nextSyncAt": clock.iso(Schedule.of(config).due_at(turn.next_s))}
        slot = {"slot": clock.iso(turn.slot_s), "missedSlots": turn.missed, **following}
        job_id = stable_id("job", turn.slot_s, f"{change.caller.tenant.id}/{config['sk']}")
        return orders.prepared(change, found, configured.order_of(config, job_id, slot))

    def _pass_over(self, config: Item, turn: Turn, why: HubError | str) -> str:
        """Move on without a job; a configuration whose integration is gone for good is switched off."""
        reason = why if isinstance(why, str) else why.message
        noted = {"lastStatus": "SKIPPED", "lastReason": reason[:500], "lastSkippedSlot": config["nextSlot"]}
        is_gone = isinstance(why, IntegrationNotFound) and self._is_purged(config)
        write = self._moved(config, Turn(turn.slot_s, turn.missed, None if is_gone else turn.next_s), noted)
        try:
            self.resources.tables.write(write)
        except ConditionFailed:
            return "taken"
        logs.info("sync.passed_over", tenant=Tenant.of_item(config).id, config_id=config["sk"], reason=reason)
        return "passed_over"

    def _moved(self, config: Item, turn: Turn, noted: Json) -> Update:
        """Return the write that takes the slot and makes the configuration due for the next one."""
        following = configs.next_of(config, turn.next_s)
        fields = {**noted, **following} if following else {**noted, "enabled": False}
        change, values = setting(fields)
        removes = "" if following else f" REMOVE {', '.join(configs.UNSCHEDULED)}"
        place = {"pk": config["pk"], "sk": config["sk"]}
        read = {"slot_read": config["nextSlot"], "on": True}
        return Update(self.resources.tables.config, place, change + removes, {**values, **read}, _IS_SLOT)

    def _is_due(self, config: Item) -> bool:
        present = self.resources.tables.config.get({"pk": config["pk"], "sk": config["sk"]})
        return present is not None and present.get("nextSlot") == config["nextSlot"] and present["enabled"]

    def _is_purged(self, config: Item) -> bool:
        """Say whether the integration cannot be restored any more: a deleted one is there for a month."""
        place = {"pk": f"{Tenant.of_item(config).id}#integration", "sk": config["integrationId"]}
        return self.resources.tables.config.get(place) is None

    def _change(self, config: Item) -> Change:
        caller = Caller(Tenant.of_item(config), f"schedule:{config['sk']}", frozenset(), frozenset())
        keep_days = self.resources.settings.retention_days
        return Change(self.resources.tables, caller, config["nextSlot"], keep_days)

    def _hint(self, job: Item) -> None:
        settings = self.resources.settings
        queues.send(self.resources.sqs, settings.sync_queue_url, Hint(Tenant.of_item(job), job["sk"]))
        events.hint(self.resources, job_events.started(job, settings.retention_days))


def in_turns(found: Iterable[Item], at_once: int = AT_ONCE) -> Iterator[Item]:
    """Yield the items, up to `at_once` of each tenant before the next one's; a tenant's own in the order given."""
    waiting: dict[str, deque[Item]] = {}
    for item in found:
        waiting.setdefault(Tenant.of_item(item).id, deque()).append(item)
    while waiting:
        for tenant in list(waiting):
            queue = waiting[tenant]
            yield from (queue.popleft() for _ in range(min(at_once, len(queue))))
            if not queue:
                del waiting[tenant]
