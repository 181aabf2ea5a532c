"""The OAuth 2.0 server's pages and endpoints (RFC 6749, 7009, 7636) and the gate that wants its tokens."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from html import escape
from urllib.parse import unquote_plus, urlencode, urlsplit

from local.sandbox.access import basic_pair, bearer_token, same_secret
from local.sandbox.grants import Grants, OAuthError
from local.sandbox.messages import FORM_TYPE, Headers, Json, Refusal, Request, Response, as_json

CLIENT_ID = "sandbox-client"
CLIENT_SECRET = "sandbox-client-secret-0123456789"  # noqa: S105 - public, opens nothing but the sandbox
SCOPES = ("read", "write")
ANY_LOOPBACK_PAGE = ("http://127.0.0.1/*", "http://localhost/*", "http://[::1]/*")

_NO_STORE = (("cache-control", "no-store"), ("pragma", "no-cache"))
_CHALLENGE = re.compile(r"[A-Za-z0-9_-]{43}")
_PAGE_HEADERS = (
    ("content-type", "text/html; charset=utf-8"),
    ("content-security-policy", "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'"),
    ("cache-control", "no-store"),
)


class OAuthServer:
    """`redirect_uris` is the allow-list: loopback URLs, the port left open (RFC 8252, 7.3), `/*` for any path."""

    def __init__(self, grants: Grants) -> None:
        self.grants = grants
        self.redirect_uris: tuple[str, ...] = ANY_LOOPBACK_PAGE

    def reset(self) -> None:
        self.grants.reset()
        self.redirect_uris = ANY_LOOPBACK_PAGE

    def authorize(self, request: Request) -> Response:
        """The consent page, or with `?auto=1` the redirect of an approval."""
        if request.args.get("auto") == "1":
            return self._decided(request.args, approved=True)
        return self._decided(request.args, approved=None)

    def decide(self, request: Request) -> Response:
        """The redirect after the buttons of the consent page."""
        fields = request.form()
        return self._decided(fields, approved=fields.get("decision") == "approve")

    def token(self, request: Request) -> Response:
        """The token response or an error of RFC 6749, 5.2."""
        return _answered(lambda: as_json(self._token(request), headers=_NO_STORE))

    def revoke(self, request: Request) -> Response:
        """200 and nothing, also for a token that is unknown."""
        return _answered(lambda: self._revoke(request))

    def gate(self, request: Request) -> Headers:
        """Wants an access token issued here; raises Refusal 401 as RFC 6750 says."""
        given = bearer_token(request)
        if given is None:
            raise Refusal(401, "This path wants an access token", (("www-authenticate", 'Bearer realm="sandbox"'),))
        if not self.grants.accepts(given):
            challenge = 'Bearer realm="sandbox", error="invalid_token", error_description="Expired, revoked or unknown"'
            raise Refusal(401, "The access token is expired, revoked or unknown", (("www-authenticate", challenge),))
        return ()

    def metadata(self, request: Request) -> Response:
        """Where everything is (RFC 8414)."""
        here = f"{request.origin}/oauth"
        return as_json(
            {
                "issuer": request.origin,
                "authorization_endpoint": f"{here}/authorize",
                "token_endpoint": f"{here}/token",
                "revocation_endpoint": f"{here}/revoke",
                "response_types_supported": ["code"],
                "grant_types_supported": list(_GRANT_TYPES),
                "code_challenge_methods_supported": ["S256"],
                "token_endpoint_auth_methods_supported": ["client_secret_basic", "client_secret_post"],
                "scopes_supported": list(SCOPES),
            }
        )

    def _decided(self, asked: Mapping[str, str], approved: bool | None) -> Response:
        """A page when client or redirect are wrong, else a redirect; the consent page while `approved` is None."""
        redirect_uri = asked.get("redirect_uri", "")
        if asked.get("client_id") != CLIENT_ID or not self._allows(redirect_uri):
            return _page(400, "<h1>This link is wrong</h1><p>client_id or redirect_uri is not registered.</p>")
        state = {"state": asked["state"]} if "state" in asked else {}
        try:
            scope = _checked_scope(asked)
            if approved is None:
                return _consent_page(asked, scope)
            if not approved:
                raise OAuthError("access_denied", "The user said no")
            code = self.grants.issue_code(scope, redirect_uri, asked["code_challenge"])
        except OAuthError as error:
            return _redirect(redirect_uri, {"error": error.code, "error_description": str(error), **state})
        return _redirect(redirect_uri, {"code": code, **state})

    def _allows(self, redirect_uri: str) -> bool:
        try:
            asked = urlsplit(redirect_uri)
            asked.port  # noqa: B018 - raises for a port that is none
        except ValueError:
            return False
        if not re.fullmatch(r"http://[!-~]+", redirect_uri) or asked.fragment or asked.username is not None:
            return False
        return any(_fits(allowed, asked.hostname, asked.path) for allowed in self.redirect_uris)

    def _token(self, request: Request) -> Json:
        fields = _token_form(request)
        _check_client(request, fields)
        issue = _GRANT_TYPES.get(_required(fields, "grant_type"))
        if issue is None:
            raise OAuthError("unsupported_grant_type", f"grant_type must be one of {', '.join(_GRANT_TYPES)}")
        return issue(self.grants, fields)

    def _revoke(self, request: Request) -> Response:
        fields = _token_form(request)
        _check_client(request, fields)
        self.grants.revoke(_required(fields, "token"))
        return Response(200)


def _by_code(grants: Grants, fields: Mapping[str, str]) -> Json:
    names = ("code", "redirect_uri", "code_verifier")
    code, redirect_uri, verifier = (_required(fields, name) for name in names)
    return grants.redeem_code(code, redirect_uri, verifier)


def _by_refresh_token(grants: Grants, fields: Mapping[str, str]) -> Json:
    return grants.redeem_refresh_token(_required(fields, "refresh_token"), fields.get("scope"))


def _by_client(grants: Grants, fields: Mapping[str, str]) -> Json:
    return grants.client_credentials(_scope(fields))


_GRANT_TYPES: Mapping[str, Callable[[Grants, Mapping[str, str]], Json]] = {
    "authorization_code": _by_code,
    "refresh_token": _by_refresh_token,
    "client_credentials": _by_client,
}


def _answered(answer: Callable[[], Response]) -> Response:
    try:
        return answer()
    except OAuthError as error:
        challenge = (("www-authenticate", 'Basic realm="sandbox"'),) if error.status == 401 else ()
        content = {"error": error.code, "error_description": str(error)}
        return as_json(content, error.status, (*_NO_STORE, *challenge))


def _token_form(request: Request) -> dict[str, str]:
    if request.media_type != FORM_TYPE:
        raise OAuthError("invalid_request", f"The body must be {FORM_TYPE}, found {request.media_type or 'no type'}")
    try:
        return request.form()
    except Refusal as cause:
        raise OAuthError("invalid_request", str(cause)) from cause


def _check_client(request: Request, fields: Mapping[str, str]) -> None:
    """Takes id and secret from the Basic header or from the body, never from both (RFC 6749, 2.3)."""
    header = basic_pair(request)
    if header and "client_secret" in fields:
        raise OAuthError("invalid_request", "The client must authenticate in one way, not in two")
    client_id, secret = map(unquote_plus, header) if header else (fields.get("client_id"), fields.get("client_secret"))
    if not (same_secret(client_id, CLIENT_ID) and same_secret(secret, CLIENT_SECRET)):
        raise OAuthError("invalid_client", "The client id or secret is wrong", 401)


def _checked_scope(asked: Mapping[str, str]) -> str:
    if asked.get("response_type") != "code":
        raise OAuthError("unsupported_response_type", "response_type must be code")
    if asked.get("code_challenge_method") != "S256" or not _CHALLENGE.fullmatch(asked.get("code_challenge", "")):
        raise OAuthError("invalid_request", "PKCE is required: code_challenge with code_challenge_method=S256")
    return _scope(asked)


def _scope(fields: Mapping[str, str]) -> str:
    scope = fields.get("scope") or " ".join(SCOPES)
    if not set(scope.split()) <= set(SCOPES):
        raise OAuthError("invalid_scope", f"The scopes are {' '.join(SCOPES)}, found {scope!r}")
    return scope


def _required(fields: Mapping[str, str], name: str) -> str:
    if not fields.get(name):
        raise OAuthError("invalid_request", f"{name} is missing")
    return fields[name]


def _fits(allowed_uri: str, hostname: str | None, path: str) -> bool:
    allowed = urlsplit(allowed_uri)
    return hostname == allowed.hostname and (allowed.path == "/*" or path == allowed.path)


def _redirect(redirect_uri: str, params: Mapping[str, str]) -> Response:
    joint = "&" if "?" in redirect_uri else "?"
    return Response(302, headers=(("location", f"{redirect_uri}{joint}{urlencode(params)}"), *_NO_STORE))


def _consent_page(asked: Mapping[str, str], scope: str) -> Response:
    fields = "".join(
        f'<input type="hidden" name="{escape(name)}" value="{escape(value)}">' for name, value in asked.items()
    )
    return _page(
        200,
        f"<h1>Connect to the sandbox</h1><p><b>{CLIENT_ID}</b> asks for: <b>{escape(scope)}</b></p>"
        f'<form method="post" action="/oauth/authorize">{fields}'
        '<button name="decision" value="approve">Approve</button> '
        '<button name="decision" value="deny">Deny</button></form>',
    )


def _page(status: int, content: str) -> Response:
    style = "<style>body{font:1rem/1.5 system-ui;max-width:30rem;margin:4rem auto}button{font:inherit}</style>"
    page = f'<!doctype html><html lang="en"><meta charset="utf-8"><title>Sandbox</title>{style}{content}</html>'
    return Response(status, page.encode(), _PAGE_HEADERS)
