"""Switches, deletes and restores an integration with all that hangs on it: its syncs and its inbound endpoint."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from hub.core import clock
from hub.core.attributes import Item
from hub.core.errors import Conflict
from hub.core.expressions import setting
from hub.core.journal import Change
from hub.core.tables import Update
from hub.integrations import custom
from hub.integrations.custom import CustomIntegration
from hub.integrations.instances import beside, lifecycle, switching
from hub.integrations.instances.beside import Instance
from hub.integrations.instances.status_words import ACTIVE, DRAFT, PAUSED, PENDING_AUTH
from hub.sync import stop
from hub.webhooks.endpoints import following

if TYPE_CHECKING:
    from hub.core.vault import Vault
    from hub.outbound.guard import Guard

Json = dict[str, Any]


@dataclass(frozen=True)
class Ends:
    """What the ends of an integration need from the request that makes them."""

    change: Change
    vault: "Vault"
    guard: "Guard"

    def switch(self, shown: Instance, way: "switching.Way | None") -> Instance:
        """Add to the change that the integration is switched on or off; a paused one stops its syncs."""
        if way is None:
            return shown
        if shown.is_custom:
            return self._switch_custom(_custom(shown), way)
        after = switching.switched(self.change, shown, way)
        stop.stop_when_paused(self.change, shown.item, after)
        return Instance(after, shown.connection)

    def delete(self, shown: Instance) -> list[Item]:
        """Add the deletion; return the connections that `keeping.expire_rest` is to be told of once it is written."""
        stop.stop(self.change, shown.id)
        if not shown.is_custom:
            return lifecycle.delete(self.change, shown.item)
        found = _custom(shown)
        custom.delete(self.change, found)
        following.follow_deletion(self.change, found)
        return []

    def restore(self, item: Item) -> tuple[Instance, list[Item]]:
        """Add the restoring; return the integration, and connections as `delete` does for `keeping.keep_rest`."""
        if item.get("isCustom"):
            from hub.integrations.instances import restoring

            restored = restoring.restore(self.change, item)
            following.follow(self.change, self.vault, restored)
            return Instance(restored.integration, connector=restored.connector), []
        back, rest = lifecycle.restore(self.change, item)
        return beside.one(self.change.tables.config, back), rest

    def _switch_custom(self, found: CustomIntegration, way: "switching.Way") -> Instance:
        """Do what a change of `status` in the definition's own API does."""
        if way == "pause" and found.integration["status"] in (DRAFT, PENDING_AUTH):
            return self._pause_draft(found)
        from hub.integrations import define  # the connector format

        status = "inactive" if way == "pause" else "active"
        changed = define.update(self.change, self.vault, self.guard, found, {"status": status})
        if way == "activate" and changed.integration["status"] != ACTIVE:
            raise Conflict("Secrets are missing; enter them at /api/v1/custom-integrations first.")
        stop.stop_when_paused(self.change, found.integration, changed.integration)
        following.follow(self.change, self.vault, changed)
        return Instance(changed.integration, connector=changed.connector)

    def _pause_draft(self, found: CustomIntegration) -> Instance:
        """Switch off what never ran: its definition stays as it is, only its syncs by hand end."""
        fields = {"status": PAUSED, "updatedAt": clock.now(), "updatedBy": self.change.caller.actor}
        sets, new = setting(fields)
        place = {name: found.integration[name] for name in ("pk", "sk")}
        read = {"status_read": found.integration["status"]}
        config = self.change.tables.config
        self.change.add(Update(config, place, sets, {**new, **read}, "status = :status_read"))
        self.change.audit("integration.deactivated", found.id, status=PAUSED)
        paused = CustomIntegration({**found.integration, **fields}, found.connector)
        stop.stop(self.change, found.id)
        following.follow(self.change, self.vault, paused)
        return Instance(paused.integration, connector=paused.connector)


def _custom(shown: Instance) -> CustomIntegration:
    return CustomIntegration(shown.item, shown.connector or {})
