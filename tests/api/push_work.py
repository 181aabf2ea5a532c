"""Pushes and syncs of both ways in a test: a CRM in memory, contacts edited by hand, a worker on a clock of its own."""

import json
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

from hub.core import clock
from hub.core.caller import Tenant
from hub.core.queues import Hint
from hub.core.resources import resources
from hub.outbound.calls import Call, Reply
from hub.sync.configs.scheduler import Scheduler
from hub.sync.run import Worker
from tests.api.conftest import Hub, make_integration
from tests.api.sync_work import vault

Json = dict[str, Any]

SETTLED_S = 6.0
PLENTY_MS = 900_000


def reply(body: Json, status: int = 200, **headers: str) -> Reply:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return Reply(status, {"content-type": "application/json", **named}, json.dumps(body).encode(), 1)


@dataclass
class Crm:
    """Contacts by id, upserted by e-mail address; `instead` answers calls by their number, from 1."""

    records: dict[str, Json] = field(default_factory=dict)
    refuses: dict[str, Json] = field(default_factory=dict)
    instead: dict[int, Callable[[], Reply]] = field(default_factory=dict)
    calls: list[Call] = field(default_factory=list)

    def send(self, call: Call, *, timeout_s: float) -> Reply:
        assert timeout_s > 0
        self.calls.append(call)
        special = self.instead.get(len(self.calls))
        return special() if special else self._answer(call)

    def _answer(self, call: Call) -> Reply:
        if call.method == "GET":
            return reply({"items": [{"id": name, **record} for name, record in self.records.items()]})
        if call.method == "DELETE":
            return reply({}, 200 if self.records.pop(urlsplit(call.url).path.rpartition("/")[2], None) else 404)
        return reply({"results": [self._upserted(item) for item in self.items(-1)]})

    def _upserted(self, item: Json) -> Json:
        if item["email"] in self.refuses:
            return {"error": self.refuses[item["email"]]}
        known = {record["email"]: name for name, record in self.records.items()}
        name = known.get(item["email"]) or f"r{len(self.records) + 1}"
        self.records[name] = {**self.records.get(name, {}), **item}
        return {"id": name}

    def items(self, number: int) -> list[Json]:
        """Return what a call wrote."""
        found: list[Json] = json.loads(self.calls[number].content or b"{}")["inputs"]
        return found

    @property
    def sent(self) -> list[Json]:
        """Return everything that was written, in order."""
        return [item for number, call in enumerate(self.calls) if call.method == "POST" for item in self.items(number)]


FIELDS = ("email", "name", "phone")


def listing(**changed: Any) -> Json:
    mappings = [{"source": f"$.{name}", "target": name, "skipIfEmpty": True} for name in FIELDS]
    return {
        "id": "list",
        "name": "list",
        "operation": "list",
        "entity": "contact",
        "method": "GET",
        "path": "/contacts",
        "responseMapping": {
            "dataPath": "$.items",
            "identifierField": "$.id",
            "targetShardTypeId": "contact",
            "fieldMappings": mappings,
        },
        **changed,
    }


def writing(size: int = 2, **batch: Any) -> Json:
    return {
        "id": "upsert",
        "name": "upsert",
        "operation": "upsert",
        "entity": "contact",
        "method": "POST",
        "path": "/contacts",
        "idempotent": True,
        "batch": {
            "size": size,
            "itemsPath": "$.inputs",
            "required": ["$.email"],
            "fieldMappings": [{"source": f"$.{name}", "target": name} for name in FIELDS],
            "results": {
                "match": "position",
                "path": "$.results",
                "success": {"path": "$.id"},
                "idPath": "$.id",
                "messagePath": "$.error.message",
                "codePath": "$.error.code",
            },
            **batch,
        },
    }


DELETING: Json = {
    "id": "delete",
    "name": "delete",
    "operation": "delete",
    "entity": "contact",
    "method": "DELETE",
    "path": "/contacts/{id}",
    "pathParams": [{"name": "id", "required": True}],
}


@dataclass
class Pushes:
    """Syncs of one tenant with one CRM."""

    hub: Hub
    crm: Crm = field(default_factory=Crm)
    now_s: float = 1_800_000_000.0
    integration_id: str = ""

    def __post_init__(self) -> None:
        clock.use(lambda: self.now_s)

    def connect(self, *endpoints: Json, **changed: Any) -> str:
        retry = {"maxRetries": 0, "retryDelay": 0, "retryOn": []}
        shown = list(endpoints or (listing(), writing()))
        body = make_integration("crm", endpoints=shown, retryConfig=retry, status="active", **changed)
        made = self.hub.post("/api/v1/custom-integrations", body)
        assert made.status == 201, made.body
        self.integration_id = str(made.body["id"])
        return self.integration_id

    def put(self, name: str, /, **content: Any) -> None:
        self.now_s += 0.01
        made = self.hub.call("PUT", f"/api/v1/documents/contact/{name}", {"content": content})
        assert made.status in (200, 201), made.body

    def delete(self, name: str) -> None:
        self.now_s += 0.01
        assert self.hub.call("DELETE", f"/api/v1/documents/contact/{name}").status == 204

    def document(self, name: str) -> Json:
        found = self.hub.get(f"/api/v1/documents/contact/{name}")
        assert found.status == 200, found.body
        content: Json = found.body["content"]
        return content

    def start(self, job_type: str = "INCREMENTAL", **body: Any) -> str:
        self.now_s += SETTLED_S
        wanted = {"jobType": job_type, "entityType": "contact", "direction": "OUTBOUND", **body}
        made = self.hub.post(f"/api/v1/integrations/{self.integration_id}/sync", wanted)
        assert made.status == 202, made.body
        return str(made.body["id"])

    def work(self, job_id: str) -> Json:
        """Let a worker take one hint; return the job."""
        self.now_s += SETTLED_S
        worker = Worker(resources(), vault(), self.crm, lambda: PLENTY_MS, 0)
        with self.hub.cloud.running("SyncWorker"):
            worker.run(Hint(Tenant(self.hub.tenant), job_id))
        body: Json = self.hub.get(f"/api/v1/sync-jobs/{job_id}").body
        return body

    def push(self, job_type: str = "INCREMENTAL", **body: Any) -> Json:
        """Run a push to its end; return the job."""
        return self.ended(self.start(job_type, **body))

    def configured(self, **changed: Any) -> str:
        """Make a configuration that syncs both ways; return its id."""
        wanted = {
            "integrationId": self.integration_id,
            "syncDirection": "bidirectional",
            "frequency": 3_600_000,
            "fieldMappings": [],
            "conflictResolution": "manual",
            "enabled": True,
            **changed,
        }
        made = self.hub.post(f"/api/v1/teams/{self.hub.tenant}/sync-configs", wanted)
        assert made.status == 201, made.body
        return str(made.body["id"])

    def sync(self) -> Json:
        """Run the next slot of the configuration to its end; return the job."""
        self.now_s += 2 * 3600
        with self.hub.cloud.running("SyncScheduler"):
            Scheduler(resources(), time.monotonic() + 30).run()
        rows = self.hub.get(f"/api/v1/integrations/{self.integration_id}/sync-jobs").body["data"]
        return self.ended(str(rows[0]["id"]))

    def conflicts(self, **query: str) -> list[Json]:
        found = self.hub.get("/api/v1/sync-conflicts", query=query)
        assert found.status == 200, found.body
        rows: list[Json] = found.body["data"]
        return rows

    def resolve(self, conflict: Json, **decision: Any) -> Any:
        self.now_s += 0.01
        return self.hub.post(f"/api/v1/sync-conflicts/{conflict['id']}/resolve", decision)

    def ended(self, job_id: str) -> Json:
        for _ in range(10):
            job = self.work(job_id)
            if job["status"] not in ("PENDING", "RUNNING"):
                return job
        raise AssertionError(f"the job does not end: {job}")


def counts(job: Json) -> Json:
    return {name: count for name, count in job["counters"].items() if count}
