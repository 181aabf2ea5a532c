"""A push that is to delete too much, and the approval of it, end exact wherever a worker dies.

Nothing is deleted at the provider that nobody approved, nothing that is held is forgotten, and all is counted once. A
document that is restored at any moment of the approval is at the provider in the end.
"""

import json
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from itertools import count
from typing import Any
from urllib.parse import urlsplit

import pytest

from hub import documents
from hub.core.attributes import Item
from hub.outbound.calls import Call, Reply
from hub.sync import approvals, jobs
from hub.sync.pull import deletes
from hub.sync.push import held_deletes, releases, upcoming
from hub.sync.push.held_deletes import Ledger
from tests.proofs.job_deaths import Make, at_every_call, dying
from tests.proofs.job_mutants import checkpoint_first, counters_apart
from tests.proofs.job_world import (
    ADA,
    KEEP_DAYS,
    KIND,
    TYPED,
    Interrupted,
    JobWorld,
    Json,
    connector,
    counted,
    faults_of,
    worlds,
)
from tests.proofs.memory_cloud import Trouble

__all__ = ["checkpoint_first", "counters_apart", "worlds"]

DOCUMENTS, GONE = 24, 12
SEEDS = range(6)
TROUBLE = Trouble(kill=0.05, lost_message=0.02, twice=0.05, early=0.05)


@dataclass
class Crm:
    """It knows a contact by its e-mail address, and counts what it deletes."""

    records: dict[str, Json] = field(default_factory=dict)
    deleted: Counter[str] = field(default_factory=Counter)

    def answer(self, call: Call) -> Reply:
        name = urlsplit(call.url).path.rpartition("/")[2]
        if call.method == "DELETE":
            if self.records.pop(name, None) is None:
                return Reply(404, TYPED, b"{}", 1)
            self.deleted[name] += 1
            return Reply(200, TYPED, b"{}", 1)
        items = json.loads(call.content or b"{}")["inputs"]
        for item in items:
            self.records[item["email"]] = {**self.records.get(item["email"], {}), **item}
        return Reply(200, TYPED, json.dumps({"results": [{"id": item["email"]} for item in items]}).encode(), 1)


def writing() -> list[Json]:
    upsert: Json = {
        "id": "upsert",
        "name": "upsert",
        "operation": "upsert",
        "entity": KIND,
        "method": "POST",
        "path": "/contacts",
        "idempotent": True,
        "batch": {
            "size": 4,
            "itemsPath": "$.inputs",
            "required": ["$.email"],
            "fieldMappings": [{"source": f"$.{name}", "target": name} for name in ("email", "name")],
            "results": {"match": "position", "path": "$.results", "idPath": "$.id"},
        },
    }
    delete: Json = {
        "id": "delete",
        "name": "delete",
        "operation": "delete",
        "entity": KIND,
        "method": "DELETE",
        "path": "/contacts/{id}",
        "pathParams": [{"name": "id", "required": True}],
    }
    return [upsert, delete]


def name(number: int) -> str:
    return f"c{number:03}"


def put(world: JobWorld, number: int, word: str = "Name") -> None:
    content = {"email": name(number), "name": f"{word} {number}"}
    found = documents.find(world.cloud.tables.documents, ADA, KIND, name(number))
    world.ask(lambda change: documents.put(change, KIND, name(number), content, found))
    world.turns.now_s += 0.01


def delete(world: JobWorld, number: int) -> None:
    found = documents.find(world.cloud.tables.documents, ADA, KIND, name(number))
    assert found is not None
    world.ask(lambda change: documents.delete(change, KIND, found, KEEP_DAYS))
    world.turns.now_s += 0.01


@dataclass
class Ready:
    """A job that has not begun, and what it must come to: its counters, the contacts there, what is held after it."""

    crm: Crm
    integration_id: str
    job: Item
    counters: Json
    there: set[str]
    held: set[str]


def linked(world: JobWorld) -> tuple[Crm, str]:
    """Return a CRM that has every contact, of which half are deleted here by now; one is new and one changed."""
    crm = Crm()
    integration_id = world.connect(crm.answer, connector("crm", endpoints=writing()))
    for number in range(DOCUMENTS):
        put(world, number)
    world.turns.now_s += 60
    world.ended(push(world, integration_id))
    for number in range(GONE):
        delete(world, number)
    put(world, DOCUMENTS)
    put(world, DOCUMENTS - 1, "Changed")
    world.turns.now_s += 60
    return crm, integration_id


def push(world: JobWorld, integration_id: str) -> Item:
    return world.order(integration_id, phases=(jobs.PUSH,), job_type="INCREMENTAL")


def holding(world: JobWorld) -> Ready:
    """A push that has too much to delete."""
    crm, integration_id = linked(world)
    counters = counted(read=GONE + 2, created=1, updated=1, unchanged=GONE)
    everybody = set(map(name, range(DOCUMENTS + 1)))
    return Ready(crm, integration_id, push(world, integration_id), counters, everybody, set(map(name, range(GONE))))


def approved(world: JobWorld) -> Ready:
    """An approval of that; two documents were restored before it, and one more was deleted after the push."""
    ready = holding(world)
    job = world.ended(ready.job)
    if job.get("pushFuse") is None:  # a mutant's
        return ready
    put(world, 0)
    put(world, 1)
    delete(world, GONE)
    world.turns.now_s += 60
    ready.job = world.begin(lambda change: approvals.approve(change, job))
    ready.counters = counted(read=GONE - 2, deleted=GONE - 2)
    ready.there -= ready.held - {name(0), name(1)}
    ready.held = set()
    return ready


Prepare = Callable[[JobWorld], Ready]
TRIED: dict[str, Prepare] = {"push": holding, "approval": approved}
each_job = pytest.mark.parametrize("prepare", TRIED.values(), ids=TRIED.keys())


@pytest.fixture(autouse=True)
def small_pages(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let every walk have several pages."""
    monkeypatch.setattr(upcoming, "READ_AT_ONCE", 5)
    monkeypatch.setattr(upcoming, "COUNTED_AT_ONCE", 5)
    monkeypatch.setattr(upcoming, "MOST_READ", 5)
    monkeypatch.setattr(held_deletes, "AT_ONCE", 5)
    monkeypatch.setattr(releases, "MOST_DELETES", 4)


def faults(world: JobWorld, ready: Ready) -> Json:
    """Return what is wrong with the end of the job, and with what an approval would find; {} where nothing is."""
    job = world.job(ready.job)
    entries = world.items(f"held-delete#{ready.integration_id}#{KIND}", table="documents")
    fuse = job.get("pushFuse") or {"count": 0}
    looked = {
        "there": (set(ready.crm.records), ready.there),
        "held": (set(entries), ready.held),
        "fuse": (fuse["count"], len(ready.held)),
        "deleted twice": ([each for each, times in ready.crm.deleted.items() if times > 1], []),
    }
    wrong = {what: {"found": is_, "expected": was} for what, (is_, was) in looked.items() if is_ != was}
    return {**wrong, **faults_of(world, ready.job, ready.counters)}


@each_job
@pytest.mark.parametrize("side", ["before", "after"])
def test_job_ends_exact_when_a_worker_dies_at_any_call(worlds: Make, prepare: Prepare, side: str) -> None:
    calls = 0
    for calls, world, ready in at_every_call(worlds, prepare, side):
        assert faults(world, ready) == {}, (calls, world.cloud.line.log)
    assert calls > 20


@each_job
def test_job_ends_exact_under_random_deaths(worlds: Make, prepare: Prepare) -> None:
    deaths = 0
    for seed in SEEDS:
        world = worlds(seed, workers=3)
        ready = prepare(world)
        world.cloud.line.trouble = TROUBLE
        world.run()
        deaths += world.cloud.line.kills.total()

        assert faults(world, ready) == {}, seed
    assert deaths > 0


def restored(worlds: Make, number: int) -> Iterator[tuple[int, JobWorld, Ready]]:
    """Run the approval again and again, and restore a document at each moment of it."""
    for moment in count(1):
        world = worlds(moment)
        ready = approved(world)
        plain = world.cloud.line.turns
        world.cloud.line.turns = interrupted = Interrupted(moment, lambda world=world: put(world, number))  # type: ignore[misc]
        world.ended(ready.job)
        world.cloud.line.turns = plain
        if interrupted.moments < moment:
            return
        yield moment, world, ready


def test_document_that_is_restored_at_any_moment_is_there_in_the_end(worlds: Make) -> None:
    kept = 0
    for moment, world, ready in restored(worlds, 7):
        deleted = ready.crm.deleted[name(7)]
        kept += not deleted
        world.turns.now_s += 60
        job = world.ended(push(world, ready.integration_id))

        assert job["status"] == "COMPLETED"
        assert ready.crm.records[name(7)]["name"] == "Name 7", (moment, deleted)
        assert not world.items(f"held-delete#{ready.integration_id}#{KIND}", table="documents")
    assert kept > 5


def test_what_is_held_goes_out_by_the_next_approval(worlds: Make) -> None:
    """The one that was deleted after the push was not approved with the others: it is one more, and goes by itself."""
    world = worlds()
    ready = approved(world)
    world.ended(ready.job)
    world.turns.now_s += 60

    job = world.ended(push(world, ready.integration_id))

    assert job["counters"] == counted(read=3, unchanged=2, deleted=1)
    assert name(GONE) not in ready.crm.records


# ---------------------------------------------------------------- mutants


@each_job
@pytest.mark.usefixtures("counters_apart")
def test_mutant_that_counts_apart_miscounts(worlds: Make, prepare: Prepare) -> None:
    assert any("counters" in faults(*dying(worlds, prepare, step, "after")) for step in range(1, 60))


@pytest.mark.usefixtures("checkpoint_first")
def test_mutant_that_moves_the_cursor_first_forgets_what_is_held(worlds: Make) -> None:
    found: list[Any] = [faults(*dying(worlds, holding, step, "after")) for step in range(60)]

    assert any("held" in each for each in found)


def test_mutant_that_notes_nothing_forgets_what_is_held(worlds: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Ledger, "keep", lambda *_: None)

    assert {"held", "fuse"} <= faults(*dying(worlds, holding, 0, "")).keys()


def test_mutant_without_a_fuse_empties_the_provider(worlds: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(deletes, "is_blown", lambda *_, **__: False)

    assert {"there", "held", "counters"} <= faults(*dying(worlds, holding, 0, "")).keys()


def test_mutant_that_looks_at_one_step_alone_empties_the_provider(
    worlds: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each step has fewer deletions than need an approval."""
    monkeypatch.setattr(upcoming.Stream, "count_deletes", lambda *_: 5)

    assert "there" in faults(*dying(worlds, holding, 0, ""))
