"""Syncs that ask only for changes, against a provider with 10,000 contacts that knows `?updated_since=`."""

import time
from typing import Any

import pytest

from local.sandbox.server import RunningSandbox
from local.sandbox.world import Table
from local.stack import Stack
from tests.flows.connectors import connector, endpoint
from tests.flows.hub_client import OPEN, POLL_S, HubClient, counted, tick
from tests.flows.test_sync_kills import ENDS_WITHIN_S, kill_workers

Json = dict[str, Any]

RECORDS, PAGE = 10_000, 200
WORDS = {"field": "$.updated_at", "param": "updated_since"}


def listing(provider: RunningSandbox, records: str, page_size: int) -> Json:
    return connector(provider.url, endpoint("cursor", records, page_size, incremental=WORDS))


def synced(hub: HubClient, integration_id: str) -> Json:
    return hub.ended(hub.start(integration_id), within_s=ENDS_WITHIN_S)


def change(table: Table, every: int) -> set[str]:
    """Change one record of so many, all over the list, and return their ids."""
    return {table.update(row.id, {"phone": "+41 31 000 00 00"})["id"] for row in table.rows()[::every]}


def asked_since(provider: RunningSandbox) -> list[str | None]:
    return [request["query"].get("updated_since") for request in provider.requests]


def test_second_sync_reads_what_changed_and_no_more(hub: HubClient, provider: RunningSandbox) -> None:
    integration_id = hub.create(listing(provider, "contacts", PAGE))
    first = synced(hub, integration_id)
    requests_of_first = len(provider.requests)
    changed = change(provider.world.contacts, every=RECORDS // 40)

    second = synced(hub, integration_id)

    expected = {row.id for row in provider.world.contacts.rows(second["incrementalFrom"])}
    assert (first["jobType"], first["counters"]) == ("FULL_SYNC", counted(read=RECORDS, created=RECORDS))
    assert (second["jobType"], second["status"]) == ("INCREMENTAL", "COMPLETED")
    assert second["counters"] == counted(read=len(expected), updated=40, unchanged=len(expected) - 40)
    assert changed <= expected
    assert len(expected) <= PAGE
    assert (requests_of_first, asked_since(provider)[requests_of_first:]) == (
        RECORDS // PAGE,
        [second["incrementalFrom"]],
    )


@pytest.mark.full_size
def test_incremental_sync_whose_worker_is_killed_keeps_what_it_asks_from(
    stack: Stack, hub: HubClient, provider: RunningSandbox
) -> None:
    integration_id = hub.create(listing(provider, "companies", 20))
    synced(hub, integration_id)
    before, changed = len(provider.requests), change(provider.world.companies, every=1)

    job = killed_on_its_way(stack, hub, hub.start(integration_id))

    contents = {name: document["content"] for name, document in hub.documents("companies").items()}
    assert (job["jobType"], job["status"]) == ("INCREMENTAL", "COMPLETED")
    assert job["counters"]["updated"] == len(changed)
    assert set(asked_since(provider)[before:]) == {job["incrementalFrom"]}
    assert contents == {row.id: row.content for row in provider.world.companies.rows()}
    assert hub.job(hub.start(integration_id))["incrementalFrom"] > job["incrementalFrom"]


def killed_on_its_way(stack: Stack, hub: HubClient, job_id: str) -> Json:
    """Kill the job's worker at two of its pages, and return the job when it has ended."""
    waiting = [3, 9]
    ends_at = time.monotonic() + ENDS_WITHIN_S
    while (job := hub.job(job_id))["status"] in OPEN:
        assert time.monotonic() < ends_at, job
        if waiting and job["page"] >= waiting[0] and kill_workers(stack):
            waiting.pop(0)
        elif len(waiting) < 2:
            tick(stack)
        time.sleep(POLL_S)
    assert waiting == []
    return job
