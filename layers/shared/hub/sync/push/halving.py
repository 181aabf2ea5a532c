"""A batch that the provider refuses as it is, is halved until the records are found that it refuses.

A refusal says that nothing of the call took effect, so the halves are new calls. Parts go out in the order of their
records: where something else goes wrong on the way, or it takes too long, what is settled stands and the rest is left
to the next step.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from hub.connector.batches import Batch, BatchResult
from hub.core.errors import HubError, Refused

# The provider refuses a batch for what is in it; sent again it is refused again.
OF_THE_BATCH = frozenset({400, 409, 413, 422})
# After so many refusals no part is halved any more: a provider that refuses everything is not asked for each record.
MOST_REFUSED = 32


@dataclass(frozen=True)
class Settled(BatchResult):
    """The results of a batch, or of its first records, and how many calls they took."""

    calls: int = 1


@dataclass
class Halving:
    """Sends one batch; `send` makes a call, `is_late` says that what is left goes with the next step."""

    send: Callable[[Batch], BatchResult]
    is_late: Callable[[], bool]
    refused: int = 0
    done: list[BatchResult] = field(default_factory=list)

    def settle(self, batch: Batch) -> Settled:
        """Return the result of each record, or of the first ones; raises as `send` where there is none."""
        parts, calls = [batch], 0
        while parts and not (self.done and self.is_late()):
            part = parts.pop()
            calls += 1
            try:
                self.done.append(self.send(part))
            except HubError as error:
                if is_of_the_batch(error) and self._may_halve(part):
                    parts += reversed(_halves(part))
                elif is_of_the_batch(error):
                    self.done.append(rejecting(part, error))
                elif self.done:
                    break
                else:
                    raise
        return _joined(self.done, calls)

    def _may_halve(self, part: Batch) -> bool:
        self.refused += 1
        return len(part.items) > 1 and self.refused < MOST_REFUSED


def is_of_the_batch(error: HubError) -> bool:
    """Say whether the provider refuses what is in a batch, and not the caller or the moment."""
    return isinstance(error, Refused) and error.details.get("status") in OF_THE_BATCH


def rejecting(batch: Batch, refusal: HubError) -> BatchResult:
    """Return that all records of a batch were refused, for what the provider said."""
    status, others = refusal.details["status"], len(batch.items) - 1
    reason = f"{refusal.message} (sent together with {others} more)" if others else refusal.message
    return BatchResult(batch.all("rejected", f"HTTP_{status}", reason), None, "", "", status, 0, 1)


def _halves(batch: Batch) -> list[Batch]:
    middle = len(batch.items) // 2
    empty_bytes = batch.body_bytes - sum(item.size for item in batch.items)
    parts = (batch.items[:middle], batch.items[middle:])
    return [Batch(items, empty_bytes + sum(item.size for item in items)) for items in parts]


def _joined(parts: Sequence[BatchResult], calls: int) -> Settled:
    told = next((part for part in parts if part.url), parts[0])
    return Settled(
        results=[result for part in parts for result in part.results],
        job_id=told.job_id,
        method=told.method,
        url=told.url,
        status=parts[0].status if calls == 1 else told.status,
        elapsed_ms=sum(part.elapsed_ms for part in parts),
        attempts=max(calls, sum(part.attempts for part in parts)),
        calls=calls,
    )
