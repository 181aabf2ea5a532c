"""What events are sent to, in memory: receivers that fail in every way, and remember what they accepted."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from random import Random

from hub.core.errors import Retryable
from hub.outbound.calls import Call, NeverSent, Reply

TIMED_OUT, REFUSED_CONNECTION, BROKEN = "timed out", "connection refused", "connection broken"
Outcome = int | str
# Says how the request with this number (from 1) for one event ends.
Behaviour = Callable[[int, Random], Outcome]


@dataclass
class Request:
    """`outcome` is what the receiver did, whether or not the hub came to know of it."""

    webhook_id: str
    at_s: float
    ended_at_s: float
    outcome: Outcome
    headers: Mapping[str, str]
    content: bytes


@dataclass
class Receiver:
    """Answers an event that it has accepted with 2xx again, as receivers must: `webhook-id` tells them."""

    url: str
    behaviour: Behaviour
    requests: dict[str, list[Request]] = field(default_factory=dict)
    accepted: set[str] = field(default_factory=set)

    def decide(self, webhook_id: str, chance: Random) -> Outcome:
        if webhook_id in self.accepted:
            return 200
        return self.behaviour(len(self.requests.get(webhook_id, ())) + 1, chance)

    def note(self, request: Request) -> None:
        """Keep what arrived; a connection that was refused brought nothing."""
        if request.outcome == REFUSED_CONNECTION:
            return
        self.requests.setdefault(request.webhook_id, []).append(request)
        if isinstance(request.outcome, int) and 200 <= request.outcome < 300:
            self.accepted.add(request.webhook_id)

    @property
    def count(self) -> int:
        return sum(map(len, self.requests.values()))


def takes_s(outcome: Outcome, timeout_s: float, chance: Random) -> float:
    return timeout_s if outcome == TIMED_OUT else chance.uniform(0.02, 0.4)


def reply(outcome: Outcome, call: Call, took_s: float, chance: Random) -> Reply:
    """Return or raise what the hub's client would."""
    if outcome == REFUSED_CONNECTION:
        raise NeverSent(f"{call.url} could not be connected")
    if not isinstance(outcome, int):
        raise Retryable(f"{call.url} {outcome}", retry_after_s=None)
    headers = {"retry-after": str(chance.choice((1, 30, 5000)))} if outcome in (429, 503) else {}
    return Reply(outcome, headers, b"thank you" if outcome < 300 else b"not now", elapsed_ms=round(took_s * 1000))


def healthy(_number: int, _chance: Random) -> Outcome:
    return 200


def broken(_number: int, _chance: Random) -> Outcome:
    return 500


def flaky(share: float) -> Behaviour:
    """Return a receiver that fails so often, in one way or another; not so often in a row that its circuit opens."""
    failures: tuple[Outcome, ...] = (400, 302, 404, 429, 503, 500, TIMED_OUT, REFUSED_CONNECTION, BROKEN)

    def behave(_number: int, chance: Random) -> Outcome:
        return chance.choice(failures) if chance.random() < share else chance.choice((200, 202, 204))

    return behave


def fails_first(times: int, outcome: Outcome = 500) -> Behaviour:
    return lambda number, _: outcome if number <= times else 200
