from collections.abc import Iterator, Mapping
from typing import Any

import pytest

from hub.core.errors import BadRequest
from tests.unit.connector.factories import Json, Provider, definition, endpoint, mapping, problems_of, run, sent


def param(name: str, **changes: Any) -> Json:
    return {"name": name, "required": True, "type": "string", **changes}


def with_query(**changes: Any) -> Json:
    return definition(endpoint(queryParams=[param("q", **changes)]))


def test_path_parameters_of_the_specification_are_filled() -> None:
    path = "/users/{userId}/orders/{orderId}"
    raw = definition(endpoint(path=path, pathParams=[param("userId"), param("orderId")]))

    asked = sent(raw, {"userId": 7, "orderId": "a b"})

    assert asked.url == "https://api.example.com/v1/users/7/orders/a%20b"


@pytest.mark.parametrize("base", ["https://api.example.com/v1", "https://api.example.com/v1/"])
def test_path_of_the_base_url_is_kept(base: str) -> None:
    assert sent(definition(baseUrl=base)).url == "https://api.example.com/v1/items"


@pytest.mark.parametrize(
    ("value", "path"),
    [("a/b", "a%2Fb"), ("a?b#c", "a%3Fb%23c"), ("%2e%2e", "%252e%252e"), ("ü", "%C3%BC"), ("a.b", "a.b")],
)
def test_path_value_stays_one_segment(value: str, path: str) -> None:
    raw = definition(endpoint(path="/items/{id}", pathParams=[param("id")]))

    assert sent(raw, {"id": value}).url == f"https://api.example.com/v1/items/{path}"


@pytest.mark.parametrize("value", ["..", ".", "../admin", "a/../b", "..\\admin", "", None, [], {}, True and ["x"]])
def test_path_value_that_leaves_its_segment_is_refused(value: Any) -> None:
    raw = definition(endpoint(path="/items/{id}", pathParams=[param("id")]))

    with pytest.raises(BadRequest, match="'id'"):
        sent(raw, {"id": value})


def test_path_value_cannot_complete_dots_of_the_path() -> None:
    raw = definition(endpoint(path="/items/{a}.", pathParams=[param("a")]))

    with pytest.raises(BadRequest):
        sent(raw, {"a": "."})
    assert sent(raw, {"a": "x"}).path == "/v1/items/x."


@pytest.mark.parametrize(
    ("kind", "value", "pairs"),
    [
        ("string", "a&b=c", ["a&b=c"]),
        ("string", 5, ["5"]),
        ("string", 5.0, ["5"]),
        ("number", 5, ["5"]),
        ("number", "2.5", ["2.5"]),
        ("boolean", True, ["true"]),
        ("boolean", "false", ["false"]),
        ("array", ["a", 1, False], ["a", "1", "false"]),
        ("array", [], []),
    ],
)
def test_query_value_is_written_by_its_type(kind: str, value: Any, pairs: list[str]) -> None:
    asked = sent(with_query(type=kind), {"q": value})

    assert asked.pairs == [("q", text) for text in pairs]


@pytest.mark.parametrize(
    ("kind", "value"),
    [
        ("string", {}),
        ("number", "five"),
        ("number", True),
        ("number", float("nan")),
        ("boolean", "yes"),
        ("boolean", 1),
        ("array", "a"),
        ("array", [{}]),
    ],
)
def test_query_value_of_another_type_is_refused(kind: str, value: Any) -> None:
    with pytest.raises(BadRequest, match="'q'"):
        sent(with_query(type=kind), {"q": value})


def test_missing_required_parameter_is_named() -> None:
    with pytest.raises(BadRequest, match="'q' is required") as caught:
        sent(with_query())

    assert caught.value.details["parameter"] == "q"


def test_missing_parameter_takes_its_default_or_stays_away() -> None:
    assert sent(with_query(default="x")).query == {"q": "x"}
    assert sent(with_query(required=False)).query == {}
    assert sent(with_query(required=False), {"q": None}).query == {}
    assert sent(with_query(default="x"), {"q": ""}).query == {"q": ""}


@pytest.mark.parametrize(
    ("source", "text"),
    [
        ({"valueSource": "static", "value": "fixed"}, "fixed"),
        ({"value": "fixed"}, "fixed"),
        ({"valueSource": "variable", "value": "{{region}}"}, "from params"),
        ({"valueSource": "variable", "value": "region"}, "from params"),
        ({"valueSource": "variable", "value": "{{settings.region}}"}, "from settings"),
        ({"valueSource": "variable", "value": "{{state.region}}"}, "from state"),
        ({"valueSource": "variable", "value": "{{language}}"}, "de"),
        ({"valueSource": "variable", "value": "{{lastSyncAt}}"}, "2025-01-01"),
        ({"valueSource": "variable", "value": "since:{{lastSyncAt}}"}, "since:2025-01-01"),
        ({"valueSource": "variable", "value": "{{contact.phones.1.number}}"}, "2"),
    ],
)
def test_value_comes_from_its_source(source: Json, text: str) -> None:
    params = {"region": "from params", "contact": {"phones": [{"number": "1"}, {"number": "2"}]}}
    settings = {"region": "from settings", "language": "de"}
    state = {"region": "from state", "lastSyncAt": "2025-01-01"}

    asked = sent(with_query(**source), params, settings=settings, state=state)

    assert asked.query == {"q": text}


def test_headers_of_the_endpoint_win_and_are_filled() -> None:
    own = {"x-region": "{{settings.region}}", "Accept": "text/csv"}
    raw = definition(endpoint(headers=own), defaultHeaders={"X-Region": "us", "X-App": "hub"})

    headers = sent(raw, settings={"region": "eu"}).headers

    assert headers == {"accept": "text/csv", "x-region": "eu", "x-app": "hub"}


@pytest.mark.parametrize("value", ["a\r\nx-b: c", "a\nb", "ü"])
def test_header_value_cannot_make_another_header(value: str) -> None:
    raw = definition(endpoint(headers={"X-A": "{{a}}"}))

    with pytest.raises(BadRequest, match="'x-a'"):
        sent(raw, {"a": value})


# Bodies


def posting(params: Json | None = None, **body: Any) -> Any:
    return sent(definition(endpoint(method="POST", path="/leads", body=body)), params)


def test_lead_of_the_specification_is_sent() -> None:
    template = (
        '{"name": "{{contact.name}}", "email": "{{contact.email}}", "company": "{{company.name}}",'
        ' "source": "castiel", "customFields": {"projectId": "{{project.id}}"}}'
    )
    params = {
        "contact": {"name": 'Ada "the" King', "email": "ada@example.com"},
        "company": {"name": None},
        "project": {"id": 7},
    }

    asked = posting(params, contentType="application/json", bodyType="template", template=template)

    assert asked.json == {
        "name": 'Ada "the" King',
        "email": "ada@example.com",
        "company": None,
        "source": "castiel",
        "customFields": {"projectId": 7},
    }
    assert asked.headers["content-type"] == "application/json"


def test_template_keeps_types_and_fills_texts() -> None:
    template = '{"n": {{n}}, "tags": ["{{tag}}", {{all}}], "text": "n={{n}} 100%", "fixed": [1, true, null]}'

    asked = posting(
        {"n": 5, "tag": "a", "all": [1]}, contentType="application/json", bodyType="template", template=template
    )

    assert asked.json == {"n": 5, "tags": ["a", [1]], "text": "n=5 100%", "fixed": [1, True, None]}


def test_template_without_a_value_is_refused_by_name() -> None:
    with pytest.raises(BadRequest, match=r"'contact\.name'"):
        posting(contentType="application/json", bodyType="template", template='{"name": "{{contact.name}}"}')


@pytest.mark.parametrize("template", ["a={{a}}&b=1&b=2", '{"a": "{{a}}", "b": [1, 2], "c": null}'])
def test_form_is_encoded(template: str) -> None:
    asked = posting(
        {"a": "x&y z"}, contentType="application/x-www-form-urlencoded", bodyType="template", template=template
    )

    assert asked.body == b"a=x%26y+z&b=1&b=2"


def test_text_is_filled() -> None:
    asked = posting({"a": {"b": 1}}, contentType="text/plain", bodyType="template", template="ü {{a}} {{a.b}}")

    assert asked.body == 'ü {"b":1} 1'.encode()


@pytest.mark.parametrize(
    ("content_type", "raw"),
    [("application/json", '{"a" : 1.0}'), ("application/x-www-form-urlencoded", "a=b c"), ("text/plain", "{{a}}")],
)
def test_raw_body_is_sent_as_it_is(content_type: str, raw: str) -> None:
    assert posting(contentType=content_type, bodyType="raw", raw=raw).body == raw.encode()


SCHEMA: Json = {
    "type": "object",
    "properties": {
        "name": {"type": "string", "required": True, "source": "variable", "value": "{{contact.name}}"},
        "age": {"type": "number"},
        "source": {"type": "string", "source": "static", "value": "hub"},
        "address": {"type": "object", "properties": {"city": {"type": "string"}}},
        "tags": {"type": "array", "source": "variable", "value": "tags"},
        "lines": {"type": "array", "items": {"type": "object", "properties": {"sku": {"type": "string"}}}},
    },
}


def test_schema_builds_its_fields_and_leaves_out_what_is_missing() -> None:
    params = {"contact": {"name": "Ada"}, "age": "36", "address": {"city": "Bern"}, "lines": {"sku": 5}}

    asked = posting(params, contentType="application/json", bodyType="schema", schema=SCHEMA)

    assert asked.json == {
        "name": "Ada",
        "age": 36,
        "source": "hub",
        "address": {"city": "Bern"},
        "lines": [{"sku": "5"}],
    }


@pytest.mark.parametrize(("params", "name"), [({}, "name"), ({"contact": {"name": "A"}, "age": "old"}, "age")])
def test_schema_refuses_what_is_missing_or_of_another_type(params: Json, name: str) -> None:
    with pytest.raises(BadRequest, match=f"'{name}'"):
        posting(params, contentType="application/json", bodyType="schema", schema=SCHEMA)


def test_request_without_a_body_sends_none() -> None:
    provider = Provider(lambda _: {"items": []})

    run(definition(endpoint(method="DELETE", responseMapping=mapping())), provider).fetch()

    assert provider.requests[0].body is None
    assert "content-type" not in provider.requests[0].headers


# Expressions


@pytest.mark.parametrize(
    ("kind", "expression", "texts"),
    [
        ("number", "params.page * settings.size", ["100"]),
        ("string", "`${params.from}..${state.lastSyncAt}`", ["a..2024-01-31"]),
        ("string", "(params, settings) => { const size = settings.size; return `n${size}`; }", ["n50"]),
        ("string", "({from}) => from", ["a"]),
        ("array", "[params.page, 'x']", ["2", "x"]),
        ("boolean", "params.page > 1", ["true"]),
        ("string", "new Date(Date.parse(state.lastSyncAt) - 86400000)", ["2024-01-30T00:00:00.000Z"]),
        ("string", "undefined", []),
        ("string", "null", []),
    ],
)
def test_expression_gives_the_value_of_a_parameter(kind: str, expression: str, texts: list[str]) -> None:
    raw = with_query(type=kind, required=False, valueSource="expression", value=expression)

    asked = sent(raw, {"page": 2, "from": "a"}, settings={"size": 50}, state={"lastSyncAt": "2024-01-31"})

    assert [text for _, text in asked.pairs] == texts


def test_expression_without_a_value_gives_the_default() -> None:
    raw = with_query(required=False, valueSource="expression", value="params.none", default="d")

    assert sent(raw).query == {"q": "d"}


@pytest.mark.parametrize(
    ("kind", "expression", "message"),
    [
        ("number", "'many'", "Parameter 'q': expected a number, found a text"),
        ("string", "params.none.name", "The expression of 'q' failed: TypeError"),
        ("string", "(() => { for (;;); })()", "The expression of 'q' failed: JavaScript took longer than 50 ms"),
        ("string", "undefined", "Parameter 'q' is required and not given"),
    ],
)
def test_expression_that_gives_no_fitting_value_names_the_parameter(kind: str, expression: str, message: str) -> None:
    with pytest.raises(BadRequest, match=message) as refused:
        sent(with_query(type=kind, valueSource="expression", value=expression))

    assert refused.value.details == {"parameter": "q"}


def test_expression_gives_the_value_of_a_property_of_the_body() -> None:
    properties = {
        "name": {"type": "string", "source": "expression", "value": "params.first + ' ' + params.last"},
        "size": {"type": "object", "source": "expression", "value": "{n: settings.size}"},
        "none": {"type": "string", "source": "expression", "value": "params.none"},
    }
    schema = {"type": "object", "properties": properties}
    body = {"contentType": "application/json", "bodyType": "schema", "schema": schema}

    asked = sent(definition(endpoint(method="POST", body=body)), {"first": "Ada", "last": "King"}, settings={"size": 5})

    assert asked.json == {"name": "Ada King", "size": {"n": 5}}


class State(Mapping[str, Any]):
    """A state that counts how often its values are read."""

    def __init__(self) -> None:
        self.reads = 0

    def __getitem__(self, name: str) -> Any:
        self.reads += 1
        return {"b": 5}[name]

    def __iter__(self) -> Iterator[str]:
        return iter(["b"])

    def __len__(self) -> int:
        return 1


def test_state_is_read_only_by_expressions_that_ask_for_it() -> None:
    """It is kept in a table."""

    state = State()

    def asked_for(expression: str) -> str:
        return sent(with_query(valueSource="expression", value=expression), {"a": 1}, state=state).url

    assert asked_for("params.a + 1").endswith("q=2")
    assert state.reads == 0
    assert asked_for("params.a + state.b").endswith("q=6")
    assert state.reads == 1


def test_expression_that_cannot_be_read_is_refused_with_line_and_column() -> None:
    found = problems_of(with_query(valueSource="expression", value="params.\n  page +"))

    assert found == {"/endpoints/0/queryParams/0/value": "line 2, column 9: unexpected end of the expression"}
