"""Which outcomes are tried again, after which wait, and when the wait is left to the caller."""

from collections.abc import Iterator
from email.utils import formatdate

import pytest

from hub.core import clock
from hub.core.errors import Refused, Retryable
from hub.outbound.calls import Call, CircuitOpen, Deferred, NeverSent, Reply
from hub.outbound.retry import LONGEST_PAUSE_S, RetryPolicy, Waiting, asked_delay_s, next_delay, send_with_retries

POLICY = RetryPolicy()
NOW_EPOCH_S = 1_800_000_000.0
GET = Call("GET", "https://a.example/?token=secret", {})
POST = Call("POST", "https://a.example/", {})


def reply(status: int = 200, retry_after: str | None = None) -> Reply:
    return Reply(status, {} if retry_after is None else {"retry-after": retry_after}, b"", 5)


class Provider:
    """Gives one outcome after the other, the last one for ever; time passes only while somebody sleeps."""

    def __init__(self, *outcomes: Reply | Exception) -> None:
        self.outcomes = list(outcomes)
        self.timeouts_s: list[float] = []
        self.slept_s: list[float] = []
        self.now_s = 1000.0

    def send(self, call: Call, *, timeout_s: float) -> Reply:  # noqa: ARG002
        self.timeouts_s.append(timeout_s)
        outcome = self.outcomes.pop(0) if len(self.outcomes) > 1 else self.outcomes[0]
        if isinstance(outcome, Exception):
            raise outcome
        return outcome

    def sleep(self, delay_s: float) -> None:
        self.slept_s.append(delay_s)
        self.now_s += delay_s

    def ask(self, call: Call = GET, *, idempotent: bool = False, give_up_in_s: float | None = None) -> Reply:
        give_up_at = None if give_up_in_s is None else self.now_s + give_up_in_s
        return send_with_retries(
            self,
            call,
            POLICY,
            timeout_s=10,
            give_up_at=give_up_at,
            idempotent=idempotent,
            waiting=Waiting(self.sleep, lambda: 0.5, lambda: self.now_s),
        )


@pytest.fixture(autouse=True)
def fixed_clock() -> Iterator[None]:
    clock.use(lambda: NOW_EPOCH_S)
    yield
    clock.use(None)


@pytest.mark.parametrize(("retry", "delay_s"), [(1, 1), (2, 2), (3, 4), (5, 16), (6, 30), (60, 30)])
def test_backoff_doubles_up_to_30_seconds(retry: int, delay_s: float) -> None:
    assert next_delay(RetryPolicy(jitter="none"), retry, None, 0.1) == delay_s


@pytest.mark.parametrize(("chance", "delay_s"), [(0.0, 0.0), (0.25, 1.0), (0.999, 3.996)])
def test_full_jitter_waits_any_part_of_the_backoff(chance: float, delay_s: float) -> None:
    assert next_delay(POLICY, 3, None, chance) == pytest.approx(delay_s)


def test_what_the_server_asks_for_comes_before_the_backoff() -> None:
    assert next_delay(POLICY, 1, 120.0, 0.0) == 120.0


@pytest.mark.parametrize(
    ("text", "delay_s"),
    [
        ("0", 0.0),
        (" 17 ", 17.0),
        (formatdate(NOW_EPOCH_S + 90, usegmt=True), 90.0),
        (formatdate(NOW_EPOCH_S - 90, usegmt=True), 0.0),
        ("", None),
        ("soon", None),
        ("-5", None),
        ("1.5", 1.5),
        ("1.", None),
        ("²", None),
        ("Mon, 99 Foo 2020 00:00:00 GMT", None),
    ],
)
def test_retry_after_is_read_in_seconds_and_as_a_date(text: str, delay_s: float | None) -> None:
    assert asked_delay_s(reply(429, text)) == delay_s


@pytest.mark.parametrize("status", [408, 429, 500, 502, 503, 504])
def test_passing_failure_is_tried_again_until_an_answer(status: int) -> None:
    provider = Provider(reply(status), reply(status), reply(200))

    answer = provider.ask()

    assert (answer.status, answer.attempts) == (200, 3)
    assert provider.slept_s == [0.5, 1.0]


@pytest.mark.parametrize("status", [200, 301, 400, 401, 404, 409, 501])
def test_final_answer_is_returned_at_once(status: int) -> None:
    provider = Provider(reply(status))

    assert provider.ask().status == status
    assert provider.slept_s == []


def test_failure_that_lasts_ends_after_three_retries() -> None:
    provider = Provider(reply(503))

    with pytest.raises(Retryable, match=r"a\.example answered 503, attempt 4") as caught:
        provider.ask()

    assert len(provider.timeouts_s) == 4
    assert caught.value.details == {"host": "a.example", "status": 503, "attempts": 4}


def test_last_answer_says_when_to_come_back() -> None:
    with pytest.raises(Retryable) as caught:
        Provider(reply(429, "60")).ask()

    assert caught.value.retry_after_s == 60.0


def test_broken_connection_is_tried_again_and_raised_in_the_end() -> None:
    assert Provider(Retryable("reset"), reply()).ask().attempts == 2
    with pytest.raises(Retryable, match="reset"):
        Provider(Retryable("reset")).ask()


def test_what_cannot_work_is_not_tried_again() -> None:
    provider = Provider(Refused("too large"))

    with pytest.raises(Refused):
        provider.ask()
    assert len(provider.timeouts_s) == 1


@pytest.mark.parametrize("method", ["POST", "PATCH"])
def test_write_is_not_repeated_unless_it_is_marked_idempotent(method: str) -> None:
    call = Call(method, "https://a.example/", {})

    assert Provider(reply(503), reply(200)).ask(call).status == 503
    assert Provider(reply(503), reply(200)).ask(call, idempotent=True).status == 200
    with pytest.raises(Retryable, match="reset"):
        Provider(Retryable("reset"), reply(200)).ask(call)


def test_write_is_repeated_when_it_never_left() -> None:
    provider = Provider(NeverSent("connection refused"), reply(201))

    assert (provider.ask(POST).status, len(provider.timeouts_s)) == (201, 2)


@pytest.mark.parametrize(("asked", "waits"), [("9", True), ("10", False), ("11", False)])
def test_wait_that_would_pass_the_end_is_left_to_the_caller(asked: str, waits: bool) -> None:
    provider = Provider(reply(429, asked), reply(200))

    if waits:
        assert provider.ask(give_up_in_s=10).attempts == 2
        return
    with pytest.raises(Retryable) as caught:
        provider.ask(give_up_in_s=10)

    assert (caught.value.retry_after_s, provider.slept_s) == (float(asked), [])


@pytest.mark.parametrize(("asked", "waits"), [("900", True), ("901", False)])
def test_wait_of_more_than_15_minutes_is_left_to_the_caller(asked: str, waits: bool) -> None:
    provider = Provider(reply(503, asked), reply(200))

    if waits:
        assert provider.ask().attempts == 2
        return
    with pytest.raises(Retryable) as caught:
        provider.ask()

    assert (caught.value.retry_after_s, provider.slept_s) == (901.0, [])


def test_try_gets_no_more_time_than_is_left() -> None:
    provider = Provider(reply(503, "6"), reply(200))

    provider.ask(give_up_in_s=12)

    assert provider.timeouts_s == [10, 6]


def test_nothing_is_sent_when_the_end_has_passed() -> None:
    provider = Provider(reply(200))

    with pytest.raises(NeverSent):
        provider.ask(give_up_in_s=0)
    assert provider.timeouts_s == []


# What the hub itself holds back


def test_short_deferral_is_waited_for_and_is_no_try() -> None:
    deferrals = [CircuitOpen("in a moment", 2.0) for _ in range(6)]
    provider = Provider(*deferrals, reply(503), *deferrals, reply(200))

    answer = provider.ask()

    assert (answer.status, answer.attempts) == (200, 2)
    assert provider.slept_s == [2.0] * 6 + [0.5] + [2.0] * 6


def test_long_deferral_is_raised_at_once_with_its_wait() -> None:
    provider = Provider(CircuitOpen("later", LONGEST_PAUSE_S + 0.1), reply(200))

    with pytest.raises(Deferred) as caught:
        provider.ask(POST)

    assert (caught.value.retry_after_s, caught.value.code) == (LONGEST_PAUSE_S + 0.1, "CIRCUIT_OPEN")
    assert provider.slept_s == []


@pytest.mark.parametrize(("left_s", "waits"), [(2.1, True), (2.0, False)])
def test_deferral_that_would_pass_the_end_is_raised(left_s: float, waits: bool) -> None:
    provider = Provider(CircuitOpen("in a moment", 2.0), reply(200))

    if waits:
        assert provider.ask(give_up_in_s=left_s).status == 200
        return
    with pytest.raises(Deferred):
        provider.ask(give_up_in_s=left_s)
    assert provider.slept_s == []
