"""A sync that the hub itself holds back, for an open circuit or a used-up budget: it waits, and that is no failure."""

import json
from typing import Any

import pytest

from hub.core import clock
from hub.core.caller import Tenant
from hub.core.resources import resources
from hub.core.tables import key
from hub.outbound.calls import Reply
from hub.outbound.traffic import Traffic
from hub.sync import jobs
from hub.sync.models import SyncJob
from tests.api import tested
from tests.api.conftest import Hub, StoppedClock
from tests.api.sync_work import Json, Provider, Sync, connector, contacts, counted, recorded, status
from tests.api.tested import pages, result_of

# The circuit opens while a run still tries again.
STUBBORN = {"maxRetries": 5, "retryDelay": 0, "retryOn": [503]}
HOST = "crm.example.com"


@pytest.fixture
def sync(hub: Hub, stopped_clock: StoppedClock) -> Sync:  # noqa: ARG001  time moves only when told to
    return Sync(hub, Provider(contacts(25)))


class Down(Provider):
    """Answers 503 until it is up again."""

    up = False

    def send(self, call: Any, *, timeout_s: float) -> Reply:
        reply = super().send(call, timeout_s=timeout_s)
        return reply if self.up else status(503)()


def down(hub: Hub) -> tuple[Sync, Down]:
    provider = Down(contacts(25))
    return Sync(hub, provider), provider


def hops(sync: Sync, job_id: str) -> int:
    item = resources().tables.activity.get(key(Tenant(sync.hub.tenant), "job", job_id))
    assert item is not None
    return int(item["hops"])


def traffic_state(hub: Hub, integration_id: str) -> Json:
    return Traffic(resources().tables.coordination, Tenant(hub.tenant), integration_id).state(HOST)


def test_sync_pauses_while_the_circuit_is_open_and_completes_afterwards(hub: Hub, stopped_clock: StoppedClock) -> None:
    """It waits for longer than three failures would: no run of a paused job uses up a hop."""
    sync, provider = down(hub)
    job_id = sync.start(sync.connect(retryConfig=STUBBORN))

    for run in range(2 * jobs.MAX_HOPS):
        with recorded() as asked:
            sync.work(job_id)
        job = sync.job(job_id)
        SyncJob.model_validate(job)
        assert (job["status"], job["errorLog"], hops(sync, job_id)) == ("PENDING", [], 0)
        assert job["nextAttemptAt"] == clock.iso(stopped_clock.epoch_s + 30)
        assert [hint["delay"] for hint in asked.hints(hub.tenant)] == [30]
        assert len(provider.calls) == 5 + run  # five that open the circuit, then one probe a run
        stopped_clock.advance(30)
    provider.up = True
    sync.work(job_id)

    job = sync.job(job_id)
    assert (job["status"], job["counters"]) == ("COMPLETED", counted(read=25, created=25))
    lines = hub.get(f"/api/v1/sync-jobs/{job_id}/logs").body["data"]
    assert lines[0]["kind"] == "handed_on"
    assert lines[0]["waitSeconds"] == 30
    assert lines[0]["message"].startswith(f"{HOST} failed 5 times in a row and is left alone")


def test_sync_fails_when_no_page_could_be_read_for_a_day(hub: Hub, stopped_clock: StoppedClock) -> None:
    sync, _ = down(hub)
    job_id = sync.start(sync.connect(retryConfig=STUBBORN))

    runs = 0
    while sync.job(job_id)["status"] == "PENDING":
        sync.work(job_id)
        stopped_clock.advance(3600)
        runs += 1

    job = sync.job(job_id)
    assert (job["status"], job["stopReason"], runs) == ("FAILED", "failed", 25)
    assert job["errorLog"][-1]["reason"].startswith("No page could be read for 24 hours; the last position is kept.")
    assert HOST in job["errorLog"][-1]["reason"]


def test_page_ends_the_pause_that_came_before_it(hub: Hub, stopped_clock: StoppedClock) -> None:
    sync, provider = down(hub)
    job_id = sync.start(sync.connect(retryConfig=STUBBORN))
    sync.work(job_id)
    provider.up = True
    stopped_clock.advance(20 * 3600)
    sync.work(job_id, lambda: 1000)  # one page
    provider.up = False

    for _ in range(20):
        sync.work(job_id)
        stopped_clock.advance(3600)

    assert (sync.job(job_id)["status"], sync.job(job_id)["page"]) == ("PENDING", 1)


def test_cancelled_job_ends_while_it_is_paused(hub: Hub) -> None:
    sync, _ = down(hub)
    job_id = sync.start(sync.connect(retryConfig=STUBBORN))
    sync.work(job_id)

    sync.cancel(job_id)

    sync.work(job_id)
    assert sync.job(job_id)["status"] == "CANCELLED"


def test_sync_that_has_used_up_the_budget_goes_on_when_a_call_is_free(sync: Sync, stopped_clock: StoppedClock) -> None:
    """Three pages under a limit of three requests a minute; the job is handed on between them."""
    job_id = sync.start(sync.connect(rateLimit={"requestsPerMinute": 3}))

    waits = []
    while True:
        with recorded() as asked:
            sync.work(job_id)
        if sync.job(job_id)["status"] != "PENDING":
            break
        waits += [hint["delay"] for hint in asked.hints(sync.hub.tenant)]
        assert sync.job(job_id)["errorLog"] == []
        stopped_clock.advance(waits[-1])

    assert waits == [21, 21]
    assert len(sync.provider.calls) == 3
    assert sync.job(job_id)["counters"] == counted(read=25, created=25)


def test_limit_of_the_endpoint_counts_beside_that_of_the_connector(sync: Sync) -> None:
    endpoint = {**connector()["endpoints"][0], "rateLimit": {"requestsPerMinute": 1}}
    job_id = sync.start(sync.connect(endpoints=[endpoint], rateLimit={"requestsPerMinute": 6000}))

    sync.work(job_id)

    assert (len(sync.provider.calls), sync.job(job_id)["page"]) == (1, 1)


def test_answer_that_a_rule_calls_a_rate_limit_holds_back_every_worker(sync: Sync) -> None:
    """Some providers say so with 200, some with 403; the rules of the connector know."""
    throttled = Reply(200, {"retry-after": "120"}, json.dumps({"error": "ratelimited"}).encode(), 1)
    sync.provider.instead[1] = lambda: throttled
    rule = {"path": "$.error", "value": "ratelimited", "action": "RATE_LIMITED"}
    integration_id = sync.connect(errorActions=[rule])

    sync.work(sync.start(integration_id))

    until = clock.iso(clock.epoch_s() + 120)
    assert traffic_state(sync.hub, integration_id)["blockedUntil"] == until
    assert traffic_state(sync.hub, integration_id)["state"] == "closed"


# Tests of an integration


def test_test_of_an_endpoint_counts_against_the_budget(sync: Sync, provider: tested.Provider) -> None:
    provider.answer = pages(5, 10)
    integration_id = sync.connect(rateLimit={"requestsPerMinute": 1})

    first, second = (result_of(sync.hub, integration_id, "list") for _ in range(2))
    connection = result_of(sync.hub, integration_id)
    job_id = sync.start(integration_id)
    sync.work(job_id)

    assert (first["success"], second["success"], connection["success"]) == (True, False, False)
    assert len(provider.calls) == 1
    assert second["error"].startswith(f"{HOST} allows no call now; the next one may go in 61 s.")
    assert second["error"].endswith("The provider limits how often it is called: wait, then test again.")
    assert (sync.job(job_id)["status"], sync.provider.calls) == ("PENDING", [])


def test_test_of_an_endpoint_goes_out_although_the_circuit_is_open(hub: Hub, provider: tested.Provider) -> None:
    """Who tests wants to see what the provider says now, and does not open the circuit of the syncs."""
    provider.answer = pages(5, 10)
    sync, _ = down(hub)
    integration_id = sync.connect(retryConfig=STUBBORN)
    sync.work(sync.start(integration_id))
    before = traffic_state(hub, integration_id)

    result = result_of(hub, integration_id, "list")

    assert (before["state"], result["success"]) == ("open", True)
    assert traffic_state(hub, integration_id) == before
