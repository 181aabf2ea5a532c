"""What a full sync has not seen is deleted: only after a natural end, never too much at once, and never twice."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from hub.core import clock
from hub.core.clock import DAY_S
from hub.outbound.calls import Reply
from tests.api.conftest import Hub
from tests.api.sync_work import Provider, Sync, connector, contacts, counted, status

Json = dict[str, Any]
PATH = "/api/v1/documents/contact"


@pytest.fixture
def sync(hub: Hub) -> Sync:
    return Sync(hub, Provider(contacts(40)))


@pytest.fixture(autouse=True)
def real_clock() -> Iterator[None]:
    yield
    clock.use(None)


def pass_time(seconds: float) -> None:
    later = clock.epoch_s() + seconds
    clock.use(lambda: later)


def start(sync: Sync, integration_id: str, **asked: Any) -> str:
    body = {"endpointId": "list", "fresh": True, "deletes": "tombstone", **asked}
    reply = sync.hub.post(f"/api/v1/custom-integrations/{integration_id}/sync", body)
    assert reply.status == 202, reply.body
    return str(reply.body["id"])


def run(sync: Sync, integration_id: str, **asked: Any) -> Json:
    job_id = start(sync, integration_id, **asked)
    sync.work(job_id)
    return sync.job(job_id)


def alive(hub: Hub) -> set[str]:
    return {item["sk"] for item in hub.documents("contact") if "deletedAt" not in item}


def proof(sync: Sync, job: Json) -> Json:
    body: Json = sync.hub.get(f"/api/v1/sync-jobs/{job['id']}/proof").body
    return body


@pytest.fixture
def synced(sync: Sync) -> str:
    """An integration whose 40 contacts are stored."""
    integration_id = sync.connect()
    assert run(sync, integration_id)["counters"] == counted(read=40, created=40)
    return integration_id


def test_what_is_gone_from_the_source_is_deleted(sync: Sync, synced: str) -> None:
    del sync.provider.records[3:6]

    job = run(sync, synced)

    assert (job["status"], job["counters"]) == ("COMPLETED", counted(read=40, unchanged=37, deleted=3))
    assert len(alive(sync.hub)) == 37
    assert sync.hub.get(f"{PATH}/c0004").status == 404
    assert proof(sync, job)["samples"]["deleted"] == ["c0003", "c0004", "c0005"]


def test_change_stream_shows_the_deletions(sync: Sync, synced: str) -> None:
    del sync.provider.records[3]
    run(sync, synced)
    pass_time(10)

    changes = sync.hub.get(f"{PATH}/changes", query={"limit": 100}).body["changes"]

    assert [change["id"] for change in changes if change["operation"] == "delete"] == ["c0003"]


def test_sync_deletes_nothing_unless_asked_to(sync: Sync, synced: str) -> None:
    del sync.provider.records[3:6]

    job = run(sync, synced, deletes="keep")

    assert job["counters"] == counted(read=37, unchanged=37)
    assert len(alive(sync.hub)) == 40


def test_record_that_comes_back_is_created_again(sync: Sync, synced: str) -> None:
    gone = sync.provider.records.pop(3)
    run(sync, synced)
    sync.provider.records.append(gone)

    job = run(sync, synced)

    assert job["counters"] == counted(read=40, created=1, unchanged=39)


def test_document_that_others_wrote_stays(sync: Sync, synced: str) -> None:
    """A local edit, a document of another list, one that was made by hand: none of them is this source's to delete."""
    sync.hub.call("PUT", f"{PATH}/by-hand", {"content": {"name": "Ada"}})
    sync.hub.call("PUT", f"{PATH}/c0003", {"content": {"name": "edited"}})
    del sync.provider.records[3]

    job = run(sync, synced)

    assert job["counters"]["deleted"] == 0
    assert {"by-hand", "c0003"} <= alive(sync.hub)


def test_other_endpoint_of_the_integration_keeps_its_documents(sync: Sync) -> None:
    """Two lists fill one type: what one does not have is not gone from the other."""
    raw = connector()["endpoints"][0]
    integration_id = sync.connect(endpoints=[raw, {**raw, "id": "archive", "name": "archive"}])
    run(sync, integration_id)
    sync.provider.records = [{"id": "a1", "name": "Old", "n": 1}]

    job = run(sync, integration_id, endpointId="archive")

    assert job["counters"] == counted(read=1, created=1)
    assert len(alive(sync.hub)) == 41


def test_record_that_is_rejected_is_not_gone(sync: Sync, synced: str) -> None:
    sync.provider.records[3] = {"id": "c0003", "name": "Name 3", "n": "many"}

    job = run(sync, synced)

    assert job["counters"] == counted(read=40, unchanged=39, rejected=1)
    assert "c0003" in alive(sync.hub)


def test_record_without_an_id_forbids_all_deletions(sync: Sync, synced: str) -> None:
    """It may be any of the documents that seem to be gone."""
    sync.provider.records[3] = {"name": "Name 3", "n": 3}

    job = run(sync, synced)

    assert job["counters"]["deleted"] == 0
    assert proof(sync, job)["deletesOff"] == "a record has no id"


# ---------------------------------------------------------------- ends that are none


def broken(_: Provider) -> Reply:
    return Reply(200, {"content-type": "application/json"}, b'{"items": [{"id": "c0', 1)


def nothing(_: Provider) -> Reply:
    return Reply(200, {"content-type": "application/json"}, b'{"items": []}', 1)


CUTS: dict[str, Callable[[Provider], Reply]] = {
    "401": lambda _: status(401)(),
    "403": lambda _: status(403)(),
    "404": lambda _: status(404)(),
    "500": lambda _: status(500)(),
    "half an answer": broken,
}


@pytest.mark.parametrize("cut", CUTS)
def test_source_that_breaks_off_at_any_page_deletes_nothing(sync: Sync, synced: str, cut: str) -> None:
    for page in range(1, 5):
        number = len(sync.provider.calls) + page
        sync.provider.instead = {number + more: lambda: CUTS[cut](sync.provider) for more in range(20)}

        job_id = start(sync, synced)
        sync.work(job_id)

        assert sync.job(job_id)["counters"]["deleted"] == 0
        assert len(alive(sync.hub)) == 40
        if sync.job(job_id)["status"] in ("PENDING", "RUNNING"):
            sync.cancel(job_id)


def test_list_that_ends_too_early_by_its_own_account_deletes_nothing(sync: Sync, synced: str) -> None:
    """The source says that it has 40 records, and stops after 30."""
    number = len(sync.provider.calls) + 3
    body = b'{"items": [{"id": "c0020", "name": "Name 20", "n": 20}], "next": null, "total": 40}'
    sync.provider.instead = {number: lambda: Reply(200, {"content-type": "application/json"}, body, 1)}

    job = run(sync, synced)

    assert (job["status"], job["counters"]["deleted"]) == ("COMPLETED", 0)
    assert "40 records by its own account" in proof(sync, job)["deletesOff"]


def test_empty_answer_deletes_nothing_without_an_approval(hub: Hub) -> None:
    """Not even where there are so few documents that the fuse would let them go."""
    sync = Sync(hub, Provider(contacts(4)))
    integration_id = sync.connect()
    run(sync, integration_id)
    sync.provider.instead = {len(sync.provider.calls) + 1: lambda: nothing(sync.provider)}

    job = run(sync, integration_id)

    assert (job["status"], job["deletesHeld"]) == ("COMPLETED", 4)
    assert len(alive(hub)) == 4


def test_repeated_page_deletes_nothing(sync: Sync, synced: str) -> None:
    first = sync.provider._page
    number = len(sync.provider.calls)
    answers: list[Reply] = []

    def same() -> Reply:
        answers.append(answers[0] if answers else first(sync.provider.calls[number]))
        return answers[-1]

    sync.provider.instead = {number + page: same for page in (1, 2, 3)}

    job = run(sync, synced)

    assert (job["status"], job["counters"]["deleted"]) == ("FAILED", 0)
    assert len(alive(sync.hub)) == 40


def test_page_limit_deletes_nothing(sync: Sync) -> None:
    raw = connector()["endpoints"][0]
    integration_id = sync.connect()
    run(sync, integration_id)
    limited = {**raw, "pagination": {**raw["pagination"], "maxPages": 2}}
    changed = sync.hub.call("PATCH", f"/api/v1/custom-integrations/{integration_id}", {"endpoints": [limited]})
    assert changed.status == 200, changed.body

    job = run(sync, integration_id)

    assert (job["stopReason"], job["counters"]["deleted"]) == ("max_pages", 0)
    assert proof(sync, job)["deletesOff"] == "the source did not say that its list ends (max_pages)"


# ---------------------------------------------------------------- the fuse


@pytest.fixture
def held(sync: Sync, synced: str) -> Json:
    """A full sync that found 20 of 40 gone."""
    del sync.provider.records[20:]
    return run(sync, synced)


def approve(sync: Sync, job: Json, **who: Any) -> Any:
    return sync.hub.post(f"/api/v1/sync-jobs/{job['id']}/approve-deletes", **who)


def test_too_many_deletions_wait(sync: Sync, held: Json) -> None:
    assert (held["status"], held["deletesHeld"]) == ("COMPLETED", 20)
    assert held["counters"] == counted(read=20, unchanged=20)
    assert len(alive(sync.hub)) == 40
    told = dict(sync.events())["sync.deletes_held"]
    assert (told["jobId"], told["count"], told["sample"][:2]) == (held["id"], 20, ["c0020", "c0021"])


def test_ten_deletions_need_no_approval_and_eleven_do(sync: Sync, synced: str) -> None:
    del sync.provider.records[30:]
    ten = run(sync, synced)
    del sync.provider.records[19:]
    eleven = run(sync, synced)

    assert (ten["deletesHeld"], ten["counters"]["deleted"]) == (0, 10)
    assert (eleven["deletesHeld"], eleven["counters"]["deleted"]) == (11, 0)


def test_approved_deletions_are_carried_out_by_a_job(sync: Sync, held: Json) -> None:
    reply = approve(sync, held)
    assert reply.status == 202, reply.body
    sync.work(reply.body["id"])

    job = sync.job(reply.body["id"])
    assert (job["status"], job["counters"]) == ("COMPLETED", counted(read=20, deleted=20))
    assert alive(sync.hub) == {f"c{number:04}" for number in range(20)}
    assert proof(sync, job)["balanced"]
    assert proof(sync, held)["fuse"]["approvedBy"]
    assert "sync.deletes_approved" in [entry["action"] for entry in sync.hub.audit_entries()]


def test_approval_is_for_administrators(sync: Sync, held: Json) -> None:
    assert approve(sync, held, roles="user").status == 403
    assert approve(sync, held).status == 202


def test_approval_of_another_tenant_finds_no_job(sync: Sync, held: Json, other_hub: Hub) -> None:
    assert approve(Sync(other_hub, sync.provider), held).status == 404
    assert approve(sync, held).status == 202


def test_deletions_are_approved_once(sync: Sync, held: Json) -> None:
    sync.work(approve(sync, held).body["id"])

    assert (approve(sync, held).status, approve(sync, held).code) == (409, "CONFLICT")


def test_approval_ends(sync: Sync, held: Json) -> None:
    pass_time(8 * DAY_S)

    assert approve(sync, held).status == 409


def test_later_full_sync_ends_the_approval(sync: Sync, synced: str) -> None:
    """The source was cut off, and has everything again: nobody may delete by what was seen then."""
    kept = list(sync.provider.records)
    del sync.provider.records[20:]
    cut = run(sync, synced)
    sync.provider.records = kept
    run(sync, synced)

    assert approve(sync, cut).status == 409
    assert len(alive(sync.hub)) == 40


def test_document_that_changes_before_the_approval_stays(sync: Sync, held: Json) -> None:
    sync.hub.call("PUT", f"{PATH}/c0030", {"content": {"name": "edited"}})

    job_id = approve(sync, held).body["id"]
    sync.work(job_id)

    assert sync.job(job_id)["counters"] == counted(read=19, deleted=19)
    assert "c0030" in alive(sync.hub)


def test_job_without_held_deletions_has_nothing_to_approve(sync: Sync, synced: str) -> None:
    assert approve(sync, run(sync, synced)).status == 409


def test_retry_of_a_job_that_died_while_deleting_sees_what_its_run_saw(sync: Sync, synced: str) -> None:
    """It has read nothing itself: without what the first one saw everything would seem to be gone."""
    del sync.provider.records[3:6]
    job_id = start(sync, synced)
    while sync.job(job_id)["phase"] != "delete":
        sync.work(job_id, remaining_ms=lambda: 0)
    sync.cancel(job_id)

    again = sync.hub.post(f"/api/v1/sync-jobs/{job_id}/retry")
    assert again.status == 202, again.body
    sync.work(again.body["id"])

    assert sync.job(again.body["id"])["counters"] == counted(read=3, deleted=3)
    assert len(alive(sync.hub)) == 37


def test_end_of_a_sync_is_noted_on_its_integration(sync: Sync, synced: str) -> None:
    good = sync.hub.get(f"/api/v1/integrations/{synced}").body
    number = len(sync.provider.calls) + 1
    sync.provider.instead = {number: status(404)}
    run(sync, synced)
    bad = sync.hub.get(f"/api/v1/integrations/{synced}").body

    assert good["lastSyncAt"]
    assert good["lastError"] is None
    assert bad["lastSyncAt"] == good["lastSyncAt"]
    assert "404" in bad["lastError"]
