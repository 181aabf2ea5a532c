import json
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from hub.connector.position import Position
from hub.core.errors import BadRequest
from tests.unit.connector.factories import Json

COUNT = st.integers(0, 10**15)
TEXT = st.text(st.characters(codec="utf-8"), max_size=20)
PLACES: dict[str, st.SearchStrategy[Any]] = {
    "offset": COUNT,
    "page": COUNT,
    "cursor": TEXT | st.integers() | st.floats(allow_nan=False, allow_infinity=False),
    "link": TEXT,
}


@st.composite
def positions(draw: st.DrawFn) -> Position:
    kind = draw(st.sampled_from([*PLACES, "first"]))
    place = {} if kind == "first" else {kind: draw(PLACES[kind])}
    seen = tuple(draw(st.lists(TEXT, max_size=3)))
    return Position(kind, pages=draw(COUNT), last_body=draw(TEXT), seen=seen, restarts=draw(COUNT), **place)


ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | TEXT,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT, inner, max_size=3),
    max_leaves=5,
)
WORDS = ("kind", "pages", "lastBody", "seen", "restarts", *PLACES)


@given(position=positions())
def test_position_comes_back_from_json_as_it_was(position: Position) -> None:
    assert Position.from_json(json.loads(json.dumps(position.to_json()))) == position


@given(raw=st.dictionaries(st.sampled_from(WORDS), ANYTHING | st.sampled_from([*PLACES, "first"])))
def test_whatever_is_read_as_a_position_is_one_or_is_refused(raw: Json) -> None:
    try:
        position = Position.from_json(raw)
    except BadRequest:
        return

    assert Position.from_json(position.to_json()) == position


@given(position=positions(), word=st.sampled_from(WORDS), value=ANYTHING)
def test_position_with_another_value_is_one_or_is_refused(position: Position, word: str, value: Any) -> None:
    try:
        changed = Position.from_json({**position.to_json(), word: value})
    except BadRequest:
        return

    assert Position.from_json(changed.to_json()) == changed
