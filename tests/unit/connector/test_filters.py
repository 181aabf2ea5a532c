import hashlib
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hub.connector.variables import BadText, Variables, filler
from hub.core.errors import BadRequest
from tests.unit.connector.factories import definition, endpoint, problems_of, sent

# Backslash escapes of a SOQL literal and what they stand for.
SOQL_ESCAPES = {"n": "\n", "r": "\r", "t": "\t", "b": "\b", "f": "\f", "'": "'", '"': '"', "\\": "\\"}
INJECTIONS = [
    "O'Brien",
    "\\",
    "\\'",
    "x\\",
    "' OR Name != '",
    "\\' OR Name != \\'",
    "a\nb\r\tc",
    "' LIMIT 1 //",
    'say "hi"',
    "%_",
]


def filled(text: str, **params: Any) -> str:
    return filler(text)(Variables(params))


def read_soql(query: str) -> tuple[str, str]:
    """Return the value of the literal that a query ends with, and what stands behind its end."""
    value, rest = [], query[query.index("'") + 1 :]
    while rest and rest[0] != "'":
        if rest[0] == "\\":
            value.append(SOQL_ESCAPES[rest[1]])
            rest = rest[2:]
        else:
            value.append(rest[0])
            rest = rest[1:]
    return "".join(value), rest[1:]


@pytest.mark.parametrize("text", INJECTIONS)
def test_soql_keeps_a_text_inside_of_its_literal(text: str) -> None:
    query = filled("SELECT Id FROM Contact WHERE Name = '{{name | soql}}'", name=text)

    assert read_soql(query) == (text, "")


@given(st.text())
def test_soql_keeps_any_text_inside_of_its_literal(text: str) -> None:
    assert read_soql(filled("WHERE Name = '{{name | soql}}'", name=text)) == (text, "")


def test_text_without_the_filter_leaves_its_literal() -> None:
    """The control: the reader of these tests sees an injection where there is one."""
    assert read_soql(filled("WHERE Name = '{{name}}'", name="' OR Name != '"))[1] != ""


@given(st.recursive(st.none() | st.booleans() | st.integers() | st.text(), st.lists, max_leaves=5))
def test_ascii_json_is_printable_ascii_and_the_same_value(value: Any) -> None:
    text = filled("{{value | ascii_json}}", value=value)

    assert text.isascii()
    assert text.isprintable()
    assert json.loads(text) == value


def test_ascii_json_may_stand_in_a_header() -> None:
    raw = definition(endpoint(headers={"Dropbox-API-Arg": '{"path": {{path | ascii_json}}}'}))

    headers = sent(raw, {"path": "/Übung\x7f 文.csv"}).headers

    assert headers["dropbox-api-arg"] == '{"path": "/\\u00dcbung\\u007f \\u6587.csv"}'


def test_filters_go_from_left_to_right() -> None:
    expected = hashlib.md5(b"ada@example.com", usedforsecurity=False).hexdigest()

    assert filled("{{email | lower | md5}}", email="Ada@Example.com") == expected
    assert filled("{{email|lower}}", email="ADA") == "ada"


def test_filter_works_on_parameters_and_bodies() -> None:
    body = {"contentType": "application/json", "bodyType": "template", "template": '{"id": {{email | lower}}}'}
    params = [{"name": "q", "valueSource": "variable", "value": "Name = '{{name | soql}}'"}]
    path = [{"name": "id", "valueSource": "variable", "value": "{{email | lower | md5}}"}]

    asked = sent(
        definition(endpoint(method="POST", path="/m/{id}", pathParams=path, queryParams=params, body=body)),
        {"email": "A@B", "name": "O'Brien"},
    )

    assert asked.query == {"q": "Name = 'O\\'Brien'"}
    assert asked.path == "/v1/m/" + hashlib.md5(b"a@b", usedforsecurity=False).hexdigest()
    assert asked.json == {"id": "a@b"}


@given(st.text())
def test_odata_doubles_what_would_end_its_literal(text: str) -> None:
    literal = filled("name eq '{{name | odata}}'", name=text).removeprefix("name eq ")

    assert literal[1:-1].replace("''", "").count("'") == 0
    assert literal[1:-1].replace("''", "'") == text


def test_missing_value_is_named_without_its_filter() -> None:
    with pytest.raises(BadRequest, match="'name'"):
        filled("{{ name | soql }}")


def test_null_stays_empty_and_a_number_is_a_text() -> None:
    assert filled("{{a | soql}}{{b | soql}}", a=None, b=5) == "5"


@pytest.mark.parametrize("name", ["soql", "lower", "md5"])
def test_list_does_not_fit_into_a_text(name: str) -> None:
    with pytest.raises(BadRequest) as caught:
        filled(f"{{{{a | {name}}}}}", a=[1])

    assert caught.value.details["parameter"] == "a"


@pytest.mark.parametrize(
    "text", ["{{a | }}", "{{a | upper}}", "{{a | soql | nothing}}", "{{ | soql}}", "{{a || soql}}"]
)
def test_unknown_filter_is_refused(text: str) -> None:
    with pytest.raises(BadText):
        filler(text)


def test_unknown_filter_is_found_on_save_with_its_place() -> None:
    body = {"contentType": "application/json", "bodyType": "template", "template": '{"a": "{{a | sql}}"}'}
    params = [{"name": "q", "valueSource": "variable", "value": "{{q | sql}}"}]

    found = problems_of(
        definition(endpoint(method="POST", body=body, queryParams=params, headers={"X-A": "{{a|sql}}"}))
    )

    assert found.keys() == {
        "/endpoints/0/body/template",
        "/endpoints/0/queryParams/0/value",
        "/endpoints/0/headers/X-A",
    }
    assert all("one of ascii_json, lower, md5, odata, soql, time, found 'sql'" in message for message in found.values())
