"""Absolute URLs: what a definition may name, and which origin one belongs to.

Whether the hub may call the address is decided by `hub.outbound.guard`, at every call.
"""

import re
from urllib.parse import SplitResult, unquote, urlsplit

FORBIDDEN_CHARACTER = re.compile(r"[\x00-\x20\x7f-\xa0\\\u2028\u2029]")
LITERAL_PATH = re.compile(r"(?:[A-Za-z0-9._~!$&'()*+,;=:@/-]|%[0-9A-Fa-f]{2})*")
NO_PATH = "expected letters, digits, -._~!$&'()*+,;=:@/ and percent-encoded others, without the segments '.' and '..'"
DEFAULT_PORT = {"https": 443, "http": 80}


class BadUrl(ValueError):
    """The text says what was expected; it never holds the URL, which may carry a secret."""


def parse_url(url: str) -> SplitResult:
    """Return the parts of an absolute URL without user name, password and fragment."""
    if FORBIDDEN_CHARACTER.search(url):
        raise BadUrl("expected a URL without spaces, control characters and backslashes")
    parts = _split(url)
    if parts.scheme not in DEFAULT_PORT or not parts.hostname:
        raise BadUrl("expected a URL that begins with https:// and a host")
    if "@" in parts.netloc:
        raise BadUrl("expected a URL without user name and password; they belong into auth")
    if "#" in url:
        raise BadUrl("expected a URL without '#'")
    return parts


def parse_base_url(url: str) -> SplitResult:
    parts = parse_url(url)
    if "?" in url:
        raise BadUrl("expected a URL without a query; it belongs into queryParams")
    if has_dot_segment(parts.path):
        raise BadUrl("expected a path without the segments '.' and '..'")
    return parts


def origin(url: str) -> str:
    """Return scheme, host and port, the same text for the same origin; raises BadUrl."""
    parts = parse_url(url)
    port = DEFAULT_PORT[parts.scheme] if parts.port is None else parts.port
    return f"{parts.scheme}://{(parts.hostname or '').removesuffix('.')}:{port}"


def has_dot_segment(path: str) -> bool:
    return any(unquote(segment) in (".", "..") for segment in path.split("/"))


def is_path_text(text: str) -> bool:
    """Say whether a text can stand in a path as it is, slashes too, and leads nowhere else."""
    # Some servers decode %2F before they resolve dots.
    segments = re.split(r"[/\\]", unquote(text))
    return LITERAL_PATH.fullmatch(text) is not None and not any(segment in (".", "..") for segment in segments)


def without_query(url: str) -> str:
    return url.partition("?")[0]


def _split(url: str) -> SplitResult:
    try:
        parts = urlsplit(url)
        _ = parts.port  # a bad port is found when it is asked for
    except ValueError:
        raise BadUrl("expected a URL with a valid host and port") from None
    return parts
