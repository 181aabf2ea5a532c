"""The one client for calls to other systems: guarded address, one deadline, capped body, typed errors.

It drives httpcore, the engine of httpx, directly: `httpx.Client` parses the URL a second time, keeps cookies, logs the
query string, and fails on a redirect whose Location it cannot read, even when it is told not to follow redirects.
"""

import logging
import ssl
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from functools import lru_cache
from typing import Self, cast

import certifi
import httpcore

from hub.core.errors import BadRequest, HubError, Retryable
from hub.outbound.bodies import decoded
from hub.outbound.calls import Call, NeverSent, Reply, check_call, full_url
from hub.outbound.connections import Connections
from hub.outbound.dialing import Dialer, Trip, underway
from hub.outbound.guard import Guard, Resolver, Target, system_resolver

__all__ = ["Call", "Client", "NeverSent", "Reply"]

MAX_BODY_BYTES = 20 * 1024 * 1024
MAX_CONNECTIONS = 100
# Many servers close an idle connection after 5 s; one of ours must not be in flight when they do.
KEEP_ALIVE_S = 4.0
DEFAULT_HEADERS = {"user-agent": "integration-hub/1", "accept": "*/*", "accept-encoding": "gzip"}

# Their debug lines hold whole requests, secrets included.
logging.getLogger("httpcore").setLevel(logging.WARNING)

# The first row that fits counts.
FAILURES: tuple[tuple[type[Exception], type[HubError], str], ...] = (
    (httpcore.ConnectTimeout, NeverSent, "could not be connected in time"),
    (httpcore.PoolTimeout, NeverSent, "could not be connected in time: all connections are in use"),
    (httpcore.TimeoutException, Retryable, "did not answer completely in time"),
    (httpcore.ConnectError, NeverSent, "could not be connected"),
    (httpcore.LocalProtocolError, BadRequest, "cannot be sent such a request"),
    (httpcore.ProtocolError, Retryable, "did not send a complete HTTP answer"),
    (httpcore.NetworkError, Retryable, "broke the connection"),
)


@lru_cache(maxsize=1)
def trusted_authorities() -> ssl.SSLContext:
    return ssl.create_default_context(cafile=certifi.where())


class Client:
    """Sends calls; threads may share it. Connections are reused, cookies are not kept, redirects are not followed."""

    def __init__(
        self,
        guard: Guard,
        *,
        max_body_bytes: int = MAX_BODY_BYTES,
        verify: ssl.SSLContext | None = None,
        resolver: Resolver = system_resolver,
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        self._guard = guard
        self._max_body_bytes = max_body_bytes
        self._now = now
        self._dialer = Dialer(guard, resolver)
        self._connections = Connections(verify or trusted_authorities(), self._dialer, MAX_CONNECTIONS, KEEP_ALIVE_S)

    def send(self, call: Call, *, timeout_s: float) -> Reply:
        """Try once and return the answer, whatever its status; `timeout_s` is for all of it, from look-up to last byte.

        Raises BadRequest (method or header), TargetForbidden, Retryable (NeverSent when nothing went out), Refused (too
        large, unreadable coding, bad certificate). Messages name the host, never the query or a header's value.
        """
        check_call(call)
        started = self._now()
        trip = Trip(self._guard.check_url(full_url(call)), started + timeout_s, self._now)
        token = underway.set(trip)
        try:
            with _typed_errors(trip.target.host):
                status, headers, body = self._exchange(call, trip)
        finally:
            underway.reset(token)
        return Reply(status, headers, body, elapsed_ms=round((self._now() - started) * 1000))

    def _exchange(self, call: Call, trip: Trip) -> tuple[int, dict[str, str], bytes]:
        with self._connections.answer(_request(call, trip), trip.remaining_s(httpcore.PoolTimeout)) as answer:
            headers = _joined(answer.headers)
            # The connection is synchronous; its type also allows an asynchronous stream.
            chunks = cast(Iterable[bytes], answer.stream)
            pieces = decoded(chunks, headers.get("content-encoding", ""), self._max_body_bytes, trip.target.host)
            return answer.status, headers, b"".join(_in_time(pieces, trip))

    def close(self) -> None:
        self._connections.close()
        self._dialer.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def _request(call: Call, trip: Trip) -> httpcore.Request:
    url = httpcore.URL(
        scheme=trip.target.scheme.encode(),
        host=trip.target.host.encode(),
        port=trip.target.port,
        target=trip.target.path.encode(),
    )
    headers = [(name.encode(), value.encode()) for name, value in _headers(call, trip.target).items()]
    return httpcore.Request(call.method, url, headers=headers, content=call.content)


def _headers(call: Call, target: Target) -> dict[str, str]:
    given = {name.lower(): value.strip() for name, value in call.headers.items()}
    length = {} if call.content is None and call.method in ("GET", "HEAD") else {"content-length": _length(call)}
    return {"host": target.authority} | DEFAULT_HEADERS | given | length


def _length(call: Call) -> str:
    return str(len(call.content or b""))


def _joined(headers: Iterable[tuple[bytes, bytes]]) -> dict[str, str]:
    joined: dict[str, str] = {}
    for raw_name, raw_value in headers:
        name, value = raw_name.decode("ascii").lower(), raw_value.decode("latin-1")
        joined[name] = f"{joined[name]}, {value}" if name in joined else value
    return joined


def _in_time(pieces: Iterable[bytes], trip: Trip) -> Iterator[bytes]:
    for piece in pieces:
        trip.remaining_s(httpcore.ReadTimeout)
        yield piece


@contextmanager
def _typed_errors(host: str) -> Iterator[None]:
    try:
        yield
    except (httpcore.TimeoutException, httpcore.NetworkError, httpcore.ProtocolError) as error:
        kind, text = next((kind, text) for caught, kind, text in FAILURES if isinstance(error, caught))
        # The engine's own words can hold a header's value: they stay out of the chain of a request it refused.
        raise kind(f"{host} {text}", host=host) from (None if kind is BadRequest else error)
