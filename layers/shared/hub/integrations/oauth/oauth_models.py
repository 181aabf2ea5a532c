"""Bodies and answers of the OAuth 2.0 routes."""

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

Url = Annotated[str, Field(max_length=2048)]


class _Body(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True, hide_input_in_errors=True)


class OAuthStart(_Body):
    """`returnUrl`: where the browser goes in the end; without it, to the operator's dashboard."""

    returnUrl: Url | None = None


class OAuthAuthorize(OAuthStart):
    """With `redirectUri` the provider sends the code there, and that page posts it with the state to .../callback."""

    redirectUri: Url | None = None


class OAuthStarted(BaseModel):
    """Send the browser to `authorizationUrl`; `state` comes back with the code, once, within 10 minutes."""

    authorizationUrl: str
    state: str


class OAuthReturned(_Body):
    """What the provider sent to `redirectUri`; `error` where it sent that instead of a code."""

    state: str = Field(max_length=200)
    code: str | None = Field(default=None, max_length=4096)
    error: str | None = Field(default=None, max_length=200)


class LinkRequest(OAuthStart):
    """An empty body is fine."""


class ReconnectLinkRequest(OAuthStart):
    """`expiresIn`: seconds for which the link is good, a day by default, a week at most."""

    expiresIn: int = Field(default=86_400, ge=60, le=604_800)


class OAuthLink(BaseModel):
    """Open `url` in a browser, once, before `expiresAt`."""

    url: str
    expiresAt: str


class TokenRefresh(_Body):
    """Without `newToken` the hub asks the provider for the next token now."""

    newToken: str | None = Field(default=None, min_length=1, max_length=16_384, pattern=r"^[!-~]+$")
    expiresAt: str | None = Field(default=None, max_length=40)
