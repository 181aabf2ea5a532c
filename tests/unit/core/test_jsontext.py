"""JSON from strangers: what cannot be kept is refused with a 400, and nothing exhausts the parser."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hub.core import jsontext
from hub.core.errors import BadRequest

JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**64 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(codec="utf-8")),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(st.characters(codec="utf-8")), inner),
    max_leaves=20,
)


def nested(depth: int, innermost: str = "") -> bytes:
    return ("[" * depth + innermost + "]" * depth).encode()


@given(JSON)
def test_json_comes_back_as_it_was_dumped(value: Any) -> None:
    assert jsontext.parse(jsontext.dump(value).encode()) == value


@pytest.mark.parametrize("body", [b"NaN", b"[Infinity]", b'{"a": -Infinity}', b"[1e400]", b'{"a": [-1e400]}', b"1e999"])
def test_number_that_is_not_finite_is_refused(body: bytes) -> None:
    """1e400 is good JSON, but no number: it would be stored as null."""
    with pytest.raises(BadRequest):
        jsontext.parse(body)


def test_largest_numbers_are_kept() -> None:
    body = b"[1.7976931348623157e308, 18446744073709551615, -9223372036854775808, 1e-400]"

    assert jsontext.parse(body) == [1.7976931348623157e308, 2**64 - 1, -(2**63), 0.0]


@pytest.mark.parametrize(
    "number", ["18446744073709551616", "-9223372036854775809", "9" * 400, "9" * 5000, "-" + "9" * 250_000]
)
@pytest.mark.parametrize("form", ["%s", "[%s]", '{"a": {"b": %s}}'])
def test_whole_number_of_more_than_64_bits_is_refused(number: str, form: str) -> None:
    with pytest.raises(BadRequest):
        jsontext.parse((form % number).encode())


@pytest.mark.parametrize("body", [rb'"\ud800"', rb'{"a": "\udfff x"}', rb'{"\ud800": 1}', b'"\xff"', b'"\xed\xa0\x80"'])
def test_text_that_is_not_unicode_is_refused(body: bytes) -> None:
    with pytest.raises(BadRequest):
        jsontext.parse(body)


def test_surrogate_pair_is_one_character() -> None:
    assert jsontext.parse(rb'"\ud83d\ude00"') == "\N{GRINNING FACE}"


@pytest.mark.parametrize("innermost", ["", "1", '"x"'])
def test_64_levels_are_read_and_65_are_refused(innermost: str) -> None:
    assert jsontext.parse(nested(64, innermost)) == json.loads(nested(64, innermost))

    with pytest.raises(BadRequest, match="more than 64 levels"):
        jsontext.parse(nested(65, innermost))


@pytest.mark.parametrize("depth", [200, 1000, 100_000])
@pytest.mark.parametrize("opening", ["[", '{"a":', '[{"a":'])
def test_garbage_of_any_depth_is_refused_without_a_crash(opening: str, depth: int) -> None:
    with pytest.raises(BadRequest):
        jsontext.parse((opening * depth).encode())


def test_last_of_equal_keys_counts() -> None:
    assert jsontext.parse(b'{"a": 1, "a": 2}') == {"a": 2}


@pytest.mark.parametrize("body", [b"", b" ", b"{", b"{}{}", b"[1,]", b"'a'", b"\xef\xbb\xbf{}", b"tru", b"01", b"\x00"])
def test_what_is_no_json_is_refused(body: bytes) -> None:
    with pytest.raises(BadRequest, match="not JSON"):
        jsontext.parse(body)


def test_refusal_does_not_repeat_the_body() -> None:
    with pytest.raises(BadRequest) as refusal:
        jsontext.parse(b'{"password": "canary-1f2e" oops}')

    assert "canary" not in refusal.value.message


def test_canonical_form_is_the_same_for_any_order_of_keys() -> None:
    assert jsontext.canonical({"b": 1, "a": {"d": 2, "c": "ä"}}) == jsontext.canonical(
        {"a": {"c": "ä", "d": 2}, "b": 1}
    )
    assert jsontext.canonical([1, 2]) != jsontext.canonical([2, 1])


def test_hub_never_writes_a_number_that_is_not_finite() -> None:
    with pytest.raises(ValueError, match="Out of range"):
        jsontext.dump({"a": float("nan")})
