"""Connections to the addresses the guard has checked, each read and write within the time the call has left."""

import ssl
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any

import httpcore

from hub.core.errors import Refused, TargetForbidden
from hub.outbound.addresses import parse_address
from hub.outbound.calls import NeverSent
from hub.outbound.guard import Guard, Resolver, Target

# A name with hundreds of dead addresses must not use up the time of the call.
MOST_DIALS = 4
LOOKUP_THREADS = 4


@dataclass(frozen=True)
class Trip:
    """One call on its way: where it goes and when (`now`'s seconds) it must be over."""

    target: Target
    ends_at: float
    now: Callable[[], float]

    def remaining_s(self, error: type[httpcore.TimeoutException]) -> float:
        left_s = self.ends_at - self.now()
        if left_s <= 0:
            raise error("the time of the call is over")
        return left_s


# A connection is used by one thread at a time but outlives the call, so the deadline comes from the call under way.
underway: ContextVar[Trip] = ContextVar("underway")


class TimedStream(httpcore.NetworkStream):
    """A connection whose reads and writes end at the deadline of the call under way, however slowly bytes move."""

    def __init__(self, stream: httpcore.NetworkStream) -> None:
        self._stream = stream

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:  # noqa: ARG002
        return self._stream.read(max_bytes, underway.get().remaining_s(httpcore.ReadTimeout))

    def write(self, buffer: bytes, timeout: float | None = None) -> None:  # noqa: ARG002
        sock = self._stream.get_extra_info("socket")
        rest = memoryview(buffer)
        try:
            while rest:
                sock.settimeout(underway.get().remaining_s(httpcore.WriteTimeout))
                rest = rest[sock.send(rest) :]
        except TimeoutError as error:
            raise httpcore.WriteTimeout("the time of the call is over") from error
        except OSError as error:
            raise httpcore.WriteError("the connection broke") from error

    def start_tls(
        self,
        ssl_context: ssl.SSLContext,
        server_hostname: str | None = None,
        timeout: float | None = None,  # noqa: ARG002
    ) -> httpcore.NetworkStream:
        trip = underway.get()
        try:
            left_s = trip.remaining_s(httpcore.ConnectTimeout)
            return TimedStream(self._stream.start_tls(ssl_context, server_hostname, left_s))
        except httpcore.ConnectError as error:
            if isinstance(error.__cause__, ssl.SSLCertVerificationError):
                reason = error.__cause__.verify_message
                raise Refused(f"The certificate of {server_hostname} is not valid: {reason}") from error
            raise

    def close(self) -> None:
        self._stream.close()

    def get_extra_info(self, info: str) -> Any:
        return self._stream.get_extra_info(info)


class Dialer(httpcore.NetworkBackend):
    """Looks a name up once, has every answer checked, and dials a checked literal; TLS still names the host."""

    def __init__(self, guard: Guard, resolver: Resolver, backend: httpcore.NetworkBackend | None = None) -> None:
        self._guard = guard
        self._resolver = resolver
        self._backend = backend or httpcore.SyncBackend()
        self._lookups = ThreadPoolExecutor(LOOKUP_THREADS, thread_name_prefix="lookup")

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,  # noqa: ARG002
        local_address: str | None = None,  # noqa: ARG002
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore.NetworkStream:
        trip = underway.get()
        if (host, port) != (trip.target.host, trip.target.port):
            raise TargetForbidden(f"Expected a connection to {trip.target.host!r}, found {host!r}")
        return TimedStream(self._dial_any(trip, self._literals(trip)[:MOST_DIALS], socket_options))

    def close(self) -> None:
        self._lookups.shutdown(wait=False, cancel_futures=True)

    def _literals(self, trip: Trip) -> list[str]:
        """Look up in another thread: nothing can interrupt the system's resolver, but the call need not wait for it."""
        if trip.target.address is not None:
            return self._guard.resolve(trip.target)
        left_s = trip.remaining_s(httpcore.ConnectTimeout)
        lookup = self._lookups.submit(self._guard.resolve, trip.target, self._resolver)
        try:
            return lookup.result(left_s)
        except TimeoutError as error:
            lookup.cancel()
            raise httpcore.ConnectTimeout("no answer to the look-up") from error
        except OSError as error:
            raise NeverSent(f"No address was found for {trip.target.host}", host=trip.target.host) from error

    def _dial_any(self, trip: Trip, literals: list[str], options: Iterable[Any] | None) -> httpcore.NetworkStream:
        failure: httpcore.ConnectError | httpcore.ConnectTimeout | None = None
        for dials_left, literal in zip(range(len(literals), 0, -1), literals, strict=True):
            share_s = trip.remaining_s(httpcore.ConnectTimeout) / dials_left
            try:
                return self._dial(trip, literal, share_s, options)
            except (httpcore.ConnectError, httpcore.ConnectTimeout) as error:
                failure = error
        raise failure or httpcore.ConnectError("no address to dial")

    def _dial(
        self, trip: Trip, literal: str, timeout_s: float, options: Iterable[Any] | None
    ) -> httpcore.NetworkStream:
        stream = self._backend.connect_tcp(literal, trip.target.port, timeout_s, None, options)
        try:
            _check_peer(trip.target, literal, stream)
        except BaseException:
            stream.close()
            raise
        return stream


def _check_peer(target: Target, literal: str, stream: httpcore.NetworkStream) -> None:
    try:
        peer = str(stream.get_extra_info("server_addr")[0])
    except OSError as error:
        raise httpcore.ConnectError("the connection broke") from error
    if parse_address(peer) != parse_address(literal):
        raise TargetForbidden(
            f"Expected {literal} at the other end for {target.host!r}, found {peer}", host=target.host
        )
