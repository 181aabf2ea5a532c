"""Filters: which events are meant."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hub.core import jsontext
from hub.webhooks.events.filters import MISSING, check_filter, compiled

Json = dict[str, Any]

ORDER: Json = {
    "type": "order.paid",
    "data": {
        "amount": 12.5,
        "count": 1,
        "vip": True,
        "note": None,
        "status": "new",
        "at": "2026-11-21T10:30:00.000Z",
        "tags": ["a", "b"],
        "none": [],
        "customer": {"name": "Zoë", "address": {"city": "Bern"}},
        "items": [{"sku": "x", "qty": 1}, {"sku": "y", "qty": 9}],
        "matrix": [[1, 2], [3]],
    },
}


def meant(raw: Any, document: Json = ORDER) -> bool:
    assert check_filter(raw) == []
    return compiled(jsontext.dump(raw))(document)


@pytest.mark.parametrize(
    "raw",
    [
        {},
        {"type": "order.paid"},
        {"type": {"$startsWith": "order."}},
        {"data": {"amount": 12.5}},
        {"data.amount": {"$gt": 12, "$lt": 13}},
        {"data": {"amount": {"$gte": 12.5, "$lte": 12.5}}},
        {"data.count": 1.0},
        {"data.vip": True},
        {"data.note": None},
        {"data.status": {"$in": ["old", "new"]}},
        {"data.status": {"$nin": ["old"]}},
        {"data.status": {"$neq": "old"}},
        {"data.at": {"$gt": "2026-11-21T10:29:59.999Z"}},
        {"data.status": {"$endsWith": "w"}},
        {"data.tags": "a"},
        {"data.tags": ["a", "b"]},
        {"data.tags": {"$in": ["z", "b"]}},
        {"data.tags": {"$startsWith": "b"}},
        {"data.tags": {"$neq": "z"}},
        {"data.none": []},
        {"data.none": {"$exist": True}},
        {"data.gone": {"$exist": False}},
        {"data.gone.deeper": {"$exist": False}},
        {"data.none.deeper": {"$exist": False}},
        {"data.none": {"deeper": {"$neq": 1}}},
        {"data.gone": {"$neq": 1}},
        {"data.gone": {"$nin": [1]}},
        {"data.gone": {"$not": {"$gt": 1}}},
        {"data.customer": {"address": {"city": "Bern"}}},
        {"data.customer": {"$eq": {"address": {"city": "Bern"}, "name": "Zoë"}}},
        {"data.customer.address.city": {"$startsWith": "B"}},
        {"data": {"customer.name": "Zoë", "customer": {"address.city": "Bern"}}},
        {"data.items.sku": "y"},
        {"data.items": {"sku": "y", "qty": {"$gt": 5}}},
        {"data.items.sku": "x", "data.items.qty": {"$gt": 5}},
        {"data.items": {"$eq": {"sku": "x", "qty": 1.0}}},
        {"data.matrix": [3]},
        {"$or": [{"type": "other"}, {"data.vip": True}]},
        {"$and": [{"type": "order.paid"}, {"data.vip": True}]},
        {"$not": {"type": "other"}},
        {"data": {"$or": [{"status": "old"}, {"status": "new"}], "vip": True}},
        {"data.status": {"$or": ["old", {"$startsWith": "n"}]}},
        {"data.amount": {"$and": [{"$gt": 1}, {"$lt": 20}]}},
    ],
    ids=jsontext.dump,
)
def test_filter_means_the_order(raw: Any) -> None:
    assert meant(raw)


@pytest.mark.parametrize(
    "raw",
    [
        {"type": "order.made"},
        {"data.amount": {"$gt": 12.5}},
        {"data.amount": "12.5"},
        {"data.amount": {"$gt": "1"}},
        {"data.status": {"$lt": 5}},
        {"data.count": True},
        {"data.vip": 1},
        {"data.vip": {"$gt": 0}},
        {"data.note": {"$exist": False}},
        {"data.gone": None},
        {"data.gone": {"$exist": True}},
        {"data.gone": {"$lt": 1}},
        {"data.tags": {"$neq": "a"}},
        {"data.tags": {"$nin": ["z", "b"]}},
        {"data.tags": ["b", "a"]},
        {"data.none": {"$in": ["a"]}},
        {"data.items": {"sku": "x", "qty": {"$gt": 5}}},
        {"data.customer": {"address": {"city": "Thun"}}},
        {"data.customer": {"$eq": {"name": "Zoë"}}},
        {"data.status.deeper": "new"},
        {"$or": [{"type": "other"}, {"data.vip": False}]},
        {"$and": [{"type": "order.paid"}, {"data.vip": False}]},
        {"$not": {"type": "order.paid"}},
        {"data.status": {"$not": {"$startsWith": "n"}}},
        {"type": "order.paid", "data.vip": False},
    ],
    ids=jsontext.dump,
)
def test_filter_does_not_mean_the_order(raw: Any) -> None:
    assert not meant(raw)


@pytest.mark.parametrize(
    ("raw", "pointer"),
    [
        (None, ""),
        ([], ""),
        ("x", ""),
        ({"amount": 1}, "/amount"),
        ({"database": 1}, "/database"),
        ({"$gt": 1}, "/$gt"),
        ({"$where": "1"}, "/$where"),
        ({"data.a": {"$regex": "x"}}, "/data.a/$regex"),
        ({"data": {"a": {"$gt": 1, "b": 2}}}, "/data/a"),
        ({"data": {"a": {}}}, "/data/a"),
        ({"data..a": 1}, "/data..a"),
        ({"data.": 1}, "/data."),
        ({"data.a/b": {"$in": 1}}, "/data.a~1b/$in"),
        ({"data.a": {"$gt": True}}, "/data.a/$gt"),
        ({"data.a": {"$gt": [1]}}, "/data.a/$gt"),
        ({"data.a": {"$in": list(range(101))}}, "/data.a/$in"),
        ({"data.a": {"$startsWith": 1}}, "/data.a/$startsWith"),
        ({"data.a": {"$exist": 1}}, "/data.a/$exist"),
        ({"$or": {}}, "/$or"),
        ({"$or": []}, "/$or"),
        ({"$or": [1]}, "/$or/0"),
        ({"$or": [{}, {"x": 1}]}, "/$or/1/x"),
        ({"$not": {}}, "/$not"),
        ({"$not": 1}, "/$not"),
        ({"data": {"$or": [{"a": {"$x": 1}}]}}, "/data/$or/0/a/$x"),
        ({"data.a.b.c.d.e.f.g.h.i.j.k.l": 1}, "/data.a.b.c.d.e.f.g.h.i.j.k.l"),
        ({"data.a": "x" * 17_000}, ""),
        ({"data": {f"f{number}": 1 for number in range(65)}}, ""),
    ],
    ids=lambda value: jsontext.dump(value)[:60],
)
def test_filter_that_means_nothing_is_refused_with_the_place(raw: Any, pointer: str) -> None:
    assert [problem.pointer for problem in check_filter(raw)] == [pointer]


def test_filter_that_is_nested_without_end_is_refused() -> None:
    raw: Any = {"data": 1}
    for _ in range(60):
        raw = {"$not": raw}

    assert "nested" in check_filter(raw)[0].message


def test_faults_that_are_told_are_counted() -> None:
    assert len(check_filter({f"f{number}": 1 for number in range(5000)})) == 20


def test_stored_filter_is_compiled_once() -> None:
    text = '{"data":{"amount":{"$gt":5}}}'

    assert compiled(text) is compiled(text)
    assert compiled("")({"type": "a", "data": {}})


# ---------------------------------------------------------------- against an evaluator that only reads

NAMES = st.sampled_from(["a", "b", "c"])
SCALARS = st.sampled_from([None, True, False, 0, 1, 1.0, 2, -1.5, "", "a", "ab", "b"])
VALUES = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES, inner, max_size=3), max_leaves=8
)
COMPARISONS = st.one_of(
    st.tuples(st.sampled_from(["$eq", "$neq"]), VALUES),
    st.tuples(st.sampled_from(["$gt", "$gte", "$lt", "$lte"]), st.sampled_from([0, 1, 1.5, "a", "b"])),
    st.tuples(st.sampled_from(["$in", "$nin"]), st.lists(VALUES, max_size=3)),
    st.tuples(st.sampled_from(["$startsWith", "$endsWith"]), st.sampled_from(["", "a", "b"])),
    st.tuples(st.just("$exist"), st.booleans()),
)
PATHS = st.lists(NAMES, min_size=1, max_size=2).map(".".join)


def _combined(inner: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    logic = st.one_of(
        st.tuples(st.sampled_from(["$and", "$or"]), st.lists(inner, min_size=1, max_size=2)),
        st.tuples(st.just("$not"), inner),
    )
    fields = st.dictionaries(PATHS, inner, min_size=1, max_size=2)
    both = st.tuples(fields, logic).map(lambda parts: {**parts[0], parts[1][0]: parts[1][1]})
    return st.one_of(fields, logic.map(lambda pair: {pair[0]: pair[1]}), both)


CONDITIONS = st.recursive(
    SCALARS | st.lists(SCALARS, max_size=2) | st.lists(COMPARISONS, min_size=1, max_size=2).map(dict),
    _combined,
    max_leaves=5,
)


def equal(one: Any, other: Any) -> bool:
    if isinstance(one, bool) or isinstance(other, bool):
        return one is other
    if isinstance(one, dict) and isinstance(other, dict):
        return one.keys() == other.keys() and all(equal(one[name], other[name]) for name in one)
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(map(equal, one, other))
    return type(one) is not dict and type(other) is not dict and bool(one == other)


def compares(operator: str, value: Any, operand: Any) -> bool:
    """One comparison of one value, lists not looked into."""
    if operator == "$eq":
        return value is not MISSING and equal(value, operand)
    if operator == "$in":
        return value is not MISSING and any(equal(value, each) for each in operand)
    if operator in ("$startsWith", "$endsWith"):
        if not isinstance(value, str):
            return False
        return bool(
            (value[: len(operand)] if operator == "$startsWith" else value[len(value) - len(operand) :]) == operand
        )
    is_number = all(isinstance(each, int | float) and not isinstance(each, bool) for each in (value, operand))
    if not is_number and not (isinstance(value, str) and isinstance(operand, str)):
        return False
    return bool(
        {"$gt": value > operand, "$gte": value >= operand, "$lt": value < operand, "$lte": value <= operand}[operator]
    )


def naive(condition: Any, value: Any) -> bool:
    """Say the same as a compiled filter, from its text and one value at a time."""
    if not isinstance(condition, dict):
        return naive({"$eq": condition}, value)
    if any(not name.startswith("$") for name in condition) and isinstance(value, list) and value:
        return any(naive(condition, member) for member in value)
    return all(holds(name, operand, value) for name, operand in condition.items())


def holds(name: str, operand: Any, value: Any) -> bool:
    if name == "$and":
        return all(naive(each, value) for each in operand)
    if name == "$or":
        return any(naive(each, value) for each in operand)
    if name == "$not":
        return not naive(operand, value)
    if name == "$exist":
        return bool((value is not MISSING) == operand)
    if name in ("$neq", "$nin"):
        return not holds({"$neq": "$eq", "$nin": "$in"}[name], operand, value)
    if name.startswith("$"):
        members = value if isinstance(value, list) else []
        return any(compares(name, each, operand) for each in (value, *members))
    first, _, rest = name.partition(".")
    below = value.get(first, MISSING) if isinstance(value, dict) else MISSING
    return naive({rest: operand} if rest else operand, below)


@given(CONDITIONS, VALUES)
def test_compiled_filter_says_what_its_text_says(condition: Any, value: Any) -> None:
    raw = {"data.v": condition}

    if check_filter(raw) == []:
        assert meant(raw, {"type": "t", "data": {"v": value}}) == naive(condition, value)


@given(st.recursive(SCALARS, lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner), max_leaves=10))
def test_any_json_is_compiled_or_refused(raw: Any) -> None:
    problems = check_filter(raw)

    if not problems:
        compiled(jsontext.dump(raw))(ORDER)
