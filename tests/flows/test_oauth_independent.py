"""OAuth against an authorization server that is none of ours: Authlib's, with PKCE, rotation and revocation."""

import secrets
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
import pytest

from tests.flows import authlib_server
from tests.flows.authlib_server import Running
from tests.flows.consents import begun, query_of, redirect_of, visited
from tests.flows.hub_client import HubClient

Json = dict[str, Any]

CALLERS = 16


@pytest.fixture(scope="module")
def server() -> Iterator[Running]:
    with authlib_server.running() as made:
        yield made


@pytest.fixture
def integration_id(api: Callable[..., httpx.Client], hub: HubClient, tenant: str, server: Running) -> str:
    """The id of an integration of a provider that the operator has set up, with the operator's OAuth client."""
    operator = HubClient(api(tenant, roles=("super_admin",)))
    slug = f"authlib-{secrets.token_hex(4)}"
    operator.call("POST", "/api/admin/integrations", provider_at(server.url, slug), expect=201)
    made = hub.call("POST", "/api/tenant/integrations", {"integrationId": slug, "name": "Independent"}, expect=201)
    server.store.asked.clear()
    return str(made["id"])


def provider_at(url: str, slug: str) -> Json:
    auth = {
        "type": "oauth2",
        "grantType": "authorization_code",
        "authorizationUrl": f"{url}/authorize",
        "tokenUrl": f"{url}/token",
        "revocationUrl": f"{url}/revoke",
        "tokenAuth": "basic",
        "scope": authlib_server.SCOPE,
    }
    endpoint = {
        "id": "list-contacts",
        "name": "listContacts",
        "operation": "list",
        "entity": "contact",
        "method": "GET",
        "path": "/contacts",
        "responseMapping": {"dataPath": "$.items", "identifierField": "$.id", "targetShardTypeId": "contact"},
    }
    connector = {
        "name": slug,
        "displayName": "Independent",
        "integrationType": "rest_api",
        "baseUrl": f"{url}/api",
        "endpoints": [endpoint],
    }
    return {
        "provider": slug,
        "name": slug,
        "displayName": "Independent",
        "category": "crm",
        "status": "active",
        "audience": "tenant",
        "version": "1.0.0",
        "icon": "x",
        "color": "#000000",
        "oauthConfig": {"clientId": authlib_server.CLIENT_ID, "clientSecret": authlib_server.CLIENT_SECRET},
        "connector": connector,
        "methods": [{"kind": "oauth2", "auth": auth, "fields": []}],
    }


def connect(hub: HubClient, integration_id: str) -> dict[str, str]:
    """Go through the flow as a browser does; return what it is told at the end."""
    return finished(begun(hub, integration_id))


def finished(authorization_url: str) -> dict[str, str]:
    return query_of(redirect_of(visited(redirect_of(visited(authorization_url)))))


def contacts(hub: HubClient, integration_id: str) -> httpx.Response:
    return hub.http.get(f"/api/v1/proxy/{integration_id}/contacts")


def state_of(hub: HubClient, integration_id: str) -> Json:
    return hub.call("GET", f"/api/tenant/integrations/{integration_id}/connection")


def test_server_is_connected_and_its_contacts_are_listed(hub: HubClient, integration_id: str, server: Running) -> None:
    told = connect(hub, integration_id)

    page = contacts(hub, integration_id)
    assert told == {"status": "connected", "integrationId": integration_id}
    assert page.json()["account"] == authlib_server.USER
    assert server.store.asked == ["authorization_code"]


def test_server_refuses_a_flow_without_pkce(hub: HubClient, integration_id: str) -> None:
    """The control: it is this server that wants the challenge which every flow of the hub has."""
    url = begun(hub, integration_id)
    without = "&".join(part for part in url.split("&") if not part.startswith("code_challenge"))

    told = query_of(redirect_of(visited(without)))

    assert told["error"] == "invalid_request"
    assert "code" in query_of(redirect_of(visited(url)))


def test_sixteen_callers_that_find_the_token_over_refresh_it_once(
    hub: HubClient, integration_id: str, server: Running
) -> None:
    connect(hub, integration_id)
    server.store.expire()

    with ThreadPoolExecutor(CALLERS) as threads:
        answers = list(threads.map(lambda _: contacts(hub, integration_id), range(CALLERS)))

    assert [answer.status_code for answer in answers] == [200] * CALLERS
    assert server.refreshes() == 1


def test_refresh_token_rotates_for_ever(hub: HubClient, integration_id: str, server: Running) -> None:
    connect(hub, integration_id)

    for _ in range(5):
        server.store.expire()
        assert contacts(hub, integration_id).status_code == 200

    assert server.refreshes() == 5
    assert len({token.refresh_token for token in server.store.tokens}) == len(server.store.tokens)


def test_reuse_revokes_the_grant_and_a_link_connects_again(
    hub: HubClient, integration_id: str, server: Running
) -> None:
    connect(hub, integration_id)
    stolen = server.store.tokens[-1]
    pair = (authlib_server.CLIENT_ID, authlib_server.CLIENT_SECRET)
    form = {"grant_type": "refresh_token", "refresh_token": stolen.refresh_token}
    assert httpx.post(f"{server.url}/token", data=form, auth=pair).status_code == 200
    server.store.expire()

    refused = contacts(hub, integration_id)
    state = state_of(hub, integration_id)
    diagnosis = hub.call("GET", f"/api/v1/connections/{state['connectionId']}/diagnosis")
    link = hub.call("POST", f"/api/v1/connections/{state['connectionId']}/reconnect-link", {}, expect=201)
    told = finished(redirect_of(visited(link["url"])))

    assert refused.status_code in (409, 502), refused.text
    assert (state["status"], diagnosis["reason"]) == ("expired", "invalid_grant")
    assert all(token.revoked for token in server.store.tokens if token.grant == stolen.grant)
    assert told == {"status": "connected", "integrationId": integration_id}
    assert contacts(hub, integration_id).status_code == 200
    assert state_of(hub, integration_id)["status"] == "active"


def test_code_counts_once_and_only_for_its_own_flow(hub: HubClient, integration_id: str, server: Running) -> None:
    stolen = query_of(redirect_of(visited(begun(hub, integration_id))))["code"]
    own = redirect_of(visited(begun(hub, integration_id)))

    injected = visited(own.replace(query_of(own)["code"], stolen))
    again = visited(own)

    assert query_of(redirect_of(injected)) == {"error": "invalid_grant", "integrationId": integration_id}
    assert again.status_code == 400
    assert server.refreshes() == 0
