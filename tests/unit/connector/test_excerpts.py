import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hub.connector.authenticate import HIDDEN, Credentials
from hub.connector.excerpts import Excerpt, shown_request
from hub.outbound.calls import Call

SECRET = "abcdefgh-ijklmnop"
BUDGET = 200
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
)


def excerpt(budget: int = BUDGET) -> Excerpt:
    return Excerpt(Credentials(known=frozenset({SECRET})), budget)


@given(VALUES)
def test_excerpt_is_json_within_its_budget(value: Any) -> None:
    """A few bytes of brackets and one number may come on top."""
    shown = excerpt().copy(value)

    assert len(json.dumps(shown, ensure_ascii=False, allow_nan=False, separators=(",", ":")).encode()) < 2 * BUDGET


@given(st.text(max_size=20) | st.lists(st.text(max_size=3), max_size=5))
def test_excerpt_that_is_whole_is_the_value_itself(value: Any) -> None:
    made = excerpt()

    assert made.copy(value) == value
    assert made.is_whole


@pytest.mark.parametrize("before", range(len(SECRET)))
def test_no_part_of_a_secret_stays_at_the_cut(before: int) -> None:
    """Hidden secrets are shorter: the end of what was read, maybe half a secret, moves to where it would be shown."""
    shown = excerpt().text("x" * before + SECRET * 100)

    assert set(shown) <= {"x", *HIDDEN}
    assert shown.count(HIDDEN) > 10


def test_keys_and_numbers_are_hidden_too() -> None:
    made = Excerpt(Credentials(known=frozenset({"12345678"})), BUDGET)

    assert made.copy({"12345678": [12345678, "a12345678b", 1]}) == {HIDDEN: [HIDDEN, f"a{HIDDEN}b", 1]}
    assert made.is_whole


def test_deep_values_end_in_a_mark() -> None:
    deep: Any = []
    for _ in range(200):
        deep = [deep]

    made = excerpt(10_000)

    assert "…" in json.dumps(made.copy(deep), ensure_ascii=False)
    assert not made.is_whole


def test_request_is_shown_without_its_credentials() -> None:
    added = Credentials(
        headers={"x-key": "another-secret"}, query=(("key", SECRET),), known=frozenset({SECRET, "another-secret"})
    )
    call = Call("POST", "https://a.test/b?c=1", {"x-key": "another-secret", "x-a": "1"}, [("key", SECRET)], b"a=1")

    assert shown_request(call, added) == {
        "url": f"https://a.test/b?c=1&key={HIDDEN}",
        "method": "POST",
        "headers": {"x-key": HIDDEN, "x-a": "1"},
        "body": "a=1",
    }
