"""Batches of writes: several calls at once, and none under way when the batch is over."""

from threading import Barrier, Lock
from typing import Any, cast

import pytest

from hub.core.tables import BATCH_CALLS, Table

WAIT_S = 10


class Client:
    """A DynamoDB that answers nobody before `together` calls are there; `failing` calls fail."""

    def __init__(self, together: int = 1, failing: int = 0) -> None:
        self.written: list[str] = []
        self._together, self._failing, self._lock = Barrier(together), failing, Lock()
        self._inside = self.most = self.ended = 0

    def batch_write_item(self, **request: Any) -> dict[str, Any]:
        with self._lock:
            self._inside += 1
            self.most = max(self.most, self._inside)
            self._failing -= 1
            fails = self._failing >= 0
        self._together.wait(WAIT_S)
        with self._lock:
            self._inside -= 1
            self.ended += 1
            (chunk,) = request["RequestItems"].values()
            self.written += [] if fails else [write["PutRequest"]["Item"]["sk"]["S"] for write in chunk]
        if fails:
            raise ConnectionError("cut")
        return {}


def put(client: Client, count: int) -> None:
    Table(cast("Any", client), "documents").batch_put([{"pk": "t#d", "sk": f"{each:03}"} for each in range(count)])


def test_calls_of_a_batch_overlap() -> None:
    """Each waits for three others: one after the other, none would ever answer."""
    client = Client(together=4)

    put(client, 200)

    assert sorted(client.written) == [f"{each:03}" for each in range(200)]
    assert client.most == BATCH_CALLS


def test_no_call_is_under_way_when_a_failure_is_told() -> None:
    client = Client(together=4, failing=1)

    with pytest.raises(ConnectionError):
        put(client, 100)

    assert client.ended == 4
    assert len(client.written) == 75


def test_batch_of_one_call_needs_no_thread() -> None:
    client = Client()

    put(client, 25)

    assert (len(client.written), client.most) == (25, 1)
