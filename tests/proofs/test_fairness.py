"""A tenant with a bad target, or with very much to deliver, does not slow down the others."""

from functools import cache

import pytest

from hub.core.queues import BATCH as HINTS_A_CALL
from tests.proofs.fairness_world import BATCH, HANGS_S, INVOCATIONS, FairQueue, Load, PlainQueue, Queue, Simulation, p99
from tests.proofs.memory_cloud import ROOT, stack

pytestmark = pytest.mark.xdist_group("fairness")  # they share their simulations

HANGING = Load(noisy_rate=15.0)
# Deliveries enough for all invocations for minutes.
FLOODED = Load(noisy_rate=0.0, flood=40_000, lasts_s=150.0)
SEED = 20261121


@cache
def quiet_p99(load: Load) -> float:
    """Return the p99 of nineteen tenants when the twentieth has nothing to deliver."""
    alone = Load(rate=load.rate, noisy_rate=0.0, lasts_s=load.lasts_s)
    return p99([latency for _, latency in simulated(alone, FairQueue).latencies])


@cache
def simulated(load: Load, queue: type[Queue], *, has_breaker: bool = True) -> Simulation:
    """Return what came of it, which is the same each time: several tests look at one run."""
    return Simulation(load, queue(), seed=SEED, has_breaker=has_breaker).run()


def slowdown(simulation: Simulation, load: Load) -> float:
    """Return the p99 of the quiet tenants from the moment on when the noisy one begins, against that without it."""
    since = [latency for at_s, latency in simulation.latencies if at_s >= load.noisy_from_s]
    ratio = p99(since) / quiet_p99(load)
    print(f"p99 of the others: {ratio:.2f}x, {simulation.hung} calls hung")  # noqa: T201
    return ratio


@pytest.mark.full_size
def test_target_that_hangs_does_not_double_the_p99_of_other_tenants() -> None:
    assert slowdown(simulated(HANGING, FairQueue), HANGING) <= 2


@pytest.mark.full_size
def test_others_wait_only_until_the_first_calls_to_a_hanging_target_have_timed_out() -> None:
    """Nobody can know before. From then on the circuit is open, and one place of 50 is taken by its probe."""
    simulation = simulated(HANGING, FairQueue)

    begins_s, ends_s = HANGING.noisy_from_s, HANGING.noisy_from_s + HANGS_S
    later = [latency for at_s, latency in simulation.latencies if at_s > ends_s + 1]
    between = [latency for at_s, latency in simulation.latencies if begins_s <= at_s <= ends_s]
    assert p99(later) <= 1.2 * quiet_p99(HANGING)
    assert max(between) <= HANGS_S + 1


def test_mutant_without_a_breaker_lets_others_wait_for_the_hanging_target() -> None:
    """Fair queues alone are not enough: messages of the noisy tenant take every place that is free for a moment."""
    with_breaker = simulated(HANGING, FairQueue)
    without = simulated(HANGING, FairQueue, has_breaker=False)

    assert slowdown(without, HANGING) > 2 * slowdown(with_breaker, HANGING)
    assert without.hung > 50 * with_breaker.hung


def test_tenant_that_floods_the_queue_does_not_double_the_p99_of_other_tenants() -> None:
    assert slowdown(simulated(FLOODED, FairQueue), FLOODED) <= 2


def test_mutant_with_a_plain_queue_lets_others_wait_behind_the_flood() -> None:
    assert slowdown(simulated(FLOODED, PlainQueue), FLOODED) > 20


def test_mutant_with_a_plain_queue_and_no_breaker_lets_others_wait_for_minutes() -> None:
    load = Load(rate=3.0, noisy_rate=60.0, lasts_s=300.0)

    plain = simulated(load, PlainQueue, has_breaker=False)

    assert slowdown(plain, load) > 10 * slowdown(simulated(load, FairQueue, has_breaker=False), load)


def test_what_is_simulated_is_what_the_template_says() -> None:
    read, _ = stack()

    (mapping,) = [each for each in read.queue_mappings if each.function == "DeliveryWorker"]
    assert mapping.batch_size == BATCH == HINTS_A_CALL
    assert f"MaximumConcurrency: {INVOCATIONS}" in (ROOT / "template.yaml").read_text()
