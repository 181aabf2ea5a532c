"""A worker that dies anywhere in a sync whose pages share checkpoints: nothing is lost, and everything counts once.

Seven pages of ten that are stored already; one record of the third page and one of the sixth has changed. And what a
sync costs whose provider tells changes: `HUB_PROOF_STORED` says beside how many documents it is counted.
"""

import os
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, ClassVar

import pytest

from hub import documents
from hub.core.attributes import Item, encode_item
from hub.sync.jobs import Claim
from hub.sync.pull.pull import Pull, Stored
from hub.sync.pull.stretches import Taken
from hub.sync.run import Worker
from hub.sync.working import Noted
from tests.proofs.job_world import ADA, KIND, JobWorld, Json, Source, connector, counted, faults_of, listing, worlds

__all__ = ["worlds"]

Make = Callable[..., JobWorld]
EXPECTED = counted(read=70, updated=2, unchanged=68)
STORED = int(os.environ.get("HUB_PROOF_STORED", "10000"))
CHANGED = 100


@dataclass(frozen=True)
class Steady(Worker):
    """A worker whose source takes no time, however busy the machine is."""

    watch: Callable[[], float] = lambda: 0.0


def people(count: int) -> list[Json]:
    return [{"id": f"c{number:06}", "name": f"Name {number}", "n": "1"} for number in range(count)]


def changed(worlds: Make, worker_class: type[Worker]) -> tuple[JobWorld, Item]:
    """Return a world in which a list is stored that has changed since, and the job that is to find out."""
    world, source = worlds(), Source(people(70), 10)
    world.worker_class = worker_class
    integration_id = world.connect(source.answer, connector("crm"))
    world.ended(world.order(integration_id))
    source.records = [{**each, "n": "2"} if each["id"] in ("c000025", "c000055") else each for each in source.records]
    world.cloud.line.number = 0
    return world, world.order(integration_id)


def ended(worlds: Make, worker_class: type[Worker], at: int, side: str) -> tuple[JobWorld, Item]:
    """Return a world in which the job has ended whose first worker died at its call `at`."""
    world, job = changed(worlds, worker_class)
    world.cloud.line.plan = (at, side)
    world.ended(job)
    return world, job


def calls_of_a_run(worlds: Make) -> int:
    world, job = changed(worlds, Steady)
    world.ended(job)
    return world.cloud.line.number


@pytest.mark.parametrize("side", ["before", "after"])
def test_every_record_counts_once_wherever_the_worker_dies(worlds: Make, side: str) -> None:
    calls = calls_of_a_run(worlds)
    for at in range(1, calls + 1):
        world, job = ended(worlds, Steady, at, side)

        assert faults_of(world, job, EXPECTED) == {}, at
        assert world.proof(job)["pages"]["count"] == 7, at
        assert {name for name, found in world.documents().items() if found["version"] == 2} == {"c000025", "c000055"}

    assert calls >= 20


class Apart(Pull):
    def _checkpoint(self, held: Claim, taken: Taken, stored: Stored) -> Claim:
        if taken.is_unchanged:
            early = {"counters": stored.progress["counters"]}
            held = self.work.checkpoint(held, early, Noted("counted", "counted"))
        return super()._checkpoint(held, taken, stored)


class CountsApart(Steady):
    """Mutant: a stretch is counted before the position behind it is written."""

    phases: ClassVar[Any] = {**Worker.phases, "pull": lambda work, held: Apart(work).run(held)}


def test_mutant_that_counts_a_stretch_apart_counts_it_twice(worlds: Make) -> None:
    found = [ended(worlds, CountsApart, at, "after") for at in range(1, calls_of_a_run(worlds) + 1)]

    assert any(world.job(job)["counters"]["unchanged"] > EXPECTED["unchanged"] for world, job in found)


class Numberless(Pull):
    def store(self, held: Claim, taken: Taken) -> Stored:
        stored = super().store(held, taken)
        page = held.job["page"] + 1
        return replace(stored, progress={**stored.progress, "page": page})


class CountsOnePage(Steady):
    """Mutant: a stretch counts as one page, so that the steps of those behind it have other names when repeated."""

    phases: ClassVar[Any] = {**Worker.phases, "pull": lambda work, held: Numberless(work).run(held)}


def test_mutant_that_counts_a_stretch_as_one_page_is_seen_in_the_proof(worlds: Make) -> None:
    world, job = ended(worlds, CountsOnePage, 0, "before")

    assert world.job(job)["page"] < 7


# What changes cost


def incremental() -> Json:
    """Return a definition whose source is asked for what has changed since a number."""
    changes = {"field": "$.n", "param": "since", "format": "number"}
    return connector("crm", endpoints=[{**listing(), "incremental": changes}])


def calls_beside(worlds: Make, stored: int) -> dict[str, int]:
    """Return the calls of a sync for which the provider has 100 changes, beside so many documents."""
    world, source = worlds(), Source(people(stored)[:: stored // CHANGED], CHANGED)
    world.worker_class = Steady
    integration_id = world.connect(source.answer, incremental())
    put_stored(world, stored)
    world.ended(world.order(integration_id))
    source.records = [{**each, "name": "Ada", "n": "2"} for each in source.records]
    job, before = world.order(integration_id, job_type="INCREMENTAL"), world.cloud.line.calls.copy()

    found = world.ended(job)

    assert (found["jobType"], found["counters"]) == ("INCREMENTAL", counted(read=CHANGED, updated=CHANGED))
    assert len(world.documents()) == stored
    return dict(world.cloud.line.calls - before)


def put_stored(world: JobWorld, count: int) -> None:
    """Let so many contacts be stored, as an earlier sync would have left them."""
    memory, step = world.cloud.memory[world.cloud.tables.documents.name], documents.Step("integration:before", "job#0")
    for each in people(count):
        place = documents.document_key(ADA, KIND, each["id"])
        incoming = documents.Incoming.of(each["id"], {"name": each["name"], "n": 1})
        _, items = documents.decide({}, {each["id"]: place}, [incoming], step)
        memory.put((place["pk"], place["sk"]), encode_item(items[each["id"]]))


def test_sync_of_100_changes_makes_the_same_calls_beside_any_number_of_documents(worlds: Make) -> None:
    few, many = calls_beside(worlds, 1000), calls_beside(worlds, STORED)

    assert many == few
    assert sum(few.values()) <= 20
