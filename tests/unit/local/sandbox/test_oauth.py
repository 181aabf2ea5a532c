"""The OAuth server hands out tokens as the RFCs say, and notices misuse."""

import re
from html import unescape
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest

from local.sandbox.grants import CODE_LIVES_S, Grants, OAuthError, challenge_of

CLIENT = ("sandbox-client", "sandbox-client-secret-0123456789")
CALLBACK = "http://127.0.0.1:8787/callback"
VERIFIER = "v" * 43
ASKED = {
    "response_type": "code",
    "client_id": CLIENT[0],
    "redirect_uri": CALLBACK,
    "scope": "read",
    "state": 'st"<&>',
    "code_challenge": challenge_of(VERIFIER),
    "code_challenge_method": "S256",
}


def redirect_params(reply: httpx.Response) -> dict[str, str]:
    assert reply.status_code == 302
    return {name: values[0] for name, values in parse_qs(urlsplit(reply.headers["location"]).query).items()}


def new_code(api: httpx.Client) -> str:
    return redirect_params(api.get("/oauth/authorize", params={**ASKED, "auto": "1"}))["code"]


def redeem(api: httpx.Client, code: str, /, **changed: str) -> httpx.Response:
    fields = {"grant_type": "authorization_code", "code": code, "redirect_uri": CALLBACK, "code_verifier": VERIFIER}
    return api.post("/oauth/token", data={**fields, **changed}, auth=CLIENT)


def refresh(api: httpx.Client, tokens: dict[str, Any]) -> httpx.Response:
    fields = {"grant_type": "refresh_token", "refresh_token": tokens["refresh_token"]}
    return api.post("/oauth/token", data=fields, auth=CLIENT)


def status_with(api: httpx.Client, tokens: dict[str, Any]) -> int:
    headers = {"Authorization": f"Bearer {tokens['access_token']}"}
    return api.get("/auth/oauth/v1/contacts/c00001", headers=headers).status_code


def test_code_becomes_tokens_that_open_the_api(api: httpx.Client) -> None:
    reply = redeem(api, new_code(api))

    tokens = reply.json()
    assert (tokens["token_type"], tokens["expires_in"], tokens["scope"]) == ("Bearer", 3600, "read")
    assert reply.headers["cache-control"] == "no-store"
    assert status_with(api, tokens) == 200


def test_consent_page_approves_and_denies(api: httpx.Client) -> None:
    page = api.get("/oauth/authorize", params=ASKED).text
    inputs = re.findall(r'name="([^"]*)" value="([^"]*)">', page)
    fields = {unescape(name): unescape(value) for name, value in inputs if name != "decision"}

    approved = redirect_params(api.post("/oauth/authorize", data={**fields, "decision": "approve"}))
    denied = redirect_params(api.post("/oauth/authorize", data={**fields, "decision": "deny"}))

    assert approved["state"] == denied["state"] == ASKED["state"]
    assert status_with(api, redeem(api, approved["code"]).json()) == 200
    assert denied["error"] == "access_denied"


@pytest.mark.parametrize(
    "changed",
    [
        {"client_id": "other"},
        {"redirect_uri": "http://203.0.113.7/callback"},
        {"redirect_uri": "https://127.0.0.1/callback"},
        {"redirect_uri": "http://user@127.0.0.1/callback"},
        {"redirect_uri": "http://127.0.0.1/callback\r\nX: 1"},
        {"redirect_uri": "http://127.0.0.1:99999/callback"},
        {"redirect_uri": ""},
    ],
)
def test_authorize_never_redirects_when_client_or_target_are_wrong(api: httpx.Client, changed: dict[str, str]) -> None:
    reply = api.get("/oauth/authorize", params={**ASKED, "auto": "1", **changed})

    assert reply.status_code == 400
    assert "location" not in reply.headers


@pytest.mark.parametrize(
    ("changed", "error"),
    [
        ({"response_type": "token"}, "unsupported_response_type"),
        ({"code_challenge_method": "plain"}, "invalid_request"),
        ({"code_challenge": ""}, "invalid_request"),
        ({"scope": "admin"}, "invalid_scope"),
    ],
)
def test_authorize_redirects_with_the_error_and_the_state(
    api: httpx.Client, changed: dict[str, str], error: str
) -> None:
    params = redirect_params(api.get("/oauth/authorize", params={**ASKED, "auto": "1", **changed}))

    assert (params["error"], params["state"]) == (error, ASKED["state"])


def test_allow_list_can_be_narrowed_to_one_page(api: httpx.Client) -> None:
    api.post("/_control/oauth", json={"redirect_uris": ["http://127.0.0.1/callback"]})

    listed = api.get("/oauth/authorize", params={**ASKED, "auto": "1"})
    unlisted = api.get("/oauth/authorize", params={**ASKED, "auto": "1", "redirect_uri": f"{CALLBACK}/other"})

    assert (listed.status_code, unlisted.status_code) == (302, 400)


@pytest.mark.parametrize(
    "changed", [{"code_verifier": "w" * 43}, {"redirect_uri": f"{CALLBACK}/other"}, {"code": "no"}]
)
def test_code_is_refused_when_its_proof_is_wrong(api: httpx.Client, changed: dict[str, str]) -> None:
    code = new_code(api)

    refused = redeem(api, code, **changed)

    assert (refused.status_code, refused.json()["error"]) == (400, "invalid_grant")
    assert redeem(api, code).status_code == 200


def test_code_used_twice_ends_its_tokens(api: httpx.Client) -> None:
    code = new_code(api)
    tokens = redeem(api, code).json()

    again = redeem(api, code)

    assert again.json()["error"] == "invalid_grant"
    assert status_with(api, tokens) == 401
    assert refresh(api, tokens).json()["error"] == "invalid_grant"


def test_code_is_refused_when_it_is_too_old() -> None:
    now = [0.0]
    grants = Grants(now=lambda: now[0])
    code = grants.issue_code("read", CALLBACK, challenge_of(VERIFIER))

    now[0] += CODE_LIVES_S

    with pytest.raises(OAuthError, match="expired"):
        grants.redeem_code(code, CALLBACK, VERIFIER)


def test_refresh_gives_the_next_tokens(api: httpx.Client) -> None:
    first = redeem(api, new_code(api)).json()

    second = refresh(api, first).json()

    assert second["refresh_token"] != first["refresh_token"]
    assert status_with(api, second) == status_with(api, first) == 200
    assert refresh(api, second).status_code == 200


def test_refresh_token_used_twice_ends_the_whole_grant(api: httpx.Client) -> None:
    first = redeem(api, new_code(api)).json()
    bystander = redeem(api, new_code(api)).json()
    second = refresh(api, first).json()

    reused = refresh(api, first)

    assert (reused.status_code, reused.json()["error"]) == (400, "invalid_grant")
    assert refresh(api, second).json()["error"] == "invalid_grant"
    assert status_with(api, second) == 401
    assert status_with(api, bystander) == 200


def test_client_credentials_give_an_access_token_without_refresh_token(api: httpx.Client) -> None:
    fields = {"grant_type": "client_credentials", "client_id": CLIENT[0], "client_secret": CLIENT[1]}

    tokens = api.post("/oauth/token", data=fields).json()

    assert "refresh_token" not in tokens
    assert tokens["scope"] == "read write"
    assert status_with(api, tokens) == 200


def test_access_token_ends_while_its_refresh_token_stays_good(api: httpx.Client) -> None:
    tokens = redeem(api, new_code(api)).json()

    api.post("/_control/oauth", json={"expire_access_tokens": True})

    assert status_with(api, tokens) == 401
    assert status_with(api, refresh(api, tokens).json()) == 200


def test_lifetime_of_tokens_can_be_set(api: httpx.Client) -> None:
    api.post("/_control/oauth", json={"expires_in": 0})

    tokens = redeem(api, new_code(api)).json()

    assert tokens["expires_in"] == 0
    assert status_with(api, tokens) == 401


def test_revoked_refresh_token_ends_its_grant(api: httpx.Client) -> None:
    tokens = redeem(api, new_code(api)).json()

    revoked = api.post("/oauth/revoke", data={"token": tokens["refresh_token"]}, auth=CLIENT)
    unknown = api.post("/oauth/revoke", data={"token": "unknown"}, auth=CLIENT)

    assert (revoked.status_code, unknown.status_code) == (200, 200)
    assert status_with(api, tokens) == 401


@pytest.mark.parametrize(
    ("sent", "status", "error"),
    [
        ({"data": {"grant_type": "password"}, "auth": CLIENT}, 400, "unsupported_grant_type"),
        ({"data": {"scope": "read"}, "auth": CLIENT}, 400, "invalid_request"),
        ({"data": {"grant_type": "refresh_token"}, "auth": CLIENT}, 400, "invalid_request"),
        ({"json": {"grant_type": "client_credentials"}, "auth": CLIENT}, 400, "invalid_request"),
        ({"data": {"grant_type": "client_credentials"}, "auth": (CLIENT[0], "guess")}, 401, "invalid_client"),
        ({"data": {"grant_type": "client_credentials"}}, 401, "invalid_client"),
        ({"data": {"grant_type": "client_credentials", "client_secret": "x"}, "auth": CLIENT}, 400, "invalid_request"),
        ({"data": {"grant_type": "client_credentials", "scope": "admin"}, "auth": CLIENT}, 400, "invalid_scope"),
    ],
)  # fmt: skip
def test_token_endpoint_names_the_error(api: httpx.Client, sent: dict[str, Any], status: int, error: str) -> None:
    reply = api.post("/oauth/token", **sent)

    assert (reply.status_code, reply.json()["error"]) == (status, error)
    assert ("www-authenticate" in reply.headers) is (status == 401)
