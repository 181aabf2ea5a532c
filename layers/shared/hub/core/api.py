"""The HTTP edge: one row per route, from which come the router, the access check and openapi.json.

API Gateway has matched the route already; its route key ("GET /api/v1/documents/{type}") finds the row. A handler gets
a Request and returns an Answer; every error leaves here in the envelope of the catalogue specification:
`{"error": {"code", "message", "details"?, "requestId"}}`.
"""

import base64
import hashlib
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from importlib import import_module
from typing import TYPE_CHECKING, Any, Literal, TypeVar
from urllib.parse import parse_qsl

from botocore.exceptions import BotoCoreError, ClientError

from hub.core import jsontext, logs, rate_limit
from hub.core.answers import Answer
from hub.core.attributes import Item
from hub.core.caller import Access, Caller, Tenant
from hub.core.errors import BadRequest, Conflict, HubError, RateLimited, TooLarge, Unauthenticated, Unavailable
from hub.core.idempotency import Reservation, reserve
from hub.core.journal import Change
from hub.core.listing import Listing, PageQuery
from hub.core.resources import Resources, resources
from hub.core.tables import ConditionFailed

if TYPE_CHECKING:
    from pydantic import BaseModel

    from hub.core.vault import Vault

RateClass = Literal["provider", "integration", "connection", "search", "test", "widget", "events", "documents"]
MAX_BODY_BYTES = 256 * 1024

Handler = Callable[["Request"], Answer]
Parsed = TypeVar("Parsed", bound="BaseModel")


@dataclass(frozen=True)
class Route:
    """One endpoint. `body` and `answer` name pydantic models as "module:Class", imported only when needed."""

    method: str
    path: str
    handler: Handler
    access: Access
    rate: RateClass | None
    summary: str
    status: int = 200
    body: str | None = None
    answer: str | None = None
    query: Mapping[str, str] = field(default_factory=dict)
    cache_s: int | None = None
    max_body_bytes: int = MAX_BODY_BYTES

    @property
    def key(self) -> str:
        return f"{self.method} {self.path}"


class Api:
    """The routes of one function."""

    def __init__(self, group: str) -> None:
        self.group = group
        self.routes: dict[str, Route] = {}

    def route(self, method: str, path: str, **row: Any) -> Callable[[Handler], Handler]:
        """Register the decorated handler; its docstring's first line is the summary."""

        def register(handler: Handler) -> Handler:
            summary = (handler.__doc__ or "").strip().partition("\n")[0]
            added = Route(method, path, handler, summary=summary, **row)
            self.routes[added.key] = added
            return handler

        return register

    def handle(self, event: dict[str, Any], _context: object) -> dict[str, Any]:
        """Answer one HTTP API event (payload format 2.0): the function's entry point."""
        started = time.perf_counter()
        request = Request(event, self.routes[event["routeKey"]])
        answer = _answer(request)
        logs.info(
            "request.answered",
            route=request.route.key,
            status=answer.status,
            duration_ms=round((time.perf_counter() - started) * 1000),
            request_id=request.id,
            code=_code_of(answer),
            **{"tenant": request.tenant_id, **request.facts},
        )
        return _gateway_response(request, answer)


class Request:
    def __init__(self, event: dict[str, Any], route: Route) -> None:
        self._event = event
        self.route = route
        self.id: str = event["requestContext"]["requestId"]
        self.path: dict[str, str] = event.get("pathParameters") or {}
        self.query: dict[str, str] = event.get("queryStringParameters") or {}
        self.headers: dict[str, str] = event.get("headers") or {}
        self.allowance: rate_limit.Allowance | None = None
        self.facts: dict[str, Any] = {}  # what a handler adds to the request's log line

    @property
    def resources(self) -> Resources:
        return resources()

    @cached_property
    def caller(self) -> Caller:
        """The verified caller. The authorizer lets a bad token through without a tenant, to be answered here."""
        context = self._event["requestContext"].get("authorizer", {}).get("lambda") or {}
        if not context.get("tenant"):
            raise Unauthenticated(context.get("denied") or "Expected a Bearer token or an API key.")
        caller = Caller(
            Tenant(context["tenant"]),
            context["user"],
            frozenset(context["roles"].split()),
            frozenset(context["scopes"].split()),
            context.get("keyId") or None,
        )
        other = self.headers.get("x-tenant-id")
        return caller.acting_for(other) if other and other != caller.tenant.id else caller

    @property
    def tenant_id(self) -> str | None:
        """The tenant for the log line, without judging the caller."""
        return ((self._event["requestContext"].get("authorizer") or {}).get("lambda") or {}).get("tenant") or None

    @property
    def own_hosts(self) -> frozenset[str]:
        """The names of the hub, which no connector may call.

        A function of the API cannot be given the API's id, only be called with it: `{api}` stands for it.
        """
        context, named = self._event["requestContext"], self.resources.settings.own_hosts
        return frozenset({context["domainName"], *(name.replace("{api}", context["apiId"]) for name in named)})

    @property
    def base_url(self) -> str:
        """The address that the hub was reached at, `https://api.example.com`; API Gateway sets both its parts."""
        scheme = "http" if self.headers.get("x-forwarded-proto") == "http" else "https"
        return f"{scheme}://{self._event['requestContext']['domainName']}"

    @property
    def url(self) -> str:
        """The whole URL that was called, with its query as it was sent; it may hold a secret."""
        query = self._event.get("rawQueryString")
        return f"{self.base_url}{self._event['rawPath']}{'?' if query else ''}{query or ''}"

    @property
    def query_pairs(self) -> tuple[tuple[str, str], ...]:
        """The query's parameters in their order, also those that come twice or are empty."""
        return tuple(parse_qsl(self._event.get("rawQueryString") or "", keep_blank_values=True))

    @property
    def source_ip(self) -> str:
        """The address that API Gateway was called from; no header can pretend another."""
        return str(self._event["requestContext"]["http"]["sourceIp"])

    @cached_property
    def body(self) -> bytes:
        text = self._event.get("body") or ""
        raw = _from_base64(text) if self._event.get("isBase64Encoded") else text.encode(errors="surrogatepass")
        if len(raw) > self.route.max_body_bytes:
            raise TooLarge(f"The body may have at most {self.route.max_body_bytes} bytes, found {len(raw)}.")
        return raw

    def json(self) -> Any:
        return jsontext.parse(self.body) if self.body else {}

    def json_object(self) -> dict[str, Any]:
        value = self.json()
        if not isinstance(value, dict):
            raise BadRequest(f"The body must be a JSON object, found {type(value).__name__}.")
        return value

    def parsed(self, model: type[Parsed]) -> Parsed:
        """Return the body as `model`; a BadDefinition names every fault by its JSON pointer."""
        from hub.core.problems import parse_as  # pydantic: only where a body is parsed

        return parse_as(model, self.json_object())

    @property
    def vault(self) -> "Vault":
        """Where this request's secrets go; the function needs the right to store them, not to read them."""
        return self.resources.vault

    @cached_property
    def change(self) -> Change:
        """What this request writes; commit it with the answer."""
        return Change(
            self.resources.tables, self.caller, self.id, self.resources.settings.retention_days, self.reservation
        )

    @property
    def told(self) -> list[Item]:
        """The events that this request wrote about its change."""
        return self.change.told if "change" in self.__dict__ else []

    @cached_property
    def reservation(self) -> Reservation | None:
        header = self.headers.get("idempotency-key")
        if header is None or self.route.method != "POST":
            return None
        return reserve(self.caller, self.route.key, self._event["rawPath"], header, self.body)

    def page(self) -> PageQuery:
        cursor = self.query.get("cursor")
        return PageQuery.of(self.query, self.open_cursor(cursor) if cursor else None)

    def listed(self, name: str, listing: Listing, view: Callable[[Any], Any]) -> dict[str, Any]:
        return listing.envelope(name, view, self.seal_cursor(listing.position) if listing.has_more else None)

    def uncounted(self, name: str, items: list[Any], view: Callable[[Any], Any], has_more: bool) -> dict[str, Any]:
        """Return a page of a list that is too long to count: `{name: [...], limit, hasMore, nextCursor?}`."""
        answer = {name: [view(item) for item in items], "limit": self.page().limit, "hasMore": has_more}
        return {**answer, "nextCursor": self.seal_cursor(items[-1]["sk"])} if has_more else answer

    def seal_cursor(self, position: Any) -> str:
        from hub.core.cursors import Cursors  # cryptography: only where a list goes on

        return Cursors(self.resources.tables).seal(self.caller.tenant.id, self._list_name, position)

    def open_cursor(self, cursor: str) -> Any:
        from hub.core.cursors import Cursors

        return Cursors(self.resources.tables).open(self.caller.tenant.id, self._list_name, cursor)

    @property
    def _list_name(self) -> str:
        return f"{self.route.key} {sorted(self.path.items())}"

    def must_match(self, version: int) -> None:
        """Refuse a change when `If-Match` names another version than the present one (RFC 9110, 13.1.1)."""
        given = self.headers.get("if-match", "")
        wanted = [tag.strip().removeprefix("W/").strip('"') for tag in given.split(",")]
        if not {"", "*", str(version)}.intersection(wanted):
            named = ", ".join(wanted)[:100]
            raise Conflict(f"`If-Match` names version {named}, the present one is {version}.", version=version)


def _from_base64(text: str) -> bytes:
    try:
        return base64.b64decode(text, validate=True)
    except ValueError as error:
        raise BadRequest("The body was announced as base64 and is not.") from error


def load(reference: str) -> type["BaseModel"]:
    """Return the model that "module:Class" names."""
    module, _, name = reference.partition(":")
    model: type[BaseModel] = getattr(import_module(module), name)
    return model


def _answer(request: Request) -> Answer:
    """Run the row's checks and its handler; the only place where an unexpected error is caught."""
    try:
        return _checked(request)
    except HubError as error:
        return _refusal(error, request)
    except ConditionFailed:
        return _refusal(Conflict("It was changed by another request in the meantime; read it again."), request)
    except (ClientError, BotoCoreError) as error:
        logs.failure("request.aws_failed", error, route=request.route.key, request_id=request.id)
        return _refusal(Unavailable("The hub could not reach its storage; send the request again."), request)
    except Exception as error:  # noqa: BLE001 - the edge: whatever happens, the caller gets the envelope
        logs.failure("request.broke", error, route=request.route.key, request_id=request.id)
        return _refusal(HubError("The hub failed to answer; the request id finds it in the log."), request)


def _checked(request: Request) -> Answer:
    route = request.route
    if route.access.public:
        return route.handler(request)
    route.access.admit(request.caller)
    if route.rate:
        request.allowance = rate_limit.take(
            request.resources.tables, request.resources.settings, request.caller, route.rate
        )
    given = request.reservation.find(request.resources.tables) if request.reservation else None
    return given or _handled(request)


def _handled(request: Request) -> Answer:
    answer = request.route.handler(request)
    if request.told:
        from hub.core import events  # queues and threads: only for who has told something

        for event in request.told:
            events.hint(request.resources, event)
    return answer


def _refusal(error: HubError, request: Request) -> Answer:
    body: dict[str, Any] = {"code": error.code, "message": error.message}
    details = {name: value for name, value in error.details.items() if value is not None}
    if details:
        body["details"] = details
    headers = {}
    if isinstance(error, RateLimited):
        body["retryAfter"] = error.retry_after_s
        headers["Retry-After"] = str(error.retry_after_s)
    elif error.status == 503:
        headers["Retry-After"] = "1"
    elif error.status == 401:
        headers["WWW-Authenticate"] = "Bearer"
    if isinstance(error, rate_limit.Limited):
        request.allowance = error.allowance
    return Answer(error.status, {"error": {**body, "requestId": request.id}}, headers)


def _gateway_response(request: Request, answer: Answer) -> dict[str, Any]:
    headers = {"X-Request-Id": request.id, "Cache-Control": "no-store", "Referrer-Policy": "no-referrer"}
    headers |= {**answer.headers, **(request.allowance.headers if request.allowance else {})}
    if answer.body is None:
        return {"statusCode": answer.status, "headers": headers}
    if isinstance(answer.body, bytes):
        encoded = base64.b64encode(answer.body).decode()
        return {"statusCode": answer.status, "headers": headers, "body": encoded, "isBase64Encoded": True}
    text = answer.body if isinstance(answer.body, str) else jsontext.dump(answer.body)
    headers.setdefault("Content-Type", "application/json")
    if request.route.method == "GET" and answer.status == 200 and "Cache-Control" not in answer.headers:
        headers |= _cache_headers(request.route, text)
        if headers["ETag"] in request.headers.get("if-none-match", ""):
            return {"statusCode": 304, "headers": headers}
    return {"statusCode": answer.status, "headers": headers, "body": text}


def _code_of(answer: Answer) -> str | None:
    """Return the code of an error of the hub; another system's answer that was passed on has none."""
    is_ours = answer.status >= 400 and isinstance(answer.body, dict)
    return str(answer.body["error"]["code"]) if is_ours else None


def _cache_headers(route: Route, text: str) -> dict[str, str]:
    """A browser may keep the answer for `cache_s` seconds, and always ask whether it is still the same (RFC 9110)."""
    rule = "private, no-cache" if route.cache_s is None else f"private, max-age={route.cache_s}"
    return {"ETag": f'"{hashlib.sha256(text.encode()).hexdigest()[:32]}"', "Cache-Control": rule}
