"""What the OAuth server has handed out: codes, access tokens and refresh tokens, all belonging to a grant."""

from __future__ import annotations

import base64
import hashlib
import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass, field

from local.sandbox.messages import Json

CODE_LIVES_S = 60
DEFAULT_EXPIRES_IN_S = 3600


class OAuthError(Exception):
    """An error of RFC 6749, section 4.1.2.1 or 5.2."""

    def __init__(self, code: str, description: str, status: int = 400) -> None:
        super().__init__(description)
        self.code = code
        self.status = status


@dataclass
class Grant:
    """One approval. Revoking it ends every token that came from it."""

    scope: str
    revoked: bool = False


@dataclass
class Issued:
    grant: Grant


@dataclass
class Code(Issued):
    redirect_uri: str
    challenge: str
    expires_at: float
    used: bool = False


@dataclass
class RefreshToken(Issued):
    used: bool = False


@dataclass
class AccessToken(Issued):
    expires_at: float


@dataclass
class Grants:
    """Issues, rotates and revokes. `expires_in_s` counts for access tokens issued from then on."""

    now: Callable[[], float] = time.monotonic
    expires_in_s: float = DEFAULT_EXPIRES_IN_S
    _codes: dict[str, Code] = field(default_factory=dict)
    _refresh_tokens: dict[str, RefreshToken] = field(default_factory=dict)
    _access_tokens: dict[str, AccessToken] = field(default_factory=dict)

    def reset(self) -> None:
        self.expires_in_s = DEFAULT_EXPIRES_IN_S
        self._codes.clear()
        self._refresh_tokens.clear()
        self._access_tokens.clear()

    def issue_code(self, scope: str, redirect_uri: str, challenge: str) -> str:
        code = f"code-{secrets.token_urlsafe(24)}"
        self._codes[code] = Code(Grant(scope), redirect_uri, challenge, self.now() + CODE_LIVES_S)
        return code

    def redeem_code(self, code: str, redirect_uri: str, verifier: str) -> Json:
        """The token response; a code that comes twice ends its grant (RFC 6749, 4.1.2)."""
        found = self._codes.get(code)
        if found is None or self.now() >= found.expires_at:
            raise OAuthError("invalid_grant", "The code is unknown or expired")
        if found.used:
            found.grant.revoked = True
            raise OAuthError("invalid_grant", "The code was used before; its tokens are revoked")
        if redirect_uri != found.redirect_uri:
            raise OAuthError("invalid_grant", "redirect_uri is not the one the code was issued for")
        if challenge_of(verifier) != found.challenge:
            raise OAuthError("invalid_grant", "code_verifier does not fit the code_challenge")
        found.used = True
        return self._with_refresh_token(found.grant)

    def redeem_refresh_token(self, token: str, scope: str | None) -> Json:
        """The token response with the next refresh token; one that comes twice ends its grant (RFC 9700, 4.14)."""
        found = self._refresh_tokens.get(token)
        if found is None or found.grant.revoked:
            raise OAuthError("invalid_grant", "The refresh token is unknown or revoked")
        if found.used:
            found.grant.revoked = True
            raise OAuthError("invalid_grant", "The refresh token was used before; the whole grant is revoked")
        if scope and not set(scope.split()) <= set(found.grant.scope.split()):
            raise OAuthError("invalid_scope", f"The grant covers {found.grant.scope!r} only")
        found.used = True
        return self._with_refresh_token(found.grant)

    def client_credentials(self, scope: str) -> Json:
        """The token response for the client itself, without a refresh token (RFC 6749, 4.4.3)."""
        return self._token_response(Grant(scope))

    def revoke(self, token: str) -> None:
        """End an access token, or with a refresh token its whole grant; an unknown token is no error (RFC 7009)."""
        self._access_tokens.pop(token, None)
        if token in self._refresh_tokens:
            self._refresh_tokens[token].grant.revoked = True

    def revoke_all(self) -> None:
        """End every grant, as when the user takes the app off their account."""
        issued: tuple[Issued, ...] = (
            *self._codes.values(),
            *self._refresh_tokens.values(),
            *self._access_tokens.values(),
        )
        for each in issued:
            each.grant.revoked = True

    def expire_access_tokens(self) -> None:
        """Let every access token be over now; refresh tokens stay good."""
        for token in self._access_tokens.values():
            token.expires_at = self.now()

    def accepts(self, access_token: str) -> bool:
        found = self._access_tokens.get(access_token)
        return found is not None and not found.grant.revoked and self.now() < found.expires_at

    def _with_refresh_token(self, grant: Grant) -> Json:
        token = f"rt-{secrets.token_urlsafe(32)}"
        self._refresh_tokens[token] = RefreshToken(grant)
        return {**self._token_response(grant), "refresh_token": token}

    def _token_response(self, grant: Grant) -> Json:
        token = f"at-{secrets.token_urlsafe(32)}"
        self._access_tokens[token] = AccessToken(grant, self.now() + self.expires_in_s)
        return {"access_token": token, "token_type": "Bearer", "expires_in": self.expires_in_s, "scope": grant.scope}


def challenge_of(verifier: str) -> str:
    """The S256 challenge of a verifier (RFC 7636, 4.2)."""
    return base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).decode().rstrip("=")
