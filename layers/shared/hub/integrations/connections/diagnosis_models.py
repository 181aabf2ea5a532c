"""What a diagnosis of a connection answers."""

from typing import Literal

from pydantic import BaseModel, ConfigDict

Who = Literal["user", "tenant_admin", "operator", "provider", "nobody"]


class Evidence(BaseModel):
    """What the diagnosis rests on; times are ISO 8601."""

    model_config = ConfigDict(extra="forbid")

    lastRefreshedAt: str | None
    expiresAt: str | None
    nextRefreshAt: str | None
    lastError: str | None
    circuitState: Literal["closed", "open", "half_open"]
    failuresInARow: int
    coolDownUntil: str | None
    missingScopes: list[str] | None = None


class Reconnect(BaseModel):
    """Whether connecting anew is possible, and by which call."""

    model_config = ConfigDict(extra="forbid")

    possible: bool
    how: str


class ConnectionDiagnosis(BaseModel):
    """Why a connection does not work, and who must do what; `reason` is null while nothing is known against it."""

    model_config = ConfigDict(extra="forbid")

    connectionId: str
    integrationId: str
    provider: str
    status: Literal["active", "expired", "revoked", "error"]
    reason: str | None
    message: str
    who: Who
    nextStep: str
    since: str | None
    evidence: Evidence
    reconnect: Reconnect
