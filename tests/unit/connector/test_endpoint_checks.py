from typing import Any

import pytest

from hub.connector.definition import parse_definition
from tests.unit.connector.factories import Json, definition, endpoint, mapping, problems_of


def param(name: str = "id", **changes: Any) -> Json:
    return {"name": name, "required": True, "type": "string", **changes}


def rule(**changes: Any) -> Json:
    return mapping(fieldMappings=[{"source": "$.a", "target": "b", **changes}])


def body(**changes: Any) -> Json:
    return {"contentType": "application/json", "bodyType": "template", "template": "{}", **changes}


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
    ("/queryParams/0/valueSource", {"queryParams": [param(valueSource="expression", value="1 + 1")]}),
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
                    "properties": {"a": {"type": "string", "source": "expression", "value": "1"}},
                },
            ),
        },
    ),
    ("/body/contentType", {"method": "POST", "body": body(contentType="multipart/form-data")}),
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
    ("/responseMapping/fieldMappings/0/transform/type", {"responseMapping": rule(transform={"type": "expression"})}),
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
    {"pagination": pages("link", nextLinkPath="$.links.next", endCondition={"type": "cursor_null"})},
    {"pagination": pages("cursor", endCondition=None)},
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
