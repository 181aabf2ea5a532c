"""Notes on a connection what calls with its credentials found: refused for good, or working again.

One transaction each: the connection, the integration that it is for, and the event about it. The writes are decided
by both items as read and hold for them alone; what was found with former credentials says nothing about the present.
"""

from collections.abc import Callable
from dataclasses import dataclass

from hub.core import clock, events, logs
from hub.core.attributes import Item
from hub.core.caller import Tenant
from hub.core.expressions import setting
from hub.core.tables import CALL_FAILED, IS_UNCHANGED, ConditionFailed, Contended, Table, Tables, Update, Write, key
from hub.integrations.connections import connections
from hub.integrations.connections.reasons import REASONS

TENANTS = "tenant"
# Whoever loses a race reads again; what then still contradicts is the truth.
TRIES = 3
MAX_MESSAGE_CHARS = 500
# From what a connection may come to what: one that has ended stays so until it works again or is connected anew.
MAY_BECOME = {"expired": frozenset({"active", "error"}), "error": frozenset({"active", "error"})}


@dataclass(frozen=True)
class Marks:
    """What marking needs; `hint` has an event that was written routed at once."""

    tables: Tables
    keep_days: int
    hint: Callable[[Item], None] = lambda _event: None

    def refused(self, tenant: Tenant, connection: Item, reason: str, message: str) -> None:
        """Note why the connection does not work; a cause that passes by itself is not noted."""
        status, text = REASONS[reason].status, message[:MAX_MESSAGE_CHARS]
        if status not in MAY_BECOME:
            return
        self._settle(tenant, connection, _Refusal(status, reason, text))

    def noticed(self, tenant: Tenant, connection: Item, reason: str, message: str) -> None:
        """Do the same for who has something else to tell; that it could not be noted is in the log."""
        try:
            self.refused(tenant, connection, reason, message)
        except CALL_FAILED as error:
            logs.failure("connection.unmarked", error, tenant=tenant.id, integration_id=connection["integrationId"])

    def recovered(self, tenant: Tenant, connection: Item) -> None:
        """Note that the credentials work again; nothing is read for a connection that was known to work."""
        if connection["status"] not in ("expired", "error"):
            return
        try:
            self._settle(tenant, connection, None)
        except CALL_FAILED as error:  # the credentials work whether it is noted or not
            logs.failure("connection.unmarked", error, tenant=tenant.id, integration_id=connection["integrationId"])

    def renewed(self, tenant: Tenant, connection: Item, ends_s: float) -> None:
        """Note until when the present access token lives; a lost note is no harm, the token record is the truth."""
        sets, new = setting({"lastRefreshedAt": clock.now(), "expiresAt": clock.iso(ends_s)})
        values = {**new, "generation": connection["generation"]}
        try:
            self.tables.config.update(_place(tenant, connection), sets, values, "generation = :generation")
        except ConditionFailed:
            return
        except CALL_FAILED as error:
            logs.failure("connection.unmarked", error, tenant=tenant.id, integration_id=connection["integrationId"])

    def _settle(self, tenant: Tenant, connection: Item, refusal: "_Refusal | None") -> None:
        for _ in range(TRIES):
            present, integration = self._read(tenant, connection)
            if present is None or present["generation"] != connection["generation"]:
                return
            writes = _after(self.tables.config, present, integration, refusal)
            if not writes:
                return
            event = self._event(tenant, present, refusal)
            try:
                self.tables.write(*writes, events.write(self.tables, event))
            except (ConditionFailed, Contended):
                continue
            self.hint(event)
            logs.info("connection.marked", **_facts(tenant, present, refusal))
            return

    def _read(self, tenant: Tenant, connection: Item) -> list[Item | None]:
        config = self.tables.config
        places = _place(tenant, connection), key(tenant, "integration", connection["integrationId"])
        return self.tables.get_together(*((config, place) for place in places))

    def _event(self, tenant: Tenant, connection: Item, refusal: "_Refusal | None") -> Item:
        about = {"integrationId": connection["integrationId"]}
        if refusal is None:
            event = events.new(tenant, "integration.connected", about, self.keep_days)
        else:
            event = events.new(tenant, "integration.error", {**about, "error": refusal.message}, self.keep_days)
        user = connection["owner"].removeprefix("user:")
        return event if connection["owner"] == TENANTS else {**event, "userId": user}


@dataclass(frozen=True)
class _Refusal:
    status: str
    reason: str
    message: str


def _after(config: Table, connection: Item, integration: Item | None, refusal: _Refusal | None) -> list[Write]:
    """Return what follows for both items; nothing where it is known already."""
    if not _is_news(connection, refusal):
        return []
    decided = _of_connection(refusal)
    writes: list[Write] = [_changed(config, connection, decided, "" if refusal else "reason, reasonMessage")]
    if integration is not None and connections.is_its_only(integration, connection):
        writes += _of_integration(config, integration, refusal)
    return writes


def _is_news(connection: Item, refusal: _Refusal | None) -> bool:
    if refusal is None:
        return connection["status"] in ("expired", "error")
    is_known = connection["status"] == refusal.status and connection.get("reason") == refusal.reason
    return connection["status"] in MAY_BECOME[refusal.status] and not is_known


def _of_connection(refusal: _Refusal | None) -> Item:
    if refusal is None:
        return {"status": "active", "since": clock.now()}
    told = {"reason": refusal.reason, "reasonMessage": refusal.message}
    return {"status": refusal.status, **told, "since": clock.now()}


def _of_integration(config: Table, integration: Item, refusal: _Refusal | None) -> list[Write]:
    """Return the write on the integration: one that was switched off or deleted stays so."""
    if refusal is not None and integration["status"] in ("active", "error"):
        told = {"lastError": refusal.message, "lastErrorAt": clock.now()}
        return [_changed(config, integration, {"status": "error", **told})]
    if refusal is None and integration["status"] == "error":
        return [_changed(config, integration, {"status": "active"}, "lastError, lastErrorAt")]
    return []


def _changed(config: Table, item: Item, changed: Item, removed: str = "") -> Update:
    version = item["version"]
    sets, new = setting({**changed, "version": version + 1})
    place = {"pk": item["pk"], "sk": item["sk"]}
    removes = f" REMOVE {removed}" if removed else ""
    return Update(config, place, f"{sets}{removes}", {**new, "version_read": version}, IS_UNCHANGED)


def _place(tenant: Tenant, connection: Item) -> dict[str, str]:
    return key(tenant, "connection", connection["sk"])


def _facts(tenant: Tenant, connection: Item, refusal: _Refusal | None) -> dict[str, str | None]:
    return {
        "tenant": tenant.id,
        "integration_id": connection["integrationId"],
        "status": refusal.status if refusal else "active",
        "reason": refusal.reason if refusal else None,
    }
