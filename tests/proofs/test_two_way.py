"""Two sides that people edit at the same time end up the same, nothing is written for nothing, and no edit is lost."""

import os
from collections.abc import Iterator
from dataclasses import dataclass
from random import Random
from typing import Any

import pytest

from hub.core import clock
from hub.sync.push import sending
from hub.sync.two_way import merge as merging
from hub.sync.two_way import two_way
from tests.proofs.crm_world import FIELDS, Crm, World

RULES = ("local", "remote")
# `make proofs` plays 200 stories, the suite 60.
SEEDS = int(os.environ.get("HUB_PROOF_SEEDS", "16"))
ROUNDS = 5


@pytest.fixture(autouse=True)
def real_clock() -> Iterator[None]:
    yield
    clock.use(None)


@dataclass(frozen=True)
class Edit:
    """What one person entered into one field, before which run, and on which side ("" = in the documents)."""

    run: int
    side: str
    email: str
    field: str
    value: str


class People:
    """They add, edit and delete contacts on every side; the same seed makes them do the same."""

    def __init__(self, world: World, chance: Random) -> None:
        self.world, self.chance, self.number = world, chance, 0
        self.hectic = 0.0
        self.edits: list[Edit] = []

    def begin(self) -> None:
        for _ in range(self.chance.randint(2, 6)):
            for crm in self.world.crms.values():
                crm.create(**self._contact())
            self.world.create(**self._contact())

    def act(self) -> None:
        """Do one thing somewhere."""
        self.world.now_s += self.chance.uniform(0.001, 3)
        somewhere = self.chance.choice([None, *self.world.crms.values()])
        if somewhere is None:
            self._act_here()
        else:
            self._act_at(somewhere)

    def come_between(self) -> None:
        """Do something while a sync is at work, or not."""
        self.world.now_s += 0.01
        if self.chance.random() < self.hectic:
            self.act()

    def _contact(self) -> dict[str, str]:
        self.number += 1
        return {"email": f"c{self.number}@example.com", **{name: self._word() for name in FIELDS}}

    def _word(self) -> str:
        self.number += 1
        return f"w{self.number}"

    def _act_here(self) -> None:
        ids = sorted(self.world.documents())
        kind = self._kind(ids)
        if kind == "create":
            self.world.create(**self._contact())
        elif kind == "delete":
            self.world.delete(self.chance.choice(ids))
        else:
            name, field, word = self.chance.choice(ids), self.chance.choice(FIELDS), self._word()
            self._note("", self.world.content(name)["email"], field, word)
            self.world.edit(name, **{field: word})

    def _act_at(self, crm: Crm) -> None:
        ids = sorted(crm.records)
        kind = self._kind(ids)
        if kind == "create":
            crm.create(**self._contact())
        elif kind == "delete":
            crm.delete(self.chance.choice(ids))
        else:
            name, field, word = self.chance.choice(ids), self.chance.choice(FIELDS), self._word()
            self._note(crm.name, crm.records[name]["email"], field, word)
            crm.edit(name, **{field: word})

    def _note(self, *edit: str) -> None:
        self.edits.append(Edit(len(self.world.jobs), *edit))

    def wanted(self) -> dict[tuple[str, str], str]:
        """Return what each field must be in the end: the last edit, of two sides in one run that of the rule's side."""
        rule = self.world.agreed["conflictResolution"]
        rank = {
            edit: (edit.run, (edit.side == "") == (rule == "local"), place) for place, edit in enumerate(self.edits)
        }
        return {(edit.email, edit.field): edit.value for edit in sorted(self.edits, key=rank.__getitem__)}

    def _kind(self, ids: list[str]) -> str:
        if not ids:
            return "create"
        return self.chance.choices(("edit", "create", "delete"), (8, 1, 1))[0]


def lived(seed: int, crms: int = 1, **agreed: Any) -> World:
    """Return a world after some days of work and syncs, and then of syncs alone."""
    return days(seed, crms, **agreed)[0]


def days(seed: int, crms: int = 1, hectic: tuple[float, ...] = (0.0, 0.1, 0.4), **agreed: Any) -> tuple[World, People]:
    """Return the world of `lived` and its people; `hectic` is how likely somebody comes between two calls of a sync."""
    chance = Random(seed)
    world = World(seed, crms, **{"conflictResolution": chance.choice(RULES), **agreed})
    people = People(world, chance)
    people.begin()
    for crm in world.crms.values():
        crm.people = people.come_between
    people.hectic = chance.choice(hectic)
    for _ in range(ROUNDS):
        for _ in range(chance.randint(0, 6)):
            people.act()
        run(world, chance.choice(sorted(world.crms)), chance.choice(("FULL_SYNC", "INCREMENTAL")))
    people.hectic = 0.0
    settle(world)
    return world, people


def settle(world: World) -> None:
    """Sync until everybody has heard of everything: once each, and once more for each that came before another."""
    for _ in range(2):
        for name in sorted(world.crms):
            run(world, name)


def run(world: World, name: str, job_type: str = "FULL_SYNC") -> None:
    job = world.sync(name, job_type)
    counters = job["counters"]
    assert job["status"] == "COMPLETED", job["errors"]
    assert not job.get("fuse")
    assert counters["rejected"] == 0, job["errors"]
    assert counters["read"] == sum(count for name, count in counters.items() if name != "read")


def converged(world: World) -> bool:
    return all(crm.contents() == world.contents() for crm in world.crms.values())


def echoes(world: World) -> int:
    """Return what a further round of syncs writes."""
    before = world.writes
    for name in sorted(world.crms):
        run(world, name)
    return world.writes - before


def lost(world: World, people: People) -> list[tuple[str, str]]:
    """Return the fields, of contacts that live, whose last edit is not there."""
    found = world.contents()
    return [
        (email, field)
        for (email, field), value in people.wanted().items()
        if found.get(email, {}).get(field, value) != value
    ]


@pytest.mark.parametrize("part", range(4))
def test_crm_and_documents_converge_without_echoes(part: int) -> None:
    for seed in range(part, SEEDS, 4):
        world = lived(seed)

        assert converged(world), seed
        assert echoes(world) == 0, seed
        assert world.writes <= world.all_edits + world.conflicts, seed


@pytest.mark.parametrize("part", range(4))
def test_two_crms_that_meet_in_the_same_documents_converge(part: int) -> None:
    """What is edited at one comes to the documents and to the other: two writes at the most for each edit."""
    for seed in range(part, SEEDS, 4):
        world = lived(seed, crms=2)

        assert converged(world), seed
        assert echoes(world) == 0, seed
        assert world.writes <= 2 * (world.all_edits + world.conflicts), seed


def test_no_edit_is_lost_but_to_the_rule() -> None:
    """Edits between two runs: one side's stands, of two in the same field that of the side that the rule names."""
    for seed in range(SEEDS):
        world, people = days(seed, hectic=(0.0,))

        assert lost(world, people) == [], seed


def test_conflicts_that_nobody_decides_stay_until_somebody_does() -> None:
    """Both sides keep their own meanwhile, and a run more raises nothing anew; decided, all converges."""
    raised = 0
    for seed in range(60):
        world, _ = days(seed, hectic=(0.0,), conflictResolution="manual")
        waiting = world.open_conflicts()
        raised += len(waiting)
        assert echoes(world) == 0, seed
        assert [each["version"] for each in world.open_conflicts()] == [each["version"] for each in waiting], seed

        for conflict in waiting:
            world.decide(conflict, world.chance.choice(("local", "remote")))
        settle(world)

        assert world.open_conflicts() == [], seed
        assert converged(world), seed
        assert echoes(world) == 0, seed
    assert raised > 15


def busy(plan: tuple[int, str] | None = None) -> tuple[World, Any]:
    """Return a world and its job of one sync with everything in it, whose worker dies at one step."""
    world = World(7, conflictResolution="manual")
    world.crms["a"].repeats = 0.0  # a page that is read again is the same
    people = People(world, Random(7))
    people.begin()
    run(world, "a")
    crm, here = world.crms["a"], sorted(world.documents())
    both, theirs, ours, gone, ended = here[:5]
    ids = {record["email"]: name for name, record in crm.records.items()}
    there = {name: ids[world.content(name)["email"]] for name in here}
    world.edit(both, name="here")
    crm.edit(there[both], name="there", phone="1")
    crm.edit(there[theirs], city="there")
    world.edit(ours, city="here")
    crm.delete(there[gone])
    world.delete(ended)
    people.begin()
    world.cloud.line.number, world.cloud.line.plan = 0, plan
    return world, world.sync("a")


@pytest.mark.parametrize("side", ["before", "after"])
def test_sync_of_both_ways_ends_exact_when_its_worker_dies_at_any_step(side: str) -> None:
    world, job = busy()
    steps = world.cloud.line.number
    assert (job["counters"]["deleted"], job["conflicts"], job["errors"]) == (2, 1, [])

    for step in range(1, steps + 1):
        killed, ended = busy((step, side))

        assert sum(killed.cloud.line.kills.values()) == 1
        assert (ended["status"], ended["counters"], ended["conflicts"]) == ("COMPLETED", job["counters"], 1), step
        assert killed.contents() == world.contents(), step
        assert killed.crms["a"].contents() == world.crms["a"].contents(), step
        assert len(killed.open_conflicts()) == 1, step
    assert steps > 40


# Mutants


@pytest.fixture
def no_base(monkeypatch: pytest.MonkeyPatch) -> None:
    """Mutant: the two sides are compared with each other alone."""
    merge = merging.merge
    monkeypatch.setattr(two_way, "merge", lambda _, local, remote, rules: merge({}, local, remote, rules))


@pytest.mark.usefixtures("no_base")
def test_mutant_without_a_base_loses_edits() -> None:
    losses = 0
    for seed in range(10):
        world, people = days(seed, hectic=(0.0,))
        losses += len(lost(world, people)) + (not converged(world))

    assert losses > 0


@pytest.fixture
def no_ledger(monkeypatch: pytest.MonkeyPatch) -> None:
    """Mutant: whatever has changed here is sent, also what has just come in."""
    decide = sending.Decider._of_document

    def of_document(self: Any, found: Any, content: Any, position: str) -> Any:
        decided = decide(self, found, content, position)
        return self._whole(found, content) if decided.action == "none" else decided

    monkeypatch.setattr(sending.Decider, "_of_document", of_document)


@pytest.mark.usefixtures("no_ledger")
def test_mutant_without_a_ledger_writes_echoes() -> None:
    excess = 0
    for seed in range(10):
        world = lived(seed)
        excess += max(0, world.writes - world.all_edits - world.conflicts)

    assert excess > 0
