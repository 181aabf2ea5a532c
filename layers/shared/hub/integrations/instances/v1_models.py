"""Bodies and answers of integrations as the freight specification (S004, "Integration Model") writes them."""

from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, ConfigDict, Field

from hub.core.models import CountedPage
from hub.integrations.instances.surface_models import (
    CircuitState,
    Description,
    Environment,
    Frequency,
    Name,
    Settings,
    Shown,
    Written,
)

Status = Literal["ACTIVE", "PAUSED", "ERROR", "PENDING_AUTH"]
AuthType = Literal["API_KEY", "OAUTH2", "BASIC", "NONE"]
ApiKey = Annotated[str, Field(min_length=1, max_length=16_384)]
TimeoutS = Annotated[int, Field(ge=1, le=120)]
Retries = Annotated[int, Field(ge=0, le=10)]


def _in_upper_case(value: Any) -> Any:
    return value.upper() if isinstance(value, str) else value


InUpperCase = BeforeValidator(_in_upper_case)


class IntegrationWords(Written):
    """What may be written: S004's CreateIntegrationDto and the fields of its model."""

    name: Name
    description: Description | None = None
    config: Settings = Field(default={})
    environment: Annotated[Environment, InUpperCase] | None = None
    apiKey: ApiKey | None = None
    timeoutSeconds: TimeoutS | None = None
    retryEnabled: bool = True
    maxRetries: Retries | None = None
    syncFrequency: Frequency | None = None


class NewIntegration(IntegrationWords):
    """`providerId` is the provider's id or code; with an `apiKey` the integration is connected at once."""

    providerId: Name


class IntegrationUpdate(IntegrationWords):
    """The whole integration anew: what is left out gets its default; secrets, environment and status stay."""

    providerId: Name | None = None
    isEnabled: bool | None = None
    status: Annotated[Status, InUpperCase] | None = None


class StatusPatch(Written):
    """One of them; ERROR and PENDING_AUTH are what the hub finds, and cannot be set."""

    status: Annotated[Literal["ACTIVE", "PAUSED"], InUpperCase] | None = None
    isEnabled: bool | None = None


class Integration(Shown):
    """S004's Integration: credentials are never answered. `version` is for If-Match.

    `lastSuccessfulCall` is what the integration was last seen to do; its health says more.
    """

    id: str
    tenantId: str
    providerId: str
    name: str
    description: str | None
    config: dict[str, Any]
    environment: Environment
    authType: AuthType
    oauthExpiresAt: str | None
    status: Status
    lastSuccessfulCall: str | None
    lastError: str | None
    lastErrorAt: str | None
    errorCount: int
    isEnabled: bool
    retryEnabled: bool
    maxRetries: int
    timeoutSeconds: int
    syncFrequency: str | None
    lastSyncAt: str | None
    nextSyncAt: str | None
    createdAt: str
    updatedAt: str
    createdBy: str | None
    surface: str
    owner: str | None
    version: int


class IntegrationPage(CountedPage):
    model_config = ConfigDict(defer_build=True)

    data: list[Integration]


class IntegrationHealth(Shown):
    """S004's health, with the cause and what to do next.

    The figures are those of the newest calls in the request log, of which `calls` were looked at.
    """

    integrationId: str
    name: str
    status: Status
    circuitState: CircuitState
    circuitOpensAgainAt: str | None
    connectionStatus: Literal["active", "expired", "revoked", "error"] | None
    lastSuccessfulCall: str | None
    lastError: str | None
    lastErrorAt: str | None
    errorCount: int
    calls: int
    latency: int | None
    cause: str | None
    nextStep: str | None
    checkedAt: str


class HealthPage(CountedPage):
    model_config = ConfigDict(defer_build=True)

    data: list[IntegrationHealth]
