"""An accepted webhook is processed and has one effect, whatever dies, is lost, comes twice, early or never."""

import json
from collections.abc import Iterator, Mapping
from typing import Any

import pytest

from hub.core import clock
from hub.webhooks.inbound import store
from hub.webhooks.inbound.inbound import Claim, Ended
from hub.webhooks.inbound.inbound_work import Worker
from tests.proofs.inbound_world import Crew, InboundWorld
from tests.proofs.memory_cloud import Trouble

ROUGH = Trouble(kill=0.02, lost_answer=0.05, conflict=0.02, lost_message=0.1, twice=0.1, early=0.1)
CALM = Trouble()
CONTACTS = 40


@pytest.fixture(autouse=True)
def real_clock() -> Iterator[None]:
    yield
    clock.use(None)


def change(number: int, contact: int, version: int) -> dict[str, Any]:
    """Return one event: in turns puts, merges and deletions of one contact."""
    kind = ("put", "merge", "delete")[version % 3]
    data = {"id": f"c{contact}", "name": f"v{version}"}
    return {"type": kind, "version": version, "number": number, "data": data}


def world_of(count: int, seed: int, trouble: Trouble, crew: Crew | None = None) -> InboundWorld:
    """Accept events of random contacts and versions, a tenth of them without a hint, and let all be worked on."""
    world = InboundWorld(seed, trouble, crew)
    chance = world.turns.chance
    for number in range(count):
        event = change(number, chance.randrange(CONTACTS), chance.randrange(1_000_000))
        world.accept(event, is_hinted=chance.random() < 0.9)
    return world.run()


def crowded(seed: int) -> InboundWorld:
    """Let twelve workers, each with a batch, be at twelve versions of the same ten contacts at the same time."""
    world = InboundWorld(seed, CALM, Crew(workers=12))
    for number in range(120):
        world.accept(change(number, number % 10, number // 10))
    return world.run()


def newest(world: InboundWorld) -> dict[str, int]:
    """Return the highest version of each contact that was accepted."""
    found: dict[str, int] = {}
    for event in world.events():
        body = json.loads(event["body"])
        found[body["data"]["id"]] = max(found.get(body["data"]["id"], 0), body["version"])
    return found


def wrong(world: InboundWorld) -> list[str]:
    """Return the contacts that do not end as their newest event says."""
    documents = world.documents()
    return [contact for contact, version in newest(world).items() if not ends_as(documents[contact], version)]


def ends_as(document: Mapping[str, Any], version: int) -> bool:
    if version % 3 == 2:
        return "deletedAt" in document
    return "content" in document and json.loads(document["content"]) == {"name": f"v{version}"}


def states(world: InboundWorld) -> set[str]:
    return {event["state"] for event in world.events()}


@pytest.mark.parametrize("seed", range(4))
def test_1000_events_in_any_order_and_under_kills_end_as_once(seed: int) -> None:
    world = world_of(1000, seed, ROUGH)

    assert world.broke == []
    assert states(world) == {"processed"}
    assert wrong(world) == []
    assert world.counts() == {"received": 1000, "processed": 1000}
    assert len(world.told()) == 1000
    assert sum(world.cloud.line.kills.values()) > 50
    assert world.cloud.sqs.dead == []


def test_without_trouble_nothing_is_done_twice() -> None:
    """The control: kills and lost answers are what makes work repeat."""
    world = world_of(300, 7, CALM)

    calls = world.cloud.line.calls
    assert wrong(world) == []
    # The event and its counter; a transaction that met another worker's was done again.
    assert 300 <= calls["dynamodb.TransactWriteItems"] < 330


class EndsFirst(Worker):
    """Mutant: says that it is done, and then does it."""

    def _route(self, held: Claim) -> None:
        self._end(held, Ended("processed"))
        super()._route(held)


def test_mutant_that_ends_before_it_acts_loses_events() -> None:
    world = world_of(600, 3, Trouble(kill=0.05), Crew(worker_class=EndsFirst))

    assert len(world.told()) < 600 or wrong(world)


def test_mutant_without_a_sweeper_loses_events() -> None:
    world = world_of(600, 3, ROUGH, Crew(has_sweeper=False))

    assert states(world) > {"processed"}


def test_mutant_whose_guard_is_no_condition_overwrites(monkeypatch: pytest.MonkeyPatch) -> None:
    """It reads the version and decides by it, and another worker writes in between."""
    monkeypatch.setattr(store, "_as_read", lambda _: ("", {}))

    assert any(wrong(crowded(seed)) for seed in range(6))


def test_many_workers_at_few_documents_end_right() -> None:
    """The control of the mutant above, with the condition."""
    assert not any(wrong(crowded(seed)) for seed in range(6))
