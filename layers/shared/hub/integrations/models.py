"""Bodies and answers of the custom integration routes, for openapi.json and the tests.

The definition itself is checked by `hub.connector.definition`, which says more than a schema can.
"""

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from hub.connector.definition import ConnectorDefinition
from hub.core.models import CountedPage, Page


class NewCustomIntegration(ConnectorDefinition):
    """S000's CustomIntegrationDefinition without what the server sets."""

    status: Literal["active", "inactive"] = "inactive"


class CustomIntegrationPatch(BaseModel):
    """Any part of the definition, as a JSON merge patch (RFC 7396)."""

    model_config = ConfigDict(extra="allow")

    status: Literal["active", "inactive"] | None = None


class CustomIntegration(BaseModel):
    """S000's CustomIntegrationDefinition as it is answered; the definition's own fields stand beside these."""

    model_config = ConfigDict(extra="allow")

    id: str
    tenantId: str
    name: str
    displayName: str
    integrationType: Literal["rest_api", "webhook", "graphql"]
    type: Literal["rest", "webhook", "graphql"]
    auth: dict[str, Any] | None = None
    endpoints: list[dict[str, Any]] = []
    status: Literal["active", "inactive", "error"]
    version: int
    publishedVersion: int | None
    createdAt: str
    createdBy: str
    updatedAt: str
    updatedBy: str
    lastTestedAt: str | None = None
    lastTestResult: Literal["success", "failure"] | None = None
    secretsRequired: list[str] | None = None


class CustomIntegrationPage(CountedPage):
    items: list[CustomIntegration]


class PublishRequest(BaseModel):
    """Which version syncs are to run; the draft where none is named."""

    model_config = ConfigDict(extra="forbid")

    version: int | None = Field(default=None, ge=1, le=99_999_999, strict=True)
    note: str | None = Field(default=None, max_length=500)


class Publication(BaseModel):
    model_config = ConfigDict(extra="forbid")

    version: int
    publishedAt: str
    publishedBy: str
    note: str | None = None


class Version(BaseModel):
    """`changes` are the top-level words that differ from the version before; all of them in the first."""

    model_config = ConfigDict(extra="forbid")

    version: int
    createdAt: str
    createdBy: str
    changes: list[str]
    isPublished: bool
    publishedAt: str | None = None
    publishedBy: str | None = None
    note: str | None = None


class VersionDefinition(Version):
    definition: dict[str, Any]


class VersionPage(Page):
    """A history is not counted."""

    items: list[Version]
