"""Connections: the credentials of an integration and how they are doing, one per integration and owner.

An item of the config table, the same after every reconnecting:

    id, integrationId, provider, owner ("tenant" or "user:<id>"), method (kind), methodIndex, displayName,
    fields (JSON text: what is not secret), derivedNames (of fields that nobody entered),
    secretNames (places in the definition), masks (JSON text),
    status (active, expired, revoked, error), reason?, reasonMessage?, since,
    generation (one more with every new set of credentials), secretsVersion (of the record in the vault),
    boundTo (the origins that its secrets may be sent to), scopes, expiresAt?, connectedAt, connectedBy,
    lastValidatedAt?, lastRefreshedAt?, revokedAt?, createdAt, version
"""

from typing import Any

from hub.core import clock, jsontext
from hub.core.attributes import Item
from hub.core.caller import Tenant
from hub.core.errors import NotFound
from hub.core.ids import hashed_id
from hub.core.tables import Key, Table, key, partition

Json = dict[str, Any]

KIND = "connection"
TENANT = "tenant"
_USER = "user:"


class ConnectionNotFound(NotFound):
    code = "CONNECTION_NOT_FOUND"

    def __init__(self) -> None:
        super().__init__("No connection has this id in your tenant.")


def owner_of_user(user: str) -> str:
    """Return the owner that stands for a user; without one, the tenant."""
    return f"{_USER}{user}" if user else TENANT


def user_of(owner: str) -> str:
    """Return the user that an owner stands for, "" for the tenant."""
    return owner.removeprefix(_USER) if owner.startswith(_USER) else ""


def connection_id(tenant: Tenant, integration_id: str, owner: str) -> str:
    return hashed_id("con", f"{tenant.id}#{integration_id}#{owner}")


def place_of(tenant: Tenant, integration_id: str, owner: str) -> Key:
    return key(tenant, KIND, connection_id(tenant, integration_id, owner))


def get(config: Table, tenant: Tenant, con_id: str) -> Item:
    """Return the connection; raises ConnectionNotFound."""
    found = config.get(key(tenant, KIND, con_id))
    if found is None:
        raise ConnectionNotFound
    return found


def of(config: Table, integration: Item, owner: str = TENANT) -> Item | None:
    """Return the connection that an owner has of an integration."""
    return config.get(place_of(Tenant.of_item(integration), integration["sk"], owner))


def list_all(config: Table, tenant: Tenant) -> list[Item]:
    return list(config.query_all("pk = :pk", {"pk": partition(tenant, KIND)}))


def list_of(config: Table, integration: Item) -> list[Item]:
    """Return every owner's connection of an integration, that of the tenant first."""
    found = [
        item for item in list_all(config, Tenant.of_item(integration)) if item["integrationId"] == integration["sk"]
    ]
    return sorted(found, key=lambda item: (item["owner"] != TENANT, item["owner"]))


def is_its_only(integration: Item, connection: Item) -> bool:
    """Say whether the integration stands and falls with the connection: not where each of many users has their own."""
    is_of_many = bool(integration.get("userScoped")) and integration.get("owner", TENANT) == TENANT
    return not is_of_many and bool(connection["owner"] == integration.get("owner", TENANT))


def token_name(connection: Item) -> str:
    """Return the id of the token record that belongs to the present set of credentials."""
    return f"{connection['sk']}.{connection['generation']}"


def fields_of(connection: Item | None) -> Json:
    """Return what is known of a connection's credentials that is no secret, by name."""
    found: Json = jsontext.load(connection["fields"]) if connection else {}
    return found


def masks_of(connection: Item) -> dict[str, str]:
    """Return what may be shown of its secrets, by name."""
    found: dict[str, str] = jsontext.load(connection["masks"])
    return found


def status_of(connection: Item) -> str:
    """Return active, expired, revoked or error, as it is now: a token that was entered ends by itself."""
    status = str(connection["status"])
    ends = connection.get("expiresAt")
    is_over = status == "active" and connection["method"] == "access_token" and ends and ends <= clock.now()
    return "expired" if is_over else status
