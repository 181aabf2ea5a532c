"""Integrations of providers that are made for the tests, and the routes about them in a few words."""

from typing import Any

from hub.core.attributes import Item
from hub.core.caller import Tenant
from hub.core.problems import parse_as
from hub.core.tables import Put, key
from hub.integrations import request_log
from hub.integrations.catalog import provider_writes
from hub.integrations.connections import connections
from hub.integrations.instances import tenant_models
from hub.providers.provider_files import ProviderFile
from tests.api.conftest import Hub, Reply
from tests.api.subscriptions import tables

Json = dict[str, Any]

TENANT, CARDS, V1 = "/api/tenant/integrations", "/integrations", "/api/v1/integrations"
CANARY = "canary-api-key-that-is-long-enough"
SCHEMA: Json = {
    "$schema": "https://json-schema.org/draft/2020-12/schema",
    "type": "object",
    "properties": {
        "baseUrl": {"type": "string", "pattern": "^https?://", "default": "https://api.acme.example.com"},
        "pageSize": {"type": "integer", "minimum": 1, "maximum": 100, "default": 50},
        "folder": {"type": "object", "properties": {"name": {"type": "string"}, "depth": {"type": "integer"}}},
    },
    "additionalProperties": False,
}
KEY_METHOD: Json = {
    "kind": "api_key",
    "auth": {"type": "api_key", "keyName": "X-Key", "keyLocation": "header", "keyValue": "{{apiKey}}"},
    "fields": [
        {"name": "apiKey", "title": "API key", "secret": True, "required": True},
        {"name": "audienceId", "title": "Audience", "required": False},
    ],
}
NO_METHOD: Json = {"kind": "none", "auth": {"type": "none"}, "fields": []}


def team(hub: Hub) -> str:
    return f"/api/v1/teams/{hub.tenant}/integrations"


def provider(slug: str = "acme", *methods: Json, **changed: Any) -> str:
    """Have a provider in the catalogue that wants an API key, unless told otherwise; return its id."""
    file = {**_file(slug), "methods": list(methods or (KEY_METHOD,)), **changed}
    document = parse_as(ProviderFile, file).document()
    fields = {**provider_writes.stored_fields(document, has_secret=False), "adminSet": []}
    made = provider_writes.new_entry(document, fields, "tests")
    for item in (made.item, made.connector_item):
        tables().write(Put(tables().config, item))
    return slug


def plain(slug: str = "plain", **changed: Any) -> str:
    """Have a provider in the catalogue that needs no credentials."""
    return provider(slug, NO_METHOD, **changed)


def _file(slug: str) -> Json:
    endpoint = {
        "id": "contacts",
        "name": "contacts",
        "method": "GET",
        "path": "/contacts",
        "responseMapping": {"dataPath": "$.items", "identifierField": "id", "targetShardTypeId": "contact"},
    }
    named = {"name": slug, "displayName": slug.title()}
    connector = {**named, "integrationType": "rest_api", "baseUrl": "{{baseUrl}}", "endpoints": [endpoint]}
    return {
        **named,
        "provider": slug,
        "category": "crm",
        "supportsSearch": True,
        "searchableEntities": ["contact", "company"],
        "icon": "https://icons.example.com/acme.png",
        "configSchema": SCHEMA,
        "connector": connector,
    }


def enabled(hub: Hub, name: str = "crm", slug: str = "", **changed: Any) -> Json:
    """Create an integration on the tenant surface."""
    body = {"integrationId": slug or provider(), "name": name, **changed}
    reply = hub.post(TENANT, body)
    assert reply.status == 201, reply.body
    tenant_models.TenantIntegration.model_validate(reply.body)
    made: Json = reply.body
    return made


def created_v1(hub: Hub, slug: str = "", **changed: Any) -> Json:
    body = {"providerId": slug or provider(), "name": "Acme", "config": {}, **changed}
    reply = hub.post(V1, body)
    assert reply.status == 201, reply.body
    made: Json = reply.body
    return made


def of_user(hub: Hub, method: str, path: str, body: Any = None, user: str = "u1", **options: Any) -> Reply:
    """Call as a user who is no administrator."""
    context = {"tenant": hub.tenant, "roles": "user", "scopes": "", "keyId": "", "user": user}
    return hub.call(method, path, body, context=context, **options)


def stored(hub: Hub, integration_id: str) -> Item:
    found = tables().config.get(key(Tenant(hub.tenant), "integration", integration_id))
    assert found is not None
    return found


def set_stored(hub: Hub, integration_id: str, **fields: Any) -> None:
    """Change the item as another part of the hub would have."""
    item = {**stored(hub, integration_id), **fields}
    tables().write(Put(tables().config, item))


def connection_of(hub: Hub, integration_id: str, owner: str = "tenant") -> Item | None:
    return tables().config.get(connections.place_of(Tenant(hub.tenant), integration_id, owner))


def logged(hub: Hub, integration_id: str, name: str, line: Json, facts: Json) -> None:
    """Store a line of the request log as its writers do."""
    tenant = Tenant(hub.tenant)
    tables().write(request_log.log_line(tables().activity, tenant, integration_id, name, line, facts, 30))


def refused(reply: Reply) -> Json:
    """Return the error of an answer without what differs from request to request."""
    error: Json = dict(reply.body["error"])
    error.pop("requestId")
    return {"status": reply.status, **error}


def pointers(reply: Reply) -> list[str]:
    return [each["pointer"] for each in reply.body["error"]["details"]["problems"]]


def patched(hub: Hub, made: Json, body: Json) -> Json:
    reply = hub.call("PATCH", f"{TENANT}/{made['id']}", body)
    assert reply.status == 200, reply.body
    changed: Json = reply.body
    return changed
