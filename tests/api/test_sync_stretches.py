"""Pages that change nothing share a checkpoint; one that changes anything is stored by itself."""

import itertools
from contextlib import ExitStack
from typing import Any

import pytest

from hub import document_reads, documents
from hub.core.caller import Tenant
from hub.core.tables import Table
from hub.sync.pull import pull
from tests.api.conftest import Hub, just_before
from tests.api.sync_work import Json, Provider, Sync, connector, contacts, counted, recorded, status

DOCUMENTS = "/api/v1/documents/contact"
RECORDS = 100


@pytest.fixture
def sync(hub: Hub) -> Sync:
    return Sync(hub, Provider(contacts(RECORDS)))


@pytest.fixture
def synced(sync: Sync) -> str:
    """Return an integration whose 100 records are stored, ten pages of ten."""
    integration_id = sync.connect()
    sync.work(sync.start(integration_id))
    return integration_id


def lines(sync: Sync, job_id: str) -> list[tuple[int, str]]:
    """Return the page and the message of each line of a job's log."""
    found = sync.hub.get(f"/api/v1/sync-jobs/{job_id}/logs", query={"limit": "100"}).body["data"]
    return [(line["page"], line["message"]) for line in found]


def test_pages_that_change_nothing_share_a_read_and_a_checkpoint(sync: Sync, synced: str) -> None:
    job_id = sync.start(synced)

    with recorded() as asked:
        sync.work(job_id)

    assert sync.job(job_id)["counters"] == counted(read=RECORDS, unchanged=RECORDS)
    assert sync.job(job_id)["page"] == 10
    assert lines(sync, job_id) == [
        (0, "page stored"),
        (1, "pages 1 to 9 unchanged, the last one read (cursor_null)"),
    ]
    assert (len(asked.of("Query")), len(asked.of("TransactWriteItems"))) == (2, 2)
    proof = sync.hub.get(f"/api/v1/sync-jobs/{job_id}/proof").body
    assert (proof["balanced"], proof["pages"]["count"], proof["pages"]["read"]) == (True, 10, RECORDS)


def test_page_that_changes_something_is_stored_with_a_checkpoint_of_its_own(sync: Sync, synced: str) -> None:
    sync.provider.records[55]["name"] = "Ada"
    job_id = sync.start(synced)

    sync.work(job_id)

    assert sync.job(job_id)["counters"] == counted(read=RECORDS, updated=1, unchanged=RECORDS - 1)
    assert lines(sync, job_id) == [
        (0, "page stored"),
        (1, "pages 1 to 4 unchanged"),
        (5, "page stored"),
        (6, "pages 6 to 9 unchanged, the last one read (cursor_null)"),
    ]
    assert sync.hub.get(f"{DOCUMENTS}/c0055").body["content"]["name"] == "Ada"


def edited_meanwhile(sync: Sync, synced: str) -> int:
    """Let a person edit a document between the read of a stretch and the write of one of its pages.

    Returns the version that the sync, which overwrites it, has made of it.
    """
    sync.provider.records[55]["name"] = "Ada"
    job_id = sync.start(synced)

    def edit() -> None:
        assert sync.hub.call("PUT", f"{DOCUMENTS}/c0055", {"content": {"name": "Grace"}}).status == 200

    with ExitStack() as hooks:
        checkpoint = just_before("TransactWriteItems", edit)  # of the stretch, once its last page is there
        sync.provider.instead[len(sync.provider.calls) + 10] = lambda: hooks.enter_context(checkpoint)
        sync.work(job_id)
    assert sync.job(job_id)["counters"]["updated"] == 1
    return int(sync.hub.get(f"{DOCUMENTS}/c0055").body["version"])


def test_no_write_is_made_of_the_read_of_a_stretch(sync: Sync, synced: str) -> None:
    assert edited_meanwhile(sync, synced) == 3


def test_mutant_that_writes_of_the_old_read_gives_a_version_twice(
    sync: Sync, synced: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    read, old = document_reads.stored, dict[str, Any]()

    def remembered(table: Any, pk: str, ids: Any, fields: str = "") -> Any:
        if fields:
            old.update(read(table, pk, ids))
            return old
        return {name: old[name] for name in ids} if ids <= old.keys() else read(table, pk, ids)

    monkeypatch.setattr(document_reads, "stored", remembered)

    assert edited_meanwhile(sync, synced) == 2


def test_slow_source_is_stored_page_by_page(sync: Sync, synced: str) -> None:
    job_id = sync.start(synced)
    watch = itertools.count()

    sync.work(job_id, watch=lambda: float(next(watch)))

    assert [page for page, _ in lines(sync, job_id)] == list(range(10))


def repeated(sync: Sync, synced: str) -> Json:
    """Sync a list in which a later page has a record again as it was before, and return the job."""
    sync.provider.records[75] = dict(sync.provider.records[55])
    sync.provider.records[55]["name"] = "Ada"
    job_id = sync.start(synced)
    sync.work(job_id)
    return sync.job(job_id)


def test_record_that_comes_again_is_judged_by_what_came_before_it(sync: Sync, synced: str) -> None:
    job = repeated(sync, synced)

    assert job["counters"] == counted(read=RECORDS, updated=2, unchanged=RECORDS - 2)
    assert sync.hub.get(f"{DOCUMENTS}/c0055").body["content"]["name"] == "Name 55"


def test_mutant_that_judges_every_page_by_the_same_read_keeps_the_wrong_record(
    sync: Sync, synced: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    judge = documents.are_there

    def each_alone(table: Table, tenant: Tenant, kind: str, pages: Any) -> list[bool]:
        return [found for page in pages for found in judge(table, tenant, kind, [page])]

    monkeypatch.setattr(documents, "are_there", each_alone)

    repeated(sync, synced)

    assert sync.hub.get(f"{DOCUMENTS}/c0055").body["content"]["name"] == "Ada"


def test_rejected_record_is_told_with_its_page(sync: Sync, synced: str) -> None:
    sync.provider.records[42]["n"] = "many"
    job_id = sync.start(synced)

    sync.work(job_id)

    job = sync.job(job_id)
    assert job["counters"] == counted(read=RECORDS, unchanged=RECORDS - 1, rejected=1)
    assert [(fault["page"], fault["index"]) for fault in job["errorLog"]] == [(4, 2)]


def test_cancelled_sync_writes_nothing_behind_the_stretch_under_way(sync: Sync, synced: str) -> None:
    for number in (55, 75):
        sync.provider.records[number]["name"] = "Ada"
    job_id = sync.start(synced)
    sync.provider.instead[len(sync.provider.calls) + 3] = lambda: sync.cancel(job_id)

    sync.work(job_id)

    job = sync.job(job_id)
    assert (job["status"], job["page"]) == ("CANCELLED", 5)
    assert job["counters"] == counted(read=50, unchanged=50)
    assert sync.hub.get(f"{DOCUMENTS}/c0055").body["version"] == 1


def test_fault_of_the_provider_keeps_what_came_before_it(sync: Sync, synced: str) -> None:
    job_id = sync.start(synced)
    sync.provider.instead[len(sync.provider.calls) + 7] = status(400)

    sync.work(job_id)

    job = sync.job(job_id)
    assert (job["status"], job["page"]) == ("FAILED", 6)
    assert job["counters"] == counted(read=60, unchanged=60)
    assert lines(sync, job_id)[1] == (1, "pages 1 to 5 unchanged")


def test_job_that_is_handed_on_goes_on_behind_the_stretch(sync: Sync, synced: str) -> None:
    job_id = sync.start(synced)
    sync.provider.records[99]["name"] = "Ada"

    sync.work(job_id, remaining_ms=iter([900_000, 0]).__next__)
    between = sync.job(job_id)
    sync.work(job_id)

    assert (between["status"], between["page"], between["counters"]["read"]) == ("PENDING", 9, 90)
    assert sync.job(job_id)["counters"] == counted(read=RECORDS, updated=1, unchanged=RECORDS - 1)


def test_stretch_is_at_most_a_thousand_records(hub: Hub) -> None:
    sync = Sync(hub, Provider(contacts(1500), 100))
    integration_id = sync.connect()
    sync.work(sync.start(integration_id))
    job_id = sync.start(integration_id)

    sync.work(job_id)

    assert [page for page, _ in lines(sync, job_id)] == [0, 1, 11]


def test_entity_with_a_contract_is_stored_page_by_page(sync: Sync, synced: str) -> None:
    asked = {"endpointId": "list", "fresh": True, "contract": {"mode": "evolve"}}
    job_id = sync.hub.post(f"/api/v1/custom-integrations/{synced}/sync", asked).body["id"]

    sync.work(job_id)

    assert [page for page, _ in lines(sync, job_id)] == list(range(10))


def found_by_lookup(sync: Sync) -> Any:
    """Let a record name one that came a page before it, both new behind a quiet page; return what was found."""
    endpoint = connector()["endpoints"][0]
    chief = {"type": "contact", "key": "$.chief", "field": "name"}
    mapped = {"source": "$", "target": "chief", "transform": {"type": "lookup", "config": chief}}
    mapping = {**endpoint["responseMapping"]}
    mapping["fieldMappings"] = [*mapping["fieldMappings"], mapped]
    integration_id = sync.connect("chiefs", endpoints=[{**endpoint, "responseMapping": mapping}])
    sync.work(sync.start(integration_id))
    sync.provider.records[25] = {"id": "chief", "name": "Ada", "n": 1}
    sync.provider.records[35]["chief"] = "chief"
    sync.work(sync.start(integration_id))
    return sync.hub.get(f"{DOCUMENTS}/c0035").body["content"].get("chief")


def test_record_finds_the_one_that_came_a_page_before_it(sync: Sync) -> None:
    assert found_by_lookup(sync) == "Ada"


def test_mutant_that_holds_pages_with_lookups_does_not_find_it(sync: Sync, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pull, "LOOKUP", "no definition says this")

    assert found_by_lookup(sync) != "Ada"
