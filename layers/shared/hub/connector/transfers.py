"""A file in parts: what is sent next, decided by what the provider says has arrived."""

from dataclasses import dataclass
from typing import Protocol

from hub.connector.actions import Judged
from hub.connector.upload_plans import Resumable, Step
from hub.core.errors import Refused, Retryable
from hub.outbound.calls import Deferred
from hub.outbound.retry import RetryPolicy, Waiting, next_delay

LOST = "RESET_PAGINATION"


class SessionLost(Exception):
    """The provider no longer knows the session: what has arrived is gone, and another session begins at 0."""


class Wire(Protocol):
    """How a step reaches the provider; `once` raises Retryable after one try, `send` after the endpoint's retries."""

    def once(self, step: Step, first: int, end: int) -> Judged: ...

    def send(self, step: Step, first: int, end: int) -> Judged: ...

    def failure(self, reply: Judged) -> Refused | Retryable: ...


@dataclass(frozen=True)
class Patience:
    """When to give up: `give_up_at` is a time of `waiting.now`, None = never by itself."""

    policy: RetryPolicy
    waiting: Waiting
    give_up_at: float | None

    def wait(self, failures: int, error: Retryable) -> None:
        """Wait as the provider asks, else a growing while; raises the error where that is too long or too often."""
        if failures > self.policy.max_retries:
            raise error
        delay_s = next_delay(self.policy, failures, error.retry_after_s, self.waiting.chance())
        if delay_s > self.policy.retry_after_cap_s or not self._fits(delay_s):
            error.retry_after_s = delay_s
            raise error
        self.waiting.sleep(delay_s)

    def _fits(self, delay_s: float) -> bool:
        return self.give_up_at is None or self.waiting.now() + delay_s < self.give_up_at


class Transfer:
    """One session: `offset` is where the next part begins, `sent` how far any part has reached."""

    def __init__(self, plan: Resumable, size: int, wire: Wire, patience: Patience) -> None:
        self._plan, self._size, self._wire, self._patience = plan, size, wire, patience
        self._offset = self._sent = self._arrived = self._failures = 0

    def run(self) -> Judged:
        """Return the answer that names the file; raises SessionLost, Retryable, Refused."""
        while (last := self._next()) is None:
            pass
        return last

    def _next(self) -> Judged | None:
        """Do what comes next; return the answer that ends the upload, None while there is more to do."""
        if self._offset == self._size:
            return self._ended()
        end = min(self._offset + self._plan.part_bytes, self._size)
        self._sent = max(self._sent, end)
        try:
            reply = self._wire.once(self._plan.part, self._offset, end)
        except Deferred:
            raise  # the hub held the part back: it was not sent
        except Retryable as error:
            self._wait(error)
            return self._asked()
        return self._read(reply, None if self._plan.finish is None else end)

    def _ended(self) -> Judged | None:
        """All bytes have arrived: finish, or ask for the file where the last part's answer was lost."""
        if self._plan.finish is not None:
            return self._read(self._wire.send(self._plan.finish, self._size, self._size), None)
        self._wait(Retryable(f"The provider has taken all {self._size} bytes, and names no file"))
        return self._asked()

    def _asked(self) -> Judged | None:
        """Ask how far it is; where that cannot be asked, the part in doubt is sent again and its answer tells."""
        if self._plan.ask is None:
            return None
        reply = self._wire.send(self._plan.ask, self._offset, self._offset)
        told = self._plan.told(reply)
        if told is None:
            return self._read(reply, None)
        self._go_on_at(told)
        return None

    def _read(self, reply: Judged, end: int | None) -> Judged | None:
        """Return the answer where it ends the upload; else go on at what it says, or at `end`."""
        told = self._plan.told(reply)
        if told is None and reply.action == LOST:
            raise SessionLost
        if told is None and not reply.is_good:
            raise self._wire.failure(reply)
        going_on = end if told is None else told
        if going_on is None:
            return reply
        if not self._go_on_at(going_on):
            self._wait(Retryable(f"The provider has taken {going_on} of {self._size} bytes, and no more of late"))
        return None

    def _go_on_at(self, offset: int) -> bool:
        """Note where the next part begins; return whether more has arrived than ever before."""
        if offset > self._sent:
            raise Refused(f"The provider says that {offset} bytes have arrived; only {self._sent} were sent.")
        self._offset, has_grown = offset, offset > self._arrived
        if has_grown:
            self._arrived, self._failures = offset, 0
        return has_grown

    def _wait(self, error: Retryable) -> None:
        self._failures += 1
        self._patience.wait(self._failures, error)
