"""The tables in memory answer as the local stack's do: a proof is worth what its world is."""

import json
import random
from collections.abc import Callable
from functools import partial
from typing import Any, cast

import pytest
from botocore.exceptions import ClientError
from ministack.services import dynamodb as ministack

from hub.core.tables import ConditionFailed, Delete, Key, Put, Table, Tables, Update
from tests.proofs.memory_cloud import MemoryCloud, Trouble, stack
from tests.proofs.turns import Turns

SHAPE = ("AttributeDefinitions", "GlobalSecondaryIndexes", "KeySchema")
STEPS = 400
CONDITIONS: dict[str, dict[str, Any]] = {
    "": {},
    "attribute_not_exists(pk)": {},
    "attribute_exists(n) AND n < :high": {"high": 3},
    "(state = :open OR state = :late) AND n <= :high": {"open": "open", "late": "late", "high": 2},
    "owner = :me OR attribute_not_exists(owner)": {"me": "a"},
    "size(names) >= :two": {"two": 2},
    "n BETWEEN :low AND :high": {"low": 1, "high": 2},
    "NOT state IN (:open, :ended)": {"open": "open", "ended": "ended"},
    "state <> :open AND begins_with(dueAt, :day)": {"open": "open", "day": "2026"},
    "contains(names, :letter)": {"letter": "x"},
}
CHANGES: dict[str, dict[str, Any]] = {
    "SET state = :open, owner = :me": {"open": "open", "me": "a"},
    "SET state = :late, dueShard = :shard, dueAt = :due": {"late": "late", "shard": "d#1", "due": "2026-01-02"},
    "SET owner = :nobody REMOVE dueShard, dueAt": {"nobody": ""},
    "ADD n :one, names :x": {"one": 1, "x": {"x"}},
    "ADD names :more SET state = :ended": {"more": {"y", "z"}, "ended": "ended"},
    "DELETE names :x": {"x": {"x"}},
    "SET n = if_not_exists(n, :zero) + :one": {"zero": 0, "one": 1},
}


class MinistackDynamoDB:
    """The DynamoDB of the local stack, as a client, without a process or HTTP in between."""

    def __getattr__(self, operation: str) -> Callable[..., Any]:
        def call(**request: Any) -> Any:
            status, _, body = getattr(ministack, f"_{operation}")(json.loads(json.dumps(request)))
            answer = json.loads(body)
            if status != 200:
                raise ClientError(cast("Any", {**answer, "Error": {"Code": answer["__type"]}}), operation)
            return answer

        return call


@pytest.fixture
def both() -> tuple[Tables, Tables]:
    """The memory's tables and ministack's, both empty."""
    read, settings = stack()
    ministack.reset()
    client = MinistackDynamoDB()
    for table in (each for each in read.resources if each.type == "AWS::DynamoDB::Table"):
        shape = {name: table.properties[name] for name in SHAPE if name in table.properties}
        client.create_table(TableName=table.attributes["Ref"], BillingMode="PAY_PER_REQUEST", **shape)
    return MemoryCloud(Turns(0, 1), Trouble()).tables, Tables(cast("Any", client), settings)


def outcome(work: Callable[[], Any]) -> Any:
    """Return what a call gives, or how its condition failed."""
    try:
        return work()
    except ConditionFailed as failure:
        return "refused", failure.index, failure.found


def change(table: Table, chance: random.Random, key: Key) -> Put | Update | Delete:
    """Return a write; the same chance gives the same one."""
    condition = chance.choice(list(CONDITIONS))
    values = CONDITIONS[condition]
    kind = chance.choice(["put", "update", "update", "update", "delete"])
    if kind == "put":
        item = {
            **key,
            "state": "open",
            "n": chance.randint(0, 3),
            "dueShard": "d#1",
            "dueAt": f"2026-01-0{chance.randint(1, 5)}",
        }
        return Put(table, item, condition, values)
    if kind == "delete":
        return Delete(table, key, condition, values)
    changes = chance.choice(list(CHANGES))
    return Update(table, key, changes, {**CHANGES[changes], **values}, condition)


def look(table: Table, chance: random.Random) -> Any:
    """Return what a question about the items gives."""
    newest_first, limit = chance.random() < 0.5, chance.choice([1, 2, 50])
    if chance.random() < 0.5:
        keys, values = "pk = :pk AND sk BETWEEN :a AND :c", {"pk": "t#x", "a": "a", "c": "c"}
        found = table.query(keys, values, newest_first=newest_first, limit=limit)
    else:
        keys, values = "dueShard = :shard AND dueAt <= :by", {"shard": "d#1", "by": "2026-01-03"}
        found = table.query(keys, values, index="due", limit=limit)
        return sorted(found.items, key=lambda item: str(item["sk"])) if limit == 50 else len(found.items)
    return found.items, found.next_key


def act(tables: Tables, seed: str) -> Any:
    """Ask or change something; the same seed gives the same."""
    chance = random.Random(seed)
    if chance.random() < 0.25:
        return look(tables.activity, chance)
    keys = [{"pk": "t#x", "sk": name} for name in chance.sample("abcd", chance.choice([1, 1, 2]))]
    writes = [change(tables.activity, chance, key) for key in keys]
    first = writes[0]
    if isinstance(first, Update) and chance.random() < 0.5:
        return tables.activity.update(first.key, first.change, first.values, first.only_if)
    return tables.write(*writes)


@pytest.mark.parametrize("seed", range(5))
def test_memory_answers_as_the_local_stack_does(both: tuple[Tables, Tables], seed: int) -> None:
    memory, local = both
    for number in range(STEPS):
        step = f"{seed}-{number}"
        assert outcome(partial(act, memory, step)) == outcome(partial(act, local, step)), step

    partition = ("pk = :pk", {"pk": "t#x"})
    assert list(memory.activity.query_all(*partition)) == list(local.activity.query_all(*partition))
