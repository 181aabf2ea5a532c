"""Sends a call again when that may help. This is the only layer that retries."""

import re
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC
from email.utils import parsedate_to_datetime
from itertools import count
from random import SystemRandom
from typing import Literal, Protocol
from urllib.parse import urlsplit

from hub.core import clock
from hub.core.errors import Retryable
from hub.outbound.calls import Call, Deferred, NeverSent, Reply

# A second PUT or DELETE leaves what the first left (RFC 9110, 9.2.2).
REPEATABLE_METHODS = frozenset({"GET", "HEAD", "OPTIONS", "PUT", "DELETE"})

# What the hub itself holds back for longer than this goes on in another run.
LONGEST_PAUSE_S = 10.0

SECONDS = re.compile(r"[0-9]+(?:\.[0-9]+)?")

CHANCE: Callable[[], float] = SystemRandom().random


class Sender(Protocol):
    def send(self, call: Call, *, timeout_s: float) -> Reply: ...


@dataclass(frozen=True)
class RetryPolicy:
    """When and how often to try again; full jitter waits any part of the backoff, so that many clients spread out."""

    max_retries: int = 3
    first_delay_s: float = 1.0
    factor: float = 2.0
    max_delay_s: float = 30.0
    jitter: Literal["full", "none"] = "full"
    retry_on: frozenset[int] = frozenset({408, 429, 500, 502, 503, 504})
    retry_after_cap_s: float = 15 * 60.0


def next_delay(policy: RetryPolicy, retry: int, retry_after_s: float | None, chance: float) -> float:
    """Return the seconds before retry number `retry` (from 1). What the server asked for comes first.

    `chance` in [0, 1) is the full jitter: the wait is that part of the backoff.
    """
    if retry_after_s is not None:
        return retry_after_s
    backoff_s = min(policy.first_delay_s * policy.factor ** (retry - 1), policy.max_delay_s)
    return backoff_s * chance if policy.jitter == "full" else backoff_s


def asked_delay_s(reply: Reply) -> float | None:
    """Return how long Retry-After asks to wait; None when it says nothing readable.

    Source: RFC 9110, 10.2.3 (whole seconds or an HTTP date); some providers, Shopify for one, write 2.0.
    """
    text = reply.headers.get("retry-after", "").strip()
    if SECONDS.fullmatch(text):
        return float(text)
    try:
        at = parsedate_to_datetime(text)
    except (ValueError, OverflowError):
        return None
    return max(0.0, (at if at.tzinfo else at.replace(tzinfo=UTC)).timestamp() - clock.epoch_s())


@dataclass(frozen=True)
class Waiting:
    """How time passes between two tries: seconds to sleep, a number in [0, 1), seconds as `give_up_at` counts them."""

    sleep: Callable[[float], None] = time.sleep
    chance: Callable[[], float] = CHANCE
    now: Callable[[], float] = time.monotonic


def send_with_retries(
    client: Sender,
    call: Call,
    policy: RetryPolicy,
    *,
    timeout_s: float,
    give_up_at: float | None = None,
    idempotent: bool,
    waiting: Waiting | None = None,
) -> Reply:
    """Return the first answer that is worth no other try; its `attempts` counts the tries.

    `timeout_s` is for each try, `give_up_at` for all. POST and PATCH are repeated only when `idempotent`; otherwise an
    answer such as 503 is returned as it is, and only a call that never left is sent again.
    Raises Retryable after the last retry, or at once when the wait would pass `give_up_at` or the policy's cap; its
    `retry_after_s` then says how long that wait is. Raises Deferred when the hub itself holds the call back for long.
    """
    waiting = waiting or Waiting()
    repeatable = idempotent or call.method in REPEATABLE_METHODS
    for attempt in count(1):
        outcome = _try(client, call, timeout_s, give_up_at, waiting)
        if not _may_help(outcome, policy, repeatable):
            return _settled(outcome, attempt)
        asked_s = asked_delay_s(outcome) if isinstance(outcome, Reply) else outcome.retry_after_s
        delay_s = next_delay(policy, attempt, asked_s, waiting.chance())
        if attempt > policy.max_retries:
            raise _postponed(call, outcome, attempt, asked_s)
        if delay_s > policy.retry_after_cap_s or not _fits(delay_s, give_up_at, waiting):
            raise _postponed(call, outcome, attempt, delay_s)
        waiting.sleep(delay_s)
    raise AssertionError("count() does not end")


def _try(client: Sender, call: Call, timeout_s: float, give_up_at: float | None, waiting: Waiting) -> Reply | Retryable:
    """Try once. A short deferral is waited for and was no try; a longer one is raised: waiting here costs money."""
    while True:
        left_s = timeout_s if give_up_at is None else min(timeout_s, give_up_at - waiting.now())
        if left_s <= 0:
            return NeverSent("No time was left for the call", retry_after_s=0.0)
        try:
            return client.send(call, timeout_s=left_s)
        except Deferred as deferral:
            if deferral.wait_s > LONGEST_PAUSE_S or not _fits(deferral.wait_s, give_up_at, waiting):
                raise
            waiting.sleep(deferral.wait_s)
        except Retryable as error:
            return error


def _fits(delay_s: float, give_up_at: float | None, waiting: Waiting) -> bool:
    return give_up_at is None or waiting.now() + delay_s < give_up_at


def _may_help(outcome: Reply | Retryable, policy: RetryPolicy, repeatable: bool) -> bool:
    if isinstance(outcome, Reply):
        return repeatable and outcome.may_be_repeated(policy.retry_on)
    return repeatable or isinstance(outcome, NeverSent)


def _settled(outcome: Reply | Retryable, attempt: int) -> Reply:
    if isinstance(outcome, Retryable):
        raise outcome
    return replace(outcome, attempts=attempt)


def _postponed(call: Call, outcome: Reply | Retryable, attempts: int, retry_after_s: float | None) -> Retryable:
    if isinstance(outcome, Retryable):
        outcome.retry_after_s = retry_after_s
        return outcome
    host = urlsplit(call.url).hostname
    message = f"{host} answered {outcome.status}, attempt {attempts}"
    return Retryable(message, retry_after_s=retry_after_s, host=host, status=outcome.status, attempts=attempts)
