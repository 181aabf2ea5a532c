"""The catalogue's routes in a few words; every answer is checked against its model.

Providers belong to no tenant and outlive a test: each test makes those it changes under names of its own.
"""

import itertools
from typing import Any

from moto.dynamodb.models import dynamodb_backends

from hub.core.attributes import Item
from hub.core.resources import resources
from hub.integrations.catalog import providers, seeding
from hub.integrations.catalog.catalog_models import FullProvider
from hub.integrations.catalog.seeding import Seeded
from hub.providers import provider_files
from tests.api.conftest import OF_THE_HUB, Hub, Reply

Json = dict[str, Any]

ADMIN = "/api/admin/integrations"
CANARY = "canary-client-secret-of-the-operator"
_NUMBERS = itertools.count(1)
_NAMES: set[str] = set()


def fresh(word: str = "made") -> str:
    """Return a name that no other test has."""
    name = f"{word}-{next(_NUMBERS)}"
    _NAMES.add(name)
    return name


def forget() -> None:
    """Take the providers of a test out of the cloud: moto copies whole tables for each transaction."""
    backends = [backend for regions in dynamodb_backends.values() for backend in regions.values()]
    for table in [table for backend in backends for table in backend.tables.values()]:
        for pk in [pk for pk in table.items if str(pk.value).startswith(OF_THE_HUB)]:
            own = {sk for sk in table.items[pk] if {str(sk.value), str(pk.value).rpartition("#")[2]} & _NAMES}
            table.items[pk] = {sk: kept for sk, kept in table.items[pk].items() if sk not in own}
    _NAMES.clear()


def body(slug: str, **changed: Any) -> Json:
    """Return a provider as S001's "Create Integration Provider" has it, every field given."""
    return {
        "name": "acme",
        "displayName": "Acme CRM",
        "description": "A CRM of our own",
        "category": "crm",
        "provider": slug,
        "status": "active",
        "audience": "tenant",
        "capabilities": ["contacts.list"],
        "supportedSyncDirections": ["pull"],
        "supportsRealtime": False,
        "supportsWebhooks": True,
        "supportsNotifications": False,
        "supportsSearch": True,
        "searchableEntities": ["contact"],
        "searchCapabilities": {"fullText": True, "fieldSpecific": False, "filtered": True},
        "requiresUserScoping": False,
        "authType": "oauth2",
        "oauthConfig": {
            "authorizationUrl": "https://login.acme.example/authorize",
            "tokenUrl": "https://login.acme.example/token",
            "scopes": ["read"],
        },
        "availableEntities": [{"name": "contact", "displayName": "Contact"}],
        "entityMappings": [{"entity": "contact", "shardType": "contact"}],
        "icon": "users",
        "color": "#112233",
        "version": "2.1.0",
        "isPremium": False,
        "requiredPlan": "enterprise",
        **changed,
    }


def callable_body(slug: str, **changed: Any) -> Json:
    """Return a provider with a connector: its address is a setting, its way to connect OAuth 2.0."""
    connector = {
        "name": "acme",
        "displayName": "Acme CRM",
        "integrationType": "rest_api",
        "baseUrl": "{{baseUrl}}/v1",
        "endpoints": [
            {
                "id": "list",
                "name": "list",
                "method": "GET",
                "path": "/contacts",
                "responseMapping": {"dataPath": "$.items", "identifierField": "id"},
            }
        ],
    }
    auth = {
        "type": "oauth2",
        "grantType": "authorization_code",
        "authorizationUrl": "https://login.acme.example/authorize",
        "tokenUrl": "https://login.acme.example/token",
        "scope": "read",
    }
    schema = {
        "type": "object",
        "properties": {"baseUrl": {"type": "string", "default": "https://api.acme.example"}},
        "additionalProperties": False,
    }
    own = {"connector": connector, "methods": [{"kind": "oauth2", "auth": auth}], "configSchema": schema}
    plain = {
        name: value for name, value in body(slug).items() if name not in ("authType", "oauthConfig", "requiredPlan")
    }
    return {**plain, **own, **changed}


def operator(hub: Hub, method: str, path: str, sent: Any = None, **options: Any) -> Reply:
    return hub.call(method, path, sent, **{"roles": "super_admin", **options})


def made(hub: Hub, **changed: Any) -> Json:
    """Create a provider with a connector and return it."""
    reply = operator(hub, "POST", ADMIN, callable_body(fresh(), **changed))
    assert reply.status == 201, reply.body
    return checked(reply)


def checked(reply: Reply) -> Json:
    """Return the answer, which is one that the model describes."""
    assert reply.status in (200, 201), reply.body
    FullProvider.model_validate(reply.body)
    shown: Json = reply.body
    return shown


def patch(hub: Hub, found: Json, change: Any, **options: Any) -> Reply:
    return operator(hub, "PATCH", place(found), change, **options)


def place(found: Json) -> str:
    return f"{ADMIN}/{found['category']}/{found['id']}"


def seeded() -> Seeded:
    """Bring the hub's own providers into the catalogue."""
    return seeding.seed(resources().tables, provider_files.load_all())


def item(slug: str) -> Item:
    return providers.get(resources().tables.config, slug).item
