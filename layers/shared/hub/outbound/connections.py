"""Idle connections, kept per origin: a call takes one for itself, the one used last, or makes a new one.

httpcore's own pool looks at the socket of every idle connection at every request: with 50 of them that costs more than
the requests do.
"""

import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Lock, Semaphore

import httpcore

Key = tuple[bytes, bytes, int]


class Connections:
    """At most `most` requests at a time, and as many idle connections; threads may share it."""

    def __init__(
        self, ssl_context: ssl.SSLContext, backend: httpcore.NetworkBackend, most: int, keep_alive_s: float
    ) -> None:
        self._ssl_context, self._backend = ssl_context, backend
        self._most, self._keep_alive_s = most, keep_alive_s
        self._places = Semaphore(most)
        self._lock = Lock()
        # A dict is ordered: the connection that has been idle for longest comes first.
        self._idle: dict[httpcore.HTTPConnection, Key] = {}
        self._by_origin: dict[Key, list[httpcore.HTTPConnection]] = {}

    @contextmanager
    def answer(self, request: httpcore.Request, longest_s: float) -> Iterator[httpcore.Response]:
        """Send a request and give its answer for the length of the block; raises PoolTimeout and httpcore's errors."""
        if not self._places.acquire(timeout=longest_s):
            raise httpcore.PoolTimeout("all connections are in use")
        try:
            connection = self._take(request.url.origin)
            try:
                response = connection.handle_request(request)
                try:
                    yield response
                finally:
                    response.close()
            finally:
                self._give_back(connection, request.url.origin)
        finally:
            self._places.release()

    def close(self) -> None:
        with self._lock:
            idle, self._idle, self._by_origin = list(self._idle), {}, {}
        for connection in idle:
            connection.close()

    def _take(self, origin: httpcore.Origin) -> httpcore.HTTPConnection:
        while (found := self._pop(_key(origin))) is not None:
            if not found.has_expired():
                return found
            found.close()
        return httpcore.HTTPConnection(
            origin, self._ssl_context, keepalive_expiry=self._keep_alive_s, network_backend=self._backend
        )

    def _pop(self, key: Key) -> httpcore.HTTPConnection | None:
        with self._lock:
            known = self._by_origin.get(key)
            if not known:
                return None
            found = known.pop()
            del self._idle[found]
            if not known:
                del self._by_origin[key]
            return found

    def _give_back(self, connection: httpcore.HTTPConnection, origin: httpcore.Origin) -> None:
        """Keep a connection whose answer was read to its end; close any other, and the oldest where there are many."""
        if not connection.is_idle():
            connection.close()
            return
        with self._lock:
            self._idle[connection] = key = _key(origin)
            self._by_origin.setdefault(key, []).append(connection)
            oldest = self._surplus()
        if oldest is not None:
            oldest.close()

    def _surplus(self) -> httpcore.HTTPConnection | None:
        """Take out the connection that has been idle for longest, if there are too many."""
        if len(self._idle) <= self._most:
            return None
        oldest = next(iter(self._idle))
        key = self._idle.pop(oldest)
        self._by_origin[key].remove(oldest)
        if not self._by_origin[key]:
            del self._by_origin[key]
        return oldest


def _key(origin: httpcore.Origin) -> Key:
    return origin.scheme, origin.host, origin.port
