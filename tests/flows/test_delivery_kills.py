"""Deliveries whose workers and routers are killed again and again: all arrive, under the same id."""

import os
import signal
import time
from collections.abc import Iterator

import pytest

from local.stack import Stack
from tests.flows.events import EVENTS, IS_HURRIED, WIDTH, Fan, let_time_pass
from tests.flows.hub_client import HubClient, tick
from tests.flows.receivers import LoopbackReceiver, receiving

# Early: what a sweep has hinted at, it hints at again after three minutes only.
KILLS_AT = (0.02, 0.1, 0.2, 0.3, 0.4)
# The lease of a request that may take 2 s is 32 s; what was hinted at and not claimed is due after a minute.
ENDS_WITHIN_S = 85
POLL_S = 0.1
ANSWERS_AFTER_S = 0.2


@pytest.fixture
def receiver() -> Iterator[LoopbackReceiver]:
    """One that is slow enough to be met while it works."""

    def answer(_path: str, _number: int) -> int:
        time.sleep(ANSWERS_AFTER_S)
        return 200

    with receiving() as running:
        running.answers = answer
        yield running


def kill_workers(stack: Stack) -> int:
    """Kill every process that routes or delivers, as a power cut would; return how many there were."""
    pids = [pid for function in ("DeliveryWorker", "EventRouter") for pid in stack.worker_pids(function)]
    for pid in pids:
        os.kill(pid, signal.SIGKILL)
    return len(pids)


def kill_again_and_again(stack: Stack, fan: Fan) -> int:
    """Kill the workers each time another part of the deliveries has arrived; return how many processes died.

    In a hurry, what they held is free at once instead of after the lease.
    """
    killed, parts = 0, [WIDTH * EVENTS * share for share in KILLS_AT]
    ends_at = time.monotonic() + ENDS_WITHIN_S
    while parts:
        assert time.monotonic() < ends_at, f"{len(fan.arrived())} of {WIDTH * EVENTS} arrived"
        if len(fan.arrived()) >= parts[0] and (deaths := kill_workers(stack)):
            killed += deaths
            parts.pop(0)
            if IS_HURRIED:
                let_time_pass(stack)
                tick(stack)
        time.sleep(POLL_S)
    return killed


def test_all_deliveries_arrive_when_their_workers_are_killed_again_and_again(
    stack: Stack, hub: HubClient, receiver: LoopbackReceiver
) -> None:
    """Messages of a killed worker stay invisible for minutes: only the sweeper can bring their deliveries back."""
    fan = Fan(hub.http, receiver)
    fan.subscribe(timeoutMs=2000)
    fan.post(EVENTS)

    killed = kill_again_and_again(stack, fan)
    missing = WIDTH * EVENTS - len(fan.arrived())

    ends_at = time.monotonic() + ENDS_WITHIN_S
    while (states := fan.states()) != {"delivered": WIDTH * EVENTS}:
        assert time.monotonic() < ends_at, states
        tick(stack)
        time.sleep(POLL_S)
    arrived = fan.arrived()
    again = arrived.total() - len(arrived)
    print(f"{killed} processes killed before {missing} had arrived, {again} requests sent again")  # noqa: T201
    assert killed >= len(KILLS_AT)
    assert arrived.keys() == fan.expected()
