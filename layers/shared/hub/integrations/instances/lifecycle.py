"""Switching integrations on and off, deleting them and bringing them back.

A deleted integration is there for nobody and gives its name away; for 31 days it can be restored, with the credentials
that it had.
"""

from typing import TYPE_CHECKING, Any

from hub.core import clock
from hub.core.attributes import Item
from hub.core.clock import DAY_S
from hub.core.errors import Conflict
from hub.core.expressions import setting
from hub.core.journal import Change
from hub.core.tables import IS_UNCHANGED, Update
from hub.integrations.connections import connections
from hub.integrations.instances import integrations
from hub.integrations.instances.beside import Instance
from hub.integrations.instances.integrations import TENANTS
from hub.integrations.instances.status_words import ACTIVE, DELETED, ERROR, PAUSED, PENDING_AUTH

if TYPE_CHECKING:
    from hub.integrations.catalog.providers import ProviderEntry

Json = dict[str, Any]

RESTORABLE_DAYS = 31
# What the state of a connection makes of an integration that is to run.
_BY_CONNECTION = {"expired": ERROR, "error": ERROR, "revoked": PENDING_AUTH}


def start_status(entry: "ProviderEntry", otherwise: str = ACTIVE) -> str:
    """Return the status of a new integration: it waits for credentials, or is `otherwise` where it needs none."""
    return PENDING_AUTH if needs_credentials(entry) else otherwise


def needs_credentials(entry: "ProviderEntry") -> bool:
    return bool(entry.methods) and all(method["kind"] != "none" for method in entry.methods)


def readiness(shown: Instance, entry: "ProviderEntry") -> str:
    """Return the status that the integration has once it is switched on."""
    is_shared = bool(shown.item.get("userScoped")) and shown.item.get("owner", TENANTS) == TENANTS
    if is_shared or not needs_credentials(entry):
        return ACTIVE
    if shown.connection is None:
        return PENDING_AUTH
    return _BY_CONNECTION.get(shown.connection["status"], ACTIVE)


def activate(change: Change, shown: Instance, entry: "ProviderEntry") -> Item:
    """Add to `change` that the integration runs from now on; raises Conflict, with what to do, where it cannot."""
    ready = readiness(shown, entry)
    if ready != ACTIVE:
        raise _not_ready(shown)
    return _switched(change, shown.item, ACTIVE, "integration.activated")


def enable(change: Change, shown: Instance, entry: "ProviderEntry") -> Item:
    """Add to `change` that the integration is switched on: it runs, or waits for what it lacks."""
    return _switched(change, shown.item, readiness(shown, entry), "integration.activated")


def pause(change: Change, item: Item) -> Item:
    """Add to `change` that the integration is switched off; settings and credentials stay."""
    return _switched(change, item, PAUSED, "integration.deactivated")


def delete(change: Change, item: Item) -> list[Item]:
    """Add the deletion to `change`; return the connections that have no room in it, for `keeping.expire_rest`."""
    from hub.integrations.catalog import uses
    from hub.integrations.instances import keeping

    expires = expires_epoch_s()
    gone = {"status": DELETED, "statusBefore": item["status"], "deletedAt": clock.now(), "expiresEpochS": expires}
    integrations.alter(change, item, gone)
    integrations.release_name(change, item)
    change.add(*uses.removed(change.tables.config, change.caller.tenant, item["provider"], item["sk"]))
    change.audit("integration.deleted", item["sk"], name=item["name"], provider=item["provider"])
    owned = connections.list_of(change.tables.config, item)
    keeping.expire(change, owned[: keeping.MOST], expires)
    return owned[keeping.MOST :]


def restore(change: Change, item: Item) -> tuple[Item, list[Item]]:
    """Add to `change` that a deleted integration is there again; return it, and connections as `delete` does.

    Committing it raises ConditionFailed where its name was taken meanwhile.
    """
    from hub.integrations.catalog import uses
    from hub.integrations.instances import keeping

    config, version = change.tables.config, item["version"]
    back = {"status": item["statusBefore"], "version": version + 1, "updatedAt": clock.now()}
    back |= {"updatedBy": change.caller.actor}
    sets, new = setting(back)
    place = {"pk": item["pk"], "sk": item["sk"]}
    removes = f"{sets} REMOVE expiresEpochS, deletedAt, statusBefore"
    change.add(
        Update(config, place, removes, {**new, "version_read": version}, IS_UNCHANGED),
        integrations.name_claim(change, item["uniqueName"], item["sk"]),
        *uses.added(config, change.caller.tenant, item["provider"], item["sk"]),
    )
    change.audit("integration.restored", item["sk"], name=item["name"], provider=item["provider"])
    owned = connections.list_of(config, item)
    keeping.keep(change, owned[: keeping.MOST])
    return {**item, **back}, owned[keeping.MOST :]


def expires_epoch_s() -> int:
    """Return when what is deleted now cannot be restored any more."""
    return int(clock.epoch_s()) + RESTORABLE_DAYS * DAY_S


def _switched(change: Change, item: Item, status: str, action: str) -> Item:
    if item["status"] == status:
        return integrations.alter(change, item, {})
    enabled = integrations.enabling(change) if status == ACTIVE else {}
    change.audit(action, item["sk"], status=status)
    return integrations.alter(change, item, {"status": status, **enabled})


def _not_ready(shown: Instance) -> Conflict:
    """Say what has to be done before the integration can run."""
    from hub.integrations.connections.reasons import DISCONNECTED, NEVER_CONNECTED, REASONS

    connection = shown.connection
    code = NEVER_CONNECTED if connection is None else str(connection.get("reason") or DISCONNECTED)
    reason = REASONS.get(code, REASONS[DISCONNECTED])
    where = f"/api/tenant/integrations/{shown.id}/connect/"
    return Conflict(
        f"The integration cannot run yet. {reason.message} {reason.next_step}",
        reason=code,
        nextStep=f"POST {where}oauth, {where}api-key, {where}basic or {where}custom",
    )
