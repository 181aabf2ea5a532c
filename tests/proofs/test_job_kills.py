"""Many jobs of many tenants whose workers die at every call: nothing is lost, doubled or miscounted.

Each job mirrors its list twice, before and after the list has changed in every way. `HUB_PROOF_JOBS` and
`HUB_PROOF_RECORDS` say how many jobs of how many records; `make proofs` takes 100 of 5,000. A job that three workers in
a row leave without a page done ends, as is promised, so a third one is spared.
"""

import os
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from random import Random
from typing import Any

import pytest

from hub.core.attributes import Item
from hub.core.caller import Tenant
from tests.proofs.job_mutants import checkpoint_first, counters_apart
from tests.proofs.job_world import MIRRORED, JobWorld, Json, Source, connector, counted, faults_of, worlds
from tests.proofs.memory_cloud import Trouble

__all__ = ["checkpoint_first", "counters_apart", "worlds"]

Make = Callable[..., JobWorld]
JOBS, RECORDS = int(os.environ.get("HUB_PROOF_JOBS", "6")), int(os.environ.get("HUB_PROOF_RECORDS", "300"))
TROUBLE = Trouble(kill=0.05, lost_answer=0.02, gives_up=0.0, lost_message=0.02, twice=0.05, early=0.05)
# Below the share at which deletions wait for an approval.
GONE_SHARE = 0.025
PER_TENANT = 5


@dataclass
class Mirrored:
    """A list, the integration that reads it, and what its documents must be."""

    name: str
    tenant: Tenant
    source: Source
    integration_id: str = ""
    job: Item = field(default_factory=dict)
    contents: dict[str, Json] = field(default_factory=dict)
    versions: Counter[str] = field(default_factory=Counter)

    def expected(self) -> Json:
        """Take the list for read, and return what a job must have counted that has read it."""
        records, found = self.source.records, Counter[str]()
        for record in records:
            found[self._told(record)] += 1
        gone = self.contents.keys() - {record["id"] for record in records}
        for name in gone:
            del self.contents[name]
            self.versions[name] += 1
        return counted(**{**found, "read": len(records) + len(gone), "deleted": len(gone)})

    def _told(self, record: Json) -> str:
        """Return what must become of a record; one whose number is none is rejected, and its document stays."""
        if not record["n"].isdigit():
            return "rejected"
        before, after = self.contents.get(record["id"]), {"name": record["name"], "n": int(record["n"])}
        self.contents[record["id"]] = after
        self.versions[record["id"]] += before != after
        return "created" if before is None else "unchanged" if before == after else "updated"


def begun(chance: Random, name: str, count: int) -> list[Json]:
    """Return a list; one record in fifty is not fit to be stored."""
    return [made(name, number, 0, is_fit=chance.random() > 0.02) for number in range(count)]


def changed(chance: Random, name: str, records: list[Json]) -> list[Json]:
    """Return the list some time later: records gone, changed, spoiled, healed, new; the others are as they were."""
    kept = chance.sample(records, len(records) - int(len(records) * GONE_SHARE))
    edited = [_later(chance, record) if chance.random() < 0.15 else record for record in kept]
    fresh = [made(name, len(records) + number, 1, is_fit=True) for number in range(len(records) // 30)]
    found = sorted([*edited, *fresh], key=lambda record: str(record["id"]))
    return found if chance.random() < 0.5 else chance.sample(found, len(found))


def made(name: str, number: int, version: int, *, is_fit: bool) -> Json:
    return {"id": f"{name}-{number:05}", "name": f"Name v{version}", "n": str(number) if is_fit else "many"}


def _later(chance: Random, record: Json) -> Json:
    return {**record, "name": "Name v1", "n": "many" if chance.random() < 0.1 else "7"}


def mirrored(world: JobWorld, count: int, records: int, pages: tuple[int, ...] = (100, 200)) -> list[Mirrored]:
    chance, found = world.turns.chance, []
    for number in range(count):
        name, tenant = f"crm-{number}", Tenant(f"tenant-{number // PER_TENANT}")
        one = Mirrored(name, tenant, Source(begun(chance, name, records), chance.choice(pages)))
        one.integration_id = world.connect(one.source.answer, connector(name), tenant)
        found.append(one)
    return found


def synced(world: JobWorld, lists: list[Mirrored]) -> list[Json]:
    """Let a fleet mirror every list; return what is wrong with the jobs."""
    for number, one in enumerate(lists):
        wishes = {**MIRRORED, "history": True} if number % 2 else MIRRORED
        one.job = world.order(one.integration_id, one.tenant, **wishes)
    world.run()
    faults = [(one, faults_of(world, one.job, one.expected())) for one in lists]
    return [{one.name: found} for one, found in faults if found]


def wrong_documents(world: JobWorld, lists: list[Mirrored]) -> list[str]:
    """Return every document that is not as its list has it, or was not written exactly as often as it changed."""
    expected = {(one.tenant.id, name): content for one in lists for name, content in one.contents.items()}
    versions = {(one.tenant.id, name): count for one in lists for name, count in one.versions.items() if count}
    tenants = sorted({one.tenant for one in lists}, key=lambda tenant: tenant.id)
    contents = {(tenant.id, name): each for tenant in tenants for name, each in world.contents(tenant).items()}
    written = {(tenant.id, name): each for tenant in tenants for name, each in world.documents(tenant).items()}
    wrong = [f"{name}: content" for name in expected.keys() | contents if expected.get(name) != contents.get(name)]
    return wrong + [
        f"{name}: written {written[name]['version'] if name in written else 0} times, expected {versions.get(name, 0)}"
        for name in versions.keys() | written
        if name not in written or written[name]["version"] != versions.get(name, 0)
    ]


def told(world: JobWorld, lists: list[Mirrored], records: int) -> None:
    line = world.cloud.line
    print(  # noqa: T201
        f"{len(lists)} jobs of {records} records, twice: {line.kills.total()} deaths in {line.calls.total()} calls, "
        f"{world.cloud.sqs.lost} hints lost, {world.spared} runs spared; {sum(len(one.contents) for one in lists)}"
        " documents as their lists have them"
    )


def lived(world: JobWorld, lists: list[Mirrored]) -> list[Any]:
    """Mirror the lists, let them change, and mirror them again; return everything that is wrong."""
    world.cloud.line.trouble = TROUBLE
    wrong = [*synced(world, lists), *wrong_documents(world, lists)]
    for one in lists:
        one.source.records = changed(world.turns.chance, one.name, list(one.source.records))
    world.turns.now_s += 60
    return [*wrong, *synced(world, lists), *wrong_documents(world, lists)]


def test_no_record_is_lost_doubled_or_miscounted_when_workers_die_at_every_call(worlds: Make) -> None:
    world = worlds(20261121, workers=6)
    lists = mirrored(world, JOBS, RECORDS)

    wrong = lived(world, lists)

    told(world, lists, RECORDS)
    assert wrong == []
    assert all(sum(world.job(one.job)["counters"][name] for one in lists) for name in counted())
    assert world.cloud.line.kills.total() > world.cloud.line.calls.total() / 40


@pytest.mark.parametrize("seed", range(4))
def test_jobs_end_exact_with_any_number_of_workers(worlds: Make, seed: int) -> None:
    world = worlds(seed, workers=(1, 2, 4, 12)[seed])
    lists = mirrored(world, 3, 130, pages=(3, 10, 40))

    assert lived(world, lists) == []


# ---------------------------------------------------------------- mutants


@pytest.mark.usefixtures("checkpoint_first")
def test_mutant_that_checkpoints_first_loses_records(worlds: Make) -> None:
    """The harness sees the fault of the naive design: otherwise its silence would prove nothing."""
    world = worlds(1, workers=4)
    lists = mirrored(world, 3, 400, pages=(5, 10))

    wrong = lived(world, lists)

    assert any(str(each).endswith("content") for each in wrong), wrong


@pytest.mark.usefixtures("counters_apart")
def test_mutant_that_counts_apart_miscounts(worlds: Make) -> None:
    world = worlds(1, workers=4)
    lists = mirrored(world, 3, 400, pages=(5, 10))

    wrong = lived(world, lists)

    assert wrong_documents(world, lists) == []
    assert any("counters" in fault for each in wrong if isinstance(each, dict) for fault in each.values()), wrong
