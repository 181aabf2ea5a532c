"""Bodies and answers of events, for validation and openapi.json."""

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field


class NewEvent(BaseModel):
    """`id` makes the call safe to repeat; events of one `orderingKey` are delivered in the order they were accepted.

    One with a `userId` is about that user: of the users' own webhooks (`/integrations/webhooks`) only theirs get it.
    """

    model_config = ConfigDict(extra="forbid")

    type: Annotated[str, Field(min_length=1, max_length=128)]
    data: dict[str, Any]
    id: Annotated[str, Field(pattern=r"^[!-~]{1,128}$")] | None = None
    orderingKey: Annotated[str, Field(min_length=1, max_length=256)] | None = None
    userId: Annotated[str, Field(min_length=1, max_length=256)] | None = None


class AcceptedEvent(BaseModel):
    model_config = ConfigDict(extra="forbid")

    id: str
    type: str
    createdAt: str
    orderingKey: str | None = None
    userId: str | None = None


class EventDelivery(BaseModel):
    model_config = ConfigDict(extra="forbid")

    subscriptionId: str
    deliveryId: str
    state: Literal["queued", "delivering", "retrying", "delivered", "failed", "skipped", "cancelled"]


class Event(BaseModel):
    """`matched` subscriptions so far, the first 100 of them in `deliveries`; `state` is routed when all are found."""

    model_config = ConfigDict(extra="forbid")

    id: str
    type: str
    data: Any
    source: str
    createdAt: str
    state: Literal["pending", "routed"]
    orderingKey: str | None = None
    userId: str | None = None
    matched: int
    deliveries: list[EventDelivery]
