"""A sync of 10,000 records whose worker is killed again and again ends as if nothing had happened."""

import os
import random
import signal
import time

import pytest

from local.demo import definition
from local.stack import Stack
from tests.flows.conftest import LEASE_S
from tests.flows.hub_client import OPEN, POLL_S, HubClient, counted, tick

RECORDS = 10_000
PAGES = 50
KILLS = 5
ENDS_WITHIN_S = 120


def kill_workers(stack: Stack) -> int:
    """Kill every sync worker as a power cut would; return how many there were."""
    pids = stack.worker_pids("SyncWorker")
    for pid in pids:
        os.kill(pid, signal.SIGKILL)
    return len(pids)


def kill_at_random_pages(stack: Stack, hub: HubClient, job_id: str, kills: int) -> list[int]:
    """Kill the workers again and again, each time some pages further; return which page the job had reached then.

    The message of a killed worker stays invisible for hours: only the sweeper can bring the job back.
    """
    killed_at: list[int] = []
    target = random.randint(1, 5)
    ends_at = time.monotonic() + ENDS_WITHIN_S
    while (job := hub.job(job_id))["status"] in OPEN:
        assert time.monotonic() < ends_at, job
        if len(killed_at) < kills and job["page"] >= target and kill_workers(stack):
            killed_at.append(job["page"])
            target = job["page"] + random.randint(1, 5)
        elif killed_at:
            tick(stack)
        time.sleep(POLL_S)
    return killed_at


@pytest.mark.full_size
def test_sync_of_10_000_records_ends_exact_when_its_worker_is_killed_again_and_again(
    stack: Stack, hub: HubClient
) -> None:
    job_id = hub.start(hub.create(definition(stack.sandbox_url)), "list-contacts")

    killed_at = kill_at_random_pages(stack, hub, job_id, KILLS)

    job = hub.job(job_id)
    assert len(set(killed_at)) == KILLS
    assert (job["status"], job["stopReason"], job["page"]) == ("COMPLETED", "cursor_null", PAGES), killed_at
    assert job["counters"] == counted(read=RECORDS, created=RECORDS), killed_at
    found = hub.documents("contact")
    assert found.keys() == {f"c{number:05d}" for number in range(1, RECORDS + 1)}
    assert {each["version"] for each in found.values()} == {1}


def test_job_of_a_killed_worker_goes_on_when_the_sweeper_finds_it_and_not_before(stack: Stack, hub: HubClient) -> None:
    """The control of the test above: the kills do stop the job, also when the lease is long over."""
    job_id = hub.start(hub.create(definition(stack.sandbox_url)), "list-contacts")
    hub.job_when(job_id, lambda job: job["page"] >= 2)
    kill_workers(stack)
    reached = hub.job(job_id)["page"]
    lease_ends_at = time.monotonic() + LEASE_S

    hub.job_when(job_id, lambda _: time.monotonic() > lease_ends_at + 0.5)
    left = hub.job(job_id)
    tick(stack)
    hub.job_when(job_id, lambda job: job["page"] > reached)

    assert (left["status"], left["page"]) == ("RUNNING", reached)
    hub.cancel(job_id)
