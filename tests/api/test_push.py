"""Pushes: what changed here goes out in batches, once, and every record is told of."""

import json
from collections.abc import Iterator
from typing import Any

import pytest

from hub.core import clock
from hub.core.tables import key
from hub.outbound.calls import Call, Reply
from tests.api.conftest import Hub
from tests.api.push_work import DELETING, Crm, Json, Pushes, counts, listing, reply, writing


@pytest.fixture
def pushes(hub: Hub) -> Iterator[Pushes]:
    yield Pushes(hub)
    clock.use(None)


def three(pushes: Pushes) -> None:
    for number in range(3):
        pushes.put(f"d{number}", email=f"d{number}@example.com", name=f"Name {number}")


def test_push_sends_batches_of_the_providers_size(pushes: Pushes) -> None:
    pushes.connect()
    three(pushes)

    job = pushes.push()

    assert (job["status"], job["stopReason"], counts(job)) == ("COMPLETED", "end_of_changes", {"read": 3, "created": 3})
    assert [len(pushes.crm.items(number)) for number in range(len(pushes.crm.calls))] == [2, 1]
    assert [record["name"] for record in pushes.crm.records.values()] == ["Name 0", "Name 1", "Name 2"]


def test_next_push_sends_what_has_changed_since_and_of_it_what_the_provider_lacks(pushes: Pushes) -> None:
    """Fields that nobody touched here may have changed there."""
    pushes.connect()
    three(pushes)
    pushes.push()
    pushes.crm.records["r2"]["name"] = "edited there"
    pushes.put("d1", email="d1@example.com", name="Name 1", phone="555")

    job = pushes.push()

    assert counts(job) == {"read": 1, "updated": 1}
    assert pushes.crm.sent[3:] == [{"email": "d1@example.com", "phone": "555"}]
    assert pushes.crm.records["r2"]["name"] == "edited there"


def test_field_that_was_cleared_here_is_cleared_there(pushes: Pushes) -> None:
    pushes.connect()
    pushes.put("d1", email="d1@example.com", name="Name", phone="555")
    pushes.push()
    pushes.put("d1", email="d1@example.com", name="Name")

    pushes.push()

    assert pushes.crm.sent[-1] == {"email": "d1@example.com", "phone": None}


def test_push_reports_each_refused_record_with_the_reason(pushes: Pushes) -> None:
    pushes.connect()
    three(pushes)
    pushes.put("d9", name="without an address")
    pushes.crm.refuses["d1@example.com"] = {"code": "BLOCKED", "message": "They do not want mail."}

    job = pushes.push()

    assert (job["status"], counts(job)) == ("COMPLETED", {"read": 4, "created": 2, "rejected": 2})
    told = {fault["documentId"]: (fault["code"], fault["reason"]) for fault in job["errorLog"]}
    assert told["d1"] == ("BLOCKED", "They do not want mail.")
    assert told["d9"][0] == "REQUIRED_FIELD_MISSING"


def test_rate_limit_of_the_provider_defers_the_push(pushes: Pushes) -> None:
    pushes.connect()
    three(pushes)
    pushes.crm.instead[2] = lambda: reply({}, 429, retry_after="60")
    job_id = pushes.start()

    job = pushes.work(job_id)

    assert (job["status"], counts(job)) == ("PENDING", {"read": 2, "created": 2})
    pushes.now_s += 120
    job = pushes.work(job_id)
    assert (job["status"], counts(job)) == ("COMPLETED", {"read": 3, "created": 3})


def test_export_sends_everything_and_leaves_no_trace_for_the_next_push(pushes: Pushes) -> None:
    pushes.connect()
    three(pushes)
    pushes.push()
    pushes.put("d3", email="d3@example.com", name="Name 3")

    exported = pushes.push("EXPORT")
    following = pushes.push()

    assert counts(exported) == {"read": 4, "created": 1, "updated": 3}
    assert counts(following) == {"read": 1, "unchanged": 1}


def test_filters_choose_the_documents(pushes: Pushes) -> None:
    pushes.connect()
    three(pushes)

    job = pushes.push("EXPORT", filters={"name": "Name 1"})

    assert [item["name"] for item in pushes.crm.sent] == ["Name 1"]
    assert counts(job) == {"read": 3, "created": 1, "unchanged": 2}


def test_deletion_goes_out_where_the_provider_has_an_operation_for_it(pushes: Pushes) -> None:
    pushes.connect(listing(), writing(), DELETING)
    three(pushes)
    pushes.push()
    pushes.delete("d1")

    job = pushes.push()

    assert counts(job) == {"read": 1, "deleted": 1}
    assert sorted(pushes.crm.records) == ["r1", "r3"]


def test_deletion_is_reported_where_the_provider_has_none(pushes: Pushes) -> None:
    pushes.connect()
    three(pushes)
    pushes.push()
    pushes.delete("d1")

    job = pushes.push()

    assert counts(job) == {"read": 1, "rejected": 1}
    assert [fault["code"] for fault in job["errorLog"]] == ["NOT_DELETABLE"]
    assert len(pushes.crm.records) == 3


def test_change_of_the_last_seconds_is_waited_for(pushes: Pushes) -> None:
    pushes.connect()
    job_id = pushes.start()
    pushes.put("late", email="late@example.com", name="Late")
    pushes.now_s -= 6  # the worker is there at once

    waiting = pushes.work(job_id)
    pushes.now_s += 5
    job = pushes.work(job_id)

    assert waiting["status"] == "PENDING"
    assert (job["status"], counts(job)) == ("COMPLETED", {"read": 1, "created": 1})


def test_integration_pushes_no_documents_of_another_type_than_it_may(pushes: Pushes) -> None:
    integration = pushes.connect()
    from hub.core.caller import Tenant
    from hub.core.resources import resources

    job_id = pushes.start()
    config, place = resources().tables.config, key(Tenant(pushes.hub.tenant), "integration", integration)
    config.update(place, "SET allowedShardTypes = :types", {"types": ["company"]})

    job = pushes.work(job_id)

    assert (job["status"], pushes.crm.calls) == ("FAILED", [])
    assert "allowedShardTypes" in job["errorLog"][-1]["reason"]


def test_record_that_another_document_is_linked_to_is_not_taken_from_it(pushes: Pushes) -> None:
    pushes.connect(listing(), writing(size=1))
    pushes.put("one", email="same@example.com", name="One")
    pushes.put("two", email="same@example.com", name="Two")

    job = pushes.push()

    assert counts(job) == {"read": 2, "created": 1, "rejected": 1}
    assert [(fault["documentId"], fault["code"]) for fault in job["errorLog"]] == [("two", "ALREADY_LINKED")]


def test_no_secret_and_no_content_goes_into_the_log(pushes: Pushes) -> None:
    pushes.connect()
    three(pushes)
    job = pushes.push()

    lines = pushes.hub.get(f"/api/v1/sync-jobs/{job['id']}/logs").body["data"]

    assert [line["kind"] for line in lines] == ["push", "completed"]
    assert "d1@example.com" not in json.dumps(lines)


# A provider that takes a batch as a job


class Importer(Crm):
    """It says how far its job is, one word after the other."""

    says: list[str]
    counts: Json

    def _answer(self, call: Call) -> Reply:
        if call.method == "GET":
            word = self.says.pop(0)
            return reply({"status": word, "results": self.counts if word == "completed" else {}})
        return reply({"job_id": "imp-1"}, 202)


def importing(pushes: Pushes, *says: str, **told: int) -> Importer:
    importer = Importer()
    importer.says, importer.counts = list(says), told
    pushes.crm = importer
    job: Json = {
        "idPath": "$.job_id",
        "endpoint": "status",
        "param": "jobId",
        "statusPath": "$.status",
        "done": ["completed"],
        "failed": ["failed"],
        "counts": {"created": "$.results.new", "updated": "$.results.old", "rejected": "$.results.bad"},
    }
    status: Json = {
        "id": "status",
        "name": "status",
        "operation": "get",
        "method": "GET",
        "path": "/imports/{jobId}",
        "pathParams": [{"name": "jobId", "required": True}],
    }
    pushes.connect(writing(size=100, results={"match": "job"}, job=job), status)
    three(pushes)
    return importer


def worked(pushes: Pushes, job_id: str, times: int) -> Any:
    job: Json = {}
    for _ in range(times):
        pushes.now_s += 60
        job = pushes.work(job_id)
    return job


def test_job_of_the_provider_is_asked_until_it_has_ended(pushes: Pushes) -> None:
    importer = importing(pushes, "pending", "pending", "completed", "completed", new=1, old=1, bad=1)
    job_id = pushes.start()

    waiting = worked(pushes, job_id, 1)
    assert (waiting["status"], counts(waiting)) == ("PENDING", {})
    job = worked(pushes, job_id, 2)

    assert (job["status"], counts(job)) == ("COMPLETED", {"read": 3, "created": 1, "updated": 1, "rejected": 1})
    assert [call.method for call in importer.calls] == ["POST", "GET", "GET", "GET"]
    assert job["errorLog"][0]["code"] == "PROVIDER_JOB"
    assert pushes.hub.get(f"/api/v1/sync-jobs/{job_id}/proof").body["balanced"] is True


def test_records_of_a_job_that_refused_some_are_sent_again(pushes: Pushes) -> None:
    importer = importing(pushes, "completed", "completed", new=2, old=0, bad=1)
    worked(pushes, pushes.start(), 1)
    importer.counts = {"new": 0, "old": 3, "bad": 0}

    job = worked(pushes, pushes.start("FULL_SYNC"), 1)

    assert counts(job) == {"read": 3, "updated": 3}
    assert counts(pushes.push("FULL_SYNC")) == {"read": 3, "unchanged": 3}


def test_record_that_was_never_sent_to_the_providers_job_is_not_linked(pushes: Pushes) -> None:
    importing(pushes, "completed", "completed", new=3)
    pushes.put("d9", name="No address")
    first = worked(pushes, pushes.start(), 1)
    pushes.put("d9", name="No address", email="d9@example.com")

    job = worked(pushes, pushes.start(), 1)

    assert counts(first) == {"read": 4, "created": 3, "rejected": 1}
    assert pushes.crm.sent[-1] == {"email": "d9@example.com", "name": "No address"}
    assert counts(job)["read"] == 1


def test_job_that_fails_at_the_provider_ends_the_push_and_links_nothing(pushes: Pushes) -> None:
    importer = importing(pushes, "failed", "completed", new=3)
    job_id = pushes.start()

    failed = worked(pushes, job_id, 1)
    retried = pushes.hub.post(f"/api/v1/sync-jobs/{job_id}/retry")
    job = worked(pushes, str(retried.body["id"]), 1)

    assert (failed["status"], counts(failed)) == ("FAILED", {})
    assert (job["status"], counts(job)) == ("COMPLETED", {"read": 3, "created": 3})
    assert [call.method for call in importer.calls] == ["POST", "GET", "POST", "GET"]
