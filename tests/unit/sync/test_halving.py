"""How a refused batch is taken apart: every record is settled once, in order, by a bounded number of calls."""

from collections.abc import Set

import pytest

from hub.connector.batch_cutting import Batch, Item
from hub.connector.batches import BatchResult, RecordResult
from hub.core.errors import Refused, Retryable
from hub.sync.push.halving import MOST_REFUSED, Halving


class Provider:
    """It refuses a batch with one of its `bad` records, and fails at the call `fails_at`."""

    def __init__(self, bad: Set[int], fails_at: int = 0) -> None:
        self.bad, self.fails_at = bad, fails_at
        self.calls: list[list[int]] = []

    def send(self, batch: Batch) -> BatchResult:
        numbers = [item.index for item in batch.items]
        self.calls.append(numbers)
        if len(self.calls) == self.fails_at:
            raise Retryable("gone for a moment")
        if self.bad & set(numbers):
            raise Refused("no", status=422)
        return BatchResult(
            [RecordResult(each, "written", f"r{each}") for each in numbers], None, "POST", "/", 200, 1, 1
        )


def batch(count: int) -> Batch:
    return Batch(tuple(Item(number, {"n": number}, 10) for number in range(count)), 10 * count + 2)


@pytest.mark.parametrize("count", [1, 2, 3, 7, 16, 100])
@pytest.mark.parametrize("bad", [(), (0,), (0, 6), (1, 2, 50, 99)], ids=str)
def test_every_record_is_settled_once_and_only_the_bad_are_rejected(count: int, bad: tuple[int, ...]) -> None:
    provider = Provider({each for each in bad if each < count})

    settled = Halving(provider.send, lambda: False).settle(batch(count))

    assert [each.index for each in settled.results] == list(range(count))
    assert {each.index for each in settled.results if each.outcome == "rejected"} == provider.bad
    assert settled.calls == len(provider.calls) <= 1 + 2 * len(provider.bad) * 7


@pytest.mark.parametrize("count", [2, 100, 1000, 10_000])
def test_provider_that_refuses_everything_gets_a_bounded_number_of_calls(count: int) -> None:
    provider = Provider(set(range(count)))

    settled = Halving(provider.send, lambda: False).settle(batch(count))

    assert all(each.outcome == "rejected" for each in settled.results)
    assert len(settled.results) == count
    assert len(provider.calls) <= MOST_REFUSED + count.bit_length()


@pytest.mark.parametrize("fails_at", range(2, 8))
def test_failure_leaves_the_rest_unsettled_and_keeps_what_is(fails_at: int) -> None:
    provider = Provider({0}, fails_at)

    try:
        settled = Halving(provider.send, lambda: False).settle(batch(8)).results
    except Retryable:
        settled = []

    assert [each.index for each in settled] == list(range(len(settled)))
    assert (len(settled) > 0) == (fails_at > 4)  # 8, 4, 2, 1: the first that is settled is the fourth call


def test_batch_that_takes_too_long_stops_behind_a_settled_part() -> None:
    provider = Provider({0})

    settled = Halving(provider.send, lambda: True).settle(batch(8))

    assert [each.index for each in settled.results] == [0]
