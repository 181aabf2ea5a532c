"""An incremental endpoint whose watermark is a variable: it stands within a longer text, such as a query."""

import pytest

from hub.core.errors import BadRequest
from tests.unit.connector.factories import Json, Provider, definition, endpoint, problems_of, run, sent

QUERY = {"name": "q", "valueSource": "variable", "value": "SELECT Id FROM Contact WHERE Changed >= {{since}}"}
CONFIG = {"field": "$.changed", "param": "since", "location": "variable"}
LISTING = definition(endpoint(queryParams=[QUERY], incremental=CONFIG))


@pytest.mark.parametrize(
    ("params", "settings", "expected"),
    [({}, {"since": "1970-01-01"}, "1970-01-01"), ({"since": "2024-05-05"}, {"since": "1970-01-01"}, "2024-05-05")],
    ids=["setting", "param"],
)
def test_first_sync_asks_from_what_is_given(params: Json, settings: Json, expected: str) -> None:
    asked = sent(LISTING, params, settings=settings)

    assert asked.query["q"].endswith(f"Changed >= {expected}")


def test_later_sync_asks_from_the_watermark_whatever_is_given() -> None:
    asked = sent(LISTING, {"since": "1970-01-01"}, settings={"since": "1970-01-01"}, since="2024-01-01T00:00:00.000Z")

    assert asked.query["q"].endswith("Changed >= 2024-01-01T00:00:00.000Z")


def test_time_that_is_none_never_becomes_a_part_of_the_query() -> None:
    query = {**QUERY, "value": "SELECT Id FROM Contact WHERE Changed >= {{since | time}}"}
    listing = definition(endpoint(queryParams=[query], incremental=CONFIG))

    with pytest.raises(BadRequest, match="expected a time"):
        sent(listing, {"since": "2024-01-01T00:00:00Z OR Id != null"})

    assert sent(listing, {"since": "2024-01-01T00:00:00.000Z"}).query["q"].endswith(">= 2024-01-01T00:00:00.000Z")


def test_watermark_is_read_as_with_a_parameter() -> None:
    provider = Provider(lambda _: {"items": [{"id": "1", "changed": "2024-04-01T00:00:00Z"}]})

    page = run(LISTING, provider, {"since": "1970-01-01"}).fetch()

    assert page.watermark is not None


def test_variable_that_no_text_names_is_refused_on_save() -> None:
    problems = problems_of(definition(endpoint(incremental=CONFIG)))

    assert problems == {
        "/endpoints/0/incremental/param": "is in no text of the request; expected {{since}} where the time goes"
    }


def test_pages_after_the_first_are_asked_for_at_the_next_path_with_the_cursor_alone() -> None:
    pages = [{"items": [{"id": "1"}], "cursor": "c1"}, {"items": [{"id": "2"}], "cursor": ""}]
    provider = Provider(lambda _: pages[len(provider.requests) - 1])
    raw = endpoint(
        method="POST",
        queryParams=[{"name": "deep", "value": "1"}],
        body={"contentType": "application/json", "bodyType": "raw", "raw": '{"path": ""}'},
        idempotent=True,
        pagination={
            "type": "cursor",
            "location": "body",
            "cursorParam": "cursor",
            "cursorPath": "$.cursor",
            "nextPath": "/continue",
        },
    )
    walk = run(definition(raw), provider)

    first = walk.fetch()
    walk.fetch(first.next)

    assert [(asked.path, asked.query, asked.json) for asked in provider.requests] == [
        ("/v1/items", {"deep": "1"}, {"path": ""}),
        ("/v1/items/continue", {}, {"cursor": "c1"}),
    ]


@pytest.mark.parametrize("path", ["/../x", "/a/./b"])
def test_next_path_with_dots_is_refused_on_save(path: str) -> None:
    pagination = {"type": "cursor", "cursorParam": "c", "cursorPath": "$.c", "nextPath": path}

    assert "/endpoints/0/pagination/nextPath" in problems_of(definition(endpoint(pagination=pagination)))
