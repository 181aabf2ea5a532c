"""A provider that hates secrets: whatever it is asked, it answers with everything it was sent."""

import base64
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qsl, quote

Json = dict[str, Any]


class EchoingProvider(ThreadingHTTPServer):
    """Answers `/v1/<status>/<form>` with that status in that form; `received` keeps every request as text."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Echo)
        self.received: list[str] = []
        self.url = f"http://127.0.0.1:{self.server_address[1]}"


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


@contextmanager
def echoing_provider() -> Iterator[EchoingProvider]:
    """Run one on a free port."""
    with EchoingProvider() as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
        thread.start()
        yield server
        server.shutdown()
        thread.join()
