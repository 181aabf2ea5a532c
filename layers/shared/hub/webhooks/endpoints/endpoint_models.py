"""Bodies and answers of inbound endpoints (S004's WebhookEndpoint) and of what they received."""

from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, StringConstraints

from hub.connector.response_config import LONGEST_PATH
from hub.connector.webhook_config import EventRouting
from hub.core.models import CountedPage, Page
from hub.webhooks.subscriptions.subscription_models import Written

EventName = Annotated[str, StringConstraints(min_length=1, max_length=200)]


def _in_upper_case(value: Any) -> Any:
    return value.upper() if isinstance(value, str) else value


def _in_lower_case(value: Any) -> Any:
    return value.lower() if isinstance(value, str) else value


Status = Annotated[Literal["ACTIVE", "PAUSED"], BeforeValidator(_in_upper_case)]


class Signature(Written):
    """How requests are signed: `hmac` is described by the other words, the other schemes know them."""

    scheme: Annotated[str, BeforeValidator(_in_lower_case)] = Field(default="hmac", max_length=40)
    header: str | None = Field(default=None, max_length=200)
    algorithm: str | None = Field(default=None, max_length=40)
    encoding: Literal["hex", "base64"] | None = None
    prefix: str | None = Field(default=None, max_length=100)
    toleranceS: int | None = Field(default=None, ge=1, le=300)


class EndpointResponse(Written):
    """What a sender is answered once its request is accepted."""

    status: int = Field(default=200, ge=200, le=299)
    body: str | None = Field(default=None, max_length=10_000)


class NewWebhookEndpoint(Written):
    """S004's CreateWebhookEndpointDto, then the words of the hub's own.

    Without `signature`, `signatureHeader` and `signatureAlgorithm` requests are signed as Standard Webhooks says.
    `eventTypePath` and `eventTypeHeader` hold for every rule that does not have its own.
    """

    endpointPath: str = Field(min_length=1, max_length=202)
    eventTypes: list[EventName] = Field(max_length=100)
    handlerType: str = Field(min_length=1, max_length=100)
    integrationId: str | None = Field(default=None, min_length=1, max_length=100)
    transformTemplate: Any = None
    targetService: str | None = Field(default=None, min_length=1, max_length=200)
    ipWhitelist: list[str] | None = Field(default=None, max_length=100)
    signatureHeader: str | None = Field(default=None, min_length=1, max_length=200)
    signatureAlgorithm: str | None = Field(default=None, min_length=1, max_length=40)
    status: Status | None = None
    isEnabled: bool | None = None
    signature: Signature | None = None
    eventTypePath: str | None = Field(default=None, max_length=LONGEST_PATH)
    eventTypeHeader: str | None = Field(default=None, min_length=1, max_length=200)
    eventRouting: list[EventRouting] = Field(default=[], max_length=100)
    response: EndpointResponse = EndpointResponse()
    secretKey: str | None = Field(default=None, min_length=8, max_length=512)


class WebhookEndpointUpdate(NewWebhookEndpoint):
    """The whole endpoint anew; what is left out gets its default, but the secret and the status stay.

    A `secretKey` replaces the present one, which counts for a day more. What only the hub sets may be sent back.
    """


class WebhookEndpoint(BaseModel):
    """S004's WebhookEndpoint; `version` is for If-Match."""

    model_config = ConfigDict(extra="forbid")

    id: str
    tenantId: str
    integrationId: str | None
    endpointPath: str
    eventTypes: list[str]
    handlerType: str
    transformTemplate: Any
    targetService: str | None
    ipWhitelist: list[str]
    signatureHeader: str | None
    signatureAlgorithm: str | None
    status: Literal["ACTIVE", "PAUSED"]
    isEnabled: bool
    totalReceived: int
    totalProcessed: int
    totalFailed: int
    lastReceivedAt: str | None
    createdAt: str
    updatedAt: str
    signature: dict[str, Any]
    eventTypePath: str | None
    eventTypeHeader: str | None
    eventRouting: list[dict[str, Any]]
    response: EndpointResponse
    receiveUrl: str
    previousSecretValidUntil: str | None
    version: int


class CreatedWebhookEndpoint(WebhookEndpoint):
    """`secretKey` is shown this once; a repeat by Idempotency-Key gets the answer without it."""

    secretKey: str | None = None


class WebhookEndpointPage(CountedPage):
    data: list[WebhookEndpoint]


class RegeneratedSecret(BaseModel):
    """Both secrets are shown this once; the former ones count until `previousSecretValidUntil`."""

    model_config = ConfigDict(extra="forbid")

    webhookSecret: str | None = None
    webhookUrl: str
    previousSecretValidUntil: str | None


class ReceivedSummary(BaseModel):
    """One received event; `reason` says why it waits or what became of it."""

    model_config = ConfigDict(extra="forbid")

    id: str
    endpointId: str
    status: Literal["queued", "processing", "retrying", "processed", "unmatched", "failed"]
    eventType: str | None
    receivedAt: str
    contentType: str
    bodyBytes: int
    sourceIp: str
    attempts: int
    replays: int
    reason: str | None
    endedAt: str | None


class ReceivedEvent(ReceivedSummary):
    """`headers` are those that say what it is about; `body` is text or base64, and cut at 300 KB.

    `results` are `{counts, actions, unmatched, omitted}` of the present round, `history` those before it.
    """

    headers: dict[str, str]
    body: str
    bodyEncoding: Literal["text", "base64"]
    isBodyCut: bool
    results: dict[str, Any] | None
    history: list[dict[str, Any]]
    nextAttemptAt: str | None


class ReceivedPage(Page):
    """What was received is not counted."""

    data: list[ReceivedSummary]
