"""Each access prefix lets in who has its credentials, and nobody else."""

from typing import Any

import httpx
import pytest

from local.sandbox.limits import RateLimit
from local.sandbox.messages import Refusal, Request

KEY = "sandbox-key-0123456789abcdef"
ACCOUNT = {"X-Account-Id": "acct-0001", "X-Account-Key": "sandbox-account-key-0123456789"}
GOOD: list[tuple[str, dict[str, Any]]] = [
    ("api-key", {"headers": {"X-API-Key": KEY}}),
    ("api-key", {"params": {"api_key": KEY}}),
    ("bearer", {"headers": {"Authorization": "Bearer sandbox-bearer-0123456789abcdef"}}),
    ("basic", {"auth": ("sandbox", "sandbox-password")}),
    ("custom-headers", {"headers": ACCOUNT}),
]
BAD: list[tuple[str, dict[str, Any]]] = [
    ("api-key", {}),
    ("api-key", {"headers": {"X-API-Key": KEY[:-1]}}),
    ("bearer", {"headers": {"Authorization": "Basic sandbox-bearer-0123456789abcdef"}}),
    ("bearer", {"headers": {"Authorization": "Bearer"}}),
    ("basic", {"auth": ("sandbox", "guess")}),
    ("basic", {"headers": {"Authorization": "Basic ***"}}),
    ("custom-headers", {"headers": {**ACCOUNT, "X-Account-Key": "guess"}}),
    ("oauth", {"headers": {"Authorization": "Bearer guess"}}),
    ("oauth", {}),
]


@pytest.mark.parametrize(("prefix", "sent"), GOOD)
def test_gate_lets_in_with_its_credentials(api: httpx.Client, prefix: str, sent: dict[str, Any]) -> None:
    assert api.get(f"/auth/{prefix}/v1/contacts/c00001", **sent).json()["id"] == "c00001"


@pytest.mark.parametrize(("prefix", "sent"), BAD)
def test_gate_refuses_without_its_credentials(api: httpx.Client, prefix: str, sent: dict[str, Any]) -> None:
    reply = api.get(f"/auth/{prefix}/v1/contacts/c00001", **sent)

    assert reply.status_code == 401
    assert 'realm="sandbox"' in reply.headers["www-authenticate"]
    assert reply.json()["error"]["message"]


def test_gate_takes_the_key_from_a_json_body(api: httpx.Client) -> None:
    query = {"query": "{ contacts(first: 1) { totalCount } }"}

    with_key = api.post("/auth/api-key/graphql", json={**query, "api_key": KEY})
    without = api.post("/auth/api-key/graphql", json=query)

    assert with_key.json()["data"]["contacts"]["totalCount"] == 10_000
    assert without.status_code == 401


def test_prefix_opens_nothing_but_the_api(api: httpx.Client) -> None:
    assert api.post("/limited/_control/reset").status_code == 404
    assert api.get("/limited/v1/contacts/c00001").status_code == 200


def test_limit_answers_429_with_the_wait_when_used_up(api: httpx.Client) -> None:
    api.post("/_control/limit", json={"requests": 3, "window_s": 60})

    replies = [api.get("/limited/v1/contacts/c00001") for _ in range(4)]

    assert [reply.status_code for reply in replies] == [200, 200, 200, 429]
    assert [reply.headers["x-ratelimit-remaining"] for reply in replies] == ["2", "1", "0", "0"]
    assert 1 <= int(replies[-1].headers["retry-after"]) <= 60
    assert "retry-after" not in replies[0].headers


def test_limit_lets_in_again_when_its_window_is_over() -> None:
    now = [100.0]
    limit, request = RateLimit(requests=1, window_s=2, now=lambda: now[0]), Request("GET", "/v1")
    limit.enter(request)
    with pytest.raises(Refusal):
        limit.enter(request)

    now[0] += 2

    assert ("x-ratelimit-remaining", "0") in limit.enter(request)
