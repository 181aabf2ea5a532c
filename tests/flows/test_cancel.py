"""Cancelling a sync: it ends within one page, keeps what it stored, and makes room for the next one."""

from typing import Any

from local.sandbox.server import RunningSandbox
from local.stack import Stack
from tests.flows.connectors import connector, endpoint
from tests.flows.hub_client import INTEGRATIONS, HubClient, adds_up, counted, tick

Json = dict[str, Any]

COMPANIES = 500
HELD_S = 1.0


def is_told_by_worker(hub: HubClient, job_id: str) -> bool:
    """Say whether the worker has noticed the cancellation: its last line in the job's log."""
    return bool(hub.log(job_id)[-1]["kind"] == "cancelled")


def test_cancelled_sync_stops_after_the_page_under_way_and_keeps_its_documents(
    hub: HubClient, provider: RunningSandbox
) -> None:
    """The provider holds the third page back, so that the cancellation meets a page that is under way."""
    provider.faults.add("/v1", "slow", after=2, times=1, delay_s=HELD_S)
    integration_id = hub.create(connector(provider.url, endpoint(page_size=50)))
    job_id = hub.start(integration_id)
    hub.job_when(job_id, lambda _: len(provider.requests) == 3)

    answer = hub.cancel(job_id)
    at_once = hub.job(job_id)
    job = hub.job_when(job_id, lambda _: is_told_by_worker(hub, job_id))

    assert (answer["status"], at_once["status"], job["status"]) == ("CANCELLED",) * 3
    assert (answer["page"], job["page"], job["stopReason"]) == (2, 3, "cancelled")
    assert job["counters"] == counted(read=150, created=150)
    assert len(hub.documents()) == 150
    assert len(provider.requests) == 3


def test_new_sync_can_start_as_soon_as_the_cancelled_one_has_stopped(hub: HubClient, provider: RunningSandbox) -> None:
    provider.faults.add("/v1", "slow", after=2, times=1, delay_s=HELD_S)
    integration_id = hub.create(connector(provider.url))
    job_id = hub.start(integration_id)
    hub.job_when(job_id, lambda _: len(provider.requests) == 3)
    hub.cancel(job_id)

    sync = {"endpointId": "list"}
    hub.call("POST", f"{INTEGRATIONS}/{integration_id}/sync", sync, expect=409)
    hub.job_when(job_id, lambda _: is_told_by_worker(hub, job_id))
    job = hub.ended(hub.start(integration_id))

    assert (job["status"], adds_up(job["counters"])) == ("COMPLETED", True)
    assert job["counters"] == counted(read=COMPANIES, created=200, unchanged=300)
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
