"""How senders make sure that a URL is ours before they send events: none of it becomes an event.

| who | request | answer |
|---|---|---|
| Slack, Lark | signed POST `{type: "url_verification", challenge}` | `{challenge}` |
| Zoom | signed POST `{event: "endpoint.url_validation", payload: {plainToken}}` | `{plainToken, encryptedToken}` |
| monday.com | POST `{challenge}` and nothing else | the same |
| Dropbox, Nylas | GET `?challenge=` | the challenge as text |
| Meta, WebSub | GET `?hub.mode=&hub.challenge=&hub.verify_token=` | the challenge as text |
| Microsoft Graph | POST `?validationToken=` without a body | the token as text |

Sources: docs.slack.dev/reference/events/url_verification, developers.zoom.us/docs/api/webhooks (Validate your webhook
endpoint), dropbox.com/developers/reference/webhooks, developers.facebook.com/docs/graph-api/webhooks/getting-started,
w3.org/TR/websub (5.3), learn.microsoft.com/graph/change-notifications-delivery-webhooks.
"""

import hashlib
import hmac
import re
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from hub.core import jsontext
from hub.core.answers import Answer
from hub.core.errors import BadRequest
from hub.webhooks.endpoints.verification import Unverified

Json = dict[str, Any]

LONGEST_CHALLENGE = 2048
# A handshake is a small body; an event is not parsed to find out that it is none.
LONGEST_BODY = 8192
# Whoever may choose the token gets it signed with the endpoint's secret: it must not be able to be an event.
_ZOOM_TOKEN = re.compile(r"[A-Za-z0-9_-]{1,64}")
_MARKS = (b"challenge", b"url_validation")


def by_url(
    method: str, query: Mapping[str, str], body: bytes, tokens: Callable[[], Iterable[str]], *, is_proven: bool
) -> Answer | None:
    """Return the answer to a handshake that stands in the URL and is never signed; None where there is none.

    `tokens` are what `hub.verify_token` may be; it may be missing where the URL's own secret `is_proven`. Raises
    Unverified for another one.
    """
    if method == "GET" and "hub.challenge" in query:
        if not is_proven or "hub.verify_token" in query:
            _must_be_one_of(tokens(), query.get("hub.verify_token", ""))
        return _echo(query["hub.challenge"])
    if method == "GET" and "challenge" in query:
        return _echo(query["challenge"])
    if method == "POST" and not body and "validationToken" in query:
        return _echo(query["validationToken"])
    return None


def by_body(body: bytes, secret: Callable[[], str | None]) -> Answer | None:
    """Return the answer to a handshake that stands in a verified body; None for an event.

    `secret` gives the endpoint's present one.
    """
    if len(body) > LONGEST_BODY or not any(mark in body for mark in _MARKS):
        return None
    try:
        found = jsontext.parse(body)
    except BadRequest:
        return None
    if not isinstance(found, dict):
        return None
    if found.get("event") == "endpoint.url_validation":
        return _zoom(found, secret())
    challenge = found.get("challenge")
    is_handshake = found.get("type") == "url_verification" or found.keys() == {"challenge"}
    return _answered({"challenge": challenge}) if is_handshake and isinstance(challenge, str) else None


def _zoom(found: Json, secret: str | None) -> Answer | None:
    payload = found.get("payload")
    token = payload.get("plainToken") if isinstance(payload, dict) else None
    if secret is None or not isinstance(token, str) or not _ZOOM_TOKEN.fullmatch(token):
        return None
    encrypted = hmac.digest(secret.encode(), token.encode(), hashlib.sha256).hex()
    return _answered({"plainToken": token, "encryptedToken": encrypted})


def _must_be_one_of(tokens: Iterable[str], given: str) -> None:
    """Meta sends the token that its user entered there: a secret of this endpoint."""
    sent = given.encode(errors="surrogatepass")
    fitting = [hmac.compare_digest(sent, token.encode()) for token in tokens]
    if not any(fitting):
        raise Unverified("verify token")


def _echo(text: str) -> Answer:
    """Return a stranger's text as nothing but text, so that no browser takes it for a page of ours."""
    if len(text) > LONGEST_CHALLENGE or not text.isprintable():
        raise BadRequest(f"A challenge may have at most {LONGEST_CHALLENGE} printable characters.")
    return Answer(200, text, {**_UNKEPT, "Content-Type": "text/plain; charset=utf-8"})


def _answered(body: Json) -> Answer:
    return Answer(200, body, _UNKEPT)


_UNKEPT = {"Cache-Control": "no-store", "X-Content-Type-Options": "nosniff"}
