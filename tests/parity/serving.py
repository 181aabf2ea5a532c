"""An API on 127.0.0.1: a function from a request to an answer, served over HTTP/1.1 with connections that are kept."""

import json
import socket
import threading
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, parse_qsl, urlsplit

Json = dict[str, Any]


@dataclass(frozen=True)
class Request:
    """`path` is percent-encoded and without the query; header names are in lower case."""

    method: str
    path: str
    pairs: list[tuple[str, str]]
    headers: Mapping[str, str]
    body: bytes

    @property
    def query(self) -> dict[str, str]:
        return dict(self.pairs)

    @property
    def form(self) -> dict[str, str]:
        return {name: values[-1] for name, values in parse_qs(self.body.decode(), keep_blank_values=True).items()}

    @property
    def origin(self) -> str:
        return f"http://{self.headers['host']}"

    def json(self) -> Any:
        return json.loads(self.body)


@dataclass(frozen=True)
class Answer:
    """`content` is a JSON value, or `text` is sent as it is; neither is an answer without a body."""

    status: int
    content: Any = None
    headers: Mapping[str, str] = field(default_factory=dict)
    text: str | None = None

    @property
    def body(self) -> bytes:
        if self.text is not None:
            return self.text.encode()
        return b"" if self.content is None else json.dumps(self.content).encode()


class Refusal(Exception):
    """Ends the handling of a request with this answer."""

    def __init__(self, answer: Answer) -> None:
        super().__init__(answer.status)
        self.answer = answer


class Lost(Exception):
    """Ends the handling of a request without an answer: the connection breaks."""


Handle = Callable[[Request], Answer]


@dataclass
class Api:
    """A running server: `requests` are all it was sent, `instead` are answers that come before the handler's."""

    url: str
    handle: Handle
    requests: list[Request] = field(default_factory=list)
    instead: deque[Answer] = field(default_factory=deque)

    def answer(self, request: Request) -> Answer:
        self.requests.append(request)
        if self.instead:
            return self.instead.popleft()
        try:
            return self.handle(request)
        except Refusal as refusal:
            return refusal.answer


@contextmanager
def serving(handle: Handle) -> Iterator[Api]:
    """Serve until the block ends; close the client first, it keeps its connections."""
    with ThreadingHTTPServer(("127.0.0.1", 0), BaseHTTPRequestHandler) as server:
        api = Api(f"http://127.0.0.1:{server.server_port}", handle)
        server.RequestHandlerClass = _handler(api)
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
        thread.start()
        try:
            yield api
        finally:
            server.shutdown()
            thread.join(5)


def _handler(api: Api) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True

        def do_GET(self) -> None:
            try:
                self._send(api.answer(self._received()))
            except Lost:
                self._break()

        do_POST = do_PUT = do_PATCH = do_DELETE = do_GET  # noqa: N815  the names are those of http.server

        def _break(self) -> None:
            self.close_connection = True
            self.connection.shutdown(socket.SHUT_RDWR)

        def _received(self) -> Request:
            parts = urlsplit(self.path)
            headers = {name.lower(): value for name, value in self.headers.items()}
            body = self.rfile.read(int(headers.get("content-length", 0)))
            return Request(self.command, parts.path, parse_qsl(parts.query, keep_blank_values=True), headers, body)

        def _send(self, answer: Answer) -> None:
            body = answer.body
            self.send_response(answer.status)
            kind = "application/json" if answer.text is None else "text/plain"
            for name, value in {"Content-Type": kind, "Content-Length": str(len(body)), **answer.headers}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    return Handler
