"""OAuth flows in a few words: an authorization server in memory, providers that use it, and browsers that come back."""

import base64
import hashlib
import json
import secrets
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from hub.core.attributes import Item
from hub.core.caller import Tenant
from hub.core.resources import resources
from hub.core.tables import Delete, Put, key
from hub.core.vault import Secrets, Vault
from hub.integrations.catalog import provider_writes, providers
from hub.integrations.connections import connections
from hub.integrations.instances import integrations
from hub.integrations.tenant_settings import place_of
from hub.outbound.calls import Call, Reply
from tests.api.conftest import Hub
from tests.api.conftest import Reply as Answered
from tests.api.tested import create

Json = dict[str, Any]

ID = "https://id.example.com"
AUTHORIZE, TOKEN, REVOKE = f"{ID}/authorize", f"{ID}/token", f"{ID}/revoke"
CLIENT_ID, CLIENT_SECRET = "hub-client", "canary-client-secret-0123456789"
APP = "https://app.example.com"
CALLBACK, CUSTOM_CALLBACK = "/api/integrations/oauth/callback", "/integrations/oauth/custom/callback"
AUTH: Json = {
    "type": "oauth2",
    "grantType": "authorization_code",
    "authorizationUrl": AUTHORIZE,
    "tokenUrl": TOKEN,
    "revocationUrl": REVOKE,
    "scope": "contacts.read contacts.write",
}
OWN_CLIENT: Json = {"clientId": CLIENT_ID, "clientSecret": CLIENT_SECRET}
CRM, DRIVE = "a-crm", "a-drive"


def challenge_of(verifier: str) -> str:
    return base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).decode().rstrip("=")


@dataclass
class AuthorizationServer:
    """Gives a code for a consent and tokens for the code, once, to whoever has its verifier.

    `answers` are given first, one for each token request, whatever is asked.
    """

    answers: list[Reply | Exception] = field(default_factory=list)
    more: Json = field(default_factory=dict)
    calls: list[Call] = field(default_factory=list)
    timeouts_s: list[float] = field(default_factory=list)
    _codes: dict[str, tuple[str, str]] = field(default_factory=dict)
    _number: int = 0

    def consent(self, authorization_url: str) -> dict[str, str]:
        """Return what the browser brings back after the user's yes: `{code, state}`."""
        asked = dict(parse_qsl(urlsplit(authorization_url).query))
        code = f"code-{secrets.token_urlsafe(16)}"
        self._codes[code] = asked["code_challenge"], asked["redirect_uri"]
        return {"code": code, "state": asked["state"]}

    @property
    def asked(self) -> list[dict[str, str]]:
        """The forms of the token requests."""
        return [form_of(call) for call in self.calls if call.url == TOKEN]

    @property
    def revoked(self) -> list[str]:
        return [form_of(call)["token"] for call in self.calls if call.url == REVOKE]

    def send(self, call: Call, *, timeout_s: float) -> Reply:
        self.calls.append(call)
        self.timeouts_s.append(timeout_s)
        if call.url == REVOKE:
            return Reply(200, {}, b"", 1)
        if self.answers:
            answer = self.answers.pop(0)
            if isinstance(answer, Exception):
                raise answer
            return answer
        return self._granted(form_of(call))

    def _granted(self, form: Mapping[str, str]) -> Reply:
        challenge, redirect_uri = self._codes.pop(form.get("code", ""), ("", ""))
        fits = challenge and challenge_of(form.get("code_verifier", "")) == challenge
        is_refresh = form["grant_type"] == "refresh_token"
        if not is_refresh and (not fits or form["redirect_uri"] != redirect_uri):
            return answered({"error": "invalid_grant", "error_description": "The code is not for this verifier"}, 400)
        self._number += 1
        tokens = {"access_token": f"canary-access-token-{self._number}", "token_type": "Bearer", "expires_in": 3600}
        tokens |= {"refresh_token": f"canary-refresh-token-{self._number}", "scope": "contacts.read"}
        return answered({**tokens, **self.more})


def answered(value: Json, status: int = 200) -> Reply:
    return Reply(status, {"content-type": "application/json"}, json.dumps(value).encode(), 1)


def form_of(call: Call) -> dict[str, str]:
    return dict(parse_qsl((call.content or b"").decode()))


# ---------------------------------------------------------------- what is connected


def custom(hub: Hub, **auth: Any) -> str:
    """Return the id of a custom integration that wants a consent."""
    return create(hub, name=f"crm-{secrets.token_hex(4)}", auth={**AUTH, **OWN_CLIENT, **auth})


@contextmanager
def catalogue() -> Iterator[None]:
    """Two providers with the operator's OAuth client: a CRM, and what the cards product calls Google Drive."""
    tables = resources().tables
    made = [_provider(CRM, "HUBSPOT"), _provider(DRIVE, "GOOGLE_DRIVE")]
    for document in made:
        config = {"clientId": CLIENT_ID, "scopes": ["contacts.read"]}
        fields = {**provider_writes.stored_fields({**document, "oauthConfig": config}, has_secret=True), "adminSet": []}
        entry = provider_writes.new_entry(document, fields, "operator")
        secret = operators_vault().store_at(providers.provider_place(entry.id), {"/auth/clientSecret": CLIENT_SECRET})
        assert secret is not None
        tables.write(*provider_writes.first_writes(tables.config, entry), secret)
    yield
    for slug in (CRM, DRIVE):
        tables.write(
            Delete(tables.config, providers.provider_place(slug)),
            Delete(tables.config, providers.connector_place(slug)),
            Delete(tables.credentials, providers.provider_place(slug)),
        )


def operators_vault() -> Vault:
    found = resources()
    return Vault(found.kms, found.settings.kms_key_id, found.tables.credentials)


def _provider(slug: str, cards: str) -> Json:
    fields = {"instanceUrl": "$.instance_url"} if slug == CRM else {}
    base_url = "{{instanceUrl}}/v1" if slug == CRM else "{{baseUrl}}"
    auth = {
        **AUTH,
        "tokenUrl": "{{idUrl}}/token",
        "authorizationUrl": "{{idUrl}}/authorize",
        "authorizationParams": {"access_type": "offline"},
        "tokenFields": {"fields": fields},
    }
    settings = {
        "type": "object",
        "properties": {
            "baseUrl": {"type": "string", "default": "https://api.example.com"},
            "idUrl": {"type": "string", "default": ID},
        },
        "additionalProperties": False,
    }
    endpoint = {"id": "contacts", "name": "Contacts", "method": "GET", "path": "/contacts"}
    reading = {"responseMapping": {"dataPath": "$.items", "identifierField": "$.id"}}
    connector = {
        "name": slug,
        "displayName": slug,
        "integrationType": "rest_api",
        "baseUrl": base_url,
        "endpoints": [{**endpoint, **reading}],
    }
    words = {"displayName": f"The {slug}", "description": None, "category": "crm", "version": "1.0.0", "name": slug}
    lists: Json = {name: [] for name in ("capabilities", "supportedSyncDirections", "searchableEntities")}
    flags = dict.fromkeys("Realtime Webhooks Notifications Batch Search".split(), False)
    return {
        "provider": slug,
        **words,
        **lists,
        **{f"supports{name}": value for name, value in flags.items()},
        "status": "active",
        "audience": "tenant",
        "requiresUserScoping": False,
        "isPremium": False,
        "aliases": {"cards": cards},
        "configSchema": settings,
        "connector": connector,
        "methods": [{"kind": "oauth2", "auth": auth, "fields": []}],
    }


def enabled(hub: Hub, slug: str = CRM, **fields: Any) -> str:
    """Return the id of an integration of a provider, which waits for its credentials."""
    tables, integration_id = resources().tables, f"int_{secrets.token_hex(8)}"
    settings = json.dumps(fields.pop("settings", {}))
    item = {
        **key(Tenant(hub.tenant), integrations.KIND, integration_id),
        **dict.fromkeys("description icon createdBy updatedBy".split(), "u1"),
        **dict.fromkeys(("createdAt", "updatedAt"), "2026-01-01T00:00:00.000Z"),
        "providerId": slug,
        "provider": slug,
        "category": "crm",
        "name": "The CRM",
        "authKind": "oauth2",
        "integrationType": "rest_api",
        "status": "pending_auth",
        "environment": "PRODUCTION",
        "settings": settings,
        "surface": "tenant",
        "owner": "tenant",
        "uniqueName": f"integration#tenant#{integration_id}",
        "retryEnabled": True,
        "storedSecrets": [],
        "missingSecrets": [],
        "version": 1,
        **fields,
    }
    tables.write(Put(tables.config, item))
    return integration_id


def allow(hub: Hub, *origins: str) -> None:
    """Let browsers of the tenant return to these origins."""
    item = {**place_of(Tenant(hub.tenant)), "returnOrigins": list(origins), "plans": [], "version": 1}
    tables = resources().tables
    tables.write(Put(tables.config, item))


# ---------------------------------------------------------------- a flow


def begin(hub: Hub, integration_id: str, return_url: str | None = None, **options: Any) -> Json:
    """Return `{authorizationUrl, state}` of a flow for the whole tenant."""
    body = {} if return_url is None else {"returnUrl": return_url}
    made = hub.post(f"/api/tenant/integrations/{integration_id}/connect/oauth", body, **options)
    assert made.status == 200, made.body
    started: Json = made.body
    return started


def come_back(hub: Hub, path: str, query: Mapping[str, str]) -> Answered:
    """Return what a browser is answered that the provider sent to the callback."""
    return hub.get(path, query=query, context={})


def path_of(authorization_url: str) -> str:
    """Return where the provider is asked to send the browser back to."""
    return urlsplit(dict(parse_qsl(urlsplit(authorization_url).query))["redirect_uri"]).path


def query_of(url: str) -> dict[str, str]:
    return dict(parse_qsl(urlsplit(url).query))


def connect(hub: Hub, server: AuthorizationServer, integration_id: str, return_url: str | None = None) -> Answered:
    """Go through a whole flow; return what the browser was answered at its end."""
    started = begin(hub, integration_id, return_url)
    url = started["authorizationUrl"]
    return come_back(hub, path_of(url), server.consent(url))


# ---------------------------------------------------------------- what is stored


def integration(hub: Hub, integration_id: str) -> Item:
    found = resources().tables.config.get(key(Tenant(hub.tenant), "integration", integration_id))
    assert found is not None
    return found


def connection(hub: Hub, integration_id: str, user: str = "") -> Item | None:
    owner = connections.owner_of_user(user)
    return resources().tables.config.get(connections.place_of(Tenant(hub.tenant), integration_id, owner))


def tokens(hub: Hub, name: str) -> Secrets:
    """Return the tokens of a record in clear."""
    return operators_vault().read(Tenant(hub.tenant), "token", name)


def refusals(hub: Hub) -> list[tuple[str, str]]:
    """Return the target and the reason of every refusal in the tenant's audit."""
    entries = [entry for entry in hub.audit_entries() if entry["action"] == "oauth.refused"]
    return [(entry["target"], json.loads(entry["facts"])["reason"]) for entry in entries]


def actions(hub: Hub) -> list[str]:
    return [entry["action"] for entry in hub.audit_entries()]
