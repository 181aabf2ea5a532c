"""Requests and responses as the sandbox's handlers see them."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any
from urllib.parse import parse_qsl

Json = dict[str, Any]
Headers = tuple[tuple[str, str], ...]

JSON_TYPE = "application/json"
FORM_TYPE = "application/x-www-form-urlencoded"


@dataclass(frozen=True)
class Request:
    """One request that arrived. `base` is the access prefix taken off the path, to be put before links again."""

    method: str
    path: str
    query: str = ""
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""
    base: str = ""
    params: Mapping[str, str] = field(default_factory=dict)
    faults: frozenset[str] = frozenset()

    @cached_property
    def args(self) -> dict[str, str]:
        """The query parameters; of a repeated one the last."""
        return dict(parse_qsl(self.query, keep_blank_values=True))

    @property
    def media_type(self) -> str:
        """The content type without its parameters, in lower case."""
        return self.headers.get("content-type", "").partition(";")[0].strip().lower()

    @property
    def origin(self) -> str:
        """The scheme and authority the client used."""
        return f"http://{self.headers.get('host', '127.0.0.1')}"

    def object(self) -> Json:
        """The JSON object of the body; an empty body is an empty object."""
        try:
            found = json.loads(self.body or b"{}")
        except ValueError as cause:
            raise Refusal(400, f"The body must be JSON: {cause}") from cause
        if not isinstance(found, dict):
            raise Refusal(400, f"The body must be a JSON object, found {type(found).__name__}")
        return found

    def form(self) -> dict[str, str]:
        """The fields of a form body; a field given twice is refused."""
        try:
            pairs = parse_qsl(self.body.decode(), keep_blank_values=True)
        except UnicodeDecodeError as cause:
            raise Refusal(400, "The body must be UTF-8") from cause
        fields = dict(pairs)
        if len(fields) != len(pairs):
            raise Refusal(400, "A form field must be given once")
        return fields


@dataclass(frozen=True)
class Response:
    """What goes back. `delay_s` keeps the client waiting first."""

    status: int = 200
    body: bytes = b""
    headers: Headers = ()
    delay_s: float = 0.0

    def plus(self, headers: Headers) -> Response:
        return replace(self, headers=self.headers + headers)


class Refusal(Exception):
    """Ends a request with a JSON error."""

    def __init__(self, status: int, message: str, headers: Headers = ()) -> None:
        super().__init__(message)
        self.status = status
        self.headers = headers

    def response(self) -> Response:
        return as_json({"error": {"message": str(self)}}, self.status, self.headers)


def as_json(content: Any, status: int = 200, headers: Headers = (), indent: int | None = None) -> Response:
    """A JSON response; characters outside ASCII go out as UTF-8."""
    return json_bytes(encode(content, indent), status, headers)


def json_bytes(body: bytes, status: int = 200, headers: Headers = ()) -> Response:
    """A response whose body is JSON already."""
    return Response(status, body, (("content-type", JSON_TYPE), *headers))


def encode(content: Any, indent: int | None = None) -> bytes:
    separators = (",", ":") if indent is None else None
    return json.dumps(content, ensure_ascii=False, separators=separators, indent=indent).encode(errors="replace")


def with_etag(request: Request, response: Response) -> Response:
    """The response with its ETag, or 304 when the client holds the same one (RFC 9110, 13.1.2)."""
    if request.method not in ("GET", "HEAD") or response.status != 200:
        return response
    tag = f'"{hashlib.sha256(response.body).hexdigest()[:24]}"'
    known = {each.strip().removeprefix("W/") for each in request.headers.get("if-none-match", "").split(",")}
    if known & {tag, "*"}:
        return Response(304, headers=(("etag", tag),))
    return response.plus((("etag", tag),))
