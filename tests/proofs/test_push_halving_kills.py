"""A push whose batches are halved ends exact wherever a worker dies: the good arrive, the bad are told of."""

import json
from collections.abc import Callable
from dataclasses import dataclass

import pytest

from hub.core.attributes import Item
from hub.outbound.calls import Call, Reply
from tests.proofs.job_world import TYPED, JobWorld, Json, connector, counted, faults_of, worlds
from tests.proofs.test_push_delete_kills import Crm, name, push, put, writing

__all__ = ["worlds"]

Make = Callable[..., JobWorld]
BAD = {name(1), name(6)}
DOCUMENTS = 10


@dataclass
class Strict(Crm):
    """It refuses a batch that has a bad record."""

    def answer(self, call: Call) -> Reply:
        if BAD & {item["email"] for item in json.loads(call.content or b"{}")["inputs"]}:
            return Reply(422, TYPED, b'{"message": "bad"}', 1)
        return super().answer(call)


def pushing(world: JobWorld) -> tuple[Strict, Item]:
    crm = Strict()
    integration_id = world.connect(crm.answer, connector("crm", endpoints=writing()))
    for number in range(DOCUMENTS):
        put(world, number)
    world.turns.now_s += 60
    return crm, push(world, integration_id)


def faults(world: JobWorld, crm: Strict, job: Item) -> Json:
    good = {name(number) for number in range(DOCUMENTS)} - BAD
    told = {fault["documentId"] for fault in world.job(job)["errors"]}
    wrong = {"there": (set(crm.records), good), "told": (told, BAD)}
    counters = counted(read=DOCUMENTS, created=len(good), rejected=len(BAD))
    return {
        **{what: each for what, each in wrong.items() if each[0] != each[1]},
        **faults_of(world, job, counters),
    }


@pytest.mark.parametrize("side", ["before", "after"])
def test_push_of_refused_batches_ends_exact_when_a_worker_dies_at_any_call(worlds: Make, side: str) -> None:
    calls = 1
    for step in range(50):
        world = worlds(step)
        crm, job = pushing(world)
        line = world.cloud.line
        line.number, line.plan = 0, (step, side)
        world.ended(job)
        calls = calls if step else line.number

        assert faults(world, crm, job) == {}, (step, line.log)
        if step >= calls:
            break
    assert 20 < calls < 50
