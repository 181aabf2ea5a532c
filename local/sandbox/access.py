"""The gates before the API: one path prefix for each way of authenticating, and one for the rate limit."""

from __future__ import annotations

import base64
import binascii
import hmac
from collections.abc import Callable, Mapping
from dataclasses import replace

from local.sandbox.messages import JSON_TYPE, Headers, Refusal, Request

Gate = Callable[[Request], Headers]

# Known to everybody who reads this: they open nothing but the sandbox.
API_KEY = "sandbox-key-0123456789abcdef"
BEARER_TOKEN = "sandbox-bearer-0123456789abcdef"  # noqa: S105
BASIC_USER = "sandbox"
BASIC_PASSWORD = "sandbox-password"  # noqa: S105
CUSTOM_HEADERS: Mapping[str, str] = {"X-Account-Id": "acct-0001", "X-Account-Key": "sandbox-account-key-0123456789"}


class Access:
    """Takes the access prefix off a request after its gate let it through."""

    def __init__(self, oauth: Gate, limit: Gate) -> None:
        self._gates: Mapping[str, Gate] = {
            "/auth/api-key": api_key,
            "/auth/bearer": bearer,
            "/auth/basic": basic,
            "/auth/custom-headers": custom_headers,
            "/auth/oauth": oauth,
            "/limited": limit,
        }

    def enter(self, request: Request) -> tuple[Request, Headers]:
        """The request as the API sees it, and headers for its answer; raises Refusal 401 or 429."""
        for prefix, gate in self._gates.items():
            inside = request.path.removeprefix(prefix)
            if inside != request.path and inside.startswith(("/v1/", "/graphql")):
                return replace(request, base=prefix, path=inside), gate(request)
        return request, ()


def api_key(request: Request) -> Headers:
    """Wants the key in the X-API-Key header, in the query or in a JSON body as `api_key`."""
    in_body = request.object().get("api_key") if request.media_type == JSON_TYPE else None
    given = request.headers.get("x-api-key") or request.args.get("api_key") or in_body
    return _let_in(given, API_KEY, 'ApiKey realm="sandbox"', "an API key in X-API-Key or api_key")


def bearer(request: Request) -> Headers:
    """Wants the fixed bearer token."""
    return _let_in(bearer_token(request), BEARER_TOKEN, 'Bearer realm="sandbox"', "a bearer token")


def basic(request: Request) -> Headers:
    """Wants the user and the password of RFC 7617."""
    given = basic_pair(request)
    joined = None if given is None else ":".join(given)
    challenge = 'Basic realm="sandbox", charset="UTF-8"'
    return _let_in(joined, f"{BASIC_USER}:{BASIC_PASSWORD}", challenge, "a user and password")


def custom_headers(request: Request) -> Headers:
    """Wants all the account headers."""
    given = "\n".join(request.headers.get(name.lower(), "") for name in CUSTOM_HEADERS)
    wanted = "\n".join(CUSTOM_HEADERS.values())
    return _let_in(given, wanted, 'AccountKey realm="sandbox"', " and ".join(CUSTOM_HEADERS))


def bearer_token(request: Request) -> str | None:
    """The token of the Authorization header (RFC 6750), or None."""
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    return token.strip() if scheme.lower() == "bearer" else None


def basic_pair(request: Request) -> tuple[str, str] | None:
    """User and password of the Authorization header, or None when it holds none."""
    scheme, _, encoded = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() != "basic":
        return None
    try:
        user, _, password = base64.b64decode(encoded, validate=True).decode().partition(":")
    except (binascii.Error, UnicodeDecodeError):
        return None
    return user, password


def same_secret(given: object, wanted: str) -> bool:
    return isinstance(given, str) and hmac.compare_digest(given.encode(errors="replace"), wanted.encode())


def _let_in(given: object, wanted: str, challenge: str, expected: str) -> Headers:
    if not same_secret(given, wanted):
        found = "another one" if given else "none"
        raise Refusal(401, f"This path wants {expected}, found {found}", (("www-authenticate", challenge),))
    return ()
