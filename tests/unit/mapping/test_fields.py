import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hub.mapping.config import Config, Unfit
from hub.mapping.fields import BadRule, FieldRule, MappingFailed, compile_rules
from hub.mapping.paths import MISSING
from hub.mapping.transforms import Transform
from tests.spec_examples import FIELD_MAPPINGS


def specified_rules() -> list[FieldRule]:
    return [
        FieldRule(rule["source"], rule["target"], rule["transform"]["type"], rule["transform"].get("config", {}))
        for rule in FIELD_MAPPINGS
    ]


def test_example_of_the_specification_maps_a_record() -> None:
    record = {
        "first_name": "Ada",
        "last_name": "King",
        "email": "ada@example.com",
        "created_at": "2024-01-31",
        "status": "INACTIVE",
        "source": "web",
        "company_name": "Engines",
    }

    document = compile_rules(specified_rules())(record)

    assert document == {
        "firstName": "Ada",
        "lastName": "King",
        "email": "ada@example.com",
        "fullName": "Ada King",
        "createdAt": "2024-01-31T00:00:00.000Z",
        "status": "archived",
        "description": "Contact from web - Engines",
    }


def test_example_of_the_specification_refuses_an_impossible_date() -> None:
    with pytest.raises(MappingFailed) as failed:
        compile_rules(specified_rules())({"created_at": "2023-02-30"})

    assert (failed.value.target, failed.value.source) == ("createdAt", "$.created_at")
    assert "2023-02-30" in failed.value.reason


@pytest.mark.parametrize(
    ("record", "rule", "document"),
    [
        ({}, {}, {}),
        ({"a": None}, {}, {"out": None}),
        ({"a": 0}, {}, {"out": 0}),
        ({}, {"default": 5}, {"out": 5}),
        ({"a": None}, {"default": 5}, {"out": 5}),
        ({"a": ""}, {"default": 5}, {"out": ""}),
        ({}, {"default": None}, {"out": None}),
        ({"a": None}, {"skip_if_empty": True}, {}),
        ({"a": ""}, {"skip_if_empty": True}, {}),
        ({"a": []}, {"skip_if_empty": True}, {}),
        ({"a": {}}, {"skip_if_empty": True}, {}),
        ({"a": 0}, {"skip_if_empty": True}, {"out": 0}),
        ({"a": False}, {"skip_if_empty": True}, {"out": False}),
        ({}, {"skip_if_empty": True, "default": 5}, {"out": 5}),
        ({}, {"skip_if_empty": True, "default": ""}, {}),
        ({}, {"transform": "number", "default": "n/a"}, {"out": "n/a"}),
        ({"a": "x"}, {"transform": "split", "config": {"index": 3}, "default": "-"}, {"out": "-"}),
        ({"a": ""}, {"transform": "split", "skip_if_empty": True}, {}),
        ({"a": None}, {"transform": "number"}, {"out": None}),
        ({}, {"transform": "concat", "config": {"fields": ["$.b"]}, "default": "-"}, {"out": "-"}),
        ("text", {}, {}),
        ([1], {}, {}),
    ],
)
def test_default_and_skip_decide_about_missing_null_and_empty(record: Any, rule: Any, document: Any) -> None:
    assert compile_rules([FieldRule("$.a", "out", **rule)])(record) == document


@pytest.mark.parametrize(("on_error", "result"), [("null", None), ("default", 7)])
def test_on_error_stands_in_for_a_failing_transform(on_error: str, result: Any) -> None:
    run = compile_rules([FieldRule("$.a", "out", "number", {"onError": on_error}, default=7)])

    assert (run({"a": "x"}), run({"a": "5"})) == ({"out": result}, {"out": 5})


def test_failing_transform_rejects_the_record_unless_told_otherwise() -> None:
    with pytest.raises(MappingFailed, match=r"Field 'out' from '\$\.a'"):
        compile_rules([FieldRule("$.a", "out", "number", default=7)])({"a": "x"})


def test_targets_may_be_nested_and_sources_may_search() -> None:
    run = compile_rules(
        [
            FieldRule("$.city", "address.city"),
            FieldRule("$.zip", "$.address.zip"),
            FieldRule("$.tel", "phones[1].number"),
            FieldRule("$.tel", "phones[0].number"),
            FieldRule("$.a", "$['odd name']"),
            FieldRule("$.mails[?@.main].address", "mail"),
            FieldRule("$.mails[-1].address", "a.b.c.d.e.f"),
        ]
    )

    document = run(
        {"city": "Bern", "zip": 1, "tel": "5", "a": 1, "mails": [{"address": "x"}, {"main": 1, "address": "y"}]}
    )

    assert document == {
        "address": {"city": "Bern", "zip": 1},
        "phones": [{"number": "5"}, {"number": "5"}],
        "odd name": 1,
        "mail": "y",
        "a": {"b": {"c": {"d": {"e": {"f": "y"}}}}},
    }


def test_nothing_of_a_default_is_shared_between_records() -> None:
    run = compile_rules([FieldRule("$.a", "out", default={"tags": []})])

    run({})["out"]["tags"].append("x")

    assert run({}) == {"out": {"tags": []}}


def test_record_that_cannot_be_searched_is_rejected_alone() -> None:
    run = compile_rules([FieldRule("$..id", "id")])
    deep: Any = {"id": 1}
    for _ in range(200):
        deep = {"a": deep}

    with pytest.raises(MappingFailed, match="nested too deep"):
        run(deep)
    assert run({"a": {"id": 2}}) == {"id": 2}


@pytest.mark.parametrize(
    ("rule", "pointer"),
    [
        (FieldRule("$[", "x"), "/source"),
        (FieldRule("$.x", "$.*"), "/target"),
        (FieldRule("$.x", "$[0]"), "/target"),
        (FieldRule("$.x", "x", "upper"), "/transform/type"),
        (FieldRule("$.x", "x", "direct", {"onError": "skip"}), "/transform/config/onError"),
        (FieldRule("$.x", "x", "direct", {"onError": 5}), "/transform/config/onError"),
        (FieldRule("$.x", "x", "direct", {"onError": "default"}), "/transform/config/onError"),
        (FieldRule("$.x", "first"), "/target"),
        (FieldRule("$.x", "first.name"), "/target"),
        (FieldRule("$.x", "nested"), "/target"),
        (FieldRule("$.x", "nested.a.b"), "/target"),
        (FieldRule("$.x", "nested[0]"), "/target"),
    ],
)
def test_bad_rule_is_refused_with_index_and_pointer(rule: FieldRule, pointer: str) -> None:
    good = [FieldRule("$.a", "first"), FieldRule("$.a", "nested.a")]

    assert compile_rules([*good, FieldRule("$.a", "nested.b")])({"a": 1}) == {"first": 1, "nested": {"a": 1, "b": 1}}
    with pytest.raises(BadRule) as refused:
        compile_rules([*good, rule])

    assert (refused.value.index, refused.value.pointer) == (2, pointer)
    assert refused.value.message in str(refused.value)


def test_unknown_transform_is_refused_with_the_known_ones() -> None:
    with pytest.raises(BadRule, match=r"expected one of direct, concat, .*lookup, found 'upper'"):
        compile_rules([FieldRule("$.x", "x", "upper")])


def shout(config: Config) -> Any:
    mark = config.text("mark", "!")

    def convert(value: Any) -> Any:
        if not isinstance(value, str):
            raise Unfit("expected a text")
        return value.upper() + mark

    return convert


def test_extra_transforms_join_the_table() -> None:
    extra = {"shout": Transform(shout), "size": Transform(lambda _: len, of_record=True)}
    run = compile_rules([FieldRule("$.a", "a", "shout", {"mark": "?"}), FieldRule("$", "n", "size")], extra=extra)

    assert run({"a": "hi", "b": 1}) == {"a": "HI?", "n": 2}
    with pytest.raises(MappingFailed, match="expected a text"):
        run({"a": 5})


names = st.text(st.characters(exclude_categories=["Cs", "Cc"]), min_size=1, max_size=12)


@given(st.dictionaries(names, names, max_size=8))
def test_names_of_rules_never_become_code(pairs: dict[str, str]) -> None:
    targets = {target: source for source, target in pairs.items()}
    rules = [FieldRule(f"$[{json.dumps(source)}]", f"$[{json.dumps(target)}]") for target, source in targets.items()]
    record = {source: number for number, source in enumerate(pairs)}

    document = compile_rules(rules)(record)

    assert document == {target: record[source] for target, source in targets.items()}


def test_missing_is_falsy_and_names_itself() -> None:
    assert (bool(MISSING), repr(MISSING)) == (False, "MISSING")
