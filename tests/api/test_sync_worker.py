"""What a worker makes of a job: its counters, its waits and its ends, and whose writes count."""

from collections.abc import Callable
from typing import Any

import pytest

from hub.core import clock
from hub.core.attributes import Item
from hub.core.caller import Tenant
from hub.core.resources import resources
from hub.core.tables import key
from hub.sync import job_logs, jobs
from hub.sync.models import SyncJob
from tests.api.conftest import Hub, StoppedClock, just_before
from tests.api.sync_work import LEASE_S, Json, Provider, Sync, connector, contacts, counted, recorded, status

PATH = "/api/v1/custom-integrations"


@pytest.fixture
def sync(hub: Hub, stopped_clock: StoppedClock) -> Sync:  # noqa: ARG001  time moves only when told to
    return Sync(hub, Provider(contacts(25)))


def stored_job(sync: Sync, job_id: str) -> Item:
    item = resources().tables.activity.get(key(Tenant(sync.hub.tenant), "job", job_id))
    assert item is not None
    return item


def lines(sync: Sync, job_id: str) -> list[Json]:
    found: list[Json] = sync.hub.get(f"/api/v1/sync-jobs/{job_id}/logs").body["data"]
    return found


# Counting


def test_job_runs_to_its_end_and_counts_every_record(sync: Sync) -> None:
    job_id = sync.start(sync.connect())

    sync.work(job_id)

    job = sync.job(job_id)
    SyncJob.model_validate(job)
    assert (job["status"], job["stopReason"], job["page"]) == ("COMPLETED", "cursor_null", 3)
    assert job["counters"] == counted(read=25, created=25)
    totals = [job[name] for name in ("totalRecords", "processedRecords", "successRecords", "failedRecords")]
    assert totals == [25, 25, 25, 0]
    assert (job["startedAt"], job["completedAt"], job["nextAttemptAt"]) == (clock.now(), clock.now(), None)
    assert len(sync.hub.documents("contact")) == 25
    assert sync.provider.calls[0].headers["authorization"] == "Bearer canary-token-that-is-long-enough"


def test_total_is_what_the_provider_says_from_the_first_page_on(sync: Sync) -> None:
    job_id = sync.start(sync.connect())
    seen: list[Json] = []
    sync.provider.instead[2] = lambda: seen.append(sync.job(job_id))

    sync.work(job_id)

    assert [(job["totalRecords"], job["processedRecords"]) for job in seen] == [(25, 10)]


def test_second_sync_counts_what_changed(sync: Sync) -> None:
    integration_id = sync.connect()
    sync.work(sync.start(integration_id))
    sync.provider.records[3]["name"] = "Ada"
    sync.provider.records.append({"id": "new", "name": "Grace", "n": 1})

    again = sync.start(integration_id)
    sync.work(again)

    assert sync.job(again)["counters"] == counted(read=26, created=1, updated=1, unchanged=24)


def test_rejected_records_are_told_with_their_reason_and_the_others_are_stored(sync: Sync) -> None:
    sync.provider.records[4]["n"] = "many"
    del sync.provider.records[12]["id"]
    job_id = sync.start(sync.connect())

    sync.work(job_id)

    job = sync.job(job_id)
    SyncJob.model_validate(job)
    assert (job["status"], job["failedRecords"], job["successRecords"]) == ("COMPLETED", 2, 23)
    assert job["counters"] == counted(read=25, created=23, rejected=2)
    assert [(fault["page"], fault["index"], fault["externalId"]) for fault in job["errorLog"]] == [
        (0, 4, "c0004"),
        (1, 2, None),
    ]
    assert all(fault["reason"] for fault in job["errorLog"])


# Errors of the provider


@pytest.mark.parametrize("code", [400, 401, 403, 404])
def test_refusal_of_the_provider_fails_the_job(sync: Sync, code: int) -> None:
    sync.provider.instead[2] = status(code)
    job_id = sync.start(sync.connect())

    sync.work(job_id)

    job = sync.job(job_id)
    assert (job["status"], job["stopReason"]) == ("FAILED", "failed")
    assert job["counters"] == counted(read=10, created=10)
    assert job["errorLog"][0]["reason"].startswith(f"GET https://crm.example.com/contacts answered {code}")


def test_failing_provider_is_asked_again_later_and_the_third_failure_ends_the_job(
    sync: Sync, stopped_clock: StoppedClock
) -> None:
    sync.provider.instead = {number: status(503) for number in (1, 2, 3)}
    job_id = sync.start(sync.connect())

    for wait_s, failures in ((30, 1), (120, 2)):
        with recorded() as asked:
            sync.work(job_id)
        job = sync.job(job_id)
        SyncJob.model_validate(job)
        assert (job["status"], job["nextAttemptAt"]) == ("PENDING", clock.iso(stopped_clock.epoch_s + wait_s))
        assert asked.hints(sync.hub.tenant) == [{"tenant": sync.hub.tenant, "id": job_id, "delay": wait_s}]
        stopped_clock.advance(wait_s - 1)
        sync.work(job_id)  # a hint that comes too early
        assert (len(sync.provider.calls), sync.job(job_id)) == (failures, job)
        stopped_clock.advance(1)
    sync.work(job_id)

    job = sync.job(job_id)
    assert (job["status"], job["nextAttemptAt"], len(job["errorLog"])) == ("FAILED", None, 3)
    assert "answered 503" in job["errorLog"][2]["reason"]


def test_page_that_was_stored_gives_the_provider_new_patience(sync: Sync, stopped_clock: StoppedClock) -> None:
    """The first failure after a page waits as short as the first of all."""
    sync.provider.instead = {2: status(500), 3: status(500), 4: status(500)}
    job_id = sync.start(sync.connect())

    waits = []
    for _ in range(3):
        sync.work(job_id)
        waits.append(stored_job(sync, job_id)["nextAttemptAt"] / 1000 - stopped_clock.epoch_s)
        stopped_clock.advance(waits[-1])
    sync.work(job_id)

    assert [round(wait_s) for wait_s in waits] == [30, 30, 120]
    assert sync.job(job_id)["counters"] == counted(read=25, created=25)
    assert (sync.job(job_id)["status"], len(sync.provider.calls)) == ("COMPLETED", 6)


@pytest.mark.parametrize(("asked", "wait_s"), [("1", 30), ("600", 600), ("3600", 3600), ("9" * 400, 86_400)])
def test_wait_that_the_provider_asks_for_is_kept(
    sync: Sync, stopped_clock: StoppedClock, asked: str, wait_s: int
) -> None:
    sync.provider.instead[1] = status(429, retry_after=asked)
    job_id = sync.start(sync.connect())

    with recorded() as calls:
        sync.work(job_id)

    assert sync.job(job_id)["nextAttemptAt"] == clock.iso(stopped_clock.epoch_s + wait_s)
    # A queue cannot wait longer than 15 minutes; then the sweeper sends the hint.
    assert [hint["delay"] for hint in calls.hints(sync.hub.tenant)] == ([wait_s] if wait_s <= 900 else [])


# Changes under way


def test_job_that_may_not_go_on_fails_and_says_why(sync: Sync) -> None:
    """The secret of the version that it runs is gone: it was entered for the address before."""
    integration_id = sync.connect(status="active")
    job_id = sync.start(integration_id)
    sync.work(job_id, lambda: 1000)
    sync.hub.call("PATCH", f"{PATH}/{integration_id}", {"baseUrl": "https://evil.example.net"})

    sync.work(job_id)

    job = sync.job(job_id)
    assert (job["status"], job["counters"], len(sync.provider.calls)) == ("FAILED", counted(read=10, created=10), 1)
    assert "sends secrets elsewhere than they were entered for" in job["errorLog"][0]["reason"]


def test_job_goes_on_with_the_version_it_began_with_when_the_connector_is_changed(sync: Sync) -> None:
    """A position of the old definition may mean something else in the new one."""
    integration_id = sync.connect()
    job_id = sync.start(integration_id)
    sync.work(job_id, lambda: 1000)
    sync.hub.call("PATCH", f"{PATH}/{integration_id}", {"endpoints": [{**connector()["endpoints"][0], "path": "/new"}]})

    sync.work(job_id)

    job = sync.job(job_id)
    assert (job["status"], job["counters"], job["connectorVersion"]) == ("COMPLETED", counted(read=25, created=25), 1)
    assert {call.url for call in sync.provider.calls} == {"https://crm.example.com/contacts"}


def test_job_is_handed_on_before_the_time_is_up_and_resumed_at_the_next_page(sync: Sync) -> None:
    job_id = sync.start(sync.connect())

    with recorded() as asked:
        sync.work(job_id, lambda: 44_000)
    between = sync.job(job_id)
    sync.work(job_id)

    assert (between["status"], between["page"], between["counters"]["read"]) == ("PENDING", 1, 10)
    assert [hint["id"] for hint in asked.hints(sync.hub.tenant)] == [job_id]
    afters = [dict(call.params).get("after") for call in sync.provider.calls]
    assert afters == [None, "10", "20"]
    assert sync.job(job_id)["counters"] == counted(read=25, created=25)
    kinds = [(line["page"], line["kind"]) for line in lines(sync, job_id)]
    assert kinds == [(0, "page"), (1, "handed_on"), (1, "page"), (2, "completed")]


# Cancelling


@pytest.mark.parametrize(("page", "read"), [(1, 10), (2, 20), (3, 25)], ids=["first", "middle", "last"])
def test_cancelled_job_stops_behind_the_page_under_way_and_counts_it(sync: Sync, page: int, read: int) -> None:
    integration_id = sync.connect()
    job_id = sync.start(integration_id)
    sync.provider.instead[page] = lambda: sync.cancel(job_id)

    sync.work(job_id)

    job = sync.job(job_id)
    assert (job["status"], job["stopReason"], len(sync.provider.calls)) == ("CANCELLED", "cancelled", page)
    assert job["counters"] == counted(read=read, created=read)
    assert len(sync.hub.documents("contact")) == read
    assert sync.start(integration_id)  # the lock is free


def test_job_that_is_cancelled_while_it_is_handed_on_ends_cancelled(sync: Sync) -> None:
    integration_id = sync.connect()
    job_id = sync.start(integration_id)
    looked: list[int] = []

    def nearly_up() -> int:
        looked.append(1)
        sync.cancel(job_id)
        return 1000

    sync.work(job_id, nearly_up)

    job = sync.job(job_id)
    assert (looked, job["status"], job["counters"]) == ([1], "CANCELLED", counted(read=10, created=10))
    assert sync.start(integration_id)


def test_job_that_is_cancelled_while_the_provider_fails_ends_cancelled(sync: Sync) -> None:
    job_id = sync.start(sync.connect())

    def cancel_and_fail() -> Any:
        sync.cancel(job_id)
        return status(503)()

    sync.provider.instead[2] = cancel_and_fail
    sync.work(job_id)

    assert sync.job(job_id)["status"] == "CANCELLED"
    assert sync.job(job_id)["counters"] == counted(read=10, created=10)


# Leases and fences


def claim(sync: Sync, job_id: str, me: str) -> jobs.Claim | None:
    return jobs.claim(resources().tables, Tenant(sync.hub.tenant), job_id, me, LEASE_S)


def test_worker_that_lost_its_lease_changes_nothing(sync: Sync, stopped_clock: StoppedClock) -> None:
    job_id = sync.start(sync.connect())
    tables, first = resources().tables, claim(sync, job_id, "first")
    assert claim(sync, job_id, "second") is None  # the lease stands
    stopped_clock.advance(LEASE_S + 1)
    second = claim(sync, job_id, "second")
    assert first is not None
    assert second is not None
    before = stored_job(sync, job_id)

    progress = {"page": 1, "counters": counted(read=10, created=10)}
    late_writes: list[Callable[[Any], object]] = [
        lambda log: jobs.checkpoint(tables, first, progress, log, LEASE_S),
        lambda log: jobs.finish(tables, first, "COMPLETED", progress, log),
        lambda log: jobs.finish(tables, first, "CANCELLED", progress, log),
        lambda log: jobs.defer(tables, first, 30, progress, log),
    ]
    for write in late_writes:
        with pytest.raises(jobs.LeaseLost):
            write(job_logs.line(tables, first, "page", "late", {}, 1))

    assert stored_job(sync, job_id) == before
    assert lines(sync, job_id) == []
    jobs.checkpoint(tables, second, progress, job_logs.line(tables, second, "page", "in time", {}, 1), LEASE_S)
    assert stored_job(sync, job_id)["page"] == 1
    assert [line["message"] for line in lines(sync, job_id)] == ["in time"]


def test_worker_steps_aside_quietly_when_another_took_over(sync: Sync, stopped_clock: StoppedClock) -> None:
    job_id = sync.start(sync.connect())

    def sleep_through_the_lease() -> None:
        stopped_clock.advance(LEASE_S + 1)
        Sync(sync.hub, Provider(contacts(25))).work(job_id)

    sync.provider.instead[2] = sleep_through_the_lease
    sync.work(job_id)

    assert sync.job(job_id)["counters"] == counted(read=25, created=25)
    assert [line["kind"] for line in lines(sync, job_id)] == ["page", "page", "completed"]


def test_one_of_two_workers_with_the_same_hint_gets_the_job(sync: Sync) -> None:
    job_id = sync.start(sync.connect())

    with just_before("UpdateItem", lambda: claim(sync, job_id, "quicker")):
        sync.work(job_id)

    assert sync.provider.calls == []
    assert (stored_job(sync, job_id)["owner"], stored_job(sync, job_id)["fence"]) == ("quicker", 1)


# Events


def test_start_and_end_of_a_job_are_events_of_its_tenant(sync: Sync) -> None:
    completed, failed = sync.start(sync.connect("good")), sync.start(sync.connect("bad"))

    sync.work(completed)
    sync.provider.instead[4] = status(404)
    sync.work(failed)

    told = {(name, data["jobId"]): data for name, data in sync.events()}
    assert told.keys() == {
        ("sync.started", completed),
        ("sync.completed", completed),
        ("sync.started", failed),
        ("sync.failed", failed),
    }
    assert {data["entityType"] for data in told.values()} == {"contact"}
    assert told["sync.completed", completed]["stats"] == counted(read=25, created=25)
    assert told["sync.failed", failed]["error"] == sync.job(failed)["errorLog"][-1]["reason"]


def test_job_that_takes_several_workers_is_told_of_once(sync: Sync) -> None:
    job_id = sync.start(sync.connect())

    for remaining_ms in (1000, 900_000):
        sync.work(job_id, lambda left=remaining_ms: left)  # type: ignore[misc]

    assert sorted(name for name, _ in sync.events()) == ["sync.completed", "sync.started"]


@pytest.mark.parametrize("pages_before", [0, 1])
def test_cancelled_job_is_told_of_as_failed_once(sync: Sync, pages_before: int) -> None:
    job_id = sync.start(sync.connect())
    sync.provider.instead[1 + pages_before] = lambda: sync.cancel(job_id)

    sync.work(job_id)

    told = dict(sync.events())
    assert len(sync.events()) == 2
    assert told.keys() == {"sync.started", "sync.failed"}
    assert told["sync.failed"]["error"] == "cancelled"


def test_event_and_end_of_a_job_are_written_together_or_not_at_all(sync: Sync) -> None:
    """A worker that dies behind the write leaves the event to the sweeper; before it, the job."""
    job_id = sync.start(sync.connect())
    with pytest.raises(KeyboardInterrupt), just_before("SendMessage", die, "sqs"):
        sync.work(job_id)

    assert sync.job(job_id)["status"] == "COMPLETED"
    assert sorted(name for name, _ in sync.events()) == ["sync.completed", "sync.started"]


def die() -> None:
    raise KeyboardInterrupt


# What the integration says of it


def integration_of(sync: Sync, job_id: str) -> Item:
    tenant = Tenant(sync.hub.tenant)
    item = resources().tables.config.get(key(tenant, "integration", stored_job(sync, job_id)["integrationId"]))
    assert item is not None
    return item


def test_complete_sync_is_noted_on_the_integration_and_changes_nothing_else(
    sync: Sync, stopped_clock: StoppedClock
) -> None:
    job_id = sync.start(sync.connect())
    before = integration_of(sync, job_id)
    stopped_clock.advance(5)

    sync.work(job_id)

    assert integration_of(sync, job_id) == {**before, "lastSyncAt": sync.job(job_id)["completedAt"]}
    (shown,) = sync.hub.get("/api/tenant/integrations").body["integrations"]
    assert shown["lastSyncAt"] == clock.now()


def test_failed_sync_leaves_its_error_and_the_time_of_the_last_complete_one(
    sync: Sync, stopped_clock: StoppedClock
) -> None:
    integration_id = sync.connect()
    sync.work(sync.start(integration_id))
    completed_at = clock.now()
    stopped_clock.advance(60)
    job_id = sync.start(integration_id)
    sync.provider.instead[len(sync.provider.calls) + 1] = status(422)

    sync.work(job_id)

    assert sync.job(job_id)["status"] == "FAILED"
    found = integration_of(sync, job_id)
    assert (found["lastSyncAt"], found["lastErrorAt"]) == (completed_at, clock.now())
    assert "422" in found["lastError"]
    health = sync.hub.get(f"/api/v1/integrations/{integration_id}/health").body
    assert (health["lastErrorAt"], health["errorCount"]) == (clock.now(), 1)


def test_cancelled_sync_is_not_noted(sync: Sync) -> None:
    job_id = sync.start(sync.connect())
    before = integration_of(sync, job_id)
    sync.provider.instead[1] = lambda: sync.cancel(job_id)

    sync.work(job_id)

    assert sync.job(job_id)["status"] == "CANCELLED"
    assert integration_of(sync, job_id) == before
