"""What of a caller's request goes on to the other system, and what of its answer comes back.

Headers go on when they are in FORWARDED, or under `Hub-Forward-<Name>`; who authenticates is the connection alone.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import quote

import orjson

from hub.connector.authenticate import Credentials
from hub.connector.bodies import JSON, Body
from hub.connector.checks import is_secret_name
from hub.connector.requests import Draft
from hub.connector.urls import has_dot_segment
from hub.core.answers import Answer
from hub.core.errors import BadRequest, TooLarge
from hub.outbound.calls import CLIENT_HEADERS, HEADER_NAME, Reply

FORWARDED = frozenset(
    "accept accept-language content-type idempotency-key if-match if-modified-since if-none-match if-unmodified-since"
    " prefer".split()
)
PREFIX = "hub-forward-"
# An answer in pieces could repeat a secret in pieces, and nobody would recognise it.
IN_PIECES = frozenset({"range", "if-range"})
# What tells a caller how to go on; cookies and what belongs to the connection between the two systems stay behind.
RETURNED = frozenset(
    "content-disposition content-language content-type etag last-modified link location"
    " preference-applied retry-after".split()
)
_LIMITS = re.compile(r"(?:x-)?rate-?limit.*")
# Lambda answers 6 MB at most, and base64 makes a third more of it.
MOST_BYTES = 4 * 1024 * 1024
# Tells an answer of the other system from one of the hub itself.
UPSTREAM = "Hub-Upstream-Status"
# Segments stay as they are; all else is what RFC 3986, 3.3 lets stand in them.
_IN_PATH = "/:@!$&'()*+,;=~"


@dataclass(frozen=True, repr=False)
class Asked:
    """One request to be passed on: `path` is decoded and without the slash in front, `params` are in order."""

    method: str
    path: str
    params: tuple[tuple[str, str], ...]
    headers: Mapping[str, str]
    content: bytes


def draft_of(asked: Asked, base_url: str, own_headers: Mapping[str, str]) -> Draft:
    """Return the request without credentials; raises BadRequest for a path or a header that may not be sent."""
    if has_dot_segment(asked.path) or "\\" in asked.path:
        raise BadRequest("The path may not hold the segments '.' and '..' or a backslash.", where="path")
    url = f"{base_url.rstrip('/')}/{quote(asked.path, safe=_IN_PATH)}"
    headers = {"accept": "*/*", **own_headers, **_forwarded(asked.headers)}
    content_type = headers.get("content-type", JSON)
    body = Body(content_type, _value_of(asked.content), raw=asked.content) if asked.content else None
    return Draft(asked.method, url, headers, asked.params, body)


def answer_of(reply: Reply, credentials: Credentials) -> Answer:
    """Return the other system's answer as the caller gets it: no secret of the connection is in it."""
    if len(reply.body) > MOST_BYTES:
        raise TooLarge(f"The answer has {len(reply.body)} bytes, at most {MOST_BYTES} are passed on; ask for less.")
    hide = credentials.hider()
    headers = {name.title(): hide(value) for name, value in reply.headers.items() if _is_returned(name.lower())}
    headers.setdefault("Content-Type", "application/octet-stream")
    return Answer(reply.status, _hidden(reply.body, credentials), {**headers, UPSTREAM: str(reply.status)})


def _forwarded(given: Mapping[str, str]) -> dict[str, str]:
    named = {name.removeprefix(PREFIX): value for name, value in given.items() if name.startswith(PREFIX)}
    for name in named:
        _check_header(name)
    return {name: value for name, value in given.items() if name in FORWARDED} | named


def _check_header(name: str) -> None:
    if not HEADER_NAME.fullmatch(name) or name in CLIENT_HEADERS | IN_PIECES:
        raise BadRequest("This header cannot be passed on: the hub sets it, or it is none.", header=name[:60])
    if is_secret_name(name):
        raise BadRequest("This header looks like a credential; the connection authenticates.", header=name[:60])


def _value_of(content: bytes) -> object:
    """Return what a body holds, for a connection whose key goes into a field of it."""
    try:
        return orjson.loads(content)
    except orjson.JSONDecodeError:
        return None


def _is_returned(name: str) -> bool:
    return name in RETURNED or _LIMITS.fullmatch(name) is not None


def _hidden(body: bytes, credentials: Credentials) -> bytes:
    if not body or not credentials.may_be_in(body):
        return body
    return credentials.hider()(body.decode(errors="surrogateescape")).encode(errors="surrogateescape")
