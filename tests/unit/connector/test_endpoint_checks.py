from typing import Any

import pytest

from hub.connector.definition import check_definition, parse_definition
from hub.core.errors import BadDefinition
from tests.unit.connector.factories import Json, definition, endpoint, mapping, problems_of


def param(name: str = "id", **changes: Any) -> Json:
    return {"name": name, "required": True, "type": "string", **changes}


def rule(**changes: Any) -> Json:
    return mapping(fieldMappings=[{"source": "$.a", "target": "b", **changes}])


def body(**changes: Any) -> Json:
    return {"contentType": "application/json", "bodyType": "template", "template": "{}", **changes}


def multipart(**changes: Any) -> Json:
    return body(contentType="multipart/form-data", **changes)


def filed(given: Json, **words: Any) -> Json:
    """Return the body with a schema whose only field is a file."""
    schema = {"type": "object", "properties": {"a": {"type": "string", **words}}}
    return {**given, "bodyType": "schema", "schema": schema}


def pages(kind: str, **changes: Any) -> Json:
    complete = {
        "offset": {"offsetParam": "offset", "limitParam": "limit"},
        "page": {"pageParam": "page"},
        "cursor": {"cursorParam": "after", "cursorPath": "$.next"},
        "link": {"nextLinkPath": "header:Link"},
    }[kind]
    made = {"type": kind, "endCondition": {"type": "empty_array"}, **complete, **changes}
    return {name: value for name, value in made.items() if value is not None}


REFUSED: list[tuple[str, Json]] = [
    ("/path", {"path": "items"}),
    ("/path", {"path": "/items?x=1"}),
    ("/path", {"path": "/items#x"}),
    ("/path", {"path": "/a/../b"}),
    ("/path", {"path": "/a/%2e%2e/b"}),
    ("/path", {"path": "/a b"}),
    ("/path", {"path": "/{{id}}", "pathParams": []}),
    ("/path", {"path": "/items/{id}"}),
    ("/pathParams/0/name", {"pathParams": [param()]}),
    ("/pathParams/1/name", {"path": "/{id}", "pathParams": [param(), param()]}),
    ("/pathParams/0/type", {"path": "/{id}", "pathParams": [param(type="array")]}),
    ("/pathParams/0/type", {"path": "/{id}", "pathParams": [param(type="object")]}),
    ("/queryParams/1/name", {"queryParams": [param(), param()]}),
    ("/queryParams/0/value", {"queryParams": [param(valueSource="static")]}),
    ("/queryParams/0/value", {"queryParams": [param(type="number", valueSource="static", value="x")]}),
    ("/queryParams/0/value", {"queryParams": [param(valueSource="variable", value="{{not a name}}")]}),
    ("/queryParams/0/value", {"queryParams": [param(valueSource="variable", value=5)]}),
    ("/queryParams/0/value", {"queryParams": [param(valueSource="expression", value="1 +")]}),
    ("/queryParams/0/value", {"queryParams": [param(valueSource="expression")]}),
    ("/queryParams/0/default", {"queryParams": [param(type="boolean", default="perhaps")]}),
    ("/queryParams/0/name", {"queryParams": [param("access_token", valueSource="static", value="abc")]}),
    ("/queryParams/0/name", {"queryParams": [param("api_key", default="abc")]}),
    ("/headers/X-Secret", {"headers": {"X-Secret": "s"}}),
    ("/headers/X-A", {"headers": {"X-A": "{{a"}}),
    ("/body", {"body": body()}),
    ("/body/template", {"method": "POST", "body": body(template=None)}),
    ("/body/template", {"method": "POST", "body": body(template="{not json")}),
    ("/body/template", {"method": "POST", "body": body(template='{"a": "{{1+1}}"}')}),
    ("/body/template", {"method": "POST", "body": body(template='{"{{a}}": 1}')}),
    ("/body/raw", {"method": "POST", "body": body(bodyType="raw", raw="{not json")}),
    ("/body/schema", {"method": "POST", "body": body(bodyType="schema")}),
    (
        "/body/schema/properties/a/value",
        {
            "method": "POST",
            "body": body(
                bodyType="schema",
                schema={
                    "type": "object",
                    "properties": {"a": {"type": "string", "source": "expression", "value": "1;"}},
                },
            ),
        },
    ),
    ("/body/bodyType", {"method": "POST", "body": multipart(bodyType="raw", raw="--x")}),
    ("/body/template", {"method": "POST", "body": multipart(template="[1]")}),
    ("/body/template", {"method": "POST", "body": multipart(template='{"a": {"b": 1}}')}),
    ("/body/template", {"method": "POST", "body": multipart(template='{"a": [[1]]}')}),
    ("/body/template", {"method": "POST", "body": multipart(template='{"a": {"content": "x", "filename": 5}}')}),
    ("/body/schema/properties/a/filename", {"method": "POST", "body": filed(multipart(), filename="{{1+1}}")}),
    ("/body/schema/properties/a/filename", {"method": "POST", "body": filed(body(), filename="a.txt")}),
    ("/body/schema/properties/a/contentType", {"method": "POST", "body": filed(body(), contentType="text/csv")}),
    (
        "/headers/Content-Type",
        {"method": "POST", "body": multipart(), "headers": {"Content-Type": "multipart/form-data"}},
    ),
    ("/body/contentType", {"method": "POST", "body": body(contentType="text/html")}),
    ("/responseMapping/dataPath", {"responseMapping": mapping(dataPath="$[")}),
    ("/responseMapping/errorPath", {"responseMapping": mapping(errorPath="$[")}),
    ("/responseMapping/identifierField", {"responseMapping": mapping(identifierField="$[")}),
    ("/responseMapping/targetShardTypeId", {"responseMapping": mapping(targetShardTypeId="a b")}),
    ("/responseMapping/metadataMapping/totalCount", {"responseMapping": mapping(metadataMapping={"totalCount": "$["})}),
    ("/responseMapping/fieldMappings/0/source", {"responseMapping": rule(source="$[")}),
    ("/responseMapping/fieldMappings/0/target", {"responseMapping": rule(target="$..x")}),
    ("/responseMapping/fieldMappings/0/transform/type", {"responseMapping": rule(transform={"type": "upper"})}),
    ("/responseMapping/fieldMappings/0/transform/config/mapping", {"responseMapping": rule(transform={"type": "map"})}),
    ("/responseMapping/fieldMappings/0/transform/type", {"responseMapping": rule(transform={"type": "upper"})}),
    (
        "/responseMapping/fieldMappings/0/transform/config/expression",
        {"responseMapping": rule(transform={"type": "expression", "config": {"expression": "value.("}})},
    ),
    (
        "/responseMapping/fieldMappings/0/transform/config/type",
        {"responseMapping": rule(transform={"type": "lookup", "config": {"type": "no type"}})},
    ),
    ("/pagination/offsetParam", {"pagination": pages("offset", offsetParam=None)}),
    ("/pagination/limitParam", {"pagination": pages("offset", limitParam=None)}),
    ("/pagination/pageParam", {"pagination": pages("page", pageParam=None)}),
    ("/pagination/cursorParam", {"pagination": pages("cursor", cursorParam=None)}),
    ("/pagination/cursorPath", {"pagination": pages("cursor", cursorPath=None)}),
    ("/pagination/cursorPath", {"pagination": pages("cursor", cursorPath="$[")}),
    ("/pagination/nextLinkPath", {"pagination": pages("link", nextLinkPath=None)}),
    ("/pagination/nextLinkPath", {"pagination": pages("link", nextLinkPath="header: ")}),
    ("/pagination/endCondition/field", {"pagination": pages("page", endCondition={"type": "has_more_field"})}),
    ("/pagination/endCondition/type", {"pagination": pages("page", endCondition={"type": "count_less_than_limit"})}),
    ("/pagination/endCondition/type", {"pagination": pages("page", endCondition={"type": "cursor_null"})}),
    ("/pagination/endCondition/field", {"pagination": pages("offset", endCondition={"type": "total_reached"})}),
    (
        "/pagination/endCondition/type",
        {"pagination": pages("page", endCondition={"type": "total_reached", "field": "$.total"})},
    ),
    ("/pagination/maxPages", {"pagination": pages("page", maxPages=0)}),
    ("/pagination/location", {"pagination": pages("page", location="path")}),
    ("/pagination/location", {"pagination": pages("page", location="body")}),
    (
        "/pagination/location",
        {"method": "POST", "body": body(template="[]"), "pagination": pages("page", location="body")},
    ),
    (
        "/pagination/location",
        {"method": "POST", "body": body(contentType="text/plain"), "pagination": pages("page", location="body")},
    ),
    ("/pagination/pageParam", {"method": "POST", "pagination": pages("page", location="body", pageParam="$[")}),
    ("/pagination/pageParam", {"method": "POST", "pagination": pages("page", location="body", pageParam="$..page")}),
    (
        "/pagination/pageParam",
        {"method": "POST", "body": multipart(), "pagination": pages("page", location="body", pageParam="$.page")},
    ),
    ("/pagination/pageParam", {"pagination": pages("page", location="header", pageParam="X Page")}),
    ("/pagination/limitParam", {"pagination": pages("cursor", location="header", limitParam="Content-Length")}),
    ("/rateLimit/requestsPerMinute", {"rateLimit": {"requestsPerMinute": 0}}),
    ("/method", {"method": "HEAD"}),
]


@pytest.mark.parametrize(("pointer", "change"), REFUSED)
def test_endpoint_is_refused_at_the_place_of_the_fault(pointer: str, change: Json) -> None:
    found = problems_of(definition(endpoint(**change)))

    assert list(found) == [f"/endpoints/0{pointer}"]


ACCEPTED: list[Json] = [
    {"path": "/items/{id}", "pathParams": [param()]},
    {"path": "/a%20b/-._~!$&'()*+,;=:@"},
    {"queryParams": [param("max_tokens", type="number", value=100)]},
    {"queryParams": [param("page_token", required=False)]},
    {"method": "POST", "body": body(template='{"a": {{count}}, "b": "{{name}}"}')},
    {"method": "POST", "body": body(contentType="text/plain", template="Hi {{name}}")},
    {"method": "POST", "body": body(contentType="application/x-www-form-urlencoded", template="a={{b}}&c=1")},
    {"responseMapping": mapping(identifierField="contact-id")},
    {"responseMapping": mapping(identifierField="meta.id")},
    {"pagination": pages("page", maxLimit=50, endCondition={"type": "count_less_than_limit"})},
    {"pagination": pages("offset", endCondition={"type": "count_less_than_limit"})},
    {"pagination": pages("offset", endCondition={"type": "total_reached", "field": "$.total"})},
    {"pagination": pages("link", nextLinkPath="$.links.next", endCondition={"type": "cursor_null"})},
    {"pagination": pages("cursor", endCondition=None)},
    {"pagination": pages("cursor", location="header", cursorParam="X-Page-Token", maxPages=100_000)},
    {"method": "POST", "pagination": pages("cursor", location="body", cursorParam="$.page.cursor")},
    {"method": "POST", "body": multipart(), "pagination": pages("page", location="body", maxPages=1)},
    {"method": "POST", "body": filed(multipart(), filename="{{name}}.txt")},
    {"timeout": 1000, "retryConfig": {"maxRetries": 0}, "idempotent": True},
]


@pytest.mark.parametrize("change", ACCEPTED)
def test_endpoint_without_those_faults_is_accepted(change: Json) -> None:
    parse_definition(definition(endpoint(**change)))


def test_every_rule_with_a_fault_is_named() -> None:
    rules = [{"source": "$[", "target": "a"}, {"source": "$.b", "target": "b"}, {"source": "$.c", "target": "$..c"}]

    found = problems_of(definition(endpoint(responseMapping=mapping(fieldMappings=rules))))

    place = "/endpoints/0/responseMapping/fieldMappings"
    assert sorted(found) == [f"{place}/0/source", f"{place}/2/target"]


def test_rules_with_one_target_are_refused_at_the_second() -> None:
    rules = [{"source": "$.a", "target": "x"}, {"source": "$.b", "target": "$.x"}]

    found = problems_of(definition(endpoint(responseMapping=mapping(fieldMappings=rules))))

    assert list(found) == ["/endpoints/0/responseMapping/fieldMappings/1/target"]


def test_query_parameter_of_auth_is_refused_in_the_endpoint() -> None:
    auth = {"type": "api_key", "keyName": "key", "keyLocation": "query", "keyValue": "v"}

    found = problems_of(definition(endpoint(queryParams=[param("key")]), auth=auth))

    assert list(found) == ["/endpoints/0/queryParams/0/name"]


@pytest.mark.parametrize(
    ("given", "is_accepted"),
    [
        (body(), True),
        (body(template="[]"), False),
        (body(contentType="text/plain", template="x"), False),
        (body(contentType="application/x-www-form-urlencoded", template="a=1"), True),
        (multipart(template='{"a": 1}'), True),
        (body(bodyType="schema", schema={"type": "object", "properties": {}}), True),
        (body(bodyType="schema", schema={"type": "array", "items": {"type": "string"}}), False),
    ],
)
def test_key_in_the_body_needs_a_body_with_fields(given: Json, is_accepted: bool) -> None:
    auth = {"type": "api_key", "keyName": "key", "keyLocation": "body", "keyValue": "v"}
    raw = definition(endpoint(method="POST", body=given), auth=auth)

    if is_accepted:
        parse_definition(raw)
    else:
        assert list(problems_of(raw)) == ["/endpoints/0/body"]


@pytest.mark.parametrize(
    ("auth", "location", "name", "is_accepted"),
    [
        ({"type": "api_key", "keyName": "key", "keyLocation": "query", "keyValue": "v"}, "query", "key", False),
        ({"type": "api_key", "keyName": "key", "keyLocation": "query", "keyValue": "v"}, "body", "key", True),
        ({"type": "api_key", "keyName": "key", "keyLocation": "body", "keyValue": "v"}, "body", "key", False),
        ({"type": "api_key", "keyName": "X-Key", "keyLocation": "header", "keyValue": "v"}, "header", "x-key", False),
        ({"type": "api_key", "keyName": "X-Key", "keyLocation": "header", "keyValue": "v"}, "query", "X-Key", True),
        ({"type": "custom_headers", "headers": {"X-App": "v"}}, "header", "X-APP", False),
        ({"type": "bearer", "token": "v"}, "header", "Authorization", False),
        ({"type": "bearer", "token": "v"}, "header", "X-After", True),
    ],
)
def test_parameter_of_a_pagination_is_not_what_auth_adds(
    auth: Json, location: str, name: str, is_accepted: bool
) -> None:
    raw = definition(
        endpoint(method="POST", body=body(), pagination=pages("cursor", location=location, cursorParam=name)), auth=auth
    )

    if is_accepted:
        parse_definition(raw)
    else:
        assert list(problems_of(raw)) == ["/endpoints/0/pagination/cursorParam"]


# GraphQL


def graphql(
    query: str = "query Q($first: Int, $after: String) { a(first: $first, after: $after) { id } }", **changes: Any
) -> Json:
    return {"method": "POST", "graphql": {"query": query, **changes}}


RELAY: Json = {"type": "cursor", "cursorPath": "$.data.a.end", "limitParam": "first"}

BAD_GRAPHQL: list[tuple[str, Json]] = [
    ("/method", {**graphql(), "method": "GET"}),
    ("/body", {**graphql(), "body": body()}),
    ("/graphql/query", graphql("")),
    ("/graphql/query", graphql("{ a ")),
    ("/graphql/query", graphql("{ a(id: {{id}}) }")),
    ("/graphql/query", graphql("{a" * 9_000)),
    ("/graphql/query", graphql("fragment F on Q { a }")),
    ("/graphql/query", graphql("{ a } type T { b: Int }")),
    ("/graphql/query", graphql("subscription S { a }")),
    ("/graphql/operationName", graphql("query A { a } query B { b }")),
    ("/graphql/operationName", graphql("query A { a } query B { b }", operationName="C")),
    ("/graphql/operationName", graphql("{ a }", operationName="not a name")),
    ("/graphql/variables", graphql(variables={"a": {"b": ["{{1+1}}"]}})),
    ("/graphql/variables", graphql(variables={"{{a}}": 1})),
    ("/graphql/cursorBodyPath", graphql(cursorBodyPath="$.variables.after")),
    ("/graphql/cursorBodyPath", {**graphql(cursorBodyPath="$.query"), "pagination": RELAY}),
    ("/graphql/cursorBodyPath", {**graphql(cursorBodyPath="$.variables"), "pagination": RELAY}),
    ("/graphql/cursorBodyPath", {**graphql(cursorBodyPath="$.variables.*"), "pagination": RELAY}),
    ("/graphql/query", {**graphql(cursorBodyPath="cursor"), "pagination": RELAY}),
    ("/graphql/query", {**graphql("query Q($after: String) { a }"), "pagination": RELAY}),
    ("/pagination/cursorParam", {**graphql(cursorBodyPath="after"), "pagination": {**RELAY, "cursorParam": "after"}}),
    ("/pagination/limitParam", {**graphql(), "pagination": {**RELAY, "limitParam": "$.first"}}),
    ("/pagination/location", {**graphql(), "pagination": {**RELAY, "location": "query"}}),
    ("/pagination/cursorPath", {**graphql(), "pagination": {"type": "cursor"}}),
]


@pytest.mark.parametrize(("pointer", "change"), BAD_GRAPHQL)
def test_graphql_endpoint_is_refused_at_the_place_of_the_fault(pointer: str, change: Json) -> None:
    with pytest.raises(BadDefinition) as caught:
        check_definition(definition(endpoint(**change)))

    assert [problem.pointer for problem in caught.value.problems] == [f"/endpoints/0{pointer}"]


GOOD_GRAPHQL: list[Json] = [
    graphql("{ a }"),
    graphql("mutation M { a { id } }"),
    graphql("query A { ...F } fragment F on Q { a } query B { b }", operationName="B"),
    {**graphql(variables={"filter": {"since": "{{state.lastSyncAt}}", "tags": ["{{tag}}"]}}), "pagination": RELAY},
    {**graphql(cursorBodyPath="$.variables.after"), "pagination": RELAY},
    {
        **graphql(),
        "pagination": {**RELAY, "location": "body", "cursorParam": "after", "limitParam": "$.variables.first"},
    },
    {
        **graphql("query Q($in: In) { a(in: $in) { id } }", cursorBodyPath="$.variables.in.after"),
        "pagination": {**RELAY, "limitParam": "$.variables.in.first"},
    },
]


@pytest.mark.parametrize("change", GOOD_GRAPHQL)
def test_graphql_endpoint_without_those_faults_is_accepted(change: Json) -> None:
    raw = definition(endpoint(**change), integrationType="graphql")

    assert check_definition(raw) == raw


@pytest.mark.parametrize("raw", [["graphql"], {"endpoints": ["graphql", {"graphql": {}}]}, "graphql"])
def test_definition_of_another_shape_is_refused_before_its_queries(raw: Any) -> None:
    with pytest.raises(BadDefinition):
        check_definition(raw)


def test_fault_of_a_query_is_told_with_line_and_column() -> None:
    with pytest.raises(BadDefinition) as caught:
        check_definition(definition(endpoint(**graphql("query A {\n  a(b: )\n}"))))

    assert caught.value.problems[0].message == "line 2, column 8: Unexpected ')'"


def test_key_in_the_body_of_a_graphql_endpoint_is_accepted() -> None:
    auth = {"type": "api_key", "keyName": "key", "keyLocation": "body", "keyValue": "v"}

    parse_definition(definition(endpoint(**graphql()), auth=auth))


def test_rules_of_incoming_events_may_use_javascript_and_documents() -> None:
    def received(expression: str) -> Json:
        config = {"expression": {"expression": expression}, "lookup": {"type": "company", "field": "name"}}
        rules = [
            {"source": "$.a", "target": kind, "transform": {"type": kind, "config": config[kind]}} for kind in config
        ]
        routing = {
            "eventTypePath": "$.type",
            "eventTypeValue": "made",
            "action": "create_shard",
            "fieldMappings": rules,
        }
        return definition(webhookConfig={"webhookSecret": "the-secret", "eventRouting": [routing]})

    parse_definition(received("value + 1"))
    found = problems_of(received("value + + "))

    assert list(found) == ["/webhookConfig/eventRouting/0/fieldMappings/0/transform/config/expression"]
