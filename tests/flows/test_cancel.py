"""Cancelling a sync: it ends within one page, keeps what it stored, and makes room for the next one."""

from typing import Any

from local.sandbox.server import RunningSandbox
from local.stack import Stack
from tests.flows.connectors import connector, endpoint
from tests.flows.hub_client import HubClient, adds_up, counted, tick

Json = dict[str, Any]

COMPANIES = 500
SLOW_S = 0.4


def stopped_by_worker(hub: HubClient, job_id: str) -> Json:
    """Return the job once the worker has noticed the cancellation, which the last line of its log tells."""
    hub.job_when(job_id, lambda _: hub.log(job_id)[-1]["kind"] == "cancelled")
    return hub.job(job_id)  # read again: the one that was waited with may be older than that line


def test_cancelled_sync_stops_after_the_page_under_way_and_keeps_its_documents(
    hub: HubClient, provider: RunningSandbox
) -> None:
    """Every page takes a while, so that the cancellation meets one that is under way, however busy the machine is."""
    provider.faults.add("/v1", "slow", delay_s=SLOW_S)
    integration_id = hub.create(connector(provider.url, endpoint(page_size=50)))
    job_id = hub.start(integration_id)
    hub.job_when(job_id, lambda _: len(provider.requests) == 3)

    answer = hub.cancel(job_id)
    at_once = hub.job(job_id)
    job = stopped_by_worker(hub, job_id)

    assert (answer["status"], at_once["status"], job["status"]) == ("CANCELLED",) * 3
    pages = job["page"]
    # Not from the answer, which was read before the cancellation was written: a page may have ended in between.
    assert (pages - at_once["page"] in (0, 1), pages < COMPANIES / 50, job["stopReason"]) == (True, True, "cancelled")
    assert job["counters"] == counted(read=50 * pages, created=50 * pages)
    assert len(hub.documents()) == 50 * pages
    assert pages <= len(provider.requests) <= pages + 1  # the next page may be under way already


def test_new_sync_can_start_as_soon_as_the_cancelled_one_has_stopped(hub: HubClient, provider: RunningSandbox) -> None:
    provider.faults.add("/v1", "slow", delay_s=SLOW_S)
    integration_id = hub.create(connector(provider.url, endpoint(page_size=50)))
    job_id = hub.start(integration_id)
    hub.job_when(job_id, lambda _: len(provider.requests) == 3)
    hub.cancel(job_id)
    stopped = stopped_by_worker(hub, job_id)
    provider.faults.clear()

    job = hub.ended(hub.start(integration_id))

    assert (job["status"], adds_up(job["counters"])) == ("COMPLETED", True)
    kept = stopped["counters"]["created"]
    assert job["counters"] == counted(read=COMPANIES, created=COMPANIES - kept, unchanged=kept)
    assert len(hub.documents()) == COMPANIES


def test_waiting_sync_is_cancelled_at_once_and_for_good(stack: Stack, hub: HubClient, provider: RunningSandbox) -> None:
    provider.faults.add("/v1", "status_503", after=1)
    integration_id = hub.create(connector(provider.url))
    job_id = hub.start(integration_id)
    hub.job_when(job_id, lambda job: job["status"] == "PENDING" and job["errorLog"])

    hub.cancel(job_id)
    provider.faults.clear()
    tick(stack)
    job = hub.ended(hub.start(integration_id))

    assert job["counters"] == counted(read=COMPANIES, created=400, unchanged=100)
    assert hub.job(job_id)["status"] == "CANCELLED"
    assert hub.job(job_id)["counters"] == counted(read=100, created=100)


def test_job_that_has_ended_cannot_be_cancelled(hub: HubClient, provider: RunningSandbox) -> None:
    job = hub.synced(connector(provider.url, endpoint(page_size=200)))

    refused = hub.cancel(job["id"], expect=409)

    assert (refused["error"]["code"], refused["error"]["details"]) == ("CONFLICT", {"status": "COMPLETED"})
    assert hub.job(job["id"]) == job
