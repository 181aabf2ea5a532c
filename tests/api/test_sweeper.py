"""The net under the queue: a job that nobody works on though it is due is hinted at again, and finished."""

from typing import Any

import pytest

from tests.api.conftest import Hub, StoppedClock
from tests.api.sync_work import LEASE_S, Provider, Sync, contacts, counted, recorded


@pytest.fixture
def sync(hub: Hub, stopped_clock: StoppedClock) -> Sync:  # noqa: ARG001  time moves only when told to
    return Sync(hub, Provider(contacts(25)))


def swept(hub: Hub) -> list[str]:
    """Run the sweeper; return the tenant's jobs that it hinted at."""
    with hub.cloud.running("Sweeper"), recorded() as asked:
        answer = hub.cloud.handler("Sweeper")({}, None)
    assert answer["hinted"] == len(asked.of("SendMessage"))
    return [hint["id"] for hint in asked.hints(hub.tenant)]


def test_sweeper_hints_at_overdue_jobs_and_no_others(sync: Sync, stopped_clock: StoppedClock) -> None:
    never_hinted = [sync.start(sync.connect(f"lost-{number}")) for number in range(6)]
    done, cancelled = sync.start(sync.connect("done")), sync.start(sync.connect("cancelled"))
    sync.work(done)
    sync.cancel(cancelled)
    silent = sync.start(sync.connect("silent"))
    sync.provider.instead[len(sync.provider.calls) + 1] = die
    with pytest.raises(KeyboardInterrupt):
        sync.work(silent)

    assert swept(sync.hub) == []  # nothing is due yet
    stopped_clock.advance(61)
    assert sorted(swept(sync.hub)) == sorted(never_hinted)
    stopped_clock.advance(LEASE_S - 61 + 1)
    assert swept(sync.hub) == [silent]
    assert swept(sync.hub) == []  # hinted at already
    stopped_clock.advance(300)
    assert sorted(swept(sync.hub)) == sorted([*never_hinted, silent])


def die() -> Any:
    """What a worker does whose process ends."""
    raise KeyboardInterrupt


def test_job_of_a_silent_worker_is_finished_by_the_next(sync: Sync, stopped_clock: StoppedClock) -> None:
    job_id = sync.start(sync.connect())
    sync.provider.instead[2] = die
    with pytest.raises(KeyboardInterrupt):
        sync.work(job_id)

    sync.work(job_id)  # the lease still stands
    assert (sync.job(job_id)["status"], sync.job(job_id)["page"]) == ("RUNNING", 1)
    stopped_clock.advance(LEASE_S + 1)
    sync.work(job_id)

    assert sync.job(job_id)["status"] == "COMPLETED"
    assert sync.job(job_id)["counters"] == counted(read=25, created=25)
