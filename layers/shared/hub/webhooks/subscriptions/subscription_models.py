"""Bodies and answers of subscriptions as the freight specification (S004, WebhookSubscription) writes them."""

from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, StringConstraints

from hub.core.models import CountedPage

LONGEST_URL = 2048
MOST_HEADERS = 50
AuthType = Literal["NONE", "BASIC", "BEARER", "API_KEY", "OAUTH2"]
Profile = Literal["cards", "v1", "standard"]
PayloadFormat = Literal["cards", "standard", "raw"]
ContentType = Literal["application/json", "application/x-www-form-urlencoded"]
EventName = Annotated[str, StringConstraints(min_length=1, max_length=128)]
DelayS = Annotated[int, Field(ge=1, le=86_400)]


def _in_upper_case(value: Any) -> Any:
    return value.upper() if isinstance(value, str) else value


class Written(BaseModel):
    """What a caller writes: no unknown words, no guessing of types, and no fault repeats a value."""

    # A request pays for the validators of its own body alone.
    model_config = ConfigDict(extra="forbid", strict=True, hide_input_in_errors=True, defer_build=True)


class Throttle(Written):
    """At most so many requests in any window of so many seconds; what is more waits in its order."""

    requests: int = Field(ge=1, le=10_000)
    windowSeconds: int = Field(ge=1, le=3600)


class AutoDisable(Written):
    """When the hub switches the subscription off by itself; null = never for this reason."""

    failuresInARow: int | None = Field(default=None, ge=1, le=1000)
    hoursWithoutSuccess: float | None = Field(default=None, ge=1, le=2160)


class BasicConfig(Written):
    username: str = Field(min_length=1, max_length=1024)
    password: str | None = Field(default=None, max_length=8192)


class BearerConfig(Written):
    token: str | None = Field(default=None, min_length=1, max_length=8192)


class ApiKeyConfig(Written):
    """The key goes into the header, or into the query where `queryName` is given."""

    apiKey: str | None = Field(default=None, min_length=1, max_length=8192)
    headerName: str = Field(default="X-API-Key", min_length=1, max_length=200)
    queryName: str | None = Field(default=None, min_length=1, max_length=200)


class OAuth2Config(Written):
    """Client credentials (RFC 6749, 4.4); the hub fetches and renews the access token."""

    tokenUrl: str = Field(min_length=1, max_length=LONGEST_URL)
    clientId: str = Field(min_length=1, max_length=1024)
    clientSecret: str | None = Field(default=None, min_length=1, max_length=8192)
    scope: str | None = Field(default=None, max_length=4096)
    audience: str | None = Field(default=None, max_length=4096)


class NewSubscription(Written):
    """S004's CreateWebhookSubscriptionDto and the fields of its model, then the words of the hub's own.

    `authConfig` depends on `authType`: {username, password}, {token}, {apiKey, headerName? or queryName?} or
    {tokenUrl, clientId, clientSecret, scope?, audience?}. Without `maxRetries` there is one for each interval; more
    than intervals repeat the last one.
    """

    name: str = Field(min_length=1, max_length=200)
    description: str | None = Field(default=None, max_length=2000)
    url: str = Field(min_length=1, max_length=LONGEST_URL)
    eventTypes: list[EventName] = Field(min_length=1, max_length=100)
    authType: Annotated[AuthType, BeforeValidator(_in_upper_case)] = "NONE"
    authConfig: dict[str, Any] | None = None
    secretKey: str | None = Field(default=None, min_length=8, max_length=512)
    contentType: ContentType = "application/json"
    headers: dict[str, str] = Field(default={}, max_length=MOST_HEADERS)
    transformTemplate: Any = None
    retryEnabled: bool = True
    maxRetries: int | None = Field(default=None, ge=0, le=20)
    retryIntervals: list[DelayS] | None = Field(default=None, min_length=1, max_length=20)
    status: Annotated[Literal["ACTIVE", "PAUSED"], BeforeValidator(_in_upper_case)] | None = None
    isEnabled: bool | None = None
    payloadFormat: PayloadFormat | None = None
    filter: dict[str, Any] | None = None
    throttle: Throttle | None = None
    retryProfile: Profile | None = None
    timeoutMs: int | None = Field(default=None, ge=1000, le=30_000)
    autoDisable: AutoDisable | None = None


class SubscriptionUpdate(NewSubscription):
    """The whole subscription anew; what is left out gets its default, but secrets and the status stay.

    A handle, or no value at all, keeps a secret of the same authType. DISABLED is what the hub sets; it may be sent
    back. A `secretKey` replaces the present one, which counts for a day more.
    """

    status: Annotated[Literal["ACTIVE", "PAUSED", "DISABLED"], BeforeValidator(_in_upper_case)] | None = None  # type: ignore[assignment]


class Subscription(BaseModel):
    """S004's WebhookSubscription; secrets show as handles, and nowhere else.

    `secretsRequired` names what must be entered before it can be active, `version` is for If-Match.
    """

    model_config = ConfigDict(extra="forbid", defer_build=True)

    id: str
    tenantId: str
    name: str
    description: str | None
    url: str
    eventTypes: list[str]
    authType: AuthType
    authConfig: dict[str, Any] | None
    contentType: ContentType
    headers: dict[str, str]
    transformTemplate: Any
    retryEnabled: bool
    maxRetries: int
    retryIntervals: list[int]
    status: Literal["ACTIVE", "PAUSED", "DISABLED"]
    isEnabled: bool
    totalSent: int
    totalDelivered: int
    totalFailed: int
    lastTriggeredAt: str | None
    lastSuccessAt: str | None
    lastFailureAt: str | None
    consecutiveFailures: int
    createdAt: str
    updatedAt: str
    createdBy: str
    payloadFormat: PayloadFormat
    filter: dict[str, Any] | None
    throttle: Throttle | None
    retryProfile: Profile
    timeoutMs: int
    autoDisable: AutoDisable
    surface: Literal["v1", "cards"]
    owner: str | None
    disabledAt: str | None
    disabledReason: str | None
    previousSecretValidUntil: str | None
    secretsRequired: list[str]
    version: int


class CreatedSubscription(Subscription):
    """`secretKey` is shown this once; a repeat by Idempotency-Key gets the answer without it."""

    secretKey: str | None = None


class SubscriptionPage(CountedPage):
    model_config = ConfigDict(defer_build=True)

    data: list[Subscription]


class RotateRequest(BaseModel):
    model_config = ConfigDict(extra="forbid", defer_build=True)

    gracePeriodSeconds: int = Field(default=86_400, ge=0, le=604_800)


class RotatedSecret(BaseModel):
    """`secretKey` is shown this once; the former one counts until `previousSecretValidUntil`."""

    model_config = ConfigDict(extra="forbid", defer_build=True)

    secretKey: str | None = None
    previousSecretValidUntil: str | None


class TestRequest(Written):
    """What a test delivers: by default the first type of the subscription and a payload that says it is a test."""

    __test__ = False  # not one of pytest's

    eventType: EventName | None = None
    payload: Any = None
