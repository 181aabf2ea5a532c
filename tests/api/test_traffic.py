"""Calls to a provider through the circuit breaker and the budget: who goes, who waits, and what it costs of AWS."""

import threading
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import pytest

from hub.connector.actions import compile_actions, judged
from hub.connector.error_config import ActionName, ErrorAction
from hub.core.caller import Tenant
from hub.core.errors import Refused, Retryable
from hub.core.resources import resources
from hub.outbound.budget import Limit, RateHeaders
from hub.outbound.calls import BudgetUsedUp, Call, CircuitOpen, Deferred, Reply
from hub.outbound.ledger import READ_EVERY_S
from hub.outbound.retry import Sender
from hub.outbound.traffic import Rules, Traffic
from tests.api.conftest import Cloud, StoppedClock, just_before, lose_connection
from tests.api.test_call_counts import of

HOST = "api.example.com"
CALL = Call("GET", f"https://{HOST}/contacts?token=secret", {})
BROKEN = Retryable("the connection broke")

Outcome = Reply | Exception


def reply(status: int = 200, **headers: str) -> Reply:
    return Reply(status, {name.replace("_", "-"): value for name, value in headers.items()}, b"", 1)


@dataclass
class Provider:
    """Gives the same outcome until told otherwise; keeps how long each call was given."""

    outcome: Outcome = field(default_factory=reply)
    timeouts_s: list[float] = field(default_factory=list)

    def send(self, call: Call, *, timeout_s: float) -> Reply:  # noqa: ARG002
        self.timeouts_s.append(timeout_s)
        if isinstance(self.outcome, Exception):
            raise self.outcome
        return self.outcome


@dataclass
class Integration:
    """One integration of a tenant; each `worker` is another process, all of them call the same provider."""

    tenant: str
    clock: StoppedClock
    provider: Provider = field(default_factory=Provider)
    slept_s: list[float] = field(default_factory=list)
    rules: Rules = field(default_factory=Rules)

    def sleep(self, seconds: float) -> None:
        self.slept_s.append(seconds)
        self.clock.advance(seconds)

    def traffic(self) -> Traffic:
        rules = replace(self.rules, sleep=self.sleep)
        return Traffic(resources().tables.coordination, Tenant(self.tenant), "int_1", rules)

    def worker(self, limits: Sequence[Limit] = (), headers: RateHeaders | None = None) -> Sender:
        return self.traffic().regulated(self.provider, limits, headers)

    def state(self) -> dict[str, Any]:
        return self.traffic().state(HOST)


@pytest.fixture
def integration(cloud: Cloud, tenant: str, stopped_clock: StoppedClock) -> Integration:  # noqa: ARG001
    return Integration(tenant, stopped_clock)


def go(sender: Sender, times: int = 1) -> None:
    for _ in range(times):
        sender.send(CALL, timeout_s=10)


def fail(integration: Integration, sender: Sender, times: int = 1, outcome: Outcome = BROKEN) -> None:
    before, integration.provider.outcome = integration.provider.outcome, outcome
    for _ in range(times):
        try:
            go(sender)
        except Deferred:
            raise
        except (Retryable, Refused):
            continue
    integration.provider.outcome = before


def deferral(sender: Sender) -> Deferred:
    with pytest.raises(Deferred) as caught:
        go(sender)
    return caught.value


# What it costs


def test_call_through_a_closed_circuit_costs_nothing_but_the_first_read(integration: Integration) -> None:
    worker = integration.worker()

    assert of(lambda: go(worker)) == {"GetItem": 1}
    assert of(lambda: go(worker, 50)) == {}


def test_item_is_read_again_after_ten_seconds(integration: Integration) -> None:
    worker = integration.worker()
    go(worker)

    integration.clock.advance(READ_EVERY_S - 0.1)
    assert of(lambda: go(worker)) == {}
    integration.clock.advance(0.1)
    assert of(lambda: go(worker)) == {"GetItem": 1}


def test_call_under_limits_costs_one_write_however_many_limits_there_are(integration: Integration) -> None:
    worker = integration.worker([Limit(6000), Limit(3000, scope="contacts")])

    assert of(lambda: go(worker)) == {"GetItem": 1, "UpdateItem": 1}
    assert of(lambda: go(worker, 20)) == {"UpdateItem": 20}


def test_refused_call_costs_nothing(integration: Integration) -> None:
    worker = integration.worker([Limit(1)])
    go(worker)

    assert of(lambda: deferral(worker)) == {}


def test_failure_costs_one_write_and_the_success_after_it_one(integration: Integration) -> None:
    worker = integration.worker()
    go(worker)

    assert of(lambda: fail(integration, worker)) == {"UpdateItem": 1}
    assert of(lambda: go(worker)) == {"UpdateItem": 1}
    assert of(lambda: go(worker, 5)) == {}
    assert integration.state()["failures"] == 0


# The circuit


FAILURES: list[Outcome] = [BROKEN, reply(500), reply(502), reply(503), reply(504)]
HARMLESS: list[Outcome] = [reply(429), reply(404), reply(401), reply(408), Refused("a certificate that is not valid")]


@pytest.mark.parametrize("outcome", FAILURES, ids=str)
def test_circuit_opens_after_five_failures_in_a_row(integration: Integration, outcome: Outcome) -> None:
    worker = integration.worker()

    fail(integration, worker, 5, outcome)
    held_back = deferral(worker)

    assert len(integration.provider.timeouts_s) == 5
    assert isinstance(held_back, CircuitOpen)
    assert (held_back.code, held_back.retry_after_s, held_back.details) == ("CIRCUIT_OPEN", 30.0, {"host": HOST})
    assert held_back.message.startswith(f"{HOST} failed 5 times in a row")
    assert "secret" not in held_back.message


@pytest.mark.parametrize("outcome", HARMLESS, ids=str)
def test_answers_that_say_nothing_of_the_host_do_not_open_the_circuit(
    integration: Integration, outcome: Outcome
) -> None:
    fail(integration, integration.worker(), 12, outcome)

    assert integration.state()["state"] == "closed"


@pytest.mark.parametrize(("action", "state"), [("IGNORE", "closed"), ("SUCCESS", "closed"), ("FAIL", "open")])
def test_answer_that_a_rule_takes_for_good_does_not_open_the_circuit(
    integration: Integration, action: ActionName, state: str
) -> None:
    """A provider that says 500 for "no records" would be left alone although every sync of it completes."""
    integration.provider.outcome = judged(reply(500), compile_actions([ErrorAction(status=[500], action=action)]))

    for _ in range(5):
        integration.worker().send(CALL, timeout_s=10)

    assert integration.state()["state"] == state


def test_try_that_got_hardly_any_time_is_no_failure(integration: Integration) -> None:
    worker = integration.worker()
    integration.provider.outcome = BROKEN
    for _ in range(6):
        with pytest.raises(Retryable, match="broke"):
            worker.send(CALL, timeout_s=0.5)

    assert integration.state()["failures"] == 0


def test_failures_of_several_workers_count_together(integration: Integration) -> None:
    for _ in range(5):
        fail(integration, integration.worker())

    assert isinstance(deferral(integration.worker()), CircuitOpen)


def test_success_between_failures_keeps_the_circuit_closed(integration: Integration) -> None:
    worker = integration.worker()

    for _ in range(4):
        fail(integration, worker, 4)
        go(worker)

    assert integration.state() == {"state": "closed", "failures": 0, "opensAgainAt": None, "blockedUntil": None}


def test_open_circuit_is_seen_by_a_worker_that_knew_it_closed(integration: Integration) -> None:
    early, other = integration.worker(), integration.worker()
    go(early)
    fail(integration, other, 5)

    integration.clock.advance(READ_EVERY_S)

    assert deferral(early).retry_after_s == 20.0


def test_circuit_of_another_host_and_another_integration_stays_closed(integration: Integration, cloud: Cloud) -> None:  # noqa: ARG001
    worker = integration.worker()
    fail(integration, worker, 5)
    elsewhere = Call("GET", "https://other.example.com/", {})
    another = Traffic(resources().tables.coordination, Tenant(integration.tenant), "int_2")
    foreign = Traffic(resources().tables.coordination, Tenant(f"{integration.tenant}-x"), "int_1")

    assert worker.send(elsewhere, timeout_s=10).status == 200
    assert {another.state(HOST)["state"], foreign.state(HOST)["state"]} == {"closed"}


def test_circuit_closes_after_three_successful_probes(integration: Integration) -> None:
    worker = integration.worker()
    fail(integration, worker, 5)
    opened = integration.state()
    integration.clock.advance(30)

    states = [integration.state()["state"]]
    for _ in range(3):
        go(worker)
        states.append(integration.state()["state"])

    assert (opened["state"], opened["failures"]) == ("open", 5)
    assert states == ["half_open", "half_open", "half_open", "closed"]
    assert of(lambda: go(worker, 5)) == {}


def test_failed_probe_opens_the_circuit_again_for_thirty_seconds(integration: Integration) -> None:
    worker = integration.worker()
    fail(integration, worker, 5)
    integration.clock.advance(30)
    go(worker, 2)

    fail(integration, worker)

    assert deferral(integration.worker()).retry_after_s == 30.0
    integration.clock.advance(30)
    go(worker, 2)
    assert integration.state()["state"] == "half_open"


def test_one_probe_is_under_way_at_a_time(integration: Integration) -> None:
    fail(integration, integration.worker(), 5)
    integration.clock.advance(30)
    others: list[Deferred] = []

    class Slow(Provider):
        def send(self, call: Call, *, timeout_s: float) -> Reply:
            others.append(deferral(integration.worker()))
            return super().send(call, timeout_s=timeout_s)

    integration.traffic().regulated(Slow()).send(CALL, timeout_s=10)

    assert [(other.code, other.retry_after_s) for other in others] == [("CIRCUIT_OPEN", 5.0)]
    go(integration.worker())


def test_probe_of_a_dead_worker_gives_way_when_its_time_is_over(integration: Integration) -> None:
    fail(integration, integration.worker(), 5)
    integration.clock.advance(30)
    gate = integration.traffic().gate(HOST)
    gate.enter((), 10)  # and nothing more is heard of it

    assert deferral(integration.worker()).retry_after_s == 5.0
    integration.clock.advance(15.1)
    go(integration.worker())


def test_probe_that_says_nothing_leaves_the_circuit_as_it_is(integration: Integration) -> None:
    worker = integration.worker()
    fail(integration, worker, 5)
    integration.clock.advance(30)

    fail(integration, worker, 4, reply(404))

    assert integration.state()["state"] == "half_open"


@pytest.mark.parametrize("operation", ["GetItem", "UpdateItem"])
def test_call_goes_out_when_the_item_cannot_be_read_or_written(integration: Integration, operation: str) -> None:
    worker = integration.worker([Limit(60)])

    with just_before(operation, lose_connection):
        go(worker)

    assert len(integration.provider.timeouts_s) == 1


def test_probe_goes_out_when_it_cannot_be_claimed(integration: Integration) -> None:
    worker = integration.worker()
    fail(integration, worker, 5)
    integration.clock.advance(30)

    with just_before("UpdateItem", lose_connection):
        go(worker)

    assert len(integration.provider.timeouts_s) == 6


# The budget


def test_limit_paces_the_calls(integration: Integration) -> None:
    worker, limit = integration.worker([Limit(60)]), Limit(60)
    began = integration.clock.epoch_s

    go(worker, 20)

    assert integration.slept_s == pytest.approx([limit.interval_us / 1e6] * 14, abs=1e-3)
    assert integration.clock.epoch_s - began == pytest.approx(14 * limit.interval_us / 1e6, abs=1e-2)
    assert integration.provider.timeouts_s[-1] == pytest.approx(10 - limit.interval_us / 1e6, abs=1e-2)


def test_wait_that_is_too_long_is_deferred(integration: Integration) -> None:
    worker = integration.worker([Limit(6)])
    go(worker)

    held_back = deferral(worker)

    assert isinstance(held_back, BudgetUsedUp)
    assert held_back.code == "RATE_LIMIT_EXCEEDED"
    assert held_back.retry_after_s == pytest.approx(61 / 6, abs=1e-3)
    assert held_back.message.startswith(f"{HOST} allows no call now; the next one may go in 10 s.")
    assert integration.slept_s == []


def test_workers_share_one_budget(integration: Integration) -> None:
    workers = [integration.worker([Limit(20)]) for _ in range(4)]

    went = [worker for worker in workers if _goes(worker)]

    assert len(went) == 2  # the burst; the others would wait for more than the pause
    assert integration.slept_s == []


def _goes(sender: Sender) -> bool:
    try:
        go(sender)
    except Deferred:
        return False
    return True


def test_threads_of_one_worker_share_one_budget(integration: Integration) -> None:
    """Pages are fetched ahead by several threads at once."""
    worker = integration.worker([Limit(80)])

    def all_at_once() -> None:
        threads = [threading.Thread(target=go, args=(worker,)) for _ in range(10)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

    counts = of(all_at_once)

    assert len(integration.provider.timeouts_s) == 10
    assert counts == {"GetItem": 1, "UpdateItem": 10}
    assert len(integration.slept_s) == 2


LEARNT: list[tuple[str, Reply, RateHeaders | None]] = [
    ("429 with Retry-After", reply(429, retry_after="40"), None),
    ("none left", reply(200, x_ratelimit_remaining="0", x_ratelimit_reset="40"), None),
    (
        "none left, in its own words",
        reply(200, x_quota_left="0", x_quota_reset="40"),
        RateHeaders("X-Quota-Left", "X-Quota-Reset"),
    ),
]


@pytest.mark.parametrize(("answer", "headers"), [row[1:] for row in LEARNT], ids=[row[0] for row in LEARNT])
@pytest.mark.parametrize("limits", [(), (Limit(6000),)], ids=["no limit", "limit"])
def test_pause_that_the_provider_asks_for_holds_for_every_worker(
    integration: Integration, answer: Reply, headers: RateHeaders | None, limits: tuple[Limit, ...]
) -> None:
    integration.provider.outcome = answer
    go(integration.worker(limits, headers))
    integration.provider.outcome = reply()

    held_back = [deferral(integration.worker(each)) for each in ((), limits)]
    integration.clock.advance(40)
    go(integration.worker(limits))

    assert [each.retry_after_s for each in held_back] == pytest.approx([40.0, 40.0], abs=0.01)
    assert integration.state()["state"] == "closed"


def test_pause_is_written_once_and_told(integration: Integration) -> None:
    worker = integration.worker()
    integration.provider.outcome = reply(429, retry_after="40")

    assert of(lambda: go(worker)) == {"GetItem": 1, "UpdateItem": 1}
    assert integration.state()["blockedUntil"] is not None


def test_one_who_ignores_the_breaker_neither_asks_nor_tells_it(integration: Integration) -> None:
    """Tests of an integration do so; the budget counts them all the same."""
    integration.rules = Rules(has_breaker=False)
    tester = integration.worker([Limit(600)])

    fail(integration, tester, 12)

    assert len(integration.provider.timeouts_s) == 12
    assert integration.state()["failures"] == 0
    assert of(lambda: go(tester)) == {"UpdateItem": 1}
