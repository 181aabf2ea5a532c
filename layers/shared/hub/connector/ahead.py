"""Pages fetched before they are asked for: where pages are independent several at a time, else the next one."""

from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor, TimeoutError
from dataclasses import dataclass
from functools import cache

from hub.connector.actions import Judged
from hub.connector.position import Cursor
from hub.core.errors import Retryable
from hub.outbound.calls import Call, Reply
from hub.outbound.retry import Sender

MOST_AHEAD = 8
# Of answers that wait for their turn, judged by the size of the page before.
MOST_BYTES = 8 * 1024 * 1024

Place = Cursor | None


@dataclass
class Begun:
    """A client whose first answer is under way: whoever waits for it cannot tell it from one that was just sent."""

    client: Sender
    underway: Future[Judged] | None

    def send(self, call: Call, *, timeout_s: float) -> Reply:
        underway, self.underway = self.underway, None
        if underway is None:
            return self.client.send(call, timeout_s=timeout_s)
        try:
            return underway.result(timeout_s)
        except TimeoutError:
            raise Retryable("The answer did not come in time.") from None


class Ahead:
    """Calls that are under way, by the place of their page."""

    def __init__(self, most: int) -> None:
        self._most = min(most, MOST_AHEAD)
        self._waiting: dict[Place, Future[Judged]] = {}
        self._steady = 0

    def room(self, body_bytes: int) -> int:
        """Return how many pages may be under way after one of this size; asked once per page.

        Few at first and after a failure, so that a short list costs few calls in vain.
        """
        self._steady += 1
        return min(self._most, 2 * self._steady, max(1, MOST_BYTES // max(body_bytes, 1)))

    def has(self, place: Place) -> bool:
        return place in self._waiting

    def begin(self, place: Place, send: Callable[[], Judged]) -> None:
        self._waiting[place] = _threads().submit(send)

    def take(self, place: Place, client: Sender) -> Sender:
        """Return the client for the call of a page: its first answer is the one under way, if there is one."""
        underway = self._waiting.pop(place, None)
        if underway is not None:
            return Begun(client, underway)
        self.forget()
        return client

    def forget(self) -> None:
        for underway in self._waiting.values():
            underway.cancel()
        self._waiting.clear()
        self._steady = 0


@cache
def _threads() -> ThreadPoolExecutor:
    """Shared by all runs of the process, which has one at a time in production."""
    return ThreadPoolExecutor(MOST_AHEAD, thread_name_prefix="ahead")
