"""Sync configurations on the memory cloud: schedulers that come doubled, late or not at all, and die; syncs that end.

What schedules is the hub's own code. A sync takes no time of its own here: whatever job there is ends before long.
"""

from collections.abc import Iterable
from contextlib import suppress
from typing import Any

from hub.core import clock, due, jsontext
from hub.core.answers import no_content
from hub.core.attributes import Item, decode_item
from hub.core.caller import Caller, Tenant
from hub.core.journal import Change
from hub.core.tables import CALL_FAILED, IS_NEW, Delete, Put, Tables, Update, key
from hub.integrations.catalog.seeding import seed
from hub.providers.provider_files import ProviderFile
from hub.sync import jobs
from hub.sync.configs import configs
from hub.sync.configs.scheduler import Scheduler
from tests.proofs.connection_world import PROVIDER
from tests.proofs.memory_cloud import MemoryCloud, Trouble
from tests.proofs.turns import Killed, Turns

Json = dict[str, Any]

KEEP_DAYS = 30
EVERY_S = 300
FAR_S = 10 * 86_400
SLUG = "proofs-list"
LIST: Json = {
    "id": "list",
    "name": "list",
    "method": "GET",
    "path": "/contacts",
    "operation": "list",
    "entity": "contact",
    "responseMapping": {"dataPath": "$.items", "identifierField": "$.id", "targetShardTypeId": "contact"},
}


def provider() -> ProviderFile:
    """Return a provider that needs no credentials and lists contacts."""
    connector = {**PROVIDER["connector"], "name": SLUG, "endpoints": [LIST]}
    methods = [{"kind": "none", "auth": {"type": "none"}, "fields": []}]
    return ProviderFile.model_validate(
        {**PROVIDER, "provider": SLUG, "name": SLUG, "connector": connector, "methods": methods}
    )


class SlotWorld:
    """Tenants with configurations, and schedulers that are killed; `seed_` gives the same order again."""

    scheduler_class: type[Scheduler] = Scheduler

    def __init__(self, seed_: int = 1, trouble: Trouble | None = None) -> None:
        self.turns = Turns(3, seed_)
        clock.use(lambda: self.turns.now_s)
        self.cloud = MemoryCloud(self.turns, trouble or Trouble())
        seed(self.tables, [provider()])
        self.looking = 0
        self.passed_over: set[tuple[str, str]] = set()

    @property
    def tables(self) -> Tables:
        return self.cloud.tables

    def configure(self, tenant: str, name: str, every_s: int = EVERY_S) -> Item:
        """Make an integration and the configuration that syncs it; it is due at once."""
        caller = Caller(Tenant(tenant), "u1", frozenset({"tenant_admin"}), frozenset())
        change = Change(self.tables, caller, "req_proofs", KEEP_DAYS)
        change.add(Put(self.tables.config, _integration(tenant, name), IS_NEW))
        made = configs.create(change, configs.Wanted(_fields(name), {"everyS": every_s}))
        change.commit(no_content())
        return made

    def tick(self, schedulers: int = 1) -> None:
        """Let so many schedulers look at the same moment, while syncs end."""
        self.looking = schedulers
        outcomes = self.turns.run([*[self._schedule] * schedulers, self._work])
        for outcome in outcomes:
            if isinstance(outcome, BaseException):
                raise outcome

    def pass_time(self, seconds: float) -> None:
        self.turns.now_s += seconds

    def _schedule(self) -> None:
        with self.cloud.line.invocation(lineage=1), suppress(Killed, *CALL_FAILED):
            self.scheduler_class(self.cloud, float("inf"), lambda: self.turns.now_s).run()
        self.looking -= 1

    def _work(self) -> None:
        """End what there is, again and again while a scheduler looks: one that stands still may take minutes."""
        while self.looking:
            self.turns.sleep(0.3)
            self._look()
        self._look()

    def _look(self) -> None:
        """End what there is, and note the slots that were passed over because a sync had not ended."""
        self.end_syncs()
        for item in self.cloud.memory[self.tables.config.name].items.values():
            if item.get("lastStatus") == {"S": "SKIPPED"}:
                config = decode_item(item)
                assert "still runs" in config["lastReason"], config
                self.passed_over.add((config["sk"], config["lastSkippedSlot"]))

    def end_syncs(self) -> None:
        """End every open job, as its worker would."""
        for found in list(due.overdue(self.tables.activity, due.JOBS, self.turns.now_s + FAR_S)):
            place = {"pk": found["pk"], "sk": found["sk"]}
            job = self.tables.activity.get(place) or {}
            done = Update(
                self.tables.activity, place, "SET status = :done REMOVE dueShard, dueAt", {"done": "COMPLETED"}
            )
            self.tables.write(done, *(Delete(self.tables.coordination, lock) for lock in jobs.lock_places(job)))

    def jobs(self) -> list[Item]:
        return self._items("job")

    def _items(self, kind: str) -> list[Item]:
        found = self.cloud.memory[self.tables.activity.name].items
        return [decode_item(item) for (pk, _), item in sorted(found.items()) if pk.endswith(f"#{kind}")]

    def events(self) -> list[Item]:
        return self._items("event")

    def configs(self) -> list[Item]:
        found = self.cloud.memory[self.tables.config.name].items
        return [decode_item(item) for (pk, _), item in sorted(found.items()) if pk.endswith(f"#{configs.KIND}")]


def faults(found: SlotWorld) -> list[str]:
    """Return every slot that has no job, or more than one; a job stands for its slot and those that were missed.

    A slot that came while the sync before it ran was passed over, which its configuration said.
    """
    by_config: dict[str, list[Item]] = {config["sk"]: [] for config in found.configs()}
    for job in found.jobs():
        by_config[job["configId"]].append(job)
    return [fault for config in found.configs() for fault in _faults(found, config, by_config[config["sk"]])]


def _faults(found: SlotWorld, config: Item, made: Iterable[Item]) -> Iterable[str]:
    expected_s, every_s = clock.epoch_of(config["anchorAt"]), config["schedule"]["everyS"]
    for job in sorted(made, key=lambda job: (str(job["slot"]), str(job["sk"]))):
        slot_s = clock.epoch_of(job["slot"])
        while expected_s < slot_s and (config["sk"], clock.iso(expected_s)) in found.passed_over:
            expected_s += every_s
        if slot_s != expected_s:
            yield f"{config['sk']}: expected the slot {clock.iso(expected_s)}, found {job['slot']}"
        expected_s = slot_s + (job["missedSlots"] + 1) * every_s
    while (config["sk"], clock.iso(expected_s)) in found.passed_over:
        expected_s += every_s
    if expected_s != clock.epoch_of(config["nextSlot"]):
        yield f"{config['sk']}: no job for the slots from {clock.iso(expected_s)} to {config['nextSlot']}"


def _integration(tenant: str, name: str) -> Item:
    now = clock.now()
    return {
        **key(Tenant(tenant), "integration", name),
        "providerId": SLUG,
        "provider": SLUG,
        "name": name,
        "status": "active",
        "owner": "tenant",
        "surface": "tenant",
        "settings": "{}",
        "storedSecrets": [],
        "missingSecrets": [],
        "version": 1,
        "createdAt": now,
        "updatedAt": now,
    }


def _fields(integration_id: str) -> Json:
    return {
        "integrationId": integration_id,
        "name": None,
        "enabled": True,
        "direction": "pull",
        "frequency": EVERY_S * 1000,
        "timeZone": "UTC",
        "params": jsontext.dump({}),
        "fieldMappings": [],
        "conflictResolution": "remote",
        "fieldRules": {},
        "deletes": "keep",
        "contract": {"mode": "evolve"},
        "keepRaw": False,
        "history": False,
        "given": [],
        "entity": "contact",
        "documentType": "contact",
        "endpointId": "list",
        "writeEndpointId": None,
        "mode": "incremental",
        "userId": None,
    }
