"""Bodies and answers of integrations as the catalogue specification (S001, "Tenant Integration Endpoints") has them."""

from typing import Any, Literal

from pydantic import ConfigDict, Field

from hub.core.models import CountedPage
from hub.integrations.instances.surface_models import Description, Icon, Name, Names, Settings, Shown, Written

Status = Literal["pending", "connected", "error", "disabled"]
ConnectionStatus = Literal["active", "expired", "revoked", "error"]


class NewTenantIntegration(Written):
    """`integrationId` is the provider's id; `settings` are what the provider's configSchema describes."""

    integrationId: Name
    name: Name
    description: Description | None = None
    icon: Icon | None = None
    settings: Settings = Field(default={})
    allowedShardTypes: Names = Field(default=[])
    searchEnabled: bool | None = None
    searchableEntities: Names | None = None
    userScoped: bool | None = None


class TenantIntegrationPatch(Written):
    """What is left out stays; `settings` are merged (RFC 7396), null takes one away."""

    name: Name | None = None
    description: Description | None = None
    icon: Icon | None = None
    settings: Settings | None = None
    allowedShardTypes: Names | None = None
    searchEnabled: bool | None = None
    searchableEntities: Names | None = None
    userScoped: bool | None = None


class TenantIntegration(Shown):
    """S001's IntegrationDocument. `integrationId` names the provider, null for a custom integration.

    `version` is for If-Match.
    """

    id: str
    tenantId: str
    integrationId: str | None
    providerName: str
    category: str
    name: str
    displayName: str
    description: str | None
    icon: str | None
    status: Status
    settings: dict[str, Any]
    allowedShardTypes: list[str]
    searchEnabled: bool
    searchableEntities: list[str]
    userScoped: bool
    connectionStatus: ConnectionStatus | None
    lastConnectedAt: str | None
    lastSyncAt: str | None
    lastTestedAt: str | None
    lastTestResult: Literal["success", "failure"] | None
    error: str | None
    enabledAt: str | None
    enabledBy: str | None
    createdAt: str
    createdBy: str
    updatedAt: str
    updatedBy: str
    version: int


class TenantIntegrationPage(CountedPage):
    model_config = ConfigDict(defer_build=True)

    integrations: list[TenantIntegration]


class Activated(Shown):
    id: str
    status: Literal["connected"]
    enabledAt: str
    enabledBy: str


class Deactivated(Shown):
    id: str
    status: Literal["disabled"]
    updatedAt: str


class WidgetStatus(Shown):
    """S001, "Get Integration Status for Widget"; what is not known is left out."""

    integrationId: str
    name: str
    status: Status
    connectionStatus: ConnectionStatus | None = None
    lastConnectedAt: str | None = None
    lastSyncAt: str | None = None
    error: str | None = None
