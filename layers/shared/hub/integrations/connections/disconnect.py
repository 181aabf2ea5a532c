"""Disconnects an integration: its secrets go, its tokens are given back to the provider, and it waits for new ones.

The tokens' record stays until the provider has been asked to revoke them; nobody uses it meanwhile.
"""

from hub.core import clock
from hub.core.attributes import Item
from hub.core.caller import Tenant
from hub.core.expressions import setting
from hub.core.journal import Change
from hub.core.tables import IS_UNCHANGED, Update, key
from hub.integrations.connections import connections, renewals, revocations
from hub.integrations.connections.connections import KIND
from hub.integrations.connections.reasons import DISCONNECTED
from hub.integrations.instances import integrations
from hub.integrations.instances.status_words import ACTIVE, ERROR, PENDING_AUTH

REVOKED = "revoked"
_EMPTY = "SET fields = :none, keys = :none, version = :next, updatedAt = :now"


def disconnect(change: Change, integration: Item, connection: Item, reason: str = DISCONNECTED) -> Item:
    """Add to the change that the connection is over; return it as it will be. One that is over already stays as it is.

    An OAuth client of the tenant's own stays for the next connecting, unless the address is another one.
    """
    if connection["status"] == REVOKED and connection.get("reason") == reason:
        return connection
    keeps_client = reason == DISCONNECTED and "clientId" in connections.fields_of(connection)
    ended = _ended(change, connection, reason, keeps_client=keeps_client)
    if connection["secretsVersion"] and not keeps_client:
        _empty(change, connection)
    if connection["method"] == "oauth2":
        change.add(revocations.due_write(change.tables.activity, connection))
    change.add(renewals.none(change.tables.activity, connection))
    if connections.is_its_only(integration, connection) and integration["status"] in (ACTIVE, ERROR):
        integrations.alter(change, integration, {"status": PENDING_AUTH})
    facts = {"integrationId": integration["sk"], "provider": connection["provider"], "reason": reason}
    change.audit("connection.disconnected", connection["sk"], owner=connection["owner"], **facts)
    return ended


def drop(change: Change, integration: Item, reason: str) -> Item | None:
    """Add to the change that the integration's own connection is over; None where there is none."""
    owner = integration.get("owner", connections.TENANT)
    connection = connections.of(change.tables.config, integration, owner)
    return None if connection is None else disconnect(change, integration, connection, reason)


def _ended(change: Change, connection: Item, reason: str, *, keeps_client: bool) -> Item:
    now = clock.now()
    changed = {
        "status": REVOKED,
        "reason": reason,
        "since": now,
        "revokedAt": now,
        "version": connection["version"] + 1,
    }
    changed |= {} if keeps_client else {"masks": "{}", "secretNames": [], "secretsVersion": 0}
    sets, new = setting(changed)
    place = {"pk": connection["pk"], "sk": connection["sk"]}
    removes = f"{sets} REMOVE reasonMessage, expiresAt"
    values = {**new, "version_read": connection["version"]}
    change.add(Update(change.tables.config, place, removes, values, IS_UNCHANGED))
    return {
        name: value for name, value in {**connection, **changed}.items() if name not in ("reasonMessage", "expiresAt")
    }


def _empty(change: Change, connection: Item) -> None:
    """Add the write that takes the secrets out of their record. It stays, so that its versions go on: a reader that
    knows an older one finds that it was changed."""
    version = connection["secretsVersion"]
    values = {"none": {}, "next": version + 1, "now": clock.now(), "version_read": version}
    place = key(Tenant.of_item(connection), KIND, connection["sk"])
    change.add(Update(change.tables.credentials, place, _EMPTY, values, IS_UNCHANGED))
