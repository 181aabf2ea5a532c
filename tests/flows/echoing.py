"""A provider that hates secrets: whatever it is asked, it answers with everything it was sent.

Its token server gives tokens that are secrets too, and repeats what it was sent when it refuses.
"""

import base64
import json
import secrets
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qsl, quote

Json = dict[str, Any]


class EchoingProvider(ThreadingHTTPServer):
    """Answers `/v1/<status>/<form>` with that status in that form; `received` keeps every request as text.

    `POST /token` grants, `POST /refused` refuses a token; `granted` keeps every token by a name of its own.
    """

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Echo)
        self.received: list[str] = []
        self.granted: dict[str, str] = {}
        self.url = f"http://127.0.0.1:{self.server_address[1]}"

    def grant(self) -> Json:
        """Return a new pair of tokens."""
        number = len(self.granted)
        pair = {name: f"canary-{name}-/+{secrets.token_hex(12)}" for name in ("access_token", "refresh_token")}
        self.granted |= {f"{name} {number}": token for name, token in pair.items()}
        return {**pair, "token_type": "Bearer", "expires_in": 3600}


class _Echo(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        received = f"{self.path}\n{self.headers}"
        assert isinstance(self.server, EchoingProvider)
        self.server.received.append(received)
        status, form = self.path.split("?")[0].split("/")[2:4]
        body = self._body(form, received)
        self.send_response(int(status))
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.send_header("Location", f"/v1/200/plain?was={quote(received)}")
        self.end_headers()
        self.wfile.write(body)

    def do_POST(self) -> None:
        sent = self.rfile.read(int(self.headers["content-length"])).decode()
        received = f"{self.path}\n{self.headers}\n{sent}"
        assert isinstance(self.server, EchoingProvider)
        self.server.received.append(received)
        status, answer = (200, self.server.grant()) if self.path == "/token" else (400, _refusal(sent, received))
        body = json.dumps(answer).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def _body(self, form: str, received: str) -> bytes:
        query = (value for _, value in parse_qsl(self.path.partition("?")[2]))
        values = [*query, *(value.rpartition(" ")[2] for value in self.headers.values())]
        credential = max(values, key=len)
        answers: dict[str, Json] = {
            "plain": _error(values, received),
            "url": _error([quote(value, safe="") for value in values], received),
            "base64": _error([base64.b64encode(value.encode()).decode() for value in values], received),
            "records": {"results": [{"id": [value]} for value in values] + [{"id": "ok", "amount": values}]},
            "cursor": {"results": [{"id": "ok"}], "next": credential},
            "record": {"results": [{"id": "ok", "note": credential}]},
            "amount": {"results": [{"id": "ok", "amount": credential}]},
        }
        return received.encode() if form == "text" else json.dumps(answers[form]).encode()

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing: a test reads `received`."""


def _error(values: list[str], received: str) -> Json:
    return {"error": {"message": " ".join(values), "asked": received}}


def _refusal(sent: str, received: str) -> Json:
    values = " ".join(value for _, value in parse_qsl(sent))
    return {"error": f"invalid_grant {values}", "error_description": f"{sent} {received}"}


@contextmanager
def echoing_provider() -> Iterator[EchoingProvider]:
    """Run one on a free port."""
    with EchoingProvider() as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
        thread.start()
        yield server
        server.shutdown()
        thread.join()
