"""An OAuth 2.0 authorization server: authorization code with PKCE, refresh, revocation (RFC 6749, 7009, 7636).

What the providers do each in their own way is in the methods that their servers override.
"""

import base64
import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import ClassVar
from urllib.parse import urlencode

from tests.parity.serving import Answer, Json, Refusal, Request

CLIENT_ID, CLIENT_SECRET = "client-of-the-tests", "client-secret-of-the-tests"
REDIRECT_URI = "https://hub.example.com/integrations/oauth/callback"


@dataclass
class Grant:
    """What a person allowed; `access` are the access tokens that are good now."""

    scopes: tuple[str, ...]
    refresh_token: str | None = None
    access: set[str] = field(default_factory=set)
    given: int = 0
    is_revoked: bool = False


@dataclass(frozen=True)
class Code:
    grant: Grant
    redirect_uri: str
    challenge: str


@dataclass
class Authority:
    """`refreshes` and `exchanges` count what was granted; `outage` answers the token endpoint for so many calls."""

    authorize_path: ClassVar[str]
    token_path: ClassVar[str]
    revoke_path: ClassVar[str] = ""
    scope_separator: ClassVar[str] = " "
    rotates: ClassVar[bool] = False
    prefix: ClassVar[str] = "access"
    # What asks for a refresh token; where neither is set, everyone gets one.
    offline_param: ClassVar[tuple[str, str]] = ("", "")
    offline_scopes: ClassVar[frozenset[str]] = frozenset()
    origin_params: ClassVar[tuple[str, ...]] = ()

    grants: list[Grant] = field(default_factory=list)
    codes: dict[str, Code] = field(default_factory=dict)
    exchanges: int = 0
    refreshes: int = 0
    outage: int = 0

    def answer(self, request: Request) -> Answer | None:
        """Return the answer to a call of the authorization server, None for any other path."""
        if request.path == self.authorize_path:
            return self.authorized(request)
        if request.path == self.token_path:
            return self._token(request)
        if self.revoke_path and request.path == self.revoke_path:
            return self.revoked(request)
        return None

    def give(self, *scopes: str) -> tuple[str, str]:
        """Return an access token and a refresh token of a new grant, as if someone had just agreed."""
        grant = self._new_grant(scopes, offline=True)
        return self.new_access(grant), grant.refresh_token or ""

    def grant_of(self, access: str) -> Grant | None:
        return next((grant for grant in self.grants if access in grant.access), None)

    def expire(self) -> None:
        """Let all access tokens expire; the grants stay."""
        for grant in self.grants:
            grant.access.clear()

    def withdraw(self) -> None:
        """Revoke all grants, as someone does in the provider's settings."""
        for grant in self.grants:
            grant.is_revoked = True
            grant.access.clear()

    def authorized(self, request: Request) -> Answer:
        """Agree at once: 302 to the redirect URI with a code."""
        query = request.query
        if query.get("client_id") != CLIENT_ID or query.get("redirect_uri") != REDIRECT_URI:
            return Answer(400, text="The client or its redirect URI is not known")
        if query.get("response_type") != "code" or query.get("code_challenge_method", "S256") != "S256":
            return Answer(400, text="response_type=code and code_challenge_method=S256 are expected")
        grant = self._new_grant(self._scopes(query), offline=self._wants_refresh_token(query))
        code = f"code-{len(self.codes) + 1}"
        self.codes[code] = Code(grant, query["redirect_uri"], query.get("code_challenge", ""))
        back = urlencode({"code": code, "state": query.get("state", ""), **self.sent_back(request.origin)})
        return Answer(302, headers={"location": f"{query['redirect_uri']}?{back}"})

    def sent_back(self, origin: str) -> dict[str, str]:
        """Return what else goes to the redirect URI; `origin` is the server's own."""
        return dict.fromkeys(self.origin_params, origin)

    def token_params(self, request: Request) -> dict[str, str]:
        """Return the parameters of a token request: a form, nothing else."""
        if request.headers.get("content-type", "").partition(";")[0] != "application/x-www-form-urlencoded":
            raise Refusal(self.refused("content_type"))
        return request.form

    def client_of(self, request: Request, params: Mapping[str, str]) -> tuple[str, str]:
        """Return id and secret, in the header or in the body as the client likes."""
        given = request.headers.get("authorization", "")
        if given.startswith("Basic "):
            name, _, secret = base64.b64decode(given.removeprefix("Basic ")).decode().partition(":")
            return name, secret
        return params.get("client_id", ""), params.get("client_secret", "")

    def token_answer(self, grant: Grant, access: str, *, is_first: bool) -> Json:
        raise NotImplementedError

    def refused(self, reason: str) -> Answer:
        """`reason`: client, code, redirect, verifier, refresh, grant_type or content_type."""
        raise NotImplementedError

    def revoked(self, request: Request) -> Answer:
        """RFC 7009: the token is in the form; the whole grant goes with it."""
        return Answer(200) if self.revoke(request.form.get("token", "")) else self.refused("refresh")

    def revoke(self, token: str) -> bool:
        for grant in self.grants:
            if not grant.is_revoked and (token in grant.access or token == grant.refresh_token):
                grant.is_revoked = True
                grant.access.clear()
                return True
        return False

    def new_access(self, grant: Grant) -> str:
        grant.given += 1
        access = f"{self.prefix}-{self.grants.index(grant) + 1}-{grant.given}"
        grant.access.add(access)
        return access

    def _new_grant(self, scopes: tuple[str, ...], *, offline: bool) -> Grant:
        grant = Grant(scopes)
        self.grants.append(grant)
        if offline:
            grant.refresh_token = f"refresh-{len(self.grants)}-1"
        return grant

    def _wants_refresh_token(self, query: Mapping[str, str]) -> bool:
        name, value = self.offline_param
        if name:
            return query.get(name) == value
        return not self.offline_scopes or bool(self.offline_scopes & set(self._scopes(query)))

    def _scopes(self, query: Mapping[str, str]) -> tuple[str, ...]:
        return tuple(scope for scope in query.get("scope", "").split(self.scope_separator) if scope)

    def _token(self, request: Request) -> Answer:
        if self.outage:
            self.outage -= 1
            return Answer(503, text="Service Unavailable")
        if request.method != "POST":
            return Answer(405, text="Method Not Allowed")
        params = self.token_params(request)
        if self.client_of(request, params) != (CLIENT_ID, CLIENT_SECRET):
            raise Refusal(self.refused("client"))
        if params.get("grant_type") == "authorization_code":
            return self._exchanged(params)
        if params.get("grant_type") == "refresh_token":
            return self._refreshed(params)
        raise Refusal(self.refused("grant_type"))

    def _exchanged(self, params: Mapping[str, str]) -> Answer:
        code = self.codes.pop(params.get("code", ""), None)
        if code is None:
            raise Refusal(self.refused("code"))
        if params.get("redirect_uri") != code.redirect_uri:
            raise Refusal(self.refused("redirect"))
        if code.challenge and code.challenge != challenge(params.get("code_verifier", "")):
            raise Refusal(self.refused("verifier"))
        self.exchanges += 1
        return Answer(200, self.token_answer(code.grant, self.new_access(code.grant), is_first=True))

    def _refreshed(self, params: Mapping[str, str]) -> Answer:
        token = params.get("refresh_token", "")
        grant = next((one for one in self.grants if token and one.refresh_token == token), None)
        if grant is None or grant.is_revoked:
            raise Refusal(self.refused("refresh"))
        if self.rotates:
            form, _, number = token.rpartition("-")
            grant.refresh_token = f"{form}-{int(number) + 1}"
        self.refreshes += 1
        return Answer(200, self.token_answer(grant, self.new_access(grant), is_first=False))


def challenge(verifier: str) -> str:
    """RFC 7636, S256."""
    return base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).rstrip(b"=").decode()
