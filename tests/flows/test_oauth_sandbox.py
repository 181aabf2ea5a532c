"""OAuth in the browser on the whole stack, against the sandbox's authorization server: consent, calls, refresh, end."""

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
import pytest

from local.sandbox.server import RunningSandbox
from local.stack import Stack
from tests.flows import consents
from tests.flows.conftest import WholeLog
from tests.flows.consents import begun, connected, consented, definition, query_of, redirect_of, visited
from tests.flows.hub_client import HubClient, counted
from tests.flows.test_sync_tokens import COMPANIES, token_requests

Json = dict[str, Any]


@pytest.fixture
def crm(hub: HubClient, provider: RunningSandbox) -> str:
    """The id of an integration of the sandbox's CRM, with a client of the tenant's own and no grant yet."""
    made = {"integrationId": "sandbox-crm", "name": "CRM", "settings": {"baseUrl": provider.url}}
    integration_id = str(hub.call("POST", "/api/tenant/integrations", made, expect=201)["id"])
    client = {"credentialType": "oauth", "credentials": consents.OWN_CLIENT}
    hub.call("PATCH", f"/api/tenant/integrations/{integration_id}/credentials", client)
    return integration_id


def contacts(hub: HubClient, integration_id: str) -> httpx.Response:
    """Return a page of contacts, through the proxy."""
    return hub.http.get(f"/api/v1/proxy/{integration_id}/nextlink/contacts", params={"limit": 5})


def state_of(hub: HubClient, integration_id: str) -> Json:
    return hub.call("GET", f"/api/tenant/integrations/{integration_id}/connection")


# ---------------------------------------------------------------- a provider


def test_consent_connects_a_provider_and_its_contacts_can_be_listed(hub: HubClient, crm: str) -> None:
    told = connected(hub, crm)

    page = contacts(hub, crm)
    assert told == {"status": "connected", "integrationId": crm}
    assert page.status_code == 200, page.text
    assert len(page.json()["records"]) == 5
    assert state_of(hub, crm)["status"] == "active"


def test_token_that_is_over_is_renewed_and_the_refresh_token_rotated(
    hub: HubClient, provider: RunningSandbox, crm: str
) -> None:
    connected(hub, crm)

    for _ in range(3):
        provider.app.oauth.grants.expire_access_tokens()
        assert contacts(hub, crm).status_code == 200

    assert token_requests(provider) == 4
    assert state_of(hub, crm)["status"] == "active"


def test_grant_that_the_user_took_back_expires_the_connection_and_a_link_brings_it_back(
    hub: HubClient, provider: RunningSandbox, crm: str
) -> None:
    connected(hub, crm)
    provider.app.oauth.grants.revoke_all()

    refused = contacts(hub, crm)
    state = state_of(hub, crm)
    link = hub.call("POST", f"/api/v1/connections/{state['connectionId']}/reconnect-link", {}, expect=201)
    told = query_of(redirect_of(consented(redirect_of(visited(link["url"])))))

    assert refused.status_code in (409, 502), refused.text
    assert state["status"] == "expired"
    assert told == {"status": "connected", "integrationId": crm}
    assert contacts(hub, crm).status_code == 200
    assert visited(link["url"]).status_code == 400


def test_refresh_token_that_somebody_else_used_ends_the_grant_and_says_so(
    hub: HubClient, provider: RunningSandbox, crm: str
) -> None:
    """The sandbox revokes a grant whose refresh token comes twice (RFC 9700, 4.14)."""
    connected(hub, crm)
    grants = provider.app.oauth.grants
    (stolen,) = grants._refresh_tokens
    grants.redeem_refresh_token(stolen, None)
    grants.expire_access_tokens()

    contacts(hub, crm)

    diagnosis = hub.call("GET", f"/api/v1/connections/{state_of(hub, crm)['connectionId']}/diagnosis")
    assert (diagnosis["status"], diagnosis["reason"]) == ("expired", "invalid_grant")


def test_browser_that_says_no_connects_nothing(hub: HubClient, provider: RunningSandbox, crm: str) -> None:
    url = begun(hub, crm)
    no = httpx.post(f"{provider.url}/oauth/authorize", data={**query_of(url), "decision": "deny"})

    told = query_of(redirect_of(visited(redirect_of(no))))

    assert told == {"error": "access_denied", "integrationId": crm}


def test_twenty_browsers_that_come_back_with_one_state_connect_once(
    hub: HubClient, provider: RunningSandbox, crm: str
) -> None:
    back = redirect_of(visited(f"{begun(hub, crm)}&auto=1"))

    with ThreadPoolExecutor(20) as threads:
        answers = list(threads.map(lambda _: visited(back), range(20)))

    assert sorted(answer.status_code for answer in answers) == [302, *[400] * 19]
    assert "status=connected" in next(answer.headers["location"] for answer in answers if answer.status_code == 302)
    assert token_requests(provider) == 1


def test_code_of_another_flow_is_refused_by_its_verifier(hub: HubClient, provider: RunningSandbox, crm: str) -> None:
    stolen = query_of(redirect_of(visited(f"{begun(hub, crm)}&auto=1")))["code"]
    own = redirect_of(visited(f"{begun(hub, crm)}&auto=1"))
    injected = own.replace(query_of(own)["code"], stolen)

    assert query_of(redirect_of(visited(injected))) == {"error": "invalid_grant", "integrationId": crm}
    assert token_requests(provider) == 1


# ---------------------------------------------------------------- a custom integration


def test_consent_connects_a_custom_integration_and_its_sync_uses_the_token(
    hub: HubClient, provider: RunningSandbox
) -> None:
    integration_id = hub.create(definition(provider.url))

    told = connected(hub, integration_id)
    job = hub.ended(hub.start(integration_id))
    provider.app.oauth.grants.expire_access_tokens()
    again = hub.ended(hub.start(integration_id))

    assert told["status"] == "connected"
    assert (job["status"], job["counters"]) == ("COMPLETED", counted(read=COMPANIES, created=COMPANIES))
    assert again["status"] == "COMPLETED"
    assert token_requests(provider) == 2


def test_custom_integration_connects_again_after_its_grant_was_taken_back(
    hub: HubClient, provider: RunningSandbox
) -> None:
    integration_id = hub.create(definition(provider.url))
    connected(hub, integration_id)
    provider.app.oauth.grants.revoke_all()

    failed = hub.ended(hub.start(integration_id))
    connected(hub, integration_id)
    repaired = hub.ended(hub.start(integration_id))

    assert (failed["status"], repaired["status"]) == ("FAILED", "COMPLETED")
    assert "connect the integration again" in failed["errorLog"][-1]["reason"]


# ---------------------------------------------------------------- nothing is told


def test_log_of_the_stack_holds_no_secret_of_a_flow(
    stack: Stack, hub: HubClient, provider: RunningSandbox, crm: str
) -> None:
    url = begun(hub, crm)
    back = redirect_of(visited(f"{url}&auto=1"))
    visited(back)
    visited(back)

    told = "\n".join(raw_log(stack))
    grants = provider.app.oauth.grants
    assert "/api/integrations/oauth/callback" in told or "/integrations/oauth/{provider}/callback" in told
    for secret in (*query_of(back).values(), *grants._refresh_tokens, *grants._access_tokens):
        assert secret not in told


def raw_log(stack: Stack) -> list[str]:
    """Return every line that a function has printed."""
    assert isinstance(stack.log, WholeLog)
    return stack.log.raw
