from typing import Any

import pytest

from hub.connector.definition import check_definition, merge_definition, parse_definition
from hub.core.errors import BadDefinition, BadHandle
from tests.spec_examples import FIELD_MAPPINGS
from tests.unit.connector.factories import Json, definition, endpoint, mapping, problems_of

# Spec S000, "Webhook Example".
S000_WEBHOOK: Json = {
    "webhookSecret": "wh_secret_abc123",
    "signatureConfig": {"header": "X-Signature", "algorithm": "hmac-sha256", "signaturePrefix": "sha256="},
    "eventRouting": [
        {
            "eventTypePath": "$.event_type",
            "eventTypeValue": "contact.created",
            "action": "create_shard",
            "targetShardTypeId": "c_contact",
            "dataPath": "$.data",
            "fieldMappings": [{"source": "$.id", "target": "externalId"}, {"source": "$.name", "target": "name"}],
        },
        {
            "eventTypePath": "$.event_type",
            "eventTypeValue": "contact.updated",
            "action": "update_shard",
            "targetShardTypeId": "c_contact",
            "identifierPath": "$.data.id",
            "dataPath": "$.data",
            "fieldMappings": [{"source": "$.name", "target": "name"}],
        },
    ],
    "responseStatus": 200,
    "responseBody": '{"status": "received"}',
}
OAUTH2: Json = {
    "type": "oauth2",
    "grantType": "client_credentials",
    "tokenUrl": "https://api.example.com/oauth/token",
    "clientId": "my-client-id",
    "clientSecret": "{{encrypted:secret}}",
    "scope": "read write",
}


def test_definition_of_the_specification_is_accepted_whole() -> None:
    raw = definition(
        endpoint(
            path="/users/{userId}/orders/{orderId}",
            pathParams=[{"name": name, "required": True, "type": "string"} for name in ("userId", "orderId")],
            responseMapping=mapping(fieldMappings=FIELD_MAPPINGS, metadataMapping={"totalCount": "$.total"}),
            rateLimit={"requestsPerMinute": 60, "burstLimit": 10},
            tags=["crm"],
        ),
        description="A shop",
        icon="cart",
        color="#0a84ff",
        timeout=5000,
        auth=OAUTH2,
        webhookConfig=S000_WEBHOOK,
    )

    made = parse_definition(raw)

    assert (made.name, made.timeout, made.endpoints[0].path) == ("shop", 5000, "/users/{userId}/orders/{orderId}")
    assert made.webhook_config is not None
    assert made.webhook_config.event_routing[1].action == "update_shard"


@pytest.mark.parametrize(("given", "stored"), [("rest", "rest_api"), ("rest_api", "rest_api"), ("graphql", "graphql")])
@pytest.mark.parametrize("name", ["type", "integrationType"])
def test_definition_stores_one_word_for_each_type(name: str, given: str, stored: str) -> None:
    raw = definition()
    del raw["integrationType"]

    normal = check_definition({**raw, name: given})

    assert normal["integrationType"] == stored
    assert "type" not in normal


def test_definition_gets_an_id_for_each_endpoint_from_its_name() -> None:
    unnamed = [{**endpoint(name=name), "id": None} for name in ("List all", "list/all")]
    raw = definition(*[{key: value for key, value in made.items() if key != "id"} for made in unnamed])

    normal = check_definition(raw)

    assert [made["id"] for made in normal["endpoints"]] == ["List-all", "list-all"]


def test_definition_numbers_ids_that_would_be_equal() -> None:
    raw = definition(*[{**endpoint(name=name), "id": None} for name in ("get it", "get-it", "get_it")])

    normal = check_definition(raw)

    assert [made["id"] for made in normal["endpoints"]] == ["get-it", "get-it-2", "get_it"]


def test_webhook_needs_neither_endpoints_nor_address() -> None:
    raw = {"name": "in", "displayName": "In", "integrationType": "webhook", "webhookConfig": S000_WEBHOOK}

    made = parse_definition(raw)

    assert made.endpoints == []


def test_definition_is_refused_with_every_fault_at_once() -> None:
    raw = definition(
        endpoint(method="FETCH", timeout=1),
        endpoint(id="two", name="two", path="/x/{id}", responseMapping=mapping(dataPath="$.[")),
        base_url="https://x",
        timeout="30",
        defaultHeaders={"Authorization": "Bearer x", "Host": "x"},
    )

    found = problems_of(raw)

    assert found["/base_url"] == "unknown key; did you mean 'baseUrl'?"
    assert found["/timeout"] == "expected a whole number, found a text"
    assert "'GET'" in found["/endpoints/0/method"]
    assert "'FETCH'" in found["/endpoints/0/method"]
    assert found["/endpoints/0/timeout"] == "expected a number that is at least 1000, found 1"
    assert "'id'" in found["/endpoints/1/path"]
    assert "/endpoints/1/responseMapping/dataPath" in found
    assert "auth" in found["/defaultHeaders/Authorization"]
    assert found["/defaultHeaders/Host"] == "is set by the hub; leave it out"
    assert len(found) == 8


REFUSED: list[tuple[str, Json]] = [
    ("", {}),
    ("/name", {"name": "my shop"}),
    ("/name", {"name": "x" * 65}),
    ("/displayName", {"displayName": ""}),
    ("/integrationType", {"integrationType": "soap"}),
    ("/type", {"type": "webhook"}),
    ("/id", {"id": "int_1"}),
    ("/tenantId", {"tenantId": "t"}),
    ("/baseUrl", {"baseUrl": None}),
    ("/baseUrl", {"baseUrl": "api.example.com"}),
    ("/baseUrl", {"baseUrl": "ftp://api.example.com"}),
    ("/baseUrl", {"baseUrl": "https://user:pw@api.example.com"}),
    ("/baseUrl", {"baseUrl": "https://api.example.com/?key=1"}),
    ("/baseUrl", {"baseUrl": "https://api.example.com/#top"}),
    ("/baseUrl", {"baseUrl": "https://api.example.com/v1/../admin"}),
    ("/baseUrl", {"baseUrl": "https://api.example.com\\@evil.test"}),
    ("/baseUrl", {"baseUrl": "https://api.example.com:port"}),
    ("/baseUrl", {"baseUrl": "https:///v1"}),
    ("/timeout", {"timeout": 999}),
    ("/timeout", {"timeout": 120_001}),
    ("/timeout", {"timeout": True}),
    ("/retryConfig/maxRetries", {"retryConfig": {"maxRetries": 11, "retryDelay": 0, "retryOn": []}}),
    ("/retryConfig/retryDelay", {"retryConfig": {"maxRetries": 1, "retryDelay": 60_001, "retryOn": []}}),
    ("/retryConfig/retryOn/1", {"retryConfig": {"maxRetries": 1, "retryDelay": 0, "retryOn": [500, 200]}}),
    ("/defaultHeaders/X-Api-Key", {"defaultHeaders": {"X-Api-Key": "k"}}),
    ("/defaultHeaders/x-my-token", {"defaultHeaders": {"x-my-token": "k"}}),
    ("/defaultHeaders/Cookie", {"defaultHeaders": {"Cookie": "k"}}),
    ("/defaultHeaders/Content-Length", {"defaultHeaders": {"Content-Length": "1"}}),
    ("/defaultHeaders/Transfer-Encoding", {"defaultHeaders": {"Transfer-Encoding": "chunked"}}),
    ("/defaultHeaders/Connection", {"defaultHeaders": {"Connection": "close"}}),
    ("/defaultHeaders/X-A", {"defaultHeaders": {"X-A": "a\r\nX-B: b"}}),
    ("/defaultHeaders/X A", {"defaultHeaders": {"X A": "a"}}),
    ("/defaultHeaders/x-a", {"defaultHeaders": {"X-A": "a", "x-a": "b"}}),
    ("/defaultHeaders/X-A", {"defaultHeaders": {"X-A": "{{}}"}}),
    ("/defaultHeaders/X~1A", {"defaultHeaders": {"X/A": "a"}}),
    ("/auth", {"auth": None}),
    ("/auth/type", {"auth": {"type": "digest"}}),
    ("/auth", {"auth": {}}),
    ("/auth/token", {"auth": {"type": "bearer"}}),
    ("/auth/token", {"auth": {"type": "bearer", "token": "a\nb"}}),
    ("/auth/tokn", {"auth": {"type": "bearer", "token": "ab", "tokn": "ab"}}),
    ("/auth/keyName", {"auth": {"type": "api_key", "keyName": "Host", "keyLocation": "header", "keyValue": "v"}}),
    ("/auth/keyLocation", {"auth": {"type": "api_key", "keyName": "k", "keyLocation": "cookie", "keyValue": "v"}}),
    ("/endpoints/0/body", {"auth": {"type": "api_key", "keyName": "k", "keyLocation": "body", "keyValue": "v"}}),
    ("/auth/username", {"auth": {"type": "basic", "username": "a:b", "password": "p"}}),
    ("/auth/headers", {"auth": {"type": "custom_headers", "headers": {}}}),
    ("/auth/headers/Host", {"auth": {"type": "custom_headers", "headers": {"Host": "evil.test"}}}),
    ("/auth/headers/X-A", {"auth": {"type": "custom_headers", "headers": {"X-A": "a\r\nb"}}}),
    ("/auth/tokenUrl", {"auth": {**OAUTH2, "tokenUrl": "https://u:p@api.example.com"}}),
    ("/auth/authorizationUrl", {"auth": {**OAUTH2, "grantType": "authorization_code"}}),
    ("/auth/refreshToken", {"auth": {**OAUTH2, "grantType": "refresh_token"}}),
    ("/endpoints/1/id", {"endpoints": [endpoint(), endpoint(name="other")]}),
    ("/endpoints/1/name", {"endpoints": [endpoint(), endpoint(id="other")]}),
    ("/endpoints", {"endpoints": [endpoint(id=f"e{n}", name=f"e{n}") for n in range(101)]}),
    ("/webhookConfig/responseStatus", {"webhookConfig": {"webhookSecret": "s", "responseStatus": 500}}),
    (
        "/webhookConfig/signatureConfig/algorithm",
        {"webhookConfig": {"signatureConfig": {"header": "X", "algorithm": "md5"}}},
    ),
]


@pytest.mark.parametrize(("pointer", "change"), REFUSED)
def test_definition_is_refused_at_the_place_of_the_fault(pointer: str, change: Json) -> None:
    raw: Any = definition(**change) if change else "no object"

    found = problems_of(raw)

    assert list(found) == [pointer]


def test_definition_without_those_faults_is_accepted() -> None:
    headers = {"X-Region": "eu", "Accept-Language": "{{settings.language}}"}

    parse_definition(definition(defaultHeaders=headers, timeout=120_000))


def test_webhook_routing_is_refused_at_the_place_of_the_fault() -> None:
    routing = {
        "eventTypePath": "$.[",
        "eventTypeValue": "x",
        "action": "delete_shard",
        "dataPath": "$..",
        "fieldMappings": [{"source": "$.a", "target": "$..b"}],
    }

    found = problems_of(definition(webhookConfig={"webhookSecret": "s", "eventRouting": [routing]}))

    place = "/webhookConfig/eventRouting/0"
    expected = ["eventTypePath", "dataPath", "fieldMappings/0/target", "identifierPath"]
    assert sorted(found) == sorted(f"{place}/{name}" for name in expected)


def test_refusal_never_repeats_a_secret() -> None:
    secret = "sk_live_very_secret_value\n"
    auths: list[Json] = [
        {"type": "bearer", "token": secret},
        {"type": "bearer", "token": {"value": secret}},
        {"type": "api_key", "keyName": secret, "keyLocation": "header", "keyValue": secret},
        {"type": "basic", "username": "a:b", "password": secret},
        {"type": "custom_headers", "headers": {"X-A": secret}},
        {"type": "oauth2", "clientSecret": secret, "secret": secret},
    ]

    for auth in auths:
        with pytest.raises(BadDefinition) as caught:
            parse_definition(definition(auth=auth, webhookConfig={"webhookSecret": [secret]}))

        assert "very_secret" not in str(caught.value) + repr(caught.value.details)


def test_model_never_shows_its_secrets_when_it_is_printed() -> None:
    made = parse_definition(definition(auth={"type": "custom_headers", "headers": {"X-A": "very_secret"}}))

    assert "very_secret" not in repr(made)


def test_handle_is_refused_outside_of_its_field() -> None:
    raw = definition(
        endpoint(path="/items", headers={"X-A": "{{encrypted:****}}"}),
        auth={"type": "bearer", "token": "Bearer {{encrypted:****}}"},
        description="{{encrypted:****}}",
    )

    with pytest.raises(BadHandle) as caught:
        parse_definition(raw)

    pointers = {problem.pointer for problem in caught.value.problems}
    assert {"/description", "/auth/token", "/endpoints/0/headers/X-A"} <= pointers
    assert caught.value.status == 422


def test_handle_is_accepted_in_its_own_field() -> None:
    parse_definition(definition(auth={"type": "bearer", "token": "{{encrypted:****}}"}))


def test_merge_replaces_what_the_patch_names_and_removes_nulls() -> None:
    current = definition(description="old", defaultHeaders={"X-A": "1", "X-B": "2"})
    patch: Json = {"description": None, "defaultHeaders": {"X-B": None, "X-C": "3"}, "endpoints": [], "type": "rest"}

    merged = merge_definition(current, patch)

    assert "description" not in merged
    assert merged["defaultHeaders"] == {"X-A": "1", "X-C": "3"}
    assert merged["endpoints"] == []
    assert check_definition(merged)["integrationType"] == "rest_api"
    assert current["defaultHeaders"] == {"X-A": "1", "X-B": "2"}


def test_merge_keeps_secrets_that_the_patch_does_not_name() -> None:
    current = definition(auth={"type": "basic", "username": "a", "password": "{{encrypted:****}}"})

    merged = merge_definition(current, {"auth": {"username": "b"}})

    assert merged["auth"] == {"type": "basic", "username": "b", "password": "{{encrypted:****}}"}


def test_merge_replaces_auth_when_its_type_changes() -> None:
    current = definition(auth={"type": "basic", "username": "a", "password": "{{encrypted:****}}"})

    merged = merge_definition(current, {"auth": {"type": "bearer", "token": "t"}})

    assert merged["auth"] == {"type": "bearer", "token": "t"}
