"""What a process read a while ago and need not read again yet: at most ten seconds old, unless said otherwise."""

import time
from collections.abc import Callable
from threading import Lock
from typing import Generic, TypeVar

K = TypeVar("K")
V = TypeVar("V")

# Every change takes effect everywhere by then.
CACHED_S = 10.0


class Recent(Generic[K, V]):
    """Things by key, each read with `read` at most every `CACHED_S`; all are let go when `most` of them are kept."""

    def __init__(self, read: Callable[[K], V], most: int) -> None:
        self._read = read
        self._most = most
        self._kept: dict[K, tuple[float, V]] = {}
        self._lock = Lock()

    def get(self, key: K, fits: Callable[[V], bool] = lambda _: True) -> V:
        """Return a thing as it was at most `CACHED_S` ago; one that does not fit is read anew."""
        kept = self._kept.get(key)
        if kept and kept[0] > time.monotonic() and fits(kept[1]):
            return kept[1]
        read_at = time.monotonic()  # before reading: a change that comes meanwhile is not older than this
        found = self._read(key)
        with self._lock:
            if len(self._kept) >= self._most:
                self._kept.clear()
            self._kept[key] = (read_at + CACHED_S, found)
        return found

    def forget(self, key: K) -> None:
        """Read this one anew at the next question."""
        with self._lock:
            self._kept.pop(key, None)
