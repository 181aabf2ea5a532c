"""Bodies and answers of webhooks as the cards product (S002, "Webhook Management") writes them."""

from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, RootModel

from hub.webhooks.subscriptions.subscription_models import LONGEST_URL, EventName, Written

Url = Annotated[str, Field(min_length=1, max_length=LONGEST_URL)]
Events = Annotated[list[EventName], Field(min_length=1, max_length=100)]


class NewCardsWebhook(Written):
    url: Url
    events: Events


class CardsWebhookPatch(Written):
    """What is left out stays as it is."""

    isActive: bool | None = None
    url: Url | None = None
    events: Events | None = None


class CardsWebhook(BaseModel):
    model_config = ConfigDict(extra="forbid")

    id: str
    url: str
    events: list[str]
    isActive: bool


class CardsWebhooks(RootModel[list[CardsWebhook]]):
    """A bare array, as S002 writes it."""


class CreatedCardsWebhook(CardsWebhook):
    """`secret` is shown this once; a repeat by Idempotency-Key gets the answer without it."""

    secret: str | None = None


class CardsDelivery(BaseModel):
    """`payload` is `{event, timestamp, data}`; null when the event is no longer kept."""

    model_config = ConfigDict(extra="forbid")

    id: str
    eventType: str
    payload: dict[str, Any] | None
    responseStatus: int | None
    responseBody: str | None
    attemptCount: int
    deliveredAt: str | None
    failedAt: str | None
    nextRetryAt: str | None
    createdAt: str


class CardsDeliveries(RootModel[list[CardsDelivery]]):
    """A bare array, as S002 writes it."""


class Success(BaseModel):
    success: bool
