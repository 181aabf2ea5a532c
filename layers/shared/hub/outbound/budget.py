"""How many calls a provider allows, as pure arithmetic on the item that all workers share; `traffic` acts on it.

GCRA (generic cell rate algorithm, ITU-T I.371): the item holds, per limit, the time at which the next call would be
due if all came evenly. A call may come before that time by what a burst allows, and moves it on by one interval. So
there is one number per limit and one conditional write per call, and no window of the limit's length sees more calls
than allowed, wherever it begins; two windows of a counter can see twice as many around their border.
Times are microseconds since the epoch.
"""

import hashlib
import math
import re
from collections.abc import Sequence
from dataclasses import dataclass

from hub.core.attributes import Item
from hub.outbound.calls import Reply
from hub.outbound.ledger import KEPT_S, Change
from hub.outbound.retry import asked_delay_s

SECOND_US = 1_000_000
# The window is taken a little longer than it is: one call may be underway for longer than the next.
STRETCHED = 61 / 60
# A provider may close for any time; a header that is misread must not close it for years.
LONGEST_BLOCK_S = 24 * 3600.0
EPOCH_S, EPOCH_MS = 1e9, 1e12
NUMBER = re.compile(r"\s*(\d{1,17}(?:\.\d+)?)")


@dataclass(frozen=True)
class Limit:
    """At most `requests` in any `window_s` seconds; `scope` names what is counted, "" the whole integration.

    `burst` of them may come at once, a tenth when it is None. What may come at once is missing from the steady pace,
    so that more than half counts as half.
    """

    requests: int
    burst: int | None = None
    scope: str = ""
    window_s: float = 60.0

    @property
    def at_once(self) -> int:
        return max(1, min(self.burst or self.requests // 10, self.requests // 2))

    @property
    def interval_us(self) -> int:
        """Return the time between two calls at a steady pace; `at_once` and what it lets through make `requests`."""
        return math.ceil(self.window_s * STRETCHED * SECOND_US / (self.requests - self.at_once + 1))

    @property
    def attribute(self) -> str:
        return f"due_{hashlib.sha256(self.scope.encode()).hexdigest()[:16]}"

    def free_us(self, item: Item) -> int:
        """Return when the next call may go."""
        return int(item.get(self.attribute, 0)) - (self.at_once - 1) * self.interval_us


@dataclass(frozen=True)
class Turn:
    """When a call may go, and the write that takes the place; `change` is None where nothing is counted."""

    wait_us: int
    change: Change | None


@dataclass(frozen=True)
class RateHeaders:
    """Names of the headers in which a provider tells what is left; None = the usual ones."""

    remaining: str | None = None
    reset: str | None = None


def next_turn(limits: Sequence[Limit], item: Item, try_id: str, now_us: int) -> Turn:
    """Return the first moment that all limits and the provider allow.

    All are written at once, so that a limit that refuses costs none of the others.
    """
    at_us = max(now_us, int(item.get("blockedUntil", 0)), *(limit.free_us(item) for limit in limits), 0)
    if not limits:
        return Turn(at_us - now_us, None)
    # The place may be taken if nothing moved beyond what it was chosen by; a repeated write finds itself.
    reached = {limit: max(at_us, int(item.get(limit.attribute, 0))) for limit in limits}
    taken = {limit.attribute: reached[limit] + limit.interval_us for limit in limits}
    names = {f"reached{index}": limit for index, limit in enumerate(limits)}
    conditions = [_at_most(limit.attribute, name) for name, limit in names.items()]
    return Turn(
        at_us - now_us,
        Change(
            # A place may be days away; until then it must be known that it is taken.
            {"takenBy": try_id, **taken, "expiresEpochS": max(taken.values()) // SECOND_US + KEPT_S},
            "",
            f"({' AND '.join([*conditions, _at_most('blockedUntil', 'at')])}) OR takenBy = :new_takenBy",
            {"at": at_us, **{name: reached[limit] for name, limit in names.items()}},
        ),
    )


def _at_most(attribute: str, value: str) -> str:
    return f"(attribute_not_exists({attribute}) OR {attribute} <= :{value})"


def blocked(until_us: int) -> Change:
    """Return the write that keeps every worker from calling before that time."""
    later = "attribute_not_exists(blockedUntil) OR blockedUntil < :new_blockedUntil"
    return Change({"blockedUntil": until_us}, "", later, {})


def asked_pause_s(reply: Reply, headers: RateHeaders, now_s: float) -> float | None:
    """Return how long the provider wants no call: after a 429, or when it says that none is left."""
    reset_s = _reset_s(reply, headers, now_s)
    asked_s = asked_delay_s(reply) if reply.is_rate_limit else None
    if asked_s is None and (reply.is_rate_limit or _remaining(reply, headers) == 0):
        asked_s = reset_s
    return min(asked_s, LONGEST_BLOCK_S) if asked_s else None


def _remaining(reply: Reply, headers: RateHeaders) -> float | None:
    return _number(reply, headers.remaining, ("x-ratelimit-remaining", "ratelimit-remaining"))


def _reset_s(reply: Reply, headers: RateHeaders, now_s: float) -> float | None:
    """Return the seconds until the budget is full again; providers write them so, as epoch seconds, as milliseconds."""
    found = _number(reply, headers.reset, ("x-ratelimit-reset", "ratelimit-reset"))
    if found is None or found < EPOCH_S:
        return found
    return max(0.0, (found / 1000 if found >= EPOCH_MS else found) - now_s)


def _number(reply: Reply, name: str | None, usual: Sequence[str]) -> float | None:
    """Return the number that the first of these headers begins with."""
    texts = (reply.headers.get(each.lower()) for each in ([name] if name else usual))
    found = NUMBER.match(next((text for text in texts if text is not None), ""))
    return float(found[1]) if found else None
