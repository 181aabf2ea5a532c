"""Bodies and answers of a tenant's settings."""

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from hub.integrations.tenant_settings import MAX_ORIGINS, MAX_PLANS

Plan = Annotated[str, Field(min_length=1, max_length=100)]


class TenantSettingsUpdate(BaseModel):
    """All of the settings; `plans` may be left out, and only a super_admin may change them."""

    model_config = ConfigDict(extra="forbid", strict=True)

    returnOrigins: list[Annotated[str, Field(max_length=300)]] = Field(max_length=MAX_ORIGINS)
    plans: list[Plan] | None = Field(default=None, max_length=MAX_PLANS)


class TenantSettings(BaseModel):
    model_config = ConfigDict(extra="forbid")

    returnOrigins: list[str]
    plans: list[str]
