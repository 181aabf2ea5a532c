"""Python values survive the way to DynamoDB attributes and back."""

import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hub.core.attributes import decode, decode_item, encode, encode_item

SCALARS = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text()
    | st.binary()
    | st.sets(st.text(), min_size=1)
)
VALUES = st.recursive(SCALARS, lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner), max_leaves=20)


def typed(value: Any) -> Any:
    """Return the value with its types, which == does not compare: 1 == True == 1.0."""
    if isinstance(value, list):
        return [typed(child) for child in value]
    if isinstance(value, dict):
        return {name: typed(child) for name, child in value.items()}
    return type(value), value


@given(VALUES)
def test_value_comes_back_equal_and_of_the_same_type(value: Any) -> None:
    assert typed(decode(encode(value))) == typed(value)


@given(st.dictionaries(st.text(min_size=1), VALUES, max_size=5))
def test_item_comes_back_equal(item: dict[str, Any]) -> None:
    assert decode_item(encode_item(item)) == item


@pytest.mark.parametrize(
    ("value", "attribute"),
    [
        (True, {"BOOL": True}),
        (1, {"N": "1"}),
        (-0.5, {"N": "-0.5"}),
        (None, {"NULL": True}),
        ((1, "a"), {"L": [{"N": "1"}, {"S": "a"}]}),
        (frozenset({"b", "a"}), {"SS": ["a", "b"]}),
    ],
)
def test_value_has_the_attribute_type_dynamodb_expects(value: Any, attribute: dict[str, Any]) -> None:
    assert encode(value) == attribute


def test_number_that_dynamodb_rewrote_keeps_its_value() -> None:
    """DynamoDB writes 1e16 as 10000000000000000."""
    assert decode({"N": "10000000000000000"}) == 1e16
    assert math.isclose(decode({"N": "0.1"}), 0.1)


def test_type_without_an_attribute_is_refused() -> None:
    with pytest.raises(KeyError):
        encode(object())
