"""Pages that change nothing, done together: held back for a moment, compared in one read, one checkpoint for them all.

    fetch -> hold (1,000 records, half a second) -> compare -> stretch of unchanged pages | page that changes something

Pages are held while those before them changed nothing and the source is quick. One that changes anything is stored by
itself, of what it reads itself: by the time its turn comes, the read of all of them is old. So at most one page is
written behind a cancellation, and a crash repeats what it repeated before.
"""

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import groupby
from typing import Any

from hub.connector.plan import Page, Position
from hub.core import jsontext
from hub.core.errors import HubError
from hub.sync.pull.intake import Sorted

Json = dict[str, Any]

MOST_RECORDS = 1000
# Of answers, as they came: what is held is in memory.
MOST_BYTES = 4 * 1024 * 1024
LONGEST_S = 0.5
# A source that takes longer for a page is not worth waiting for.
SLOW_S = 0.25


@dataclass(frozen=True)
class Taken:
    """A page, or a stretch of `count` pages, from the job's page `number` on; an unchanged one has nothing to write."""

    page: Page
    sorted_out: Sorted
    number: int
    count: int = 1
    is_unchanged: bool = False

    @property
    def is_last(self) -> bool:
        return self.page.next is None


@dataclass(frozen=True)
class Source:
    """Where pages come from: `fetch` is given a position and the time (`time.monotonic()`) when its wait began."""

    fetch: Callable[[Position | None, float], Page]
    sort_out: Callable[[Page], Sorted]
    # Says of each of several pages whether it has nothing to write.
    are_unchanged: Callable[[Sequence[Taken]], Sequence[bool]]
    watch: Callable[[], float] = time.monotonic
    may_hold: bool = True


@dataclass
class Stretches:
    """The pages of a run. `is_quiet` is set by who stores them: the last one changed nothing."""

    source: Source
    is_quiet: bool = False

    def of(self, job: Json) -> Iterator[Taken]:
        """Yield pages and stretches in their order up to the last page; raises what the source raises.

        What came before a fault is yielded first. Whoever takes the next one has stored the one before.
        """
        position, number = position_of(job), job["page"]
        while True:
            held, fault = self._held(position, number)
            yield from self._parted(held)
            if fault is not None:
                raise fault
            if held[-1].is_last:
                return
            position, number = held[-1].page.next, held[-1].number + 1

    def _held(self, position: Position | None, number: int) -> tuple[list[Taken], HubError | None]:
        """Return at least one page, and the fault behind it, if any."""
        source, held = self.source, list[Taken]()
        began, since = time.monotonic(), source.watch()
        while True:
            asked = source.watch()
            try:
                page = source.fetch(position, began)
            except HubError as fault:
                if not held:
                    raise
                return held, fault
            held.append(Taken(page, source.sort_out(page), number + len(held)))
            now = source.watch()
            is_slow = now - asked > SLOW_S or now - since > LONGEST_S
            if is_slow or not self.is_quiet or not source.may_hold or not _has_room(held):
                return held, None
            position = page.next

    def _parted(self, held: Sequence[Taken]) -> Iterator[Taken]:
        if len(held) == 1:
            yield held[0]
            return
        judged = zip(self.source.are_unchanged(held), held, strict=True)
        for is_unchanged, some in groupby(judged, key=lambda each: each[0]):
            pages = [taken for _, taken in some]
            yield from [_joined(pages)] if is_unchanged else pages


def position_of(job: Json) -> Position | None:
    return Position.from_json(jsontext.load(job["position"])) if job["position"] else None


def _has_room(held: Sequence[Taken]) -> bool:
    """Say whether another page like the last one may be held too."""
    last = held[-1].page
    records = sum(len(taken.page.records) or 1 for taken in held) + len(last.records)
    held_bytes = sum(taken.page.body_bytes for taken in held) + last.body_bytes
    return not held[-1].is_last and records <= MOST_RECORDS and held_bytes <= MOST_BYTES


def _joined(pages: Sequence[Taken]) -> Taken:
    """Return unchanged pages as one: what was called and counted in sum, the rest as the last one says it."""
    first, last = pages[0], pages[-1].page
    if len(pages) == 1:
        return replace(first, is_unchanged=True)
    each = [taken.page for taken in pages]
    page = replace(
        last,
        records=[record for page in each for record in page.records],
        total=next((page.total for page in reversed(each) if page.total is not None), None),
        elapsed_ms=sum(page.elapsed_ms for page in each),
        body_bytes=sum(page.body_bytes for page in each),
        attempts=sum(page.attempts for page in each),
        validators=None,  # they are of a list that fits on one page
        watermark=max((page.watermark for page in each if page.watermark is not None), default=None),
        raw={},
    )
    accepted = [document for taken in pages for document in taken.sorted_out.accepted]
    return Taken(page, Sorted(accepted), first.number, len(pages), is_unchanged=True)
