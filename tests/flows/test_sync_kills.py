"""A sync of 10,000 records whose worker is killed again and again ends as if nothing had happened."""

import os
import random
import signal
import time

from local.demo import definition
from local.stack import Stack
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


def kill_at_pages(stack: Stack, hub: HubClient, job_id: str, pages: list[int]) -> list[int]:
    """Kill the workers each time the job has reached the next of `pages`; return where it was then.

    The message of a killed worker stays invisible for hours: only the sweeper can bring the job back.
    """
    killed_at: list[int] = []
    ends_at = time.monotonic() + ENDS_WITHIN_S
    while (job := hub.job(job_id))["status"] in OPEN:
        assert time.monotonic() < ends_at, job
        if pages and job["page"] >= pages[0] and kill_workers(stack):
            killed_at.append(job["page"])
            pages = [page for page in pages if page > job["page"]]
        elif killed_at:
            tick(stack)
        time.sleep(POLL_S)
    return killed_at


def test_sync_of_10_000_records_ends_exact_when_its_worker_is_killed_again_and_again(
    stack: Stack, hub: HubClient
) -> None:
    # One page in each part of the job, so that every kill meets a worker that has gone on since the last one.
    part = PAGES // (KILLS + 1)
    pages = [random.randint(number * part + 1, number * part + part - 3) for number in range(KILLS)]
    job_id = hub.start(hub.create(definition(stack.sandbox_url)), "list-contacts")

    killed_at = kill_at_pages(stack, hub, job_id, pages)

    job = hub.job(job_id)
    assert len(set(killed_at)) == KILLS
    assert (job["status"], job["stopReason"], job["page"]) == ("COMPLETED", "cursor_null", PAGES)
    assert job["counters"] == counted(read=RECORDS, created=RECORDS)
    found = hub.documents("contact")
    assert found.keys() == {f"c{number:05d}" for number in range(1, RECORDS + 1)}
    assert {each["version"] for each in found.values()} == {1}


def test_job_of_a_killed_worker_waits_for_the_sweeper(stack: Stack, hub: HubClient) -> None:
    """The control of the test above: without the sweeper nothing brings the job back."""
    job_id = hub.start(hub.create(definition(stack.sandbox_url)), "list-contacts")
    hub.job_when(job_id, lambda job: job["page"] >= 2)
    kill_workers(stack)

    left = hub.job_when(job_id, lambda job: hub.job(job_id)["page"] == job["page"])

    assert left["status"] == "RUNNING"
    hub.cancel(job_id)
