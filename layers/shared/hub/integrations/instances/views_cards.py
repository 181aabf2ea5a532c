"""Integrations as the cards product (S002) writes them: each user's own."""

from typing import Any

from hub.core.attributes import Item
from hub.integrations.connections import connections
from hub.integrations.instances.beside import Instance
from hub.integrations.instances.status_words import CARDS

Json = dict[str, Any]


def listed(shown: Instance) -> Json:
    """Return one element of S002's list: `{id, provider, status, credentials, lastSyncAt}`."""
    return {
        "id": shown.id,
        "provider": provider_name(shown.item),
        "status": CARDS[shown.item["status"]],
        "credentials": credentials(shown.connection),
        "lastSyncAt": shown.item.get("lastSyncAt"),
    }


def connected(shown: Instance) -> Json:
    """Return what connecting answers: `{id, provider, status, credentials, createdAt}`."""
    row = listed(shown)
    return {**{name: row[name] for name in ("id", "provider", "status", "credentials")}, "createdAt": _created(shown)}


def credentials(connection: Item | None) -> Json:
    """Return the credentials under the names they were entered with: secrets masked, all else as it is."""
    if connection is None:
        return {}
    ends = {"expiresAt": connection["expiresAt"]} if connection.get("expiresAt") else {}
    derived = connection.get("derivedNames", ())
    entered = {name: value for name, value in connections.fields_of(connection).items() if name not in derived}
    return {**entered, **connections.masks_of(connection), **ends}


def provider_name(item: Item) -> str:
    """Return what S002 calls the provider, such as GOOGLE_DRIVE."""
    return str(item.get("cardsProvider") or item["provider"].replace("-", "_").upper())


def _created(shown: Instance) -> str:
    return str(shown.item["createdAt"])
