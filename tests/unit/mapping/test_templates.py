"""Templates: what the data of an event becomes."""

from typing import Any

import pytest

from hub.mapping.config import Unfit
from hub.mapping.templates import MAX_NODES, BadTemplate, compile_template

EVENT = {
    "type": "order.paid",
    "data": {
        "id": 42,
        "name": "Ada",
        "paid": True,
        "none": None,
        "price": 5.0,
        "lines": [{"sku": "a", "n": 1}, {"sku": "b", "n": 2}],
        "odd name": "x",
    },
}


@pytest.mark.parametrize(
    ("template", "filled"),
    [
        ("$.data.id", 42),
        ("$", EVENT),
        ("$.data['odd name']", "x"),
        ("$.data.missing", None),
        ("$.data.none", None),
        ("$.data.lines", EVENT["data"]["lines"]),  # type: ignore[index]
        ("$.data.lines[*].sku", ["a", "b"]),
        ("$.data.lines[?@.n > 5].sku", []),
        ("Order {{$.data.id}} of {{ data.name }}", "Order 42 of Ada"),
        ("{{$.data.id}}", "42"),
        ("{{$.data.price}}/{{$.data.paid}}/{{$.data.none}}/{{$.gone}}", "5/true//"),
        ("{{$.data.lines[0]}}", '{"sku":"a","n":1}'),
        ("$5 off", "$5 off"),
        ("$$.data.id", "$.data.id"),
        ("plain", "plain"),
        (7, 7),
        (None, None),
        ({}, {}),
        (["$.data.id", "x"], [42, "x"]),
        ({"a": {"b": "$.data.name", "c": 1}}, {"a": {"b": "Ada", "c": 1}}),
        ({"$each": "$.data.lines", "do": {"s": "$.sku"}}, [{"s": "a"}, {"s": "b"}]),
        ({"$each": "$.data.lines[*].n", "do": "$"}, [1, 2]),
        ({"$each": "$.data.lines", "do": "same"}, ["same", "same"]),
        ({"$each": "$.data.id", "do": "$"}, [42]),
        ({"$each": "$.data.none", "do": "$"}, []),
        ({"$each": "$.gone", "do": "$"}, []),
    ],
)
def test_template_is_filled_as_documented(template: Any, filled: Any) -> None:
    assert compile_template(template)(EVENT) == filled


@pytest.mark.parametrize(
    ("template", "pointer"),
    [
        ({"a": "$.x["}, "/a"),
        ({"a": ["ok", "$..["]}, "/a/1"),
        ({"a/b": "{{$.x"}, "/a~1b"),
        ({"a": "{{}}"}, "/a"),
        ({"a": {"$each": "$.x"}}, "/a/do"),
        ({"a": {"$each": "$.x", "do": 1, "else": 2}}, "/a/else"),
        ({"a": {"$each": 1, "do": 1}}, "/a/$each"),
        ({"$if": "$.x"}, "/$if"),
        ([0] * MAX_NODES, ""),
    ],
)
def test_template_that_cannot_be_used_says_where(template: Any, pointer: str) -> None:
    with pytest.raises(BadTemplate) as refused:
        compile_template(template)

    assert refused.value.pointer == pointer


def test_template_that_is_nested_too_deep_is_refused() -> None:
    deep: Any = "$.x"
    for _ in range(2000):
        deep = [deep]

    with pytest.raises(BadTemplate):
        compile_template(deep)


def test_filled_template_of_excessive_size_is_refused() -> None:
    """Naming the whole document many times must not fill the memory of a worker that others share."""
    fill = compile_template(["$"] * 500)

    assert fill({"x": "small"}) == [{"x": "small"}] * 500
    with pytest.raises(Unfit):
        fill({"x": "y" * 100_000})
    with pytest.raises(Unfit):
        fill([0] * 10_000)


def test_template_does_not_change_between_documents() -> None:
    fill = compile_template({"id": "$.id", "fixed": {"a": [1]}})

    assert [fill({"id": 1}), fill({}), fill({"id": 2})] == [
        {"id": 1, "fixed": {"a": [1]}},
        {"id": None, "fixed": {"a": [1]}},
        {"id": 2, "fixed": {"a": [1]}},
    ]
