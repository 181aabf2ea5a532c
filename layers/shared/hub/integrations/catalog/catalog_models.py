"""Bodies and answers of the catalogue's routes, for parsing, for openapi.json and for the tests."""

from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, RootModel

from hub.connector.strict import Strict
from hub.core.models import CountedPage
from hub.integrations.catalog.categories import canonical
from hub.providers.provider_files import Aliases, Audience, Line, Listing, Slug, Status

Json = dict[str, Any]
AuthType = Literal["oauth2", "api_key", "basic", "custom"]
Category = Annotated[Slug, BeforeValidator(lambda name: canonical(name) if isinstance(name, str) else name)]
Url = Annotated[str, Field(max_length=2048)]


class OAuthConfig(Strict):
    """S001's OAuthConfig: where consent and tokens are, and the operator's client; its secret is never answered."""

    authorization_url: Url | None = None
    token_url: Url | None = None
    revocation_url: Url | None = None
    scopes: list[Line] | None = Field(default=None, max_length=200)
    client_id: str | None = Field(default=None, min_length=1, max_length=1024)


class NewOAuthConfig(OAuthConfig):
    client_secret: str | None = Field(default=None, min_length=1, max_length=8192)


class ProviderDocument(Listing):
    """All that a super_admin writes of a provider. Nothing can be called without `connector` and `methods`."""

    name: Line
    display_name: Line
    description: str | None = Field(default=None, max_length=5000)
    category: Category
    provider: Slug
    status: Status
    audience: Audience
    auth_type: AuthType | None = None
    oauth_config: OAuthConfig | None = None
    aliases: Aliases = Aliases()
    config_schema: Json = Field(default={"type": "object", "additionalProperties": False})
    connector: Json | None = None


class NewProvider(ProviderDocument):
    oauth_config: NewOAuthConfig | None = None


class ProviderPatch(BaseModel):
    """Any part of a provider, as a JSON merge patch (RFC 7396); what GET answered may be sent back."""

    model_config = ConfigDict(extra="allow")

    status: Status | None = None
    audience: Audience | None = None


class StatusChange(Strict):
    status: Status


class AudienceChange(Strict):
    audience: Audience


class StatusChanged(BaseModel):
    model_config = ConfigDict(extra="forbid")

    id: str
    status: Status
    updatedAt: str


class AudienceChanged(BaseModel):
    model_config = ConfigDict(extra="forbid")

    id: str
    audience: Audience
    updatedAt: str


class Answered(BaseModel):
    model_config = ConfigDict(extra="forbid")


class ShownOAuthConfig(Answered):
    """`clientSecret` is a handle, where there is one."""

    authorizationUrl: str | None = None
    tokenUrl: str | None = None
    revocationUrl: str | None = None
    scopes: list[str] | None = None
    clientId: str | None = None
    clientSecret: str | None = None
    hasClientSecret: bool


class Provider(Answered):
    """S001's IntegrationProviderDocument, with what the hub adds to it."""

    id: str
    category: str
    provider: str
    name: str
    displayName: str
    description: str | None = None
    status: Status
    audience: Audience
    capabilities: list[str]
    supportedSyncDirections: list[Literal["pull", "push", "bidirectional"]]
    supportsRealtime: bool
    supportsWebhooks: bool
    supportsNotifications: bool
    supportsBatch: bool
    supportsSearch: bool
    searchableEntities: list[str]
    searchCapabilities: Json | None = None
    requiresUserScoping: bool
    authType: AuthType
    authMethods: list[Json]
    oauthConfig: ShownOAuthConfig | None = None
    availableEntities: list[Json]
    entityMappings: list[Json]
    configSchema: Json
    icon: str
    color: str
    version: str
    isPremium: bool
    requiredPlan: str | None = None
    apiVersion: str | None = None
    documentationUrl: str | None = None
    rateLimitRequests: int | None = None
    rateLimitWindow: int | None = None
    aliases: dict[str, str]
    notes: list[str]
    createdAt: str
    updatedAt: str


class CatalogProvider(Provider):
    """A provider as a tenant sees it; `available` is false where it lacks the plan."""

    available: bool


class AdminProvider(Provider):
    """A provider as the operator sees it; `revision` is what `If-Match` names."""

    revision: int
    isCallable: bool
    isSeeded: bool
    createdBy: str
    updatedBy: str


class FullProvider(AdminProvider):
    """With its connector: the definition without `auth`, and the ways to connect."""

    connector: Json | None = None
    connectorVersion: int
    methods: list[Json]


class AdminProviderPage(CountedPage):
    providers: list[AdminProvider]


class CatalogPage(CountedPage):
    providers: list[CatalogProvider]


class V1Provider(Answered):
    """S004's IntegrationProvider."""

    id: str
    code: str
    name: str
    category: str
    description: str | None = None
    configSchema: Json
    authType: Literal["API_KEY", "OAUTH2", "BASIC", "NONE"]
    oauthConfig: ShownOAuthConfig | None = None
    baseUrl: str | None = None
    apiVersion: str | None = None
    documentationUrl: str | None = None
    supportsWebhooks: bool
    supportsBatch: bool
    supportsRealtime: bool
    rateLimitRequests: int | None = None
    rateLimitWindow: int | None = None
    status: Literal["ACTIVE", "BETA", "DEPRECATED"]
    available: bool
    createdAt: str
    updatedAt: str


class V1ProviderPage(CountedPage):
    data: list[V1Provider]


class V1Categories(CountedPage):
    """S004's ProviderCategory, and the other categories of the catalogue in its way of writing."""

    data: list[str]


class ConfigSchema(RootModel[Json]):
    """A JSON Schema (2020-12)."""


class MarketplaceItem(Answered):
    """`type` is what S003 calls the provider where it makes an integration, otherwise its id."""

    id: str
    type: str
    name: str
    description: str | None = None
    category: str
    icon: str
    color: str
    version: str
    authType: AuthType
    capabilities: list[str]
    documentationUrl: str | None = None
    isPremium: bool
    requiredPlan: str | None = None
    available: bool


class Marketplace(RootModel[list[MarketplaceItem]]):
    pass
