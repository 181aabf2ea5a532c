"""Connections on the whole stack: renewed before they end though nobody calls, and given back when they are ended."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

from local.sandbox.oauth import CLIENT_ID, CLIENT_SECRET
from local.sandbox.server import RunningSandbox
from local.stack import Stack
from tests.flows.hub_client import HubClient, tick
from tests.flows.test_sync_tokens import granted, token_requests

Json = dict[str, Any]

INTEGRATIONS = "/api/tenant/integrations"
# A fifth before its end a token is renewed; the margin is wide enough for a busy machine.
LIVES_S, IS_OVER_S = 30.0, 0.5


def ends_at(seconds: float) -> str:
    return (datetime.now(UTC) + timedelta(seconds=seconds)).isoformat()


def connect(hub: HubClient, provider: RunningSandbox, lives_s: float) -> Json:
    """Connect the sandbox's CRM with a token that ends soon; return `{integrationId, connectionId}`."""
    settings = {"baseUrl": provider.url}
    wanted = {"integrationId": "sandbox-crm", "name": "CRM", "settings": settings}
    made = hub.call("POST", INTEGRATIONS, wanted, expect=201)
    tokens = {"accessToken": "ends-soon", "refreshToken": granted(provider), "expiresAt": ends_at(lives_s)}
    client = {"clientId": CLIENT_ID, "clientSecret": CLIENT_SECRET}
    answered = hub.call("POST", f"{INTEGRATIONS}/{made['id']}/connect/custom", {"credentials": {**tokens, **client}})
    return {"integrationId": made["id"], "connectionId": answered["connectionId"]}


def diagnosis(hub: HubClient, connected: Json) -> Json:
    return hub.call("GET", f"/api/v1/connections/{connected['connectionId']}/diagnosis")


def test_token_is_renewed_before_it_ends_though_nobody_calls(
    stack: Stack, hub: HubClient, provider: RunningSandbox, eventually: Callable[..., None]
) -> None:
    """The sweeper's minute hints ahead, the queue holds the hint back until the token is due."""
    connected = connect(hub, provider, LIVES_S)
    before = diagnosis(hub, connected)["evidence"]

    tick(stack)
    eventually(lambda: token_requests(provider), within_s=LIVES_S + 10)
    eventually(lambda: diagnosis(hub, connected)["evidence"]["lastRefreshedAt"])

    found = diagnosis(hub, connected)
    assert before["nextRefreshAt"] <= found["evidence"]["lastRefreshedAt"] < before["expiresAt"]
    assert found["evidence"]["expiresAt"] > before["expiresAt"]
    assert (found["status"], found["reason"], token_requests(provider)) == ("active", None, 1)


def test_grant_that_was_revoked_is_found_though_nobody_calls_and_told(
    stack: Stack, hub: HubClient, provider: RunningSandbox, eventually: Callable[..., None]
) -> None:
    connected = connect(hub, provider, IS_OVER_S)
    subscription = {"name": "Errors", "url": f"{provider.url}/hooks/errors", "eventTypes": ["integration.error"]}
    hub.call("POST", "/api/v1/webhooks/subscriptions", subscription, expect=201)
    provider.app.oauth.grants.revoke_all()

    tick(stack)
    eventually(lambda: diagnosis(hub, connected)["status"] == "expired", within_s=20)
    eventually(lambda: provider.hooks("errors"))

    found = diagnosis(hub, connected)
    assert (found["reason"], found["who"]) == ("invalid_grant", "tenant_admin")
    assert found["reconnect"]["possible"] is True
    assert hub.call("GET", f"{INTEGRATIONS}/{connected['integrationId']}")["status"] == "error"


def test_tokens_are_given_back_when_the_integration_is_disconnected(
    stack: Stack, hub: HubClient, provider: RunningSandbox, eventually: Callable[..., None]
) -> None:
    connected = connect(hub, provider, LIVES_S)
    hub.call("POST", f"{INTEGRATIONS}/{connected['integrationId']}/disconnect")

    tick(stack)
    eventually(lambda: [each for each in provider.requests if each["path"] == "/oauth/revoke"])

    assert diagnosis(hub, connected)["reason"] == "disconnected"
