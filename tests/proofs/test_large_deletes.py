"""The deletions of a large list take the memory of a page and of 8 bytes for each id, however many documents there are.

`HUB_PROOF_DOCUMENTS` says how many; `make proofs` takes 100,000.
"""

import gc
import os
import tracemalloc
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

from hub.core.attributes import encode_item
from hub.sync import jobs
from hub.sync.jobs import Claim
from hub.sync.pull import seen
from hub.sync.pull.deletes import Sweep
from hub.sync.pull.state import feed_of
from tests.proofs.job_world import ADA, KIND, MIRRORED, PLENTY_MS, JobWorld, Source, connector, worlds
from tests.proofs.memory_tables import place_of

__all__ = ["worlds"]

DOCUMENTS = int(os.environ.get("HUB_PROOF_DOCUMENTS", "12000"))
GONE = 5
# A digest in an array, which has something in reserve while it grows, and one in the answer it came in: that is all of
# them here, and 1 MB at the most in DynamoDB. What is read of a document takes ten times as much.
# The allocator's own steps come on top, by what ran before in the process.
BYTES_EACH = 8 * 1.25 + 8 + 12


def claimed(world: JobWorld, count: int) -> Claim:
    """Return a job that has seen so many records, all but a few of those there are documents of."""
    job = world.order(world.connect(Source([]).answer, connector("crm")), **MIRRORED)
    found = jobs.claim(world.cloud.tables, ADA, job["sk"], "me", 600)
    assert found is not None
    fill(world, found, count)
    ids = [SimpleNamespace(external_id=name_of(number)) for number in range(count - GONE)]
    for page, start in enumerate(range(0, len(ids), 1000)):
        part: Any = SimpleNamespace(records=ids[start : start + 1000])
        world.cloud.tables.write(*seen.writes(world.cloud.tables.activity, {**found.job, "page": page}, part))
    world.turns.now_s += 1
    read = {"counters": {**found.job["counters"], "read": len(ids)}, "startedAt": "2030"}
    return Claim({**found.job, **seen.begun({**found.job, **read})}, "me")


def name_of(number: int) -> str:
    return f"c{number:07}"


def fill(world: JobWorld, held: Claim, count: int) -> None:
    table, job = world.cloud.memory[world.cloud.tables.documents.name], held.job
    written = {
        "pk": f"{ADA.id}#doc#{KIND}",
        "origin": f"integration:{job['integrationId']}",
        "feed": feed_of(job),
        "touchedBy": "an earlier run#0",
        "updatedAt": job["startedAt"],
        "createdAt": job["startedAt"],
        "hash": "0" * 32,
        "version": 1,
    }
    for number in range(count):
        item = encode_item({**written, "sk": name_of(number), "changeKey": f"{job['startedAt']}#{number}"})
        table.put(place_of(item), item)


def peak(world: JobWorld, count: int) -> tuple[int, int]:
    """Return how much memory the deletions took at most (bytes), and how many there were."""
    held = claimed(world, count)
    worker = world._worker(lambda: PLENTY_MS)
    sweep = Sweep(worker, held)
    gc.collect()
    gc.freeze()  # what was there before is not looked through again and again
    tracemalloc.start()
    while True:
        step = sweep.step(held)
        held = Claim({**held.job, **step.progress}, held.me)
        gc.collect()  # what is garbage already is no growth
        if step.is_last:
            break
    _, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    gc.unfreeze()
    return most, held.job["counters"]["deleted"]


def test_memory_of_deletions_does_not_grow_with_the_documents(worlds: Callable[..., JobWorld]) -> None:
    few, many = DOCUMENTS // 4, DOCUMENTS

    (least, _), (most, deleted) = peak(worlds(1), few), peak(worlds(2), many)

    print(f"{few} documents: {least / 1e6:.2f} MB; {many} documents: {most / 1e6:.2f} MB")  # noqa: T201
    assert deleted == GONE
    assert most - least < (many - few) * BYTES_EACH
