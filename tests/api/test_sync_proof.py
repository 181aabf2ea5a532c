"""The proof of a run: its counters, the pages of its log and its samples; and what differs between two runs."""

from typing import Any

import pytest

from hub.core.caller import Tenant
from hub.core.resources import resources
from hub.core.tables import partition
from hub.sync.proof import proof as prove
from tests.api.conftest import Hub
from tests.api.sync_work import Provider, Sync, contacts

Json = dict[str, Any]


@pytest.fixture
def sync(hub: Hub) -> Sync:
    return Sync(hub, Provider(contacts(25)))


def run(sync: Sync, integration_id: str, **asked: Any) -> str:
    body = {"endpointId": "list", "fresh": True, "deletes": "tombstone", **asked}
    reply = sync.hub.post(f"/api/v1/custom-integrations/{integration_id}/sync", body)
    assert reply.status == 202, reply.body
    sync.work(reply.body["id"])
    return str(reply.body["id"])


def proof(sync: Sync, job_id: str, **query: str) -> Json:
    reply = sync.hub.get(f"/api/v1/sync-jobs/{job_id}/proof", query=query)
    assert reply.status == 200, reply.body
    body: Json = reply.body
    return body


def test_proof_adds_up_with_samples_of_every_outcome(sync: Sync) -> None:
    integration_id = sync.connect()
    run(sync, integration_id)
    sync.provider.records[0]["name"] = "New name"
    sync.provider.records[1]["n"] = "many"
    sync.provider.records[2] = {"id": "new", "name": "New", "n": 1}

    found = proof(sync, run(sync, integration_id))

    assert found["balanced"] is True
    assert (
        found["read"] == 26 == sum(found[name] for name in ("created", "updated", "unchanged", "rejected", "deleted"))
    )
    assert found["samples"] == {
        "created": ["new"],
        "updated": ["c0000"],
        "unchanged": ["c0003", "c0004", "c0005", "c0006", "c0007"],
        "rejected": ["c0001"],
        "deleted": ["c0002"],
    }
    assert (found["pages"]["agree"], found["pages"]["count"], found["pages"]["read"]) == (True, 4, 26)


def test_proof_of_a_job_that_was_handed_on_again_and_again_adds_up(sync: Sync) -> None:
    integration_id = sync.connect()
    job_id = sync.start(integration_id)
    while sync.job(job_id)["status"] in ("PENDING", "RUNNING"):
        sync.work(job_id, remaining_ms=lambda: 0)

    found = proof(sync, job_id)

    assert (found["balanced"], found["pages"]["count"], found["created"]) == (True, 3, 25)


def test_proof_of_a_cancelled_job_adds_up(sync: Sync) -> None:
    integration_id = sync.connect()
    job_id = sync.start(integration_id)
    sync.provider.instead = {2: lambda: sync.cancel(job_id)}
    sync.work(job_id)

    found = proof(sync, job_id)

    assert (found["status"], found["balanced"], found["read"]) == ("CANCELLED", True, 20)


def test_counters_that_the_log_does_not_confirm_are_not_balanced(sync: Sync) -> None:
    job_id = run(sync, sync.connect())
    place = {"pk": partition(Tenant(sync.hub.tenant), "job"), "sk": job_id}
    counters = {**sync.job(job_id)["counters"], "read": 24, "created": 24}
    resources().tables.activity.update(place, "SET counters = :changed", {"changed": counters})

    found = proof(sync, job_id)

    assert (found["balanced"], found["pages"]["agree"]) == (False, False)


def test_proof_of_a_job_with_a_very_long_log_says_what_its_beginning_tells(
    sync: Sync, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An answer has 29 seconds: the log agrees as long as it does not say more than the counters."""
    job_id = run(sync, sync.connect())
    monkeypatch.setattr(prove, "AT_ONCE", 1)
    monkeypatch.setattr(prove, "MOST_LINES", 2)
    place = {"pk": partition(Tenant(sync.hub.tenant), "job"), "sk": job_id}
    counters = {**sync.job(job_id)["counters"], "read": 19, "created": 19}

    found = proof(sync, job_id)
    resources().tables.activity.update(place, "SET counters = :changed", {"changed": counters})
    wrong = proof(sync, job_id)

    assert (found["balanced"], found["pages"]["read"], found["pages"]["complete"]) == (True, 20, False)
    assert (wrong["balanced"], wrong["pages"]["agree"]) == (False, False)


def test_proof_of_another_tenant_is_not_found(sync: Sync, other_hub: Hub) -> None:
    job_id = run(sync, sync.connect())

    assert other_hub.get(f"/api/v1/sync-jobs/{job_id}/proof").status == 404
    assert sync.hub.get(f"/api/v1/sync-jobs/{job_id}/proof", query={"against": "job_x"}).status == 404


def test_difference_between_two_runs_is_what_changed_between_their_ends(sync: Sync) -> None:
    integration_id = sync.connect()
    first = run(sync, integration_id, history=True)
    sync.provider.records[0]["name"] = "New name"
    gone = sync.provider.records.pop()
    sync.provider.records.append({"id": "brief", "name": "Brief", "n": 1})
    run(sync, integration_id, history=True)
    sync.provider.records[-1] = {"id": "new", "name": "New", "n": 1}
    last = run(sync, integration_id, history=True)

    found = proof(sync, last, against=first)["difference"]

    assert (found["from"], found["to"], found["complete"]) == (first, last, True)
    assert found["created"] == {"count": 1, "ids": ["new"]}
    assert found["updated"] == {"count": 1, "ids": ["c0000"]}
    assert found["deleted"] == {"count": 1, "ids": [gone["id"]]}
    assert proof(sync, first, against=last)["difference"] == found


def test_runs_without_versions_cannot_be_compared(sync: Sync) -> None:
    integration_id = sync.connect()
    first, second = run(sync, integration_id), run(sync, integration_id, history=True)

    reply = sync.hub.get(f"/api/v1/sync-jobs/{second}/proof", query={"against": first})

    assert (reply.status, reply.code) == (409, "CONFLICT")


def test_runs_of_different_integrations_cannot_be_compared(sync: Sync) -> None:
    first, second = (run(sync, sync.connect(name), history=True) for name in ("one", "two"))

    reply = sync.hub.get(f"/api/v1/sync-jobs/{second}/proof", query={"against": first})

    assert (reply.status, reply.code) == (400, "VALIDATION_ERROR")


def test_samples_stay_few(sync: Sync) -> None:
    found = proof(sync, run(sync, sync.connect()))

    assert found["samples"]["created"] == ["c0000", "c0001", "c0002", "c0003", "c0004"]
