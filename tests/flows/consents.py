"""A browser that goes through OAuth flows on the running stack: it follows redirects one by one, without cookies."""

from typing import Any
from urllib.parse import parse_qsl, urlsplit

import httpx

from local.sandbox.oauth import CLIENT_ID, CLIENT_SECRET
from tests.flows.connectors import endpoint
from tests.flows.hub_client import HubClient

Json = dict[str, Any]

OWN_CLIENT: Json = {"clientId": CLIENT_ID, "clientSecret": CLIENT_SECRET}


def visited(url: str) -> httpx.Response:
    """Return what a browser is answered, without following it."""
    return httpx.get(url, follow_redirects=False, timeout=35)


def redirect_of(answer: httpx.Response) -> str:
    assert answer.status_code == 302, answer.text
    return answer.headers["location"]


def query_of(url: str) -> dict[str, str]:
    return dict(parse_qsl(urlsplit(url).query))


def consented(authorization_url: str) -> httpx.Response:
    """Say yes at once at the sandbox's consent page; return what the hub answers the browser that comes back."""
    return visited(redirect_of(visited(f"{authorization_url}&auto=1")))


def begun(hub: HubClient, integration_id: str) -> str:
    """Return where a flow for the whole tenant begins."""
    started = hub.call("POST", f"/api/tenant/integrations/{integration_id}/connect/oauth", {})
    return str(started["authorizationUrl"])


def connected(hub: HubClient, integration_id: str) -> dict[str, str]:
    """Connect an integration; return what the browser is told at the end."""
    return query_of(redirect_of(consented(begun(hub, integration_id))))


def definition(url: str, name: str = "sandbox", **auth: Any) -> Json:
    """Return a custom integration for the sandbox's API behind its OAuth gate, which wants a consent."""
    words = {
        "type": "oauth2",
        "grantType": "authorization_code",
        "authorizationUrl": f"{url}/oauth/authorize",
        "tokenUrl": f"{url}/oauth/token",
        "revocationUrl": f"{url}/oauth/revoke",
        "scope": "read write",
        **OWN_CLIENT,
        **auth,
    }
    return {
        "name": name,
        "displayName": name,
        "integrationType": "rest_api",
        "baseUrl": f"{url}/auth/oauth/v1",
        "auth": words,
        "endpoints": [endpoint(page_size=100)],
    }
