"""Admits requests through the Lambda authorizer of the template, and remembers its verdicts as long as it says."""

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from local.http_events import Request, common_event, route_arn
from local.routes import Match
from local.template import Authorizer

_MAX_REMEMBERED = 1000


@dataclass(frozen=True)
class Verdict:
    """Whether the request may go on, and what the authorizer says about the caller."""

    is_authorized: bool
    context: dict[str, Any]


class BadVerdict(ValueError):
    """The authorizer answered something that is not a simple response."""


@dataclass
class Gatekeeper:
    """One authorizer of the API. As in AWS, a remembered verdict holds for every route."""

    authorizer: Authorizer
    invoke: Callable[[Any, str], Any]
    clock: Callable[[], float] = time.monotonic
    _remembered: dict[tuple[str, ...], tuple[float, Verdict]] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def identity_of(self, request: Request) -> tuple[str, ...] | None:
        """Return the values of the identity sources, or None if one is missing: 401 without asking."""
        values = [request.header(name) for name in self.authorizer.headers]
        return tuple(value for value in values if value) if all(values) else None

    def judge(self, identity: tuple[str, ...], request: Request, match: Match) -> Verdict:
        """Return the verdict, remembered or fresh; raises FunctionFailed or BadVerdict."""
        with self._lock:
            ends_at, verdict = self._remembered.get(identity, (0.0, None))
        if verdict and self.clock() < ends_at:
            return verdict
        verdict = _verdict_of(self.invoke(authorizer_event(identity, request, match), request.id))
        self._remember(identity, verdict)
        return verdict

    def _remember(self, identity: tuple[str, ...], verdict: Verdict) -> None:
        if not self.authorizer.ttl_s:
            return
        with self._lock:
            if len(self._remembered) >= _MAX_REMEMBERED:
                self._remembered.clear()
            self._remembered[identity] = (self.clock() + self.authorizer.ttl_s, verdict)


def authorizer_event(identity: tuple[str, ...], request: Request, match: Match) -> dict[str, Any]:
    """Return the REQUEST event, payload format 2.0."""
    own = {"type": "REQUEST", "routeArn": route_arn(request), "identitySource": list(identity)}
    return common_event(request, match) | own


def _verdict_of(result: Any) -> Verdict:
    if not isinstance(result, dict) or not isinstance(result.get("isAuthorized"), bool):
        raise BadVerdict("no isAuthorized")
    return Verdict(result["isAuthorized"], result.get("context") or {})
