"""Lists parted into what one call takes: so many things, and so much of them."""

from collections.abc import Callable, Iterable, Iterator
from typing import TypeVar

T = TypeVar("T")


def chunks(things: Iterable[T], most: int, most_size: int, size_of: Callable[[T], int]) -> Iterator[list[T]]:
    """Yield the things in lists of at most `most` with at most that size; a larger thing is alone in its list."""
    chunk: list[T] = []
    size = 0
    for thing in things:
        more = size_of(thing)
        if chunk and (len(chunk) == most or size + more > most_size):
            yield chunk
            chunk, size = [], 0
        chunk.append(thing)
        size += more
    if chunk:
        yield chunk
