"""A push that is killed anywhere goes on with the same batch: no record is lost, written twice, or counted twice."""

import json
from dataclasses import dataclass, field
from typing import Any

import pytest

from hub import documents
from hub.core.caller import Tenant
from hub.core.errors import Retryable
from hub.core.resources import resources
from hub.documents import Incoming
from hub.outbound.client import Call, Reply
from hub.sync.jobs import Claim
from hub.sync.push import push, upcoming
from hub.sync.working import Noted
from tests.api.conftest import Cloud, Hub
from tests.proofs.conftest import Killed, Killer, Runs, definition

Json = dict[str, Any]

RECORDS, BATCH = 12, 5


@dataclass
class Upserter:
    """A provider that knows a contact by its e-mail address; it loses the answers to the calls in `loses`."""

    loses: set[int] = field(default_factory=set)
    records: dict[str, Json] = field(default_factory=dict)
    calls: int = 0

    def send(self, call: Call, *, timeout_s: float) -> Reply:
        assert timeout_s > 0
        self.calls += 1
        items = json.loads(call.content or b"{}")["inputs"]
        results = [self._written(item) for item in items]
        if self.calls in self.loses:
            raise Retryable("The connection was cut.")
        return Reply(200, {"content-type": "application/json"}, json.dumps({"results": results}).encode(), 1, 1)

    def _written(self, item: Json) -> Json:
        is_new = item["email"] not in self.records
        known = self.records.setdefault(item["email"], {"id": f"r{len(self.records)}"})
        known.update(item)
        return {"id": known["id"], "new": is_new}


def writing() -> Json:
    endpoint = {
        "id": "upsert",
        "name": "upsert",
        "operation": "upsert",
        "entity": "contact",
        "method": "POST",
        "path": "/contacts/batch",
        "idempotent": True,
        "batch": {
            "size": BATCH,
            "itemsPath": "$.inputs",
            "required": ["$.email"],
            "fieldMappings": [{"source": "$.email", "target": "email"}, {"source": "$.name", "target": "name"}],
            "results": {
                "match": "position",
                "path": "$.results",
                "created": {"path": "$.new", "value": True},
                "idPath": "$.id",
            },
        },
    }
    retry = {"maxRetries": 0, "retryDelay": 0, "retryOn": []}
    return definition(endpoints=[endpoint], status="active", retryConfig=retry)


def edited(hub: Hub, count: int, name: str = "Name") -> None:
    """Let contacts be written by hand; they have settled when the worker looks."""
    incoming = [
        Incoming.of(f"c{number:03}", {"email": f"c{number}@example.com", "name": f"{name} {number}"})
        for number in range(count)
    ]
    step = documents.Step("user:ada", f"edit#{name}")
    documents.upsert(resources().tables.documents, Tenant(hub.tenant), "contact", incoming, step)


def started(runs: Runs, **wanted: Any) -> str:
    runs.hub.cloud.forget()
    made = runs.hub.post("/api/v1/custom-integrations", writing())
    assert made.status == 201, made.body
    edited(runs.hub, RECORDS)
    body = {"jobType": "INCREMENTAL", "entityType": "contact", "direction": "OUTBOUND", **wanted}
    job = runs.hub.post(f"/api/v1/integrations/{made.body['id']}/sync", body)
    assert job.status == 202, job.body
    return str(job.body["id"])


def exact(job: Json, runs: Runs) -> bool:
    """Say whether every contact is there once, as it is here, and was counted once."""
    counters = {name: count for name, count in job["counters"].items() if count}
    provider: Any = runs.provider
    names = {record["email"]: record["name"] for record in provider.records.values()}
    wanted = {f"c{number}@example.com": f"Name {number}" for number in range(RECORDS)}
    return (job["status"], counters, names) == ("COMPLETED", {"read": RECORDS, "created": RECORDS}, wanted)


def runs_of(cloud: Cloud, name: str, **upserter: Any) -> Runs:
    provider: Any = Upserter(**upserter)
    return Runs(Hub(cloud, name), provider)


def steps_of_one_run(cloud: Cloud, killer: Killer) -> int:
    runs = runs_of(cloud, "push-probe")
    job_id = started(runs)
    killer.seen = 0
    runs.work(job_id)
    steps = killer.seen
    assert exact(runs.job(job_id), runs), runs.job(job_id)
    return steps


@pytest.mark.parametrize("after_effect", [False, True], ids=["before", "after"])
def test_push_ends_exact_when_a_worker_dies_at_any_step(cloud: Cloud, killer: Killer, after_effect: bool) -> None:
    steps = steps_of_one_run(cloud, killer)

    for step in range(1, steps + 1):
        runs = runs_of(cloud, f"push-{step}-{after_effect}")
        job_id = started(runs)
        killer.arm(step, after_effect=after_effect)
        with pytest.raises(Killed):
            runs.work(job_id)
        killer.arm(0, after_effect=False)

        assert exact(runs.work_until_it_ends(job_id), runs), (step, runs.job(job_id))
    assert steps > RECORDS // BATCH * 4


def test_push_ends_exact_when_the_provider_does_not_get_its_answers_through(cloud: Cloud) -> None:
    for lost in range(1, 4):
        runs = runs_of(cloud, f"push-lost-{lost}", loses={lost})
        job_id = started(runs)

        assert exact(runs.work_until_it_ends(job_id), runs), (lost, runs.job(job_id))


def test_second_push_sends_nothing_that_has_not_changed(cloud: Cloud) -> None:
    runs = runs_of(cloud, "push-again")
    job_id = started(runs)
    job = runs.work_until_it_ends(job_id)
    provider: Any = runs.provider
    calls = provider.calls

    body = {"jobType": "FULL_SYNC", "entityType": "contact", "direction": "OUTBOUND"}
    again = runs.hub.post(f"/api/v1/integrations/{job['integrationId']}/sync", body)
    counters = runs.work_until_it_ends(str(again.body["id"]))["counters"]

    assert provider.calls == calls
    assert (counters["read"], counters["unchanged"]) == (RECORDS, RECORDS)


@pytest.fixture
def cursor_first(monkeypatch: pytest.MonkeyPatch) -> None:
    """Mutant: the cursor moves on before the batch is sent."""
    send = push.Push._sent

    def move_then_send(self: push.Push, held: Claim, ahead: upcoming.Ahead) -> Any:
        moved = self.work.checkpoint(held, {"pushedTo": ahead.position}, Noted("moved", "moved on"))
        return send(self, Claim({**moved.job, "pushedTo": held.job.get("pushedTo")}, held.me), ahead)

    monkeypatch.setattr(push.Push, "_sent", move_then_send)


@pytest.mark.usefixtures("cursor_first")
def test_mutant_that_moves_the_cursor_first_loses_records(cloud: Cloud, killer: Killer) -> None:
    lost = 0
    for step in range(10, 22):
        runs = runs_of(cloud, f"push-mutant-{step}")
        job_id = started(runs)
        killer.arm(step, after_effect=True)
        with pytest.raises(Killed):
            runs.work(job_id)
        killer.arm(0, after_effect=False)
        runs.work_until_it_ends(job_id)
        provider: Any = runs.provider
        lost += RECORDS - len(provider.records)

    assert lost > 0
