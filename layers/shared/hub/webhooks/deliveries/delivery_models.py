"""Answers about deliveries as the freight specification (S004, WebhookDelivery) writes them."""

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict

from hub.core.models import Page


class DeliveryAttempt(BaseModel):
    """One HTTP call; secrets in it are hidden, long bodies cut. `why` says what followed."""

    model_config = ConfigDict(extra="forbid")

    attemptNumber: int
    at: str
    outcome: Literal["delivered", "failed"]
    requestUrl: str
    requestHeaders: dict[str, str]
    requestBody: str | None
    responseStatus: int | None
    responseHeaders: dict[str, str] | None
    responseBody: str | None
    responseTimeMs: int
    errorMessage: str | None
    nextRetryAt: str | None
    why: str


class Delivery(BaseModel):
    """S004's WebhookDelivery with its last attempt, and the hub's words: state, reason, attemptCount, attempts.

    `payload` is the event's data, null when the event is no longer kept.
    """

    model_config = ConfigDict(extra="forbid")

    id: str
    subscriptionId: str
    eventType: str
    eventId: str
    payload: Any
    attemptNumber: int
    requestUrl: str
    requestHeaders: dict[str, str] | None
    requestBody: str | None
    responseStatus: int | None
    responseHeaders: dict[str, str] | None
    responseBody: str | None
    responseTimeMs: int | None
    status: Literal["PENDING", "DELIVERED", "FAILED", "RETRYING"]
    errorMessage: str | None
    nextRetryAt: str | None
    createdAt: str
    state: Literal["queued", "delivering", "retrying", "delivered", "failed", "skipped", "cancelled"]
    reason: str | None
    attemptCount: int
    isTest: bool
    updatedAt: str
    deliveredAt: str | None
    attempts: list[DeliveryAttempt] | None = None


class DeliveryPage(Page):
    """`{data, limit, hasMore, nextCursor?}`; a page may be short, or even empty, and yet go on."""

    data: list[Delivery]
