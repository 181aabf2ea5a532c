"""The scheduler on the whole stack: every slot once, with two ticks at once, with a killed process, and by the bus."""

import os
import secrets
import signal
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any

import pytest

from local.functions import FunctionFailed
from local.sandbox.server import RunningSandbox
from local.stack import Stack
from tests.flows.crm import Team, contact_connector, crm, look, pass_time_for_jobs, team
from tests.flows.hub_client import counted, tick

Json = dict[str, Any]

CONTACTS = 3
CONFIGS = 16
ENDS_WITHIN_S = 90
FREQUENCIES: tuple[int | str, ...] = (60_000, "cron(0 3 * * ? *)", "hourly")


@dataclass(frozen=True)
class Schedules:
    """Configurations of one team, each of an integration of its own, by id."""

    team: Team
    provider: RunningSandbox
    integrations: dict[str, str]

    def add(self, name: str, frequency: int | str) -> None:
        integration_id = self.team.hub.create(contact_connector(self.provider.url, name=name))
        config_id = self.team.configure(integration_id, syncDirection="pull", frequency=frequency)
        self.integrations[config_id] = integration_id

    def come_due(self) -> None:
        for config_id in self.integrations:
            self.team.come_due(config_id)

    def jobs(self) -> list[Json]:
        return [job for each in self.integrations.values() for job in self.team.jobs(each)]

    def has_started(self) -> bool:
        """Say whether any configuration has a job, with one request."""
        return any(each["lastJobId"] for each in self.team.hub.http.get(self.team.configs).json())

    def ended(self) -> list[Json]:
        return [self.team.hub.ended(job["id"], within_s=ENDS_WITHIN_S) for job in self.jobs()]

    def slots(self) -> list[tuple[str, str]]:
        """Return configuration and slot of every job."""
        return sorted((str(job["configId"]), str(job["slot"])) for job in self.jobs())


@pytest.fixture
def schedules(stack: Stack) -> Iterator[Schedules]:
    with ExitStack() as opened:
        ours = opened.enter_context(team(stack, f"slots-{secrets.token_hex(6)}"))
        found = Schedules(ours, opened.enter_context(crm(CONTACTS)), {})
        yield found
        for config_id in found.integrations:
            ours.drop(config_id)


def test_two_schedulers_at_once_start_every_slot_once(stack: Stack, schedules: Schedules) -> None:
    for number, frequency in enumerate(FREQUENCIES):
        schedules.add(f"crm-{number}", frequency)
    with ThreadPoolExecutor(2) as schedulers:
        for turn in (1, 2):
            schedules.come_due()
            list(schedulers.map(look, [stack, stack]))
            found = schedules.slots()
            assert len(set(found)) == len(found) == turn * len(FREQUENCIES)
            assert {job["status"] for job in schedules.ended()} == {"COMPLETED"}

    jobs = schedules.ended()
    assert {job["createdBy"] for job in jobs} == {f"schedule:{config_id}" for config_id in schedules.integrations}
    look(stack)
    assert len(schedules.jobs()) == len(jobs)


def test_slots_that_a_killed_scheduler_left_are_started_by_the_next_and_none_twice(
    stack: Stack, schedules: Schedules
) -> None:
    """A job that it has written and not hinted at is brought in by the sweeper."""
    for number in range(CONFIGS):
        schedules.add(f"crm-{number:02d}", FREQUENCIES[number % len(FREQUENCIES)])
    schedules.come_due()

    died = killed_at_work(stack, schedules)
    left = CONFIGS - len(schedules.jobs())
    look(stack)

    assert (died, left > 0) == (True, True)
    found = schedules.slots()
    assert [config_id for config_id, _ in found] == sorted(schedules.integrations)
    pass_time_for_jobs(stack, [job["id"] for job in schedules.jobs()])
    tick(stack)
    assert {(job["status"], job["counters"]["read"]) for job in schedules.ended()} == {("COMPLETED", CONTACTS)}
    assert schedules.slots() == found


def killed_at_work(stack: Stack, schedules: Schedules) -> bool:
    """Let a scheduler look and kill it when it has made its first job; say whether it died of it."""
    failures: list[str] = []

    def work() -> None:
        try:
            look(stack)
        except FunctionFailed as failure:
            failures.append(failure.error_type)

    scheduler = threading.Thread(target=work)
    scheduler.start()
    ends_at = time.monotonic() + ENDS_WITHIN_S
    while scheduler.is_alive() and not schedules.has_started():
        assert time.monotonic() < ends_at
    for pid in stack.worker_pids("SyncScheduler"):
        os.kill(pid, signal.SIGKILL)
    scheduler.join()
    return failures == ["Runtime.ExitError"]


def test_hourly_tick_of_the_bus_starts_what_is_due(
    stack: Stack, schedules: Schedules, eventually: Callable[..., None]
) -> None:
    schedules.add("crm", 60_000)
    schedules.come_due()
    bus = stack.template.functions["EventRouter"].environment["BUS_NAME"]
    entry: Any = {"EventBusName": bus, "Source": "scheduler", "DetailType": "scheduler.hourly", "Detail": "{}"}

    assert stack.aws("events").put_events(Entries=[entry])["FailedEntryCount"] == 0
    eventually(schedules.jobs, within_s=30)

    (job,) = schedules.ended()
    assert (job["status"], job["counters"]) == ("COMPLETED", counted(read=CONTACTS, created=CONTACTS))
