"""Counting without a write per request: exact in one process, late by at most a fold in several."""

from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from hub.core import rate_limit
from hub.core.rate_limit import FOLD_EVERY, Limited, Tally
from hub.core.tables import Tables, key
from tests.unit.core.conftest import ACME, OTHER, LogLines, make_settings

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

LIMIT = 300
MINUTE = 60 * 1000.0
PROCESSES = 5


def tally(tables: Tables) -> Tally:
    return Tally(tables, replace(make_settings(), rate_limits={"integration": 1, "events": LIMIT}), "events")


def accepted(tally: Tally, requests: int) -> int:
    """Return how many of so many requests are let through."""
    return sum(is_taken(tally) for _ in range(requests))


def is_taken(tally: Tally) -> bool:
    try:
        tally.take(ACME)
    except Limited:
        return False
    return True


def test_one_process_lets_through_exactly_the_limit(tables: Tables, at: Callable[[float], None]) -> None:
    at(MINUTE + 50)
    alone = tally(tables)

    assert accepted(alone, LIMIT + 100) == LIMIT
    with pytest.raises(Limited) as refused:
        alone.take(ACME)
    assert refused.value.retry_after_s == 10
    alone.take(OTHER)
    at(MINUTE + 60)
    assert accepted(alone, 1) == 1


def test_several_processes_let_through_at_most_a_fold_each_beyond_the_limit(
    tables: Tables, at: Callable[[float], None]
) -> None:
    at(MINUTE)
    processes = [tally(tables) for _ in range(PROCESSES)]

    taken = sum(is_taken(each) for _ in range(LIMIT) for each in processes)

    assert LIMIT <= taken <= LIMIT + PROCESSES * FOLD_EVERY


def test_most_requests_write_nothing(tables: Tables, dynamodb: "DynamoDBClient", at: Callable[[float], None]) -> None:
    at(MINUTE)
    calls: Counter[str] = Counter()
    dynamodb.meta.events.register("before-call.dynamodb", lambda model, **_: calls.update([model.name]))

    accepted(tally(tables), 3 * FOLD_EVERY)

    assert calls == {"UpdateItem": 3}


def test_what_cannot_be_folded_in_is_counted_later_and_nobody_is_refused_for_it(
    tables: Tables, dynamodb: "DynamoDBClient", at: Callable[[float], None], log: LogLines
) -> None:
    at(MINUTE)
    alone, gone = tally(tables), Tables(dynamodb, replace(make_settings(), coordination_table="missing"))
    table, alone._coordination = alone._coordination, gone.coordination

    assert accepted(alone, FOLD_EVERY) == FOLD_EVERY
    alone._coordination = table
    assert accepted(alone, LIMIT) == LIMIT - FOLD_EVERY

    assert log.lines[0]["message"] == "rate_limit.uncounted"
    shared: Any = tables.coordination.get(key(ACME, "rate#events", str(int(MINUTE) // rate_limit.WINDOW_S)))
    assert shared["used"] > FOLD_EVERY
