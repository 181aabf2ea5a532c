"""A revert, a run of the quarantine and approved deletions end exact wherever a worker dies, and spare later changes.

Each is tried with a death before and after every call, under random deaths, and with somebody who edits a document at
every moment of the run.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from itertools import count
from typing import Any

import pytest

from hub import documents
from hub.core.attributes import Item
from hub.core.tables import Put
from hub.integrations import connected, define
from hub.outbound.guard import Guard
from hub.sync import approvals
from hub.sync.proof import revert
from hub.sync.pull import deletes, requeue
from tests.proofs.job_deaths import Make, at_every_call, dying
from tests.proofs.job_mutants import counters_apart
from tests.proofs.job_world import (
    ADA,
    KEEP_DAYS,
    KIND,
    MIRRORED,
    Interrupted,
    JobWorld,
    Json,
    Source,
    connector,
    counted,
    faults_of,
    listing,
    worlds,
)
from tests.proofs.memory_cloud import Trouble
from tests.proofs.turns import Turns

__all__ = ["counters_apart", "worlds"]

SEEDS = range(6)
TROUBLE = Trouble(kill=0.08, lost_message=0.02, twice=0.05, early=0.05)
HISTORY: Json = {**MIRRORED, "history": True}
EDITED = {"name": "edited"}


@dataclass
class Ready:
    """A job that has not begun, and what it must come to."""

    job: Item
    counters: Json
    contents: dict[str, Json]
    versions: dict[str, int]


def contacts(count: int) -> list[Json]:
    return [{"id": f"c{number:03}", "name": f"Name {number}", "n": str(number)} for number in range(count)]


def content_of(record: Json) -> Json:
    return {"name": record["name"], "n": int(record["n"])}


def edit(world: JobWorld, name: str) -> None:
    """Let somebody write the document, also one that was deleted."""
    found = documents.find(world.cloud.tables.documents, ADA, KIND, name)
    world.ask(lambda change: documents.put(change, KIND, name, EDITED, found, KEEP_DAYS))


# ---------------------------------------------------------------- what is tried


def reverting(world: JobWorld) -> Ready:
    """A run that changed, added, deleted and repeated records is taken back; two of them were edited since."""
    source = Source(contacts(12), 5)
    integration_id = world.connect(source.answer, connector("crm"))
    world.ended(world.order(integration_id, **HISTORY))
    before = world.contents()
    bad = [{**record, "name": "?"} if number < 7 else record for number, record in enumerate(source.records[:-1])]
    source.records = [*bad, {"id": "d000", "name": "?", "n": "1"}, {**bad[2], "name": "??"}]
    world.turns.now_s += 60
    job = world.ended(world.order(integration_id, **HISTORY))
    world.turns.now_s += 60
    edit(world, "c003")
    versions = {name: item["version"] for name, item in world.documents().items()}
    versions |= {name: versions[name] + 1 for name in ("c000", "c001", "c002", "c004", "c005", "c006", "c011", "d000")}
    made = world.begin(lambda change: revert.start(change, job))
    counters = counted(read=9, created=1, updated=6, deleted=1, rejected=1)
    return Ready(made, counters, {**before, "c003": EDITED}, versions)


def approved(world: JobWorld) -> Ready:
    """A source has lost so many records that their deletion waited for somebody to allow it."""
    source = Source(contacts(60), 30)
    integration_id = world.connect(source.answer, connector("crm"))
    world.ended(world.order(integration_id, **MIRRORED))
    source.records = [record for number, record in enumerate(source.records) if number % 3 != 2]
    world.turns.now_s += 60
    job = world.ended(world.order(integration_id, **HISTORY))
    assert job["fuse"]["count"] == 20
    world.turns.now_s += 60
    made = world.begin(lambda change: approvals.approve(change, job))
    contents = {record["id"]: content_of(record) for record in source.records}
    versions = {name: 1 if name in contents else 2 for name in world.documents()}
    return Ready(made, counted(read=20, deleted=20), contents, versions)


def quarantined(world: JobWorld) -> Ready:
    """Records that were not fit to be stored fit since the connector was corrected; one of them is stored by now."""
    records = [{**record, "n": "many"} if number % 2 else record for number, record in enumerate(contacts(60))]
    source = Source([*records, {"name": "Nobody", "n": "1"}], 25)
    integration_id = world.connect(source.answer, connector("crm"))
    world.ended(world.order(integration_id, contract={"mode": "evolve"}, history=True))
    world.turns.now_s += 60
    edit(world, "c001")
    rules = [{"source": f"$.{name}", "target": name} for name in ("name", "n")]
    made = run_again(world, integration_id, {"endpoints": [listing(fieldMappings=rules)]})
    waiting = {each["id"]: {"name": each["name"], "n": "many"} for each in records if each["n"] == "many"}
    contents = {**waiting, **world.contents()}
    return Ready(made, counted(read=31, created=29, unchanged=1, rejected=1), contents, dict.fromkeys(contents, 1))


def run_again(world: JobWorld, integration_id: str, changes: Json) -> Item:
    """Correct the connector, and start the job that runs its quarantine again."""
    config, vault, guard = world.cloud.tables.config, world.vault(), Guard.from_text("")
    found = connected.load(config, ADA, integration_id).found
    world.ask(lambda change: define.update(change, vault, guard, found, changes))
    corrected = connected.load(config, ADA, integration_id)
    return world.begin(lambda change: requeue.start(change, corrected, ""))


Prepare = Callable[[JobWorld], Ready]
TRIED: dict[str, Prepare] = {"revert": reverting, "deletions": approved, "quarantine": quarantined}
each_phase = pytest.mark.parametrize("prepare", TRIED.values(), ids=TRIED.keys())


@pytest.fixture(autouse=True)
def small_pages(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let each phase have several pages of a few documents."""
    monkeypatch.setattr(deletes, "AT_ONCE", 25)
    monkeypatch.setattr(deletes, "TOGETHER", 4)
    monkeypatch.setattr(requeue, "AT_ONCE", 12)
    monkeypatch.setattr(revert, "AT_ONCE", 4)


# ---------------------------------------------------------------- deaths


def faults(world: JobWorld, ready: Ready) -> Json:
    """Return what is wrong with the end of the job; {} where nothing is."""
    found = {name: item["version"] for name, item in world.documents().items()}
    wrong = {
        "contents": differing(world.contents(), ready.contents),
        "versions": differing(found, ready.versions),
        **faults_of(world, ready.job, ready.counters),
    }
    return {name: each for name, each in wrong.items() if each}


def differing(found: Any, expected: Any) -> Json:
    names = [name for name in found.keys() | expected.keys() if found.get(name) != expected.get(name)]
    return {name: (found.get(name), expected.get(name)) for name in names}


@each_phase
@pytest.mark.parametrize("side", ["before", "after"])
def test_job_ends_exact_when_a_worker_dies_at_any_call(worlds: Make, prepare: Prepare, side: str) -> None:
    calls = 0
    for calls, world, ready in at_every_call(worlds, prepare, side):
        assert faults(world, ready) == {}, (calls, world.cloud.line.log)
    assert calls > 12


def shaken(worlds: Make, prepare: Prepare, seed: int) -> tuple[JobWorld, Ready]:
    """Let a fleet whose workers die by chance run the job."""
    world = worlds(seed, workers=3)
    ready = prepare(world)
    world.cloud.line.trouble = TROUBLE
    world.run()
    return world, ready


@each_phase
def test_job_ends_exact_under_random_deaths(worlds: Make, prepare: Prepare) -> None:
    deaths = 0
    for seed in SEEDS:
        world, ready = shaken(worlds, prepare, seed)
        deaths += world.cloud.line.kills.total()

        assert faults(world, ready) == {}, seed
    assert deaths > len(SEEDS)


# ---------------------------------------------------------------- somebody edits


def overwritten(worlds: Make, prepare: Prepare) -> Iterator[int]:
    """Run the job again and again, edit one of its documents at each moment of it; yield those that lost the edit."""
    for moment in count(1):
        world = worlds(moment)
        ready = prepare(world)
        plain = world.cloud.line.turns
        world.cloud.line.turns = interrupted = Interrupted(moment, lambda world=world: edit(world, "c005"))  # type: ignore[misc]
        job = world.ended(ready.job)
        world.cloud.line.turns = plain
        if interrupted.moments < moment:
            return
        assert job["status"] == "COMPLETED"
        if world.contents().get("c005") != EDITED:
            yield moment


@each_phase
def test_edit_is_never_overwritten_whenever_it_comes(worlds: Make, prepare: Prepare) -> None:
    assert list(overwritten(worlds, prepare)) == []


class Ticking(Turns):
    """A clock that goes on at every call."""

    def step(self) -> None:
        self.now_s += 0.01


def test_value_that_was_left_out_is_stored_once_it_fits(worlds: Make) -> None:
    """The document was written after its record was put away, and yet by nobody else."""
    world = worlds()
    world.turns = world.cloud.line.turns = Ticking(0, 1)
    plain = [{"source": f"$.{name}", "target": name} for name in ("name", "n")]
    definition = connector("crm", endpoints=[listing(fieldMappings=plain)])
    integration_id = world.connect(Source(contacts(3)).answer, definition)
    contract = {"mode": "discard_value", "fields": {"name": "string", "n": "number"}}
    world.ended(world.order(integration_id, contract=contract))
    assert world.contents()["c002"] == {"name": "Name 2"}
    edit(world, "c001")

    job = world.ended(run_again(world, integration_id, {"endpoints": [listing()]}))

    assert job["counters"] == counted(read=3, updated=2, unchanged=1)
    assert (world.contents()["c001"], world.contents()["c002"]) == (EDITED, {"name": "Name 2", "n": 2})


# ---------------------------------------------------------------- mutants


@each_phase
@pytest.mark.usefixtures("counters_apart")
def test_mutant_that_counts_apart_miscounts(worlds: Make, prepare: Prepare) -> None:
    """The harness sees the fault of the naive design: otherwise its silence would prove nothing."""
    assert any("counters" in faults(*dying(worlds, prepare, step, "after")) for step in range(1, 30))


@each_phase
def test_mutant_that_writes_without_a_look_overwrites_edits(
    worlds: Make, prepare: Prepare, monkeypatch: pytest.MonkeyPatch
) -> None:
    request = Put.request

    def unconditional(put: Put) -> Json:
        return request(put if "changeKey" not in put.item else replace(put, only_if="", values={}))

    monkeypatch.setattr(Put, "request", unconditional)

    assert next(overwritten(worlds, prepare), None) is not None


def test_mutant_that_forgets_what_it_restored_miscounts(worlds: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    """A document that a dead worker has restored is taken for one that somebody has changed since."""
    number = count()

    def nameless(origin: str, name: str, **more: Any) -> documents.Step:
        return documents.Step(origin, f"{name}.{next(number)}", **more)

    monkeypatch.setattr(revert, "Writing", nameless)

    assert any("counters" in faults(*dying(worlds, reverting, step, "after")) for step in range(1, 30))
