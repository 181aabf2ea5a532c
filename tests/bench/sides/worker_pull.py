"""The hub's pull on the local stack: its API starts a job, its queue hands it to the sync worker, a Lambda process.

`python -m tests.bench.sides.worker_pull <url of few contacts> <url of many>` tells what each pull cost the worker: of
few contacts, of many, of the same many again. The embedded AWS is a process of its own, whose cost is told beside.
"""

import json
import sys
import tempfile
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import httpx

from local.stack import TEMPLATE, Stack
from tests.bench.sides.hub_sync import definition
from tests.bench.sides.measured import Cost, cpu_s_of, peak_mib_of
from tests.flows.hub_client import OPEN, HubClient, counted

Json = dict[str, Any]

# Syncs may follow each other at once. Beside that, and the state on disk, nothing differs from `make run`.
PARAMETERS = {"SyncIntervalSeconds": "0"}
POLL_S = 0.5
READ_AT_ONCE = 5000


@dataclass(frozen=True)
class Meter:
    """What the processes behind a pull took so far."""

    at: float
    worker_s: float
    aws_s: float

    @classmethod
    def read(cls, stack: Stack) -> "Meter":
        pids = stack.worker_pids("SyncWorker")
        return cls(time.perf_counter(), sum(map(cpu_s_of, pids)), cpu_s_of(stack.cloud.process.pid))


def stack_in(folder: Path) -> Stack:
    """Return a stack that writes no snapshots: the embedded AWS answers nothing while it copies 100,000 items."""
    return Stack(TEMPLATE, folder, parameters=PARAMETERS, keeps_state=False)


def measure(stack: Stack, few_url: str, url: str) -> dict[str, Cost]:
    few, many = tenant(stack, "few"), tenant(stack, "many")
    told = pull(stack, few, few.create(connector(few_url)), "few")
    integration_id = many.create(connector(url))
    for name in ("created", "unchanged"):
        told |= pull(stack, many, integration_id, name)
    assert stored(stack, "many") == told["created"].records == told["unchanged"].records
    return told


def tenant(stack: Stack, name: str) -> HubClient:
    headers = {"authorization": f"Bearer {stack.token(name)}"}
    return HubClient(httpx.Client(base_url=stack.url, headers=headers, timeout=35))


def connector(url: str) -> Json:
    return definition(url, "after") | {"status": "active"}


def pull(stack: Stack, hub: HubClient, integration_id: str, name: str) -> dict[str, Cost]:
    """Return what a pull cost the worker and the embedded AWS; its peaks are those of the processes so far."""
    before = Meter.read(stack)
    job = ended(hub, hub.start(integration_id))
    after = Meter.read(stack)
    read, outcome = int(job["counters"]["read"]), "unchanged" if name == "unchanged" else "created"
    assert job["counters"] == counted(**{"read": read, outcome: read}), job
    peak = max(map(peak_mib_of, stack.worker_pids("SyncWorker")))
    took, aws = after.at - before.at, stack.cloud.process.pid
    return {
        name: Cost(read, took, after.worker_s - before.worker_s, peak),
        f"{name}, AWS": Cost(read, took, after.aws_s - before.aws_s, peak_mib_of(aws)),
    }


def ended(hub: HubClient, job_id: str) -> Json:
    while (job := hub.job(job_id))["status"] in OPEN:
        time.sleep(POLL_S)
    assert job["status"] == "COMPLETED", job
    return job


def stored(stack: Stack, tenant_id: str) -> int:
    """Count a tenant's contacts in the documents table itself."""
    values = {":pk": {"S": f"{tenant_id}#doc#contact"}}
    table = "integration-hub-DocumentsTable"
    request = {"TableName": table, "KeyConditionExpression": "pk = :pk", "ExpressionAttributeValues": values}
    pages = stack.aws("dynamodb").get_paginator("query")
    found = pages.paginate(**request, Select="COUNT", PaginationConfig={"PageSize": READ_AT_ONCE})
    return sum(page["Count"] for page in found)


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as folder, stack_in(Path(folder)) as running:
        costs = measure(running, *sys.argv[1:])
    print(json.dumps({name: asdict(cost) for name, cost in costs.items()}), flush=True)  # noqa: T201
