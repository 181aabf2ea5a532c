"""An upload whose worker dies anywhere: the file arrives, at least once, and always under the same name.

Whoever goes on with the job cannot know whether the file arrived. A provider that takes a file of the same name for the
same file has one of them in the end; another one may have it twice.
"""

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import pytest

from hub import documents
from hub.connector.uploads import Uploaded, UploadRun
from hub.core import clock
from hub.core.attributes import Item
from hub.core.journal import Change
from hub.outbound.calls import Call, Reply
from hub.sync import jobs
from hub.sync.push import uploads
from hub.sync.run import Worker
from tests.proofs.job_world import KIND, TYPED, JobWorld, Json, connector, counted, faults_of, worlds

__all__ = ["worlds"]

Make = Callable[..., JobWorld]
DOCUMENTS = 12


@dataclass
class Store:
    """A provider that keeps every file it is sent."""

    sent: list[tuple[str, bytes]] = field(default_factory=list)

    def answer(self, call: Call) -> Reply:
        headers = {name.lower(): value for name, value in call.headers.items()}
        self.sent.append((json.loads(headers["x-file"])["name"], call.content or b""))
        return Reply(200, TYPED, json.dumps({"id": f"f{len(self.sent)}"}).encode(), 1)

    @property
    def by_name(self) -> dict[str, bytes]:
        """Return what there is where a file takes the place of another of its name."""
        return dict(self.sent)


def sending() -> Json:
    return {
        "id": "upload",
        "name": "upload",
        "method": "POST",
        "path": "/files",
        "headers": {"X-File": "{{upload.metadata | ascii_json}}", "Content-Type": "application/octet-stream"},
        "upload": {
            "metadata": {"name": "{{file.name}}"},
            "simple": {"kind": "raw", "maxBytes": 5_000_000},
            "idPath": "$.id",
        },
    }


def started(world: JobWorld) -> tuple[Store, Item]:
    """Return a provider of files, and a job, not begun, that is to send it the contacts."""
    store = Store()
    for number in range(DOCUMENTS):
        world.ask(partial(_put, number))
    integration_id = world.connect(store.answer, connector("files", endpoints=[sending()]))
    return store, world.order(integration_id, phases=(jobs.PUSH,), job_type="EXPORT")


def _put(number: int, change: Change) -> None:
    documents.put(change, KIND, f"c{number:02}", {"name": f"Name {number}"}, None)


def dying(world: JobWorld, step: int, side: str) -> tuple[Store, Item]:
    store, job = started(world)
    world.cloud.line.number, world.cloud.line.plan = 0, (step, side)
    world.ended(job)
    return store, job


def faults(world: JobWorld, store: Store, job: Item) -> Json:
    lines = {name: content.decode().splitlines() for name, content in store.by_name.items()}
    wrong = {
        "files": f"{sorted(lines)} are there" if len(lines) != 1 else "",
        "contents": [] if len(set(store.sent)) == 1 else store.sent,
        "lines": [len(each) for each in lines.values() if len(each) != DOCUMENTS + 1],
        **faults_of(world, job, counted(read=DOCUMENTS, created=DOCUMENTS)),
    }
    return {name: each for name, each in wrong.items() if each}


@pytest.mark.parametrize("side", ["before", "after"])
def test_file_arrives_under_one_name_when_a_worker_dies_at_any_call(worlds: Make, side: str) -> None:
    world = worlds()
    store, job = dying(world, 0, side)
    calls, times = world.cloud.line.number, set[int]()
    assert (faults(world, store, job), len(store.sent)) == ({}, 1)

    for step in range(1, calls + 1):
        world = worlds(step)
        store, job = dying(world, step, side)
        times.add(len(store.sent))

        assert world.cloud.line.kills.total() == 1
        assert faults(world, store, job) == {}, (step, world.cloud.line.log)

    # At least once, and twice only by a death between the provider's answer and the end of the job.
    assert times == {1, 2}
    assert calls > 5


def loses_files(worlds: Make) -> bool:
    """Say whether a death after one of the calls leaves no file, or two of different names."""

    def found(step: int) -> Json:
        world = worlds(step)
        return faults(world, *dying(world, step, "after"))

    return any("files" in found(step) for step in range(1, 30))


def test_mutant_that_ends_the_job_first_loses_the_file(worlds: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    waiting: list[Callable[[], Any]] = []
    send, end = UploadRun.send, Worker.end

    def send_later(run: Any, *file: Any) -> Any:
        waiting[:] = [lambda: send(run, *file)]
        return Uploaded("f1", None, None, {})

    def end_then_send(*args: Any) -> None:
        end(*args)
        waiting.pop()()

    monkeypatch.setattr(UploadRun, "send", send_later)
    monkeypatch.setattr(Worker, "end", end_then_send)

    assert loses_files(worlds)


def test_mutant_that_names_the_file_by_its_own_time_leaves_two(worlds: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(uploads, "_name", lambda _: f"contact-{clock.now()}.csv".replace(":", "-"))

    assert loses_files(worlds)
