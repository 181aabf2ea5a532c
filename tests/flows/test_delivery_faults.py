"""A fifth of all calls to the cloud fail, half of them after they took effect: every delivery arrives and ends."""

import time
from collections.abc import Iterator

import httpx
import pytest

from local.stack import TEMPLATE, Stack
from tests.flows.events import EVENTS, WIDTH, Fan
from tests.flows.hub_client import tick
from tests.flows.receivers import receiving

pytestmark = pytest.mark.xdist_group("faulty-deliveries")  # one stack for all of them

FAULTS = 0.2
ENDS_WITHIN_S = 85
POLL_S = 0.5


@pytest.fixture(scope="module")
def faulty(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    folder = tmp_path_factory.mktemp("faulty-deliveries")
    parameters = {"RateLimits": "integration=100000"}
    with Stack(TEMPLATE, folder, parameters=parameters, schedules=False, faults=FAULTS, faults_seed=20261121) as stack:
        yield stack


@pytest.fixture
def fan(faulty: Stack, tenant: str) -> Iterator[Fan]:
    headers = {"authorization": f"Bearer {faulty.token(tenant)}"}
    faulty.inject_faults(FAULTS)
    with receiving() as receiver, httpx.Client(base_url=faulty.url, headers=headers, timeout=35) as client:
        yield Fan(client, receiver)


@pytest.mark.full_size
def test_all_deliveries_arrive_and_end_when_the_cloud_fails_every_fifth_call(faulty: Stack, fan: Fan) -> None:
    # Not so often in a row that the host's circuit opens.
    fan.receiver.answers = lambda path, number: 503 if number == 5 + 4 * int(path[1:]) else 200
    fan.subscribe(timeoutMs=1000, retryIntervals=[1, 1, 1, 1])
    fan.post(EVENTS)

    ends_at = time.monotonic() + ENDS_WITHIN_S
    while not fan.expected() <= fan.arrived().keys():
        assert time.monotonic() < ends_at, f"{len(fan.expected() - fan.arrived().keys())} did not arrive"
        tick(faulty)
        time.sleep(POLL_S)
    faulty.inject_faults(0)
    while (states := fan.states()) != {"delivered": WIDTH * EVENTS}:
        assert time.monotonic() < ends_at, states
        tick(faulty)
        time.sleep(POLL_S)

    assert fan.arrived().keys() == fan.expected()
