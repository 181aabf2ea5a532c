"""The transform `expression`: what becomes of its results, what a page may cost, and what it cannot reach."""

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hub.mapping.config import Unfit
from hub.mapping.expressions import BadExpression, checked, evaluated, page_ms
from hub.mapping.fields import BadRule, FieldRule, MappingFailed, compile_rules
from hub.mapping.pages import Mapped, compile_page
from hub.mapping.paths import MISSING

ABSENT = "absent"
texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=8)


def rule(expression: str, source: str = "$.a", target: str = "out", **changes: Any) -> FieldRule:
    config = {"expression": expression, **changes.pop("config", {})}
    return FieldRule(source, target, "expression", config, **changes)


def mapped(records: list[Any], *rules: FieldRule) -> list[Mapped]:
    return compile_page(rules)(records, None)


def result(expression: str, value: Any = 5, **changes: Any) -> Any:
    """Return what an expression makes of one value, ABSENT where it makes nothing."""
    document = mapped([{"a": value, "b": "more"}], rule(expression, **changes))[0]
    return document.get("out", ABSENT) if isinstance(document, dict) else document


def refusal(expression: str, value: Any = 5) -> str:
    """Return why the record of an expression is rejected."""
    failure = result(expression, value)
    assert isinstance(failure, MappingFailed), failure
    return failure.reason


# Results


@pytest.mark.parametrize(
    ("expression", "value", "expected"),
    [
        ("value + 1", 5, 6),
        ("value.trim().toLowerCase()", "  ADA ", "ada"),
        ("record.b + ' ' + value", 5, "more 5"),
        ("value ? 'yes' : 'no'", False, "no"),
        ("value / 2", 5, 2.5),
        ("value * 2 // twice", 5, 10),
        ("{first: value[0], rest: value.slice(1)}", [1, 2, 3], {"first": 1, "rest": [2, 3]}),
        ("[value, null, undefined]", "ü\n\t\u2028", ["ü\n\t\u2028", None, None]),
        ("(value, record) => { const twice = value * 2; return twice + record.b.length; }", 5, 14),
        ("function (given) { return given.length; }", "four", 4),
        ("() => arguments[1].b", 5, "more"),
        ("value.map(each => each.n).reduce((sum, n) => sum + n, 0)", [{"n": 1}, {"n": 2}], 3),
        ("null", 5, None),
        ("undefined", 5, ABSENT),
        ("(() => {})()", 5, ABSENT),
        ("Symbol('a')", 5, ABSENT),
        ("new Date(value * 1000)", 0, "1970-01-01T00:00:00.000Z"),
        ("({toJSON: () => [value]})", 5, [5]),
        ("10n ** 3n", 5, 1000),
        ("[2n]", 5, [2]),
        ("-0", 5, 0),
        ("1e21", 5, 1e21),
        ("'\\u0000'", 5, "\0"),
        ("/(\\d+)-(\\d+)/.exec(value).slice(1)", "10-20", ["10", "20"]),
    ],
)
def test_result_is_what_json_makes_of_it(expression: str, value: Any, expected: Any) -> None:
    assert result(expression, value) == expected


@pytest.mark.parametrize(
    ("expression", "reason"),
    [
        ("NaN", "RangeError: the result holds NaN"),
        ("{n: [1 / 0]}", "RangeError: the result holds Infinity"),
        ("2n ** 53n", "RangeError: the result holds a BigInt of more than 53 bits"),
        ("(async () => 1)()", "TypeError: the result is a promise"),
        ("record.none.name", "TypeError: cannot read property 'name' of undefined"),
        ("nothing", "ReferenceError: nothing is not defined"),
        ("total = 1", "ReferenceError: total is not defined"),
        ("(() => { throw new Error('no such\\nthing'); })()", "Error: no such\nthing"),
        ("(() => { throw {code: 7}; })()", 'threw {"code":7}'),
        ("(() => { const a = {}; a.a = a; return a; })()", "TypeError: circular reference"),
        ("'\\ud800'", "the result is not JSON"),
        ("'x'.repeat(65535)", "RangeError: the result has 65537 characters, at most 65536 fit"),
    ],
)
def test_result_that_json_cannot_say_rejects_the_record(expression: str, reason: str) -> None:
    assert reason in refusal(expression)


def test_result_of_64_kib_fits() -> None:
    assert result("'x'.repeat(65534)") == "x" * 65534


@pytest.mark.parametrize(
    ("record", "changes", "document"),
    [
        ({}, {}, {}),
        ({"a": None}, {}, {"out": None}),
        ({}, {"default": 7}, {"out": 7}),
        ({"a": None}, {"default": 7}, {"out": 7}),
        ({"a": 0}, {"default": 7}, {"out": 1}),
        ({"a": "none"}, {"default": 7}, {"out": 7}),
        ({"a": "none"}, {"default": {"list": []}}, {"out": {"list": []}}),
        ({"a": "bad"}, {"config": {"onError": "null"}}, {"out": None}),
        ({"a": "bad"}, {"config": {"onError": "default"}, "default": 7}, {"out": 7}),
        ({"a": "null"}, {"default": 7}, {"out": None}),
        ({"a": "null"}, {"skip_if_empty": True}, {}),
        ({"a": -1}, {"skip_if_empty": True}, {"out": 0}),
    ],
)
def test_missing_values_and_failures_follow_the_rule(record: Any, changes: Any, document: Any) -> None:
    expression = "typeof value === 'number' ? value + 1 : ({none: undefined, null: null, bad: NaN})[value]"

    assert mapped([record], rule(expression, **changes)) == [document]


json_values = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.floats(-(2**53), 2**53) | texts,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(texts, inner, max_size=4),
    max_leaves=12,
)


@settings(max_examples=40)
@given(st.lists(json_values.filter(lambda value: value is not None), min_size=1, max_size=20))
def test_values_come_back_as_they_went(values: list[Any]) -> None:
    documents = mapped([{"a": value} for value in values], rule("value"), rule("record.a", "$", "record"))

    assert documents == [{"out": value, "record": value} for value in values]


def test_source_of_everything_lets_an_expression_decide_about_what_is_missing() -> None:
    assert mapped([{}, {"a": 1}], rule("record.a ?? 'none'", "$")) == [{"out": "none"}, {"out": 1}]
    assert mapped([{}, {"a": 1}], rule("value.a ?? 'none'", "$")) == [{"out": "none"}, {"out": 1}]


def test_failing_record_is_rejected_alone() -> None:
    documents = mapped([{"a": "x"}, {"a": None}, {"a": 5}, {"a": "y"}], rule("value.toUpperCase()"))

    assert [each if isinstance(each, dict) else each.reason for each in documents] == [
        {"out": "X"},
        {"out": None},
        "TypeError: not a function",
        {"out": "Y"},
    ]


def test_expressions_and_plain_rules_are_mapped_together_in_their_order() -> None:
    rules = [FieldRule("$.a", "a"), rule("value * 2", target="deep.b"), FieldRule("$.a", "deep.c", "number")]

    assert mapped([{"a": "5"}], *rules, rule("record.a", "$", "d")) == [
        {"a": "5", "deep": {"b": 10, "c": 5}, "d": "5"},
    ]


def test_value_that_javascript_cannot_read_rejects_its_record_alone() -> None:
    deep: Any = 1
    for _ in range(300):
        deep = [deep]

    failed, fine = mapped([{"a": deep}, {"a": 1}], rule("value"))

    assert isinstance(failed, MappingFailed)
    assert "JavaScript cannot read" in failed.reason
    assert fine == {"out": 1}


# One call


def test_page_is_one_call_of_the_engine() -> None:
    """A counter in the context goes on over all records and rules; another call would begin anew."""
    count = "(() => globalThis.calls = (globalThis.calls ?? 0) + 1)()"
    run = compile_page([rule(count, target="first"), rule(count, target="second")])

    first, second = run([{"a": 1}] * 3, None), run([{"a": 1}], None)

    assert first == [{"first": 1, "second": 2}, {"first": 3, "second": 4}, {"first": 5, "second": 6}]
    assert second == [{"first": 1, "second": 2}]


def test_nothing_of_a_page_is_left_for_the_next() -> None:
    pollute = "(() => { Object.prototype.leak = Array.prototype.leak = globalThis.leak = value; return [].leak; })()"

    assert result(pollute, "mine") == "mine"
    assert result("[typeof leak, typeof [].leak, typeof ({}).leak]") == ["undefined"] * 3


def test_record_that_an_expression_changes_is_whole_for_the_next() -> None:
    rules = [rule("(() => { delete record.b; value.pop(); return 1; })()"), rule("record.b + value.length", target="n")]

    assert mapped([{"a": [1, 2], "b": "b"}], *rules) == [{"out": 1, "n": "b2"}]


# Limits


@pytest.mark.parametrize(
    ("expression", "reason"),
    [
        ("(() => { for (;;); })()", "took longer than 200 ms"),
        ("({toJSON() { for (;;); }})", "took longer than 200 ms"),
        ("/(a+)+$/.test('a'.repeat(40) + 'b')", "took longer than 200 ms"),
        # The engine does not look at its clock inside these.
        ("Array(2 ** 32 - 1).join()", "took longer than 200 ms"),
        ("Array(2 ** 32 - 1).reverse()", "took longer than 200 ms"),
        ("'a'.repeat(3e6).includes('a'.repeat(1e6) + 'b')", "took longer than 200 ms"),
        ("(() => { const all = []; for (;;) all.push('x'.repeat(1000)); })()", "ran out of memory"),
        ("'x'.repeat(2 ** 29)", "memory"),
        ("(function again() { return again() + 1; })()", "Maximum call stack size exceeded"),
    ],
)
def test_expression_without_measure_is_stopped_and_the_next_page_is_mapped(expression: str, reason: str) -> None:
    assert reason in refusal(expression)
    assert result("value + 1") == 6


def test_endless_loop_of_one_record_rejects_the_records_of_its_page() -> None:
    run = compile_page([rule("value === 2 ? (() => { for (;;); })() : value"), FieldRule("$.b", "b", default=0)])

    stuck = run([{"a": 1}, {"a": 2}, {}], None)

    assert [type(each) for each in stuck] == [MappingFailed, MappingFailed, dict]  # the last one runs no expression
    assert run([{"a": 1}], None) == [{"out": 1, "b": 0}]


def test_memory_is_measured_beside_the_page() -> None:
    text = "x" * 60_000

    assert mapped([{"a": text}] * 700, rule("value.length + record.a.length")) == [{"out": 120_000}] * 700


def test_large_pages_have_more_time() -> None:
    assert [page_ms(records) for records in (1, 100, 101, 1000, 1_000_000)] == [200, 200, 400, 2000, 10_000]


# Doors


@pytest.mark.parametrize(
    "name",
    "process require module exports fetch XMLHttpRequest WebSocket os std bjson console print scriptArgs setTimeout"
    " Worker Deno Bun input parse stringify rules told before".split(),
)
def test_nothing_outside_is_in_scope(name: str) -> None:
    assert result("typeof JSON") == "object"
    assert result(f"typeof {name}") == "undefined"


@pytest.mark.parametrize(
    "expression",
    [
        "import('os')",
        "import('/etc/passwd')",
        "(async () => await import('std'))()",
    ],
)
def test_modules_cannot_be_reached(expression: str) -> None:
    assert refusal(expression) == "TypeError: the result is a promise"
    assert result(f"(() => {{ {expression}.then(m => globalThis.got = m); return typeof globalThis.got; }})()") == (
        "undefined"
    )


def test_code_made_at_run_time_is_in_the_same_cage() -> None:
    assert result("new Function('return typeof process + typeof require + typeof fetch')()") == "undefined" * 3
    assert result("(0, eval)('this === globalThis && typeof os')") == "undefined"


@pytest.mark.parametrize(
    "expression",
    [
        "String.prototype.split = null, 1",
        "Array.prototype.map = () => ['=1', '=2', '=3'], 1",
        "Array.prototype.join = () => '=1\\n=2\\n=3', 1",
        "Array.prototype.join = () => 'nonsense', 1",
        "Array.prototype[Symbol.iterator] = null, 1",
        "JSON.stringify = JSON.parse = null, 1",
    ],
)
def test_expression_that_breaks_the_engines_own_tools_only_harms_its_page(expression: str) -> None:
    for document in mapped([{"a": 1}, {"a": 2}], rule(f"({expression})")):
        assert isinstance(document, MappingFailed) or document in ({"out": 1}, {"out": 2})
    assert result("value + 1") == 6


# On save


@pytest.mark.parametrize(
    ("expression", "place"),
    [
        ("a b", "line 1, column 3"),
        ("value.", "line 1, column 7"),
        ("1 +", "line 1, column 4: unexpected end"),
        ("a; b", "line 1, column 2"),
        ("return 1", "line 1, column 1"),
        ("let x", "line 1, column 1"),
        ("1);(2", "line 1, column 2"),
        ("\n\n  found(", "line 3, column 9: unexpected end"),
        ("[\n  value,\n  'ü' oops\n]", "line 3, column 7"),
        ("x = '", "line 1, column 5"),
        ("", "1 to 10000 characters"),
        ("x" * 10_001, "1 to 10000 characters, found 10001"),
        ("a\0b", "null character"),
    ],
)
def test_syntax_error_is_refused_with_line_and_column(expression: str, place: str) -> None:
    with pytest.raises(BadRule) as refused:
        compile_page([FieldRule("$.a", "a"), rule(expression)])

    assert (refused.value.index, refused.value.pointer) == (1, "/transform/config/expression")
    assert place in refused.value.message


def test_check_does_not_run_the_expression() -> None:
    assert checked("(() => { for (;;); })()", ("value",))


def test_check_of_a_text_that_breaks_out_comes_to_an_end() -> None:
    with pytest.raises(BadExpression, match="took longer than 50 ms"):
        checked("1)}); Array(2 ** 32 - 1).join(); (function () { return (1", ("value",))


@pytest.mark.parametrize("config", [{}, {"expression": 5}, {"expression": "1", "language": "ts"}])
def test_config_other_than_an_expression_is_refused(config: Any) -> None:
    with pytest.raises(BadRule):
        compile_page([FieldRule("$.a", "a", "expression", config)])


def test_rules_of_single_records_have_no_page_to_work_on() -> None:
    with pytest.raises(BadRule, match="'expression' needs a page of records"):
        compile_rules([FieldRule("$.a", "a"), rule("value")])


# Single values


def test_expression_over_names_gives_a_value_or_none() -> None:
    scope = {"params": {"page": 2}, "settings": {"size": 50}}

    assert evaluated("params.page * settings.size", scope) == 100
    assert evaluated("({params}) => params", scope) is MISSING
    assert evaluated("undefined", scope) is MISSING


@pytest.mark.parametrize("expression", ["params.a.b", "NaN", "(() => { for (;;); })()", "Array(2 ** 32 - 1).join()"])
def test_expression_over_names_that_fails_says_why(expression: str) -> None:
    with pytest.raises(Unfit, match=r"TypeError|RangeError|took longer than 50 ms"):
        evaluated(expression, {"params": {}})
