"""Walks with the parameters in the query, in headers and in bodies, as providers have them."""

import json
from typing import Any
from urllib.parse import parse_qs

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hub.connector.bodies import Body
from hub.connector.paging import paging
from hub.connector.position import Position
from hub.connector.requests import Draft
from hub.connector.response_config import Pagination
from hub.core.errors import BadRequest, Refused
from tests.unit.connector.factories import Answer, Asked, Json, Provider, definition, endpoint, mapping, run
from tests.unit.connector.test_pages import ids, walk

JSON, FORM = "application/json", "application/x-www-form-urlencoded"


def template(text: str, content_type: str = JSON) -> Json:
    return {"contentType": content_type, "bodyType": "template", "template": text}


def posted(pagination: Json, **changes: Any) -> Json:
    return definition(endpoint(method="POST", pagination=pagination, **changes))


def numbers(start: int, limit: int, total: int) -> list[Json]:
    return [{"id": number} for number in range(start, min(start + limit, total))]


# As they are


def notion(total: int) -> Answer:
    """Source: https://developers.notion.com/reference/intro#pagination"""

    def answer(asked: Asked) -> Any:
        body = asked.json
        start, limit = int(body.get("start_cursor", "c0")[1:]), body["page_size"]
        more = start + limit < total
        cursor = f"c{start + limit}" if more else None
        return {"results": numbers(start, limit, total), "has_more": more, "next_cursor": cursor}

    return answer


NOTION: Json = {
    "type": "cursor",
    "location": "body",
    "cursorParam": "start_cursor",
    "cursorPath": "$.next_cursor",
    "limitParam": "page_size",
    "endCondition": {"type": "has_more_field", "field": "$.has_more"},
}


@given(total=st.integers(0, 30), limit=st.integers(1, 12))
def test_cursor_in_the_body_visits_every_record_once(total: int, limit: int) -> None:
    provider = Provider(notion(total))
    body, mapped = template('{"sorts": [{"by": "{{by}}"}]}'), mapping(dataPath="$.results")
    raw = posted({**NOTION, "maxLimit": limit}, body=body, responseMapping=mapped)

    pages = list(walk(run(raw, provider, {"by": "name"})))

    assert ids(pages) == [str(number) for number in range(total)]
    assert pages[-1].stop_reason == "has_more_false"
    assert provider.requests[0].json == {"sorts": [{"by": "name"}], "page_size": limit}
    assert all(asked.json["sorts"] == [{"by": "name"}] for asked in provider.requests)


def stripe(total: int) -> Answer:
    """Source: https://docs.stripe.com/api/pagination"""

    def answer(asked: Asked) -> Any:
        start, limit = int(asked.query.get("starting_after", "-1")) + 1, int(asked.query["limit"])
        return {"data": numbers(start, limit, total), "has_more": start + limit < total}

    return answer


STRIPE: Json = {
    "type": "cursor",
    "cursorParam": "starting_after",
    "cursorPath": "$.data[-1].id",
    "limitParam": "limit",
    "maxLimit": 4,
    "endCondition": {"type": "has_more_field", "field": "$.has_more"},
}


@pytest.mark.parametrize("total", [0, 1, 4, 5, 12])
@pytest.mark.parametrize("end", [{"type": "has_more_field", "field": "$.has_more"}, None])
def test_last_id_as_the_cursor_visits_every_record_once(total: int, end: Json | None) -> None:
    """Without an end condition an empty page, which has no last record, is the end."""
    pagination = {name: value for name, value in {**STRIPE, "endCondition": end}.items() if value is not None}
    raw = definition(endpoint(pagination=pagination, responseMapping=mapping(dataPath="$.data")))

    pages = list(walk(run(raw, Provider(stripe(total)))))

    assert ids(pages) == [str(number) for number in range(total)]
    assert pages[-1].stop_reason == ("has_more_false" if end else "cursor_null")


def test_cursor_in_a_header_visits_every_record_once() -> None:
    def answer(asked: Asked) -> Any:
        start, limit = int(asked.headers.get("x-after", "0")), int(asked.headers["x-page-size"])
        return {"items": numbers(start, limit, 7), "next": start + limit if start + limit < 7 else None}

    provider = Provider(answer)
    raw = definition(
        endpoint(
            headers={"X-Page-Size": "3"},
            pagination={
                "type": "cursor",
                "location": "header",
                "cursorParam": "X-After",
                "cursorPath": "$.next",
                "limitParam": "X-Page-Size",
            },
        )
    )

    pages = list(walk(run(raw, provider)))

    assert ids(pages) == [str(number) for number in range(7)]
    assert [asked.headers.get("x-after") for asked in provider.requests] == [None, "3", "6"]
    assert {asked.url for asked in provider.requests} == {"https://api.example.com/v1/items"}


def by_page(asked: Asked) -> Any:
    page = asked.json["page"]
    return {"items": numbers((page["number"] - 1) * page["size"], page["size"], 10)}


def test_page_number_in_a_json_body_stays_a_number() -> None:
    provider = Provider(by_page)
    pagination = {
        "type": "page",
        "location": "body",
        "pageParam": "$.page.number",
        "pageSizeParam": "$.page.size",
        "maxLimit": 4,
        "endCondition": {"type": "count_less_than_limit"},
    }

    pages = list(walk(run(posted(pagination), provider)))

    assert ids(pages) == [str(number) for number in range(10)]
    assert [asked.json for asked in provider.requests] == [{"page": {"number": n, "size": 4}} for n in (1, 2, 3)]
    assert all(asked.headers["content-type"] == JSON for asked in provider.requests)


def test_request_that_needs_a_body_has_one_from_the_first_page_on() -> None:
    provider = Provider(lambda asked: {"items": [{"id": 1}], "next": None if asked.json else "a"})
    pagination = {"type": "cursor", "location": "body", "cursorParam": "after", "cursorPath": "$.next"}

    list(walk(run(posted(pagination), provider)))

    assert [asked.body for asked in provider.requests] == [b"{}", b'{"after":"a"}']


@pytest.mark.parametrize("body", [None, template('{"offset": null}'), template('{"offset": "{{from}}"}')])
def test_offset_in_a_json_body_is_added_up(body: Json | None) -> None:
    provider = Provider(lambda asked: {"items": numbers(asked.json["offset"], 3, 7), "total": 7})
    pagination = {"type": "offset", "location": "body", "offsetParam": "offset", "limitParam": "limit", "maxLimit": 3}
    changes = {"body": body} if body else {}
    mapped = mapping(metadataMapping={"totalCount": "$.total"})

    pages = list(walk(run(posted(pagination, responseMapping=mapped, **changes), provider, {"from": 0})))

    assert ids(pages) == [str(number) for number in range(7)]
    assert [asked.json["offset"] for asked in provider.requests] == [0, 3, 6, 7]
    assert {page.total for page in pages} == {7}


def test_page_number_in_a_form_replaces_its_own_value() -> None:
    def fields(asked: Asked) -> Json:
        return {name: values[0] for name, values in parse_qs((asked.body or b"").decode()).items()}

    provider = Provider(lambda asked: {"items": numbers(int(fields(asked)["page"]) * 2, 2, 3)})
    pagination = {"type": "page", "location": "body", "pageParam": "page"}

    pages = list(walk(run(posted(pagination, body=template("q=a b&page=0", FORM)), provider)))

    assert ids(pages) == ["0", "1", "2"]
    assert [fields(asked) for asked in provider.requests] == [{"q": "a b", "page": n} for n in ("0", "1", "2")]


# What goes wrong


@pytest.mark.parametrize("text", ['{"page": "two"}', '{"page": true}', '{"page": 1.5}', '{"page": -1}', '{"page": {}}'])
def test_first_page_that_is_no_number_is_refused(text: str) -> None:
    pagination = {"type": "page", "location": "body", "pageParam": "page"}

    with pytest.raises(BadRequest, match="'page'"):
        run(posted(pagination, body=template(text)), Provider(by_page))


def test_path_through_a_text_is_refused() -> None:
    pagination = {"type": "page", "location": "body", "pageParam": "$.page.number"}

    with pytest.raises(BadRequest, match=r"page\.number"):
        run(posted(pagination, body=template('{"page": "one"}')), Provider(by_page))


@pytest.mark.parametrize("cursor", ["a\r\nX-Admin: yes", "ü"])
def test_cursor_cannot_make_another_header(cursor: str) -> None:
    pagination = {"type": "cursor", "location": "header", "cursorParam": "X-After", "cursorPath": "$.next"}
    provider = Provider(lambda _: {"items": [{"id": 1}], "next": cursor})
    pages = run(definition(endpoint(pagination=pagination)), provider)

    with pytest.raises(Refused, match="'X-After'"):
        pages.fetch(pages.fetch().next)

    assert len(provider.requests) == 1


# Drafts


@pytest.mark.parametrize("name", ["cursor", "$.page.cursor", "$.list[1].cursor"])
def test_drafts_of_several_positions_are_independent(name: str) -> None:
    """Pages that are fetched ahead are built from one first draft."""
    config = {"type": "cursor", "location": "body", "cursorParam": name, "cursorPath": "$.next"}
    made = paging(Pagination.model_validate(config), frozenset())
    body = Body(JSON, {"page": {"sort": "a"}, "list": [{}, {}]}, b"as it came")
    first = made.start(Draft("POST", "https://api.example.com", {}, (), body))
    before = json.dumps(first.body.value if first.body else None)

    drafts = [made.at(first, Position("cursor", cursor=cursor)) for cursor in ("a", 2, "a")]

    sent = [draft.body.sent({})[1] for draft in drafts if draft.body]
    assert json.dumps(first.body.value if first.body else None) == before
    assert sent[0] == sent[2] != sent[1]
    assert [b'"cursor":"a"' in sent[0], b'"cursor":2' in sent[1]] == [True, True]


# Ends


def test_walk_ends_after_the_most_pages() -> None:
    provider = Provider(lambda asked: {"items": [{"id": asked.query["page"]}]})
    raw = definition(endpoint(pagination={"type": "page", "pageParam": "page", "maxPages": 3}))

    pages = list(walk(run(raw, provider)))

    assert ids(pages) == ["1", "2", "3"]
    assert [page.stop_reason for page in pages] == [None, None, "max_pages"]


def test_walk_that_ends_by_itself_says_so_even_at_the_most_pages() -> None:
    provider = Provider(lambda asked: {"items": [{"id": 1}] if asked.query["page"] == "1" else []})
    raw = definition(endpoint(pagination={"type": "page", "pageParam": "page", "maxPages": 2}))

    assert list(walk(run(raw, provider)))[-1].stop_reason == "empty_page"


def test_pages_behind_the_most_pages_are_not_fetched_ahead() -> None:
    provider = Provider(lambda asked: {"items": [{"id": asked.query["page"]}]})
    raw = definition(endpoint(pagination={"type": "page", "pageParam": "page", "maxPages": 3}))

    list(walk(run(raw, provider, most_ahead=8)))

    assert {asked.query["page"] for asked in provider.requests} == {"1", "2", "3"}


def clamping(last: int, parameter: str, limit: int = 2) -> Answer:
    """A provider that answers its last page for every place behind it."""

    def answer(asked: Asked) -> Any:
        asked_for = int(asked.query[parameter])
        page = asked_for - 1 if parameter == "page" else asked_for // limit
        return {"items": numbers(min(page, last - 1) * limit, limit, last * limit)}

    return answer


NUMBERED: dict[str, Json] = {
    "page": {"type": "page", "pageParam": "page"},
    "offset": {"type": "offset", "offsetParam": "offset", "limitParam": "limit", "maxLimit": 2},
}


@pytest.mark.parametrize("kind", NUMBERED)
def test_last_page_that_is_repeated_ends_the_walk(kind: str) -> None:
    provider = Provider(clamping(3, kind))

    pages = list(walk(run(definition(endpoint(pagination=NUMBERED[kind])), provider)))

    assert ids(pages) == [str(number) for number in range(6)]
    assert (pages[-1].stop_reason, len(provider.requests)) == ("last_page_repeated", 4)


@pytest.mark.parametrize("kind", NUMBERED)
def test_first_page_that_is_repeated_is_a_failure(kind: str) -> None:
    """Nothing says then that the provider heeds the parameter at all."""
    provider = Provider(clamping(1, kind))

    pages = list(walk(run(definition(endpoint(pagination=NUMBERED[kind])), provider)))

    assert (pages[-1].stop_reason, len(provider.requests)) == ("repeated_page", 2)


def test_first_page_that_is_repeated_after_a_restart_is_a_failure() -> None:
    """The pages that differed came before it."""
    provider = Provider(lambda _: {"items": [{"id": 1}]})
    pages = run(definition(endpoint(pagination=NUMBERED["page"])), provider)
    restarted = Position("first", pages=5, restarts=1)

    second = pages.fetch(restarted).next

    assert pages.fetch(second).stop_reason == "repeated_page"
