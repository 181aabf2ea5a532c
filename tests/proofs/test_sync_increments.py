"""Syncs that ask only for changes miss none, whenever records change and however the syncs before have ended.

The provider's clock is behind, its changes show up late and often have the same time, and they happen while its list is
read. All that is promised for as long as both together stay below the overlap.
"""

import json
import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any
from urllib.parse import parse_qsl

import pytest

from hub.core import clock
from hub.outbound.calls import Call, Reply
from hub.sync.pull import increments
from hub.sync.pull.state import State
from hub.sync.pull.state import after as state_after
from hub.sync.run import Worker
from tests.api.conftest import Cloud, Hub
from tests.proofs.conftest import Provider, Runs, definition

SEEDS = range(8)
RECORDS, PAGE, ROUNDS = 80, 4, 5
OVERLAP_S, MOST_BEHIND_S, MOST_DELAY_S = 300, 60, 235
PAGES_S = (1, 20, 400)


@dataclass
class Living(Provider):
    """A list by id whose records change all the time; each has the time of its change in whole seconds."""

    records: list[Mapping[str, Any]] = field(default_factory=list)
    chance: random.Random = field(default_factory=random.Random)
    now: Callable[[], float] = clock.epoch_s
    advance: Callable[[float], None] = lambda _: None
    behind_s: float = 0
    is_quiet: bool = False
    unseen: list[tuple[float, int, Mapping[str, Any]]] = field(default_factory=list)
    changes: int = 0

    def change(self, count: int) -> None:
        """Change some records at this moment; each change shows up a while later."""
        for _ in range(count):
            self.changes += 1
            number = self.chance.randrange(RECORDS)
            shown_at = self.now() + self.chance.choice((0, MOST_DELAY_S, self.chance.uniform(0, MOST_DELAY_S)))
            self.unseen.append((shown_at, number, made(number, self.changes, self.now() - self.behind_s)))

    def send(self, call: Call, *, timeout_s: float) -> Reply:
        assert timeout_s > 0
        query = {**dict(parse_qsl(call.url.partition("?")[2])), **dict(call.params)}
        if not self.is_quiet:
            self.advance(self.chance.choice(PAGES_S))
            self.change(self.chance.choice((0, 1, 2)))
            if "since" in query and self.chance.random() < 0.05:
                return Reply(400, {}, b"{}", 1)
        return self._page(query)

    def _page(self, query: Mapping[str, str]) -> Reply:
        self._show()
        later = [each for each in self.records if each["id"] > query.get("after", "")]
        found = [each for each in later if each["at"] >= query.get("since", "")]
        body: dict[str, Any] = {"results": found[:PAGE]}
        if len(found) > PAGE:
            body["paging"] = {"next": {"after": found[PAGE - 1]["id"]}}
        return Reply(200, {"content-type": "application/json"}, json.dumps(body).encode(), 1, 1)

    def _show(self) -> None:
        """Let what is due be seen; of two changes of a record the later one stays."""
        for shown in [each for each in self.unseen if each[0] <= self.now()]:
            self.unseen.remove(shown)
            _, number, content = shown
            if content["n"] > self.records[number]["n"]:
                self.records[number] = content


def made(number: int, version: int, at_epoch_s: float) -> Mapping[str, Any]:
    at = clock.iso(int(at_epoch_s))
    return {"id": f"c{number:05}", "name": f"Name {number} v{version}", "n": version, "at": at}


def incremental(**changes: Any) -> dict[str, Any]:
    raw = definition()
    words = {"field": "$.at", "param": "since", **changes}
    return {**raw, "endpoints": [{**raw["endpoints"][0], "incremental": words}]}


def lost(hub: Hub, seed: int, worker: type[Worker] = Worker, **changes: Any) -> tuple[int, list[str]]:
    """Sync again and again while the records change, then once in peace.

    Return how many records are not as the provider has them, and the kinds of the jobs.
    """
    chance = random.Random(seed)
    provider = Living([], chance=chance, behind_s=chance.uniform(0, MOST_BEHIND_S))
    runs = Runs(hub, provider, worker)
    provider.now = lambda: runs.now_s
    provider.advance = lambda seconds: setattr(runs, "now_s", runs.now_s + seconds)
    clock.use(provider.now)
    provider.records = [made(number, 0, runs.now_s - 20 * OVERLAP_S) for number in range(RECORDS)]
    jobs = [runs.work_until_it_ends(runs.start(incremental(**changes)))]
    for number in range(ROUNDS):
        provider.advance(chance.choice((1, 60, 1000)))
        for _ in range(6):
            provider.change(1)
            provider.advance(chance.uniform(0, 20))
        if number == ROUNDS - 1:
            provider.is_quiet = True
            provider.advance(MOST_DELAY_S)
        jobs.append(runs.work_until_it_ends(runs.again(jobs[0]["integrationId"])))
    assert jobs[-1]["status"] == "COMPLETED"
    stored = {name: json.loads(item["content"])["n"] for name, item in runs.documents().items()}
    missed = [record for record in provider.records if stored.get(record["id"]) != record["n"]]
    return len(missed), [f"{job['jobType']} {job['status']}" for job in jobs]


def test_no_change_is_missed_whenever_it_happens(cloud: Cloud) -> None:
    kinds: list[str] = []
    for seed in SEEDS:
        missed, ended = lost(Hub(cloud, f"living-{seed}"), seed)
        kinds += ended

        assert missed == 0, seed

    assert {"FULL_SYNC COMPLETED", "INCREMENTAL COMPLETED", "INCREMENTAL FAILED"} <= set(kinds)
    assert kinds.count("INCREMENTAL COMPLETED") >= len(kinds) // 2


def loses(cloud: Cloud, name: str, worker: type[Worker] = Worker, **changes: Any) -> bool:
    """Say whether one of the runs misses a change; the rest is left out then."""
    return any(lost(Hub(cloud, f"{name}-{seed}"), seed, worker, **changes)[0] for seed in SEEDS)


def test_mutant_without_overlap_loses_changes(cloud: Cloud) -> None:
    assert loses(cloud, "no-overlap", overlapSeconds=0)


class RemembersFailures(Worker):
    """Mutant: a sync that failed leaves its watermark too."""

    def end(self, held: Any, status: str, progress: Any, noted: Any, *more: Any) -> None:
        if status == "FAILED":
            table, page = (
                self.resources.tables.activity,
                SimpleNamespace(status=400, stop_reason="failed", validators=None),
            )
            kept = increments.left(held.job, page, {"watermark": held.job.get("watermark")})  # type: ignore[arg-type]
            more = (*more, state_after(table, held.job, page, State(table, held.job), kept))  # type: ignore[arg-type]
        super().end(held, status, progress, noted, *more)


def test_mutant_that_remembers_failed_syncs_loses_changes(cloud: Cloud) -> None:
    assert loses(cloud, "failures", RemembersFailures)


def test_mutant_that_trusts_every_time_it_sees_loses_changes(cloud: Cloud, monkeypatch: pytest.MonkeyPatch) -> None:
    """What changed on a page that was read already is older than what a later page holds."""
    monkeypatch.setattr(increments, "began_s", lambda _: 4e9)

    assert loses(cloud, "no-beginning")
