"""What may be shown of a call: without secrets, never longer than its budget."""

import math
from collections.abc import Mapping
from typing import Any

import orjson

from hub.connector.authenticate import HIDDEN, Credentials
from hub.outbound.calls import Call, Reply, full_url

Json = dict[str, Any]

MAX_BODY_BYTES = 20 * 1024
MAX_HEADER_BYTES = 20 * 1024
MAX_URL_CHARS = 8192
MAX_DEPTH = 64
LEFT_OUT = "…"
# Session cookies are as good as the credentials that they were given for.
SECRET_HEADERS = frozenset({"authorization", "cookie", "proxy-authorization", "set-cookie"})


class Excerpt:
    """Copies JSON values until `budget` bytes of JSON are used up; `is_whole` says whether all of it was copied."""

    def __init__(self, credentials: Credentials, budget: int) -> None:
        self._hide = credentials.hider()
        self._longest = max(map(len, credentials.known), default=0)
        self.left = budget
        self.is_whole = True

    def copy(self, value: Any, depth: int = MAX_DEPTH) -> Any:
        """Return `value` without secrets, in which what does not fit is missing or cut."""
        if isinstance(value, str):
            return self.text(value)
        if isinstance(value, (dict, list)):
            return self._container(value, depth)
        return self._plain(value)

    def text(self, text: str) -> str:
        """Return the beginning of a text, at most what is left; it is hidden first, or half a secret could stay."""
        room = max(self.left, 0)
        window = 2 * room + self._longest
        shown = self._hide(text[:window])
        if len(text) > window:
            shown = shown[: max(len(shown) - self._longest, 0)]  # the end may be the beginning of a secret
        cut = _fitting(shown, room)
        self.is_whole &= cut == shown and len(text) <= window
        self.left -= _size(cut)
        return cut

    def _container(self, value: Any, depth: int) -> Any:
        self.left -= 2
        if depth <= 0:
            self.is_whole = False
            return LEFT_OUT
        return self._object(value, depth - 1) if isinstance(value, dict) else self._list(value, depth - 1)

    def _object(self, value: Json, depth: int) -> Json:
        copied: Json = {}
        for name, item in value.items():
            if not self._has_room():
                break
            shown = self.text(name)
            copied[shown] = self.copy(item, depth)
        return copied

    def _list(self, value: list[Any], depth: int) -> list[Any]:
        copied: list[Any] = []
        for item in value:
            if not self._has_room():
                break
            copied.append(self.copy(item, depth))
        return copied

    def _plain(self, value: Any) -> Any:
        text = str(value)
        self.left -= len(text) + 1
        if value is None or isinstance(value, bool):
            return value
        if self._hide(text) != text:
            return HIDDEN
        return value if math.isfinite(value) else text

    def _has_room(self) -> bool:
        self.is_whole &= self.left > 0
        return self.left > 0


def shown_request(call: Call, credentials: Credentials) -> Json:
    """Return S000's `{url, method, headers, body?}`; headers of the credentials read `****`."""
    shown = {
        "url": credentials.hider()(full_url(call))[:MAX_URL_CHARS],
        "method": call.method,
        "headers": _headers(call.headers, credentials, Excerpt(credentials, MAX_HEADER_BYTES)),
    }
    body = {} if call.content is None else {"body": _body(call.content, Excerpt(credentials, MAX_BODY_BYTES))}
    return shown | body


def shown_reply(reply: Reply, credentials: Credentials) -> Json:
    """Return S000's `{statusCode, headers, body, latencyMs}` and `truncated`: whether a part was left out."""
    of_headers, of_body = Excerpt(credentials, MAX_HEADER_BYTES), Excerpt(credentials, MAX_BODY_BYTES)
    return {
        "statusCode": reply.status,
        "headers": _headers(reply.headers, credentials, of_headers),
        "body": _body(reply.body, of_body),
        "latencyMs": reply.elapsed_ms,
        "truncated": not (of_headers.is_whole and of_body.is_whole),
    }


def json_of(body: bytes) -> Any:
    """Return the JSON value of a body, or the body as a text; None where there is none."""
    try:
        return orjson.loads(body)
    except orjson.JSONDecodeError:
        return body.decode(errors="replace") or None


def _body(body: bytes, excerpt: Excerpt) -> Any:
    return excerpt.copy(json_of(body))


def _headers(headers: Mapping[str, str], credentials: Credentials, excerpt: Excerpt) -> Any:
    hidden = SECRET_HEADERS | credentials.headers.keys()
    return excerpt.copy({name: HIDDEN if name.lower() in hidden else value for name, value in headers.items()})


def _fitting(text: str, room: int) -> str:
    """Return the longest beginning, nearly, of a text that needs at most `room` bytes as JSON."""
    text = text[:room]
    while text and (size := _size(text)) > room:
        text = text[: len(text) * room // size]
    return text


def _size(text: str) -> int:
    return len(orjson.dumps(text)) + 1
