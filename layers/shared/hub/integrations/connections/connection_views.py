"""Connections as they are answered; none of it is a secret."""

from typing import Any

from hub.core.attributes import Item
from hub.core.caller import Tenant
from hub.integrations.connections import connections
from hub.integrations.instances.views_cards import credentials

Json = dict[str, Any]

_OPTIONAL = ("expiresAt", "lastValidatedAt", "lastRefreshedAt", "revokedAt")


def connected(connection: Item) -> Json:
    status = connections.status_of(connection)
    return {"connectionId": connection["sk"], "status": status, "connectedAt": connection["connectedAt"]}


def state(connection: Item) -> Json:
    """Return S001's connection status; `validationError` says why it does not work."""
    status = connections.status_of(connection)
    shown = {"connectionId": connection["sk"], "status": status}
    error = connection.get("reasonMessage") or connection.get("reason")
    shown |= {"validationError": error} if error and status != "active" else {}
    return {**shown, **_known(connection, ("lastValidatedAt", "expiresAt"))}


def of_user(connection: Item | None) -> Json:
    if connection is None:
        return {"connected": False}
    status = connections.status_of(connection)
    return {
        "connected": status == "active",
        "connectionId": connection["sk"],
        "status": status,
        "lastConnectedAt": connection["connectedAt"],
    }


def disconnected(connection: Item) -> Json:
    return {"success": True, "disconnectedAt": connection["revokedAt"]}


def oauth_token(connection: Item, provider: str) -> Json:
    """Return S003's ThirdPartyOAuth under the name that it gives the provider."""
    masks = connections.masks_of(connection)
    changed = max(connection["connectedAt"], connection.get("lastRefreshedAt") or "")
    return {
        "id": connection["sk"],
        "teamId": Tenant.of_item(connection).id,
        "provider": provider,
        "userId": connections.user_of(connection["owner"]),
        "accessToken": masks.get("accessToken", "****"),
        **({"refreshToken": masks["refreshToken"]} if "refreshToken" in masks else {}),
        "scopes": connection["scopes"],
        "expiresAt": connection.get("expiresAt"),
        "createdAt": connection["createdAt"],
        "updatedAt": changed,
    }


def row(connection: Item) -> Json:
    """Return one of the connections of an integration."""
    same = "integrationId provider owner method displayName since scopes connectedAt connectedBy".split()
    return {
        "id": connection["sk"],
        **{name: connection[name] for name in same},
        "status": connections.status_of(connection),
        **_known(connection, ("reason", *_OPTIONAL)),
        **({"message": connection["reasonMessage"]} if connection.get("reasonMessage") else {}),
        "credentials": credentials(connection),
    }


def _known(connection: Item, names: tuple[str, ...]) -> Json:
    return {name: connection[name] for name in names if connection.get(name) is not None}
