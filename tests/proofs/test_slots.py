"""Every slot of a sync configuration has one job, however often, however late and by whom the schedulers look.

What is run is the hub's own scheduler on the memory cloud. The naive designs are kept as mutants that must be caught.
"""

from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import pytest

from hub.core import clock
from hub.core.attributes import Item
from hub.core.caller import Tenant
from hub.core.ids import new_id
from hub.core.journal import Change
from hub.core.tables import Update
from hub.sync.configs import scheduler
from hub.sync.configs.scheduler import Scheduler, in_turns
from hub.sync.configs.schedules import Turn
from tests.proofs.memory_cloud import Trouble
from tests.proofs.slot_world import EVERY_S, SlotWorld, faults

Make = Callable[..., SlotWorld]
TROUBLE = Trouble(kill=0.004, lost_answer=0.02, conflict=0.01, lost_message=0.05, twice=0.05, stall=0.002)
STALLS = Trouble(stall=0.05)
TENANTS, CONFIGS = 10, 5
TICK_S = 60.0


@pytest.fixture
def world() -> Iterator[Make]:
    made: list[SlotWorld] = []

    def make(seed: int = 1, **options: Any) -> SlotWorld:
        made.append(SlotWorld(seed, **options))
        return made[-1]

    yield make
    clock.use(None)
    for each in made:
        each.turns.close()


def live(found: SlotWorld, slots: int, per_tenant: int = CONFIGS, tenants: int = TENANTS) -> Counter[str]:
    """Let so many slots of every configuration pass, with ticks that are doubled, missed and late; return how many."""
    for number in range(tenants * per_tenant):
        found.configure(f"tenant-{number % tenants}", f"int_{number}")
    ticks: Counter[str] = Counter()
    ends_s = found.turns.now_s + slots * EVERY_S
    while found.turns.now_s < ends_s:
        kind = found.turns.chance.choices(["plain", "doubled", "missed", "late", "outage"], [60, 20, 12, 6, 2])[0]
        ticks[kind] += 1
        found.pass_time(TICK_S)
        if kind == "late":
            found.pass_time(found.turns.chance.uniform(1, EVERY_S))
        elif kind == "outage":
            found.pass_time(found.turns.chance.uniform(2, 8) * EVERY_S)
        if kind != "missed":
            found.tick(2 if kind == "doubled" else 1)
    found.cloud.line.trouble = Trouble()
    found.tick()
    found.tick()
    return ticks


def slots_of(found: SlotWorld) -> int:
    return sum(job["missedSlots"] + 1 for job in found.jobs())


@pytest.mark.full_size
def test_10_000_slots_have_one_job_each_whatever_happens_to_the_ticks(world: Make) -> None:
    found = world(seed=7, trouble=TROUBLE)

    ticks = live(found, slots=200)

    made = found.jobs()
    assert faults(found) == []
    assert slots_of(found) >= 9_900
    assert slots_of(found) + len(found.passed_over) >= 10_000
    assert len(found.passed_over) < 20
    assert len({job["sk"] for job in made}) == len(made)
    assert Counter(event["type"] for event in found.events()) == {"sync.started": len(made)}
    assert min(ticks[kind] for kind in ("doubled", "missed", "late", "outage")) > 0
    assert found.cloud.line.kills.total() > 100


def test_missed_slots_are_caught_up_with_by_one_job(world: Make) -> None:
    found = world()
    config = found.configure("acme", "int_1")
    found.pass_time(10 * EVERY_S + 40)

    found.tick()

    (job,) = found.jobs()
    assert (job["slot"], job["missedSlots"]) == (config["anchorAt"], 10)
    assert faults(found) == []


def test_scheduler_that_dies_at_any_call_has_made_a_slot_or_left_it_due(world: Make) -> None:
    for side in ("before", "after"):
        found = world()
        found.configure("acme", "int_1")
        found.pass_time(EVERY_S / 2)
        for step in range(1, 12):
            found.cloud.line.plan, found.cloud.line.number = (step, side), 0
            found.tick()
            found.cloud.line.plan = None
            found.tick()
            assert faults(found) == [], (side, step)
            found.pass_time(EVERY_S)
        assert found.cloud.line.kills.total() >= 8
        assert len(found.jobs()) == 11


class MovesFirst(Scheduler):
    """Mutant: the configuration is moved on by one write and the job put by another."""

    def _change(self, config: Item) -> Change:
        change = super()._change(config)
        keep = change.keep

        def in_two_writes() -> None:
            moved = [write for write in change._writes if write.table is change.tables.config]
            change.tables.write(*moved)
            change._writes = [write for write in change._writes if write not in moved]
            keep()

        change.keep = in_two_writes  # type: ignore[method-assign]
        return change


class AsksNobody(Scheduler):
    """Mutant: no condition on the slot, and a job id that is new each time."""

    def _moved(self, config: Item, turn: Turn, noted: dict[str, Any]) -> Update:
        return replace(
            super()._moved(config, turn, noted),
            only_if="",
            values={
                name: value
                for name, value in super()._moved(config, turn, noted).values.items()
                if name not in ("slot_read", "on")
            },
        )

    def _job(self, change: Change, config: Item, turn: Turn) -> Item:
        return {**super()._job(change, config, turn), "sk": new_id("job")}


class CatchesNothingUp(Scheduler):
    """Mutant: what was missed is forgotten."""

    def _job(self, change: Change, config: Item, turn: Turn) -> Item:
        return {**super()._job(change, config, turn), "missedSlots": 0}


def two_that_stand_still(found: SlotWorld) -> None:
    """Let two schedulers look at a time of which each stands still now and then, with what it has read in its hand."""
    for number in range(4):
        found.configure("acme", f"int_{number}")
    for _ in range(60):
        found.pass_time(TICK_S)
        found.tick(2)
    found.cloud.line.trouble = Trouble()
    found.tick()


def test_two_schedulers_that_stand_still_make_no_slot_twice(world: Make) -> None:
    found = world(seed=3, trouble=STALLS)

    two_that_stand_still(found)

    assert faults(found) == []
    assert found.cloud.line.stalls > 20


def test_mutant_without_a_condition_makes_slots_twice(world: Make) -> None:
    found = world(seed=3, trouble=STALLS)
    found.scheduler_class = AsksNobody

    two_that_stand_still(found)

    assert faults(found) != []


@pytest.mark.parametrize("mutant", [MovesFirst, CatchesNothingUp])
def test_mutant_loses_slots(world: Make, mutant: type[Scheduler]) -> None:
    """The harness sees the faults of the naive designs: otherwise its silence would prove nothing."""
    found = world(seed=7, trouble=TROUBLE)
    found.scheduler_class = mutant

    live(found, slots=60)

    assert faults(found) != []


# ---------------------------------------------------------------- fairness


class TakesTime(Scheduler):
    """A scheduler whose every slot takes 30 ms of the logical clock."""

    def _one(self, place: Item) -> str:
        self.resources.line.turns.now_s += 0.03  # type: ignore[attr-defined]
        return super()._one(place)


def crowd(found: SlotWorld) -> None:
    """Make a thousand configurations of one tenant due, and behind them one of each of 20 others."""
    found.scheduler_class = TakesTime
    for number in range(1000):
        found.configure("noisy", f"int_noisy_{number}")
    found.pass_time(5)
    for number in range(20):
        found.configure(f"quiet-{number}", f"int_quiet_{number}")
    found.pass_time(EVERY_S / 2)


def latest_quiet_s(found: SlotWorld, began_s: float) -> float:
    quiet = [job for job in found.jobs() if Tenant.of_item(job).id != "noisy"]
    assert len(quiet) == 20
    return max(clock.epoch_of(job["createdAt"]) for job in quiet) - began_s


def test_tenant_with_a_thousand_due_syncs_does_not_delay_the_others(world: Make) -> None:
    found = world()
    crowd(found)
    began_s = found.turns.now_s

    found.tick()

    assert latest_quiet_s(found, began_s) < 3
    assert len(found.jobs()) == 1020
    assert faults(found) == []


def test_mutant_that_takes_the_oldest_first_delays_the_others(world: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    found = world()
    crowd(found)
    began_s = found.turns.now_s
    monkeypatch.setattr(scheduler, "in_turns", iter)

    found.tick()

    assert latest_quiet_s(found, began_s) > 10


def test_tenants_take_turns_and_keep_their_own_order() -> None:
    due = [{"pk": f"{tenant}#sync-config", "sk": f"{tenant}{number}"} for tenant in "ab" for number in range(5)]

    assert [item["sk"] for item in in_turns(due, at_once=2)] == "a0 a1 b0 b1 a2 a3 b2 b3 a4 b4".split()
