"""What follows an attempt."""

import pytest

from hub.core.errors import Refused, Retryable, TargetForbidden
from hub.outbound.calls import Reply
from hub.webhooks.deliveries.verdicts import judge
from hub.webhooks.subscriptions.subscriptions import CARDS, STANDARD, V1, RetryRule

NO_JITTER, MOST_JITTER = 0.0, 0.999999


def reply(status: int, **headers: str) -> Reply:
    return Reply(status, {name.replace("_", "-"): value for name, value in headers.items()}, b"", 1)


@pytest.mark.parametrize("status", [200, 201, 202, 204, 299])
def test_any_2xx_is_delivered(status: int) -> None:
    assert judge(1, CARDS, reply(status), NO_JITTER).state == "delivered"


@pytest.mark.parametrize(
    "status", [101, 199, 300, 301, 302, 304, 307, 400, 401, 404, 408, 409, 418, 429, 500, 503, 599]
)
def test_anything_else_is_tried_again(status: int) -> None:
    verdict = judge(1, CARDS, reply(status), NO_JITTER)

    assert verdict.state == "retrying"
    assert str(status) in verdict.error
    assert verdict.why


@pytest.mark.parametrize(
    ("rule", "waits"),
    [
        (CARDS, [2, 4, 8, 16]),
        (V1, [60, 300, 900, 3600, 7200]),
        (STANDARD, [5, 300, 1800, 7200, 18_000, 36_000, 50_400, 72_000, 86_400]),
    ],
)
def test_rule_is_followed_to_its_end(rule: RetryRule, waits: list[float]) -> None:
    verdicts = [judge(attempt, rule, reply(500), NO_JITTER) for attempt in range(1, rule.max_attempts + 1)]

    assert [verdict.delay_s for verdict in verdicts[:-1]] == waits
    assert verdicts[-1].state == "failed"
    assert f"last of {len(waits) + 1} attempts" in verdicts[-1].why


@pytest.mark.parametrize("chance", [NO_JITTER, 0.5, MOST_JITTER])
@pytest.mark.parametrize("rule", [CARDS, V1, STANDARD])
def test_jitter_makes_it_later_and_never_earlier(rule: RetryRule, chance: float) -> None:
    for attempt, planned_s in enumerate(rule.delays_s, 1):
        delay_s = judge(attempt, rule, reply(500), chance).delay_s

        assert planned_s <= delay_s <= planned_s * (1 + rule.jitter)


@pytest.mark.parametrize(
    ("attempt", "asked", "expected_s"),
    [
        (1, "10", 60),  # never earlier than planned
        (1, "120", 120),
        (1, "3600", 3600),
        (1, "7200", 3600),  # an hour, where twice the plan is less
        (5, "9000", 9000),
        (5, "20000", 14_400),  # twice the plan, where that is more than an hour
        (1, "soon", 60),
    ],
)
def test_retry_after_is_honoured_within_its_bounds(attempt: int, asked: str, expected_s: float) -> None:
    assert judge(attempt, V1, reply(503, retry_after=asked), NO_JITTER).delay_s == expected_s


def test_gone_ends_it_at_the_first_attempt() -> None:
    verdict = judge(1, STANDARD, reply(410), NO_JITTER)

    assert (verdict.state, verdict.is_gone) == ("failed", True)


@pytest.mark.parametrize(
    "error", [Retryable("it took too long"), TargetForbidden("a private address"), Refused("a bad certificate")]
)
def test_call_without_an_answer_is_a_failed_attempt_with_its_reason(error: Exception) -> None:
    verdict = judge(1, CARDS, error, NO_JITTER)  # type: ignore[arg-type]

    assert verdict.state == "retrying"
    assert str(error) in verdict.error


def test_rule_without_retries_has_one_attempt() -> None:
    verdict = judge(1, RetryRule((), 1000, 0), reply(500), NO_JITTER)

    assert verdict.state == "failed"
    assert "only attempt" in verdict.why
