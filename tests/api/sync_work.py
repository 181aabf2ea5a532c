"""Syncs in a test: a provider in memory, a worker that takes one hint, and a record of what is asked of AWS."""

import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from hub.core.caller import Tenant
from hub.core.queues import Hint
from hub.core.resources import resources
from hub.core.tables import partition
from hub.core.vault import Vault
from hub.outbound.calls import Call, Reply
from hub.sync.run import Worker
from tests.api.conftest import Hub, make_integration

Json = dict[str, Any]
PLENTY_MS = 900_000
LEASE_S = 120  # as the harness gives it to the template
TOKEN = "canary-token-that-is-long-enough"


def contacts(count: int) -> list[Json]:
    return [{"id": f"c{number:04}", "name": f"Name {number}", "n": number} for number in range(count)]


def connector(name: str = "crm", **changed: Any) -> Json:
    """Return a definition with one endpoint, `list`, over cursor pages; a failed call is not repeated on the spot."""
    endpoint = {
        "id": "list",
        "name": "list",
        "method": "GET",
        "path": "/contacts",
        "pagination": {"type": "cursor", "cursorParam": "after", "cursorPath": "$.next"},
        "responseMapping": {
            "dataPath": "$.items",
            "identifierField": "$.id",
            "targetShardTypeId": "contact",
            "metadataMapping": {"totalCount": "$.total"},
            "fieldMappings": [
                {"source": "$.name", "target": "name"},
                {"source": "$.n", "target": "n", "transform": {"type": "number"}},
            ],
        },
    }
    retry = {"maxRetries": 0, "retryDelay": 0, "retryOn": []}
    return make_integration(name, **{"endpoints": [endpoint], "retryConfig": retry, **changed})


def status(code: int, **headers: str) -> Callable[[], Reply]:
    """Return an answer of a provider that says no."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return lambda: Reply(code, {"content-type": "application/json", **named}, b'{"message": "no"}', 1)


@dataclass
class Provider:
    """An API in memory with cursor pages. `instead` answers calls by their number, from 1, or only acts before them."""

    records: list[Json]
    page_size: int = 10
    instead: dict[int, Callable[[], Reply | None]] = field(default_factory=dict)
    calls: list[Call] = field(default_factory=list)

    def send(self, call: Call, *, timeout_s: float) -> Reply:
        assert timeout_s > 0
        self.calls.append(call)
        special = self.instead.get(len(self.calls), lambda: None)()
        return special or self._page(call)

    def _page(self, call: Call) -> Reply:
        query = {**dict(parse_qsl(urlsplit(call.url).query)), **dict(call.params)}
        start = int(query.get("after", 0))
        end = start + self.page_size
        following = str(end) if end < len(self.records) else None
        body = {"items": self.records[start:end], "next": following, "total": len(self.records)}
        return Reply(200, {"content-type": "application/json"}, json.dumps(body).encode(), 1)


@dataclass(frozen=True)
class Sync:
    """Syncs of one tenant with one provider."""

    hub: Hub
    provider: Provider

    def connect(self, name: str = "crm", **changed: Any) -> str:
        made = self.hub.post("/api/v1/custom-integrations", connector(name, **changed))
        assert made.status == 201, made.body
        return str(made.body["id"])

    def start(self, integration_id: str) -> str:
        reply = self.hub.post(f"/api/v1/custom-integrations/{integration_id}/sync", {"endpointId": "list"})
        assert reply.status == 202, reply.body
        return str(reply.body["id"])

    def work(
        self,
        job_id: str,
        remaining_ms: Callable[[], int] = lambda: PLENTY_MS,
        most_ahead: int = 0,
        watch: Callable[[], float] = lambda: 0.0,
    ) -> None:
        """Let a worker take one hint, for which the provider takes no time by its `watch`.

        It asks for a page when the one before is stored, or held back as unchanged, unless told otherwise.
        """
        worker = Worker(resources(), resources().vault, self.provider, remaining_ms, most_ahead, watch)
        with self.hub.cloud.running("SyncWorker"):
            worker.run(Hint(Tenant(self.hub.tenant), job_id))

    def job(self, job_id: str) -> Json:
        reply = self.hub.get(f"/api/v1/sync-jobs/{job_id}")
        assert reply.status == 200, reply.body
        body: Json = reply.body
        return body

    def cancel(self, job_id: str) -> None:
        assert self.hub.post(f"/api/v1/sync-jobs/{job_id}/cancel").status == 200

    def events(self) -> list[tuple[str, Json]]:
        """Return what waits to be told of syncs: the type and the data of each event, in no order."""
        place = {"pk": partition(Tenant(self.hub.tenant), "event")}
        found = resources().tables.activity.query_all("pk = :pk", place)
        return [(event["type"], json.loads(event["data"])) for event in found if event["type"].startswith("sync.")]


def vault() -> Vault:
    found = resources()
    return Vault(found.kms, found.settings.kms_key_id, found.tables.credentials)


def counted(**counts: int) -> Json:
    return {"read": 0, "created": 0, "updated": 0, "unchanged": 0, "rejected": 0, "deleted": 0, **counts}


@dataclass(frozen=True)
class Asked:
    """One call of AWS and its parameters."""

    operation: str
    params: Mapping[str, Any]


class Record(list[Asked]):
    """Every call, in the order of asking."""

    def of(self, operation: str) -> list[Mapping[str, Any]]:
        return [asked.params for asked in self if asked.operation == operation]

    def hints(self, tenant: str, queue: str = "") -> list[Json]:
        """Return the tenant's hints, each with its delay; only those to the queues with this word in their URL."""
        single = [(call["QueueUrl"], call) for call in self.of("SendMessage")]
        batches = [(call["QueueUrl"], entry) for call in self.of("SendMessageBatch") for entry in call["Entries"]]
        sent = [message for url, message in [*single, *batches] if queue in url]
        found = [{**json.loads(message["MessageBody"]), "delay": message["DelaySeconds"]} for message in sent]
        return [hint for hint in found if hint["tenant"] == tenant]


@contextmanager
def recorded() -> Iterator[Record]:
    """Note every call of AWS that the hub makes in this block."""
    found, made = Record(), resources()
    clients = (made.dynamodb, made.sqs, made.events, made.kms)

    def note(params: Mapping[str, Any], model: Any, **_: Any) -> None:
        found.append(Asked(model.name, dict(params)))

    for client in clients:
        client.meta.events.register("provide-client-params", note)
    try:
        yield found
    finally:
        for client in clients:
            client.meta.events.unregister("provide-client-params", note)
