"""What every example promises, whatever the API it is for."""

import json
from dataclasses import replace
from pathlib import Path

import pytest

from hub.connector.plan import Position
from hub.core.errors import Refused, UpstreamError
from tests.parity.shapes import SHAPES, Shape
from tests.parity.walking import EXAMPLES, example, walking

GOLDEN = Path(__file__).parent / "golden"

each = pytest.mark.parametrize("shape", SHAPES, ids=lambda shape: shape.name)
with_cursor = pytest.mark.parametrize("shape", [shape for shape in SHAPES if shape.lost], ids=lambda shape: shape.name)


def test_every_example_has_a_shape() -> None:
    assert {path.stem for path in EXAMPLES.glob("*.json")} == {shape.name for shape in SHAPES}


@each
def test_every_record_comes_once_and_in_order(shape: Shape) -> None:
    with walking(example(shape.name), shape.server(shape.count), shape.setting) as walk:
        documents = walk.documents()

    assert list(documents) == shape.ids(shape.count)
    assert len(walk.api.requests) == shape.requests(shape.count)


@each
def test_pages_that_are_fetched_ahead_are_the_same(shape: Shape) -> None:
    with walking(example(shape.name), shape.server(shape.count), replace(shape.setting, most_ahead=4)) as walk:
        documents = walk.documents()

    assert list(documents) == shape.ids(shape.count)


@each
def test_walk_ends_by_itself_and_says_how(shape: Shape) -> None:
    with walking(example(shape.name), shape.server(shape.count), shape.setting) as walk:
        pages = walk.pages()

    assert [page.stop_reason for page in pages] == [None] * (len(pages) - 1) + [shape.stop]
    assert [page.total for page in pages] == [shape.count if shape.total else None] * len(pages)


@each
def test_documents_are_as_they_were_agreed(shape: Shape) -> None:
    golden = json.loads((GOLDEN / f"{shape.name}.json").read_text())

    with walking(example(shape.name), shape.server(shape.count), shape.setting) as walk:
        documents = walk.documents()

    assert {record_id: documents[record_id] for record_id in golden} == golden


@pytest.mark.parametrize("shape", [shape for shape in SHAPES if shape.can_be_empty], ids=lambda shape: shape.name)
def test_empty_account_has_no_records_and_is_no_error(shape: Shape) -> None:
    with walking(example(shape.name), shape.server(0), shape.setting) as walk:
        pages = walk.pages()

    assert [(page.records, page.stop_reason) for page in pages] == [([], shape.empty_stop or shape.stop)]
    assert len(walk.api.requests) == 1


@each
def test_wrong_credentials_are_told_as_such(shape: Shape) -> None:
    """What an example holds in place of a secret is wrong everywhere."""
    with (
        walking(example(shape.name), shape.server(3), replace(shape.setting, auth={})) as walk,
        pytest.raises(Refused) as caught,
    ):
        walk.pages()

    assert shape.denied in caught.value.message
    assert len(walk.api.requests) == 1


@each
def test_rate_limit_is_waited_for_and_loses_nothing(shape: Shape) -> None:
    with walking(example(shape.name), shape.server(shape.count), shape.setting) as walk:
        walk.api.instead.append(shape.limited)
        documents = walk.documents()

    assert list(documents) == shape.ids(shape.count)
    assert len(walk.api.requests) == shape.requests(shape.count) + 1


@each
def test_rate_limit_that_stays_is_an_error(shape: Shape) -> None:
    with walking(example(shape.name), shape.server(3), shape.setting) as walk:
        walk.api.instead.extend([shape.limited] * 10)
        with pytest.raises(UpstreamError) as caught:
            walk.pages()

    assert caught.value.retryable
    assert len(walk.api.requests) in (3, 4)


@with_cursor
def test_cursor_that_the_provider_does_not_know_is_an_error(shape: Shape) -> None:
    with walking(example(shape.name), shape.server(shape.count), shape.setting) as walk:
        first = walk.run.fetch()
        with pytest.raises(Refused) as caught:
            walk.run.fetch(_lost(shape, walk.api.url))

    assert first.next is not None
    assert shape.lost_message in caught.value.message


@pytest.mark.parametrize("shape", [shape for shape in SHAPES if shape.requests(shape.count) > 1], ids=lambda s: s.name)
def test_another_run_goes_on_where_the_first_was_stopped(shape: Shape) -> None:
    with walking(example(shape.name), shape.server(shape.count), shape.setting) as walk:
        first = walk.run.fetch()
    with walking(example(shape.name), shape.server(shape.count), shape.setting) as walk:
        rest = walk.pages(_moved(first.next, walk.api.url))

    ids = [record.external_id for page in [first, *rest] for record in page.records]
    assert ids == shape.ids(shape.count)


def _lost(shape: Shape, url: str) -> Position:
    assert shape.lost is not None
    return shape.lost if shape.lost.link is None else replace(shape.lost, link=url + shape.lost.link)


def _moved(position: Position | None, url: str) -> Position:
    """Links are absolute, and each server has a port of its own."""
    assert position is not None
    if position.link is None:
        return position
    return replace(position, link=url + "/" + position.link.split("/", 3)[3])
