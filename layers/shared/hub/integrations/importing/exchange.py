"""One request as it was seen, in a cURL command or a HAR log, with the answer if that was seen too."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import SplitResult, parse_qsl, quote, urlsplit

from hub.connector.urls import DEFAULT_PORT
from hub.mapping.paths import MISSING

Pair = tuple[str, str]

_IN_PATH = "/-._~!$&'()*+,;=:@%{}"
_BROKEN_PERCENT = "%25"


@dataclass(frozen=True)
class Posted:
    """A body: its text, or the fields of a form with files (the value of a file is None)."""

    content_type: str
    text: str = ""
    fields: tuple[tuple[str, str | None], ...] | None = None


@dataclass(frozen=True)
class Exchange:
    """`where` is the place that warnings name; `answer` is the JSON of a good answer or MISSING."""

    where: str
    method: str
    url: SplitResult
    headers: tuple[Pair, ...] = ()
    body: Posted | None = None
    answer: Any = MISSING
    answer_headers: Mapping[str, str] = field(default_factory=dict)
    timeout_ms: int | None = None

    @property
    def origin(self) -> str:
        """The URL's scheme, host and port as they are written, without what the scheme implies."""
        host = self.url.hostname or ""
        host = f"[{host}]" if ":" in host else host
        port = self.url.port
        shown = "" if port is None or port == DEFAULT_PORT.get(self.url.scheme) else f":{port}"
        return f"{self.url.scheme}://{host}{shown}"

    @property
    def segments(self) -> tuple[str, ...]:
        """The path's parts, percent-encoded; `/a/` is ("a", "")."""
        return tuple(encoded_path(self.url.path).removeprefix("/").split("/"))

    @property
    def query(self) -> list[Pair]:
        return parse_qsl(self.url.query, keep_blank_values=True)


def parse_url(text: str) -> SplitResult | None:
    """Return the parts of an absolute http(s) URL; None for any other text."""
    try:
        parts = urlsplit(text)
        _ = parts.port
    except ValueError:
        return None
    return parts if parts.scheme in DEFAULT_PORT and parts.hostname else None


def encoded_path(path: str) -> str:
    """Return a path with everything percent-encoded that needs it; a `%` that encodes nothing is encoded too."""
    parts = path.split("%")
    kept = [parts[0], *(("%" if _is_code(part[:2]) else _BROKEN_PERCENT) + part for part in parts[1:])]
    return quote("".join(kept), safe=_IN_PATH)


def _is_code(text: str) -> bool:
    return len(text) == 2 and all(character in "0123456789abcdefABCDEF" for character in text)
