"""Bodies and answers of request logs: S003's IntegrationRequestLog, S004's ApiRequestLog."""

from typing import Annotated, Any, Literal

from pydantic import ConfigDict, Field, RootModel, StringConstraints

from hub.core.models import Page
from hub.integrations.instances.surface_models import Shown, Written

Method = Literal["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"]
Endpoint = Annotated[str, StringConstraints(min_length=1, max_length=2048)]


class NewRequestLog(Written):
    """What a caller reports of a request it made itself; `userId` counts where an administrator sends it."""

    method: Method
    endpoint: Endpoint
    statusCode: int = Field(ge=0, le=999)
    duration: int | float = Field(ge=0, le=86_400_000)
    success: bool
    error: str | None = Field(default=None, max_length=2000)
    userId: str | None = Field(default=None, min_length=1, max_length=256)


class RequestLog(Shown):
    """S003's IntegrationRequestLog; `duration` in milliseconds, `statusCode` 0 where nothing was answered."""

    id: str
    teamId: str
    integrationId: str
    method: str
    endpoint: str
    statusCode: int
    duration: int | float
    success: bool
    error: str | None = None
    userId: str
    timestamp: str


class RequestLogs(RootModel[list[RequestLog]]):
    """A bare array, as S003 writes it; newest first."""


class ApiRequestLog(Shown):
    """S004's ApiRequestLog; headers and bodies are redacted, bodies cut to 20 KB."""

    id: str
    tenantId: str
    integrationId: str
    kind: str
    method: str | None
    endpoint: str | None
    statusCode: int | None
    duration: int | float | None
    success: bool
    error: str | None
    message: str | None
    userId: str | None
    timestamp: str
    attempt: int | None
    requestId: str | None
    requestHeaders: dict[str, Any] | None
    requestBody: Any
    responseHeaders: dict[str, Any] | None
    responseBody: Any
    circuitState: str | None
    endpointId: str | None
    jobId: str | None


class ApiRequestLogPage(Page):
    model_config = ConfigDict(defer_build=True)

    data: list[ApiRequestLog]
