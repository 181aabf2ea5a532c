"""Bodies and answers of connections: S001 ("Connection Management"), S002 ("Connect Integration"), S003 (OAuth)."""

from typing import Annotated, Any, Literal

from pydantic import Field

from hub.integrations.instances.surface_models import Settings, Shown, Written

Credential = Annotated[str, Field(min_length=1, max_length=16_384)]
DisplayName = Annotated[str, Field(min_length=1, max_length=200)]
Credentials = Annotated[dict[str, Credential], Field(max_length=20)]
Scopes = Annotated[list[Annotated[str, Field(min_length=1, max_length=500)]], Field(max_length=200)]
ConnectionStatus = Literal["active", "expired", "revoked", "error"]


class ApiKeyCredentials(Written):
    apiKey: Credential
    displayName: DisplayName | None = None


class BasicCredentials(Written):
    """Some providers take a key as the user name and no password, so the password may be empty."""

    username: Annotated[str, Field(min_length=1, max_length=1024)]
    password: Annotated[str, Field(max_length=8192)]
    displayName: DisplayName | None = None


class CustomCredentials(Written):
    """`credentials` has the names that the provider's ways to connect give them."""

    credentials: Credentials
    displayName: DisplayName | None = None


class NewCredentials(Written):
    """The whole set of credentials. `oauth`: tokens, or clientId and clientSecret of an OAuth client of your own."""

    credentialType: Literal["oauth", "api_key", "basic", "custom"]
    credentials: Credentials


class CardsConnect(Written):
    """`provider` is SALESFORCE, HUBSPOT, ZOHO, MAILCHIMP, SENDGRID, ZAPIER, GOOGLE_DRIVE or DROPBOX."""

    provider: Annotated[str, Field(min_length=1, max_length=64)]
    credentials: Credentials
    settings: Settings | None = None


class NewOAuthToken(Written):
    """S003's ThirdPartyOAuth without what the server sets; `settings` are those of the provider's integration.

    `teamId` may stand in the body too, as in S003's examples; it is the team of the path.
    """

    teamId: str | None = None
    provider: Literal["salesforce", "hubspot", "slack", "microsoft", "google", "custom"]
    userId: Annotated[str, Field(min_length=1, max_length=200)]
    accessToken: Credential
    refreshToken: Credential | None = None
    scopes: Scopes = Field(default=[])
    expiresAt: Annotated[str, Field(max_length=40)] | None = None
    settings: Settings | None = None


class Connection(Shown):
    """What connecting answers."""

    connectionId: str
    status: ConnectionStatus
    connectedAt: str


class ConnectionState(Shown):
    connectionId: str
    status: ConnectionStatus
    lastValidatedAt: str | None = None
    validationError: str | None = None
    expiresAt: str | None = None


class UserConnection(Shown):
    connected: bool
    connectionId: str | None = None
    status: ConnectionStatus | None = None
    lastConnectedAt: str | None = None


class Disconnected(Shown):
    success: Literal[True]
    disconnectedAt: str


class StoredCredentials(Shown):
    """`credentialSecretName` names the set of secrets; nothing can be read by it."""

    success: Literal[True]
    credentialSecretName: str
    updatedAt: str


class OAuthToken(Shown):
    """S003's ThirdPartyOAuth; a stored token is never shown again, but for its first and last characters."""

    id: str
    teamId: str
    provider: str
    userId: str
    accessToken: str
    refreshToken: str | None = None
    scopes: list[str]
    expiresAt: str | None
    createdAt: str
    updatedAt: str


class ConnectionRow(Shown):
    """A connection in the list of its integration; `credentials` are masked."""

    id: str
    integrationId: str
    provider: str
    owner: str
    method: str
    displayName: str | None
    status: ConnectionStatus
    reason: str | None = None
    message: str | None = None
    since: str
    credentials: dict[str, Any]
    scopes: list[str]
    expiresAt: str | None = None
    connectedAt: str
    connectedBy: str
    lastValidatedAt: str | None = None
    lastRefreshedAt: str | None = None
    revokedAt: str | None = None


class ConnectionRows(Shown):
    data: list[ConnectionRow]
    total: int
    limit: int
    offset: int
    hasMore: bool
    nextOffset: int | None = None
    nextCursor: str | None = None
