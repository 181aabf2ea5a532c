import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hub.connector.plan import Page, PageRun
from hub.connector.position import Position
from hub.core.errors import BadRequest, Refused
from tests.unit.connector.factories import Answer, Asked, Json, Provider, definition, endpoint, mapping, reply, run

MOST_PAGES = 100

PAGINATION: dict[str, Json] = {
    "offset": {
        "type": "offset",
        "offsetParam": "offset",
        "limitParam": "limit",
        "endCondition": {"type": "empty_array"},
    },
    "page": {"type": "page", "pageParam": "page", "pageSizeParam": "limit", "endCondition": {"type": "empty_array"}},
    "cursor": {
        "type": "cursor",
        "cursorParam": "after",
        "cursorPath": "$.next",
        "limitParam": "limit",
        "endCondition": {"type": "cursor_null"},
    },
    "link": {
        "type": "link",
        "nextLinkPath": "$.link",
        "limitParam": "limit",
        "endCondition": {"type": "cursor_null"},
    },
    "header": {
        "type": "link",
        "nextLinkPath": "header:Link",
        "limitParam": "limit",
        "endCondition": {"type": "cursor_null"},
    },
}


def shop(total: int) -> Answer:
    """A provider of `total` items that speaks every kind of pagination and never gives more than `limit`."""

    def answer(asked: Asked) -> Any:
        limit = int(asked.query.get("limit", "10"))
        start = _start(asked, limit)
        end = min(start + limit, total)
        more = end < total
        url = f"/v1/items?start={end}&limit={limit}" if more else None
        items = [{"id": number} for number in range(start, end)]
        ends = {"next": f"c{end}" if more else None, "link": url, "more": more, "done": not more}
        page = {"items": items, **ends, "total": total}
        header: dict[str, Any] = {"link": f'<{url}>; rel="next", </v1/items>; rel="first"'} if url else {}
        return reply(page, **header)

    return answer


def _start(asked: Asked, limit: int) -> int:
    if "page" in asked.query:
        return (int(asked.query["page"]) - 1) * limit
    if "after" in asked.query:
        return int(asked.query["after"][1:])
    return int(asked.query.get("offset", asked.query.get("start", "0")))


def paged(pagination: Json, **changes: Any) -> Json:
    mapped = mapping(metadataMapping={"totalCount": "$.total"}, fieldMappings=[{"source": "$.id", "target": "id"}])
    return definition(endpoint(pagination=pagination, responseMapping=mapped, **changes))


def walk(pages: PageRun, start: Position | None = None) -> Iterator[Page]:
    """Give the pages as a sync does: the position goes through JSON each time."""
    page = pages.fetch(start)
    yield page
    for _ in range(MOST_PAGES):
        if page.next is None:
            return
        page = pages.fetch(Position.from_json(json.loads(json.dumps(page.next.to_json()))))
        yield page
    raise AssertionError(f"the walk did not end within {MOST_PAGES} pages")


def ids(pages: list[Page]) -> list[str | None]:
    return [record.external_id for page in pages for record in page.records]


@pytest.mark.parametrize("kind", PAGINATION)
@given(total=st.integers(0, 40), limit=st.integers(1, 15))
def test_walk_visits_every_record_once_whatever_the_page_size(kind: str, total: int, limit: int) -> None:
    provider = Provider(shop(total))

    pages = list(walk(run(paged({**PAGINATION[kind], "maxLimit": limit}), provider)))

    assert ids(pages) == [str(number) for number in range(total)]
    assert len(provider.requests) <= total // limit + 2
    assert all(page.total == total for page in pages)


@pytest.mark.parametrize("kind", PAGINATION)
def test_walk_goes_on_from_any_position(kind: str) -> None:
    raw = paged({**PAGINATION[kind], "maxLimit": 4})
    whole = list(walk(run(raw, Provider(shop(10)))))

    rest = list(walk(run(raw, Provider(shop(10))), whole[0].next))

    assert ids(rest) == [str(number) for number in range(4, 10)]


ENDS: list[tuple[str, Json, int, str, int]] = [
    ("offset", {"type": "empty_array"}, 20, "empty_page", 3),
    ("offset", {"type": "count_less_than_limit"}, 15, "short_page", 2),
    ("offset", {"type": "count_less_than_limit"}, 20, "empty_page", 3),
    ("offset", {"type": "has_more_field", "field": "$.more"}, 20, "has_more_false", 2),
    ("offset", {"type": "done_field", "field": "$.done"}, 20, "done_true", 2),
    ("page", {"type": "done_field", "field": "$.missing"}, 20, "empty_page", 3),
    ("offset", {"type": "total_reached", "field": "$.total"}, 20, "total_reached", 2),
    ("offset", {"type": "total_reached", "field": "$.total"}, 21, "total_reached", 3),
    ("offset", {"type": "total_reached", "field": "$.total"}, 0, "empty_page", 1),
    ("offset", {"type": "total_reached", "field": "$.absent"}, 20, "empty_page", 3),
    ("offset", {"type": "total_reached", "field": "$.more"}, 20, "empty_page", 3),
    ("page", {"type": "empty_array"}, 0, "empty_page", 1),
    ("page", {"type": "count_less_than_limit"}, 5, "short_page", 1),
    ("page", {"type": "has_more_field", "field": "$.more"}, 20, "has_more_false", 2),
    ("page", {"type": "has_more_field", "field": "$.absent"}, 20, "has_more_false", 1),
    ("cursor", {"type": "cursor_null"}, 20, "cursor_null", 2),
    ("cursor", {"type": "empty_array"}, 20, "cursor_null", 2),
    ("cursor", {"type": "count_less_than_limit"}, 5, "short_page", 1),
    ("cursor", {"type": "has_more_field", "field": "$.more"}, 20, "has_more_false", 2),
    ("link", {"type": "cursor_null"}, 20, "no_next_link", 2),
    ("link", {"type": "count_less_than_limit"}, 15, "short_page", 2),
    ("header", {"type": "cursor_null"}, 20, "no_next_link", 2),
    ("header", {"type": "has_more_field", "field": "$.more"}, 20, "has_more_false", 2),
]


@pytest.mark.parametrize(("kind", "end", "total", "reason", "requests"), ENDS)
def test_walk_ends_for_the_reason_that_is_recorded(
    kind: str, end: Json, total: int, reason: str, requests: int
) -> None:
    provider = Provider(shop(total))

    pages = list(walk(run(paged({**PAGINATION[kind], "maxLimit": 10, "endCondition": end}), provider)))

    assert (pages[-1].stop_reason, len(provider.requests)) == (reason, requests)
    assert all(page.stop_reason is None for page in pages[:-1])


def test_endpoint_without_pagination_has_one_page() -> None:
    page = run(definition(), Provider(shop(3))).fetch()

    assert (page.next, page.stop_reason, len(page.records)) == (None, "single_page", 3)


def test_page_says_what_its_call_was_like() -> None:
    raw = definition(endpoint(queryParams=[{"name": "q", "value": "private"}]))
    provider = Provider(lambda _: {"items": [{"id": 1}]})

    page = run(raw, provider).fetch()

    assert (page.method, page.url, page.status) == ("GET", "https://api.example.com/v1/items", 200)
    assert (page.elapsed_ms, page.body_bytes, page.attempts) == (7, 22, 1)


# What is sent


@pytest.mark.parametrize(
    ("kind", "first", "second"),
    [
        ("offset", {"limit": "100", "offset": "0"}, {"limit": "100", "offset": "100"}),
        ("page", {"limit": "100", "page": "1"}, {"limit": "100", "page": "2"}),
        ("cursor", {"limit": "100"}, {"limit": "100", "after": "c100"}),
        ("link", {"limit": "100"}, {"limit": "100", "start": "100"}),
    ],
)
def test_pages_are_asked_for_by_the_named_parameters(kind: str, first: Json, second: Json) -> None:
    provider = Provider(shop(150))

    list(walk(run(paged(PAGINATION[kind]), provider)))

    assert [asked.query for asked in provider.requests[:2]] == [first, second]


def test_walk_starts_where_the_endpoint_says() -> None:
    raw = paged(PAGINATION["page"], queryParams=[{"name": "page", "type": "number", "default": 0}, {"name": "q"}])
    provider = Provider(lambda asked: {"items": [{"id": 1}] if asked.query["page"] == "0" else []})

    list(walk(run(raw, provider, {"q": "x"})))

    assert [(asked.query["page"], asked.query["q"]) for asked in provider.requests] == [("0", "x"), ("1", "x")]


@pytest.mark.parametrize(("given", "expected"), [(20, "20"), (500, "50")])
def test_page_size_of_the_caller_counts_up_to_the_limit(given: int, expected: str) -> None:
    raw = paged({**PAGINATION["offset"], "maxLimit": 50}, queryParams=[{"name": "limit", "type": "number"}])
    provider = Provider(shop(0))

    run(raw, provider, {"limit": given}).fetch()

    assert provider.requests[0].query["limit"] == expected


def test_page_size_that_is_no_number_is_refused() -> None:
    raw = paged(PAGINATION["offset"], queryParams=[{"name": "limit"}])

    with pytest.raises(BadRequest, match="'limit'"):
        run(raw, Provider(shop(0)), {"limit": "many"})


def test_offset_advances_by_what_came_when_the_provider_gives_less() -> None:
    provider = Provider(lambda asked: {"items": [{"id": n} for n in range(7)][int(asked.query["offset"]) :][:3]})

    assert ids(list(walk(run(paged(PAGINATION["offset"]), provider)))) == [str(n) for n in range(7)]


@pytest.mark.parametrize("cursor", ["", None, False])
def test_blank_cursor_is_the_end(cursor: Any) -> None:
    page = run(paged(PAGINATION["cursor"]), Provider(lambda _: {"items": [{"id": 1}], "next": cursor})).fetch()

    assert page.stop_reason == "cursor_null"


@pytest.mark.parametrize(("cursor", "text"), [(0, "0"), (12, "12"), (5.0, "5"), ("a b&c", "a b&c")])
def test_cursor_is_sent_as_it_came(cursor: Any, text: str) -> None:
    provider = Provider(lambda asked: {"items": [], "next": None if "after" in asked.query else cursor})

    list(walk(run(paged(PAGINATION["cursor"]), provider)))

    assert provider.requests[1].query["after"] == text


@pytest.mark.parametrize("cursor", [{}, [1], True, "x" * 5000])
def test_cursor_of_another_shape_is_refused(cursor: Any) -> None:
    with pytest.raises(Refused, match="cursorPath"):
        run(paged(PAGINATION["cursor"]), Provider(lambda _: {"items": [], "next": cursor})).fetch()


# Loops


def looping(*cursors: str) -> Answer:
    """Gives the cursors in turn, for ever, with other records each time."""
    asked_before: list[int] = []

    def answer(_: Asked) -> Any:
        asked_before.append(1)
        return {"items": [{"id": len(asked_before)}], "next": cursors[(len(asked_before) - 1) % len(cursors)]}

    return answer


@pytest.mark.parametrize("cursors", [("a",), ("a", "b"), ("a", "b", "c")])
@pytest.mark.parametrize("kind", ["cursor", "link"])
def test_walk_that_goes_in_circles_is_stopped(kind: str, cursors: tuple[str, ...]) -> None:
    pagination = {**PAGINATION[kind], "nextLinkPath": "$.next"}

    pages = list(walk(run(paged(pagination), Provider(looping(*cursors)))))

    assert pages[-1].stop_reason == "repeated_page"
    assert len(pages) == len(cursors) + 1
    assert ids(pages) == [str(n + 1) for n in range(len(cursors) + 1)]


@pytest.mark.parametrize("length", [4, 7, 32])
def test_walk_in_a_large_circle_is_stopped_after_a_few_rounds(length: int) -> None:
    """Only a few places are remembered, however long the list is."""
    pagination = {**PAGINATION["cursor"], "nextLinkPath": "$.next"}

    pages = list(walk(run(paged(pagination), Provider(looping(*map(str, range(length)))))))

    assert pages[-1].stop_reason == "repeated_page"
    assert len(pages) <= 3 * length + 1


@pytest.mark.parametrize("kind", PAGINATION)
def test_provider_that_ignores_the_position_is_stopped(kind: str) -> None:
    def answer(_: Asked) -> Any:
        return reply({"items": [{"id": 1}], "next": "a", "link": "/v1/items?p=2"}, link='</v1/items?p=2>; rel="next"')

    pages = list(walk(run(paged(PAGINATION[kind]), Provider(answer))))

    assert pages[-1].stop_reason == "repeated_page"
    assert ids(pages) == ["1"]


def test_empty_pages_between_full_ones_are_passed() -> None:
    """Providers that filter after they cut answer `[]` several times in a row; the link says whether there is more."""
    answers = {"1": ("[]", "2"), "2": ("[]", "3"), "3": ('[{"id": 1}]', None)}

    def answer(asked: Asked) -> Any:
        body, following = answers[asked.query.get("p", "1")]
        header: dict[str, Any] = {"link": f'<?p={following}>; rel="next"'} if following else {}
        return reply(body=body.encode(), **header)

    raw = definition(endpoint(pagination=PAGINATION["header"], responseMapping=mapping(dataPath="$")))

    pages = list(walk(run(raw, Provider(answer))))

    assert (ids(pages), pages[-1].stop_reason) == (["1"], "no_next_link")


# Links


def linked(link: Any, auth: Json | None = None) -> tuple[Provider, PageRun]:
    def answer(asked: Asked) -> Any:
        return {"items": [{"id": asked.url}], "link": None if "p" in asked.query else link}

    provider = Provider(answer)
    return provider, run({**paged(PAGINATION["link"]), **({"auth": auth} if auth else {})}, provider)


@pytest.mark.parametrize(
    ("link", "url"),
    [
        ("https://api.example.com/v1/items?p=2", "https://api.example.com/v1/items?p=2"),
        ("https://API.example.com:443/x?p=2#top", "https://API.example.com:443/x?p=2"),
        ("/v2/items?p=2", "https://api.example.com/v2/items?p=2"),
        ("?p=2", "https://api.example.com/v1/items?p=2"),
        ("more?p=2", "https://api.example.com/v1/more?p=2"),
        ("//api.example.com/x?p=2", "https://api.example.com/x?p=2"),
        ("/x?p=a b", "https://api.example.com/x?p=a%20b"),
        ("/x?p=%2F&z=a+b&&y", "https://api.example.com/x?p=%2F&z=a+b&&y"),
    ],
)
def test_link_is_followed_within_its_origin(link: str, url: str) -> None:
    provider, pages = linked(link)

    list(walk(pages))

    assert provider.requests[1].url == url


@pytest.mark.parametrize(
    "link",
    [
        "https://evil.test/?p=2",
        "//evil.test/?p=2",
        "http://api.example.com/v1/items?p=2",
        "https://api.example.com:8443/?p=2",
        "https://api.example.com.evil.test/?p=2",
        "https://api.example.com@evil.test/?p=2",
        "https://api.example.com\\@evil.test/?p=2",
        "https://user:pw@api.example.com/?p=2",
        "https:\\\\evil.test/?p=2",
        "https://api.example.com:x/?p=2",
        "https://[evil/?p=2",
        "ht\ntps://evil.test/?p=2",
        "javascript:alert(1)",
        {"href": "/x"},
        "/x?p=" + "x" * 9000,
    ],
)
def test_link_that_leads_away_is_refused_and_not_followed(link: Any) -> None:
    provider, pages = linked(link, {"type": "bearer", "token": "a-secret-token"})

    with pytest.raises(Refused, match="next link"):
        pages.fetch()

    assert len(provider.requests) == 1


# Positions


def test_position_keeps_no_secret_of_a_link() -> None:
    auth = {"type": "api_key", "keyName": "api_key", "keyLocation": "query", "keyValue": "a-secret key&value"}
    provider, pages = linked("/v1/items?a=1&api_key=a-secret+key%26value&p=2", auth)

    first, second = list(walk(pages))

    assert first.next is not None
    assert first.next.link == "https://api.example.com/v1/items?a=1&p=2"
    assert provider.requests[1].pairs == [("a", "1"), ("p", "2"), ("api_key", "a-secret key&value")]
    assert "a-secret" not in repr((first.next, first.url, second.url))


@pytest.mark.parametrize("link", ["/x?p=2&token=a-secret%20token", "/a-secret%20token?p=2"])
def test_link_with_another_copy_of_a_secret_is_refused(link: str) -> None:
    _, pages = linked(link, {"type": "bearer", "token": "a-secret token"})

    with pytest.raises(Refused, match="secret"):
        pages.fetch()


def test_page_info_that_repeats_a_secret_is_left_out() -> None:
    mapped = mapping(metadataMapping={"pageInfo": "$.paging"})
    raw = definition(endpoint(responseMapping=mapped), auth={"type": "bearer", "token": "a-secret-token"})

    def info(paging: Any) -> Any:
        return run(raw, Provider(lambda _: {"items": [], "paging": paging})).fetch().page_info

    assert info({"next": "?token=a-secret-token"}) is None
    assert info({"next": "?p=2"}) == {"next": "?p=2"}


@pytest.mark.parametrize(
    "position",
    [
        Position("offset", offset=200, pages=2, last_body="ab"),
        Position("page", page=0),
        Position("cursor", cursor="a", pages=1, seen=("x", "y")),
        Position("cursor", cursor=5),
        Position("link", link="https://api.example.com/x", pages=9, last_body="ab", seen=("x",)),
    ],
)
def test_position_survives_json(position: Position) -> None:
    assert Position.from_json(json.loads(json.dumps(position.to_json()))) == position


@pytest.mark.parametrize(
    "change",
    [
        lambda raw: raw | {"kind": "other"},
        lambda raw: raw | {"offset": "1"},
        lambda raw: raw | {"offset": True},
        lambda raw: raw | {"pages": None},
        lambda raw: raw | {"seen": [1]},
        lambda raw: raw | {"seen": "ab"},
        lambda raw: raw | {"lastBody": 5},
        lambda _: {},
    ],
)
def test_position_of_another_shape_is_refused(change: Callable[[Json], Json]) -> None:
    raw = Position("offset", offset=1, pages=1, last_body="a", seen=()).to_json()

    assert Position.from_json(raw).offset == 1
    with pytest.raises(BadRequest):
        Position.from_json(change(raw))


def test_position_of_another_kind_of_pages_is_refused() -> None:
    with pytest.raises(BadRequest, match="'cursor'"):
        run(paged(PAGINATION["offset"]), Provider(shop(3))).fetch(Position("cursor", cursor="a"))
