import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hub.mapping.paths import MISSING, BadPath, PathFailed, Steps, finder, getter, setter

REPOSITORY = Path(__file__).parents[3]
SAMPLES = Path(os.environ.get("HUB_SAMPLES", REPOSITORY.parent / "shared" / "samples"))
SUITE = SAMPLES / "vectors" / "jsonpath_rfc9535_cts.json"

CONTACT = {"name": "Ada", "phones": [{"number": "1"}, {"number": "2"}], "odd name": 1, "nothing": None}


def outcome(case: dict[str, Any]) -> Any:
    try:
        return finder(case["selector"])(case.get("document"))
    except BadPath:
        return BadPath


def expected(case: dict[str, Any]) -> list[Any]:
    return [BadPath] if case.get("invalid_selector") else case.get("results", [case.get("result")])


@pytest.mark.skipif(
    not SUITE.exists(),
    reason=f"the JSONPath compliance test suite published with RFC 9535 is not at {SUITE}; HUB_SAMPLES says where",
)
def test_finder_agrees_with_all_cases_of_the_rfc_9535_suite() -> None:
    cases = json.loads(SUITE.read_text())["tests"]

    wrong = [case["name"] for case in cases if outcome(case) not in expected(case)]

    assert (len(cases), wrong) == (703, [])


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("$", CONTACT),
        ("$.name", "Ada"),
        ("name", "Ada"),
        ("phones[0].number", "1"),
        ("$.phones[-1]['number']", "2"),
        ('$["odd name"]', 1),
        (r"$['odd\u0020name']", 1),
        ("$ .name", "Ada"),
        ("$.nothing", None),
        ("$.phones[?@.number=='2'].number", "2"),
        ("$..number", "1"),
        ("$.absent", MISSING),
        ("$.phones[2]", MISSING),
        ("$.phones[-3]", MISSING),
        ("$.name[0]", MISSING),
        ("$.phones.number", MISSING),
        ("$..absent", MISSING),
    ],
)
def test_getter_gives_the_first_value_or_missing(path: str, value: Any) -> None:
    assert getter(path)(CONTACT) == value


@pytest.mark.parametrize("document", ["a text", '{"name": 1}', 5, None, True])
def test_paths_find_nothing_in_a_scalar(document: Any) -> None:
    assert (getter("$.name")(document), finder("$..*")(document)) == (MISSING, [])


@pytest.mark.parametrize(
    ("path", "position"),
    [
        ("$.first-name", 7),
        ("first-name", 5),
        ("$[?@.a=1]", 6),
        ("$.a[", None),
        ("", None),
        ("$.a b", None),
        ("-", None),
    ],
)
def test_bad_path_is_named_with_its_position(path: str, position: int | None) -> None:
    with pytest.raises(BadPath) as refused:
        getter(path)

    assert repr(path) in str(refused.value)
    assert position is None or refused.value.position == position


@pytest.mark.parametrize(
    "path", ["$[?" + "(" * 400 + "@.a" + ")" * 400 + "]", "$" + "[?@" * 300 + "]" * 300, "$.a" * 400]
)
def test_crafted_path_works_or_is_refused_without_a_crash(path: str) -> None:
    assert outcome({"selector": path, "document": [{"a": 1}]}) in (BadPath, [], [{"a": 1}])


def nested(depth: int) -> Any:
    value: Any = {"id": 1}
    for _ in range(depth):
        value = {"a": value}
    return value


def test_search_refuses_a_document_that_is_nested_too_deep() -> None:
    search = finder("$..id")

    assert search(nested(50)) == [1]
    with pytest.raises(PathFailed):
        search(nested(50_000))


def test_search_stops_when_it_visits_too_many_values() -> None:
    document = [[[1] * 20] * 20] * 20

    assert len(finder("$[*][*][*]")(document)) == 8000
    with pytest.raises(PathFailed, match="visits more than"):
        finder("$" + "[*,*,*,*]" * 3 + "..*")(document * 10)


def test_search_stops_a_pattern_that_backtracks() -> None:
    search = finder("$[?match(@, '(a?){40}(a?){40}a{40}(b|c)')]")

    assert search(["a" * 40 + "b"]) == ["a" * 40 + "b"]
    with pytest.raises(PathFailed, match="took more than"):
        finder("$[?match(@, '(x|xx|x.)*(y|z)')]")(["x" * 60 + "w"])


@pytest.mark.parametrize(
    ("path", "document"),
    [
        ("name", {"name": 5}),
        ("address.city", {"address": {"city": 5}}),
        ("$.address.city", {"address": {"city": 5}}),
        ("$['odd name']", {"odd name": 5}),
        ("$.phones[1].number", {"phones": [None, {"number": 5}]}),
    ],
)
def test_setter_creates_what_is_missing(path: str, document: Any) -> None:
    empty: dict[str, Any] = {}

    setter(path)(empty, 5)

    assert empty == document


def test_setter_keeps_what_is_there_and_replaces_null() -> None:
    variables = {"page": None, "first": 50}

    setter("$.page.after")(variables, "abc")

    assert variables == {"page": {"after": "abc"}, "first": 50}


@pytest.mark.parametrize("document", [{"a": "text"}, {"a": [1]}, {"a": 0}])
def test_setter_refuses_to_write_into_another_kind_of_value(document: Any) -> None:
    before = json.dumps(document)

    with pytest.raises(PathFailed, match="expected an object"):
        setter("a.b")(document, 1)

    assert json.dumps(document) == before


@pytest.mark.parametrize("path", ["$", "$.*", "$..a", "$.a[?@.b]", "$.a[0:2]", "$.a[-1]", "$.a[1000]", "$['a','b']"])
def test_setter_refuses_a_path_that_is_not_one_place(path: str) -> None:
    with pytest.raises(BadPath):
        setter(path)


# python-jsonpath refuses escaped control characters, which RFC 9535 allows
names = st.text(st.characters(exclude_categories=["Cs", "Cc"]), min_size=1, max_size=8)
places = st.lists(st.one_of(names, st.integers(0, 5)), max_size=5)


def written(steps: Steps) -> str:
    return "$" + "".join(f"[{json.dumps(step)}]" for step in steps)


@given(names, places, st.one_of(st.none(), st.integers(), st.text()))
def test_getter_reads_what_setter_wrote(first: str, others: list[str | int], value: Any) -> None:
    document: dict[str, Any] = {}
    path = written((first, *others))

    setter(path)(document, value)

    assert getter(path)(document) == value
    assert finder(path)(document) == [value]


@given(st.text(max_size=20))
def test_any_text_is_a_path_or_a_bad_path(text: str) -> None:
    for read in (getter, finder, setter):
        try:
            read(text)
        except BadPath as refused:
            assert refused.path == text  # noqa: PT017


def test_plain_paths_do_not_load_the_query_engine() -> None:
    code = "import sys; from hub.mapping import fields as f; f.compile_rules([f.FieldRule('$.a.b[0]', 'x.y')]);"
    code += (
        "print([name for name in ('jsonpath', 'jsonpath_ng', 'regex', 'pydantic', 'zoneinfo') if name in sys.modules])"
    )

    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, check=True, text=True).stdout

    assert loaded.strip() == "[]"
