"""A receiver of webhooks on loopback: notes what it gets, and answers as it is told."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Lock, Thread
from time import time


@dataclass(frozen=True)
class Received:
    path: str
    headers: dict[str, str]
    body: bytes
    at_s: float

    @property
    def id(self) -> str:
        return self.headers["webhook-id"]


@dataclass
class LoopbackReceiver:
    """`answers` says the status of a request from its number at that path, from 1; 200 where it says nothing."""

    url: str
    answers: Callable[[str, int], int] = lambda _path, _number: 200
    requests: list[Received] = field(default_factory=list)
    lock: Lock = field(default_factory=Lock)

    def take(self, received: Received) -> int:
        with self.lock:
            self.requests.append(received)
            number = sum(each.path == received.path for each in self.requests)
        return self.answers(received.path, number)

    def at(self, path: str) -> list[Received]:
        with self.lock:
            return [each for each in self.requests if each.path == path]


@contextmanager
def receiving() -> Iterator[LoopbackReceiver]:
    """Run a receiver for as long as the block lasts."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"]))
            headers = {name.lower(): value for name, value in self.headers.items()}
            status = receiver.take(Received(self.path, headers, body, time()))
            self.send_response(status)
            self.send_header("content-length", "0")
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    receiver = LoopbackReceiver(f"http://127.0.0.1:{server.server_address[1]}")
    thread = Thread(target=server.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    try:
        yield receiver
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
