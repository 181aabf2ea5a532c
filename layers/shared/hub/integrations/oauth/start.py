"""The beginning of an OAuth 2.0 flow: where the user's browser is sent, and what the hub remembers until it is back.

Source: RFC 6749, 4.1.1; RFC 7636, 4.3; RFC 9700, 2.1.
"""

import re
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote, urlencode, urlsplit

from hub.connector.auth_config import OAuth2Auth
from hub.core.errors import BadDefinition, BadRequest, Problem
from hub.core.journal import Change
from hub.integrations.oauth import states
from hub.integrations.oauth.states import Flow
from hub.integrations.oauth.targets import Target

CALLBACK = "/api/integrations/oauth/callback"
# Whose client is not the operator's comes back here: were it the same address, an authorization server that a tenant
# chose could send on a browser to another one, and be brought that one's code (RFC 9700, 4.4).
OWN_CLIENTS_CALLBACK = "/integrations/oauth/custom/callback"
_PROVIDERS_CALLBACK = re.compile(r"/integrations/oauth/.+/callback")
_BETWEEN_SCOPES = re.compile(r"[\s,]+")


@dataclass(frozen=True)
class Wanted:
    """What is asked for: where the code goes ("" = to the hub), and where the browser goes in the end."""

    base_url: str
    return_url: str = ""
    redirect_uri: str = ""
    callback: str = CALLBACK


@dataclass(frozen=True, repr=False)
class Started:
    authorization_url: str
    state: str

    def view(self) -> dict[str, Any]:
        """Return `{authorizationUrl, state}`."""
        return {"authorizationUrl": self.authorization_url, "state": self.state}


def start(change: Change, target: Target, wanted: Wanted) -> Started:
    """Add a flow to `change` and return where it begins."""
    if target.auth.authorization_url is None:
        problem = Problem("/auth/authorizationUrl", "expected a URL")
        raise BadDefinition("The integration has no address of a consent page.", [problem])
    caller, redirect_uri = change.caller, redirect_of(target, wanted)
    flow = Flow(
        tenant_id=caller.tenant.id,
        user=caller.user,
        key_id=caller.key_id,
        integration_id=target.found.id,
        provider=target.provider,
        owner=target.owner,
        method_index=target.method_index,
        redirect_uri=redirect_uri,
        return_url=wanted.return_url,
        generation=target.generation,
        version=target.version,
    )
    begun = states.begin(change.tables.coordination, flow)
    change.add(begun.write)
    change.audit("oauth.started", flow.integration_id, provider=flow.provider or None, owner=flow.owner)
    return Started(_authorization_url(target.auth, redirect_uri, begun.state, begun.challenge), begun.state)


def redirect_of(target: Target, wanted: Wanted) -> str:
    """Return where the provider sends the code: as asked for, as the definition says, or to the hub.

    Raises BadRequest for the address of the operator's clients where the client is another one.
    """
    callback = wanted.callback if target.has_operators_client else OWN_CLIENTS_CALLBACK
    chosen = wanted.redirect_uri or target.auth.redirect_uri or f"{wanted.base_url}{callback}"
    if not target.has_operators_client and _is_for_operators_clients(urlsplit(chosen).path):
        raise BadRequest(f"At this path the hub takes the codes of its own OAuth clients; use {OWN_CLIENTS_CALLBACK}.")
    return chosen


def _is_for_operators_clients(path: str) -> bool:
    """Say whether a flow may end in a browser at the path that is not of a client of the tenant's own."""
    return path != OWN_CLIENTS_CALLBACK and (path == CALLBACK or _PROVIDERS_CALLBACK.fullmatch(path) is not None)


def _authorization_url(auth: OAuth2Auth, redirect_uri: str, state: str, challenge: str) -> str:
    params = {
        **auth.authorization_params,
        "response_type": "code",
        "client_id": auth.client_id,
        "redirect_uri": redirect_uri,
        **_scope(auth),
        "state": state,
        "code_challenge": challenge,
        "code_challenge_method": "S256",
    }
    url = auth.authorization_url or ""
    return f"{url}{'&' if '?' in url else '?'}{urlencode(params, quote_via=quote)}"


def _scope(auth: OAuth2Auth) -> dict[str, str]:
    """Return the scopes behind one another, with what the provider wants between them."""
    if not auth.scope:
        return {}
    scopes = auth.scope.split() if auth.scope_separator == " " else filter(None, _BETWEEN_SCOPES.split(auth.scope))
    return {"scope": auth.scope_separator.join(scopes)}
