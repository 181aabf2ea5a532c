"""A transaction that meets another one is tried again on another shard."""

from collections.abc import Sequence
from typing import Any, cast

import pytest

from hub.core.caller import Tenant
from hub.core.tables import Contended, Table, Tables, Write
from hub.webhooks import counters
from hub.webhooks.counters import Patience


class Busy:
    """Tables on which the first `times` transactions meet another one."""

    def __init__(self, times: int) -> None:
        self.left, self.written = times, 0

    def write(self, *_: Write) -> None:
        if self.left:
            self.left -= 1
            raise Contended("busy")
        self.written += 1


def commit(busy: Busy, chances: Sequence[float]) -> tuple[list[int], list[float]]:
    """Return the shards that were tried and the pauses between."""
    shards: list[int] = []
    pauses: list[float] = []
    chance = iter(chances)

    def writes(shard: int) -> Sequence[Write]:
        shards.append(shard)
        return ()

    counters.commit(cast(Tables, busy), writes, Patience(pauses.append, lambda: next(chance)))
    return shards, pauses


def test_contended_transaction_is_tried_on_another_shard() -> None:
    busy = Busy(2)

    shards, pauses = commit(busy, [0.0, 0.5, 0.5, 0.5, 0.999])

    assert shards == [0, 4, 7]
    assert pauses == [0.02, 0.04]
    assert busy.written == 1


def test_transaction_is_given_up_after_six_tries() -> None:
    busy = Busy(100)

    with pytest.raises(Contended):
        commit(busy, [0.5] * 20)

    assert busy.left == 100 - counters.TRIES
    assert busy.written == 0


def test_write_adds_numbers_and_sets_times_on_one_shard() -> None:
    table = cast(Table, type("Named", (), {"name": "activity"})())
    update = counters.write(table, Tenant("t1"), "sub_1", {"sent": 1}, {"lastTriggeredAt": "now"}, 30, 3)

    assert update.key == {"pk": "t1#count#sub_1", "sk": "3"}
    assert update.change == "SET lastTriggeredAt = :at_lastTriggeredAt, expiresEpochS = :expires ADD sent :add_sent"
    values: dict[str, Any] = dict(update.values)
    assert (values["add_sent"], values["at_lastTriggeredAt"]) == (1, "now")
