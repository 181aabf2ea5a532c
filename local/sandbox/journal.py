"""The requests that the sandbox received, for tests to look at."""

from __future__ import annotations

import base64
from collections import deque
from dataclasses import asdict, dataclass
from threading import Lock

from local.sandbox.messages import Json, Request

KEPT_REQUESTS = 20_000


@dataclass
class Entry:
    """One received request. `status` is None while it is being answered, and when the connection was dropped."""

    number: int
    method: str
    path: str
    query: dict[str, str]
    headers: dict[str, str]
    body_base64: str
    status: int | None = None


class Journal:
    """The latest requests, oldest first; control requests are left out."""

    def __init__(self) -> None:
        self._entries: deque[Entry] = deque(maxlen=KEPT_REQUESTS)
        self._count = 0
        self._lock = Lock()

    def write(self, request: Request) -> Entry:
        body = base64.b64encode(request.body).decode()
        with self._lock:
            self._count += 1
            headers = dict(request.headers)
            entry = Entry(self._count, request.method, request.path, request.args, headers, body)
            self._entries.append(entry)
        return entry

    def listed(self, path_prefix: str = "") -> list[Json]:
        with self._lock:
            return [asdict(entry) for entry in self._entries if entry.path.startswith(path_prefix)]

    def clear(self) -> None:
        with self._lock:
            self._entries.clear()
            self._count = 0
