"""Creates and changes integrations for every surface: checks, uniqueness, settings, and credentials given at once."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from hub.core import jsontext
from hub.core.attributes import Item
from hub.core.journal import Change
from hub.integrations.catalog import providers
from hub.integrations.catalog.providers import ProviderEntry
from hub.integrations.instances import integrations
from hub.integrations.instances.beside import Instance
from hub.integrations.instances.integrations import NewIntegration
from hub.integrations.instances.settings import Checker, kept, leaves_its_address, settings_of

if TYPE_CHECKING:
    from hub.core.vault import Vault
    from hub.outbound.guard import Guard

Json = dict[str, Any]

# How an integration is called for the uniqueness of the surface that created it.
_UNIQUE = {
    "tenant": lambda item: integrations.tenant_name(item["name"]),
    "teams": lambda item: integrations.teams_name(item["name"]),
    "v1": lambda item: integrations.v1_name(item["provider"], item["environment"]),
}


@dataclass(frozen=True)
class Wish:
    """What a change is to make of an integration: its whole settings (None = as they are), and fields of the item.

    `credentials` are connected with it at once; `credentials_at` is where they stand in the body.
    """

    fields: Mapping[str, Any] = field(default_factory=dict)
    settings: Json | None = None
    credentials: Mapping[str, Any] | None = field(default=None, repr=False)
    credentials_at: str = "/credentials"

    @property
    def is_empty(self) -> bool:
        return not self.fields and self.settings is None and self.credentials is None


@dataclass(frozen=True)
class Writer:
    """What creating and changing need from a request; `at` is what its surface calls the settings."""

    change: Change
    vault: "Vault"
    guard: "Guard"
    at: str = "settings"

    def create(self, entry: ProviderEntry, wanted: NewIntegration, wish: Wish) -> Instance:
        """Add a new integration, connected where credentials are given; raises BadDefinition, Conflict."""
        self._checker(entry).check(wanted.settings, wanted.more)
        item = integrations.create(self.change, entry, replace(wanted, settings=kept(entry, wanted.settings)))
        return self._connected(entry, Instance(item), wish)

    def update(self, shown: Instance, wish: Wish) -> Instance:
        """Add what is wished for; credentials that would go to another address than they were entered for are dropped.

        Raises Conflict for a custom integration, BadDefinition with every fault.
        """
        entry = self.entry_of(shown.item)
        before = shown.item
        settings = settings_of(before) if wish.settings is None else wish.settings
        self._checker(entry).check(settings, wish.fields)
        after = self._after(before, replace(wish, settings=kept(entry, settings)))
        self._rename(before, after)
        changed = Instance(integrations.alter(self.change, before, after), shown.connection)
        self._audit(before, changed.item, wish)
        if wish.credentials is not None:
            return self._connected(entry, changed, wish)
        return self._within_bounds(entry, changed)

    def entry_of(self, item: Item) -> ProviderEntry:
        integrations.must_not_be_custom(item)
        return providers.get(self.change.tables.config, item["provider"])

    def _after(self, item: Item, wish: Wish) -> Item:
        after = {**item, **wish.fields, "settings": jsontext.dump(wish.settings)}
        unique = _UNIQUE.get(item["surface"])
        return {**after, "uniqueName": unique(after)} if unique else after

    def _rename(self, before: Item, after: Item) -> None:
        if after["uniqueName"] != before["uniqueName"]:
            integrations.release_name(self.change, before)
            self.change.add(integrations.name_claim(self.change, after["uniqueName"], before["sk"]))

    def _connected(self, entry: ProviderEntry, shown: Instance, wish: Wish) -> Instance:
        if wish.credentials is None:
            return shown
        from hub.integrations import connected
        from hub.integrations.connections.connect import Desk, connect
        from hub.integrations.connections.methods import Entered

        found = connected.of_provider(entry, shown.item, shown.connection, shown.item["owner"])
        entered = Entered(wish.credentials, owner=shown.item["owner"], at=wish.credentials_at)
        connection = connect(Desk(self.change, self.vault, self.guard), found, entered)
        return Instance(integrations.as_written(self.change, shown.item), connection)

    def _within_bounds(self, entry: ProviderEntry, changed: Instance) -> Instance:
        if not leaves_its_address(entry, changed.item, changed.connection):
            return changed
        from hub.integrations.connections import disconnect

        connection = disconnect.drop(self.change, changed.item, reason="address_changed")
        return Instance(integrations.as_written(self.change, changed.item), connection)

    def _checker(self, entry: ProviderEntry) -> Checker:
        return Checker(entry, self.guard, self.at)

    def _audit(self, before: Item, after: Item, wish: Wish) -> None:
        words = sorted(name for name in {*wish.fields, "settings"} if before.get(name) != after.get(name))
        changed = [*words, "credentials"] if wish.credentials is not None else words
        self.change.audit("integration.updated", before["sk"], fields=changed, version=after["version"])
