"""A worker that dies at any call of AWS leaves an event that is done again, with the effect of once."""

import json
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import pytest

from hub.core import clock, due
from hub.core.caller import Tenant
from hub.core.resources import resources
from hub.core.tables import partition
from hub.webhooks.inbound.inbound import LEASE_S, Claim, Ended
from hub.webhooks.inbound.inbound_work import Worker
from tests.api.conftest import Cloud, Hub, make_integration
from tests.api.inbound_work import CREATED, DELETED, UPDATED, Inbound, contact
from tests.api.receiving import make_custom
from tests.proofs.conftest import Killed, Killer

GUARD = {"versionPath": "$.data.n"}
ANY = {"eventTypePath": "$.event_type", "eventTypeValue": "contact.*"}
# Every action at once: plain and guarded documents, an event of the tenant's own, and a sync.
ROUTING = [
    CREATED,
    {**UPDATED, **GUARD, "targetShardTypeId": "guarded"},
    {**DELETED, "eventTypeValue": "contact.updated", "targetShardTypeId": "former"},
    {**ANY, "action": "custom"},
    {**ANY, "action": "trigger_sync"},
]
BODY = [contact("created", "c1", name="Ada", n=1), contact("updated", "c2", name="Bob", n=2)]
Effects = Mapping[str, Any]


@dataclass
class Scene:
    """One tenant with one accepted event, and workers that take it one lease after the other."""

    hub: Hub
    worker_class: type[Worker] = Worker

    def __post_init__(self) -> None:
        self.hub.cloud.forget()
        self.now_s = clock.epoch_s()
        integration = self.hub.post("/api/v1/custom-integrations", make_integration()).body["id"]
        former = self.hub.call("PUT", "/api/v1/documents/former/c2", {"content": {"name": "x"}})
        assert former.status == 201
        posted = make_custom(self.hub, integration, routing=ROUTING, targetService="billing")
        self.events = Inbound(posted, self.worker_class)
        self.event_id = self.events.accept(BODY)

    def work(self) -> None:
        self.events.work(self.event_id)

    def recover(self) -> None:
        """Let time pass, and workers take what the sweeper would find, until nothing is overdue."""
        for _ in range(10):
            self.now_s += LEASE_S + due.GRACE_S + 600
            clock.use(lambda: self.now_s)
            if not any(True for _ in due.overdue(resources().tables.activity, due.INBOUND, self.now_s)):
                return
            self.work()
        raise AssertionError("the event is still open")

    def effects(self) -> Effects:
        """Return all that the event has led to."""
        event = self.events.event(self.event_id)
        return {
            "state": event["state"],
            "documents": [each for kind in ("c_contact", "guarded", "former") for each in self._documents(kind)],
            "counters": self.events.counts(),
            "events": Counter((told["type"], told["source"]) for told in self.events.told()),
            "jobs": len(self._activity("job")),
            "outcomes": json.loads(event["results"] or "{}").get("counts"),
        }

    def _documents(self, kind: str) -> list[tuple[Any, ...]]:
        names = ("sk", "content", "version", "sourceVersion", "hash", "origin")
        return [tuple(item.get(name) for name in names) for item in self._without_tenant(self.hub.documents(kind))]

    def _without_tenant(self, items: list[dict[str, Any]]) -> list[dict[str, Any]]:
        return [{**item, "origin": item["origin"].partition(":")[0]} for item in items]

    def _activity(self, kind: str) -> list[Any]:
        pk = partition(Tenant(self.hub.tenant), kind)
        return list(resources().tables.activity.query_all("pk = :pk", {"pk": pk}))


def undisturbed(cloud: Cloud, killer: Killer, tenant: str) -> tuple[Effects, int]:
    """Return what one run leads to, and how many calls it makes."""
    scene = Scene(Hub(cloud, tenant))
    killer.arm(0, after_effect=False)
    scene.work()
    steps = killer.seen
    return scene.effects(), steps


def killed_at(scene: Scene, killer: Killer, step: int, *, after_effect: bool) -> Effects:
    killer.arm(step, after_effect=after_effect)
    with pytest.raises(Killed):
        scene.work()
    killer.arm(0, after_effect=False)
    scene.recover()
    return scene.effects()


@pytest.mark.parametrize("after_effect", [False, True], ids=["before", "after"])
def test_event_has_the_effect_of_once_when_its_worker_dies_at_any_step(
    cloud: Cloud, killer: Killer, after_effect: bool
) -> None:
    once, steps = undisturbed(cloud, killer, f"once-{after_effect}")

    for step in range(1, steps + 1):
        scene = Scene(Hub(cloud, f"in-{step}-{after_effect}"))
        assert killed_at(scene, killer, step, after_effect=after_effect) == once, step

    assert killer.struck == steps
    assert once["counters"] == {"received": 1, "processed": 1}
    assert once["events"] == {
        ("integration.created", "hub"): 1,  # the one whose sync is started
        ("contact.created", "hub"): 1,
        ("contact.updated", "hub"): 1,
        ("webhook.received", "hub"): 1,
        ("sync.started", "hub"): 1,
    }
    assert (once["jobs"], once["state"], steps >= 15) == (1, "processed", True)


class EndsFirst(Worker):
    """Mutant: says that it is done, and then does it."""

    def _route(self, held: Claim) -> None:
        self._end(held, Ended("processed"))
        super()._route(held)


def test_mutant_that_ends_first_loses_what_it_had_to_do(cloud: Cloud, killer: Killer) -> None:
    once, _ = undisturbed(cloud, killer, "once-mutant")
    lost = [
        killed_at(Scene(Hub(cloud, f"ends-{step}"), EndsFirst), killer, step, after_effect=False)["documents"]
        for step in range(3, 6)
    ]

    assert all(documents != once["documents"] for documents in lost)


class StartsAnew(Worker):
    """Mutant: what it makes has another name in every run."""

    def _route(self, held: Claim) -> None:
        super()._route(Claim({**held.event, "replays": held.attempt}, held.me))


def test_mutant_without_stable_names_starts_two_syncs(cloud: Cloud, killer: Killer) -> None:
    """The lock of the sync keeps the second one out; the event then tells of none, or counts what it did not do."""
    once, steps = undisturbed(cloud, killer, "once-names")
    seen = [
        killed_at(Scene(Hub(cloud, f"names-{step}"), StartsAnew), killer, step, after_effect=True)["outcomes"]
        for step in range(4, steps - 2)
    ]

    assert any(outcomes != once["outcomes"] for outcomes in seen)
