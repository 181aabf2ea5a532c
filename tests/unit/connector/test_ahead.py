"""Pages that are fetched before they are asked for: the same walk, with calls that overlap."""

import threading
from typing import Any

import pytest

from hub.connector.plan import PageRun
from hub.connector.position import Position
from hub.core.errors import Retryable
from hub.outbound.calls import Call, Reply
from tests.unit.connector.factories import Answer, Asked, Provider, asked_by, definition, endpoint, mapping, reply, run
from tests.unit.connector.test_pages import PAGINATION, ids, paged, shop, walk

WAIT_S = 10


class Slow(Provider):
    """A provider that answers nobody before `together` calls are there, and counts how many were at once."""

    def __init__(self, answer: Answer, together: int) -> None:
        super().__init__(answer)
        self.most, self._inside, self._lock = 0, 0, threading.Lock()
        self._together = threading.Barrier(together)

    def send(self, call: Call, *, timeout_s: float) -> Reply:
        with self._lock:
            self._inside += 1
            self.most = max(self.most, self._inside)
        try:
            if _is_late(asked_by(call)):
                self._together.wait(WAIT_S)
            return super().send(call, timeout_s=timeout_s)
        finally:
            with self._lock:
                self._inside -= 1


def _is_late(asked: Asked) -> bool:
    return 4 <= int(asked.query["page"]) <= 11


@pytest.mark.parametrize("kind", PAGINATION)
@pytest.mark.parametrize("total", [0, 1, 9, 10, 11, 95, 100])
def test_walk_is_the_same_with_pages_fetched_ahead(kind: str, total: int) -> None:
    raw = paged({**PAGINATION[kind], "maxLimit": 5})

    pages = list(walk(run(raw, Provider(shop(total)), most_ahead=8)))

    assert ids(pages) == [str(number) for number in range(total)]
    assert [page.stop_reason for page in pages] == [page.stop_reason for page in walk(run(raw, Provider(shop(total))))]


@pytest.mark.parametrize("kind", PAGINATION)
def test_no_page_is_asked_for_twice_and_none_behind_the_known_total(kind: str) -> None:
    provider = Provider(shop(100))

    list(walk(run(paged({**PAGINATION[kind], "maxLimit": 5}), provider, most_ahead=8)))

    urls = [asked.url for asked in provider.requests]
    assert len(urls) == len(set(urls)) <= 21


def test_independent_pages_are_under_way_together() -> None:
    """Pages 4 to 11 answer only when four of them are there: alone, none would ever."""
    provider = Slow(shop(11 * 5), together=4)

    pages = list(walk(run(paged({**PAGINATION["page"], "maxLimit": 5}), provider, most_ahead=8)))

    assert len(ids(pages)) == 55
    assert 4 <= provider.most <= 9


def test_most_ahead_is_a_bound() -> None:
    provider = Slow(shop(11 * 5), together=2)

    list(walk(run(paged({**PAGINATION["page"], "maxLimit": 5}), provider, most_ahead=2)))

    assert provider.most <= 3


def test_list_without_a_known_end_is_not_read_far_beyond_it() -> None:
    def endless(asked: Asked) -> Any:
        page = int(asked.query["page"])
        return {"items": [{"id": page}] if page <= 3 else []}

    provider = Provider(endless)

    pages = list(walk(run(paged(PAGINATION["page"]), provider, most_ahead=8)))

    assert ids(pages) == ["1", "2", "3"]
    assert len(provider.requests) <= 4 + 8


def test_large_pages_are_fetched_one_ahead() -> None:
    large = "x" * (9 * 1024 * 1024)
    provider = Provider(lambda asked: {"items": [{"id": asked.query["page"]}], "large": large, "total": 400})

    run(paged(PAGINATION["page"]), provider, most_ahead=8).fetch()

    assert len(provider.requests) <= 2


def test_page_whose_early_call_failed_is_asked_for_again_with_the_retries_it_is_due() -> None:
    failures = {"3": [reply({}, 503), reply({}, 503)]}

    def answer(asked: Asked) -> Any:
        waiting = failures.get(asked.query["page"], [])
        return waiting.pop() if waiting else shop(40)(asked)

    provider = Provider(answer)

    pages = list(walk(run(paged({**PAGINATION["page"], "maxLimit": 5}), provider, most_ahead=8)))

    assert ids(pages) == [str(number) for number in range(40)]
    assert failures == {"3": []}


def test_error_of_a_page_ahead_is_told_when_it_is_its_turn() -> None:
    def answer(asked: Asked) -> Any:
        return reply({}, 503) if asked.query["page"] == "3" else shop(40)(asked)

    pages = run(paged({**PAGINATION["page"], "maxLimit": 5}), Provider(answer), most_ahead=8)
    position: Position | None = None
    for _ in range(2):
        position = pages.fetch(position).next

    with pytest.raises(Retryable, match="503"):
        pages.fetch(position)


def test_call_that_may_not_be_repeated_is_never_sent_early() -> None:
    body = {"contentType": "application/json", "bodyType": "raw", "raw": "{}"}
    provider = Provider(shop(40))
    listed = endpoint(
        method="POST", body=body, pagination={**PAGINATION["page"], "maxLimit": 5}, responseMapping=mapping()
    )

    page = run(definition(listed), provider, most_ahead=8).fetch()

    assert page.next is not None
    assert len(provider.requests) == 1


def test_worker_that_leaves_forgets_what_was_under_way() -> None:
    provider = Provider(shop(40))
    pages: PageRun = run(paged({**PAGINATION["page"], "maxLimit": 5}), provider, most_ahead=8)
    position = pages.fetch().next
    pages.close()

    page = pages.fetch(position)

    assert [record.external_id for record in page.records] == ["5", "6", "7", "8", "9"]
