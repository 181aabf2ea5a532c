"""Inbound events in a test: endpoints with routing, accepted events, and a worker that takes hints."""

import json
from dataclasses import dataclass
from typing import Any

from hub.core.attributes import Item
from hub.core.caller import Tenant
from hub.core.queues import Hint
from hub.core.resources import resources
from hub.core.tables import partition
from hub.webhooks import counters
from hub.webhooks.inbound import inbound
from hub.webhooks.inbound.inbound_work import Known, Worker
from hub.webhooks.subscriptions.subscriptions import Directory
from tests.api.conftest import Hub
from tests.api.receiving import Posted
from tests.spec_examples import WEBHOOK

Json = dict[str, Any]
PLENTY_MS = 60_000

# S000's own example ("Webhook Example").
CREATED: Json
UPDATED: Json
CREATED, UPDATED = WEBHOOK["eventRouting"]
DELETED: Json = {
    "eventTypePath": "$.event_type",
    "eventTypeValue": "contact.deleted",
    "action": "delete_shard",
    "targetShardTypeId": "c_contact",
    "identifierPath": "$.data.id",
}


def contact(event: str, contact_id: Any = "c1", **data: Any) -> Json:
    return {"event_type": f"contact.{event}", "data": {"id": contact_id, **data}}


@dataclass(frozen=True)
class Inbound:
    """The events of one endpoint, from their acceptance to their end, without the receiver in between."""

    posted: Posted
    worker_class: type[Worker] = Worker

    @property
    def hub(self) -> Hub:
        return self.posted.hub

    @property
    def tenant(self) -> Tenant:
        return Tenant(self.hub.tenant)

    def accept(self, body: Any, name: str = "", headers: dict[str, str] | None = None) -> str:
        """Store an event as the receiver does; return its id."""
        raw = body if isinstance(body, bytes) else json.dumps(body).encode()
        kept = {"content-type": "application/json", **(headers or {})}
        event_id = inbound.event_id(name or raw.decode(errors="replace"))
        event = inbound.new(self.tenant, self.posted.id, event_id, headers=kept, body=raw, keep_days=30)
        resources().tables.write(inbound.write(resources().tables, event))
        return event_id

    def worker(self, remaining_ms: int = PLENTY_MS) -> Worker:
        """Return a worker of a process that has just begun."""
        found = resources()
        config = found.tables.config
        return self.worker_class(found, Known(config), Directory(config), lambda: remaining_ms)

    def work(self, *event_ids: str, worker: Worker | None = None) -> None:
        """Let a worker take a batch of hints."""
        worker = worker or self.worker()
        with self.hub.cloud.running("InboundWorker"):
            for event_id in event_ids:
                worker.run(self.hint(event_id))
            worker.announce()

    def process(self, body: Any, name: str = "", headers: dict[str, str] | None = None) -> Item:
        """Accept and work on one event; return it as it ended."""
        event_id = self.accept(body, name, headers)
        self.work(event_id)
        return self.event(event_id)

    def replay(self, event_id: str) -> Item:
        """Queue an event again and work on it."""
        resources().tables.write(inbound.requeue(resources().tables, self.event(event_id)))
        self.work(event_id)
        return self.event(event_id)

    def hint(self, event_id: str) -> Hint:
        return Hint(self.tenant, f"{self.posted.id}/{event_id}")

    def event(self, event_id: str) -> Item:
        found = resources().tables.activity.get(inbound.place(self.tenant, self.posted.id, event_id))
        assert found is not None
        return found

    def counts(self) -> dict[str, int]:
        found = counters.read(resources().tables.activity, self.tenant, self.posted.id)
        return {name: number for name, number in found.numbers.items() if number}

    def documents(self, document_type: str = "c_contact") -> dict[str, Json]:
        """Return the contents of the documents that are there, by id."""
        found = self.hub.documents(document_type)
        return {item["sk"]: json.loads(item["content"]) for item in found if "deletedAt" not in item}

    def told(self) -> list[Item]:
        """Return the stored events, oldest first."""
        pk = partition(self.tenant, "event")
        return list(resources().tables.activity.query_all("pk = :pk", {"pk": pk}))


def results(event: Item) -> Json:
    found: Json = json.loads(event["results"])
    return found


def outcomes(event: Item) -> list[str]:
    return [action["outcome"] for action in results(event)["actions"]]
