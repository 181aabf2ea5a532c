"""What is sent to a token server, byte for byte, and what becomes of everything that it may answer."""

import base64
from typing import Any
from urllib.parse import parse_qsl

import pytest

from hub.connector.auth_config import OAuth2Auth
from hub.connector.definition import parse_definition
from hub.connector.token_requests import basic_pair, epoch_of, read_grant, token_call
from hub.core.errors import BadDefinition, HubError, Refused, Retryable
from hub.outbound.calls import Reply
from tests.unit.connector.factories import Json, definition, problems_of, reply

CLIENT = {"/auth/clientSecret": "s3cret & more=ä"}
OAUTH2: Json = {
    "type": "oauth2",
    "grantType": "client_credentials",
    "tokenUrl": "https://id.example.com/token",
    "clientId": "hub:1",
    "clientSecret": "client-secret",
}


def auth(**changes: Any) -> OAuth2Auth:
    found = parse_definition(definition(auth={**OAUTH2, **changes})).auth
    assert isinstance(found, OAuth2Auth)
    return found


REFRESHES = {"grantType": "refresh_token", "refreshToken": "fresh"}
BROWSER = {"grantType": "authorization_code", "authorizationUrl": "https://id.example.com/ask"}

FORMS: list[tuple[Json, str | None, bytes]] = [
    (
        {},
        None,
        b"grant_type=client_credentials&client_id=hub%3A1&client_secret=s3cret+%26+more%3D%C3%A4",
    ),
    (
        {"scope": "read write", "tokenParams": {"audience": "https://api.example.com/"}},
        None,
        b"grant_type=client_credentials&scope=read+write&client_id=hub%3A1&client_secret=s3cret+%26+more%3D%C3%A4"
        b"&audience=https%3A%2F%2Fapi.example.com%2F",
    ),
    (
        {**REFRESHES, "scope": "read", "tokenAuth": "basic"},
        "r/1+",
        b"grant_type=refresh_token&refresh_token=r%2F1%2B&scope=read",
    ),
    ({**BROWSER, "scope": "read offline", "tokenAuth": "basic"}, "r1", b"grant_type=refresh_token&refresh_token=r1"),
]


@pytest.mark.parametrize(("words", "refresh_token", "form"), FORMS)
def test_token_request_sends_exactly_this_form(words: Json, refresh_token: str | None, form: bytes) -> None:
    call = token_call(auth(**words), CLIENT, refresh_token)

    assert (call.method, call.url, call.params, call.content) == ("POST", "https://id.example.com/token", (), form)
    assert call.headers["content-type"] == "application/x-www-form-urlencoded"
    assert call.headers["accept"] == "application/json"


def test_basic_client_authentication_encodes_id_and_secret_first() -> None:
    """RFC 6749, 2.3.1: otherwise a colon or a % in either would be read as something else."""
    call = token_call(auth(tokenAuth="basic"), CLIENT, None)

    pair = base64.b64decode(call.headers["authorization"].removeprefix("Basic ")).decode()
    assert pair == "hub%3A1:s3cret+%26+more%3D%C3%A4"
    assert dict(parse_qsl((call.content or b"").decode())) == {"grant_type": "client_credentials"}


def test_client_in_the_body_sends_no_authorization_header() -> None:
    assert "authorization" not in token_call(auth(), CLIENT, None).headers


def test_missing_client_secret_is_named_and_nothing_is_built() -> None:
    with pytest.raises(BadDefinition) as caught:
        token_call(auth(), {}, None)

    assert [problem.pointer for problem in caught.value.problems] == ["/auth/clientSecret"]


# ---------------------------------------------------------------- answers that grant


GRANTS: list[tuple[Json, Json, tuple[str, str | None, float | None]]] = [
    ({}, {"access_token": "a", "token_type": "Bearer", "expires_in": 3600}, ("a", None, 3600.0)),
    ({}, {"access_token": "a", "token_type": "bearer", "expires_in": "7199"}, ("a", None, 7199.0)),
    ({}, {"access_token": "a", "refresh_token": "r", "expires_in": 1.5}, ("a", "r", 1.5)),
    ({}, {"access_token": "a"}, ("a", None, None)),
    ({}, {"access_token": "a", "refresh_token": "", "expires_in": 0}, ("a", None, None)),
    ({}, {"access_token": "a", "refresh_token": None, "expires_in": "soon"}, ("a", None, None)),
    ({}, {"access_token": "a", "expires_in": True}, ("a", None, None)),
    ({}, {"access_token": "a", "expires_in": -5}, ("a", None, None)),
    ({}, {"access_token": "a", "expires_in": 10**30}, ("a", None, 315360000.0)),
    ({}, {"access_token": "a", "error": None}, ("a", None, None)),
    (
        {"tokenFields": {"accessToken": "$.data.token", "refreshToken": "data.next", "expiresIn": "$.data['ttl s']"}},
        {"data": {"token": "a", "next": "r", "ttl s": 60}},
        ("a", "r", 60.0),
    ),
]


@pytest.mark.parametrize(("words", "answer", "expected"), GRANTS)
def test_answer_of_a_token_server_is_read(
    words: Json, answer: Json, expected: tuple[str, str | None, float | None]
) -> None:
    grant = read_grant(auth(**words), reply(answer), [])

    assert (grant.access_token, grant.refresh_token, grant.expires_in_s) == expected


# ---------------------------------------------------------------- answers that do not


def html(status: int) -> Reply:
    return reply(body=b"<html>secret page</html>", status=status, content_type="text/html")


FAILURES: list[tuple[Reply, type[HubError], str]] = [
    (
        reply({"error": "invalid_grant", "error_description": "expired"}, status=400),
        Refused,
        "The token server answered 400: invalid_grant: expired",
    ),
    (reply({"error": "invalid_client"}, status=401), Refused, "The token server answered 401: invalid_client"),
    (
        reply({"error": "bad_refresh_token", "error_description": "The refresh token is wrong."}),
        Refused,
        "The token server answered 200: bad_refresh_token: The refresh token is wrong.",
    ),
    (
        reply({"error": {"code": 190, "message": "Malformed"}}, status=400),
        Refused,
        "The token server answered 400: 190: Malformed",
    ),
    (reply({"message": "Unknown client"}, status=403), Refused, "The token server answered 403: Unknown client"),
    (html(200), Refused, "The token server answered 200: no JSON (24 bytes, text/html)"),
    (html(404), Refused, "The token server answered 404: no JSON (24 bytes, text/html)"),
    (html(302), Refused, "The token server answered 302: a redirect, which is not followed (24 bytes, text/html)"),
    (
        reply({"token": "a"}),
        Refused,
        "The token server answered 200: nothing at $.access_token (14 bytes, application/json)",
    ),
    (reply(["a"]), Refused, "The token server answered 200: nothing at $.access_token (5 bytes, application/json)"),
    (
        reply({"access_token": "0123456789", "token_type": "mac"}),
        Refused,
        "The token server gave a token of the type 'mac', expected Bearer.",
    ),
    (
        reply({"access_token": "a\nb"}),
        Refused,
        "The token server gave an access token that no header can carry: expected printable ASCII.",
    ),
    (
        reply({"access_token": {"a": 1}}),
        Refused,
        "The token server gave an access token that no header can carry: expected printable ASCII.",
    ),
    (
        reply({"access_token": "a" * 16385}),
        Refused,
        "The token server gave a token of more than 16384 characters.",
    ),
    (
        reply({"access_token": "a", "refresh_token": "r" * 16385}),
        Refused,
        "The token server gave a token of more than 16384 characters.",
    ),
    (html(503), Retryable, "The token server answered 503: no JSON (24 bytes, text/html)"),
    (
        reply({"error": "invalid_grant"}, status=500),
        Retryable,
        "The token server answered 500: invalid_grant",
    ),
    (reply({"error": "rate"}, status=429), Retryable, "The token server answered 429: rate"),
    (
        reply({"error": "temporarily_unavailable"}, status=400),
        Retryable,
        "The token server answered 400: temporarily_unavailable",
    ),
]


@pytest.mark.parametrize(("answer", "kind", "message"), FAILURES)
def test_answer_without_a_token_is_an_error_of_its_kind(answer: Reply, kind: type[HubError], message: str) -> None:
    with pytest.raises(kind) as caught:
        read_grant(auth(), answer, [])

    assert (type(caught.value), caught.value.message) == (kind, message)


def test_retry_after_of_the_token_server_is_passed_on() -> None:
    with pytest.raises(Retryable) as caught:
        read_grant(auth(), reply({}, status=503, retry_after="120"), [])

    assert caught.value.retry_after_s == 120.0


def test_answer_that_is_nested_too_deep_is_refused() -> None:
    deep = b'{"a":' * 900 + b"1" + b"}" * 900

    with pytest.raises(Refused):
        read_grant(auth(tokenFields={"accessToken": "$..token"}), reply(body=deep), [])


# ---------------------------------------------------------------- no message holds a secret

SECRETS = {
    "client": "client/secret+0123456789",
    "refresh": "refresh token/0123456789",
    "issued": "issued-token-0123456789",
}


PAIR = basic_pair("hub:1", SECRETS["client"])
SENT = [*SECRETS.values(), "client%2Fsecret%2B0123456789", "refresh+token%2F0123456789", PAIR]
ECHOES = [
    lambda text: {"error": text},
    lambda text: {"error": "denied", "error_description": "x" * 294 + text},
    lambda text: {"error": {"code": text, "message": f"for {text}"}},
    lambda text: {"message": f"<{text}>"},
    lambda text: {"access_token": "a-good-one", "token_type": text},
]


@pytest.mark.parametrize("echo", ECHOES)
@pytest.mark.parametrize("status", [200, 401, 503])
@pytest.mark.parametrize("sent", SENT)
def test_error_never_repeats_a_secret_that_the_token_server_sends_back(echo: Any, status: int, sent: str) -> None:
    with pytest.raises(HubError) as caught:
        read_grant(auth(), reply(echo(sent), status=status), [*SECRETS.values(), PAIR])

    told = f"{caught.value.message} {caught.value.details}"
    assert "**" in told or "token_type" in echo("")
    assert sent[:6] not in told


def test_secrets_that_are_looked_for_are_sent() -> None:
    """The control of the test above."""
    secrets, words = {"/auth/clientSecret": SECRETS["client"]}, {**REFRESHES, "tokenParams": {"audience": "x"}}
    calls = [token_call(auth(**words, tokenAuth=style), secrets, SECRETS["refresh"]) for style in ("body", "basic")]

    sent = "".join(f"{call.headers} {(call.content or b'').decode()}" for call in calls)
    assert [text in sent for text in SENT[3:]] == [True, True, True]


def test_token_of_an_answer_that_is_refused_is_in_no_message() -> None:
    answer = reply({"access_token": SECRETS["issued"], "token_type": f"mac {SECRETS['issued']}"})

    with pytest.raises(Refused) as caught:
        read_grant(auth(), answer, [])

    assert "****" in caught.value.message
    assert SECRETS["issued"][:8] not in caught.value.message


# ---------------------------------------------------------------- the words in a definition


@pytest.mark.parametrize(
    ("words", "pointer"),
    [
        ({"tokenAuth": "header"}, "/auth/tokenAuth"),
        ({"tokenParams": {"grant_type": "password"}}, "/auth/tokenParams/grant_type"),
        ({"tokenParams": {"Client_ID": "x"}}, "/auth/tokenParams/Client_ID"),
        ({"tokenParams": {"scope": "x"}}, "/auth/tokenParams/scope"),
        ({"tokenParams": {"app_secret": "x"}}, "/auth/tokenParams/app_secret"),
        ({"tokenParams": {"api-key": "x"}}, "/auth/tokenParams/api-key"),
        ({"tokenParams": {"a b": "x"}}, "/auth/tokenParams/a b"),
        ({"tokenParams": {"audience": 5}}, "/auth/tokenParams/audience"),
        ({"tokenParams": {f"p{number}": "x" for number in range(21)}}, "/auth/tokenParams"),
        ({"tokenFields": {"accessToken": "$["}}, "/auth/tokenFields/accessToken"),
        ({"tokenFields": {"expiresAt": "$.at"}}, "/auth/tokenFields/expiresAt"),
        ({"tokenParams": {"audience": "{{encrypted:****}}"}}, "/auth/tokenParams/audience"),
        ({"expiresAt": "tomorrow"}, "/auth/expiresAt"),
    ],
)
def test_word_that_cannot_be_used_is_refused(words: Json, pointer: str) -> None:
    assert pointer in problems_of(definition(auth={**OAUTH2, **words}))


def test_words_with_a_use_are_accepted() -> None:
    found = auth(tokenAuth="basic", tokenParams={"audience": "x", "resource": ""}, tokenFields={"expiresIn": "$.ttl"})

    assert found.token_fields is not None
    assert (found.token_fields.access_token, found.token_fields.expires_in) == ("$.access_token", "$.ttl")


@pytest.mark.parametrize(
    ("text", "epoch_s"),
    [
        ("2026-11-21T00:00:00Z", 1795219200.0),
        ("2026-11-21T01:00:00+01:00", 1795219200.0),
        ("2026-11-21T00:00:00", 1795219200.0),
        ("soon", None),
        ("", None),
    ],
)
def test_time_of_an_entered_token_is_read(text: str, epoch_s: float | None) -> None:
    assert epoch_of(text) == epoch_s
