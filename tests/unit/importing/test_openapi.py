"""OpenAPI documents: what becomes of addresses, operations, parameters, bodies, answers and credentials."""

import json
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from hub.connector.definition import MAX_ENDPOINTS
from hub.core.errors import BadDefinition
from tests.unit.importing.sources import (
    CRM,
    Json,
    document,
    endpoint,
    imported,
    listed,
    messages,
    only,
    operation,
    query,
)

OWN = Path(__file__).parents[3] / "functions" / "insights" / "openapi.json"
AWAITED = "{{encrypted:****}}"


def refusal(source: Any, **options: Any) -> tuple[str, str]:
    """Return where a document is refused, and why."""
    with pytest.raises(BadDefinition) as error:
        imported(openapi=source, **options)
    return error.value.problems[0].pointer, error.value.problems[0].message


# ---------------------------------------------------------------- a whole document


def test_crm_becomes_a_connector_that_can_be_read_page_by_page() -> None:
    made = imported(openapi=CRM)

    contacts = endpoint(made, "contacts-getPage")
    assert made.definition["baseUrl"] == "https://eu1.crm.example.com"
    assert (made.definition["name"], made.definition["displayName"]) == ("contacts-of-the-crm", "Contacts of the CRM")
    assert contacts["pagination"] == {
        "type": "cursor",
        "cursorParam": "after",
        "cursorPath": "$.paging.next.after",
        "limitParam": "limit",
        "maxLimit": 100,
    }
    assert contacts["responseMapping"] == {
        "dataPath": "$.results",
        "identifierField": "id",
        "targetShardTypeId": "contact",
    }
    assert contacts["queryParams"] == [
        {"name": "archived", "type": "boolean", "default": False},
        {"name": "properties", "type": "string"},
    ]
    assert (contacts["name"], contacts["tags"]) == ("List contacts", ["Basic"])
    assert "guessed: test it" in messages(made, "contacts/get")


def test_body_takes_its_fields_from_merged_and_referenced_schemas() -> None:
    body = endpoint(imported(openapi=CRM), "contacts-create")["body"]

    fields = body["schema"]["properties"]
    assert (body["contentType"], body["bodyType"]) == ("application/json", "schema")
    assert fields["email"] == {"type": "string", "required": True}
    assert fields["age"] == {"type": "number"}
    assert fields["address"] == {
        "type": "object",
        "properties": {"city": {"type": "string", "required": True}, "zip": {"type": "string"}},
    }
    assert fields["labels"] == {"type": "array"}
    assert "createdAt" not in fields
    assert fields["manager"]["properties"]["email"] == {"type": "string", "required": True}


def test_path_parameter_leads_to_one_record() -> None:
    one = endpoint(imported(openapi=CRM), "contacts-getById")

    assert one["pathParams"] == [{"name": "contactId", "type": "string", "required": True}]
    assert one["responseMapping"]["dataPath"] == "$"
    assert "pagination" not in one


def test_text_of_a_document_means_the_same_as_the_document() -> None:
    assert imported(openapi=json.dumps(CRM)) == imported(openapi=CRM)


def test_description_of_the_hub_itself_can_be_imported() -> None:
    made = imported(openapi=json.loads(OWN.read_text()), baseUrl="https://hub.example.com")

    lists = endpoint(made, "custom_integrations-list_integrations")
    assert made.definition["auth"] == {"type": "bearer", "token": AWAITED}
    assert made.awaited == {"/auth/token"}
    assert lists["pagination"]["cursorPath"] == "$.nextCursor"
    assert lists["responseMapping"]["dataPath"] == "$.items"


# ---------------------------------------------------------------- address


@pytest.mark.parametrize(
    ("servers", "expected"),
    [
        ([{"url": "/v1"}, {"url": "http://a.example"}, {"url": "https://b.example/x/"}], "https://b.example/x"),
        (
            [{"url": "https://{h}.example:{p}/", "variables": {"h": {"default": "a"}, "p": {"default": "8443"}}}],
            "https://a.example:8443",
        ),
        ([{"url": "http://a.example"}], "http://a.example"),
    ],
)
def test_address_is_the_first_absolute_server_with_https(servers: list[Json], expected: str) -> None:
    assert imported(openapi=document(servers=servers)).definition["baseUrl"] == expected


@pytest.mark.parametrize("servers", [[], [{"url": "/v1"}], [{"url": "https://{host}/"}], "https://a.example", [3]])
def test_address_is_asked_for_when_the_document_has_none(servers: Any) -> None:
    source = document(servers=servers)

    where, message = refusal(source)

    assert (where, "`baseUrl`" in message) == ("/openapi/servers", True)
    assert imported(openapi=source, baseUrl="https://x.example").definition["baseUrl"] == "https://x.example"


# ---------------------------------------------------------------- operations


@pytest.mark.parametrize(
    ("source", "where", "said"),
    [
        ({"swagger": "2.0", "paths": {}}, "/openapi/swagger", "Swagger 2"),
        (document(openapi="3.2.0"), "/openapi/openapi", "found '3.2.0'"),
        ({"paths": {}}, "/openapi/openapi", "found none"),
        (document({}), "/openapi/paths", "at least one operation"),
        ("openapi: 3.1.0\ninfo:\n", "/openapi", "YAML is not read"),
        ("[]", "/openapi", "a JSON object"),
    ],
)
def test_document_that_cannot_be_read_is_refused_with_the_reason(source: Any, where: str, said: str) -> None:
    found, message = refusal(source)

    assert found == where
    assert said in message


def test_operation_without_an_id_is_named_after_method_and_path() -> None:
    made = imported(openapi=document({"/a/{id}": {"get": operation()}, "/a-{id}": {"get": operation()}}))

    assert [each["id"] for each in made.definition["endpoints"]] == ["get-a-id", "get-a-id-2"]


def test_only_the_wanted_endpoints_are_taken() -> None:
    made = imported(openapi=CRM, endpoints=["contacts-getById"])

    assert only(made)["id"] == "contacts-getById"
    assert refusal(CRM, endpoints=["contacts-getById", "nothing"])[0] == "/endpoints/1"


def test_first_hundred_operations_are_taken_and_the_rest_is_told() -> None:
    paths = {f"/t{number}": {"get": operation()} for number in range(130)}

    made = imported(openapi=document(paths))
    last = imported(openapi=document(paths), endpoints=["get-t129"])

    assert len(made.definition["endpoints"]) == MAX_ENDPOINTS
    assert "130 operations; the first 100 were taken" in messages(made)
    assert only(last)["path"] == "/t129"


def test_what_the_format_has_no_words_for_is_told_and_left_out() -> None:
    item = {"get": operation(listed(), servers=[{"url": "https://x.example"}]), "head": operation(), "trace": {}}
    made = imported(openapi=document({"/a": item}, webhooks={"x": {}}))

    assert only(made)["method"] == "GET"
    assert "webhooks are not imported" in messages(made)
    assert "only GET, POST, PUT, PATCH and DELETE" in messages(made, "/head")
    assert "address of its own" in messages(made, "/get/servers")


def test_path_is_encoded_and_its_query_becomes_parameters() -> None:
    made = only(imported(openapi=document({"/odd path/{id}?kind=x#part": {"get": operation()}})))

    assert made["path"] == "/odd%20path/{id}"
    assert made["queryParams"] == [{"name": "kind", "valueSource": "static", "value": "x"}]


# ---------------------------------------------------------------- references


def test_schema_that_leads_back_to_itself_ends() -> None:
    tree = {"Node": {"type": "object", "properties": {"id": {}, "children": {"$ref": "#/components/schemas/Node"}}}}
    schema = {"$ref": "#/components/schemas/Node"}
    body = {"content": {"application/json": {"schema": schema}}}

    made = imported(
        openapi=document({"/n": {"post": operation(schema, requestBody=body)}}, components={"schemas": tree})
    )

    assert only(made)["body"]["schema"]["properties"].keys() == {"id", "children"}


@pytest.mark.parametrize(
    ("schemas", "said"),
    [
        ({"A": {"$ref": "#/components/schemas/B"}, "B": {"$ref": "#/components/schemas/A"}}, "leads back to itself"),
        ({"A": {"allOf": [{"$ref": "#/components/schemas/A"}] * 3}}, "leads back to itself"),
        ({"A": {"$ref": "#/components/schemas/Gone"}}, "leads nowhere"),
        ({"A": {"$ref": "https://evil.example.net/a.json"}}, "never fetched"),
        ({"A": {"$ref": "file:///etc/passwd"}}, "never fetched"),
        ({"A": {"$ref": "other.json#/A"}}, "never fetched"),
    ],
)
def test_reference_that_cannot_be_followed_is_told(schemas: Json, said: str) -> None:
    made = imported(
        openapi=document(
            {"/a": {"get": operation({"$ref": "#/components/schemas/A"})}}, components={"schemas": schemas}
        )
    )

    assert said in messages(made)
    assert only(made)["responseMapping"]["dataPath"] == "$"


def test_document_that_grows_without_end_is_cut() -> None:
    """Each schema has four fields of the next kind: 4 to the power of 30 fields."""
    names = [f"S{number}" for number in range(30)]
    schemas: Json = {
        name: {"type": "object", "properties": {side: {"$ref": f"#/components/schemas/{following}"} for side in "abcd"}}
        for name, following in pairwise(names)
    }
    schema = {"$ref": "#/components/schemas/S0"}
    body = {"content": {"application/json": {"schema": schema}}}
    paths = {f"/p{number}": {"post": operation(schema, requestBody=body)} for number in range(100)}

    made = imported(openapi=document(paths, components={"schemas": schemas}))

    assert len(json.dumps(made.definition)) < 256 * 1024
    assert "the body has more than 300 fields" in messages(made, "requestBody")
    assert "too large to be stored" in messages(made)


def test_text_that_reads_like_a_handle_is_taken_for_a_text() -> None:
    """Only the hub writes handles; in a foreign text one would be refused, and the whole document with it."""
    answer = operation(description="Send {{encrypted:abcd...wxyz}}")

    made = imported(openapi=document({"/a": {"get": answer}}))

    assert only(made)["description"] == "Send {encrypted:abcd...wxyz}}"
    assert made.awaited == set()


# ---------------------------------------------------------------- parameters


@pytest.mark.parametrize(
    ("declared", "expected"),
    [
        ({"schema": {"type": "integer", "default": 5}}, {"type": "number", "default": 5}),
        ({"schema": {"type": ["string", "null"]}, "required": True}, {"type": "string", "required": True}),
        ({"schema": {"type": "array", "items": {"type": "string"}}}, {"type": "array"}),
        (
            {"schema": {"type": "array", "default": ["a", "b"]}, "style": "pipeDelimited", "explode": False},
            {"type": "string", "default": "a|b"},
        ),
        ({"schema": {"type": "string", "enum": ["x", "y"]}}, {"type": "string", "description": "One of x, y."}),
        ({"schema": {"anyOf": [{"type": "null"}, {"type": "boolean"}]}}, {"type": "boolean"}),
        ({"schema": {"type": "number", "default": "many"}}, {"type": "number"}),
        ({"schema": {"type": "string"}, "example": "2024"}, {"type": "string", "description": "Example: 2024."}),
        ({"content": {"application/json": {}}}, {"type": "string"}),
    ],
)
def test_query_parameter_keeps_its_type_and_default(declared: Json, expected: Json) -> None:
    made = imported(openapi=document({"/a": {"get": operation(parameters=[{"name": "p", "in": "query", **declared}])}}))

    assert only(made)["queryParams"] == [{"name": "p", **expected}]


def test_deep_object_becomes_one_parameter_per_field() -> None:
    schema = {"type": "object", "properties": {"status": {"type": "string"}, "age": {"type": "integer"}}}
    declared = {"name": "filter", "in": "query", "style": "deepObject", "schema": schema}

    made = imported(openapi=document({"/a": {"get": operation(parameters=[declared])}}))

    assert [each["name"] for each in only(made)["queryParams"]] == ["filter[status]", "filter[age]"]


def test_parameter_of_the_operation_replaces_that_of_the_path() -> None:
    item = {"parameters": query("a", "b"), "get": operation(parameters=query("a", type="integer"))}

    made = only(imported(openapi=document({"/a": item})))

    assert made["queryParams"] == [{"name": "a", "type": "number"}, {"name": "b", "type": "string"}]


def test_header_is_sent_when_its_value_is_known_or_required() -> None:
    headers = [
        {"name": "X-Version", "in": "header", "schema": {"type": "string", "default": "2024-01"}},
        {"name": "X-Account", "in": "header", "required": True, "schema": {"type": "string"}},
        {"name": "X-Trace", "in": "header", "schema": {"type": "string"}},
        {"name": "X-API-Key", "in": "header", "required": True, "schema": {"type": "string"}},
        {"name": "Accept", "in": "header", "schema": {"type": "string", "default": "text/html"}},
    ]

    made = imported(openapi=document({"/a": {"get": operation(parameters=headers)}}))

    assert only(made)["headers"] == {"X-Version": "2024-01", "X-Account": "{{X-Account}}"}
    assert "'X-Trace' was left out" in messages(made)
    assert "send it by auth" in messages(made, "/parameters/3")


# ---------------------------------------------------------------- bodies


@pytest.mark.parametrize(
    ("content", "schema", "expected"),
    [
        ("application/x-www-form-urlencoded", {"type": "object", "properties": {"a": {}}}, "schema"),
        ("application/vnd.api+json", {"type": "object", "properties": {"a": {}}}, "schema"),
        ("application/json", {"type": "object"}, "template"),
        ("application/json", {"type": "array", "items": {"type": "object", "properties": {"a": {}}}}, "template"),
        ("text/plain", {"type": "string"}, "template"),
        ("application/xml", {"type": "object", "properties": {"a": {}}}, "template"),
    ],
)
def test_body_has_fields_or_is_given_as_a_whole(content: str, schema: Json, expected: str) -> None:
    body = {"content": {content: {"schema": schema}}}

    made = only(imported(openapi=document({"/a": {"post": operation(requestBody=body)}})))

    assert made["body"]["bodyType"] == expected
    assert expected == "schema" or made["body"]["template"] == "{{body}}"


def test_file_of_a_multipart_body_is_a_file() -> None:
    schema = {"type": "object", "properties": {"file": {"type": "string", "format": "binary"}, "note": {}}}
    body = {"content": {"multipart/form-data": {"schema": schema}}}

    made = only(imported(openapi=document({"/files": {"post": operation(requestBody=body)}})))

    assert made["body"]["contentType"] == "multipart/form-data"
    assert made["body"]["schema"]["properties"]["file"] == {"type": "string", "filename": "file"}


def test_field_that_cannot_be_a_variable_is_left_out() -> None:
    inner = {"type": "object", "properties": {"@odd name": {"type": "string"}, "fine": {"type": "string"}}}
    body = {"content": {"application/json": {"schema": {"type": "object", "properties": {"a": inner}}}}}

    made = imported(openapi=document({"/a": {"post": operation(requestBody=body)}}))

    assert only(made)["body"]["schema"]["properties"]["a"]["properties"].keys() == {"fine"}
    assert "cannot be a variable" in messages(made)


# ---------------------------------------------------------------- answers


RECORD = {"type": "object", "properties": {"id": {"type": "string"}, "lines": {"type": "array", "items": {}}}}


@pytest.mark.parametrize(
    ("schema", "data_path"),
    [
        ({"type": "array", "items": RECORD}, "$"),
        (listed("items"), "$.items"),
        ({"type": "object", "properties": {"data": listed("rows")}}, "$.data.rows"),
        (
            {"type": "object", "properties": {"errors": {"type": "array", "items": RECORD}, **listed()["properties"]}},
            "$.data",
        ),
        ({"type": "object", "properties": {"odd name": {"type": "array", "items": RECORD}}}, "$['odd name']"),
        (RECORD, "$"),
        ({"type": "object", "properties": {"data": RECORD}}, "$.data"),
        ({"type": "object", "properties": {"tags": {"type": "array", "items": {"type": "string"}}}}, "$"),
        ({"type": "string"}, "$"),
    ],
)
def test_records_are_looked_for_where_answers_have_them(schema: Json, data_path: str) -> None:
    made = only(imported(openapi=document({"/a": {"get": operation(schema)}})))

    assert made["responseMapping"]["dataPath"] == data_path


@pytest.mark.parametrize(
    ("fields", "identifier"),
    [
        (["name", "id"], "id"),
        (["owner_id", "uuid"], "uuid"),
        (["customer_id", "order_id"], "order_id"),
        (["title", "assignee_id"], "assignee_id"),
        (["@key", "title"], "id"),
        (["code", "title"], "code"),
    ],
)
def test_identifier_is_the_field_that_names_the_record(fields: list[str], identifier: str) -> None:
    order = {"Order": {"type": "object", "properties": {name: {"type": "string"} for name in fields}}}
    schema = {"type": "array", "items": {"$ref": "#/components/schemas/Order"}}

    made = imported(openapi=document({"/o": {"get": operation(schema)}}, components={"schemas": order}))

    assert only(made)["responseMapping"]["identifierField"] == identifier
    assert only(made)["responseMapping"]["targetShardTypeId"] == "order"
    assert ("no field seems to identify" in messages(made)) == ("@key" in fields)


# ---------------------------------------------------------------- pagination


@pytest.mark.parametrize(
    ("params", "schema", "expected"),
    [
        (query("page", "per_page"), listed(), {"type": "page", "pageParam": "page", "pageSizeParam": "per_page"}),
        (query("offset", "limit"), listed(), {"type": "offset", "offsetParam": "offset", "limitParam": "limit"}),
        (
            query("page[number]", "page[size]"),
            listed(has_more={"type": "boolean"}),
            {
                "type": "page",
                "pageParam": "page[number]",
                "pageSizeParam": "page[size]",
                "endCondition": {"type": "has_more_field", "field": "$.has_more"},
            },
        ),
        (
            query("pageToken", "maxResults"),
            listed("items", nextPageToken={"type": "string"}),
            {"type": "cursor", "cursorParam": "pageToken", "cursorPath": "$.nextPageToken", "limitParam": "maxResults"},
        ),
        (
            query("cursor"),
            listed("channels", response_metadata={"type": "object", "properties": {"next_cursor": {"type": "string"}}}),
            {"type": "cursor", "cursorParam": "cursor", "cursorPath": "$.response_metadata.next_cursor"},
        ),
        (
            query("starting_after", "limit"),
            listed(has_more={"type": "boolean"}),
            {
                "type": "cursor",
                "cursorParam": "starting_after",
                "cursorPath": "$.data[-1].id",
                "limitParam": "limit",
                "endCondition": {"type": "has_more_field", "field": "$.has_more"},
            },
        ),
        (
            [],
            listed("value", **{"@odata.nextLink": {"type": "string"}}),
            {"type": "link", "nextLinkPath": "$['@odata.nextLink']"},
        ),
        (
            [],
            listed(links={"type": "object", "properties": {"next": {"type": "string"}}}),
            {"type": "link", "nextLinkPath": "$.links.next"},
        ),
        (query("since"), listed(), None),
        (query("cursor"), listed(), None),
    ],
)
def test_pagination_is_guessed_from_parameters_and_fields(
    params: list[Json], schema: Json, expected: Json | None
) -> None:
    made = imported(openapi=document({"/a": {"get": operation(schema, parameters=params)}}))

    assert only(made).get("pagination") == expected
    assert ("guessed: test it" in messages(made)) == (expected is not None)


def test_link_header_that_is_documented_is_followed() -> None:
    answer = operation({"type": "array", "items": RECORD}, parameters=query("page", "per_page"))
    answer["responses"]["200"]["headers"] = {"Link": {"schema": {"type": "string"}}}

    made = only(imported(openapi=document({"/a": {"get": answer}})))

    assert made["pagination"] == {"type": "link", "nextLinkPath": "header:Link", "limitParam": "per_page"}


def test_first_page_zero_stays_with_the_endpoint() -> None:
    params = query("page", type="integer", default=0)

    made = only(imported(openapi=document({"/a": {"get": operation(listed(), parameters=params)}})))

    assert made["queryParams"] == [{"name": "page", "type": "number", "default": 0}]


def test_writing_request_is_not_paged() -> None:
    made = only(imported(openapi=document({"/a": {"post": operation(listed(), parameters=query("page", "limit"))}})))

    assert "pagination" not in made


# ---------------------------------------------------------------- credentials


OAUTH_URLS = {"authorizationUrl": "https://id.example.com/authorize", "tokenUrl": "https://id.example.com/token"}


@pytest.mark.parametrize(
    ("scheme", "auth"),
    [
        (
            {"type": "apiKey", "in": "header", "name": "X-Key"},
            {"type": "api_key", "keyName": "X-Key", "keyLocation": "header", "keyValue": AWAITED},
        ),
        (
            {"type": "apiKey", "in": "query", "name": "api_key"},
            {"type": "api_key", "keyName": "api_key", "keyLocation": "query", "keyValue": AWAITED},
        ),
        ({"type": "apiKey", "in": "cookie", "name": "sid"}, {"type": "custom_headers", "headers": {"Cookie": AWAITED}}),
        ({"type": "http", "scheme": "Bearer"}, {"type": "bearer", "token": AWAITED}),
        (
            {"type": "http", "scheme": "basic"},
            {"type": "basic", "username": "enter-the-user-name", "password": AWAITED},
        ),
        ({"type": "http", "scheme": "digest"}, {"type": "none"}),
        ({"type": "mutualTLS"}, {"type": "none"}),
        (
            {"type": "oauth2", "flows": {"clientCredentials": {"tokenUrl": "/token", "scopes": {}}}},
            {
                "type": "oauth2",
                "grantType": "client_credentials",
                "tokenUrl": "https://api.example.com/token",
                "clientId": "enter-the-client-id",
                "clientSecret": AWAITED,
                "scope": "read",
            },
        ),
        (
            {"type": "oauth2", "flows": {"authorizationCode": {**OAUTH_URLS, "scopes": {}}}},
            {
                "type": "oauth2",
                "grantType": "authorization_code",
                **OAUTH_URLS,
                "clientId": "enter-the-client-id",
                "clientSecret": AWAITED,
                "scope": "read",
            },
        ),
        ({"type": "oauth2", "flows": {"implicit": OAUTH_URLS}}, {"type": "bearer", "token": AWAITED}),
        ({"type": "openIdConnect", "openIdConnectUrl": "https://x"}, {"type": "bearer", "token": AWAITED}),
        ({"type": 3}, {"type": "none"}),
    ],
)
def test_security_scheme_becomes_auth_that_waits_for_its_secret(scheme: Json, auth: Json) -> None:
    made = imported(openapi=document(security=[{"it": ["read"]}], components={"securitySchemes": {"it": scheme}}))

    assert made.definition["auth"] == auth
    assert bool(made.awaited) == (AWAITED in json.dumps(auth))
    assert made.warnings


def test_two_headers_at_once_become_custom_headers() -> None:
    schemes = {name: {"type": "apiKey", "in": "header", "name": f"X-{name}"} for name in ("App", "User")}

    made = imported(openapi=document(security=[{"App": [], "User": []}], components={"securitySchemes": schemes}))

    assert made.definition["auth"] == {"type": "custom_headers", "headers": {"X-App": AWAITED, "X-User": AWAITED}}


def test_operation_that_wants_another_scheme_is_told() -> None:
    schemes = {"a": {"type": "http", "scheme": "bearer"}, "b": {"type": "http", "scheme": "basic"}}
    paths = {
        "/a": {"get": operation(listed(), security=[{"b": []}])},
        "/b": {"get": operation(listed(), security=[{"a": []}])},
        "/c": {"get": operation(listed(), security=[])},
    }

    made = imported(openapi=document(paths, security=[{"a": []}], components={"securitySchemes": schemes}))

    assert made.definition["auth"]["type"] == "bearer"
    told = [each["where"] for each in made.warnings if "another way to authenticate" in each["message"]]
    assert told == ["/openapi/paths/~1a/get/security"]


def test_document_without_security_has_none() -> None:
    assert imported(openapi=document()).definition["auth"] == {"type": "none"}


def test_fields_of_a_shared_object_stop_at_what_an_endpoint_holds() -> None:
    """A document of 256 KB can give two thousand parameters one object of five thousand fields."""
    filters = {"type": "object", "properties": {f"field{number}": {"type": "string"} for number in range(60)}}
    shared = {"in": "query", "style": "deepObject", "explode": True, "schema": {"$ref": "#/components/schemas/F"}}
    paths = {"/a": {"get": operation(parameters=[{"name": name, **shared} for name in "abc"])}}

    made = imported(openapi=document(paths, components={"schemas": {"F": filters}}))

    assert len(only(made)["queryParams"]) == 100
    assert "more than 100 query parameters" in messages(made, "/parameters")


def test_schema_that_all_operations_share_is_not_walked_for_each_of_its_fields() -> None:
    """Every field of this object is the object again, and most are only read: walked each time, minutes of work."""
    again = {"$ref": "#/components/schemas/A"}
    fields = {f"field{number}": {**again, **({"readOnly": True} if number % 10 else {})} for number in range(2_000)}
    sent = operation(again, requestBody={"content": {"application/json": {"schema": again}}})
    paths = {f"/p{number}": {"post": sent} for number in range(100)}

    made = imported(openapi=document(paths, components={"schemas": {"A": {"type": "object", "properties": fields}}}))

    assert "the body has more than 300 fields" in messages(made, "requestBody")
