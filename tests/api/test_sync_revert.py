"""A bad run is taken back: every document as it was before, unless somebody has changed it since."""

from typing import Any

import pytest

from hub.sync.proof import revert
from tests.api.conftest import Hub
from tests.api.sync_work import Provider, Sync, contacts, counted

Json = dict[str, Any]
PATH = "/api/v1/documents/contact"


@pytest.fixture
def sync(hub: Hub) -> Sync:
    return Sync(hub, Provider(contacts(6)))


def run(sync: Sync, integration_id: str, **asked: Any) -> str:
    body = {"endpointId": "list", "fresh": True, "deletes": "tombstone", "history": True, **asked}
    reply = sync.hub.post(f"/api/v1/custom-integrations/{integration_id}/sync", body)
    assert reply.status == 202, reply.body
    sync.work(reply.body["id"])
    return str(reply.body["id"])


def documents(hub: Hub) -> dict[str, Any]:
    return {item["id"]: item["content"] for item in hub.get(PATH).body["items"]}


def preview(sync: Sync, job_id: str) -> Json:
    reply = sync.hub.post(f"/api/v1/sync-jobs/{job_id}/revert", {"preview": True})
    assert reply.status == 200, reply.body
    body: Json = reply.body
    return body


def reverted(sync: Sync, job_id: str) -> Json:
    reply = sync.hub.post(f"/api/v1/sync-jobs/{job_id}/revert", {})
    assert reply.status == 202, reply.body
    sync.work(reply.body["id"])
    return sync.job(reply.body["id"])


@pytest.fixture
def bad(sync: Sync) -> tuple[str, dict[str, Any]]:
    """A run that changed two documents, added one and deleted one; and the documents as they were before it."""
    integration_id = sync.connect()
    run(sync, integration_id, history=False)
    before = documents(sync.hub)
    sync.provider.records[0]["name"] = "?"
    sync.provider.records[1]["name"] = "?"
    sync.provider.records[5] = {"id": "new", "name": "?", "n": 1}
    return run(sync, integration_id), before


def test_run_is_taken_back(sync: Sync, bad: tuple[str, dict[str, Any]]) -> None:
    job_id, before = bad

    job = reverted(sync, job_id)

    assert (job["status"], job["counters"]) == ("COMPLETED", counted(read=4, created=1, updated=2, deleted=1))
    assert documents(sync.hub) == before
    assert sync.hub.get(f"/api/v1/sync-jobs/{job['id']}/proof").body["balanced"]
    assert "sync.reverted" in [entry["action"] for entry in sync.hub.audit_entries()]


def test_preview_says_what_would_be_and_changes_nothing(sync: Sync, bad: tuple[str, dict[str, Any]]) -> None:
    job_id, _ = bad
    now = documents(sync.hub)

    found = preview(sync, job_id)

    assert {name: found[name] for name in ("created", "updated", "deleted", "rejected")} == {
        "created": 1,
        "updated": 2,
        "deleted": 1,
        "rejected": 0,
    }
    assert (found["samples"]["deleted"], found["complete"]) == (["new"], True)
    assert documents(sync.hub) == now


def test_later_changes_are_never_overwritten(sync: Sync, bad: tuple[str, dict[str, Any]]) -> None:
    job_id, before = bad
    sync.hub.call("PUT", f"{PATH}/c0000", {"content": {"name": "edited"}})
    sync.hub.call("DELETE", f"{PATH}/new")

    told, job = preview(sync, job_id), reverted(sync, job_id)

    assert told["rejected"] == job["counters"]["rejected"] == 2
    assert {each["reason"] for each in job["errorLog"]} == {revert.SINCE}
    assert documents(sync.hub) == {**before, "c0000": {"name": "edited"}}


def test_record_that_came_on_two_pages_is_restored_once(sync: Sync) -> None:
    integration_id = sync.connect()
    run(sync, integration_id)
    before = documents(sync.hub)
    sync.provider.page_size = 3
    sync.provider.records[0]["name"] = "?"
    sync.provider.records.append({"id": "c0000", "name": "??", "n": 0})

    job = reverted(sync, run(sync, integration_id))

    assert job["counters"] == counted(read=1, updated=1)
    assert documents(sync.hub) == before


def test_record_that_came_on_two_pages_and_was_edited_since_is_left_once(sync: Sync) -> None:
    integration_id = sync.connect()
    run(sync, integration_id)
    sync.provider.page_size = 3
    sync.provider.records[0]["name"] = "?"
    sync.provider.records.append({"id": "c0000", "name": "??", "n": 0})
    bad = run(sync, integration_id)
    assert sync.hub.call("PUT", f"{PATH}/c0000", {"content": {"name": "edited"}}).status == 200

    shown, job = preview(sync, bad), reverted(sync, bad)

    assert job["counters"] == counted(read=1, rejected=1)
    assert shown["rejected"] == 1
    assert documents(sync.hub)["c0000"] == {"name": "edited"}


def test_record_that_is_edited_while_its_run_is_taken_back_counts_once(sync: Sync) -> None:
    """Its first page restores it; somebody edits it; its second page must not count it again."""
    integration_id = sync.connect()
    run(sync, integration_id)
    sync.provider.page_size = 3
    sync.provider.records[0]["name"] = "?"
    sync.provider.records.append({"id": "c0000", "name": "??", "n": 0})
    reply = sync.hub.post(f"/api/v1/sync-jobs/{run(sync, integration_id)}/revert", {})

    sync.work(reply.body["id"], remaining_ms=lambda: 0)
    assert documents(sync.hub)["c0000"]["name"] == "Name 0"
    sync.hub.call("PUT", f"{PATH}/c0000", {"content": {"name": "edited"}})
    sync.work(reply.body["id"])

    assert sync.job(reply.body["id"])["counters"] == counted(read=1, updated=1)
    assert documents(sync.hub)["c0000"] == {"name": "edited"}


def test_revert_is_taken_back_too(sync: Sync, bad: tuple[str, dict[str, Any]]) -> None:
    job_id, _ = bad
    now = documents(sync.hub)

    again = reverted(sync, reverted(sync, job_id)["id"])

    assert again["counters"] == counted(read=4, created=1, updated=2, deleted=1)
    assert documents(sync.hub) == now


def test_run_without_versions_cannot_be_taken_back(sync: Sync) -> None:
    job_id = run(sync, sync.connect(), history=False)

    assert sync.hub.post(f"/api/v1/sync-jobs/{job_id}/revert", {"preview": True}).status == 409
    assert sync.hub.post(f"/api/v1/sync-jobs/{job_id}/revert", {}).status == 409


def test_revert_is_for_administrators_of_the_tenant(
    sync: Sync, bad: tuple[str, dict[str, Any]], other_hub: Hub
) -> None:
    path = f"/api/v1/sync-jobs/{bad[0]}/revert"

    assert sync.hub.post(path, {}, roles="user").status == 403
    assert other_hub.post(path, {}).status == 404
    assert sync.hub.post(path, {}).status == 202


def test_large_run_is_taken_back_page_by_page(hub: Hub) -> None:
    sync = Sync(hub, Provider(contacts(130), page_size=130))
    integration_id = sync.connect()
    job_id = run(sync, integration_id)

    reply = sync.hub.post(f"/api/v1/sync-jobs/{job_id}/revert", {})
    while sync.job(reply.body["id"])["status"] in ("PENDING", "RUNNING"):
        sync.work(reply.body["id"], remaining_ms=lambda: 0)

    assert sync.job(reply.body["id"])["counters"] == counted(read=130, deleted=130)
    assert documents(hub) == {}
