"""How an upsert reads what is stored: a range where ids lie together, else by id; the outcomes are the same."""

import itertools
from collections import Counter

import pytest

from hub import document_reads, documents
from hub.core.caller import Tenant
from hub.core.resources import resources
from tests.api.conftest import Hub
from tests.api.sync_work import Record, recorded

PAGES = itertools.count()
READS = ("Query", "BatchGetItem")


def stored(hub: Hub, ids: list[str], name: str = "Ada") -> tuple[Counter[str], Record]:
    """Upsert documents as a page of its own; return how many had which outcome, and what was asked of AWS."""
    step = documents.Step("integration:int_1", f"job_1#{next(PAGES)}")
    incoming = [documents.Incoming.of(each, {"name": name}) for each in ids]
    with recorded() as asked:
        outcomes = documents.upsert(resources().tables.documents, Tenant(hub.tenant), "contact", incoming, step)
    return Counter(outcomes), asked


def reads(asked: Record) -> list[str]:
    return [call.operation for call in asked if call.operation in READS]


def named(prefix: str, count: int) -> list[str]:
    return [f"{prefix}{number:04}" for number in range(count)]


@pytest.mark.parametrize("count", [8, 100, 250])
def test_ids_that_lie_together_are_read_by_one_range(hub: Hub, count: int) -> None:
    stored(hub, named("c", count))

    outcomes, asked = stored(hub, named("c", count))

    assert outcomes == {"unchanged": count}
    assert reads(asked) == ["Query"]
    assert asked.of("Query")[0]["Limit"] <= count * 1.25
    assert asked.of("BatchWriteItem") == []


def test_few_ids_are_read_by_id(hub: Hub) -> None:
    assert reads(stored(hub, named("c", 7))[1]) == ["BatchGetItem"]


def test_scattered_ids_are_found_behind_the_end_of_the_range_too(hub: Hub) -> None:
    """Of 200 stored documents every tenth comes again: the range ends long before the last of them."""
    everything = named("c", 200)
    stored(hub, everything)

    outcomes, asked = stored(hub, [*everything[::10], "c9999"], "Eve")

    assert outcomes == {"updated": 20, "created": 1}
    assert reads(asked) == ["Query", "BatchGetItem"]


def test_scattered_pages_are_read_by_id_for_a_while(hub: Hub) -> None:
    everything = named("c", 200)
    stored(hub, everything)
    stored(hub, everything[::10])

    asked = [reads(stored(hub, everything[::10])[1]) for _ in range(document_reads.PAGES_BY_ID + 1)]

    assert asked == [["BatchGetItem"]] * document_reads.PAGES_BY_ID + [["Query", "BatchGetItem"]]


def test_document_that_was_deleted_here_comes_back_from_a_range_as_new(hub: Hub) -> None:
    stored(hub, named("c", 20))
    assert hub.call("DELETE", "/api/v1/documents/contact/c0003").status == 204

    outcomes, _ = stored(hub, named("c", 20))

    assert outcomes == {"created": 1, "unchanged": 19}


def test_range_never_reaches_another_tenants_documents(hub: Hub, other_hub: Hub) -> None:
    stored(other_hub, named("c", 20))

    assert stored(hub, named("c", 20))[0] == {"created": 20}
    assert stored(other_hub, named("c", 20))[0] == {"unchanged": 20}
