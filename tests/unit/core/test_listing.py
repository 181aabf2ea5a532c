"""Pages of a counted list: every item once, in order, whatever the limit."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hub.core.errors import BadRequest
from hub.core.listing import Listing, PageQuery, page_of

SORTABLE = ("createdAt", "name")
# Few different names, so that ties are the rule.
ITEMS = st.lists(st.sampled_from(["a", "b", "B", "", "ä"]), max_size=40).map(
    lambda names: [
        {"sk": f"id{number:02}", "name": name, "createdAt": str(number)} for number, name in enumerate(names)
    ]
)


def make_items(*names: str | None) -> list[dict[str, Any]]:
    return [{"sk": f"id{number}", "name": name, "createdAt": str(number)} for number, name in enumerate(names)]


def ids(listing: Listing) -> list[str]:
    return [item["sk"] for item in listing.items]


def walk(items: list[dict[str, Any]], limit: int, sort_by: str, descending: bool) -> list[str]:
    seen: list[str] = []
    after = None
    for _ in range(len(items) + 1):
        page = page_of(items, PageQuery(limit, after=after, sort_by=sort_by, descending=descending), SORTABLE)
        seen += ids(page)
        if not page.has_more:
            return seen
        after = page.position
    raise AssertionError("the cursors never reach the end")


@given(ITEMS, st.integers(1, 12), st.sampled_from(SORTABLE), st.booleans())
def test_cursor_walk_sees_each_item_once_in_order(
    items: list[dict[str, Any]], limit: int, sort_by: str, descending: bool
) -> None:
    whole = ids(page_of(items, PageQuery(100, sort_by=sort_by, descending=descending), SORTABLE))

    seen = walk(items, limit, sort_by, descending)

    assert seen == whole
    assert sorted(seen) == [item["sk"] for item in items]


@given(ITEMS, st.integers(1, 12), st.booleans())
def test_offset_walk_sees_each_item_once(items: list[dict[str, Any]], limit: int, descending: bool) -> None:
    seen: list[str] = []
    for offset in range(0, len(items) + limit, limit):
        seen += ids(page_of(items, PageQuery(limit, offset, sort_by="name", descending=descending), SORTABLE))

    assert sorted(seen) == [item["sk"] for item in items]


def test_cursor_walk_misses_nothing_when_an_item_before_it_goes() -> None:
    items = make_items("a", "b", "c", "d")
    first = page_of(items, PageQuery(2), SORTABLE)

    rest = page_of(items[1:], PageQuery(2, after=first.position), SORTABLE)

    assert ids(first) + ids(rest) == ["id0", "id1", "id2", "id3"]


def test_equal_values_are_ordered_by_id() -> None:
    assert ids(page_of(make_items("x", "x", "a"), PageQuery(sort_by="name"), SORTABLE)) == ["id2", "id0", "id1"]
    assert ids(page_of(make_items("x", "x"), PageQuery(sort_by="name", descending=True), SORTABLE)) == ["id1", "id0"]


def test_missing_value_sorts_first() -> None:
    assert ids(page_of(make_items("a", None), PageQuery(sort_by="name"), SORTABLE)) == ["id1", "id0"]


def test_first_sortable_field_is_the_default_order() -> None:
    assert ids(page_of(make_items("b", "a"), PageQuery(), SORTABLE)) == ["id0", "id1"]


def test_sorting_by_another_field_is_refused_with_the_choice() -> None:
    with pytest.raises(BadRequest, match="createdAt, name"):
        page_of([], PageQuery(sort_by="secret"), SORTABLE)


def test_envelope_says_where_to_go_on_only_when_there_is_more() -> None:
    page, last = (page_of(make_items("a", "b", "c"), PageQuery(2, offset), SORTABLE) for offset in (0, 2))

    assert page.envelope("data", lambda item: item["name"], "CURSOR") == {
        "data": ["a", "b"],
        "total": 3,
        "limit": 2,
        "offset": 0,
        "hasMore": True,
        "nextOffset": 2,
        "nextCursor": "CURSOR",
    }
    assert last.envelope("data", lambda item: item["name"], None) == {
        "data": ["c"],
        "total": 3,
        "limit": 2,
        "offset": 2,
        "hasMore": False,
    }


def test_page_behind_the_end_is_empty() -> None:
    page = page_of(make_items("a"), PageQuery(offset=5), SORTABLE)

    assert (page.items, page.has_more, page.total) == ([], False, 1)


def test_query_is_read_with_its_defaults() -> None:
    assert PageQuery.of({}) == PageQuery(limit=50, offset=0, sort_by=None, descending=False)
    assert PageQuery.of({"limit": "100", "offset": "10000", "sortBy": "name", "sortOrder": "desc"}, ["a", "1"]) == (
        PageQuery(100, 10_000, ["a", "1"], "name", descending=True)
    )


@pytest.mark.parametrize(
    "limit",
    ["0", "101", "-1", "", "ten", "1.5", " 5", "+5", "²", "٣", "1_0", "00000000150000", "0" * 8 + "1" + "0" * 5000],
)
def test_limit_outside_1_to_100_is_refused(limit: str) -> None:
    with pytest.raises(BadRequest, match="`limit` must be a whole number from 1 to 100"):
        PageQuery.of({"limit": limit})


@pytest.mark.parametrize("offset", ["10001", "-1", "999999999", "9" * 5000])
def test_offset_above_10000_is_refused(offset: str) -> None:
    with pytest.raises(BadRequest, match="`offset` must be a whole number from 0 to 10000"):
        PageQuery.of({"offset": offset})


@pytest.mark.parametrize("order", ["up", "", "ASC", "asc,desc"])
def test_unknown_sort_order_is_refused(order: str) -> None:
    with pytest.raises(BadRequest, match="sortOrder"):
        PageQuery.of({"sortOrder": order})
