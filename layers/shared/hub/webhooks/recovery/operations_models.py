"""Bodies and answers of the routes for operators, for validation and openapi.json."""

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field


class StuckItem(BaseModel):
    """A delivery, an event that was received, or an event that is overdue, and since when."""

    model_config = ConfigDict(extra="forbid")

    kind: Literal["delivery", "received", "event"]
    id: str
    subscriptionId: str | None
    endpointId: str | None
    state: str
    reason: str | None
    attempts: int
    createdAt: str
    overdueSince: str


class StuckItems(BaseModel):
    model_config = ConfigDict(extra="forbid")

    items: list[StuckItem]
    total: int


class QueueDepth(BaseModel):
    """How many messages wait and how many failed ten times; SQS counts about."""

    model_config = ConfigDict(extra="forbid")

    name: str
    messages: int
    deadLetters: int


class QueueDepths(BaseModel):
    model_config = ConfigDict(extra="forbid")

    queues: list[QueueDepth]


class RedriveRequest(BaseModel):
    model_config = ConfigDict(extra="forbid")

    max: Annotated[int, Field(ge=1, le=1000, strict=True)] = 1000


class Redriven(BaseModel):
    """How many messages went back to their queue, and how many are left."""

    model_config = ConfigDict(extra="forbid")

    moved: int
    left: int
