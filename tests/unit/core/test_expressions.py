"""Expressions are written with plain names; DynamoDB gets placeholders."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hub.core.expressions import with_placeholders


def test_names_become_placeholders_and_values_stay() -> None:
    assert with_placeholders("status = :status AND owner = :me") == (
        "#status = :status AND #owner = :me",
        {"#status": "status", "#owner": "owner"},
    )


@pytest.mark.parametrize(
    "expression",
    [
        "attribute_not_exists(#pk)",
        "attribute_exists(#a) OR begins_with(#b, :b) AND NOT contains(#c, :c)",
        "#a BETWEEN :low AND :high OR #b IN (:x, :y)",
        "SET #a = if_not_exists(#a, :zero), #b = list_append(#b, :more) REMOVE #c ADD #d :one DELETE #e :gone",
        "size(#attempts) >= :most AND attribute_type(#a, :kind)",
    ],
)
def test_functions_and_keywords_stay_as_they_are(expression: str) -> None:
    written = expression.replace("#", "")

    assert with_placeholders(written)[0] == expression


@pytest.mark.parametrize("name", ["SETTINGS", "ORDER", "inSize", "containsAll", "addedAt", "size_bytes", "set", "AND1"])
def test_keyword_inside_a_name_leaves_the_name_whole(name: str) -> None:
    assert with_placeholders(f"{name} = :v") == (f"#{name} = :v", {f"#{name}": name})


def test_every_part_of_a_path_is_a_name_of_its_own() -> None:
    assert with_placeholders("SET counters.read = :n, errors[0].at = :now") == (
        "SET #counters.#read = :n, #errors[0].#at = :now",
        {"#counters": "counters", "#read": "read", "#errors": "errors", "#at": "at"},
    )


def test_list_of_names_is_a_projection() -> None:
    assert with_placeholders("pk, sk, hash") == ("#pk, #sk, #hash", {"#pk": "pk", "#sk": "sk", "#hash": "hash"})


@given(st.lists(st.from_regex(r"[a-z_][a-zA-Z0-9_]{0,12}", fullmatch=True).map("n_{}".format), min_size=1))
def test_placeholders_read_back_to_what_was_written(names: list[str]) -> None:
    written = " AND ".join(f"{name} = :{name}" for name in names)

    expression, meaning = with_placeholders(written)

    assert re.sub(r"#\w+", lambda found: meaning[found[0]], expression) == written
    assert set(meaning.values()) == set(names)
