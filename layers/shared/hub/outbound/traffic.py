"""The traffic of one integration: each call asks the circuit breaker and the provider's budget before it goes.

What all workers must know stands in one item per host. A call through a closed circuit without limits costs no call of
AWS but the first; with limits it costs one write.
"""

import math
import time
import uuid
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from threading import Lock
from typing import Any
from urllib.parse import urlsplit

from hub.core import clock, logs
from hub.core.caller import Tenant
from hub.core.errors import Retryable
from hub.core.tables import Table
from hub.outbound import breaker, budget
from hub.outbound.breaker import SECOND_US, Circuit, Outcome, Try
from hub.outbound.budget import Limit, RateHeaders
from hub.outbound.calls import BudgetUsedUp, Call, CircuitOpen, Deferred, Reply
from hub.outbound.ledger import Ledger, Written
from hub.outbound.retry import Sender

Json = dict[str, Any]

# A call that was given less says nothing about its host when it is out of time.
LEAST_S = 1.0
# A write whose answer was late must have ended before the next probe may go.
PROBE_GRACE_S = 5.0
CONTESTS = 10


@dataclass(frozen=True)
class Rules:
    """How calls are held back. `longest_pause_s` is slept on the spot, longer waits are left to the caller."""

    has_breaker: bool = True
    longest_pause_s: float = 3.0
    now: Callable[[], float] = clock.epoch_s
    sleep: Callable[[float], None] = time.sleep


class Traffic:
    """The calls of one integration; several threads may share it."""

    def __init__(self, table: Table, tenant: Tenant, integration_id: str, rules: Rules | None = None) -> None:
        self._table = table
        self._tenant = tenant
        self._integration_id = integration_id
        self._rules = rules or Rules()
        self._gates: dict[str, Gate] = {}
        self._lock = Lock()

    def regulated(self, client: Sender, limits: Sequence[Limit] = (), headers: RateHeaders | None = None) -> Sender:
        """Return the client as one that raises Deferred instead of calling too often or in vain."""
        return Regulated(self, client, tuple(limits), headers or RateHeaders())

    def state(self, host: str) -> Json:
        """Return `{state: closed | open | half_open, failures, opensAgainAt, blockedUntil}`; nothing is changed."""
        return self.gate(host).view()

    def gate(self, host: str) -> "Gate":
        with self._lock:
            if host not in self._gates:
                ledger = Ledger(self._table, self._tenant, self._integration_id, host, self._rules.now)
                self._gates[host] = Gate(ledger, self._rules)
            return self._gates[host]


@dataclass(frozen=True)
class Regulated:
    """A client that keeps to the traffic's rules."""

    traffic: Traffic
    client: Sender
    limits: tuple[Limit, ...]
    headers: RateHeaders

    def send(self, call: Call, *, timeout_s: float) -> Reply:
        """Try once, at a moment when the call may go; `timeout_s` is for the pause before it too. Raises Deferred."""
        gate = self.traffic.gate(_host_of(call))
        may_go = gate.enter(self.limits, timeout_s)
        outcome = Outcome.NEITHER
        try:
            reply = self.client.send(call, timeout_s=may_go.timeout_s)
            outcome = outcome_of(reply)
        except Retryable as error:
            tells = may_go.timeout_s >= LEAST_S and not isinstance(error, Deferred)
            outcome = Outcome.FAILURE if tells else Outcome.NEITHER
            raise
        finally:
            gate.leave(may_go.try_, outcome)
        gate.learn(budget.asked_pause_s(reply, self.headers, clock.epoch_s()))
        return reply


@dataclass(frozen=True)
class MayGo:
    try_: Try
    timeout_s: float


class Gate:
    """The way to one host: who may go now, and what those who went have found."""

    def __init__(self, ledger: Ledger, rules: Rules) -> None:
        self._ledger = ledger
        self._rules = rules

    def enter(self, limits: Sequence[Limit], timeout_s: float) -> MayGo:
        """Return when a call may go, after a short pause at the most; raises Deferred."""
        try_id = uuid.uuid4().hex
        self._check_circuit()  # before a place is taken in vain
        pause_s = self._take_turn(try_id, limits, min(self._rules.longest_pause_s, timeout_s - LEAST_S))
        if pause_s > 0:
            self._rules.sleep(pause_s)
        return self._begin(try_id, timeout_s - pause_s)

    def reserve(self, limits: Sequence[Limit]) -> float:
        """Take the next free place, however late it is; return the seconds until then. Raises BudgetUsedUp."""
        return self._take_turn(uuid.uuid4().hex, limits, math.inf)

    def leave(self, try_: Try, outcome: Outcome) -> None:
        """Note what a try has found."""
        if not self._rules.has_breaker:
            return
        with self._ledger.lock:
            before, now_us = Circuit.of(self._ledger.known), self._now_us()
            change = breaker.after(before, try_, outcome, now_us)
            if change is not None and self._ledger.write(change) is Written.DONE:
                self._tell(before, Circuit.of(self._ledger.known), now_us)

    def learn(self, pause_s: float | None) -> None:
        """Let no worker call while the provider does not want it."""
        if pause_s is None:
            return
        until_us = self._now_us() + round(pause_s * SECOND_US)
        with self._ledger.lock:
            if until_us > self._blocked_until_us() + SECOND_US:
                self._ledger.write(budget.blocked(until_us))

    def view(self) -> Json:
        now_us = self._now_us()
        with self._ledger.lock:
            circuit, until_us = Circuit.of(self._ledger.item()), self._blocked_until_us()
        return {**circuit.view(now_us), "blockedUntil": clock.iso(until_us / SECOND_US) if until_us > now_us else None}

    def _check_circuit(self) -> Circuit:
        if not self._rules.has_breaker:
            return Circuit()
        with self._ledger.lock:
            circuit = Circuit.of(self._ledger.item())
        held_back_us = circuit.held_back_us(self._now_us())
        if held_back_us > 0:
            raise self._open(circuit, held_back_us)
        return circuit

    def _take_turn(self, try_id: str, limits: Sequence[Limit], longest_s: float) -> float:
        """Take the next free place of every limit and return the seconds until then; raises BudgetUsedUp."""
        wait_us = SECOND_US
        for _ in range(CONTESTS):
            with self._ledger.lock:
                turn = budget.next_turn(limits, self._ledger.item(), try_id, self._now_us())
                wait_us = turn.wait_us
                if wait_us > max(longest_s, 0) * SECOND_US:
                    break
                if turn.change is None or self._ledger.write(turn.change) is not Written.REFUSED:
                    return wait_us / SECOND_US
        raise self._used_up(max(wait_us, 1))

    def _begin(self, try_id: str, timeout_s: float) -> MayGo:
        """Return the try; in a tripped circuit it is a probe, if no other one is under way. Raises CircuitOpen."""
        for _ in range(CONTESTS):
            with self._ledger.lock:
                circuit, now_us = self._check_circuit(), self._now_us()
                if not circuit.is_tripped:
                    return MayGo(Try(try_id, circuit.generation), timeout_s)
                ends_us = now_us + round((timeout_s + PROBE_GRACE_S) * SECOND_US)
                probe = Try(try_id, circuit.generation, ends_us)
                written = self._ledger.write(breaker.claim(circuit, probe, now_us))
            if written is Written.FAILED:
                return MayGo(Try(try_id, circuit.generation), timeout_s)
            left_s = (ends_us - self._now_us()) / SECOND_US
            if written is Written.DONE and left_s > 0:
                return MayGo(probe, min(timeout_s, left_s))
        raise self._open(circuit, breaker.PROBED_US)

    def _open(self, circuit: Circuit, wait_us: int) -> CircuitOpen:
        wait_s, host = wait_us / SECOND_US, self._ledger.host
        return CircuitOpen(
            f"{host} failed {len(circuit.failures)} times in a row and is left alone; the next call may go in"
            f" {wait_s:.0f} s. Ask the provider for its status if this lasts.",
            wait_s,
            host=host,
        )

    def _used_up(self, wait_us: int) -> BudgetUsedUp:
        wait_s, host = wait_us / SECOND_US, self._ledger.host
        return BudgetUsedUp(
            f"{host} allows no call now; the next one may go in {wait_s:.0f} s. If the provider allows more, raise"
            " `rateLimit`.",
            wait_s,
            host=host,
        )

    def _tell(self, before: Circuit, after: Circuit, now_us: int) -> None:
        states = before.state(now_us), after.state(now_us)
        if states[0] != states[1]:
            logs.warning("circuit.changed", status=states[1], **self._ledger.facts)

    def _blocked_until_us(self) -> int:
        return int(self._ledger.known.get("blockedUntil", 0))

    def _now_us(self) -> int:
        return round(self._rules.now() * SECOND_US)


def _host_of(call: Call) -> str:
    try:
        return urlsplit(call.url).hostname or ""
    except ValueError:  # the client says what is wrong with it
        return ""


def outcome_of(reply: Reply) -> Outcome:
    """Return what an answer says about its host."""
    if reply.is_outage:
        return Outcome.FAILURE
    return Outcome.NEITHER if reply.status >= 400 else Outcome.SUCCESS
