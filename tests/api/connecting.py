"""What tests of connections share: a provider with every way to connect, integrations of it, and what is stored."""

from typing import Any

from hub.core import jsontext
from hub.core.attributes import Item
from hub.core.caller import Tenant
from hub.core.resources import resources
from hub.core.tables import key
from hub.integrations.catalog import provider_writes
from hub.integrations.catalog.providers import ProviderEntry, connector_place, provider_place, version_place
from hub.integrations.connections import connections
from tests.api.conftest import Hub, Reply
from tests.api.sync_work import vault

Json = dict[str, Any]

SLUG = "desk"
KEY = "canary-api-key-that-is-long-enough"
PASSWORD = "canary-password-that-is-long-enough"
ACCESS = "canary-access-token-that-is-long-enough"
REFRESH = "canary-refresh-token-that-is-long-enough"
CLIENT_SECRET = "canary-client-secret-that-is-long-enough"
CANARIES = (KEY, PASSWORD, ACCESS, REFRESH, CLIENT_SECRET)
TENANT_PATH = "/api/tenant/integrations"


def provider_document(**changed: Any) -> Json:
    """Return a provider as a file has it; every address is a setting."""
    url = {"type": "string", "format": "uri", "maxLength": 2048}
    origins = {
        "baseUrl": "https://desk.example.com",
        "contentUrl": "https://files.example.com",
        "authUrl": "https://id.example.com",
        "revokeUrl": "https://id.example.com",
    }
    properties = {name: {**url, "default": address} for name, address in origins.items()}
    return {
        "provider": SLUG,
        "name": SLUG,
        "displayName": "Desk",
        "category": "crm",
        "status": "active",
        "audience": "tenant",
        "version": "1.0.0",
        "capabilities": [],
        "supportedSyncDirections": ["pull"],
        "availableEntities": [],
        "icon": "desk",
        "color": "#000000",
        "aliases": {"cards": "DESK", "teams": "slack"},
        "configSchema": {
            "type": "object",
            "properties": {**properties, "region": {"type": "string", "default": "eu"}, "instanceUrl": url},
            "additionalProperties": False,
        },
        "connector": connector(),
        "methods": [oauth(), *static_methods()],
        **changed,
    }


def connector(**changed: Any) -> Json:
    mapping = {"dataPath": "$.items", "identifierField": "id"}
    read = {"method": "GET", "responseMapping": mapping}
    return {
        "name": SLUG,
        "displayName": "Desk",
        "integrationType": "rest_api",
        "baseUrl": "{{baseUrl}}",
        "healthEndpoint": "me",
        "endpoints": [
            {"id": "me", "name": "me", "path": "/me", "operation": "health", **read},
            {"id": "contacts", "name": "contacts", "path": "/contacts", "operation": "list", **read},
            {"id": "files", "name": "files", "path": "/files", "baseUrl": "{{contentUrl}}", **read},
        ],
        **changed,
    }


def oauth() -> Json:
    auth = {
        "type": "oauth2",
        "grantType": "authorization_code",
        "authorizationUrl": "{{authUrl}}/authorize",
        "tokenUrl": "{{authUrl}}/token",
        "revocationUrl": "{{revokeUrl}}/revoke",
        "scope": "contacts",
    }
    return {"kind": "oauth2", "auth": auth, "fields": []}


def static_methods() -> list[Json]:
    def secret(name: str, **more: Any) -> Json:
        return {"name": name, "title": name, "secret": True, **more}

    return [
        {
            "kind": "api_key",
            "auth": {"type": "api_key", "keyName": "X-Key", "keyLocation": "header", "keyValue": "{{apiKey}}"},
            "fields": [
                secret("apiKey", pattern="^canary-|^[a-z0-9]+$"),
                {"name": "listId", "title": "List", "required": False},
            ],
        },
        {
            "kind": "basic",
            "auth": {"type": "basic", "username": "{{username}}", "password": "{{password}}"},
            "fields": [{"name": "username", "title": "User"}, secret("password", required=False)],
        },
        {
            "kind": "custom",
            "auth": {"type": "custom_headers", "headers": {"X-App": "{{appKey}}", "X-Secret": "{{appSecret}}"}},
            "fields": [secret("appKey"), secret("appSecret")],
        },
    ]


def put_provider(document: Json | None = None, **item: Any) -> ProviderEntry:
    """Store the provider in place of the one before, with a connector version of its own."""
    document = document or provider_document()
    config = resources().tables.config
    fields = {**provider_writes.stored_fields(document, has_secret=False), "adminSet": [], **item}
    made = provider_writes.new_entry(document, fields, "test", is_seeded=False)
    present = config.get(connector_place(document["provider"]))
    version = present["version"] + 1 if present else 1
    made.connector_item["version"] = version
    history = {**made.connector_item, **version_place(document["provider"], version)}
    config.batch_put([made.item, made.connector_item, history])
    return made


def with_client(client_id: str = "operator") -> None:
    """Give the provider the operator's OAuth client."""
    tables, place = resources().tables, provider_place(SLUG)
    item = tables.config.get(place)
    assert item is not None
    config = {**jsontext.load(item["oauthConfig"]), "clientId": client_id, "hasClientSecret": True}
    tables.config.batch_put([{**item, "oauthConfig": jsontext.dump(config)}])
    write = vault().store_at(place, {"/auth/clientSecret": CLIENT_SECRET})
    assert write is not None
    tables.write(write)


def create(hub: Hub, name: str = "Desk", **body: Any) -> str:
    """Return the id of a new integration of the tenant."""
    made = hub.post(TENANT_PATH, {"integrationId": SLUG, "name": name, **body})
    assert made.status == 201, made.body
    return str(made.body["id"])


def connect(hub: Hub, integration_id: str, **values: str) -> Reply:
    return hub.post(f"{TENANT_PATH}/{integration_id}/connect/custom", {"credentials": values or {"apiKey": KEY}})


def connected(hub: Hub, **values: str) -> str:
    """Return the id of an integration that was connected."""
    made = create(hub)
    answered = connect(hub, made, **values)
    assert answered.status == 200, answered.body
    return made


def integration(hub: Hub, integration_id: str) -> Item:
    item = resources().tables.config.get(key(Tenant(hub.tenant), "integration", integration_id))
    assert item is not None
    return item


def connection(hub: Hub, integration_id: str, owner: str = "tenant") -> Item:
    item = connections.of(resources().tables.config, integration(hub, integration_id), owner)
    assert item is not None
    return item


def static_record(hub: Hub, found: Item) -> Item | None:
    return resources().tables.credentials.get(key(Tenant(hub.tenant), "connection", found["sk"]))


def token_record(hub: Hub, found: Item) -> Item | None:
    return resources().tables.credentials.get(key(Tenant(hub.tenant), "token", connections.token_name(found)))


def events(hub: Hub) -> list[str]:
    """Return the types of the tenant's events, oldest first."""
    found = resources().tables.activity.query_all("pk = :pk", {"pk": f"{hub.tenant}#event"})
    return [item["type"] for item in found]


def has_canary(value: Any) -> list[str]:
    text = repr(value)
    return [canary for canary in CANARIES if canary in text]
