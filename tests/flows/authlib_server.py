"""An authorization server that is none of ours: Authlib's on Flask, on loopback, with an API behind its tokens.

Codes want PKCE with S256; every refresh token counts once, and one that comes again ends its grant (RFC 9700, 4.14).
"""

import secrets
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import pytest
from authlib.integrations.flask_oauth2 import AuthorizationServer, ResourceProtector, current_token
from authlib.oauth2 import OAuth2Error
from authlib.oauth2.rfc6749 import ClientMixin, InvalidRequestError, TokenMixin, grants
from authlib.oauth2.rfc6750 import BearerTokenValidator
from authlib.oauth2.rfc7009 import RevocationEndpoint
from authlib.oauth2.rfc7636 import CodeChallenge
from flask import Flask, Response, jsonify, request
from werkzeug.serving import make_server

CLIENT_ID, CLIENT_SECRET = "hub-at-authlib", "authlib-client-secret-0123456789"
SCOPE = "contacts.read"
USER = "the account"
LIFETIME_S = 3600
Json = dict[str, Any]


class Client(ClientMixin):
    client_id = CLIENT_ID

    def get_client_id(self) -> str:
        return CLIENT_ID

    def get_default_redirect_uri(self) -> str:
        return ""

    def get_allowed_scope(self, scope: str | None) -> str:
        return " ".join(each for each in (scope or "").split() if each == SCOPE)

    def check_redirect_uri(self, redirect_uri: str) -> bool:
        return redirect_uri.startswith("http://127.0.0.1:") and redirect_uri.endswith("/oauth/callback")

    def check_client_secret(self, client_secret: str) -> bool:
        return secrets.compare_digest(client_secret, CLIENT_SECRET)

    def check_endpoint_auth_method(self, method: str, _endpoint: str) -> bool:
        return method in ("client_secret_basic", "client_secret_post")

    def check_response_type(self, response_type: str) -> bool:
        return response_type == "code"

    def check_grant_type(self, grant_type: str) -> bool:
        return grant_type in ("authorization_code", "refresh_token")


@dataclass
class Code:
    code: str
    redirect_uri: str
    scope: str
    code_challenge: str
    code_challenge_method: str

    def get_redirect_uri(self) -> str:
        return self.redirect_uri

    def get_scope(self) -> str:
        return self.scope


@dataclass
class Token(TokenMixin):
    access_token: str
    refresh_token: str
    scope: str
    grant: str
    ends_at: float
    used: bool = False
    revoked: bool = False

    def check_client(self, client: Client) -> bool:
        return client.client_id == CLIENT_ID

    def get_scope(self) -> str:
        return self.scope

    def get_expires_in(self) -> int:
        return LIFETIME_S

    def is_expired(self) -> bool:
        return time.monotonic() >= self.ends_at

    def is_revoked(self) -> bool:
        return self.revoked

    def get_user(self) -> str:
        return USER

    def get_client(self) -> Client:
        return Client()


@dataclass
class Store:
    """What was given out; `asked` are the grant types of the token requests that came."""

    codes: dict[str, Code] = field(default_factory=dict)
    tokens: list[Token] = field(default_factory=list)
    asked: list[str] = field(default_factory=list)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def by_refresh_token(self, text: str) -> Token | None:
        """Return a token that may be refreshed; one whose turn is over ends its whole grant."""
        found = next((token for token in self.tokens if token.refresh_token == text), None)
        if found is not None and found.used:
            self.end(found.grant)
        return None if found is None or found.revoked else found

    def end(self, grant: str) -> None:
        for token in self.tokens:
            token.revoked = token.revoked or token.grant == grant

    def expire(self) -> None:
        """Let every access token be over now."""
        for token in self.tokens:
            token.ends_at = time.monotonic()


@dataclass(frozen=True)
class Running:
    url: str
    store: Store

    def refreshes(self) -> int:
        return self.store.asked.count("refresh_token")


@contextmanager
def running() -> Iterator[Running]:
    """Run the server until the block ends; this machine's own addresses need no https."""
    store = Store()
    server = make_server("127.0.0.1", 0, _app(store), threaded=True)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("AUTHLIB_INSECURE_TRANSPORT", "1")
        thread.start()
        try:
            yield Running(f"http://127.0.0.1:{server.server_port}", store)
        finally:
            server.shutdown()
            thread.join()
            server.server_close()


def _app(store: Store) -> Flask:
    app = Flask(__name__)
    app.config["OAUTH2_REFRESH_TOKEN_GENERATOR"] = True
    server = AuthorizationServer(app, query_client=_client, save_token=lambda token, asked: _save(store, token, asked))
    server.register_grant(_code_grant(store), [_S256()])
    server.register_grant(_refresh_grant(store))
    server.register_endpoint(_revocation(store))
    protect = ResourceProtector()
    protect.register_token_validator(_validator(store))
    app.add_url_rule("/authorize", view_func=lambda: _authorized(server), endpoint="a")
    app.add_url_rule("/token", view_func=lambda: _token(server, store), methods=["POST"], endpoint="t")
    app.add_url_rule(
        "/revoke", view_func=lambda: server.create_endpoint_response("revocation"), methods=["POST"], endpoint="r"
    )
    app.add_url_rule("/api/contacts", view_func=protect(SCOPE)(_contacts), endpoint="c")
    return app


def _client(client_id: str) -> Client | None:
    return Client() if client_id == CLIENT_ID else None


def _authorized(server: AuthorizationServer) -> Response:
    """Say yes for the user at once."""
    try:
        grant = server.get_consent_grant(end_user=USER)
    except OAuth2Error as refusal:
        return server.handle_error_response(request, refusal)
    return server.create_authorization_response(grant=grant, grant_user=USER)


def _contacts() -> Response:
    return jsonify({"items": [{"id": str(number)} for number in range(3)], "account": current_token.get_user()})


def _token(server: AuthorizationServer, store: Store) -> Response:
    """One at a time, as a database would have it: a refresh token must not be used by two at once."""
    with store.lock:
        store.asked.append(request.form.get("grant_type", ""))
        return server.create_token_response()


def _save(store: Store, token: Json, asked: Any) -> None:
    former = getattr(asked, "refresh_token", None)
    grant = former.grant if isinstance(former, Token) else secrets.token_hex(8)
    ends_at = time.monotonic() + LIFETIME_S
    store.tokens.append(Token(token["access_token"], token["refresh_token"], token.get("scope", ""), grant, ends_at))


class _S256(CodeChallenge):
    """PKCE for every client, which RFC 9700, 2.1.1 wants and Authlib leaves to those with a secret."""

    SUPPORTED_CODE_CHALLENGE_METHOD = ("S256",)

    def validate_code_challenge(self, grant: Any, redirect_uri: str) -> None:
        if not grant.request.payload.data.get("code_challenge_method"):
            raise InvalidRequestError("PKCE with S256 is required")
        super().validate_code_challenge(grant, redirect_uri)


def _code_grant(store: Store) -> type:
    class CodeGrant(grants.AuthorizationCodeGrant):
        TOKEN_ENDPOINT_AUTH_METHODS = ("client_secret_basic", "client_secret_post")

        def save_authorization_code(self, code: str, asked: Any) -> None:
            data = asked.payload.data
            words = data["code_challenge"], data["code_challenge_method"]
            store.codes[code] = Code(code, asked.payload.redirect_uri, asked.payload.scope, *words)

        def query_authorization_code(self, code: str, _client: Client) -> Code | None:
            return store.codes.get(code)

        def delete_authorization_code(self, authorization_code: Code) -> None:
            del store.codes[authorization_code.code]

        def authenticate_user(self, _authorization_code: Code) -> str:
            return USER

    return CodeGrant


def _refresh_grant(store: Store) -> type:
    class RefreshGrant(grants.RefreshTokenGrant):
        INCLUDE_NEW_REFRESH_TOKEN = True
        TOKEN_ENDPOINT_AUTH_METHODS = ("client_secret_basic", "client_secret_post")

        def authenticate_refresh_token(self, refresh_token: str) -> Token | None:
            return store.by_refresh_token(refresh_token)

        def authenticate_user(self, _token: Token) -> str:
            return USER

        def revoke_old_credential(self, refresh_token: Token) -> None:
            refresh_token.used = True

    return RefreshGrant


def _revocation(store: Store) -> type:
    class Revocation(RevocationEndpoint):
        def query_token(self, token_string: str, _hint: str | None) -> Token | None:
            known = (token for token in store.tokens if token_string in (token.access_token, token.refresh_token))
            return next(known, None)

        def revoke_token(self, token: Token, _request: Any) -> None:
            store.end(token.grant)

    return Revocation


def _validator(store: Store) -> BearerTokenValidator:
    class Validator(BearerTokenValidator):
        def authenticate_token(self, token_string: str) -> Token | None:
            return next((token for token in store.tokens if token.access_token == token_string), None)

    return Validator()
