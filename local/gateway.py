"""The HTTP API of the template as an ASGI application: route, admit, invoke, answer."""

import asyncio
import time
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any

from local.authorizer import BadVerdict, Gatekeeper, Verdict
from local.faults import Message, Receive, Send
from local.functions import FunctionFailed, PayloadTooLarge, Pool
from local.http_events import Answer, BadAnswer, Request, answer_of, message, request_event
from local.logs import Log
from local.routes import Match, RouteTable

_MAX_BODY_BYTES = 10 * 1024 * 1024
_ANSWER_WITHIN_S = 30.0  # API Gateway's own limit
_THREADS = 64

_NOT_FOUND = message(404, "Not Found")
_UNAUTHORIZED = message(401, "Unauthorized")
_FORBIDDEN = message(403, "Forbidden")
_TOO_LARGE = message(413, "Request Entity Too Large")
_FAILED = message(500, "Internal Server Error")
_TOO_SLOW = message(503, "Service Unavailable")


class _TooLarge(Exception):
    """The body is above the limit of an HTTP API."""


@dataclass
class Gateway:
    """Serves the routes; each request ends in one log line without path values, headers or bodies."""

    routes: RouteTable
    gatekeepers: Mapping[str, Gatekeeper]
    pools: Mapping[str, Pool]
    log: Log
    _threads: ThreadPoolExecutor = field(default_factory=lambda: ThreadPoolExecutor(_THREADS, "gateway"))

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return
        started = time.monotonic()
        path = scope["raw_path"].decode("ascii")
        match = self.routes.select(scope["method"], path)
        request_id, answer, verdict = await self._handle(scope, path, match, receive)
        await _send(send, answer, request_id)
        self.log.line(
            match.route.key if match else f"{scope['method']} (no route)",
            status=answer.status,
            ms=round((time.monotonic() - started) * 1000),
            tenant=_tenant_of(verdict),
            request=request_id,
        )

    async def _handle(
        self, scope: Message, path: str, match: Match | None, receive: Receive
    ) -> tuple[str, Answer, Verdict | None]:
        request = _request(scope, path, b"")
        if match is None:
            return request.id, _NOT_FOUND, None
        try:
            request = _request(scope, path, await _body(receive))
        except _TooLarge:
            return request.id, _TOO_LARGE, None
        verdict, refusal = await self._admit(request, match)
        answer = refusal or await self._invoke(request, match, verdict)
        return request.id, answer, verdict

    async def _admit(self, request: Request, match: Match) -> tuple[Verdict | None, Answer | None]:
        if match.route.authorizer is None:
            return None, None
        gatekeeper = self.gatekeepers[match.route.authorizer]
        identity = gatekeeper.identity_of(request)
        if identity is None:
            return None, _UNAUTHORIZED
        try:
            verdict: Verdict = await self._in_thread(gatekeeper.judge, identity, request, match)
        except (FunctionFailed, BadVerdict, TimeoutError):
            return None, _FAILED
        return verdict, None if verdict.is_authorized else _FORBIDDEN

    async def _invoke(self, request: Request, match: Match, verdict: Verdict | None) -> Answer:
        event = request_event(request, match, verdict.context if verdict else None)
        try:
            result = await self._in_thread(self.pools[match.route.function].invoke, event, request.id)
            return answer_of(result)
        except TimeoutError:
            return _TOO_SLOW
        except PayloadTooLarge:
            return _TOO_LARGE
        except (FunctionFailed, BadAnswer):
            return _FAILED

    async def _in_thread(self, function: Any, *arguments: Any) -> Any:
        loop = asyncio.get_running_loop()
        return await asyncio.wait_for(loop.run_in_executor(self._threads, function, *arguments), _ANSWER_WITHIN_S)

    def close(self) -> None:
        """End the threads."""
        self._threads.shutdown(wait=True)


def _request(scope: Message, path: str, body: bytes) -> Request:
    headers = tuple((name.decode("latin-1"), value.decode("latin-1")) for name, value in scope["headers"])
    client = (scope.get("client") or ("127.0.0.1", 0))[0]
    return Request(scope["method"], path, scope["query_string"].decode("latin-1"), headers, body, client)


async def _body(receive: Receive) -> bytes:
    body = bytearray()
    while True:
        part = await receive()
        body += part.get("body", b"")
        if len(body) > _MAX_BODY_BYTES:
            raise _TooLarge
        if not part.get("more_body"):
            return bytes(body)


def _tenant_of(verdict: Verdict | None) -> object:
    context = verdict.context if verdict else {}
    return context.get("tenant") or context.get("tenant_id")


async def _send(send: Send, answer: Answer, request_id: str) -> None:
    headers = [(name.encode("latin-1"), value.encode("latin-1")) for name, value in answer.headers]
    headers += [(b"content-length", str(len(answer.body)).encode()), (b"apigw-requestid", request_id.encode())]
    await send({"type": "http.response.start", "status": answer.status, "headers": headers})
    await send({"type": "http.response.body", "body": answer.body})
