"""The harness of the proofs: the real worker on moto, a provider in memory, a killer that strikes at any AWS call."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from threading import Lock
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pytest

from hub.core import clock
from hub.core.caller import Tenant
from hub.core.queues import Hint
from hub.core.resources import resources
from hub.core.vault import Vault
from hub.outbound.client import Call, Reply
from hub.sync.run import Worker
from tests.api.conftest import Cloud, Hub, cloud, hub, other_hub, tenant

__all__ = ["cloud", "hub", "other_hub", "tenant"]

LEASE_S = 120


class Killed(BaseException):
    """The process ends here: no handler of the product may catch it."""


@dataclass
class Killer:
    """Counts AWS calls and strikes at one of them, before or after it took effect."""

    at: int = 0
    after_effect: bool = False
    seen: int = 0
    struck: int = 0
    _lock: Lock = field(default_factory=Lock)

    def attach(self) -> None:
        for client in (resources().dynamodb, resources().sqs, resources().events, resources().kms):
            client.meta.events.register("before-call", self._before, unique_id="killer-before")
            client.meta.events.register("after-call", self._after, unique_id="killer-after")

    def detach(self) -> None:
        for client in (resources().dynamodb, resources().sqs, resources().events, resources().kms):
            client.meta.events.unregister("before-call", unique_id="killer-before")
            client.meta.events.unregister("after-call", unique_id="killer-after")

    def arm(self, at: int, *, after_effect: bool) -> None:
        self.at, self.after_effect, self.seen = at, after_effect, 0

    def _before(self, context: dict[str, Any], **_: Any) -> None:
        with self._lock:  # several calls may be under way at once
            self.seen += 1
            context["number"] = self.seen
        self._strike(context["number"], after_effect=False)

    def _after(self, context: dict[str, Any], **_: Any) -> None:
        self._strike(context["number"], after_effect=True)

    def _strike(self, number: int, *, after_effect: bool) -> None:
        if number == self.at and self.after_effect == after_effect:
            self.struck += 1
            raise Killed


@dataclass
class Provider:
    """An API in memory with cursor pages; counts the calls it gets."""

    records: list[Mapping[str, Any]]
    page_size: int = 100
    calls: int = 0

    def send(self, call: Call, *, timeout_s: float) -> Reply:
        assert timeout_s > 0
        self.calls += 1
        query = {**dict(parse_qsl(urlsplit(call.url).query)), **dict(call.params)}
        start = int(query.get("after", 0))
        end = start + self.page_size
        body: dict[str, Any] = {"results": self.records[start:end]}
        if end < len(self.records):
            body["paging"] = {"next": {"after": str(end)}}
        return Reply(200, {"content-type": "application/json"}, json.dumps(body).encode(), 1, 1)


@dataclass
class Runs:
    """Runs the job of one tenant until it ends, whatever kills the workers."""

    hub: Hub
    provider: Provider
    worker_class: type[Worker] = Worker
    now_s: float = field(default_factory=clock.epoch_s)

    def start(self, definition: Mapping[str, Any]) -> str:
        """Start the only sync of the cloud; what earlier runs left is taken out."""
        self.hub.cloud.forget()
        made = self.hub.post("/api/v1/custom-integrations", dict(definition))
        assert made.status == 201, made.body
        return self.again(made.body["id"])

    def again(self, integration_id: str, **asked: Any) -> str:
        job = self.hub.post(f"/api/v1/custom-integrations/{integration_id}/sync", {"endpointId": "list", **asked})
        assert job.status == 202, job.body
        return str(job.body["id"])

    def work(self, job_id: str) -> None:
        """One worker takes one hint, a lease after the one before."""
        self.now_s += LEASE_S + 1
        clock.use(lambda: self.now_s)
        found = resources()
        vault = Vault(found.kms, found.settings.kms_key_id, found.tables.credentials)
        worker = self.worker_class(found, vault, self.provider, lambda: 900_000)
        with self.hub.cloud.running("SyncWorker"):
            worker.run(Hint(Tenant(self.hub.tenant), job_id))

    def work_until_it_ends(self, job_id: str, most: int = 10) -> dict[str, Any]:
        for _ in range(most):
            self.work(job_id)
            job = self.job(job_id)
            if job["status"] not in ("PENDING", "RUNNING"):
                return job
        raise AssertionError(f"{job_id} did not end in {most} runs: {self.job(job_id)}")

    def job(self, job_id: str) -> dict[str, Any]:
        body: dict[str, Any] = self.hub.get(f"/api/v1/sync-jobs/{job_id}").body
        return body

    def documents(self) -> dict[str, dict[str, Any]]:
        table = resources().tables.documents
        found = table.query_all("pk = :pk", {"pk": f"{self.hub.tenant}#doc#contact"})
        return {item["sk"]: item for item in found}


@pytest.fixture
def killer(cloud: Cloud) -> Iterator[Killer]:  # noqa: ARG001 - the clients it attaches to live in the cloud
    found = Killer()
    found.attach()
    yield found
    found.detach()


@pytest.fixture(autouse=True)
def real_clock() -> Iterator[None]:
    yield
    clock.use(None)


def contacts(count: int) -> list[Mapping[str, Any]]:
    return [{"id": f"c{number:05}", "name": f"Name {number}", "n": str(number)} for number in range(count)]


def definition(name: str = "crm", **changes: Any) -> dict[str, Any]:
    return {
        "name": name,
        "displayName": "CRM",
        "integrationType": "rest_api",
        "baseUrl": "https://crm.example.com/v1",
        "auth": {"type": "bearer", "token": "canary-token-4f1d9a7c2b8e6035"},
        "endpoints": [
            {
                "id": "list",
                "name": "list",
                "method": "GET",
                "path": "/contacts",
                "pagination": {
                    "type": "cursor",
                    "cursorParam": "after",
                    "cursorPath": "$.paging.next.after",
                    "endCondition": {"type": "cursor_null"},
                },
                "responseMapping": {
                    "dataPath": "$.results",
                    "identifierField": "$.id",
                    "targetShardTypeId": "contact",
                    "fieldMappings": [
                        {"source": "$.name", "target": "name"},
                        {"source": "$.n", "target": "n", "transform": {"type": "number"}},
                    ],
                },
            }
        ],
        **changes,
    }
