"""A job may be handed on as often as it likes: its counters stay exact and its item small."""

from collections.abc import Callable

import pytest

from hub.core import jsontext
from hub.core.attributes import Item
from hub.sync import jobs
from tests.proofs.job_world import JobWorld, Source, connector, counted, faults_of, worlds

__all__ = ["worlds"]

Make = Callable[..., JobWorld]
HOPS, PAGE = 1000, 2
# By then the job shows as many samples of each outcome as it ever does.
FILLED = 100


def contacts(count: int, version: int = 0) -> list[dict[str, str]]:
    return [{"id": f"c{number:05}", "name": f"Name v{version}", "n": str(number)} for number in range(count)]


@pytest.fixture
def world(worlds: Make) -> JobWorld:
    return worlds(3, workers=1)


def handed_on(world: JobWorld, integration_id: str) -> tuple[Item, list[int]]:
    """Run a job that is handed on after each page; return it, and how large its item was at every beginning."""
    job, sizes = world.order(integration_id, history=True), list[int]()

    def one_page() -> int:
        sizes.append(len(jsontext.dump(world.job(job))))
        return 1

    world.longest_run = one_page
    world.run()
    return world.job(job), sizes


def test_job_of_1_000_continuations_ends_exact_and_stays_small(world: JobWorld) -> None:
    source = Source(contacts(HOPS * PAGE), PAGE)
    integration_id = world.connect(source.answer, connector("crm"))

    job, sizes = handed_on(world, integration_id)

    fences, dropped = job["fence"], len(world.cloud.sqs.dropped)
    print(f"{fences} runs, item of {sizes[10]} to {max(sizes)} bytes; {dropped} hints dropped as too long a chain")  # noqa: T201
    assert fences == HOPS
    assert faults_of(world, job, counted(read=HOPS * PAGE, created=HOPS * PAGE)) == {}
    assert len(world.contents()) == HOPS * PAGE
    # A few digits more, and no item of a list for each page.
    assert max(sizes) < sizes[FILLED] + 64


def test_second_run_of_200_continuations_counts_what_has_changed(world: JobWorld) -> None:
    """Every tenth page has a change; those between have none."""
    count = 200 * PAGE
    source = Source(contacts(count), PAGE)
    integration_id = world.connect(source.answer, connector("crm"))
    world.longest_run = lambda: count
    world.order(integration_id)
    world.run()
    fresh = contacts(count, version=1)
    source.records = [fresh[n] if n % 20 == 0 else each for n, each in enumerate(source.records)]

    job, sizes = handed_on(world, integration_id)

    assert faults_of(world, job, counted(read=count, updated=count // 20, unchanged=count - count // 20)) == {}
    assert max(sizes) < max(sizes[:FILLED]) + 64


def test_job_whose_workers_all_die_ends_and_the_next_one_makes_up_for_it(worlds: Make) -> None:
    """Three in a row without a page: the job says so, and counts nothing that no page has counted."""
    probe, world = begun_world(worlds), begun_world(worlds)
    probe[0].work(probe[1])
    writes = probe[0].cloud.line.log.index("dynamodb.BatchWriteItem") + 1
    # The first one has written its page, the others come to the same call, which is the checkpoint.
    for side in ("after", *["before"] * (jobs.MAX_HOPS - 1)):
        world[0].cloud.line.number, world[0].cloud.line.plan = 0, (writes, side)
        world[0].work(world[1])
    found, job, integration_id = world
    assert (found.job(job)["status"], len(found.contents())) == ("RUNNING", 10)

    failed, after = found.ended(job), found.ended(found.order(integration_id))

    assert (failed["status"], failed["counters"]) == ("FAILED", counted())
    assert "3 runs in a row" in failed["errors"][-1]["reason"]
    assert faults_of(found, after, counted(read=40, created=30, unchanged=10)) == {}
    assert {item["version"] for item in found.documents().values()} == {1}


def begun_world(worlds: Make) -> tuple[JobWorld, Item, str]:
    world = worlds()
    integration_id = world.connect(Source(contacts(40), 10).answer, connector("crm"))
    return world, world.order(integration_id), integration_id
