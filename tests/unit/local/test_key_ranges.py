"""A query that looks at its range of keys only answers as one that looks at every item."""

import random
from collections.abc import Callable, Iterator
from itertools import product
from typing import Any

import pytest
from ministack.services import dynamodb

from local.key_ranges import KeyRange, by_ranges

Json = dict[str, Any]

KEYS = sorted({f"{first}{second}{third}" for first, second, third in product("abc", "äz", ["", "1", "\U0010fffe"])})
CONDITIONS = (
    "#p = :pk",
    "#p = :pk AND #s BETWEEN :one AND :two",
    "#p = :pk AND #s > :one",
    "#p = :pk AND #s >= :one",
    "#p = :pk AND #s < :two",
    "#p = :pk AND #s <= :two",
    "#p = :pk AND #s = :one",
    "#p = :pk AND begins_with(#s, :one)",
    ":pk = #p AND #s > :one",
)
QUERIES = 300


@pytest.fixture
def table() -> Iterator[str]:
    """A table with two partitions, written in no order."""
    name = "key-ranges"
    pairs = [("p", "HASH"), ("s", "RANGE")]
    dynamodb._create_table(
        {
            "TableName": name,
            "BillingMode": "PAY_PER_REQUEST",
            "AttributeDefinitions": [{"AttributeName": each, "AttributeType": "S"} for each, _ in pairs],
            "KeySchema": [{"AttributeName": each, "KeyType": kind} for each, kind in pairs],
        }
    )
    for partition, key in random.Random(1).sample([*product("xy", KEYS)], 2 * len(KEYS)):
        item = {"p": {"S": partition}, "s": {"S": key}, "n": {"N": str(len(key))}}
        dynamodb._put_item({"TableName": name, "Item": item})
    yield name
    dynamodb._delete_table({"TableName": name})


def queries(table: str) -> Iterator[Json]:
    """Queries of every kind, with and without a limit, a filter and a place to begin after."""
    chosen = random.Random(2)
    for _ in range(QUERIES):
        condition, (one, two) = chosen.choice(CONDITIONS), sorted(chosen.sample([*KEYS, "a", "b", "zz"], 2))
        partition = chosen.choice("xyz")
        values = {":pk": partition, ":one": one, ":two": two}
        used = {name: {"S": value} for name, value in values.items() if name in condition}
        names = {"#p": "p"} | ({"#s": "s"} if "#s" in condition else {})
        query: Json = {"TableName": table, "KeyConditionExpression": condition, "ExpressionAttributeValues": used}
        query |= {"ExpressionAttributeNames": names, "ScanIndexForward": chosen.random() < 0.5}
        query |= {"Limit": chosen.randint(1, 9)} if chosen.random() < 0.6 else {}
        start = {"p": {"S": partition}, "s": {"S": chosen.choice(KEYS)}}
        query |= {"ExclusiveStartKey": start} if chosen.random() < 0.4 else {}
        query |= {"FilterExpression": "n > :one_n"} if chosen.random() < 0.3 else {}
        if "FilterExpression" in query:
            used[":one_n"] = {"N": "2"}
        yield query


def differing(table: str, query: Callable[[Json], tuple[Any, ...]]) -> list[Json]:
    return [each for each in queries(table) if query(each)[::2] != dynamodb._query(each)[::2]]


def test_every_query_is_answered_as_before(table: str) -> None:
    assert differing(table, by_ranges(dynamodb._query)) == []


def test_comparison_finds_a_range_that_is_too_narrow(table: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The check above can fail: here a page gets no item more than it may have."""
    monkeypatch.setattr("local.key_ranges._AT_BOUNDS", 0)

    assert differing(table, by_ranges(dynamodb._query)) != []


def test_query_looks_at_its_range_and_not_at_the_whole_partition(table: str) -> None:
    values = {":pk": {"S": "x"}, ":one": {"S": KEYS[3]}}
    query = {"KeyConditionExpression": "#p = :pk AND #s > :one", "ExpressionAttributeValues": values, "Limit": 2}
    found = KeyRange.of(query)
    assert found is not None

    assert list(found.items(dynamodb._tables.get(table), query)) == KEYS[3:7]


@pytest.mark.parametrize(
    "query",
    [
        {},
        {"KeyConditionExpression": ""},
        {"KeyConditionExpression": "p = :pk"},
        {"KeyConditionExpression": "p = :pk", "ExpressionAttributeValues": {":pk": {"N": "1"}}},
        {"KeyConditionExpression": "p = :pk", "ExpressionAttributeValues": {":pk": {"S": "x"}}, "IndexName": "by-n"},
        {"KeyConditionExpression": "p = :pk OR s = :pk", "ExpressionAttributeValues": {":pk": {"S": "x"}}},
    ],
    ids=["no condition", "empty", "no value", "a number", "an index", "another condition"],
)
def test_what_is_no_range_of_text_keys_is_left_to_the_whole_query(query: Json) -> None:
    assert KeyRange.of(query) is None
