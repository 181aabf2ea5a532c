"""A request limit in fixed windows, as providers announce it in X-RateLimit headers."""

from __future__ import annotations

import math
import time
from collections.abc import Callable

from local.sandbox.messages import Headers, Refusal, Request


class RateLimit:
    """Lets `requests` through per `window_s`; the window begins with its first request."""

    def __init__(self, requests: int = 10, window_s: float = 2.0, now: Callable[[], float] = time.monotonic) -> None:
        self._defaults = (requests, window_s)
        self._now = now
        self.set(requests, window_s)

    def set(self, requests: int, window_s: float) -> None:
        """Change the limit and begin a fresh window."""
        self.requests, self.window_s = requests, window_s
        self._used, self._ends_at = 0, -math.inf

    def reset(self) -> None:
        self.set(*self._defaults)

    def enter(self, _request: Request) -> Headers:
        """Count a request and give the headers for its answer; raises Refusal 429 beyond the limit."""
        now = self._now()
        if now >= self._ends_at:
            self._used, self._ends_at = 0, now + self.window_s
        self._used += 1
        wait_s = math.ceil(self._ends_at - now)
        headers = self._headers(wait_s)
        if self._used > self.requests:
            message = f"More than {self.requests} requests in {self.window_s:g} s"
            raise Refusal(429, message, (("retry-after", str(wait_s)), *headers))
        return headers

    def _headers(self, wait_s: int) -> Headers:
        return (
            ("x-ratelimit-limit", str(self.requests)),
            ("x-ratelimit-remaining", str(max(0, self.requests - self._used))),
            ("x-ratelimit-reset", str(wait_s)),
        )
