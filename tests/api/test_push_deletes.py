"""Deletions that go out: too many at once wait for an administrator, and what waits is neither sent nor forgotten."""

import json
from collections.abc import Iterator
from typing import Any

import pytest

from hub import documents
from hub.core import clock
from hub.core.caller import Tenant
from hub.core.clock import DAY_S
from hub.core.resources import resources
from hub.core.tables import partition
from hub.documents import Incoming
from tests.api.conftest import Hub
from tests.api.push_work import DELETING, Json, Pushes, counts, listing, reply, writing


@pytest.fixture
def pushes(hub: Hub) -> Iterator[Pushes]:
    """Forty contacts that both sides have."""
    pushes = Pushes(hub)
    pushes.connect(listing(), writing(size=100), DELETING)
    put(pushes, range(40))
    assert counts(pushes.push()) == {"read": 40, "created": 40}
    yield pushes
    clock.use(None)


def name(number: int) -> str:
    return f"d{number:02}"


def put(pushes: Pushes, numbers: range) -> None:
    """Let contacts be written by hand, all at once."""
    pushes.now_s += 0.01
    contents = {name(number): {"email": f"{name(number)}@example.com", "name": f"Name {number}"} for number in numbers}
    incoming = [Incoming.of(each, content) for each, content in contents.items()]
    step = documents.Step("user:ada", f"edit#{pushes.now_s}")
    documents.upsert(resources().tables.documents, Tenant(pushes.hub.tenant), "contact", incoming, step)


def delete(pushes: Pushes, numbers: range) -> None:
    for number in numbers:
        pushes.delete(name(number))


def there(pushes: Pushes) -> set[str]:
    return {record["email"].partition("@")[0] for record in pushes.crm.records.values()}


def names(*numbers: range) -> set[str]:
    return {name(number) for some in numbers for number in some}


def proof(pushes: Pushes, job: Json) -> Json:
    body: Json = pushes.hub.get(f"/api/v1/sync-jobs/{job['id']}/proof").body
    return body


def approve(pushes: Pushes, job: Json, **who: Any) -> Any:
    return pushes.hub.post(f"/api/v1/sync-jobs/{job['id']}/approve-deletes", **who)


def approved(pushes: Pushes, job: Json) -> Json:
    reply = approve(pushes, job)
    assert reply.status == 202, reply.body
    return pushes.ended(str(reply.body["id"]))


def told(hub: Hub) -> list[Json]:
    place = {"pk": partition(Tenant(hub.tenant), "event")}
    found = resources().tables.activity.query_all("pk = :pk", place)
    return [json.loads(event["data"]) for event in found if event["type"] == "sync.deletes_held"]


@pytest.fixture
def held(pushes: Pushes) -> Json:
    """A push that was to delete 20 of 40, and to create one and change one."""
    delete(pushes, range(20))
    put(pushes, range(40, 41))
    pushes.put("d30", email="d30@example.com", name="Changed")
    return pushes.push()


def test_too_many_deletions_wait_and_everything_else_goes_out(pushes: Pushes, held: Json) -> None:
    assert (held["status"], held["deletesHeld"]) == ("COMPLETED", 20)
    assert counts(held) == {"read": 22, "created": 1, "updated": 1, "unchanged": 20}
    assert there(pushes) == names(range(41))
    found = proof(pushes, held)
    assert (found["held"], found["balanced"]) == (20, True)
    fuse = found["fuse"]
    assert (fuse["count"], fuse["documents"], fuse["direction"]) == (20, 41, "OUTBOUND")
    assert (fuse["sample"], fuse["approvedBy"]) == ([name(number) for number in range(5)], None)
    assert [(each["count"], each["jobId"], each["direction"]) for each in told(pushes.hub)] == [
        (20, held["id"], "OUTBOUND")
    ]


def test_ten_deletions_need_no_approval_and_eleven_do(pushes: Pushes) -> None:
    delete(pushes, range(10))
    ten = pushes.push()
    delete(pushes, range(10, 21))
    eleven = pushes.push()

    assert (ten["deletesHeld"], counts(ten)) == (0, {"read": 10, "deleted": 10})
    assert (eleven["deletesHeld"], counts(eleven)) == (11, {"read": 11, "unchanged": 11})
    assert there(pushes) == names(range(10, 40))


def test_share_of_many_linked_documents_needs_no_approval(pushes: Pushes) -> None:
    put(pushes, range(40, 260))
    pushes.push()
    delete(pushes, range(12))

    job = pushes.push()

    assert (job["deletesHeld"], counts(job)) == (0, {"read": 12, "deleted": 12})


def test_deletions_of_several_steps_are_counted_together(hub: Hub) -> None:
    """Each step has few of them: what counts is the run."""
    pushes = Pushes(hub)
    pushes.connect(listing(), writing(size=1), DELETING)
    put(pushes, range(15))
    pushes.push()
    for number in range(12):
        pushes.delete(name(number))
        put(pushes, range(100 + number, 101 + number))

    job = pushes.push()
    clock.use(None)

    assert (job["deletesHeld"], counts(job)) == (12, {"read": 24, "created": 12, "unchanged": 12})
    assert names(range(15)) <= there(pushes)


def test_approved_deletions_are_made_by_a_job(pushes: Pushes, held: Json) -> None:
    job = approved(pushes, held)

    assert (job["status"], job["direction"], job["phases"]) == ("COMPLETED", "OUTBOUND", ["release"])
    assert counts(job) == {"read": 20, "deleted": 20}
    assert there(pushes) == names(range(20, 41))
    assert proof(pushes, job)["balanced"]
    assert proof(pushes, held)["fuse"]["approvedBy"]
    assert "sync.deletes_approved" in [entry["action"] for entry in pushes.hub.audit_entries()]
    following = pushes.push("FULL_SYNC")
    assert (following["deletesHeld"], counts(following)) == (0, {"read": 41, "unchanged": 41})


def test_approval_is_for_administrators_and_for_once(pushes: Pushes, held: Json, other_hub: Hub) -> None:
    assert approve(pushes, held, roles="user").status == 403
    assert other_hub.post(f"/api/v1/sync-jobs/{held['id']}/approve-deletes").status == 404
    approved(pushes, held)
    assert approve(pushes, held).status == 409


def test_approval_ends(pushes: Pushes, held: Json) -> None:
    pushes.now_s += 8 * DAY_S

    assert approve(pushes, held).status == 409


def test_document_that_is_restored_before_the_approval_stays_there(pushes: Pushes, held: Json) -> None:
    put(pushes, range(5))

    job = approved(pushes, held)

    assert counts(job) == {"read": 15, "deleted": 15}
    assert there(pushes) == names(range(5), range(20, 41))
    assert counts(pushes.push()) == {"read": 5, "unchanged": 5}


@pytest.mark.usefixtures("held")
def test_later_push_neither_sends_nor_forgets_what_is_held(pushes: Pushes) -> None:
    put(pushes, range(41, 42))
    later = pushes.push()
    full = pushes.push("FULL_SYNC")

    assert (later["deletesHeld"], counts(later)) == (20, {"read": 1, "created": 1})
    assert (full["deletesHeld"], counts(full)["unchanged"]) == (20, 42)
    assert there(pushes) == names(range(42))
    assert counts(approved(pushes, full)) == {"read": 20, "deleted": 20}


@pytest.mark.usefixtures("held")
def test_few_further_deletions_wait_with_those_that_are_held(pushes: Pushes) -> None:
    delete(pushes, range(20, 22))

    job = pushes.push()

    assert (job["deletesHeld"], counts(job)) == (22, {"read": 2, "unchanged": 2})
    assert there(pushes) == names(range(41))


def test_approval_is_for_what_its_job_has_seen(pushes: Pushes, held: Json) -> None:
    """Two were deleted after it, and one of its own was restored and deleted again."""
    delete(pushes, range(20, 22))
    put(pushes, range(1))
    delete(pushes, range(1))
    later = pushes.push()

    job = approved(pushes, held)

    assert later["deletesHeld"] == 22
    assert counts(job) == {"read": 19, "deleted": 19}
    assert there(pushes) == names(range(1), range(20, 41))
    assert counts(approved(pushes, later)) == {"read": 3, "deleted": 3}
    assert there(pushes) == names(range(22, 41))


@pytest.mark.usefixtures("held")
def test_restored_documents_free_the_fuse_for_others(pushes: Pushes) -> None:
    put(pushes, range(20))
    delete(pushes, range(20, 22))

    job = pushes.push()

    assert (job["deletesHeld"], counts(job)) == (0, {"read": 22, "unchanged": 20, "deleted": 2})
    assert there(pushes) == names(range(20), range(22, 41))


@pytest.mark.usefixtures("held")
def test_few_that_are_still_held_wait_for_their_approval(pushes: Pushes) -> None:
    """Who restores documents one after the other must not lose the last ten to a sync in between."""
    put(pushes, range(14))
    delete(pushes, range(20, 22))

    job = pushes.push()

    assert (job["deletesHeld"], counts(job)) == (6, {"read": 16, "unchanged": 14, "deleted": 2})
    assert there(pushes) == names(range(20), range(22, 41))


def test_record_that_is_gone_at_the_provider_counts_as_deleted(pushes: Pushes, held: Json) -> None:
    pushes.crm.records.pop("r3")

    assert counts(approved(pushes, held)) == {"read": 20, "deleted": 20}


def test_approved_deletion_that_the_provider_refuses_is_told(pushes: Pushes, held: Json) -> None:
    pushes.crm.instead[len(pushes.crm.calls) + 3] = lambda: reply({"message": "has orders"}, 422)

    job = approved(pushes, held)

    assert counts(job) == {"read": 20, "rejected": 1, "deleted": 19}
    assert [(fault["documentId"], fault["code"]) for fault in job["errorLog"]] == [("d02", "HTTP_422")]
    assert proof(pushes, job)["balanced"]


def test_export_deletes_no_more_than_a_push(pushes: Pushes) -> None:
    delete(pushes, range(20))

    job = pushes.push("EXPORT")

    assert (job["deletesHeld"], there(pushes)) == (20, names(range(40)))
    assert pushes.push()["deletesHeld"] == 20


def test_job_without_held_deletions_has_nothing_to_approve(pushes: Pushes) -> None:
    delete(pushes, range(3))

    assert approve(pushes, pushes.push()).status == 409


def test_both_fuses_of_one_job_are_approved_together(hub: Hub) -> None:
    pushes = Pushes(hub)
    pushes.connect(listing(), writing(size=100), DELETING)
    put(pushes, range(40))
    pushes.configured(deletes="tombstone")
    pushes.sync()
    delete(pushes, range(12))
    for record in [each for each, content in pushes.crm.records.items() if content["email"] >= "d25"]:
        del pushes.crm.records[record]

    job = pushes.sync()
    found = proof(pushes, job)
    assert (job["deletesHeld"], there(pushes)) == (27, names(range(25)))
    assert [(fuse["direction"], fuse["count"]) for fuse in found["fuses"]] == [("INBOUND", 15), ("OUTBOUND", 12)]
    assert found["fuse"] == found["fuses"][0]
    assert sorted(each["count"] for each in told(hub)) == [12, 15]

    done = approved(pushes, job)
    clock.use(None)

    assert (done["phases"], counts(done)) == (["delete", "release"], {"read": 27, "deleted": 27})
    assert there(pushes) == names(range(12, 25))
    assert {item["sk"] for item in hub.documents("contact") if "deletedAt" not in item} == names(range(12, 25))


def test_sync_of_both_ways_keeps_what_is_held_deleted_here(hub: Hub) -> None:
    """The pull sees the records of documents that are deleted here: it must not bring them back."""
    pushes = Pushes(hub)
    pushes.connect(listing(), writing(size=100), DELETING)
    put(pushes, range(40))
    pushes.configured(deletes="tombstone")
    pushes.sync()
    delete(pushes, range(12))
    first, second = pushes.sync(), pushes.sync()
    clock.use(None)

    assert (first["deletesHeld"], second["deletesHeld"]) == (12, 12)
    assert there(pushes) == names(range(40))
    assert len([item for item in hub.documents("contact") if "deletedAt" not in item]) == 28
