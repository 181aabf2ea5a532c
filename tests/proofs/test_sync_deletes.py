"""Deletions of a full sync are exact wherever a worker dies, and a source that ends too early loses nothing."""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any, ClassVar
from urllib.parse import parse_qsl, urlsplit

import pytest

from hub import documents
from hub.outbound.client import Call, Reply
from hub.sync.jobs import Claim
from hub.sync.pull import deletes, seen
from hub.sync.pull.deletes import Sweep
from hub.sync.pull.pull import Pull, Stored
from hub.sync.pull.state import State
from hub.sync.pull.stretches import Taken
from hub.sync.run import Worker
from hub.sync.working import Work, walk
from tests.api.conftest import Cloud, Hub
from tests.proofs.conftest import Killed, Killer, Provider, Runs, contacts, definition

RECORDS, PAGE, GONE = 12, 4, (1, 5, 11)
LEFT = RECORDS - len(GONE)
EXACT = {"read": RECORDS, "created": 0, "updated": 0, "unchanged": LEFT, "rejected": 0, "deleted": len(GONE)}
WISHES = {"fresh": True, "deletes": "tombstone"}


def with_gone(cloud: Cloud, name: str, worker: type[Worker] = Worker, **wishes: Any) -> tuple[Runs, str]:
    """Return a job, not begun, of a tenant whose source has lost three of the twelve records that are stored."""
    runs = Runs(Hub(cloud, name), Provider(contacts(RECORDS), PAGE), worker)
    first = runs.work_until_it_ends(runs.start(definition()))
    runs.provider.records = [record for number, record in enumerate(contacts(RECORDS)) if number not in GONE]
    return runs, runs.again(first["integrationId"], **WISHES, **wishes)


def alive(runs: Runs) -> set[str]:
    return {name for name, item in runs.documents().items() if documents.exists(item)}


def present(runs: Runs) -> set[str]:
    return {str(record["id"]) for record in runs.provider.records}


def ended_after_kill(runs: Runs, job_id: str, killer: Killer, step: int, *, after_effect: bool) -> dict[str, Any]:
    killer.arm(step, after_effect=after_effect)
    with pytest.raises(Killed):
        runs.work(job_id)
    killer.arm(0, after_effect=False)
    return runs.work_until_it_ends(job_id)


def steps_of(cloud: Cloud, killer: Killer, name: str, **wishes: Any) -> int:
    runs, job_id = with_gone(cloud, name, **wishes)
    killer.seen = 0
    runs.work(job_id)
    steps = killer.seen
    assert runs.job(job_id)["counters"] == EXACT
    return steps


@pytest.mark.parametrize(
    ("after_effect", "history"), [(False, False), (True, False), (True, True)], ids=["before", "after", "with versions"]
)
def test_deletions_are_exact_when_a_worker_dies_at_any_step(
    cloud: Cloud, killer: Killer, after_effect: bool, history: bool
) -> None:
    name = f"deletes-{after_effect}-{history}"
    steps = steps_of(cloud, killer, f"{name}-probe", history=history)

    for step in range(1, steps + 1):
        runs, job_id = with_gone(cloud, f"{name}-{step}", history=history)
        job = ended_after_kill(runs, job_id, killer, step, after_effect=after_effect)

        assert (job["status"], job["counters"]) == ("COMPLETED", EXACT), step
        assert alive(runs) == present(runs), step
        proof = runs.hub.get(f"/api/v1/sync-jobs/{job_id}/proof").body
        assert proof["balanced"], (step, proof)

    assert killer.struck == steps
    assert steps > 15


# ---------------------------------------------------------------- sources that end too early

BIG, BIG_PAGE = 84, 12
TYPED = {"content-type": "application/json"}


@dataclass
class Cut(Provider):
    """A source whose page of this number is not what it should be."""

    at: int = 0
    answer: Callable[[Mapping[str, Any]], Reply] = lambda _: Reply(500, TYPED, b"{}", 1, 1)

    def send(self, call: Call, *, timeout_s: float) -> Reply:
        reply = super().send(call, timeout_s=timeout_s)
        query = {**dict(parse_qsl(urlsplit(call.url).query)), **dict(call.params)}
        page = int(query.get("after", 0)) // self.page_size + 1
        return self.answer(json.loads(reply.body)) if page == self.at else reply


def _page(**changed: Any) -> Callable[[Mapping[str, Any]], Reply]:
    return lambda body: Reply(200, TYPED, json.dumps({**body, **changed}).encode(), 1, 1)


CUTS: dict[str, Callable[[Mapping[str, Any]], Reply]] = {
    "ends after this page": _page(paging={}),
    "empty page": _page(results=[], paging={}),
    "401": lambda _: Reply(401, TYPED, b"{}", 1, 1),
    "half a page": lambda body: Reply(200, TYPED, json.dumps(body).encode()[:-40], 1, 1),
    "cursor repeated": _page(paging={"next": {"after": str(BIG_PAGE)}}),
}


def cut_at(cloud: Cloud, name: str, page: int, cut: str, worker: type[Worker] = Worker) -> tuple[Runs, dict[str, Any]]:
    runs = Runs(Hub(cloud, name), Cut(contacts(BIG), BIG_PAGE), worker)
    first = runs.work_until_it_ends(runs.start(definition()))
    runs.provider = Cut(contacts(BIG), BIG_PAGE, at=page, answer=CUTS[cut])
    return runs, runs.work_until_it_ends(runs.again(first["integrationId"], **WISHES))


@pytest.mark.parametrize("cut", CUTS)
def test_source_that_is_cut_at_any_page_deletes_nothing(cloud: Cloud, cut: str) -> None:
    for page in range(1, BIG // BIG_PAGE):
        runs, job = cut_at(cloud, f"cut-{cut.replace(' ', '-')}-{page}", page, cut)

        assert job["counters"]["deleted"] == 0, (page, job)
        assert len(alive(runs)) == BIG, page


# ---------------------------------------------------------------- mutants


def test_mutant_that_deletes_without_a_natural_end_loses_documents(
    cloud: Cloud, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The fuse alone does not save the last records of a list that the walk never reached."""
    limited = definition()
    pagination = {**limited["endpoints"][0]["pagination"], "maxPages": 2}
    limited = {**limited, "endpoints": [{**limited["endpoints"][0], "pagination": pagination}]}

    def lost(name: str) -> int:
        """Return how many documents go whose records were pushed behind the last page that is read."""
        runs = Runs(Hub(cloud, name), Provider(contacts(20), 10))
        first = runs.work_until_it_ends(runs.start(limited))
        runs.provider.records = [{"id": f"a{number}", "name": "New", "n": "1"} for number in range(10)]
        runs.provider.records += contacts(20)
        runs.work_until_it_ends(runs.again(first["integrationId"], **WISHES))
        return len(present(runs) - alive(runs))

    assert lost("natural") == 0
    monkeypatch.setattr(seen, "reason_against", lambda *_: None)
    assert lost("unnatural") > 0


class Hasty(Pull):
    def _last(self, held: Claim, taken: Taken, stored: Stored, state: State) -> Claim | None:
        job = {**held.job, **stored.progress}
        early = replace(held, job={**job, **seen.begun(job)})
        sweep = Sweep(self.work, early)
        counted = sweep.step(early)
        sweep.step(replace(early, job={**early.job, **counted.progress}))
        return super()._last(held, taken, stored, state)


class DeletesEarly(Worker):
    """Mutant: what is gone is deleted before the last page's ids are recorded."""

    phases: ClassVar[Any] = {**Worker.phases, "pull": lambda work, held: Hasty(work).run(held)}


def test_mutant_that_deletes_before_the_last_checkpoint_loses_documents(cloud: Cloud) -> None:
    """The records of the last page seem to be gone."""
    runs, job_id = with_gone(cloud, "hasty", DeletesEarly)
    runs.work_until_it_ends(job_id)

    assert alive(runs) < present(runs)


class Nameless(Sweep):
    def _step_name(self, held: Claim) -> documents.Step:
        return replace(super()._step_name(held), name=f"{held.job['sk']}#{held.job['fence']}")


def forgetful(work: Work, held: Claim) -> Claim | None:
    return walk(work, held, Nameless(work, held).step)


class ForgetsItsDeletions(Worker):
    """Mutant: a tombstone does not remember which run made it, so a repeated page does not count it."""

    phases: ClassVar[Any] = {**Worker.phases, "delete": forgetful}


def test_mutant_that_forgets_its_deletions_miscounts(cloud: Cloud, killer: Killer) -> None:
    steps = steps_of(cloud, killer, "forgets-probe")
    found = set()
    for step in range(steps - 6, steps):
        runs, job_id = with_gone(cloud, f"forgets-{step}", ForgetsItsDeletions)
        job = ended_after_kill(runs, job_id, killer, step, after_effect=True)
        found.add(job["counters"]["deleted"])

    assert found != {len(GONE)}


def test_fuse_of_a_run_that_read_nothing_never_lets_go() -> None:
    assert deletes.is_blown(found=5, missing=1, read=0)
    assert not deletes.is_blown(found=5, missing=1, read=4)
    assert not deletes.is_blown(found=1000, missing=50, read=950)
    assert deletes.is_blown(found=1000, missing=51, read=949)
    assert not deletes.is_blown(found=1000, missing=51, read=949, approved=51)
