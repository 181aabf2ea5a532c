"""Where a browser may be sent after OAuth: origins that the tenant, the operator or the hub itself named, no others.

A URL is compared by scheme, host and port as it is written: nothing is decoded or repaired first, since what repairs
it in a browser may read another host out of it.
"""

import re
from collections.abc import Iterable, Mapping
from urllib.parse import unquote_plus, urlencode

from hub.core.errors import BadRequest

MAX_CHARS = 2048
DEFAULT_PORTS = {"https": ":443", "http": ":80"}
_URL = re.compile(
    r"(https?)://([A-Za-z0-9_-]+(?:\.[A-Za-z0-9_-]+)*|\[[0-9A-Fa-f:.]+\])(:[1-9][0-9]{0,4})?"
    r"((?:/[!-\[\]^-~]*)?(?:\?[!-\[\]^-~]*)?(?:#[!-\[\]^-~]*)?)"
)
_ERROR = re.compile(r"[A-Za-z0-9_.-]{1,80}")
# What the hub itself says in a return URL; no other voice may say it there.
RESERVED = frozenset({"status", "integrationId", "error"})


class ReturnForbidden(BadRequest):
    """The URL is none that a browser may be sent to; the details name the origins that are."""


def checked(url: str, allowed: Iterable[str], name: str = "returnUrl") -> str:
    """Return the URL as it was given; raises ReturnForbidden unless its origin is one of `allowed`."""
    named = sorted({each for each in allowed if origin_of(each)})
    found = origin_of(url)
    if found is None:
        message = f"`{name}` must be an absolute URL such as https://app.example.com/settings."
        raise ReturnForbidden(message, allowedOrigins=named)
    if found not in {origin_of(each) for each in named}:
        message = f"`{name}` leads to an origin that is not allowed; an administrator can add it to the settings."
        raise ReturnForbidden(message, allowedOrigins=named)
    return url


def origin_of(url: str) -> str | None:
    """Return scheme, host and port of an absolute http or https URL, None for anything that is not plainly one."""
    found = _URL.fullmatch(url) if len(url) <= MAX_CHARS else None
    if found is None:
        return None
    scheme, host, port, _ = found.groups()
    return f"{scheme}://{host.lower()}{port or DEFAULT_PORTS[scheme]}"


def shown_error(code: str) -> str:
    """Return the code of a provider's error as it may stand in a URL and in the audit (RFC 6749, 4.1.2.1)."""
    return code if not code or _ERROR.fullmatch(code) else "unknown_error"


def with_params(url: str, params: Mapping[str, str]) -> str:
    """Return the URL with these parameters in its query, instead of others of the hub's names."""
    before, mark, fragment = url.partition("#")
    place, _, query = before.partition("?")
    kept = [part for part in query.split("&") if part and unquote_plus(part.partition("=")[0]) not in RESERVED]
    return f"{place}?{'&'.join([*kept, urlencode(params)])}{mark}{fragment}"
