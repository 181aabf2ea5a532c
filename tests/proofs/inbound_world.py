"""Inbound events on the memory cloud: accepted as the receiver does, worked on by the hub's own workers and sweeper."""

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from typing import Any

from hub.core import clock, due, events, jsontext, queues
from hub.core.attributes import Item, decode_item
from hub.core.caller import Tenant
from hub.core.tables import CALL_FAILED, Put
from hub.webhooks import counters
from hub.webhooks.counters import Patience
from hub.webhooks.endpoints import endpoints
from hub.webhooks.inbound import inbound
from hub.webhooks.inbound.inbound_work import Known, Worker
from hub.webhooks.subscriptions.subscriptions import Directory
from tests.proofs.memory_cloud import MemoryCloud, Trouble
from tests.proofs.turns import Killed, Turns

TENANT = Tenant("proofs")
ENDPOINT = "int_proofs"
KEEP_DAYS = 30
IDLE_S = 10.0

Json = dict[str, Any]

MAPPINGS = [{"source": "$.name", "target": "name"}]
PLACES = {
    "eventTypePath": "$.type",
    "dataPath": "$.data",
    "identifierPath": "$.data.id",
    "targetShardTypeId": "contact",
}
GUARDED = {**PLACES, "versionPath": "$.version", "fieldMappings": MAPPINGS}
ROUTING = [
    {**GUARDED, "eventTypeValue": "put", "action": "create_shard"},
    {**GUARDED, "eventTypeValue": "merge", "action": "update_shard"},
    {**GUARDED, "eventTypeValue": "delete", "action": "delete_shard"},
    {**PLACES, "eventTypeValue": "plain", "action": "create_shard", "fieldMappings": MAPPINGS},
    {"eventTypePath": "$.type", "eventTypeValue": "*", "action": "custom", "eventName": "crm.changed"},
]


class BusyTurns(Turns):
    """Every call takes a while, so that workers are at their calls at the same time."""

    def step(self) -> None:
        if getattr(self._mine, "worker", None) is not None:
            self.sleep(self.chance.uniform(0.001, 0.02))


@dataclass(frozen=True)
class Crew:
    workers: int = 6
    has_sweeper: bool = True
    worker_class: type[Worker] = Worker


class InboundWorld:
    def __init__(self, seed: int = 1, trouble: Trouble | None = None, crew: Crew | None = None) -> None:
        self.crew = crew or Crew()
        self.turns = BusyTurns(self.crew.workers + 1, seed)
        self.cloud = MemoryCloud(self.turns, trouble or Trouble())
        self.broke: list[str] = []
        self._ends_at = 0.0
        clock.use(lambda: self.turns.now_s)
        self.cloud.tables.write(Put(self.cloud.tables.config, endpoint_item()))

    def accept(self, body: Any, *, is_hinted: bool = True) -> str:
        """Write an event as the receiver does; not hinted: the receiver died before that."""
        text = jsontext.dump(body)
        headers = {"content-type": "application/json"}
        event_id = inbound.event_id(text)
        event = inbound.new(TENANT, ENDPOINT, event_id, headers=headers, body=text.encode(), keep_days=KEEP_DAYS)
        self.cloud.tables.write(inbound.write(self.cloud.tables, event))
        if is_hinted:
            queues.send(self.cloud.sqs, self._queue, inbound.hint_of(event))
        return event_id

    def run(self, within_s: float = 86_400.0) -> "InboundWorld":
        """Let everybody work until nothing is open any more, or the time is up."""
        self._ends_at = self.turns.now_s + within_s
        tasks: list[Callable[[], None]] = [self._work] * self.crew.workers
        for outcome in self.turns.run([*tasks, *([self._sweep] if self.crew.has_sweeper else [])]):
            if isinstance(outcome, BaseException):
                raise outcome
        return self

    # ------------------------------------------------------------ what there is at the end

    def events(self) -> list[Item]:
        return self._partition(self.cloud.tables.activity.name, f"{TENANT.id}#inbound#{ENDPOINT}")

    def documents(self) -> dict[str, Item]:
        return {
            item["sk"]: item for item in self._partition(self.cloud.tables.documents.name, f"{TENANT.id}#doc#contact")
        }

    def told(self) -> list[Item]:
        return self._partition(self.cloud.tables.activity.name, f"{TENANT.id}#{events.KIND}")

    def counts(self) -> dict[str, int]:
        found = counters.read(self.cloud.tables.activity, TENANT, ENDPOINT).numbers
        return {name: number for name, number in found.items() if number}

    def _partition(self, table: str, pk: str) -> list[Item]:
        items = self.cloud.memory[table].items
        return [decode_item(item) for (of, _), item in sorted(items.items()) if of == pk]

    # ------------------------------------------------------------ what happens

    @property
    def _queue(self) -> str:
        return self.cloud.settings.inbound_queue_url

    def _is_over(self) -> bool:
        if self.turns.now_s >= self._ends_at:
            return True
        if not self.crew.has_sweeper:
            return bool(self.cloud.sqs.next_at(self._queue) == float("inf"))
        order = self.cloud.memory[self.cloud.tables.activity.name].order
        return not any(rows for (index, shard), rows in order.items() if index == "due" and shard.startswith("inbound"))

    def _sweep(self) -> None:
        while not self._is_over():
            with suppress(Killed, *CALL_FAILED), self.cloud.line.invocation():
                due.sweep(self.cloud, due.INBOUND, self._queue)
            self.turns.sleep(60)

    def _work(self) -> None:
        """Be one of the processes of the function; who dies is replaced."""
        config = self.cloud.tables.config
        while not self._is_over():
            messages = self.cloud.sqs.receive(self._queue)
            if not messages:
                wait_s = self.cloud.sqs.next_at(self._queue) - self.turns.now_s
                self.turns.sleep(min(max(wait_s, 0.01), IDLE_S))
                continue
            patience = Patience(self.turns.sleep, self.turns.chance.random)
            worker = self.crew.worker_class(
                self.cloud, Known(config), Directory(config), lambda: 60_000, patience=patience
            )
            with suppress(Killed), self.cloud.line.invocation(max(message.lineage for message in messages)):
                self._handle(worker, messages)
            self.turns.sleep(self.turns.chance.uniform(0.01, 0.2))

    def _handle(self, worker: Worker, messages: list[Any]) -> None:
        records = [{"messageId": message.id, "body": message.body} for message in messages]
        answer = queues.handle_batch({"Records": records}, partial(self._noted, worker))
        worker.announce()
        failed = {each["itemIdentifier"] for each in answer["batchItemFailures"]}
        for message in messages:
            if message.id not in failed:
                with suppress(*CALL_FAILED):
                    self.cloud.sqs.delete(message)

    def _noted(self, worker: Worker, hint: Any) -> None:
        """Do the work; whatever it raises but a failed call of the cloud is a fault."""
        try:
            worker.run(hint)
        except (*CALL_FAILED, Killed):
            raise
        except Exception as error:
            self.broke.append(repr(error))
            raise


def endpoint_item() -> Item:
    return {
        **endpoints.place(TENANT, ENDPOINT),
        "kind": "custom",
        "integrationId": ENDPOINT,
        "status": "active",
        "routing": jsontext.dump(ROUTING),
        "eventType": "",
        "handlerType": "",
        "eventTypes": [],
        "transformTemplate": "",
        "targetService": "",
    }
