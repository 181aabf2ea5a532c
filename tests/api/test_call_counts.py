"""How many calls of AWS each operation makes: what a request costs, in time and in money.

`python -m tests.api.test_call_counts` prints the table for the README.
"""

import math
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from hub.core import cursors
from hub.core.caller import Tenant
from hub.core.resources import resources
from hub.core.tables import partition
from hub.sync import jobs
from tests.api.conftest import Hub, StoppedClock, make_integration
from tests.api.sync_work import Provider, Sync, contacts

PATH = "/api/v1/custom-integrations"
DOCUMENTS = "/api/v1/documents/contact"
PAGE = 100

# The rate limit of a request is one UpdateItem; the last page of a sync is stored by the write that ends the job.
TABLE: dict[str, dict[str, int]] = {
    "GET documents, one page": {"UpdateItem": 1, "Query": 1},
    "GET document": {"UpdateItem": 1, "GetItem": 1},
    "PUT document": {"UpdateItem": 1, "GetItem": 1, "TransactWriteItems": 1},
    "POST custom integration with a secret": {
        "UpdateItem": 1,
        "GetItem": 1,
        "GenerateDataKey": 1,
        "TransactWriteItems": 1,
        "SendMessage": 1,
    },
    "GET custom integration": {"UpdateItem": 1, "BatchGetItem": 1},
    "PATCH custom integration": {"UpdateItem": 1, "BatchGetItem": 1, "GetItem": 1, "TransactWriteItems": 1},
    "POST publish": {"UpdateItem": 1, "BatchGetItem": 1, "TransactWriteItems": 1},
    "POST sync": {"UpdateItem": 1, "BatchGetItem": 1, "GetItem": 1, "TransactWriteItems": 1, "SendMessage": 2},
    "Sync: claim a job": {"UpdateItem": 1},
    "Sync: begin a run": {"TransactGetItems": 1, "GetItem": 1, "Decrypt": 1},
    "Sync: page of 100 new records": {"Query": 1, "BatchWriteItem": 4, "TransactWriteItems": 1},
    "Sync: page of 100 unchanged records": {"Query": 1, "TransactWriteItems": 1},
    "Sync: pages behind it, 1,000 unchanged records in all": {"Query": 1, "TransactWriteItems": 1},
    "Sync: end a job, beside its last page": {"SendMessage": 1},
}

Counts = dict[str, int]


class Calls(Counter[str]):
    """Calls of AWS by the name of the operation."""

    def note(self, model: Any, **_: Any) -> None:
        self[model.name] += 1

    def since(self, before: Counter[str]) -> Counts:
        return dict(self - before)


@contextmanager
def counted() -> Iterator[Calls]:
    calls, made = Calls(), resources()
    clients = (made.dynamodb, made.sqs, made.events, made.kms)
    for client in clients:
        client.meta.events.register("before-call", calls.note)
    try:
        yield calls
    finally:
        for client in clients:
            client.meta.events.unregister("before-call", calls.note)


def of(call: Callable[[], Any]) -> Counts:
    with counted() as calls:
        call()
    return dict(calls)


def measured(hub: Hub) -> dict[str, Counts]:
    """Do every operation of the table once and return its calls."""
    edit = {"content": {"name": "Ada"}}
    put = of(lambda: hub.call("PUT", f"{DOCUMENTS}/c1", edit))
    made: list[Any] = []
    create = of(lambda: made.append(hub.post(PATH, make_integration())))
    return {
        "GET documents, one page": of(lambda: hub.get(DOCUMENTS)),
        "GET document": of(lambda: hub.get(f"{DOCUMENTS}/c1")),
        "PUT document": put,
        "POST custom integration with a secret": create,
        "GET custom integration": of(lambda: hub.get(f"{PATH}/{made[0].body['id']}")),
        "PATCH custom integration": of(lambda: hub.call("PATCH", f"{PATH}/{made[0].body['id']}", {"color": "red"})),
        "POST publish": of(lambda: hub.post(f"{PATH}/{made[0].body['id']}/publish")),
        **of_a_sync(hub),
    }


def of_a_sync(hub: Hub) -> dict[str, Counts]:
    """Return the calls of a first sync of 300 records, and of a page of the second, which finds them unchanged."""
    sync = Sync(hub, Provider(contacts(3 * PAGE), PAGE))
    integration_id = sync.connect("counted")
    ids: list[str] = []
    start = of(lambda: ids.append(sync.start(integration_id)))
    first, end = of_a_run(sync, ids[0])
    hint = dict(Counter(end) - Counter(first[1]))
    again, again_end = of_a_run(sync, sync.start(integration_id))
    unclaimed = sync.start(sync.connect("unclaimed"))
    claim = of(lambda: jobs.claim(resources().tables, Tenant(hub.tenant), unclaimed, "me", 60))
    return {
        "POST sync": start,
        "Sync: claim a job": claim,
        "Sync: begin a run": dict(Counter(first[0]) - Counter(claim)),
        "Sync: page of 100 new records": first[1],
        "Sync: page of 100 unchanged records": again[1],
        "Sync: pages behind it, 1,000 unchanged records in all": dict(Counter(again_end) - Counter(hint)),
        "Sync: end a job, beside its last page": hint,
    }


def of_a_run(sync: Sync, job_id: str) -> tuple[list[Counts], Counts]:
    """Return the calls before each page that is fetched, and those behind the last one."""
    marks: list[Counter[str]] = [Counter()]
    between: list[Counts] = []
    with counted() as calls:

        def mark() -> None:
            between.append(calls.since(marks[-1]))
            marks.append(Counter(calls))

        number = len(sync.provider.calls)
        sync.provider.instead = {number + page: mark for page in (1, 2, 3)}
        sync.work(job_id)
        return between, calls.since(marks[-1])


@pytest.fixture
def warm(hub: Hub, stopped_clock: StoppedClock) -> Hub:  # noqa: ARG001  what is read again after a while is not
    """The hub after its first requests: the keys that a process reads once are read."""
    cursors.Cursors(resources().tables)
    return hub


def test_every_operation_makes_the_calls_of_the_table(warm: Hub) -> None:
    found = measured(warm)

    assert found == TABLE


def test_page_of_100_records_stays_within_its_budget() -> None:
    new, unchanged = TABLE["Sync: page of 100 new records"], TABLE["Sync: page of 100 unchanged records"]

    assert new["Query"] <= 2
    assert new["BatchWriteItem"] <= 4
    assert new["TransactWriteItems"] == 1
    assert unchanged == {"Query": 1, "TransactWriteItems": 1}


# Whole syncs: claim, begin, pages, end and the hint of the event about it. The data key is known to the process.

UNCHANGED, CHANGED = 12, math.ceil(1000 / 25) + 14
Change = Callable[[int, dict[str, Any]], dict[str, Any]]


def of_a_second_sync(hub: Hub, page_size: int, change: Change) -> Counts:
    """Return all calls of a sync of 1,000 records, each of which `change` has made of the one that is stored."""
    sync = Sync(hub, Provider(contacts(1000), page_size))
    integration_id = sync.connect(f"pages-of-{page_size}")
    sync.work(sync.start(integration_id))
    sync.provider.records = [change(number, record) for number, record in enumerate(sync.provider.records)]
    job_id = sync.start(integration_id)
    return of(lambda: sync.work(job_id))


def as_it_was(_: int, record: dict[str, Any]) -> dict[str, Any]:
    return record


def renamed(_: int, record: dict[str, Any]) -> dict[str, Any]:
    return {**record, "name": f"{record['name']} the Second"}


@pytest.mark.parametrize("page_size", [100, 200, 500, 1000])
def test_sync_of_1000_unchanged_documents_costs_at_most_12_calls(warm: Hub, page_size: int) -> None:
    calls = of_a_second_sync(warm, page_size, as_it_was)

    assert sum(calls.values()) <= UNCHANGED, calls
    assert "BatchWriteItem" not in calls


@pytest.mark.parametrize("page_size", [200, 250, 500, 1000])
def test_sync_of_1000_changed_documents_costs_a_call_for_25_and_14_more(warm: Hub, page_size: int) -> None:
    calls = of_a_second_sync(warm, page_size, renamed)

    assert sum(calls.values()) <= CHANGED, calls
    assert calls["BatchWriteItem"] == 1000 / 25


def test_unchanged_documents_whose_ids_are_scattered_cost_a_call_per_100(warm: Hub) -> None:
    """Ten times as many other documents lie between them: after one attempt at a range they are read by id."""
    pk = partition(Tenant(warm.tenant), "doc#contact")
    between = [{"pk": pk, "sk": f"c{number:04}x{part}"} for number in range(1000) for part in range(3)]
    resources().tables.documents.batch_put(between)

    calls = of_a_second_sync(warm, 100, as_it_was)

    assert calls["BatchGetItem"] <= 1000 / 100
    assert sum(calls.values()) <= UNCHANGED + 1000 / 100


def markdown(table: dict[str, Counts]) -> str:
    rows = [f"| {name} | {calls_text(calls)} | {sum(calls.values())} |" for name, calls in table.items()]
    return "\n".join(["| Operation | Calls of AWS | Sum |", "|---|---|---|", *rows])


def calls_text(calls: Counts) -> str:
    return ", ".join(name if count == 1 else f"{count} {name}" for name, count in calls.items())


def main() -> None:
    print(markdown(TABLE))  # noqa: T201


if __name__ == "__main__":
    main()
