"""A provider's connector becomes the definition of one integration: what is filled in, and what can never be."""

from typing import Any

import pytest

from hub.core.errors import BadDefinition
from hub.providers.resolve import HANDLE, check_settings, config_values, resolve, secrets_in

Json = dict[str, Any]

CONNECTOR: Json = {"name": "acme", "baseUrl": "https://api.acme.example/v1", "endpoints": []}
NONE: Json = {"kind": "none", "auth": {"type": "none"}}
BEARER: Json = {
    "kind": "access_token",
    "auth": {"type": "bearer", "token": "{{accessToken}}"},
    "fields": [{"name": "accessToken", "title": "Token", "secret": True}],
}
CUSTOM: Json = {
    "kind": "custom",
    "auth": {"type": "custom_headers", "headers": {"{{header}}": "Key {{key}}", "X-Version": "7"}},
    "fields": [{"name": "header", "title": "Header"}, {"name": "key", "title": "Key", "secret": True}],
}


def resolved(connector: Json | None = None, method: Json = NONE, **values: Any) -> Json:
    return resolve({**CONNECTOR, **(connector or {})}, method, values)


def refused(connector: Json | None = None, method: Json = NONE, **values: Any) -> dict[str, str]:
    with pytest.raises(BadDefinition) as caught:
        resolved(connector, method, **values)
    return {each.pointer: each.message for each in caught.value.problems}


# ---------------------------------------------------------------- addresses


@pytest.mark.parametrize(
    ("address", "values", "expected"),
    [
        ("https://api.acme.example", {}, "https://api.acme.example"),
        ("{{baseUrl}}", {"baseUrl": "http://127.0.0.1:9/"}, "http://127.0.0.1:9"),
        ("{{baseUrl}}/v{{ version }}", {"baseUrl": "https://a.example/", "version": 3}, "https://a.example/v3"),
        ("https://{{dc}}.acme.example/{{v}}", {"dc": "us6", "v": "v60.0"}, "https://us6.acme.example/v60.0"),
    ],
)
def test_address_is_filled_from_the_values(address: str, values: Json, expected: str) -> None:
    assert resolved({"baseUrl": address}, **values)["baseUrl"] == expected


def test_address_and_path_of_an_endpoint_are_filled_too() -> None:
    endpoint = {
        "id": "a",
        "baseUrl": "{{contentUrl}}",
        "path": "/crm/{{version}}/items/{id}",
        "headers": {"X": "{{x}}"},
    }

    (filled,) = resolved({"endpoints": [endpoint]}, contentUrl="https://content.example", version="v7")["endpoints"]

    assert (filled["baseUrl"], filled["path"]) == ("https://content.example", "/crm/v7/items/{id}")
    assert filled["headers"] == {"X": "{{x}}"}, "what a request fills stays for the request"


@pytest.mark.parametrize(
    "value",
    [
        "evil.example/",
        "a@evil.example",
        "evil.example#",
        "evil.example?",
        "a\\b",
        "a b",
        "..",
        "",
        "é",
        "a:9",
        "x" * 201,
    ],
)
def test_value_within_an_address_cannot_lead_elsewhere(value: str) -> None:
    """The control is `us6` above."""
    assert list(refused({"baseUrl": "https://{{dc}}.acme.example"}, dc=value)) == ["/baseUrl"]


@pytest.mark.parametrize("value", ["/a?b=c", "/a#b", "/{id}", "/a b", "/é"])
def test_value_within_a_path_cannot_add_a_query_or_a_parameter(value: str) -> None:
    endpoint = {"id": "a", "path": "{{path}}"}

    assert list(refused({"endpoints": [endpoint]}, path=value)) == ["/endpoints/0/path"]
    assert resolved({"endpoints": [endpoint]}, path="/graphql")["endpoints"][0]["path"] == "/graphql"


def test_every_missing_value_is_named_at_its_place() -> None:
    connector = {"baseUrl": "https://{{region}}.acme.example", "endpoints": [{"id": "a", "baseUrl": "{{contentUrl}}"}]}
    method = {"kind": "oauth2", "auth": {"type": "oauth2", "tokenUrl": "{{authUrl}}/token"}}

    found = refused(connector, method)

    assert found.keys() == {"/baseUrl", "/endpoints/0/baseUrl", "/auth/tokenUrl"}
    assert "'region'" in found["/baseUrl"]


def test_text_that_is_no_name_is_refused() -> None:
    assert list(refused({"baseUrl": "https://{{region | lower}}.acme.example"}, region="eu")) == ["/baseUrl"]


def test_provider_without_a_connector_says_that_nothing_can_be_called() -> None:
    with pytest.raises(BadDefinition, match="no connector"):
        resolve({}, NONE, {})


# ---------------------------------------------------------------- authentication


def test_secret_becomes_a_handle_even_when_its_value_is_at_hand() -> None:
    assert resolved(method=BEARER, accessToken="canary-token")["auth"]["token"] == HANDLE


def test_name_of_a_header_is_filled_and_its_secret_is_not() -> None:
    assert resolved(method=CUSTOM, header="X-Acme")["auth"]["headers"] == {"X-Acme": HANDLE, "X-Version": "7"}


def test_handle_stays_a_handle() -> None:
    method = {"kind": "oauth2", "auth": {"type": "oauth2", "clientId": "us", "clientSecret": HANDLE}}

    assert resolved(method=method)["auth"]["clientSecret"] == HANDLE


def test_secrets_are_those_texts_with_the_values_in_them() -> None:
    entered = {"header": "X-Acme", "key": "canary"}

    assert secrets_in(CUSTOM, entered) == {"/auth/headers/X-Acme": "Key canary", "/auth/headers/X-Version": "7"}
    assert secrets_in(BEARER, {"accessToken": "canary"}) == {"/auth/token": "canary"}
    assert secrets_in(NONE, {}) == {}


def test_missing_secret_is_told_without_any_other() -> None:
    with pytest.raises(BadDefinition) as caught:
        secrets_in(CUSTOM, {"header": "X-Acme", "other": "canary"})

    assert "canary" not in str(caught.value.details)


def test_optional_credential_may_be_left_out() -> None:
    fields = [{"name": "password", "title": "Password", "secret": True, "required": False}]
    basic = {"kind": "basic", "auth": {"type": "basic", "username": "u", "password": "{{password}}"}, "fields": fields}

    assert secrets_in(basic, {}) == {"/auth/password": ""}


def test_nothing_is_changed_in_place() -> None:
    connector, method = {**CONNECTOR, "baseUrl": "{{baseUrl}}"}, BEARER

    resolve(connector, method, {"baseUrl": "https://a.example"})

    assert connector["baseUrl"] == "{{baseUrl}}"
    assert method["auth"]["token"] == "{{accessToken}}"


# ---------------------------------------------------------------- settings

SCHEMA: Json = {
    "type": "object",
    "properties": {
        "region": {"type": "string", "default": "eu", "pattern": "^[a-z]+$"},
        "size": {"type": "integer"},
        "retry": {"type": "object", "properties": {"times": {"type": "integer", "default": 3}}},
    },
    "required": ["size"],
    "additionalProperties": False,
}


def test_defaults_fill_what_is_not_given_also_within_objects() -> None:
    assert config_values(SCHEMA, {}) == {"region": "eu"}
    assert config_values(SCHEMA, {"region": "us", "retry": {}}) == {"region": "us", "retry": {"times": 3}}
    assert config_values({}, {"a": 1}) == {"a": 1}


def test_settings_that_fit_have_no_problems() -> None:
    assert check_settings(SCHEMA, {"size": 1, "region": "us"}) == []


@pytest.mark.parametrize(
    ("settings", "pointer"),
    [
        ({}, "/settings"),
        ({"size": "1"}, "/settings/size"),
        ({"size": 1, "region": "EU"}, "/settings/region"),
        ({"size": 1, "other": 2}, "/settings/other"),
        ({"size": 1, "retry": {"times": "x"}}, "/settings/retry/times"),
    ],
)
def test_settings_that_do_not_fit_are_told_with_their_place(settings: Json, pointer: str) -> None:
    assert pointer in [each.pointer for each in check_settings(SCHEMA, settings)]


def test_problems_show_no_value_and_begin_where_the_caller_says() -> None:
    (problem,) = check_settings(SCHEMA, {"size": "canary"}, "/config")

    assert problem.pointer == "/config/size"
    assert "canary" not in problem.message


def test_settings_of_any_size_are_not_stored() -> None:
    (problem,) = check_settings({}, {"note": "x" * 40_000})

    assert "at most" in problem.message


@pytest.mark.parametrize(
    ("schema", "settings"),
    [
        ({"properties": {"a": {"pattern": "^(a|aa)+$"}}}, {"a": "a" * 5000 + "b"}),
        ({"$defs": {"a": {"anyOf": [{"$ref": "#/$defs/a"}] * 30}}, "$ref": "#/$defs/a"}, {"a": 1}),
        ({"allOf": [{"properties": {"a": {"items": {"minLength": 1}}}}] * 500}, {"a": ["x"] * 500}),
    ],
    ids=["exploding-pattern", "endless-reference", "many-times-many"],
)
def test_schema_that_asks_for_endless_work_is_given_up(schema: Json, settings: Json) -> None:
    (problem,) = check_settings(schema, settings)

    assert "more work" in problem.message
