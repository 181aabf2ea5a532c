"""A list that exists once per parent: every parent's pages are read, and what is wrong with one is said of that one."""

from typing import Any

import pytest

from tests.api.conftest import Hub
from tests.api.partition_work import Desk, comments, desk
from tests.api.sync_work import PLENTY_MS, counted, recorded, status

COUNTS = {"t1": 25, "t2": 0, "t3": 10}


@pytest.fixture
def tickets(hub: Hub) -> Desk:
    return desk(hub, COUNTS)


def test_list_of_every_parent_is_read(tickets: Desk) -> None:
    job = tickets.run()

    assert (job["status"], job["stopReason"], job["partition"]) == ("COMPLETED", "cursor_null", None)
    assert job["counters"] == counted(read=35, created=35)
    assert job["page"] == 5  # three, one without records, one
    assert [ticket for ticket, _ in tickets.provider.asked()] == ["t1", "t2", "t3"]
    assert set(tickets.stored()) == {each["id"] for ticket in COUNTS for each in tickets.provider.comments[ticket]}


def test_record_has_the_value_of_its_parent(tickets: Desk) -> None:
    tickets.run()

    assert {name[:2]: content["ticket"] for name, content in tickets.stored().items()} == {"t1": "t1", "t3": "t3"}


def test_log_names_the_parent_of_every_page_and_the_proof_adds_up(tickets: Desk) -> None:
    job = tickets.run()

    assert [line["partition"] for line in tickets.log(job) if "read" in line] == ["t1", "t1", "t1", "t2", "t3"]
    assert tickets.proof(job)["balanced"]


def test_second_run_finds_nothing_new(tickets: Desk) -> None:
    tickets.run()

    assert tickets.run()["counters"] == counted(read=35, unchanged=35)


def test_run_that_is_handed_on_after_every_page_reads_each_one_once(tickets: Desk) -> None:
    job_id, hops = tickets.start(), 0

    while tickets.sync.job(job_id)["status"] in ("PENDING", "RUNNING"):
        hops += 1
        tickets.sync.work(job_id, remaining_ms=lambda: 0)

    job = tickets.sync.job(job_id)
    assert (job["status"], job["counters"]) == ("COMPLETED", counted(read=35, created=35))
    assert hops == 5
    assert [ticket for ticket, _ in tickets.provider.asked()] == ["t1", "t2", "t3"]
    assert tickets.proof(job)["balanced"]


def test_parent_that_is_gone_counts_as_empty_and_says_so(tickets: Desk) -> None:
    del tickets.provider.comments["t1"]

    job = tickets.run(deletes="tombstone", fresh=True)

    assert (job["status"], job["stopReason"]) == ("COMPLETED", "gone")
    assert job["counters"] == counted(read=10, created=10)
    assert [(each["code"], each["partition"]) for each in job["errorLog"]] == [("NOT_FOUND", "t1")]
    assert "t1" in tickets.proof(job)["deletesOff"]


def test_parent_that_is_gone_on_a_later_page_leaves_what_was_read(tickets: Desk) -> None:
    tickets.provider.instead[len(tickets.provider.calls) + 2] = status(410)

    job = tickets.run()

    assert job["counters"] == counted(read=20, created=20)
    assert job["errorLog"][0]["partition"] == "t1"


def test_error_action_for_a_404_comes_before(hub: Hub) -> None:
    made = desk(hub, COUNTS, errorActions=[{"status": [404], "action": "FAIL"}])
    del made.provider.comments["t1"]

    assert made.run()["status"] == "FAILED"


def test_failed_run_says_where_and_its_retry_goes_on_there(tickets: Desk) -> None:
    tickets.provider.refusals["t3"] = status(403)
    failed = tickets.run()
    tickets.provider.refusals.clear()
    asked = len(tickets.provider.asked())

    reply = tickets.hub.post(f"/api/v1/sync-jobs/{failed['id']}/retry")
    assert reply.status in (200, 201, 202), reply.body
    tickets.sync.work(reply.body["id"])
    retried = tickets.sync.job(reply.body["id"])

    assert (failed["status"], failed["partition"]) == ("FAILED", "t3")
    assert failed["errorLog"][-1]["partition"] == "t3"
    assert [line["partition"] for line in tickets.log(failed) if line["kind"] == "failed"] == ["t3"]
    assert (retried["status"], retried["counters"]) == ("COMPLETED", counted(read=10, created=10))
    assert [ticket for ticket, _ in tickets.provider.asked()[asked:]] == ["t3"]


def test_first_parent_that_fails_is_named_too(tickets: Desk) -> None:
    tickets.provider.refusals["t1"] = status(403)

    assert tickets.run()["errorLog"][-1]["partition"] == "t1"


def test_page_that_repeats_fails_at_its_parent(tickets: Desk) -> None:
    calls = len(tickets.provider.calls)
    page = tickets.provider._page
    tickets.provider.instead |= {calls + number: lambda: page(tickets.provider.calls[calls]) for number in (2, 3)}

    failed = tickets.run()

    assert (failed["status"], failed["stopReason"], failed["partition"]) == ("FAILED", "repeated_page", "t1")


def test_most_pages_are_counted_for_each_parent(hub: Hub) -> None:
    pages = {"type": "cursor", "cursorParam": "after", "cursorPath": "$.next", "maxPages": 2}
    made = desk(hub, {"t1": 25, "t2": 15, "t3": 1}, pagination=pages)

    job = made.run(deletes="tombstone", fresh=True)

    assert (job["counters"]["read"], job["stopReason"]) == (36, "max_pages")
    assert "t1" in made.proof(job)["deletesOff"]


def test_without_parents_the_log_says_what_to_do(hub: Hub) -> None:
    made = desk(hub, {})

    job = made.run()

    assert (job["status"], job["stopReason"], job["counters"]) == ("COMPLETED", "no_parents", counted())
    assert "no documents of type ticket are stored; sync them first" in [line["message"] for line in made.log(job)]


def test_parents_that_are_all_gone_leave_their_lists_to_the_fuse(tickets: Desk) -> None:
    tickets.run()
    for ticket in COUNTS:
        assert tickets.hub.call("DELETE", f"/api/v1/documents/ticket/{ticket}").status in (200, 204)

    job = tickets.run(deletes="tombstone", fresh=True)

    assert (job["status"], job["deletesHeld"], job["counters"]["deleted"]) == ("COMPLETED", 35, 0)
    assert len(tickets.stored()) == 35


def test_records_of_a_parent_that_is_gone_are_deleted(hub: Hub) -> None:
    made = desk(hub, {"t1": 5, "t2": 40, "t3": 40})
    made.run()
    made.provider.comments.pop("t1")
    made.provider.comments["t2"].pop()
    made.run("tickets", deletes="tombstone", fresh=True)

    job = made.run(deletes="tombstone", fresh=True)

    assert job["counters"] == counted(read=85, unchanged=79, deleted=6)
    assert {name[:2] for name in made.stored()} == {"t2", "t3"}


def test_parent_that_was_edited_here_is_still_one(tickets: Desk) -> None:
    """Were it left out, a full sync would delete its whole list."""
    tickets.run()
    for title in ("one edit", "another"):
        assert tickets.hub.call("PUT", "/api/v1/documents/ticket/t3", {"content": {"title": title}}).status == 200

    job = tickets.run(deletes="tombstone", fresh=True)

    assert job["counters"] == counted(read=35, unchanged=35)


def test_document_of_somebody_else_is_no_parent(tickets: Desk) -> None:
    tickets.hub.call("PUT", "/api/v1/documents/ticket/by-hand", {"content": {"title": "mine"}})

    job = tickets.run()

    assert job["errorLog"] == []
    assert "by-hand" not in dict(tickets.provider.asked())


def test_caller_who_names_a_parent_gets_that_one(tickets: Desk) -> None:
    tickets.run()
    tickets.provider.comments["t3"] += comments("t3b", 1)

    job = tickets.run(params={"ticketId": "t3"})
    whole = tickets.run(deletes="tombstone", fresh=True)

    assert (job["params"], job["counters"]) == ({"ticketId": "t3"}, counted(read=11, created=1, unchanged=10))
    assert whole["counters"] == counted(read=36, unchanged=36)


def test_sync_of_one_parent_deletes_nothing_of_the_others(tickets: Desk) -> None:
    tickets.run()
    tickets.provider.comments["t3"].pop()

    one = tickets.run(params={"ticketId": "t3"}, deletes="tombstone", fresh=True)
    whole = tickets.run(deletes="tombstone", fresh=True)

    assert one["counters"] == counted(read=9, unchanged=9)
    assert whole["counters"]["deleted"] == 1


def test_caller_who_names_a_parent_that_is_not_there_is_told(tickets: Desk) -> None:
    assert tickets.run(params={"ticketId": "t9"})["status"] == "FAILED"


@pytest.mark.parametrize(("given", "read"), [("7", 3), (7, 3), (7.0, 3)], ids=repr)
def test_parent_that_a_caller_names_is_written_as_its_document_is(hub: Hub, given: str | float, read: int) -> None:
    numbers = desk(hub, {"7": 3})

    job = numbers.run(params={"ticketId": given})

    assert (job["status"], job["counters"]["read"], job["params"]) == ("COMPLETED", read, {"ticketId": "7"})


@pytest.mark.parametrize("given", [True, None, "", "x" * 600, ["t3"], {"t3": 1}], ids=lambda given: repr(given)[:9])
def test_parent_that_no_document_can_be_is_refused(tickets: Desk, given: Any) -> None:
    path = f"/api/v1/custom-integrations/{tickets.id}/sync"

    reply = tickets.hub.post(path, {"endpointId": "list", "params": {"ticketId": given}})

    assert (reply.status, reply.body["error"]["details"]["parameter"]) == (400, "ticketId")
    assert tickets.run(params={"ticketId": "t3"})["status"] == "COMPLETED"


def test_ids_that_are_unique_per_parent_alone_can_be_scoped(hub: Hub) -> None:
    made = desk(hub, {"t1": 0, "t2": 0}, {"scopedIds": True})
    for ticket in made.provider.comments:
        made.provider.comments[ticket] = [{"id": 7, "text": ticket, "at": "2026"}]

    job = made.run()

    assert job["counters"] == counted(read=2, created=2)
    assert {name: content["text"] for name, content in made.stored().items()} == {"t1/7": "t1", "t2/7": "t2"}


def test_without_scoped_ids_the_last_one_stays(hub: Hub) -> None:
    """What the word is for: the control of the promise above."""
    made = desk(hub, {"t1": 0, "t2": 0})
    for ticket in made.provider.comments:
        made.provider.comments[ticket] = [{"id": 7, "text": ticket, "at": "2026"}]

    assert made.run()["counters"] == counted(read=2, created=1, updated=1)
    assert {name: content["text"] for name, content in made.stored().items()} == {"7": "t2"}


def test_field_of_the_parent_can_fill_the_parameter(hub: Hub) -> None:
    made = desk(hub, {"t1": 2, "t2": 3}, {"field": "$.number"})
    numbered = {"t1": {"number": 41}, "t2": {"title": "no number"}}
    for ticket, content in numbered.items():
        made.hub.call("PUT", f"/api/v1/documents/ticket/{ticket}", {"content": content})
    made.provider.comments["41"] = comments("41", 4)

    job = made.run()

    assert job["counters"] == counted(read=4, created=4)
    assert {content["ticket"] for content in made.stored().values()} == {"41"}


def test_two_tenants_read_their_own_parents(tickets: Desk, other_hub: Hub) -> None:
    other = desk(other_hub, {"t3": 2, "x9": 1})
    tickets.run()

    job = other.run()

    assert job["counters"] == counted(read=3, created=3)
    assert [ticket for ticket, _ in other.provider.asked()] == ["t3", "x9"]
    assert len(tickets.stored()) == 35


def test_other_missing_parameter_is_still_refused(hub: Hub) -> None:
    params = [{"name": "kind", "required": True}]
    made = desk(hub, {"t1": 1}, queryParams=params)
    path = f"/api/v1/custom-integrations/{made.id}/sync"

    refused = made.hub.post(path, {"endpointId": "list"})

    assert (refused.status, refused.body["error"]["details"]["parameter"]) == (400, "kind")
    assert made.hub.post(path, {"endpointId": "list", "params": {"kind": "all"}}).status == 202


def test_test_of_the_endpoint_says_which_parameter_is_missing(tickets: Desk, hub: Hub) -> None:
    reply = hub.post(f"/api/v1/custom-integrations/{tickets.id}/test/list", {})

    assert (reply.status, reply.body["error"]["details"]["parameter"]) == (400, "ticketId")


def test_many_parents_cost_no_call_of_their_own(hub: Hub) -> None:
    """A page costs its range and its checkpoint; parents and their states are read a hundred at a time."""
    made = desk(hub, {f"t{number:03}": 1 for number in range(120)})
    job_id = made.start()

    with recorded() as calls:
        made.sync.work(job_id)

    assert made.sync.job(job_id)["counters"] == counted(read=120, created=120)
    reads = len(calls.of("GetItem")) + len(calls.of("Query"))
    assert len(calls.of("TransactWriteItems")) == 120
    assert len(calls.of("BatchWriteItem")) == 120
    assert reads <= 12
    assert len(calls.of("BatchGetItem")) <= 120 + 12


def test_time_of_the_function_is_kept_between_parents(tickets: Desk) -> None:
    job_id = tickets.start()
    left = iter([PLENTY_MS, PLENTY_MS, PLENTY_MS, 0])

    tickets.sync.work(job_id, remaining_ms=lambda: next(left, PLENTY_MS))
    handed_on = tickets.sync.job(job_id)
    tickets.sync.work(job_id)

    assert (handed_on["status"], handed_on["partition"], handed_on["page"]) == ("PENDING", "t3", 4)
    assert tickets.sync.job(job_id)["counters"] == counted(read=35, created=35)
