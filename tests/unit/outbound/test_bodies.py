"""Bodies are decompressed completely or refused, and never grow beyond the cap."""

import gzip
import itertools
import tracemalloc
import zlib
from collections.abc import Iterator

import pytest

from hub.core.errors import Refused, Retryable
from hub.outbound.bodies import decoded

TEXT = bytes(range(256)) * 2000
CAP = 1024 * 1024


def bare_deflate(data: bytes) -> bytes:
    stream = zlib.compressobj(wbits=-zlib.MAX_WBITS)
    return stream.compress(data) + stream.flush()


def in_chunks(data: bytes, size: int) -> Iterator[bytes]:
    for start in range(0, len(data), size):
        yield data[start : start + size]


def read(data: bytes, encoding: str, size: int = 1000, cap: int = CAP) -> bytes:
    return b"".join(decoded(in_chunks(data, size), encoding, cap, "a.example"))


@pytest.mark.parametrize("size", [1, 7, 100_000])
@pytest.mark.parametrize(
    ("encoding", "data"),
    [
        ("", TEXT),
        ("identity", TEXT),
        ("gzip", gzip.compress(TEXT, mtime=0)),
        ("GZIP, identity", gzip.compress(TEXT, mtime=0)),
        ("x-gzip", gzip.compress(TEXT[:1000], mtime=0) + gzip.compress(TEXT[1000:], mtime=0)),
        ("deflate", zlib.compress(TEXT)),
        ("deflate", bare_deflate(TEXT)),
        ("deflate, gzip", gzip.compress(zlib.compress(TEXT), mtime=0)),
    ],
)
def test_body_is_the_same_whatever_the_coding_and_the_chunks(encoding: str, data: bytes, size: int) -> None:
    assert read(data, encoding, size) == TEXT


def test_empty_body_is_empty_when_a_coding_is_named() -> None:
    """Answers to HEAD and 304 name the coding of a body they do not send."""
    assert read(b"", "gzip") == b""


@pytest.mark.parametrize("encoding", ["br", "zstd", "gzip, br", "gzip, gzip, gzip, gzip", "compress"])
def test_coding_is_refused_when_it_was_not_asked_for(encoding: str) -> None:
    with pytest.raises(Refused, match="content coding"):
        read(b"x", encoding)


@pytest.mark.parametrize(
    ("encoding", "data"),
    [
        ("gzip", b"not gzip at all"),
        ("gzip", gzip.compress(b"a", mtime=0) + b"rubbish"),
        ("deflate", b"\x78\x9c\xff\xff\xff"),
    ],
)
def test_damaged_body_is_refused(encoding: str, data: bytes) -> None:
    with pytest.raises(Refused, match="damaged"):
        read(data, encoding)


@pytest.mark.parametrize("encoding", ["gzip", "deflate"])
def test_compressed_body_is_worth_a_retry_when_it_ends_early(encoding: str) -> None:
    whole = gzip.compress(TEXT, mtime=0) if encoding == "gzip" else zlib.compress(TEXT)

    with pytest.raises(Retryable, match="ends early"):
        read(whole[:-5], encoding)


def test_cap_is_exact() -> None:
    assert len(read(b"x" * 1000, "", cap=1000)) == 1000
    with pytest.raises(Refused, match="more than 999 bytes"):
        read(b"x" * 1000, "", cap=999)


@pytest.mark.parametrize("layers", [1, 2, 3])
def test_bomb_stops_at_the_cap_without_taking_the_memory(layers: int) -> None:
    bomb = bytes(50 * 1024 * 1024)
    for _ in range(layers):
        bomb = gzip.compress(bomb, mtime=0)
    tracemalloc.start()

    with pytest.raises(Refused, match="more than"):
        read(bomb, ", ".join(["gzip"] * layers), size=65536)

    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 8 * CAP


def test_stream_of_empty_members_stops_at_the_cap() -> None:
    endless = itertools.repeat(gzip.compress(b"", mtime=0) * 100)

    with pytest.raises(Refused, match="more than"):
        list(decoded(endless, "gzip", CAP, "a.example"))
