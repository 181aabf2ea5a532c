"""Sync jobs of many tenants on the memory cloud: the hub's own worker and sweeper, and lists of records in memory.

A fleet is workers in turns that die by chance and are found again by the sweeper's rule. Without workers one is run at
a time, from the test, and dies at a call that the test names.
"""

import json
import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import nullcontext, suppress
from dataclasses import dataclass
from functools import cached_property
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import orjson
import pytest

from hub import documents
from hub.core import clock, due, queues
from hub.core.answers import no_content
from hub.core.attributes import Item, decode_item
from hub.core.caller import Caller, Tenant
from hub.core.journal import Change
from hub.core.queues import Hint
from hub.core.tables import CALL_FAILED, Key, key
from hub.core.vault import Vault
from hub.integrations import connected, define
from hub.outbound.calls import Call, Reply
from hub.outbound.guard import Guard
from hub.sync import jobs
from hub.sync.proof import proof
from hub.sync.pull.deletes import Sweep
from hub.sync.pull.state import State
from hub.sync.run import Worker
from hub.sync.starts import start
from hub.sync.starts.choosing import Sought
from hub.sync.starts.orders import Order
from tests.proofs.memory_cloud import MemoryCloud, Message, Trouble
from tests.proofs.turns import Killed, Turns

Json = dict[str, Any]

ADA = Tenant("proofs")
KIND = "contact"
KEEP_DAYS = 30
PLENTY_MS = 900_000
IDLE_S = 10.0
TYPED = {"content-type": "application/json"}
# What makes no sync wait for a person, and what it leaves out it deletes.
MIRRORED: Json = {"deletes": "tombstone"}


@dataclass
class Source:
    """A provider's list of contacts, by pages."""

    records: Sequence[Json]
    page: int = 100

    def answer(self, call: Call) -> Reply:
        query = {**dict(parse_qsl(urlsplit(call.url).query)), **dict(call.params)}
        begin = int(query.get("after", 0))
        end = begin + self.page
        body: Json = {"results": self.records[begin:end]}
        if end < len(self.records):
            body["next"] = str(end)
        return Reply(200, TYPED, orjson.dumps(body), 1)


def connector(name: str, **changes: Any) -> Json:
    """Return a definition whose list `list` is at `https://{name}.test`; `n` must be a number."""
    return {
        "name": name,
        "displayName": name,
        "integrationType": "rest_api",
        "baseUrl": f"https://{name}.test",
        "auth": {"type": "bearer", "token": "a-token-that-is-long-enough"},
        "endpoints": [listing()],
        "retryConfig": {"maxRetries": 0, "retryDelay": 0, "retryOn": []},
        "status": "active",
        **changes,
    }


def listing(**mapping: Any) -> Json:
    number = {"source": "$.n", "target": "n", "transform": {"type": "number"}}
    return {
        "id": "list",
        "name": "list",
        "method": "GET",
        "path": "/contacts",
        "pagination": {"type": "cursor", "cursorParam": "after", "cursorPath": "$.next"},
        "responseMapping": {
            "dataPath": "$.results",
            "identifierField": "$.id",
            "targetShardTypeId": KIND,
            "fieldMappings": [{"source": "$.name", "target": "name"}, number],
            **mapping,
        },
    }


class Interrupted(Turns):
    """At one moment of a run, before a call takes effect or after it, somebody else does something."""

    def __init__(self, at: int, act: Callable[[], None]) -> None:
        super().__init__(0, at)
        self.at, self.act, self.moments = at, act, 0

    def step(self) -> None:
        self.moments += 1
        if self.moments == self.at:
            self.act()


class JobWorld:
    """Tenants, their integrations and jobs; `trouble` strikes whoever works, and never who asks."""

    worker_class: type[Worker] = Worker

    def __init__(self, seed: int = 1, trouble: Trouble | None = None, workers: int = 0) -> None:
        self.turns = Turns(workers + 1 if workers else 0, seed)
        clock.use(lambda: self.turns.now_s)
        self.cloud = MemoryCloud(self.turns, trouble or Trouble())
        self.sources: dict[str, Callable[[Call], Reply]] = {}
        self.workers = workers
        self.spared = 0
        self.longest_run: Callable[[], int] | None = None
        self._broken: list[Exception] = []

    # ------------------------------------------------------------ what people do

    def ask(self, make: Callable[[Change], Any], tenant: Tenant = ADA) -> Any:
        """Commit what `make` adds to a change, and return what it returns."""
        caller = Caller(tenant, "ada", frozenset({"tenant_admin"}), frozenset())
        change = Change(self.cloud.tables, caller, "req_proofs", KEEP_DAYS)
        made = make(change)
        change.commit(no_content())
        return made

    def connect(self, source: Callable[[Call], Reply], definition: Json, tenant: Tenant = ADA) -> str:
        """Make an integration of a source that is asked at the definition's host; return its id."""
        self.sources[str(urlsplit(definition["baseUrl"]).hostname)] = source
        guard = Guard.from_text("")
        made = self.ask(lambda change: define.create(change, self.vault(), guard, definition), tenant)
        return str(made.id)

    def order(self, integration_id: str, tenant: Tenant = ADA, **more: Any) -> Item:
        """Start a full sync of the integration's contacts; return the job."""
        found = connected.load(self.cloud.tables.config, tenant, integration_id)
        phases = more.pop("phases", (jobs.PULL,))
        order = Order(Sought(phases, KIND), more.pop("job_type", "FULL_SYNC"), more=more)
        return self.begin(lambda change: start.begin(change, found, order), tenant)

    def begin(self, make: Callable[[Change], Item], tenant: Tenant = ADA) -> Item:
        """Start the job that `make` adds to a change; one in twenty of them is never hinted at."""
        job: Item = self.ask(make, tenant)
        if self.turns.chance.random() > 0.05:
            queues.send(self.cloud.sqs, self.queue, Hint(tenant, job["sk"]))
        return job

    # ------------------------------------------------------------ one worker, run from the test

    def work(self, job: Key, remaining_ms: Callable[[], int] = lambda: PLENTY_MS) -> None:
        """Let a worker take a hint; one that dies leaves its lease to run out."""
        try:
            with self.cloud.line.invocation(lineage=1):
                self._worker(remaining_ms).run(Hint(Tenant.of_item(job), job["sk"]))
        except Killed:
            self.cloud.line.plan = None
            self.turns.now_s += self.cloud.settings.sync_lease_s + 1

    def ended(self, job: Key, most: int = 10) -> Item:
        """Let workers take hints until the job has ended; return it."""
        for _ in range(most):
            self.work(job)
            self.turns.now_s += 1
            if (found := self.job(job))["status"] not in jobs.OPEN:
                return found
        raise AssertionError(f"the job does not end: {self.job(job)}")

    def _worker(self, remaining_ms: Callable[[], int]) -> Worker:
        return self.worker_class(self.cloud, self.vault(), self, remaining_ms, 0)

    def vault(self) -> Vault:
        return Vault(self.cloud.kms, "key", self.cloud.tables.credentials)

    def send(self, call: Call, *, timeout_s: float) -> Reply:
        """Carry a call to its source: a call like any other, before and after which a worker may die."""
        assert timeout_s > 0
        source = self.sources[str(urlsplit(call.url).hostname)]
        reply: Reply = self.cloud.line.call("http", "Send", lambda: source(call))
        return reply

    # ------------------------------------------------------------ a fleet

    def run(self) -> None:
        """Let the fleet work until no job is open any more."""
        for outcome in self.turns.run([*[self._live] * self.workers, self._sweep]):
            if isinstance(outcome, BaseException):
                raise outcome
        assert not self._broken, self._broken[0]

    @property
    def queue(self) -> str:
        return self.cloud.settings.sync_queue_url

    def _is_over(self) -> bool:
        rows = self.cloud.memory[self.cloud.tables.activity.name].order
        mine = (waiting for (index, shard), waiting in rows.items() if index == "due" and shard.startswith("job#"))
        return bool(self._broken) or not any(mine)

    def _sweep(self) -> None:
        while not self._is_over():
            with suppress(Killed, *CALL_FAILED), self.cloud.line.invocation():
                due.sweep(self.cloud, due.JOBS, self.queue)
            self.turns.sleep(60)

    def _live(self) -> None:
        """Be one of the processes of the worker; who dies is replaced."""
        while not self._is_over():
            messages = self.cloud.sqs.receive(self.queue, most=1)
            if not messages:
                wait_s = self.cloud.sqs.next_at(self.queue) - self.turns.now_s
                self.turns.sleep(min(max(wait_s, 0.01), IDLE_S))
            for message in messages:
                with suppress(Killed):
                    self._handle(message)
                self.turns.sleep(self.turns.chance.uniform(0.1, 2))

    def _handle(self, message: Message) -> None:
        hint = Hint.of(message.body)
        is_spared = self._is_at_its_last(hint)
        self.spared += is_spared
        with self.cloud.line.invocation(message.lineage, is_spared=is_spared):
            try:
                self._worker(self._budget()).run(hint)
            except CALL_FAILED:
                return  # the message comes again
            except Exception as error:  # noqa: BLE001 - the test raises it
                self._broken.append(error)
                return
            with suppress(*CALL_FAILED):
                self.cloud.sqs.delete(message)

    def _is_at_its_last(self, hint: Hint) -> bool:
        """Say whether one more death without a page would end the job: that is promised, and another test's matter."""
        item = self.cloud.memory[self.cloud.tables.activity.name].items.get((f"{hint.tenant.id}#job", hint.id))
        return item is not None and decode_item(item)["hops"] >= jobs.MAX_HOPS - 1

    def _budget(self) -> Callable[[], int]:
        """Return the time that is left to a function: enough for so many pages, by chance where nobody says it."""
        pages = self.longest_run() if self.longest_run else self.turns.chance.randint(2, 30)
        left = iter([PLENTY_MS] * (pages - 1))
        return lambda: next(left, 0)

    # ------------------------------------------------------------ what there is

    def job(self, job: Key) -> Item:
        return jobs.get(self.cloud.tables, Tenant.of_item(job), job["sk"])

    def proof(self, job: Key) -> Json:
        return proof.of(self.cloud.tables, self.job(job))

    def items(self, kind: str, tenant: Tenant = ADA, table: str = "activity") -> dict[str, Item]:
        """Return the items of a kind by their names."""
        memory, pk = self.cloud.memory[getattr(self.cloud.tables, table).name], key(tenant, kind, "")["pk"]
        return {name: decode_item(memory.items[place]) for name, place in memory.order.get(("", pk), ())}

    def documents(self, tenant: Tenant = ADA) -> dict[str, Item]:
        """Return the tenant's contacts by id, tombstones included."""
        return self.items(f"doc#{KIND}", tenant, "documents")

    def contents(self, tenant: Tenant = ADA) -> dict[str, Json]:
        """Return what the tenant's contacts are, without those that were deleted."""
        found = self.documents(tenant).items()
        return {name: json.loads(item["content"]) for name, item in found if documents.exists(item)}


def _unlocked(*classes: type) -> None:
    """Let several workers compute a property at once.

    Python 3.11 has a lock for each of a class, and here who holds one gives up its turn in the midst of a call.
    """
    for each in classes:
        for found in vars(each).values():
            if isinstance(found, cached_property):
                vars(found)["lock"] = nullcontext()


_unlocked(State, Sweep)


@pytest.fixture
def worlds() -> Iterator[Callable[..., JobWorld]]:
    """Make worlds; when the test is over their workers go home, and the clock is the real one again."""
    made: list[JobWorld] = []
    log = logging.getLogger("hub")
    level = log.level
    log.setLevel(logging.CRITICAL)  # thousands of lines cost more than what they tell of

    def make(*args: Any, kind: type[JobWorld] = JobWorld, **options: Any) -> JobWorld:
        made.append(kind(*args, **options))
        return made[-1]

    yield make
    log.setLevel(level)
    clock.use(None)
    for each in made:
        each.turns.close()


def counted(**counts: int) -> Json:
    return {"read": 0, "created": 0, "updated": 0, "unchanged": 0, "rejected": 0, "deleted": 0, **counts}


def faults_of(found: JobWorld, job: Key, expected: Mapping[str, int]) -> Json:
    """Return what is wrong with the end of a job that should have counted this; {} where nothing is."""
    ended, shown = found.job(job), found.proof(job)
    looked = {
        "status": (ended["status"], "COMPLETED"),
        "counters": (ended["counters"], dict(expected)),
        "balanced": (shown["balanced"], True),
        "agree": (shown["pages"]["agree"], True),
        "locks": ([place for place in jobs.lock_places(ended) if found.cloud.tables.coordination.get(place)], []),
    }
    return {name: {"found": is_, "expected": was} for name, (is_, was) in looked.items() if is_ != was}
