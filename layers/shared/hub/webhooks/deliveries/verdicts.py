"""What follows an attempt, decided from its outcome alone; nothing is written here."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from hub.core import clock
from hub.core.errors import HubError, TargetForbidden
from hub.outbound.calls import Reply
from hub.outbound.retry import asked_delay_s
from hub.webhooks.subscriptions.subscriptions import RetryRule

# A receiver may ask for a longer wait than the rule has, but not for any.
LONGEST_ASKED_S = 3600.0
GONE = 410

_REDIRECT = "The hub does not follow redirects: enter the URL that this one leads to."
_REFUSED = "Compare the request with what the receiver expects."
_NO_ACCESS = "Check the subscription's authentication, and the secret that the receiver verifies with."
ADVICE: Mapping[int, str] = {
    401: _NO_ACCESS,
    403: _NO_ACCESS,
    404: "Check the URL of the subscription.",
    405: "The URL takes no POST: check the URL of the subscription.",
    408: "The receiver gave up waiting; the next try may work.",
    413: "The receiver takes no request of this size: send less with a transformTemplate.",
    415: "The receiver does not take this content type: change contentType.",
    GONE: "The receiver wants no more of it, so the subscription was switched off.",
    429: "The receiver wants fewer requests: set a throttle.",
}
_BY_CLASS: Mapping[int, str] = {
    1: "The receiver did not send a complete answer.",
    3: _REDIRECT,
    4: _REFUSED,
    5: "Look into the receiver's log, or ask whoever runs it.",
}
_ANSWER_SOON = "The receiver should answer first and work then."


@dataclass(frozen=True)
class Verdict:
    """`error` says what happened ("" = delivered), `why` what follows and what to do.

    `delay_s` and `next_attempt_ms` (since the epoch) are for a retry.
    """

    state: Literal["delivered", "retrying", "failed"]
    error: str
    why: str
    delay_s: float = 0.0
    next_attempt_ms: int = 0
    is_gone: bool = False


def judge(attempt: int, rule: RetryRule, outcome: Reply | HubError, chance: float) -> Verdict:
    """Say what follows attempt number `attempt` (from 1) of a round; `chance` in [0, 1) picks the jitter."""
    if isinstance(outcome, Reply) and 200 <= outcome.status < 300:
        return Verdict("delivered", "", f"The receiver answered {outcome.status}.")
    error, advice = _told(outcome)
    if isinstance(outcome, Reply) and outcome.status == GONE:
        return Verdict("failed", error, advice, is_gone=True)
    if attempt > len(rule.delays_s):
        tries = "That was the only attempt" if attempt == 1 else f"That was the last of {attempt} attempts"
        return Verdict("failed", error, f"{advice} {tries}; it can be retried by hand.")
    wait_s = delay_s(rule.delays_s[attempt - 1], rule.jitter, outcome, chance)
    at_ms = math.ceil((clock.epoch_s() + wait_s) * 1000)
    why = f"{advice} Attempt {attempt + 1} of {rule.max_attempts} follows at {clock.iso(at_ms / 1000)}."
    return Verdict("retrying", error, why, wait_s, at_ms)


def delay_s(planned_s: float, jitter: float, outcome: Reply | HubError, chance: float) -> float:
    """Return the wait before the next attempt: never less than planned, longer where the receiver asks for it."""
    jittered_s = planned_s * (1 + jitter * chance)
    asked_s = asked_delay_s(outcome) if isinstance(outcome, Reply) else None
    return max(jittered_s, min(asked_s or 0.0, max(2 * planned_s, LONGEST_ASKED_S)))


def _told(outcome: Reply | HubError) -> tuple[str, str]:
    if isinstance(outcome, Reply):
        advice = ADVICE.get(outcome.status) or _BY_CLASS.get(outcome.status // 100, _REFUSED)
        return f"The receiver answered {outcome.status}.", advice
    return _sentence(outcome.message), _advice_for(outcome)


def _advice_for(error: HubError) -> str:
    if isinstance(error, TargetForbidden):
        return "The hub does not call this address: enter a public one."
    return _ANSWER_SOON if error.retryable else "Correct the subscription."


def _sentence(text: str) -> str:
    return text if text.endswith(".") else f"{text}."
