"""AWS in memory on a logical clock, with everything that goes wrong: kills, lost answers, lost and early messages.

Workers are the threads of `turns.Turns`: one runs at a time, and gives up its turn at every call. The line to the
services kills a worker before or after a call took effect, or loses the answer, which the SDK then asks for again.
"""

import heapq
import os
import threading
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

from botocore.exceptions import EndpointConnectionError

from hub.core.config import Settings, settings
from hub.core.resources import Resources
from local import template
from local.attributes import Addresses
from tests.proofs.memory_tables import Index, Json, MemoryDynamoDB, MemoryTable, refusal
from tests.proofs.turns import Killed, Turns

ROOT = Path(__file__).parents[2]
STALL_S = 75.0
VISIBILITY_S = 360.0  # six times the time-out of the function
MOST_RECEIVES = 10
# Lambda stops a chain of invocations that call each other through a queue at about the sixteenth.
LONGEST_LINEAGE = 16


@dataclass
class Trouble:
    """How likely each mishap is, for every call: `kill` strikes before or after the effect, at equal odds.

    A lost answer is asked for again, but for the part of them `gives_up`, which fail, done or not; a call that stalls
    takes longer than any lease.
    """

    kill: float = 0.0
    lost_answer: float = 0.0
    gives_up: float = 0.2
    stall: float = 0.0
    conflict: float = 0.0
    lost_message: float = 0.0
    twice: float = 0.0
    early: float = 0.0


@dataclass
class Line:
    """Every call to the outside; `plan` kills at one numbered call instead of by chance."""

    turns: Turns
    trouble: Trouble
    plan: tuple[int, str] | None = None
    number: int = 0
    calls: Counter[str] = field(default_factory=Counter)
    kills: Counter[str] = field(default_factory=Counter)
    stalls: int = 0
    log: list[str] = field(default_factory=list)
    _mine: threading.local = field(default_factory=threading.local)

    @contextmanager
    def invocation(self, lineage: int = 0, *, is_spared: bool = False) -> Iterator[None]:
        """Let the calls in this block be those of one run of a function, which may be killed where it is not spared."""
        self._mine.lineage, self._mine.is_dead, self._mine.is_spared = lineage, False, is_spared
        try:
            yield
        finally:
            del self._mine.lineage

    @property
    def lineage(self) -> int | None:
        """How many runs of functions have led to this one; None outside of any."""
        return getattr(self._mine, "lineage", None)

    def call(self, service: str, operation: str, effect: Callable[[], Any], *, is_repeatable: bool = False) -> Any:
        if self.lineage is None:
            return effect()
        if self._mine.is_dead:  # what a `finally` of the dead wants to do does not happen
            raise Killed
        name = f"{service}.{operation}"
        self.calls[name] += 1
        self.turns.step()
        dies = self._fate(name)
        if dies == "before":
            self._die(name, dies)
        if service != "http" and self._happens(self.trouble.stall):  # a request ends at its deadline
            self.stalls += 1
            self.turns.sleep(STALL_S)
        if operation == "TransactWriteItems" and self._happens(self.trouble.conflict):
            raise refusal("TransactionCanceledException", operation, CancellationReasons=[_CONFLICT])
        answer = effect() if not self._happens(self.trouble.lost_answer) else self._again(effect, is_repeatable)
        if dies == "after":
            self._die(name, dies)
        self.turns.step()
        return answer

    def _fate(self, name: str) -> str:
        """Say at which side of this call the worker dies; `plan` and `log` leave out what the sweeper does."""
        if self.lineage:
            self.number += 1
            self.log.append(name)
        if self.plan is not None:
            return self.plan[1] if self.lineage and self.plan[0] == self.number else ""
        dies = self._happens(self.trouble.kill) and not self._mine.is_spared
        return self.turns.chance.choice(("before", "after")) if dies else ""

    def _happens(self, chance: float) -> bool:
        return chance > 0 and self.turns.chance.random() < chance

    def _die(self, name: str, side: str) -> None:
        self.kills[f"{side} {name}"] += 1
        self._mine.is_dead = True
        raise Killed

    def _again(self, effect: Callable[[], Any], is_repeatable: bool) -> Any:
        """The answer does not arrive: the SDK sends the call again, or has sent it for the last time."""
        gives_up, is_done = self._happens(self.trouble.gives_up), self._happens(0.5)
        if gives_up and not is_done:
            raise EndpointConnectionError(endpoint_url="https://aws.test")
        answer = effect()
        if gives_up:
            raise EndpointConnectionError(endpoint_url="https://aws.test")
        self.turns.step()
        return effect() if is_repeatable else answer


_CONFLICT = {"Code": "TransactionConflict"}


@dataclass
class Message:
    id: str
    body: str
    group: str
    lineage: int
    receives: int = 0
    is_deleted: bool = False


@dataclass
class MemorySQS:
    """Queues with delays and visibility on the logical clock; `lost` and `dropped` count what never arrives."""

    line: Line
    now: Callable[[], float]
    waiting: dict[str, list[tuple[float, int, Message]]] = field(default_factory=lambda: defaultdict(list))
    dead: list[Message] = field(default_factory=list)
    dropped: list[Message] = field(default_factory=list)
    lost: int = 0
    longest_lineage: int = 0
    _number: int = 0

    def send_message(
        self,
        *,
        QueueUrl: str,  # noqa: N803 - the names boto3 gives
        MessageBody: str,  # noqa: N803
        DelaySeconds: int = 0,  # noqa: N803
        MessageGroupId: str = "",  # noqa: N803
    ) -> Json:
        def effect() -> Json:
            self._accept(QueueUrl, MessageBody, DelaySeconds, MessageGroupId)
            return {}

        answer: Json = self.line.call("sqs", "SendMessage", effect, is_repeatable=True)
        return answer

    def send_message_batch(self, *, QueueUrl: str, Entries: list[Json]) -> Json:  # noqa: N803
        assert 0 < len(Entries) <= 10

        def effect() -> Json:
            for entry in Entries:
                self._accept(QueueUrl, entry["MessageBody"], entry["DelaySeconds"], entry["MessageGroupId"])
            return {"Successful": [{"Id": entry["Id"]} for entry in Entries]}

        answer: Json = self.line.call("sqs", "SendMessageBatch", effect, is_repeatable=True)
        return answer

    def _accept(self, url: str, body: str, delay_s: int, group: str) -> None:
        assert 0 <= delay_s <= 900, delay_s
        chance, trouble = self.line.turns.chance, self.line.trouble
        lineage = (self.line.lineage or 0) + 1
        for _ in range(2 if chance.random() < trouble.twice else 1):
            if chance.random() < trouble.lost_message:
                self.lost += 1
                continue
            real_s = delay_s * chance.random() if chance.random() < trouble.early else delay_s
            self._number += 1
            self._enqueue(url, self.now() + real_s, Message(f"m{self._number}", body, group, lineage))

    def _enqueue(self, url: str, at_s: float, message: Message) -> None:
        self._number += 1
        heapq.heappush(self.waiting[url], (at_s, self._number, message))

    def receive(self, url: str, most: int = 10) -> list[Message]:
        """Return what is visible now, hidden from others until it is deleted or `VISIBILITY_S` are over."""
        queue, found = self.waiting[url], list[Message]()
        while queue and queue[0][0] <= self.now() and len(found) < most:
            _, _, message = heapq.heappop(queue)
            if message.is_deleted:
                continue
            message.receives += 1
            if message.receives > MOST_RECEIVES:
                self.dead.append(message)
            elif message.lineage >= LONGEST_LINEAGE:
                self.dropped.append(message)
            else:
                found.append(message)
        for message in found:
            self.longest_lineage = max(self.longest_lineage, message.lineage)
            self._enqueue(url, self.now() + VISIBILITY_S, message)
        return found

    def delete(self, message: Message) -> None:
        """Tell the queue that the message's work is done."""

        def effect() -> None:
            message.is_deleted = True

        self.line.call("sqs", "DeleteMessage", effect, is_repeatable=True)

    def next_at(self, url: str) -> float:
        """Return when the next message becomes visible; infinity when there is none."""
        queue = self.waiting[url]
        while queue and queue[0][2].is_deleted:
            heapq.heappop(queue)
        return queue[0][0] if queue else float("inf")


@dataclass
class MemoryBus:
    """EventBridge, as far as `put_events` goes."""

    line: Line
    entries: list[Json] = field(default_factory=list)

    def put_events(self, *, Entries: list[Json]) -> Json:  # noqa: N803
        assert 0 < len(Entries) <= 10

        def effect() -> Json:
            self.entries += Entries
            return {"FailedEntryCount": 0}

        answer: Json = self.line.call("events", "PutEvents", effect, is_repeatable=True)
        return answer


@dataclass
class MemoryKeys:
    """KMS, as far as the vault needs it."""

    line: Line
    made: dict[bytes, bytes] = field(default_factory=dict)

    class exceptions:  # noqa: N801 - the name boto3 gives it
        InvalidCiphertextException = KeyError

    def generate_data_key(self, **_: Any) -> dict[str, bytes]:
        plain, wrapped = os.urandom(32), os.urandom(16)
        self.made[wrapped] = plain
        return {"Plaintext": plain, "CiphertextBlob": wrapped}

    def decrypt(self, *, CiphertextBlob: bytes, **_: Any) -> dict[str, bytes]:  # noqa: N803
        found: dict[str, bytes] = self.line.call("kms", "Decrypt", lambda: {"Plaintext": self.made[CiphertextBlob]})
        return found


class MemoryCloud(Resources):
    """What the functions of the hub are given instead of boto3's clients."""

    def __init__(self, turns: Turns, trouble: Trouble) -> None:
        read, found = stack()
        self.settings = found  # a session of boto3 would cost more than all the rest
        self.line = Line(turns, trouble)
        self.memory = {each.attributes["Ref"]: _table(each) for each in read.resources if _is_table(each)}
        self.dynamodb: Any = MemoryDynamoDB(self.line, self.memory)
        self.sqs: Any = MemorySQS(self.line, lambda: turns.now_s)
        self.events: Any = MemoryBus(self.line)
        self.kms: Any = MemoryKeys(self.line)


def _is_table(resource: template.Resource) -> bool:
    return resource.type == "AWS::DynamoDB::Table"


def _table(resource: template.Resource) -> MemoryTable:
    return MemoryTable(
        {each["IndexName"]: _index(each) for each in resource.properties.get("GlobalSecondaryIndexes", ())}
    )


def _index(declared: Json) -> Index:
    keys = {each["KeyType"]: each["AttributeName"] for each in declared["KeySchema"]}
    return Index(keys["HASH"], keys.get("RANGE", ""), declared["Projection"]["ProjectionType"] == "ALL")


@cache
def stack() -> tuple[template.Template, Settings]:
    """Return the template and what it gives the delivery worker to read."""
    source = template.load(ROOT / "template.yaml", {"JwtIssuer": "https://id.test", "JwksUrl": "https://id.test/keys"})
    keys = {name: f"key-of-{name}" for name in source.key_ids()}
    read = template.read(source, Addresses("https://sqs.us-east-1.amazonaws.com", "http://hub.test", keys))
    before = dict(os.environ)
    os.environ.update(read.functions["DeliveryWorker"].environment)
    try:
        return read, settings.__wrapped__()
    finally:
        os.environ.clear()
        os.environ.update(before)
