"""A server on 127.0.0.1 that answers exactly the bytes a test wants and remembers what reached it."""

import contextlib
import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

LOOPBACK = "127.0.0.0/8"


@dataclass(frozen=True)
class Received:
    head: str
    body: bytes
    client_port: int

    def header(self, name: str) -> str | None:
        lines = dict(line.split(": ", 1) for line in self.head.split("\r\n")[1:] if line)
        return {key.lower(): value for key, value in lines.items()}.get(name)


@dataclass
class Loopback:
    """`connections` counts what was accepted, also without a request; `hung_up` is set when a client has gone."""

    port: int
    requests: list[Received] = field(default_factory=list)
    connections: int = 0
    hung_up: threading.Event = field(default_factory=threading.Event)
    stopped: threading.Event = field(default_factory=threading.Event)

    def url(self, path: str = "/", scheme: str = "http", host: str = "127.0.0.1") -> str:
        return f"{scheme}://{host}:{self.port}{path}"

    def drip(self, connection: socket.socket, byte: bytes = b"a") -> None:
        """Send `byte` again and again until the client has gone; 20 s at most, so that a client that stays fails."""
        with contextlib.suppress(OSError):
            for _ in range(1000):
                if self.stopped.wait(0.02):
                    break
                connection.sendall(byte)
        self.hung_up.set()


Answer = Callable[[socket.socket, Received, Loopback], None]


def reply(body: bytes = b"ok", status: str = "200 OK", headers: str = "") -> Answer:
    """Return an answer that says its length and keeps the connection."""
    text = f"HTTP/1.1 {status}\r\nContent-Length: {len(body)}\r\n{headers}\r\n"
    return lambda connection, _request, _server: connection.sendall(text.encode() + body)


def raw(data: bytes) -> Answer:
    """Return an answer of these bytes, after which the connection is closed."""

    def send(connection: socket.socket, _request: Received, _server: Loopback) -> None:
        connection.sendall(data)
        connection.shutdown(socket.SHUT_RDWR)

    return send


@contextlib.contextmanager
def serving(answer: Answer | None, tls: ssl.SSLContext | None = None) -> Iterator[Loopback]:
    """Serve until the block ends. Without `answer` connections are accepted and nothing is read."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        server = Loopback(listener.getsockname()[1])
        open_connections: list[socket.socket] = []

        def accept() -> None:
            while not server.stopped.is_set():
                try:
                    connection, _ = listener.accept()
                except OSError:
                    return
                open_connections.append(connection)
                server.connections += 1
                if answer is not None:
                    threading.Thread(target=_talk, args=(connection, answer, server, tls), daemon=True).start()

        thread = threading.Thread(target=accept, daemon=True)
        thread.start()
        try:
            yield server
        finally:
            server.stopped.set()
            with contextlib.suppress(OSError):
                listener.shutdown(socket.SHUT_RDWR)
            thread.join(5)
            for connection in open_connections:
                connection.close()


def _talk(connection: socket.socket, answer: Answer, server: Loopback, tls: ssl.SSLContext | None) -> None:
    with contextlib.suppress(OSError):
        peer_port = connection.getpeername()[1]
        stream = tls.wrap_socket(connection, server_side=True) if tls else connection
        with stream:
            while (received := _receive(stream, peer_port)) is not None:
                server.requests.append(received)
                answer(stream, received, server)
    server.hung_up.set()


def _receive(connection: socket.socket, client_port: int) -> Received | None:
    data = b""
    while b"\r\n\r\n" not in data:
        chunk = connection.recv(65536)
        if not chunk:
            return None
        data += chunk
    head, _, body = data.partition(b"\r\n\r\n")
    received = Received(head.decode("latin-1"), body, client_port)
    missing = int(received.header("content-length") or 0) - len(body)
    while missing > 0:
        chunk = connection.recv(missing)
        body, missing = body + chunk, missing - len(chunk)
    return Received(received.head, body, client_port)
