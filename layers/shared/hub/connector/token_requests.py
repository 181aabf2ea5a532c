"""OAuth 2.0 token requests: the call that asks for an access token, and what its answer means.

Source: RFC 6749, sections 2.3.1 (client authentication), 4.1.3 (code), 4.4 (client credentials), 5.1 and 5.2 (answers),
6 (refresh); RFC 7636, 4.5 (the verifier of a code).
"""

import base64
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote_plus, urlencode

import orjson

from hub.connector.auth_config import OAuth2Auth, TokenFields
from hub.connector.authenticate import Hide, hiding
from hub.connector.secrets import CLIENT_SECRET
from hub.core.errors import BadDefinition, Problem, Refused, Retryable
from hub.mapping.paths import MISSING, PathFailed, getter
from hub.outbound.calls import HEADER_VALUE, Call, Reply
from hub.outbound.retry import asked_delay_s

# What the hub itself sends, now or in the browser flow; `tokenParams` may not say it again.
OF_THE_GRANT = frozenset(
    "assertion client_assertion client_assertion_type client_id client_secret code code_verifier grant_type password"
    " redirect_uri refresh_token scope username".split()
)
# What the hub sends to the consent page; `authorizationParams` may not say it again.
OF_THE_CONSENT = frozenset(
    "client_id client_secret code_challenge code_challenge_method redirect_uri request request_uri response_mode"
    " response_type scope state".split()
)
LONGEST_S = 10 * 365 * 86400.0
FORM_HEADERS = {"accept": "application/json", "content-type": "application/x-www-form-urlencoded"}
MAX_TOKEN_CHARS = 16 * 1024
MAX_CODE_CHARS, MAX_SAID_CHARS = 80, 300
LATER_STATUS = frozenset({408, 425, 429})
LATER_CODES = frozenset({"server_error", "slow_down", "temporarily_unavailable"})
# All are sent as Bearer; Slack says with the last two whose token it is.
BEARER_KINDS = frozenset({"bearer", "bot", "user"})
MAX_FIELD_CHARS, MAX_SCOPES, MAX_SCOPE_CHARS = 2048, 500, 500
_SCOPE = re.compile(r"[^\s,\x00-\x1f\x7f]+")


@dataclass(frozen=True, repr=False)
class Grant:
    """What a token server gave; `expires_in_s` is None where it does not say how long the token lives.

    `scopes` is empty where it does not say what it allowed; `fields` is what `tokenFields.fields` asks for.
    """

    access_token: str
    refresh_token: str | None
    expires_in_s: float | None
    scopes: tuple[str, ...] = ()
    fields: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, repr=False)
class Code:
    """What a consent page sent back, with what the flow was begun with."""

    code: str
    verifier: str
    redirect_uri: str


def token_call(auth: OAuth2Auth, secrets: Mapping[str, str], refresh_token: str | None) -> Call:
    """Return the request for a token: with the refresh token, or with the client's own credentials where it is None.

    `secrets` are in clear, by JSON pointer; raises BadDefinition where the client secret is missing.
    """
    return _asked(auth, secrets, _grant(auth, refresh_token))


def code_call(auth: OAuth2Auth, secrets: Mapping[str, str], code: Code) -> Call:
    """Return the request that exchanges a code for tokens; raises as `token_call` does."""
    form = {"grant_type": "authorization_code", "code": code.code, "redirect_uri": code.redirect_uri}
    return _asked(auth, secrets, {**form, "code_verifier": code.verifier})


def client_authentication(auth: OAuth2Auth, secrets: Mapping[str, str]) -> tuple[dict[str, str], dict[str, str]]:
    """Return the headers and the form fields by which the client proves itself (RFC 6749, 2.3.1)."""
    secret = _client_secret(secrets)
    if auth.token_auth == "basic":  # noqa: S105 - a way of sending, not a secret
        return {"authorization": f"Basic {basic_pair(auth.client_id, secret)}"}, {}
    return {}, {"client_id": auth.client_id, "client_secret": secret}


def _asked(auth: OAuth2Auth, secrets: Mapping[str, str], form: Mapping[str, str]) -> Call:
    headers, client = client_authentication(auth, secrets)
    content = urlencode({**form, **client, **auth.token_params}).encode()
    return Call("POST", auth.token_url, {**FORM_HEADERS, **headers}, (), content)


def read_grant(auth: OAuth2Auth, reply: Reply, secrets: Sequence[str]) -> Grant:
    """Return what the answer grants.

    Raises Retryable where the same request may work later, Refused where it cannot; no message holds one of the
    `secrets`, the tokens of the answer, or a body as it is.
    """
    fields, document = auth.token_fields or TokenFields(), _json(reply)
    token, fresh, lifetime = (
        _found(document, path) for path in (fields.access_token, fields.refresh_token, fields.expires_in)
    )

    def hide(text: str) -> str:
        return hiding([*secrets, *(found for found in (token, fresh) if isinstance(found, str))])(text)

    if not 200 <= reply.status < 300 or not token:
        raise _failure(fields, reply, document, hide)
    _check_kind(document, hide)
    return Grant(
        access_token=_checked(token),
        refresh_token=_storable(fresh) if isinstance(fresh, str) and fresh else None,
        expires_in_s=_seconds(lifetime),
        scopes=_scopes(_found(document, fields.scope)),
        fields=_fields(fields, document),
    )


def basic_pair(client_id: str, secret: str) -> str:
    """Return id and secret for `Authorization: Basic`; both are form-encoded first (RFC 6749, 2.3.1)."""
    return base64.b64encode(f"{quote_plus(client_id)}:{quote_plus(secret)}".encode()).decode()


def epoch_of(time_text: str) -> float | None:
    """Return an ISO 8601 time as epoch seconds, UTC where it names no zone; None where it is no such time."""
    try:
        at = datetime.fromisoformat(time_text)
        return (at if at.tzinfo else at.replace(tzinfo=UTC)).timestamp()
    except (ValueError, OverflowError):
        return None


def _client_secret(secrets: Mapping[str, str]) -> str:
    if CLIENT_SECRET not in secrets:
        raise BadDefinition("A secret is missing.", [Problem(CLIENT_SECRET, "no secret is stored here; enter it")])
    return secrets[CLIENT_SECRET]


def _grant(auth: OAuth2Auth, refresh_token: str | None) -> dict[str, str]:
    scope = {"scope": auth.scope} if auth.scope else {}
    if refresh_token is None:
        return {"grant_type": "client_credentials", **scope}
    # What the user was asked for may be more than what they granted; without a scope it stays as granted (RFC 6749, 6).
    wanted = {} if auth.grant_type == "authorization_code" else scope
    return {"grant_type": "refresh_token", "refresh_token": refresh_token, **wanted}


def _found(document: Any, path: str) -> Any:
    try:
        return getter(path)(document)
    except PathFailed:
        return MISSING


def _scopes(value: Any) -> tuple[str, ...]:
    """Return what was allowed, from a text with spaces or commas (GitHub, Slack) or from a list."""
    texts = value if isinstance(value, list) else [value]
    found = [scope for text in texts if isinstance(text, str) for scope in _SCOPE.findall(text)]
    return tuple(scope for scope in dict.fromkeys(found) if len(scope) <= MAX_SCOPE_CHARS)[:MAX_SCOPES]


def _fields(wanted: TokenFields, document: Any) -> dict[str, str]:
    found = {name: _text(_found(document, path)) for name, path in wanted.fields.items()}
    return {name: text for name, text in found.items() if text and text.isprintable() and len(text) <= MAX_FIELD_CHARS}


def _json(reply: Reply) -> Any:
    try:
        return orjson.loads(reply.body)
    except orjson.JSONDecodeError:
        return MISSING


def _failure(fields: TokenFields, reply: Reply, document: Any, hide: Hide) -> Refused | Retryable:
    code, said = _error_in(document)
    told = [_shown(code, hide, MAX_CODE_CHARS), _shown(said, hide, MAX_SAID_CHARS)]
    found = ": ".join(filter(None, told)) or _described(fields, reply, document, hide)
    message = f"The token server answered {reply.status}: {found}"
    details = {"status": reply.status, "oauthError": told[0] or None}
    if reply.status in LATER_STATUS or reply.status >= 500 or code in LATER_CODES:
        return Retryable(message, retry_after_s=asked_delay_s(reply), **details)
    return Refused(message, **details)


def _error_in(document: Any) -> tuple[str, str]:
    """Return code and text of an error: `{error, error_description}`, `{error: {code, message}}`, `{status, message}`.

    The last is HubSpot's: `{"status": "BAD_REFRESH_TOKEN", "message": "missing or unknown refresh token"}`.
    """
    if not isinstance(document, dict):
        return "", ""
    error = document.get("error", document.get("status"))
    if isinstance(error, dict):
        return _text(error.get("code")), _text(error.get("message"))
    return _text(error), _text(document.get("error_description")) or _text(document.get("message"))


def _described(fields: TokenFields, reply: Reply, document: Any, hide: Hide) -> str:
    """Say what is wrong with an answer that does not say it itself, without its words."""
    kind = _shown(reply.headers.get("content-type", "no content-type"), hide, MAX_CODE_CHARS)
    size = f"{len(reply.body)} bytes, {kind}"
    if 300 <= reply.status < 400:
        return f"a redirect, which is not followed ({size})"
    if document is MISSING:
        return f"no JSON ({size})"
    return f"nothing at {fields.access_token} ({size})" if reply.status < 300 else size


def _check_kind(document: Any, hide: Hide) -> None:
    kind = document.get("token_type") if isinstance(document, dict) else None
    if isinstance(kind, str) and kind.lower() not in BEARER_KINDS:
        raise Refused(f"The token server gave a token of the type {_shown(kind, hide, 40)!r}, expected Bearer.")


def _checked(token: Any) -> str:
    if not isinstance(token, str) or not HEADER_VALUE.fullmatch(token) or token != token.strip():
        raise Refused("The token server gave an access token that no header can carry: expected printable ASCII.")
    return _storable(token)


def _storable(token: str) -> str:
    """Refuse what does not fit into one item of the database with its ciphertext."""
    if len(token) > MAX_TOKEN_CHARS:
        raise Refused(f"The token server gave a token of more than {MAX_TOKEN_CHARS} characters.")
    return token


def _seconds(value: Any) -> float | None:
    """Return a lifetime, also one that is written as a text; None for what is no time to come."""
    try:
        seconds = float(value) if isinstance(value, (str, int, float)) and not isinstance(value, bool) else 0.0
    except (ValueError, OverflowError):
        return None
    return min(seconds, LONGEST_S) if seconds > 0 else None


def _text(value: Any) -> str:
    return value if isinstance(value, str) else str(value) if isinstance(value, int) else ""


def _shown(text: str, hide: Hide, most: int) -> str:
    """Return foreign words for a message; hidden before they are cut, or half a secret could stay."""
    return " ".join(hide(text).split())[:most]
