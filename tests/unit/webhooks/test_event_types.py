"""Names of event types, and schemas within bounds."""

import json
from typing import Any

import pytest

from hub.core import json_schema
from hub.core.errors import BadRequest
from hub.webhooks.events.built_in_types import BUILT_IN, BY_ALIAS
from hub.webhooks.events.event_types import NO_NAMES, Names, canonical, is_alias, is_name, is_reserved

NAMES = Names({"order.paid": {"aliases": ["ORDER_PAID", "paid"], "schema": ""}}, 1)


@pytest.mark.parametrize(
    ("name", "stands_for"),
    [
        ("contact.created", "contact.created"),
        ("CONTACT_CREATED", "contact.created"),
        ("CARD_VIEW", "card.viewed"),
        ("LINK_CLICK", "link.clicked"),
        ("SUBSCRIPTION_UPDATED", "subscription.updated"),
        ("ORDER_PAID", "order.paid"),
        ("paid", "order.paid"),
        ("unheard.of", "unheard.of"),
    ],
)
def test_name_or_alias_stands_for_one_type(name: str, stands_for: str) -> None:
    assert canonical(NAMES, name) == stands_for


@pytest.mark.parametrize(
    "name", ["", "ORDER_PAID", "Order.Paid", "a.", ".a", "a..b", "a b", "*", "a.*", "a\n", "é", "a" * 129]
)
def test_name_that_stands_for_nothing_is_refused(name: str) -> None:
    with pytest.raises(BadRequest):
        canonical(NO_NAMES, name)


def test_only_the_hub_publishes_its_own_types() -> None:
    own = {name for name in BUILT_IN if is_reserved(name)}

    assert own == BUILT_IN.keys() - {"contact.created", "card.viewed", "link.clicked", "subscription.updated"}
    assert is_reserved("webhook.anything")
    assert not is_reserved("webhooks.anything")
    assert not is_reserved("sync.paused")


def test_built_in_names_and_aliases_are_well_formed_and_do_not_meet() -> None:
    assert all(map(is_name, BUILT_IN))
    assert all(map(is_alias, BY_ALIAS))
    assert not BUILT_IN.keys() & BY_ALIAS.keys()


# ---------------------------------------------------------------- schemas


@pytest.mark.parametrize("name", BUILT_IN)
def test_built_in_example_fits_its_schema(name: str) -> None:
    built_in = BUILT_IN[name]

    assert json_schema.check_schema(built_in.schema) == []
    assert json_schema.faults(json.dumps(built_in.schema), built_in.example) == []
    assert built_in.schema is not None
    without = {key: value for key, value in (built_in.example or {}).items() if key != built_in.schema["required"][0]}
    assert [problem.pointer for problem in json_schema.faults(json.dumps(built_in.schema), without)] == ["/data"]


def pointers(schema: Any, data: Any) -> list[str]:
    return [problem.pointer for problem in json_schema.faults(json.dumps(schema), data)]


@pytest.mark.parametrize(
    ("schema", "fits", "does_not"),
    [
        ({"type": "object", "properties": {"a": {"type": "integer"}}}, {"a": 1}, {"a": 1.5}),
        ({"properties": {"a": {"pattern": "^[a-z]{2,4}$"}}}, {"a": "abc"}, {"a": "abcde"}),
        ({"properties": {"a": {"uniqueItems": True}}}, {"a": [1, True, {"b": 1}]}, {"a": [{"b": 1}, {"b": 1.0}]}),
        ({"$defs": {"t": {"type": "string"}}, "properties": {"a": {"$ref": "#/$defs/t"}}}, {"a": "x"}, {"a": 1}),
        (
            {"$defs": {"t": {"$anchor": "t", "type": "string"}}, "properties": {"a": {"$ref": "#t"}}},
            {"a": ""},
            {"a": 1},
        ),
        ({"propertyNames": {"pattern": "^a"}}, {"ab": 1}, {"b": 1}),
        ({"properties": {"a": False}}, {}, {"a": 1}),
        ({"unevaluatedProperties": False, "properties": {"a": {}}}, {"a": 1}, {"b": 1}),
        ({"properties": {"a": {"enum": [1, "x"]}}}, {"a": 1}, {"a": 2}),
        ({"properties": {"a": {"format": "email"}}}, {"a": "format is an annotation"}, "no example"),
    ],
)
def test_schema_is_that_of_the_dialect(schema: Any, fits: Any, does_not: Any) -> None:
    assert json_schema.check_schema(schema) == []
    assert pointers(schema, fits) == []
    assert does_not == "no example" or pointers(schema, does_not) != []


def test_faults_name_the_place_and_not_what_was_found() -> None:
    schema = {"properties": {"a/b": {"items": {"type": "string", "maxLength": 3}}}}

    (problem,) = json_schema.faults(json.dumps(schema), {"a/b": ["x", "canary-secret"]})

    assert problem.pointer == "/data/a~1b/1"
    assert problem.message == "Does not fit the schema: `maxLength` 3."


def test_faults_that_are_told_are_counted() -> None:
    assert (
        len(
            pointers(
                {"additionalProperties": False, "items": False, "required": list("abcdefghijklmnopqrstuvwxyz")}, {}
            )
        )
        == 20
    )


DOUBLING = {
    "$defs": {f"d{n}": {"allOf": [{"$ref": f"#/$defs/d{n + 1}"}] * 2} for n in range(40)} | {"d40": {}},
    "$ref": "#/$defs/d0",
}


@pytest.mark.parametrize(
    ("schema", "data"),
    [
        ({"$ref": "#"}, {}),
        (DOUBLING, {}),
        ({"properties": {"a": {"pattern": "^(a|aa)+$"}}}, {"a": "a" * 5000 + "b"}),
        ({"properties": {"a": {"items": {"pattern": "^(a|aa)+$"}}}}, {"a": ["a" * 30 + "b"] * 5000}),
    ],
    ids=["endless", "doubling", "backtracking", "backtracking often"],
)
def test_schema_cannot_cost_more_than_its_budget(schema: Any, data: Any) -> None:
    assert json_schema.check_schema(schema) == []

    (problem,) = json_schema.faults(json.dumps(schema), data)

    assert "more work than one check may cost" in problem.message


@pytest.mark.parametrize(
    "schema",
    [
        {"$ref": "#"},
        {"unevaluatedItems": False, "if": {"$ref": "#"}},
        {"unevaluatedProperties": False, "allOf": [{"$ref": "#"}]},
        {"anyOf": [{"$ref": "#"}, {"$ref": "#"}]},
    ],
)
def test_schema_without_an_end_is_given_up_wherever_the_stack_stands(schema: dict[str, Any]) -> None:
    """Where the library reached the interpreter's own limit within its part in Rust, it ended the process."""

    def faults_from(depth: int) -> list[Any]:
        return faults_from(depth - 1) if depth else json_schema.faults(json.dumps(schema), [1])

    for depth in range(0, 150, 3):
        (problem,) = faults_from(depth)
        assert "more work than one check may cost" in problem.message


def test_schema_as_deep_as_json_may_be_is_checked() -> None:
    schema: dict[str, Any] = {"type": "integer"}
    data: Any = 1
    for _ in range(60):
        schema, data = {"properties": {"a": schema}, "required": ["a"]}, {"a": data}

    assert json_schema.check_schema(schema) == []
    assert json_schema.faults(json.dumps(schema), data) == []
    recursive = {"properties": {"a": {"$ref": "#"}}, "contains": {"$ref": "#"}}
    assert json_schema.faults(json.dumps(recursive), data) == []


def test_long_lists_are_compared_in_linear_time() -> None:
    members = [{"n": number} for number in range(20_000)]

    assert pointers({"properties": {"a": {"uniqueItems": True}}}, {"a": members}) == []


@pytest.mark.parametrize(
    ("schema", "pointer"),
    [
        ([], ""),
        (True, ""),
        ({"type": "strin"}, "/type"),
        ({"required": "a"}, "/required"),
        ({"$ref": "https://example.com/schema"}, "/$ref"),
        ({"$ref": "file:///etc/passwd"}, "/$ref"),
        ({"$dynamicRef": "other.json#a"}, "/$dynamicRef"),
        ({"items": [{"$ref": "x"}]}, "/items/0/$ref"),
        ({"$ref": "#/$defs/none"}, "/$ref"),
        ({"properties": {"a": {"$id": "https://example.com/b"}}}, "/properties/a/$id"),
        ({"$schema": "http://json-schema.org/draft-04/schema#"}, "/$schema"),
        ({"patternProperties": {"^(a+)+$": {}}}, "/patternProperties"),
        ({"pattern": "("}, "/pattern"),
        ({"pattern": "a" * 501}, "/pattern"),
        ({"pattern": "((((a{1000}){1000}){1000}){1000})"}, "/pattern"),
        ({"pattern": "((a{1,999}){,999}){999,}"}, "/pattern"),
        ({"pattern": "a{999999999}"}, "/pattern"),
    ],
)
def test_schema_that_cannot_be_used_is_refused_with_the_place(schema: Any, pointer: str) -> None:
    assert [problem.pointer for problem in json_schema.check_schema(schema)] == [pointer]


def test_names_of_fields_are_not_taken_for_keywords() -> None:
    schema = {"properties": {"pattern": {"type": "string"}, "$ref": {"type": "string"}, "$id": {"type": "string"}}}

    assert json_schema.check_schema(schema) == []
