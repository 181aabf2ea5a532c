"""Pages of a list: limit and offset as the catalogue specification writes them, sorting, and cursors everywhere."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from hub.core.errors import BadRequest

DEFAULT_LIMIT = 50
MAX_LIMIT = 100
MAX_OFFSET = 10_000


@dataclass(frozen=True)
class PageQuery:
    limit: int = DEFAULT_LIMIT
    offset: int = 0
    after: Any = None
    sort_by: str | None = None
    descending: bool = False

    @classmethod
    def of(cls, query: Mapping[str, str], after: Any = None) -> "PageQuery":
        order = query.get("sortOrder", "asc")
        if order not in ("asc", "desc"):
            raise BadRequest(f"`sortOrder` must be asc or desc, found {order!r}.")
        return cls(
            limit=_whole(query, "limit", DEFAULT_LIMIT, 1, MAX_LIMIT),
            offset=_whole(query, "offset", 0, 0, MAX_OFFSET),
            after=after,
            sort_by=query.get("sortBy"),
            descending=order == "desc",
        )


def _whole(query: Mapping[str, str], name: str, default: int, least: int, most: int) -> int:
    text = query.get(name, str(default))
    if not (text.isascii() and text.isdigit() and len(text) <= 9 and least <= int(text) <= most):
        raise BadRequest(f"`{name}` must be a whole number from {least} to {most}, found {text[:40]!r}.")
    return int(text)


@dataclass(frozen=True)
class Listing:
    """One page of a counted list; `position` is what a cursor to the next page holds."""

    items: list[Any]
    total: int
    query: PageQuery
    start: int
    position: Any

    @property
    def has_more(self) -> bool:
        return self.start + len(self.items) < self.total

    def envelope(self, name: str, view: Callable[[Any], Any], next_cursor: str | None) -> dict[str, Any]:
        """Return `{name: [...], total, limit, offset, hasMore, nextOffset?, nextCursor?}`."""
        answer = {
            name: [view(item) for item in self.items],
            "total": self.total,
            "limit": self.query.limit,
            "offset": self.start,
            "hasMore": self.has_more,
        }
        if self.has_more:
            answer |= {"nextOffset": self.start + len(self.items), "nextCursor": next_cursor}
        return answer


def page_of(items: Iterable[Mapping[str, Any]], query: PageQuery, sortable: tuple[str, ...]) -> Listing:
    """Sort, count and cut items that fit in memory: configuration, of which a tenant has hundreds.

    The first of `sortable` is the default order. Equal values are ordered by id, so that no item is seen twice.
    """
    sort_by = query.sort_by or sortable[0]
    if sort_by not in sortable:
        raise BadRequest(f"`sortBy` must be one of {', '.join(sortable)}, found {sort_by!r}.")

    def rank(item: Mapping[str, Any]) -> list[str]:
        return [str(item.get(sort_by) or ""), item["sk"]]

    ordered = sorted(items, key=rank, reverse=query.descending)
    start = query.offset if query.after is None else _start_after(ordered, rank, query)
    chosen = ordered[start : start + query.limit]
    return Listing(chosen, len(ordered), query, start, rank(chosen[-1]) if chosen else None)


def _start_after(ordered: list[Mapping[str, Any]], rank: Callable[[Any], list[str]], query: PageQuery) -> int:
    passed = (rank(item) >= query.after if query.descending else rank(item) <= query.after for item in ordered)
    return sum(passed)
