"""What a definition may say about consent pages and the end of a grant, and the requests that follow from it."""

from typing import Any
from urllib.parse import parse_qsl

import pytest

from hub.connector.auth_config import OAuth2Auth
from hub.connector.definition import parse_definition
from hub.connector.revocations import Held, check_revoked, revocation_call
from hub.connector.secrets import origins
from hub.connector.token_requests import Code, code_call, read_grant
from hub.core.errors import BadDefinition, HubError, Refused, Retryable
from hub.outbound.calls import Reply
from tests.unit.connector.factories import Json, definition, problems_of, reply

SECRETS = {"/auth/clientSecret": "s3cret"}
HELD = Held("access", "refresh/1+")
CONSENT: Json = {
    "type": "oauth2",
    "grantType": "authorization_code",
    "authorizationUrl": "https://id.example.com/ask",
    "tokenUrl": "https://id.example.com/token",
    "revocationUrl": "https://id.example.com/revoke",
    "clientId": "hub",
    "clientSecret": "client-secret",
}


def auth(**changes: Any) -> OAuth2Auth:
    words = {name: value for name, value in {**CONSENT, **changes}.items() if value is not None}
    found = parse_definition(definition(auth=words)).auth
    assert isinstance(found, OAuth2Auth)
    return found


# ---------------------------------------------------------------- words


FAULTS: list[tuple[Json, str]] = [
    ({"authorizationParams": {"state": "x"}}, "/auth/authorizationParams/state"),
    ({"authorizationParams": {"code_challenge_method": "plain"}}, "/auth/authorizationParams/code_challenge_method"),
    ({"authorizationParams": {"a b": "x"}}, "/auth/authorizationParams/a b"),
    ({"authorizationParams": {"api_key": "x"}}, "/auth/authorizationParams/api_key"),
    ({"authorizationParams": {str(n): "x" for n in range(21)}}, "/auth/authorizationParams"),
    ({"scopeSeparator": "|"}, "/auth/scopeSeparator"),
    ({"revocationUrl": "javascript:x"}, "/auth/revocationUrl"),
    ({"revocationUrl": "https://id.example.com/{token}"}, "/auth/revocationUrl"),
    ({"revocation": {"location": "path"}}, "/auth/revocationUrl"),
    ({"revocationUrl": None, "revocation": {}}, "/auth/revocationUrl"),
    ({"revocation": {"method": "GET"}}, "/auth/revocation/method"),
    ({"revocation": {"method": "DELETE"}}, "/auth/revocation/location"),
    ({"revocation": {"tokenParam": "a b"}}, "/auth/revocation/tokenParam"),
    ({"tokenFields": {"fields": {"a b": "$.x"}}}, "/auth/tokenFields/fields/a b"),
    ({"tokenFields": {"fields": {"a": "$.["}}}, "/auth/tokenFields/fields/a"),
    ({"tokenFields": {"scope": "$.["}}, "/auth/tokenFields/scope"),
]


@pytest.mark.parametrize(("words", "pointer"), FAULTS)
def test_fault_is_named_where_it_is(words: Json, pointer: str) -> None:
    changed = {name: value for name, value in {**CONSENT, **words}.items() if value is not None}

    assert pointer in problems_of(definition(auth=changed))


def test_dropbox_may_ask_for_offline_access_by_its_own_name() -> None:
    assert auth(authorizationParams={"token_access_type": "offline"}).authorization_params


def test_secrets_follow_no_change_of_the_address_that_takes_tokens_back() -> None:
    here, there = (definition(auth={**CONSENT, "revocationUrl": url}) for url in ("https://a.test", "https://b.test"))

    assert origins(here)["/auth/clientSecret"] != origins(there)["/auth/clientSecret"]


# ---------------------------------------------------------------- the code


def test_exchange_of_a_code_sends_exactly_this_form() -> None:
    call = code_call(auth(tokenParams={"audience": "a"}), SECRETS, Code("c/1+", "v" * 43, "https://hub.test/cb"))

    assert (call.method, call.url) == ("POST", "https://id.example.com/token")
    assert call.content == (
        b"grant_type=authorization_code&code=c%2F1%2B&redirect_uri=https%3A%2F%2Fhub.test%2Fcb"
        b"&code_verifier=" + b"v" * 43 + b"&client_id=hub&client_secret=s3cret&audience=a"
    )


def test_exchange_with_basic_leaves_the_client_out_of_the_form() -> None:
    call = code_call(auth(tokenAuth="basic"), SECRETS, Code("c", "v", "https://hub.test/cb"))

    assert call.headers["authorization"].startswith("Basic ")
    assert b"client" not in (call.content or b"")


def test_exchange_without_a_secret_is_not_built() -> None:
    with pytest.raises(BadDefinition):
        code_call(auth(), {}, Code("c", "v", "https://hub.test/cb"))


SCOPES: list[tuple[Any, tuple[str, ...]]] = [
    ("a b", ("a", "b")),
    ("a,b, c", ("a", "b", "c")),
    (["a", "b c"], ("a", "b", "c")),
    ("", ()),
    (None, ()),
    (7, ()),
    ({"a": 1}, ()),
    ("a a", ("a",)),
    ("x" * 501 + " b", ("b",)),
]


@pytest.mark.parametrize(("scope", "expected"), SCOPES)
def test_scopes_of_an_answer_are_read(scope: Any, expected: tuple[str, ...]) -> None:
    assert read_grant(auth(), reply({"access_token": "a", "scope": scope}), []).scopes == expected


def test_what_an_answer_says_of_the_account_is_read() -> None:
    fields = {"instanceUrl": "$.instance_url", "team": "$.team.id", "none": "$.no", "list": "$.scope_list", "n": "$.n"}
    answer = {"access_token": "a", "instance_url": "https://na1.example.com", "team": {"id": "T1"}, "n": 7}

    grant = read_grant(auth(tokenFields={"fields": fields}), reply({**answer, "scope_list": ["x"]}), [])

    assert grant.fields == {"instanceUrl": "https://na1.example.com", "team": "T1", "n": "7"}


@pytest.mark.parametrize("value", ["x" * 2049, "a\nb", "a\x00"])
def test_field_that_nobody_could_use_is_left_out(value: str) -> None:
    answer = reply({"access_token": "a", "x": value})

    assert read_grant(auth(tokenFields={"fields": {"x": "$.x"}}), answer, []).fields == {}


QUIRKS: list[tuple[str, Json, Json, str]] = [
    (
        "zoho refreshes without a new refresh token",
        {},
        {"access_token": "z", "api_domain": "https://www.zohoapis.eu"},
        "z",
    ),
    ("slack names whose token it is", {}, {"ok": True, "access_token": "xoxb-1", "token_type": "bot"}, "xoxb-1"),
    (
        "slack keeps a user's token apart",
        {"tokenFields": {"accessToken": "$.authed_user.access_token"}},
        {"ok": True, "authed_user": {"access_token": "xoxp-1", "token_type": "user"}},
        "xoxp-1",
    ),
    ("salesforce says no time", {}, {"access_token": "s", "instance_url": "https://x.my.salesforce.com"}, "s"),
]


@pytest.mark.parametrize(("words", "answer", "token"), [row[1:] for row in QUIRKS], ids=[row[0] for row in QUIRKS])
def test_answer_of_a_provider_is_read(words: Json, answer: Json, token: str) -> None:
    assert read_grant(auth(**words), reply(answer), []).access_token == token


ERRORS: list[tuple[str, Reply, type[HubError], str]] = [
    ("zoho", reply({"error": "invalid_code"}), Refused, "invalid_code"),
    ("slack", reply({"ok": False, "error": "bad_redirect_uri"}), Refused, "bad_redirect_uri"),
    ("rfc", reply({"error": "invalid_grant", "error_description": "x"}, status=400), Refused, "invalid_grant"),
    ("outage", reply({"error": "invalid_grant"}, status=503), Retryable, "invalid_grant"),
]


@pytest.mark.parametrize(("answer", "kind", "code"), [row[1:] for row in ERRORS], ids=[row[0] for row in ERRORS])
def test_error_of_a_provider_is_told_by_its_code(answer: Reply, kind: type[HubError], code: str) -> None:
    with pytest.raises(kind) as caught:
        read_grant(auth(), answer, [])

    assert caught.value.details["oauthError"] == code


# ---------------------------------------------------------------- the end of a grant


CLIENT_FORM = {"client_id": "hub", "client_secret": "s3cret"}
REVOCATIONS: list[tuple[str, Json, Json]] = [
    (
        "RFC 7009",
        {},
        {
            "form": {
                "token": "refresh/1+",
                "token_type_hint": "refresh_token",
                "client_id": "hub",
                "client_secret": "s3cret",
            }
        },
    ),
    (
        "Google",
        {"revocation": {"location": "query", "clientAuth": False}},
        {"params": [("token", "refresh/1+")]},
    ),
    (
        "Dropbox",
        {"revocation": {"location": "bearer", "token": "access_token", "clientAuth": False}},
        {"headers": {"authorization": "Bearer access"}},
    ),
    (
        "HubSpot",
        {
            "revocationUrl": "https://id.example.com/tokens/{token}",
            "revocation": {"method": "DELETE", "location": "path", "clientAuth": False},
        },
        {"method": "DELETE", "url": "https://id.example.com/tokens/refresh%2F1%2B"},
    ),
    (
        "Zoho",
        {"revocation": {"location": "query", "tokenParam": "token", "clientAuth": False}},
        {"params": [("token", "refresh/1+")], "method": "POST"},
    ),
]


@pytest.mark.parametrize(("words", "sent"), [row[1:] for row in REVOCATIONS], ids=[row[0] for row in REVOCATIONS])
def test_revocation_asks_as_the_provider_wants_it(words: Json, sent: Json) -> None:
    call = revocation_call(auth(**words), SECRETS, HELD)

    assert call is not None
    assert (call.method, call.url) == (sent.get("method", "POST"), sent.get("url", "https://id.example.com/revoke"))
    assert dict(parse_qsl((call.content or b"").decode())) == sent.get("form", {})
    assert list(call.params) == sent.get("params", [])
    assert {name: call.headers[name] for name in sent.get("headers", {})} == sent.get("headers", {})


def test_access_token_is_taken_back_where_there_is_no_other() -> None:
    call = revocation_call(auth(), SECRETS, Held("access", None))

    assert call is not None
    assert b"token=access" in (call.content or b"")
    assert b"token_type_hint" not in (call.content or b"")


def test_nothing_is_asked_without_an_address_or_a_token() -> None:
    assert revocation_call(auth(revocationUrl=None), SECRETS, HELD) is None
    assert revocation_call(auth(), SECRETS, Held(None, None)) is None


DONE = [
    reply(None, status=200, body=b""),
    reply({"ok": True, "revoked": True}),
    reply(None, status=204, body=b""),
    reply({"error": "invalid_token"}, status=400),
    reply({"ok": False, "error": "token_revoked"}),
    reply({}, status=404),
]


@pytest.mark.parametrize("answer", DONE, ids=range(len(DONE)))
def test_token_that_is_over_is_revoked(answer: Reply) -> None:
    check_revoked(answer)


@pytest.mark.parametrize(
    ("answer", "kind"),
    [
        (reply({}, status=503), Retryable),
        (reply({}, status=429), Retryable),
        (reply({"error": "invalid_client"}, status=401), Refused),
        (reply({"ok": False, "error": "fatal_error"}), Refused),
        (reply({}, status=302), Refused),
    ],
)
def test_token_that_may_still_count_is_not_revoked(answer: Reply, kind: type[HubError]) -> None:
    with pytest.raises(kind):
        check_revoked(answer)
