"""A sync that is killed anywhere resumes at its last page; no record is lost or counted twice."""

import os
import random
from contextlib import suppress
from dataclasses import replace
from typing import Any, ClassVar

import pytest

from hub.core.tables import Table, Tables
from hub.sync.jobs import Claim
from hub.sync.pull.pull import Pull
from hub.sync.run import Worker
from tests.api.conftest import Cloud, Hub
from tests.proofs.conftest import Killed, Killer, Provider, Runs, contacts, definition

RECORDS, PAGE = 50, 10
MANY = int(os.environ.get("HUB_PROOF_MANY", "2000"))


def exact(records: int, **counted: int) -> dict[str, int]:
    counters = {"read": records, "created": 0, "updated": 0, "unchanged": 0, "rejected": 0, "deleted": 0}
    return {**counters, **counted}


def calls_of_one_run(hub: Hub, killer: Killer) -> int:
    runs = Runs(hub, Provider(contacts(RECORDS), PAGE))
    job_id = runs.start(definition("probe"))
    killer.seen = 0
    runs.work(job_id)
    calls = killer.seen
    assert runs.job(job_id)["status"] == "COMPLETED"
    return calls


def run_with_kill(runs: Runs, killer: Killer, job_id: str, at: int, *, after_effect: bool) -> dict[str, Any]:
    killer.arm(at, after_effect=after_effect)
    with pytest.raises(Killed):
        runs.work(job_id)
    killer.arm(0, after_effect=False)
    return runs.work_until_it_ends(job_id)


@pytest.mark.parametrize("after_effect", [False, True], ids=["before", "after"])
def test_sync_ends_exact_when_a_worker_dies_at_any_step(cloud: Cloud, killer: Killer, after_effect: bool) -> None:
    steps = calls_of_one_run(Hub(cloud, f"steps-{after_effect}"), killer)

    for step in range(1, steps + 1):
        runs = Runs(Hub(cloud, f"kill-{step}-{after_effect}"), Provider(contacts(RECORDS), PAGE))
        job_id = runs.start(definition())
        job = run_with_kill(runs, killer, job_id, step, after_effect=after_effect)

        assert job["status"] == "COMPLETED", (step, job)
        assert job["counters"] == exact(RECORDS, created=RECORDS), step
        assert len(runs.documents()) == RECORDS

    assert killer.struck == steps
    assert steps > RECORDS // PAGE * 3


@pytest.mark.full_size
def test_sync_of_many_records_ends_exact_under_random_kills(hub: Hub, killer: Killer) -> None:
    """Workers die about once in 20 calls, at a random side of the call."""
    chance = random.Random(20261121)
    runs = Runs(hub, Provider(contacts(MANY), 100))
    job_id = runs.start(definition())

    while runs.job(job_id)["status"] in ("PENDING", "RUNNING"):
        killer.arm(chance.randint(8, 40), after_effect=chance.random() < 0.5)
        with suppress(Killed):
            runs.work(job_id)
        killer.arm(0, after_effect=False)

    job = runs.job(job_id)
    assert (job["status"], job["stopReason"]) == ("COMPLETED", "cursor_null")
    assert job["counters"] == exact(MANY, created=MANY)
    assert len(runs.documents()) == MANY
    assert killer.struck > MANY // 500


@pytest.fixture
def checkpoint_first(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """Mutant: a page's documents are written behind its checkpoint; returns what is not written yet."""
    waiting: list[Any] = []
    put, write = Table.batch_put, Tables.write

    def write_then_put(tables: Tables, *writes: Any) -> None:
        write(tables, *writes)
        while waiting:
            put(*waiting.pop())

    monkeypatch.setattr(Table, "batch_put", lambda table, items: waiting.append((table, items)))
    monkeypatch.setattr(Tables, "write", write_then_put)
    return waiting


def test_mutant_that_checkpoints_first_loses_records(cloud: Cloud, killer: Killer, checkpoint_first: list[Any]) -> None:
    """The harness sees the fault of the naive design: otherwise its silence would prove nothing."""
    lost = 0
    for step in range(4, 19):
        runs = Runs(Hub(cloud, f"mutant-{step}"), Provider(contacts(RECORDS), PAGE))
        job_id = runs.start(definition())
        killer.arm(step, after_effect=True)
        with pytest.raises(Killed):
            runs.work(job_id)
        killer.arm(0, after_effect=False)
        checkpoint_first.clear()  # the memory of the dead worker
        runs.work_until_it_ends(job_id)
        lost += RECORDS - len(runs.documents())

    assert lost > 0


class Forgetful(Pull):
    def store(self, held: Claim, page: Any) -> Any:
        nameless = replace(held, job={**held.job, "sk": f"{held.job['sk']}-{held.job['fence']}"})
        return super().store(nameless, page)


class ForgetsItsSteps(Worker):
    """Mutant: documents do not remember the step that wrote them, so a repeated page is counted as unchanged."""

    phases: ClassVar[Any] = {**Worker.phases, "pull": lambda work, held: Forgetful(work).run(held)}


def test_mutant_that_forgets_its_steps_miscounts(cloud: Cloud, killer: Killer) -> None:
    created = set()
    for step in range(4, 19):
        runs = Runs(Hub(cloud, f"forgets-{step}"), Provider(contacts(RECORDS), PAGE), ForgetsItsSteps)
        job = run_with_kill(runs, killer, runs.start(definition()), step, after_effect=True)
        created.add(job["counters"]["created"])

    assert created != {RECORDS}
