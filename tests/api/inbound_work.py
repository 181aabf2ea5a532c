"""Inbound events in a test: endpoints with routing, accepted events, and a worker that takes hints."""

import hashlib
import hmac
import json
from dataclasses import dataclass
from typing import Any

from hub.core import jsontext
from hub.core.attributes import Item
from hub.core.caller import Tenant
from hub.core.queues import Hint
from hub.core.resources import resources
from hub.core.tables import Put, partition
from hub.webhooks import counters
from hub.webhooks.endpoints import endpoints
from hub.webhooks.inbound import inbound
from hub.webhooks.inbound.inbound_work import Known, Worker
from hub.webhooks.rotation import Rotation
from hub.webhooks.subscriptions.subscriptions import Directory
from tests.api.conftest import Hub, Reply
from tests.api.sync_work import vault

Json = dict[str, Any]
PLENTY_MS = 60_000
# Fields of an endpoint that are stored as text.
_AS_JSON = ("verification", "secretNames", "urlSecretNames", "eventType", "response", "transformTemplate")

# S000's own example ("Webhook Example"); the test below compares it with the specification's text.
CREATED: Json = {
    "eventTypePath": "$.event_type",
    "eventTypeValue": "contact.created",
    "action": "create_shard",
    "targetShardTypeId": "c_contact",
    "dataPath": "$.data",
    "fieldMappings": [
        {"source": "$.id", "target": "externalId"},
        {"source": "$.name", "target": "name"},
        {"source": "$.email", "target": "email"},
    ],
}
UPDATED: Json = {
    "eventTypePath": "$.event_type",
    "eventTypeValue": "contact.updated",
    "action": "update_shard",
    "targetShardTypeId": "c_contact",
    "identifierPath": "$.data.id",
    "dataPath": "$.data",
    "fieldMappings": [{"source": "$.name", "target": "name"}, {"source": "$.email", "target": "email"}],
}
DELETED: Json = {
    "eventTypePath": "$.event_type",
    "eventTypeValue": "contact.deleted",
    "action": "delete_shard",
    "targetShardTypeId": "c_contact",
    "identifierPath": "$.data.id",
}


def contact(event: str, contact_id: Any = "c1", **data: Any) -> Json:
    return {"event_type": f"contact.{event}", "data": {"id": contact_id, **data}}


SECRET = "canary-signing-secret-of-an-endpoint"
URL_SECRET = "canary-url-secret-of-an-endpoint"
SIGNED = {"scheme": "hmac", "header": "x-signature", "algorithm": "sha256", "prefix": "sha256="}


@dataclass(frozen=True)
class Posted:
    """An endpoint of a tenant as it is stored; `url` is its path."""

    hub: Hub
    id: str
    url: str

    def post(self, body: Any, headers: dict[str, str] | None = None) -> Reply:
        """Post a body to the receiver, signed."""
        raw = body if isinstance(body, bytes) else json.dumps(body).encode()
        signature = "sha256=" + hmac.digest(SECRET.encode(), raw, "sha256").hex()
        return self.hub.call("POST", self.url, raw, headers={"x-signature": signature, **(headers or {})}, context={})

    def change(self, **fields: Any) -> None:
        """Change stored fields, as the routes that manage endpoints would."""
        config = resources().tables.config
        item = config.get(endpoints.place(Tenant(self.hub.tenant), self.id))
        assert item is not None
        resources().tables.write(Put(config, {**item, **fields}))


def make_custom(hub: Hub, endpoint_id: str = "", **fields: Any) -> Posted:
    """Store the endpoint of a custom integration; its URL has a secret and its requests are signed."""
    endpoint_id = endpoint_id or f"int_{hub.tenant}"
    known = {
        "kind": "custom",
        "integrationId": endpoint_id,
        "lookup": endpoints.custom_lookup(endpoint_id),
        "urlSecretHash": hashlib.sha256(URL_SECRET.encode()).hexdigest(),
        "urlSecretNames": Rotation.first("urlSecret").stored(),
    }
    return _made(hub, endpoint_id, f"/api/v1/webhooks/custom/{endpoint_id}/{URL_SECRET}", {**known, **fields})


def make_v1(hub: Hub, path: str = "orders/new", **fields: Any) -> Posted:
    """Store an endpoint with a path of the tenant's own."""
    known = {"kind": "v1", "path": path, "lookup": endpoints.path_lookup(hub.tenant, path)}
    return _made(hub, f"whe_{hub.tenant}", f"/api/v1/webhooks/receive/{hub.tenant}/{path}", {**known, **fields})


def _made(hub: Hub, endpoint_id: str, url: str, fields: Json) -> Posted:
    tenant = Tenant(hub.tenant)
    item = {
        **endpoints.place(tenant, endpoint_id),
        "status": "active",
        "previousUrlSecrets": [],
        "verification": SIGNED,
        "ipAllowList": [],
        "secretNames": Rotation.first("secret").stored(),
        "routing": [],
        "eventType": "",
        "response": {"status": 200},
        "handlerType": "",
        "eventTypes": [],
        "transformTemplate": "",
        "targetService": "",
        "version": 1,
        **fields,
    }
    stored = {name: jsontext.dump(value) if name in _AS_JSON and value else value for name, value in item.items()}
    secrets = vault().store(
        tenant, endpoints.SECRETS_KIND, endpoint_id, {"secret.1": SECRET, "urlSecret.1": URL_SECRET}
    )
    assert secrets is not None
    resources().tables.write(Put(resources().tables.config, {**stored, "routing": jsontext.dump(item["routing"])}))
    resources().tables.write(secrets)
    return Posted(hub, endpoint_id, url)


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
