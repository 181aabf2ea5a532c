"""How a connector proves who it is: the six kinds of S000 ("Authentication Methods").

Secret fields hold a plain value on its way in and a handle `{{encrypted:...}}` ever after; see `secrets`.
"""

from typing import Annotated, Any, Literal

from pydantic import Field

from hub.connector.strict import Strict

Secret = Annotated[str, Field(min_length=1, max_length=8192)]


class Unprintable(Strict):
    """A model with secrets: its text shows none of its fields."""

    def __repr_args__(self) -> Any:
        return ()


class NoAuth(Strict):
    type: Literal["none"]


class ApiKeyAuth(Unprintable):
    type: Literal["api_key"]
    key_name: str = Field(min_length=1, max_length=200)
    key_location: Literal["header", "query", "body"]
    key_value: Secret


class BearerAuth(Unprintable):
    type: Literal["bearer"]
    token: Secret


class BasicAuth(Unprintable):
    """Some providers take a key as the user name and no password, so the password may be empty."""

    type: Literal["basic"]
    username: str = Field(min_length=1, max_length=1024)
    password: str = Field(max_length=8192)


class OAuth2Auth(Unprintable):
    type: Literal["oauth2"]
    grant_type: Literal["client_credentials", "authorization_code", "refresh_token"]
    token_url: str = Field(max_length=2048)
    client_id: str = Field(min_length=1, max_length=1024)
    client_secret: Secret
    scope: str | None = Field(default=None, max_length=4096)
    authorization_url: str | None = Field(default=None, max_length=2048)
    redirect_uri: str | None = Field(default=None, max_length=2048)
    access_token: Secret | None = None
    refresh_token: Secret | None = None
    expires_at: str | None = Field(default=None, max_length=40)


class CustomHeaderAuth(Unprintable):
    type: Literal["custom_headers"]
    headers: dict[str, Secret] = Field(min_length=1, max_length=20)


Auth = Annotated[
    NoAuth | ApiKeyAuth | BearerAuth | BasicAuth | OAuth2Auth | CustomHeaderAuth, Field(discriminator="type")
]
