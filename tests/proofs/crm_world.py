"""CRMs that sync both ways with the documents of one tenant on the memory cloud, with people at work on every side.

Each CRM lists its contacts by pages, takes batches by e-mail address, and deletes. People edit and delete there and in
the documents, between the runs and in the midst of them; a page may bring records again, and the time of a change may
be told too early. Everything that a person does and every write of a sync is counted.
"""

import json
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from random import Random
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import orjson

from hub import documents
from hub.core import clock
from hub.core.answers import no_content
from hub.core.attributes import Item, decode_item
from hub.core.caller import Caller, Tenant
from hub.core.errors import Conflict
from hub.core.journal import Change
from hub.core.queues import Hint
from hub.core.vault import Vault
from hub.integrations import connected, define
from hub.outbound.calls import Call, Reply
from hub.outbound.guard import Guard
from hub.sync import jobs
from hub.sync.run import Worker
from hub.sync.starts import start
from hub.sync.starts.choosing import Sought
from hub.sync.starts.orders import Order
from hub.sync.two_way import conflicts, resolving
from tests.proofs.memory_cloud import MemoryCloud, Trouble
from tests.proofs.turns import Killed, Turns

Json = dict[str, Any]

TENANT = Tenant("proofs")
CALLER = Caller(TENANT, "ada", frozenset({"tenant_admin"}), frozenset())
KEEP_DAYS = 30
FIELDS = ("name", "phone", "city")
KIND = "contact"
LATEST_S = 100.0
PAGE = 4


@dataclass
class Crm:
    """One provider. `people` is called before each answer: who works there while the hub reads and writes."""

    name: str
    chance: Random
    now: Callable[[], float]
    records: dict[str, Json] = field(default_factory=dict)
    people: Callable[[], None] = lambda: None
    repeats: float = 0.2
    edits: int = 0
    written: Counter[str] = field(default_factory=Counter)
    taken: list[str] = field(default_factory=list)
    _made: int = 0

    # People

    def create(self, **content: str) -> str:
        self.edits += 1
        return self._add(content)

    def edit(self, record_id: str, /, **content: str) -> None:
        self.edits += 1
        self._set(record_id, content)

    def delete(self, record_id: str) -> None:
        self.edits += 1
        del self.records[record_id]

    # The API

    def send(self, call: Call, *, timeout_s: float) -> Reply:
        assert timeout_s > 0
        self.people()
        path = urlsplit(call.url).path
        if call.method == "GET":
            return _reply(200, self._page({**dict(parse_qsl(urlsplit(call.url).query)), **dict(call.params)}))
        if call.method == "DELETE":
            return self._deleted(path.rpartition("/")[2])
        items = json.loads(call.content or b"{}")["items"]
        return _reply(200, {"results": [self._upserted(item) for item in items]})

    def _page(self, query: Json) -> Json:
        since, after = str(query.get("since", "")), str(query.get("after", ""))
        found = sorted(each for each in self.records if each > after and self._told_at(each) >= since)
        page = found[:PAGE]
        body: Json = {"items": [self._shown(each) for each in page]}
        if page and self.chance.random() < self.repeats:  # a page brings one of its records twice
            body["items"].append(self._shown(self.chance.choice(page)))
        return {**body, "next": page[-1] if len(found) > PAGE else None}

    def _shown(self, record_id: str) -> Json:
        return {**self.records[record_id], "id": record_id, "updated_at": self._told_at(record_id)}

    def _told_at(self, record_id: str) -> str:
        return clock.iso(self.records[record_id]["_at"] - self.records[record_id]["_late"])

    def _upserted(self, item: Json) -> Json:
        known = {record["email"]: name for name, record in self.records.items()}
        content = {name: value for name, value in item.items() if name != "id"}
        self.taken.append(item["email"])
        found = known.get(item["email"])
        if found is None:
            self.written["created"] += 1
            return {"id": self._add(content), "created": True}
        self.written["updated"] += 1
        self._set(found, content)
        return {"id": found, "created": False}

    def _deleted(self, record_id: str) -> Reply:
        if record_id not in self.records:
            return _reply(404, {})
        self.written["deleted"] += 1
        del self.records[record_id]
        return _reply(200, {})

    def _add(self, content: Json) -> str:
        self._made += 1
        name = f"{self.name}{self._made:04}"
        self.records[name] = {}
        self._set(name, content)
        return name

    def _set(self, record_id: str, content: Json) -> None:
        former = {**self.records[record_id], **content}
        kept = {name: value for name, value in former.items() if value is not None}
        late_s = self.chance.choice((0.0, 0.0, self.chance.uniform(0, LATEST_S)))
        self.records[record_id] = {**kept, "_at": self.now(), "_late": late_s}

    def contents(self) -> dict[str, Json]:
        """Return what each contact is, by its e-mail address."""
        shown = ("email", *FIELDS)
        return {each["email"]: {name: each[name] for name in shown if name in each} for each in self.records.values()}


def _reply(status: int, body: Json) -> Reply:
    return Reply(status, {"content-type": "application/json"}, json.dumps(body).encode(), 1)


def connector(name: str) -> Json:
    mapped = [{"source": f"$.{each}", "target": each, "skipIfEmpty": True} for each in ("email", *FIELDS)]
    listing = {
        "id": "list",
        "name": "list",
        "operation": "list",
        "entity": KIND,
        "method": "GET",
        "path": "/contacts",
        "incremental": {"field": "$.updated_at", "param": "since", "overlapSeconds": 300},
        "pagination": {
            "type": "cursor",
            "cursorParam": "after",
            "cursorPath": "$.next",
            "endCondition": {"type": "cursor_null"},
        },
        "responseMapping": {
            "dataPath": "$.items",
            "identifierField": "$.id",
            "targetShardTypeId": KIND,
            "fieldMappings": mapped,
        },
    }
    writing = {
        "id": "upsert",
        "name": "upsert",
        "operation": "upsert",
        "entity": KIND,
        "method": "POST",
        "path": "/contacts",
        "idempotent": True,
        "batch": {
            "size": 3,
            "itemsPath": "$.items",
            "required": ["$.email"],
            "fieldMappings": [{"source": f"$.{each}", "target": each} for each in ("email", *FIELDS)],
            "results": {
                "match": "position",
                "path": "$.results",
                "created": {"path": "$.created", "value": True},
                "idPath": "$.id",
            },
        },
    }
    deleting = {
        "id": "delete",
        "name": "delete",
        "operation": "delete",
        "entity": KIND,
        "method": "DELETE",
        "path": "/contacts/{id}",
        "pathParams": [{"name": "id", "required": True}],
    }
    retry = {"maxRetries": 0, "retryDelay": 0, "retryOn": []}
    return {
        "name": name,
        "displayName": name,
        "integrationType": "rest_api",
        "baseUrl": f"https://{name}.test/v1",
        "auth": {"type": "none"},
        "endpoints": [listing, writing, deleting],
        "retryConfig": retry,
        "status": "active",
    }


class World:
    """One tenant with CRMs that meet in its documents."""

    worker_class: type[Worker] = Worker

    def __init__(self, seed: int, crms: int = 1, **agreed: Any) -> None:
        self.chance, self.now_s = Random(seed), 1_800_000_000.0
        clock.use(lambda: self.now_s)
        self.cloud = MemoryCloud(Turns(0, seed), Trouble())
        self.crms = {name: Crm(name, self.chance, lambda: self.now_s) for name in "ab"[:crms]}
        self.agreed = {"conflictResolution": "local", "deletes": "tombstone", **agreed}
        self.integrations = {name: self._connect(f"crm-{name}") for name in self.crms}
        self.edits = 0
        self.conflicts = 0
        self.jobs: list[Item] = []

    def _connect(self, name: str) -> str:
        change = self._change()
        made = define.create(change, self.vault(), Guard.from_text(""), connector(name))
        change.commit(no_content())
        return made.id

    def vault(self) -> Vault:
        return Vault(self.cloud.kms, "key", self.cloud.tables.credentials)

    def _change(self) -> Change:
        return Change(self.cloud.tables, CALLER, "req_proofs", KEEP_DAYS)

    # People at the documents

    def create(self, **content: str) -> str:
        name = f"here{self.edits:04}"
        self.put(name, dict(content))
        return name

    def put(self, name: str, content: Json) -> None:
        self.edits += 1
        self.now_s += 0.01
        change = self._change()
        documents.put(change, KIND, name, content, self.find(name))
        change.commit(no_content())

    def edit(self, name: str, /, **content: str) -> None:
        self.put(name, {**self.content(name), **content})

    def delete(self, name: str) -> None:
        self.edits += 1
        self.now_s += 0.01
        change, found = self._change(), self.find(name)
        assert found is not None
        documents.delete(change, KIND, found, KEEP_DAYS)
        change.commit(no_content())

    def find(self, name: str) -> Item | None:
        return documents.find(self.cloud.tables.documents, TENANT, KIND, name)

    def content(self, name: str) -> Json:
        found = self.find(name)
        assert documents.exists(found)
        content: Json = orjson.loads(found["content"])
        return content

    # Runs

    def sync(self, crm: str, job_type: str = "FULL_SYNC") -> Item:
        """Run a sync of both ways to its end; return the job."""
        self.now_s += documents.SETTLE_S + 1
        change = self._change()
        found = connected.load(self.cloud.tables.config, TENANT, self.integrations[crm])
        order = Order(Sought(jobs.BOTH, KIND), job_type, more=self.agreed)
        job = start.begin(change, found, order)
        change.commit(no_content())
        for _ in range(40):
            self._work(crm, job["sk"])
            job = jobs.get(self.cloud.tables, TENANT, job["sk"])
            if job["status"] not in jobs.OPEN:
                self.conflicts += job.get("conflicts", 0)
                self.jobs.append(job)
                return job
            self.now_s += documents.SETTLE_S + 1
        raise AssertionError(f"the job does not end: {job}")

    def _work(self, crm: str, job_id: str) -> None:
        """Let a worker take a hint; one that dies leaves its lease to run out."""
        worker = self.worker_class(self.cloud, self.vault(), self.crms[crm], lambda: 900_000, 0)
        try:
            with self.cloud.line.invocation(lineage=1):
                worker.run(Hint(TENANT, job_id))
        except Killed:
            self.cloud.line.plan = None
            self.now_s += self.cloud.settings.sync_lease_s + 1

    def open_conflicts(self) -> list[Item]:
        return conflicts.page(self.cloud.tables, TENANT, {"status": "open"}, 1000, None)[0]

    def decide(self, conflict: Item, resolution: str) -> None:
        """Resolve a conflict, anew where the document was edited since the conflict was noted."""
        try:
            self.resolve(conflict, resolution)
        except Conflict:
            self.resolve(conflict, resolution)

    def resolve(self, conflict: Item, resolution: str) -> None:
        self.now_s += 0.01
        change = self._change()
        resolving.resolve(change, conflict["sk"], resolving.Decision(resolution))
        change.commit(no_content())

    # What there is

    def documents(self) -> dict[str, Item]:
        """Return the documents that are there, by id."""
        items = self.cloud.memory[self.cloud.tables.documents.name].items
        found = [decode_item(item) for (pk, _), item in items.items() if pk == f"{TENANT.id}#doc#{KIND}"]
        return {item["sk"]: item for item in found if documents.exists(item)}

    def contents(self) -> dict[str, Json]:
        """Return what each contact is, by its e-mail address."""
        found = [orjson.loads(item["content"]) for item in self.documents().values()]
        return {each["email"]: {name: value for name, value in each.items() if value is not None} for each in found}

    def versions(self) -> int:
        """Return how often documents were written, by anybody."""
        items = self.cloud.memory[self.cloud.tables.documents.name].items
        return sum(decode_item(item)["version"] for (pk, _), item in items.items() if pk == f"{TENANT.id}#doc#{KIND}")

    @property
    def all_edits(self) -> int:
        return self.edits + sum(crm.edits for crm in self.crms.values())

    @property
    def writes(self) -> int:
        """Return how much the syncs have written: records at the providers, and documents that no person wrote."""
        return self.versions() - self.edits + sum(crm.written.total() for crm in self.crms.values())
