"""Bodies and answers of integrations as the teams product (S003, "Integration Interface") writes them."""

from typing import Annotated, Any, Literal

from pydantic import Field, RootModel

from hub.integrations.instances.surface_models import Name, Settings, Shown, Written

Type = Literal["zapier", "slack", "rest", "graphql", "webhook"]
Credential = Annotated[str, Field(min_length=1, max_length=16_384)]


class NewTeamsIntegration(Written):
    """`type` names the provider; with `credentials` the integration is connected at once.

    `teamId` may stand in the body too, as in S003's examples; it is the team of the path.
    """

    teamId: str | None = None
    type: Type
    name: Name
    enabled: bool = True
    config: Settings = Field(default={})
    credentials: dict[str, Credential] | None = Field(default=None, min_length=1, max_length=20)


class TeamsIntegrationPatch(Written):
    """What is left out stays; `config` is merged (RFC 7396), null takes a value away."""

    name: Name | None = None
    enabled: bool | None = None
    config: Settings | None = None
    credentials: dict[str, Credential] | None = Field(default=None, min_length=1, max_length=20)


class TeamsIntegration(Shown):
    """S003's Integration; `credentials` are masked, `status` and `provider` are what it says beyond `enabled`."""

    id: str
    teamId: str
    type: Type
    name: str
    enabled: bool
    config: dict[str, Any]
    credentials: dict[str, Any] | None = None
    createdAt: str
    updatedAt: str
    lastSyncAt: str | None
    provider: str
    status: Literal["draft", "pending_auth", "active", "paused", "error"]
    version: int


class TeamsIntegrations(RootModel[list[TeamsIntegration]]):
    """A bare array, as S003 writes it."""
