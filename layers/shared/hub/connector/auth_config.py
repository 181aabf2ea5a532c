"""How a connector proves who it is: the six kinds of S000 ("Authentication Methods").

Secret fields hold a plain value on its way in and a handle `{{encrypted:...}}` ever after; see `secrets`.
"""

from typing import Annotated, Any, Literal

from pydantic import Field

from hub.connector.strict import Strict

Secret = Annotated[str, Field(min_length=1, max_length=8192)]
# The scheme of an Authorization header (RFC 9110, 11.6.2); some providers have one of their own, or none.
TokenPrefix = Annotated[str, Field(pattern=r"^[A-Za-z0-9!#$%&'*+.^_`|~-]{0,40}$")]
TokenParam = Annotated[str, Field(max_length=4096)]
JsonPath = Annotated[str, Field(max_length=1000)]
FieldName = Annotated[str, Field(pattern=r"^[A-Za-z_][A-Za-z0-9_]{0,63}$")]


class Unprintable(Strict):
    """A model with secrets: its text shows none of its fields."""

    def __repr_args__(self) -> Any:
        return ()


class NoAuth(Strict):
    type: Literal["none"]


class ApiKeyAuth(Unprintable):
    type: Literal["api_key"]
    key_name: str = Field(min_length=1, max_length=200)
    key_location: Literal["header", "query", "body", "path"]
    key_value: Secret


class BearerAuth(Unprintable):
    type: Literal["bearer"]
    token: Secret
    token_prefix: TokenPrefix = "Bearer"  # noqa: S105


class BasicAuth(Unprintable):
    """Some providers take a key as the user name and no password, so the password may be empty."""

    type: Literal["basic"]
    username: str = Field(min_length=1, max_length=1024)
    password: str = Field(max_length=8192)


class TokenFields(Strict):
    """Where the answer of a token server holds what; the defaults are the names of RFC 6749, 5.1.

    `fields` are what the answer says of the account and is no secret, such as the address of its API, by the name
    under which the connection keeps it.
    """

    access_token: JsonPath = "$.access_token"  # noqa: S105
    refresh_token: JsonPath = "$.refresh_token"  # noqa: S105
    expires_in: JsonPath = "$.expires_in"
    scope: JsonPath = "$.scope"
    fields: dict[FieldName, JsonPath] = Field(default={}, max_length=20)


class Revocation(Strict):
    """How `revocation_url` takes a token back; the defaults are those of RFC 7009."""

    method: Literal["POST", "DELETE"] = "POST"
    token: Literal["refresh_token", "access_token"] = "refresh_token"  # noqa: S105 - which one, not a secret
    location: Literal["form", "query", "path", "bearer"] = "form"
    token_param: str = Field(default="token", pattern=r"^[A-Za-z0-9_.-]{1,100}$")
    client_auth: bool = True


class OAuth2Auth(Unprintable):
    """`token_auth` is how the client proves itself to the token server (RFC 6749, 2.3.1)."""

    type: Literal["oauth2"]
    grant_type: Literal["client_credentials", "authorization_code", "refresh_token"]
    token_url: str = Field(max_length=2048)
    client_id: str = Field(min_length=1, max_length=1024)
    client_secret: Secret
    scope: str | None = Field(default=None, max_length=4096)
    authorization_url: str | None = Field(default=None, max_length=2048)
    redirect_uri: str | None = Field(default=None, max_length=2048)
    token_auth: Literal["body", "basic"] = "body"  # noqa: S105 - a way of sending, not a secret
    token_params: dict[str, TokenParam] = Field(default={}, max_length=20)
    token_fields: TokenFields | None = None
    token_prefix: TokenPrefix = "Bearer"  # noqa: S105
    authorization_params: dict[str, TokenParam] = Field(default={}, max_length=20)
    scope_separator: Literal[" ", ","] = " "
    revocation_url: str | None = Field(default=None, max_length=2048)
    revocation: Revocation | None = None
    access_token: Secret | None = None
    refresh_token: Secret | None = None
    expires_at: str | None = Field(default=None, max_length=40)


class CustomHeaderAuth(Unprintable):
    type: Literal["custom_headers"]
    headers: dict[str, Secret] = Field(min_length=1, max_length=20)


Auth = Annotated[
    NoAuth | ApiKeyAuth | BearerAuth | BasicAuth | OAuth2Auth | CustomHeaderAuth, Field(discriminator="type")
]
