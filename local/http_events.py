"""Translates between HTTP and the events of an HTTP API, payload format 2.0.

Source: "Create AWS Lambda proxy integrations for HTTP APIs" in the API Gateway developer guide.
"""

import base64
import binascii
import json
import uuid
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any
from urllib.parse import parse_qsl, unquote

from local.attributes import ACCOUNT, REGION
from local.routes import Match

_API_ID = "local"
_TEXT_TYPES = ("text/", "application/json", "application/javascript", "application/xml")
_TEXT_ENDINGS = ("+json", "+xml", "x-www-form-urlencoded")


@dataclass(frozen=True)
class Request:
    """One HTTP request as it came in; `path` and `query` are not decoded."""

    method: str
    path: str
    query: str
    headers: tuple[tuple[str, str], ...]
    body: bytes
    source_ip: str
    id: str = field(default_factory=lambda: str(uuid.uuid4()))

    def header(self, name: str) -> str | None:
        """Return the header's values joined by commas, or None."""
        values = [value for key, value in self.headers if key == name]
        return ",".join(values) if values else None


@dataclass(frozen=True)
class Answer:
    """One HTTP response."""

    status: int
    headers: tuple[tuple[str, str], ...]
    body: bytes


class BadAnswer(ValueError):
    """The function returned something that an HTTP API cannot turn into a response."""


def message(status: int, text: str) -> Answer:
    """Return the short JSON answer that the API itself gives: `{"message": "Not Found"}`."""
    return Answer(status, (("content-type", "application/json"),), _json({"message": text}))


def _json(value: Any) -> bytes:
    return json.dumps(value, separators=(",", ":")).encode()


def route_arn(request: Request) -> str:
    """Name the called route for the authorizer."""
    return f"arn:aws:execute-api:{REGION}:{ACCOUNT}:{_API_ID}/$default/{request.method}{request.path}"


def request_event(request: Request, match: Match, authorizer: dict[str, Any] | None) -> dict[str, Any]:
    """Return the event for the function; `authorizer` is the context the authorizer gave."""
    event = common_event(request, match)
    if authorizer is not None:
        event["requestContext"]["authorizer"] = {"lambda": authorizer}
    if request.body:
        event["body"], event["isBase64Encoded"] = _body_of(request)
    else:
        event["isBase64Encoded"] = False
    return event


def common_event(request: Request, match: Match) -> dict[str, Any]:
    """Return what the events for functions and for authorizers have in common."""
    event: dict[str, Any] = {
        "version": "2.0",
        "routeKey": match.route.key,
        "rawPath": unquote(request.path),
        "rawQueryString": request.query,
        "headers": _headers_of(request),
        "requestContext": _request_context(request, match),
    }
    cookies = [cookie for key, value in request.headers if key == "cookie" for cookie in value.split("; ")]
    optional = {
        "cookies": cookies,
        "queryStringParameters": _query_of(request),
        "pathParameters": match.variables,
    }
    return event | {key: value for key, value in optional.items() if value}


def _headers_of(request: Request) -> dict[str, str]:
    names = dict.fromkeys(name for name, _ in request.headers if name != "cookie")
    forwarded = {"x-forwarded-for": request.source_ip, "x-forwarded-proto": "http"}
    return {name: request.header(name) or "" for name in names} | forwarded


def _query_of(request: Request) -> dict[str, str]:
    joined: dict[str, str] = {}
    for name, value in parse_qsl(request.query, keep_blank_values=True):
        joined[name] = f"{joined[name]},{value}" if name in joined else value
    return joined


def _request_context(request: Request, match: Match) -> dict[str, Any]:
    now = datetime.now(UTC)
    host = request.header("host") or ""
    return {
        "accountId": ACCOUNT,
        "apiId": _API_ID,
        "domainName": host,
        "domainPrefix": host.split(".")[0],
        "http": {
            "method": request.method,
            "path": unquote(request.path),
            "protocol": "HTTP/1.1",
            "sourceIp": request.source_ip,
            "userAgent": request.header("user-agent") or "",
        },
        "requestId": request.id,
        "routeKey": match.route.key,
        "stage": "$default",
        "time": f"{now:%d/%b/%Y:%H:%M:%S +0000}",
        "timeEpoch": int(now.timestamp() * 1000),
    }


def _body_of(request: Request) -> tuple[str, bool]:
    if _is_text(request):
        try:
            return request.body.decode("utf-8"), False
        except UnicodeDecodeError:
            pass  # it says text and is not: passed on as binary
    return base64.b64encode(request.body).decode("ascii"), True


def _is_text(request: Request) -> bool:
    kind = (request.header("content-type") or "").split(";")[0].strip().lower()
    return request.header("content-encoding") is None and (kind.startswith(_TEXT_TYPES) or kind.endswith(_TEXT_ENDINGS))


def answer_of(result: Any) -> Answer:
    """Return the response for what the function returned; without a `statusCode` it is a 200 with that as JSON.

    Raises BadAnswer for a result that API Gateway answers with 500.
    """
    if not isinstance(result, dict) or "statusCode" not in result:
        body = result.encode() if isinstance(result, str) else _json(result)
        return Answer(200, (("content-type", "application/json"),), body)
    try:
        return Answer(int(result["statusCode"]), _answer_headers(result), _answer_body(result))
    except (TypeError, ValueError, AttributeError, binascii.Error) as error:
        raise BadAnswer(type(error).__name__) from error


def _answer_headers(result: dict[str, Any]) -> tuple[tuple[str, str], ...]:
    headers = {name.lower(): str(value) for name, value in (result.get("headers") or {}).items()}
    headers.setdefault("content-type", "text/plain;charset=UTF-8")
    headers.pop("content-length", None)
    return (*headers.items(), *(("set-cookie", cookie) for cookie in result.get("cookies") or []))


def _answer_body(result: dict[str, Any]) -> bytes:
    body: str = result.get("body") or ""
    if result.get("isBase64Encoded"):
        return base64.b64decode(body, validate=True)
    return body.encode()
