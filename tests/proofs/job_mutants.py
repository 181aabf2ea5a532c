"""Naive designs of a sync job: the proofs must see what is wrong with them, or their silence would prove nothing."""

import threading
from typing import Any

import pytest

from hub.core.attributes import Item
from hub.core.tables import Table, Tables
from hub.sync import jobs
from hub.sync.jobs import Claim
from tests.proofs.job_world import Json


class Waiting(threading.local):
    """What a worker holds back in its memory, which dies with it."""

    def __init__(self) -> None:
        self.batches: list[tuple[Table, list[Item]]] = []


@pytest.fixture
def checkpoint_first(monkeypatch: pytest.MonkeyPatch) -> None:
    """Mutant: a page's documents are written behind its checkpoint."""
    waiting, put, write, claim = Waiting(), Table.batch_put, Tables.write, jobs.claim

    def write_then_put(tables: Tables, *writes: Any) -> None:
        write(tables, *writes)
        while waiting.batches:
            put(*waiting.batches.pop())

    def claim_anew(*args: Any) -> Claim | None:
        waiting.batches.clear()
        return claim(*args)

    monkeypatch.setattr(Table, "batch_put", lambda table, items: waiting.batches.append((table, items)))
    monkeypatch.setattr(Tables, "write", write_then_put)
    monkeypatch.setattr(jobs, "claim", claim_anew)


@pytest.fixture
def counters_apart(monkeypatch: pytest.MonkeyPatch) -> None:
    """Mutant: the counters are written by themselves, before the checkpoint."""
    checkpoint = jobs.checkpoint

    def count_then_checkpoint(tables: Tables, held: Claim, progress: Json, *rest: Any) -> Claim:
        counters = progress.get("counters", held.job["counters"])
        tables.activity.update(held.place, "SET counters = :counters", {"counters": counters})
        return checkpoint(tables, held, progress, *rest)

    monkeypatch.setattr(jobs, "checkpoint", count_then_checkpoint)
