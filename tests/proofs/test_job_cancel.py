"""A cancellation takes effect within one page, whenever it comes: not a document of a further page is written."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest

from hub import documents
from hub.core.attributes import Item
from hub.core.errors import Conflict
from hub.core.tables import Tables, Update
from hub.sync import jobs
from hub.sync.jobs import Claim
from tests.proofs.job_world import MIRRORED, PLENTY_MS, Interrupted, JobWorld, Json, Source, connector, worlds

__all__ = ["worlds"]

Make = Callable[..., JobWorld]
RECORDS, PAGE = 40, 8


@dataclass
class Cancelled:
    """A job of changes, and what there was when it was cancelled; None where it had ended before."""

    world: JobWorld
    job: Item
    found: dict[str, Item] | None = None
    moments: int = 0

    def cancel(self) -> None:
        try:
            self.world.ask(lambda change: jobs.cancel(change, self.world.job(self.job)))
        except Conflict:
            return
        self.found = self.world.documents()

    def written_since(self) -> list[Item]:
        assert self.found is not None
        found, now = self.found, self.world.documents()
        return [item for name, item in now.items() if item != found.get(name)]


def records(version: int = 0) -> list[Json]:
    return [{"id": f"c{number:03}", "name": f"Name v{version}", "n": str(number)} for number in range(RECORDS)]


def later() -> list[Json]:
    """Return the list with something changed on each page but the third, one record spoilt, and three gone."""
    fresh = records(version=1)
    found = [fresh[n] if n % 3 == 0 and n // PAGE != 2 else each for n, each in enumerate(records())]
    found[6] = {**found[6], "n": "many"}
    return [*found[:-3], {"id": "d001", "name": "New", "n": "1"}]


def cancelled_at(world: JobWorld, moment: int, pages: int) -> Cancelled:
    """Mirror the list, let it change, and cancel the second run at this moment; it is handed on after some pages."""
    source = Source(records(), PAGE)
    integration_id = world.connect(source.answer, connector("crm"))
    world.ended(world.order(integration_id, **MIRRORED))
    world.turns.now_s += 60
    source.records = later()
    found = Cancelled(world, world.order(integration_id, **MIRRORED))
    plain = world.cloud.line.turns
    world.cloud.line.turns = interrupted = Interrupted(moment, found.cancel)
    while world.job(found.job)["status"] in jobs.OPEN:
        left = iter([PLENTY_MS] * (pages - 1))
        world.work(found.job, lambda left=left: next(left, 0))  # type: ignore[misc]
        world.turns.now_s += 1
    world.cloud.line.turns = plain
    found.moments = interrupted.moments
    return found


def faults(found: Cancelled) -> list[str]:
    """Return what a cancellation has not kept to."""
    job, proof, now = found.world.job(found.job), found.world.proof(found.job), found.world.documents()
    own = [item for item in now.values() if str(item["touchedBy"]).startswith(f"{job['sk']}#")]
    gone = sum(not documents.exists(item) for item in own)
    written = {"written": len(own) - gone, "deleted": gone}
    counters = job["counters"]
    pages = {item["touchedBy"] for item in found.written_since()}
    looked = {
        f"status {job['status']}": job["status"] == "CANCELLED",
        f"pages written since: {sorted(pages)}": len(pages) <= 1,
        f"counted {counters}, stored {written}": written
        == {"written": counters["created"] + counters["updated"], "deleted": counters["deleted"]},
        f"proof {proof}": proof["balanced"] and proof["pages"]["agree"],
    }
    return [fault for fault, is_fine in looked.items() if not is_fine]


@pytest.mark.parametrize("pages", [2, RECORDS], ids=["handed on", "in one go"])
def test_cancellation_takes_effect_within_one_page_whenever_it_comes(worlds: Make, pages: int) -> None:
    moment, ends, written = 0, set[str](), 0
    while True:
        moment += 1
        found = cancelled_at(worlds(moment), moment, pages)
        ends.add(found.world.job(found.job)["status"])
        if found.found is None:
            break
        assert faults(found) == [], (moment, found.moments)
        written += bool(found.written_since())

    assert moment > 60
    assert 0 < written < moment
    assert ends == {"CANCELLED", "COMPLETED"}


@pytest.fixture
def never_looks(monkeypatch: pytest.MonkeyPatch) -> None:
    """Mutant: a worker does not see that its job was cancelled."""
    set_ = jobs._set

    def blind(tables: Tables, held: Claim, changed: Json, only_if: str, remove: str = "", **_: Any) -> Update:
        return set_(tables, held, changed, only_if.partition(" AND status")[0], remove)

    monkeypatch.setattr(jobs, "_set", blind)


@pytest.mark.usefixtures("never_looks")
def test_mutant_that_never_looks_goes_on(worlds: Make) -> None:
    found = [faults(cancelled_at(worlds(moment), moment, RECORDS)) for moment in range(20, 60, 10)]

    assert any("pages written since" in fault for each in found for fault in each), found
