import base64
from typing import Any

import pytest

from hub.connector.definition import parse_definition
from hub.connector.plan import Means, compile_endpoint
from hub.connector.variables import Variables
from hub.core.errors import BadDefinition, HubError, Refused
from tests.unit.connector.factories import Json, Provider, definition, endpoint, mapping, reply, run, sent

SECRET = 'top/secret+value"1234567890'


def api_key(location: str) -> Json:
    return {"type": "api_key", "keyName": "X-Key", "keyLocation": location, "keyValue": SECRET}


def body(**changes: Any) -> Json:
    return {"contentType": "application/json", "bodyType": "template", "template": '{"a": 1}', **changes}


HEADERS: list[tuple[Json, Json]] = [
    ({"type": "none"}, {}),
    (api_key("header"), {"x-key": SECRET}),
    ({"type": "bearer", "token": SECRET}, {"authorization": f"Bearer {SECRET}"}),
    ({"type": "bearer", "token": SECRET, "tokenPrefix": "Token"}, {"authorization": f"Token {SECRET}"}),
    ({"type": "bearer", "token": SECRET, "tokenPrefix": ""}, {"authorization": SECRET}),
    (
        {"type": "basic", "username": "ada", "password": SECRET},
        {"authorization": "Basic " + base64.b64encode(f"ada:{SECRET}".encode()).decode()},
    ),
    (
        {"type": "basic", "username": "ada", "password": ""},
        {"authorization": "Basic " + base64.b64encode(b"ada:").decode()},
    ),
    ({"type": "custom_headers", "headers": {"X-A": SECRET, "Cookie": "b=1"}}, {"x-a": SECRET, "cookie": "b=1"}),
]


@pytest.mark.parametrize(("auth", "headers"), HEADERS)
def test_authentication_adds_its_headers(auth: Json, headers: Json) -> None:
    assert sent(definition(auth=auth)).headers == {"accept": "application/json", **headers}


def test_authentication_wins_over_headers_of_the_definition() -> None:
    auth = {"type": "custom_headers", "headers": {"X-Region": "secret"}}

    assert sent(definition(auth=auth, defaultHeaders={"x-region": "eu"})).headers["x-region"] == "secret"


def test_key_goes_into_the_query() -> None:
    raw = definition(endpoint(queryParams=[{"name": "q", "value": "1"}]), auth=api_key("query"))

    assert sent(raw).pairs == [("q", "1"), ("X-Key", SECRET)]


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        (body(), b'{"a":1,"X-Key":"top/secret+value\\"1234567890"}'),
        (body(bodyType="raw", raw='{"a" : 1}'), b'{"a":1,"X-Key":"top/secret+value\\"1234567890"}'),
        (
            body(contentType="application/x-www-form-urlencoded", template="a=1"),
            b"a=1&X-Key=top%2Fsecret%2Bvalue%221234567890",
        ),
    ],
)
def test_key_goes_into_the_body(given: Json, expected: bytes) -> None:
    assert sent(definition(endpoint(method="POST", body=given), auth=api_key("body"))).body == expected


OAUTH2: Json = {
    "type": "oauth2",
    "grantType": "client_credentials",
    "tokenUrl": "https://id.example.com/token",
    "clientId": "hub",
    "clientSecret": "client-secret",
}


def test_access_token_is_sent_when_there_is_one() -> None:
    assert sent(definition(auth={**OAUTH2, "accessToken": "abc"})).headers["authorization"] == "Bearer abc"


@pytest.mark.parametrize(
    ("auth", "pointer"),
    [(OAUTH2, "/auth/accessToken"), ({"type": "bearer", "token": "{{encrypted:****}}"}, "/auth/token")],
)
def test_missing_secret_is_named_and_nothing_is_sent(auth: Json, pointer: str) -> None:
    provider = Provider(lambda _: {"items": []})

    with pytest.raises(BadDefinition) as caught:
        run(definition(auth=auth), provider)

    assert [problem.pointer for problem in caught.value.problems] == [pointer]
    assert provider.requests == []


def test_plain_secret_of_a_definition_is_never_used() -> None:
    """Only the vault's secrets are sent: what a plan is made from may be cached."""
    plan = compile_endpoint(parse_definition(definition(auth={"type": "bearer", "token": SECRET})), "list")

    with pytest.raises(BadDefinition):
        plan.bind(Variables(), Means(Provider(lambda _: {})))


AUTHS = [auth for auth, _ in HEADERS if SECRET in str(auth.values())] + [api_key("query")]
ECHOES: list[Any] = [
    lambda text: reply({"error": f"bad credentials: {text}"}, status=401),
    lambda text: reply(body=f"x{text}y".encode(), status=400, content_type="text/plain"),
    lambda text: reply(body=("x" * 400 + text).encode(), status=403, content_type="text/plain"),
    lambda text: reply({"error": text}),
    lambda text: reply({text: 1, "items": 5}),
    lambda text: reply({"error": [text]}, status=503),
    lambda text: reply(body=text.encode(), content_type=text),
]


@pytest.mark.parametrize("auth", AUTHS)
@pytest.mark.parametrize("echo", ECHOES)
def test_error_never_repeats_a_secret_that_the_provider_sends_back(auth: Json, echo: Any) -> None:
    told = []

    def answer(asked: Any) -> Any:
        told.append(f"{asked.headers} {asked.url} {asked.body}")
        return echo(told[0] + SECRET)

    raw = definition(
        endpoint(responseMapping=mapping(errorPath="$.error")), auth=auth, retryConfig={"maxRetries": 0, "retryOn": []}
    )

    with pytest.raises(HubError) as caught:
        run(raw, Provider(answer)).fetch()

    text = f"{caught.value} {caught.value.details} {caught.value.__cause__!r}"
    forms = [SECRET, "top%2Fsecret", 'value\\"1234', base64.b64encode(SECRET.encode()).decode().rstrip("=")]
    assert told
    assert not [form for form in forms if form in text]


def test_error_is_cut_without_leaving_half_a_secret() -> None:
    body = b"x" * 490 + SECRET.encode()
    raw = definition(auth={"type": "bearer", "token": SECRET})

    with pytest.raises(Refused) as caught:
        run(raw, Provider(lambda _: reply(body=body, status=404))).fetch()

    assert caught.value.message.endswith("xxx****")


def test_error_keeps_what_else_the_provider_says() -> None:
    raw = definition(endpoint(responseMapping=mapping(errorPath="$.error")), auth={"type": "bearer", "token": SECRET})
    provider = Provider(lambda asked: reply({"error": f"no {asked.headers['authorization']} here"}, status=401))

    with pytest.raises(Refused) as caught:
        run(raw, provider).fetch()

    expected = "GET https://api.example.com/v1/items answered 401 (the credentials were refused): no Bearer **** here"
    assert caught.value.message == expected


def test_request_to_another_origin_is_not_sent() -> None:
    raw = definition(
        endpoint(pagination={"type": "link", "nextLinkPath": "$.next", "endCondition": {"type": "empty_array"}}),
        auth={"type": "bearer", "token": SECRET},
    )
    provider = Provider(lambda _: {"items": [{"id": 1}], "next": "https://api.example.com/v1/items?p=2"})
    position = run(raw, provider).fetch().next
    provider.requests.clear()

    with pytest.raises(Refused, match="another origin"):
        run({**raw, "baseUrl": "https://evil.test"}, provider).fetch(position)

    assert provider.requests == []
