"""What goes out and what comes back, without the weight of an HTTP library."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote, urlencode

from hub.core.errors import BadRequest, Retryable

METHODS = frozenset("GET HEAD POST PUT PATCH DELETE OPTIONS".split())
# The connection, the host and the length belong to the client: whoever sets them can smuggle a second request.
CLIENT_HEADERS = frozenset(
    "connection content-length expect host keep-alive proxy-authenticate proxy-authorization proxy-connection te "
    "trailer transfer-encoding upgrade".split()
)
HEADER_NAME = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]+")
HEADER_VALUE = re.compile(r"[\x20-\x7e\t]*")
LINK = re.compile(r"<([^<>]*)>([^<]*)")
LINK_RELATION = re.compile(r';\s*rel\s*=\s*(?:"([^"]*)"|([^\s;,"]+))', re.IGNORECASE)


class NeverSent(Retryable):
    """No connection was made, so the request never left: sending it again cannot do it twice."""


class Deferred(NeverSent):
    """The hub held the call back and knows for how long; that was no try, and says nothing new about the provider."""

    status = 503

    def __init__(self, message: str, retry_after_s: float, **details: Any) -> None:
        super().__init__(message, retry_after_s, **details)
        self.wait_s = retry_after_s


class CircuitOpen(Deferred):
    """The host failed several times in a row: it is left alone for a while."""

    code = "CIRCUIT_OPEN"


class BudgetUsedUp(Deferred):
    """One more call now would be more than the provider allows."""

    code = "RATE_LIMIT_EXCEEDED"


@dataclass(frozen=True)
class Call:
    """`params` are added to the query that `url` already has."""

    method: str
    url: str
    headers: Mapping[str, str]
    params: Sequence[tuple[str, str]] = ()
    content: bytes | None = None


@dataclass(frozen=True)
class Reply:
    """`headers` have lower-case names, repeated values joined by ", "; `body` is decompressed.

    `elapsed_ms` is that of the last attempt.
    """

    status: int
    headers: Mapping[str, str]
    body: bytes
    elapsed_ms: int
    attempts: int = 1

    def may_be_repeated(self, retry_on: frozenset[int]) -> bool:
        """Say whether the answer asks for another try; `retry_on` are the statuses that do."""
        return self.status in retry_on

    @property
    def is_rate_limit(self) -> bool:
        return self.status == 429

    @property
    def is_outage(self) -> bool:
        """Say whether the answer means that its host cannot answer now."""
        return self.status >= 500 and not self.is_rate_limit

    def links(self) -> dict[str, str]:
        """Return the Link header as {relation: URL as written, maybe relative}; the first of a relation counts.

        Source: RFC 8288.
        """
        found: dict[str, str] = {}
        for url, parameters in LINK.findall(self.headers.get("link", "")):
            relation = LINK_RELATION.search(parameters)
            for name in (relation[1] or relation[2] or "").lower().split() if relation else ():
                found.setdefault(name, url.strip())
        return found


def full_url(call: Call) -> str:
    """Return the URL with `params` behind the query it has."""
    if not call.params:
        return call.url
    joint = "&" if "?" in call.url else "?"
    return f"{call.url}{joint}{urlencode(call.params, quote_via=quote)}"


def check_call(call: Call) -> None:
    """Raises BadRequest for a method or header that no caller may send; the message never holds a value."""
    if call.method not in METHODS:
        raise BadRequest(f"Expected one of {', '.join(sorted(METHODS))}, found {call.method[:20]!r}")
    for name, value in call.headers.items():
        _check_header(name, value)


def _check_header(name: str, value: str) -> None:
    if not HEADER_NAME.fullmatch(name):
        raise BadRequest(f"Expected a header name, found {name[:100]!r}")
    if name.lower() in CLIENT_HEADERS:
        raise BadRequest(f"Header {name!r} is set by the hub, it cannot be given")
    if not HEADER_VALUE.fullmatch(value):
        raise BadRequest(f"Expected printable ASCII in header {name!r}, found other characters")
