"""Bodies and answers of redo jobs, for validation and openapi.json."""

from datetime import UTC, datetime
from typing import Annotated, Literal

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

from hub.core import clock
from hub.webhooks.recovery.redo import DEFAULT_RATE, Wanted

LAST_S = datetime(9999, 12, 31, tzinfo=UTC).timestamp()

Rate = Annotated[int, Field(ge=1, le=100, strict=True)]


class _Range(BaseModel):
    """Times are those of the events, not of their last attempt; `until` is the time of the request by default."""

    model_config = ConfigDict(extra="forbid")

    since: AwareDatetime
    until: AwareDatetime | None = None
    ratePerSecond: Rate = DEFAULT_RATE

    def _wanted(self, states: list[str]) -> Wanted:
        return Wanted(_iso(self.since), _iso(self.until) if self.until else None, tuple(states), self.ratePerSecond)


class RecoverRequest(_Range):
    """What `POST .../subscriptions/{id}/recover` takes: which deliveries are to be sent again."""

    status: list[Literal["failed", "skipped", "cancelled", "delivered"]] = Field([], max_length=4)

    def wanted(self) -> Wanted:
        return self._wanted(list(self.status))


class ReplayRequest(_Range):
    """What `POST .../endpoints/{id}/replays` takes: which received events are to be processed again."""

    status: list[Literal["processed", "unmatched", "failed"]] = Field([], max_length=3)

    def wanted(self) -> Wanted:
        return self._wanted(list(self.status))


class RedoJob(BaseModel):
    """`found` counts what was in the range with one of the states, `redone` those of it that were queued again."""

    model_config = ConfigDict(extra="forbid")

    id: str
    kind: Literal["recover", "replay"]
    subscriptionId: str | None = None
    endpointId: str | None = None
    status: Literal["RUNNING", "COMPLETED", "CANCELLED"]
    since: str
    until: str
    states: list[str]
    ratePerSecond: int
    found: int
    redone: int
    createdAt: str
    createdBy: str
    completedAt: str | None


def _iso(at: datetime) -> str:
    """Return a time as the hub writes it; nothing is before the first that an id can hold, or after the last year."""
    return clock.iso(min(max(at.timestamp(), 0.0), LAST_S))
