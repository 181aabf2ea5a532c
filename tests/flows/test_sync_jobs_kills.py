"""Five jobs at once, of two tenants with the same ids, whose workers are killed at random moments: all end exact.

`HUB_FLOW_SYNC_RECORDS` and `HUB_FLOW_SYNC_KILLS` say how many records each job moves and how often processes die: `make
proofs` takes 500 and 10. Without them they are few and in a hurry: what a sweep would leave for minutes is due at once.
"""

import os
import random
import secrets
import signal
import time
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from typing import Any

import pytest

from local.sandbox.server import RunningSandbox
from local.stack import Stack
from tests.flows.crm import (
    Team,
    by_email,
    contact_connector,
    contacts,
    crm,
    look,
    pass_time_for_jobs,
    team,
    writes,
)
from tests.flows.hub_client import OPEN, POLL_S, HubClient, counted, tick

Json = dict[str, Any]

IS_HURRIED = "HUB_FLOW_SYNC_KILLS" not in os.environ
KILLS = int(os.environ.get("HUB_FLOW_SYNC_KILLS", "4"))
RECORDS = int(os.environ.get("HUB_FLOW_SYNC_RECORDS", "90"))
OURS = 10
SEED = 20261121
PAGE, PAGE_S = 6, 0.03
ENDS_WITHIN_S = 120 if IS_HURRIED else 600
SWEEP_EVERY_S = 0.5


@dataclass
class Jobs:
    """The jobs under way, by name, with who sees each of them."""

    stack: Stack
    deaths: list[str]
    seen_by: dict[str, tuple[HubClient, str]] = field(default_factory=dict)

    def add(self, name: str, hub: HubClient, job_id: str) -> None:
        self.seen_by[name] = (hub, job_id)

    def read(self) -> dict[str, Json]:
        return {name: hub.job(job_id) for name, (hub, job_id) in self.seen_by.items()}

    def kill_until_they_end(self, rng: random.Random) -> dict[str, Json]:
        """Kill a worker each time some pages more are done, until enough of them died at work; return the jobs.

        The message of a killed worker stays invisible for hours: only the sweeper can bring its job back.
        """
        target, swept_at, ends_at = rng.randint(2, 6), 0.0, time.monotonic() + ENDS_WITHIN_S
        while is_any_open(jobs := self.read()):
            assert time.monotonic() < ends_at, jobs
            pages = sum(job["page"] for job in jobs.values())
            if pages >= target and len(self.deaths) < KILLS:
                kill_one(self.stack, rng)
                target = pages + rng.randint(3, 8)
            if time.monotonic() - swept_at > SWEEP_EVERY_S:
                self.sweep()
                swept_at = time.monotonic()
            time.sleep(POLL_S)
        return jobs

    def sweep(self) -> None:
        if IS_HURRIED:
            pass_time_for_jobs(self.stack, [job_id for _, job_id in self.seen_by.values()])
        tick(self.stack)


def is_any_open(jobs: dict[str, Json]) -> bool:
    return any(job["status"] in OPEN for job in jobs.values())


def kill_one(stack: Stack, rng: random.Random) -> None:
    """Kill one sync worker as a power cut would."""
    if pids := stack.worker_pids("SyncWorker"):
        os.kill(rng.choice(pids), signal.SIGKILL)


@dataclass(frozen=True)
class World:
    """A tenant with a CRM that it pulls from; its contacts have the ids of the other tenant's and other contents."""

    team: Team
    source: RunningSandbox
    target: RunningSandbox

    def pulled_leads(self) -> None:
        """Have a document of the type `lead` for each contact, which a push is to send."""
        integration_id = self.team.hub.create(contact_connector(self.source.url, "lead", 200))
        job = self.team.hub.ended(self.team.hub.start(integration_id), within_s=ENDS_WITHIN_S)
        assert job["counters"] == counted(read=RECORDS, created=RECORDS)

    def pull(self) -> str:
        integration_id = self.team.hub.create(contact_connector(self.source.url, "person", PAGE, name="pull"))
        return self.team.hub.start(integration_id)

    def push(self) -> str:
        integration_id = self.team.hub.create(contact_connector(self.target.url, "lead", PAGE, name="push"))
        wanted = {"jobType": "INCREMENTAL", "entityType": "lead", "direction": "OUTBOUND"}
        return str(self.team.hub.call("POST", f"/api/v1/integrations/{integration_id}/sync", wanted, expect=202)["id"])


def sync_both_ways(ours: Team, partners: RunningSandbox) -> tuple[str, str]:
    """Start the first run of a configuration; return its id and the job's."""
    for number in range(OURS):
        ours.put("partner", f"ours-{number}", email=f"{number}@here.example", firstName="Our", lastName=str(number))
    integration_id = ours.hub.create(contact_connector(partners.url, "partner", PAGE, name="both"))
    config_id = ours.configure(integration_id)
    ours.come_due(config_id)
    look(ours.stack)
    return config_id, str(ours.hub.call("GET", f"{ours.configs}/{config_id}")["lastJobId"])


@pytest.fixture
def worlds(stack: Stack) -> Iterator[tuple[World, World]]:
    """Two tenants; the pushes of both go to one CRM."""
    with ExitStack() as opened:
        target = opened.enter_context(crm(0))
        found = []
        for letter in "ab":
            tenant = opened.enter_context(team(stack, f"kills-{letter}-{secrets.token_hex(6)}"))
            source = opened.enter_context(crm(RECORDS, f"{letter}.example"))
            found.append(World(tenant, source, target))
            found[-1].pulled_leads()
            source.faults.add("/v1", "slow", delay_s=PAGE_S)
        target.faults.add("/v1", "slow", delay_s=PAGE_S)
        yield found[0], found[1]


@pytest.fixture
def partners() -> Iterator[RunningSandbox]:
    """The CRM of the sync that goes both ways."""
    with crm(RECORDS, "partners.example") as provider:
        provider.faults.add("/v1", "slow", delay_s=PAGE_S)
        yield provider


@pytest.fixture
def deaths(stack: Stack, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Return how each invocation of the sync worker failed, from now on."""
    found: list[str] = []
    written = stack.log.line

    def line(message: str, **facts: Any) -> None:
        if message == "function failed" and facts["function"] == "SyncWorker":
            found.append(facts["error"])
        written(message, **facts)

    monkeypatch.setattr(stack.log, "line", line)
    return found


def test_five_jobs_at_once_end_exact_when_their_workers_are_killed(
    stack: Stack, worlds: tuple[World, World], partners: RunningSandbox, deaths: list[str]
) -> None:
    jobs = Jobs(stack, deaths)
    config_id, both = sync_both_ways(worlds[0].team, partners)
    jobs.add("both ways", worlds[0].team.hub, both)
    for world in worlds:
        jobs.add(f"pull of {world.team.tenant}", world.team.hub, world.pull())
        jobs.add(f"push of {world.team.tenant}", world.team.hub, world.push())

    ended = jobs.kill_until_they_end(random.Random(SEED))

    worlds[0].team.drop(config_id)
    assert deaths.count("Runtime.ExitError") >= KILLS
    assert {name: job["status"] for name, job in ended.items()} == dict.fromkeys(ended, "COMPLETED")
    assert len(ended) == 5
    linked = counted(read=2 * RECORDS + OURS, created=RECORDS + OURS, unchanged=RECORDS)
    whole = counted(read=RECORDS, created=RECORDS)
    assert {name: job["counters"] for name, job in ended.items()} == dict.fromkeys(ended, whole) | {"both ways": linked}
    must_be_exact(worlds, partners)


def must_be_exact(worlds: tuple[World, World], partners: RunningSandbox) -> None:
    """Fail unless documents and CRMs hold the same, everything once, and nothing of the other tenant."""
    sent: dict[str, Json] = {}
    for world in worlds:
        found = world.team.hub.documents("person")
        assert {name: each["content"] for name, each in found.items()} == contacts(world.source)
        assert {each["version"] for each in found.values()} == {1}
        assert world.team.contents("lead") == contacts(world.source)
        assert writes(world.source) == []
        sent |= by_email(contacts(world.source))
    assert by_email(contacts(worlds[0].target)) == sent
    assert len(sent) == 2 * RECORDS
    assert by_email(worlds[0].team.contents("partner")) == by_email(contacts(partners))
    assert len(contacts(partners)) == RECORDS + OURS
