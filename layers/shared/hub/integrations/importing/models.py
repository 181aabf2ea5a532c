"""The body and the answer of an import, for the route, openapi.json and the tests."""

from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from hub.integrations.models import CustomIntegration


class ImportRequest(BaseModel):
    """Exactly one of `openapi`, `curl` and `har` says what is imported; a document is an object or its JSON text."""

    model_config = ConfigDict(extra="forbid", strict=True, hide_input_in_errors=True)

    openapi: dict[str, Any] | str | None = None
    curl: str | None = Field(default=None, description="One or more cURL commands")
    har: dict[str, Any] | str | None = None
    name: str | None = Field(default=None, pattern=r"^[A-Za-z0-9][A-Za-z0-9_-]{0,63}$")
    displayName: str | None = Field(default=None, min_length=1, max_length=200)
    baseUrl: str | None = Field(default=None, max_length=2048, description="Instead of the address in the source")
    endpoints: list[str] | None = Field(default=None, description="The ids to take; all when absent")
    dryRun: bool = False


class ImportWarning(BaseModel):
    """`where` is a JSON pointer into the body, or a line of the cURL text."""

    model_config = ConfigDict(extra="forbid")

    where: str
    message: str


class ImportResult(BaseModel):
    """The integration that was created, or with `dryRun` (status 200) the definition that would have been."""

    model_config = ConfigDict(extra="forbid")

    integration: CustomIntegration | None = None
    definition: dict[str, Any] | None = None
    warnings: list[ImportWarning]
