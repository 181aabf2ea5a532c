"""Response bodies, decompressed piece by piece, so that a bomb never grows beyond the cap."""

import zlib
from collections.abc import Callable, Iterable, Iterator
from typing import Protocol

from hub.core.errors import Refused, Retryable

PIECE_BYTES = 64 * 1024
MOST_CODINGS = 3


class Decompressor(Protocol):
    @property
    def unconsumed_tail(self) -> bytes: ...
    @property
    def unused_data(self) -> bytes: ...
    @property
    def eof(self) -> bool: ...
    def decompress(self, data: bytes, max_length: int = ..., /) -> bytes: ...


def _gzip(_first: bytes) -> Decompressor:
    return zlib.decompressobj(zlib.MAX_WBITS | 16)


def _deflate(first: bytes) -> Decompressor:
    # "deflate" means the zlib format (RFC 9110, 8.4.1.2), but some servers send the bare stream.
    has_zlib_header = first[0] & 0x0F == zlib.DEFLATED
    return zlib.decompressobj(zlib.MAX_WBITS if has_zlib_header else -zlib.MAX_WBITS)


DECOMPRESSORS: dict[str, Callable[[bytes], Decompressor]] = {"gzip": _gzip, "x-gzip": _gzip, "deflate": _deflate}


def decoded(chunks: Iterable[bytes], content_encoding: str, max_bytes: int, host: str) -> Iterator[bytes]:
    """Yield the body without its content codings; no stage, wire included, passes more than `max_bytes`.

    Raises Refused (too large, another coding, damaged data) and Retryable (the data ends early).
    """
    pieces = _capped(chunks, max_bytes, host)
    for coding in reversed(_codings(content_encoding, host)):
        pieces = _capped(_inflated(pieces, DECOMPRESSORS[coding], host), max_bytes, host)
    return pieces


def _codings(content_encoding: str, host: str) -> list[str]:
    codings = [coding for coding in (part.strip().lower() for part in content_encoding.split(",")) if coding]
    codings = [coding for coding in codings if coding != "identity"]
    if len(codings) > MOST_CODINGS or not DECOMPRESSORS.keys() >= set(codings):
        raise Refused(f"{host} sent a body with a content coding other than gzip or deflate", host=host)
    return codings


def _capped(chunks: Iterable[bytes], max_bytes: int, host: str) -> Iterator[bytes]:
    total = 0
    for chunk in chunks:
        total += len(chunk)
        if total > max_bytes:
            raise Refused(f"{host} sent a body of more than {max_bytes} bytes", host=host, max_bytes=max_bytes)
        yield chunk


def _inflated(chunks: Iterable[bytes], make: Callable[[bytes], Decompressor], host: str) -> Iterator[bytes]:
    stream: Decompressor | None = None
    for chunk in chunks:
        rest = chunk
        while rest:
            if stream is None or stream.eof:  # several gzip members may follow each other (RFC 1952, 2.2)
                stream = make(rest)
            yield from _drain(stream, rest, host)
            rest = stream.unused_data if stream.eof else b""
    if stream is not None and not stream.eof:
        raise Retryable(f"{host} sent a compressed body that ends early", host=host)


def _drain(stream: Decompressor, data: bytes, host: str) -> Iterator[bytes]:
    while True:
        try:
            piece = stream.decompress(data, PIECE_BYTES)
        except zlib.error as error:
            raise Refused(f"{host} sent a compressed body that is damaged", host=host) from error
        if piece:
            yield piece
        data = stream.unconsumed_tail
        if stream.eof or (not data and len(piece) < PIECE_BYTES):
            return
