"""Taking a token back at the provider: the call that asks for it, and what its answer means.

Source: RFC 7009. Providers differ in where they want the token and in whether the client proves itself; the words of
`revocation` say how.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import quote, urlencode

import orjson

from hub.connector.auth_config import OAuth2Auth, Revocation
from hub.connector.token_requests import FORM_HEADERS, LATER_STATUS, client_authentication
from hub.core.errors import Refused, Retryable
from hub.outbound.calls import Call, Reply
from hub.outbound.retry import asked_delay_s

# What providers answer where there is nothing left to revoke.
GONE_CODES = frozenset({"invalid_token", "token_revoked", "invalid_grant", "not_authed", "invalid_auth"})
GONE_STATUS = frozenset({404, 410})


@dataclass(frozen=True, repr=False)
class Held:
    """The tokens of one grant."""

    access_token: str | None
    refresh_token: str | None


def revocation_call(auth: OAuth2Auth, secrets: Mapping[str, str], held: Held) -> Call | None:
    """Return the request that ends a grant; None where the provider has no such call, or there is no token."""
    how = auth.revocation or Revocation()
    token = _chosen(how, held)
    if auth.revocation_url is None or token is None:
        return None
    headers, form = client_authentication(auth, secrets) if how.client_auth else ({}, {})
    named = {how.token_param: token}
    if how.location == "bearer":
        return Call(how.method, auth.revocation_url, {**headers, "authorization": f"Bearer {token}"})
    if how.location == "path":
        return Call(how.method, auth.revocation_url.replace("{token}", quote(token, safe="")), headers)
    if how.location == "query":
        return Call(how.method, auth.revocation_url, headers, tuple({**named, **form}.items()))
    content = urlencode({**named, **_hint(how, held), **form}).encode()
    return Call(how.method, auth.revocation_url, {**FORM_HEADERS, **headers}, (), content)


def check_revoked(reply: Reply) -> None:
    """Accept the answer of a revocation; a token that is over already is fine.

    Raises Retryable where the same call may work later, Refused where it cannot.
    """
    if reply.status in LATER_STATUS or reply.status >= 500:
        raise Retryable(
            f"The revocation was answered {reply.status}.", retry_after_s=asked_delay_s(reply), status=reply.status
        )
    code, is_failure = _error_in(reply)
    is_done = 200 <= reply.status < 300 and not is_failure
    if not (is_done or reply.status in GONE_STATUS or code in GONE_CODES):
        raise Refused(f"The revocation was answered {reply.status}.", status=reply.status)


def _chosen(how: Revocation, held: Held) -> str | None:
    """Return the token that ends the grant: mostly the refresh token, the access token where there is no other."""
    wanted = held.refresh_token if how.token == "refresh_token" else held.access_token  # noqa: S105 - which one
    return wanted or held.access_token or held.refresh_token


def _hint(how: Revocation, held: Held) -> dict[str, str]:
    """Say which of the two it is (RFC 7009, 2.1)."""
    return {"token_type_hint": how.token} if getattr(held, how.token) else {}


def _error_in(reply: Reply) -> tuple[str, bool]:
    """Return the code of an error, and whether a 200 is one: Slack says so with `{"ok": false, "error": ...}`."""
    try:
        document = orjson.loads(reply.body)
    except orjson.JSONDecodeError:
        return "", False
    if not isinstance(document, dict):
        return "", False
    code = document.get("error")
    return code if isinstance(code, str) else "", document.get("ok") is False or bool(code)
