"""An integration and its secrets as both stood at one moment, in one call.

Read one after the other, the definition could name the old address and the vault hold the secret of the new one.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from hub.core.attributes import Item
from hub.core.caller import Tenant
from hub.core.resources import Resources
from hub.core.snapshots import read
from hub.core.tables import Key, Table, key
from hub.core.vault import Secrets, Vault
from hub.integrations import connected, custom
from hub.integrations.connected import Connected
from hub.integrations.connections import connections


@dataclass(frozen=True)
class Sealed:
    """Records of the vault that were read already; they stay sealed until it is known that they may be used."""

    vault: Vault
    records: Mapping[str, Item | None]

    def read(self, tenant: Tenant, kind: str, record_id: str) -> Secrets:
        return self.read_at(key(tenant, kind, record_id))

    def read_at(self, place: Key) -> Secrets:
        name = _name(place)
        if name not in self.records:
            return self.vault.read_at(place)
        record = self.records[name]
        return Secrets() if record is None else self.vault.opened(record)


@dataclass(frozen=True)
class Together:
    """`beside` is what else was asked for."""

    config: Table
    found: Connected
    sealed: Sealed
    beside: tuple[Item | None, ...]

    def secrets_of(self, running: Connected) -> Secrets:
        """Return the secrets in clear that calls need; `running` is the integration as the version that runs has it."""
        if running.entry is None:  # they belong to the draft, whichever version runs
            return self.sealed.read(running.tenant, custom.CREDENTIALS_KIND, running.id)
        return connected.secrets_of(self.config, self.sealed, running)


def load(
    resources: Resources, vault: Vault, tenant: Tenant, integration_id: str, user: str, *beside: tuple[Table, Key]
) -> Together:
    """Return the integration with the connection that `user` may use, "" = the tenant's; raises IntegrationNotFound."""
    config, places = resources.tables.config, connected.places_of(tenant, integration_id, user)
    records = [key(tenant, custom.CREDENTIALS_KIND, integration_id)]
    records += [key(tenant, connections.KIND, place["sk"]) for place in places[2:]]
    asked = [*((config, place) for place in places), *((vault.credentials, place) for place in records)]
    items = read(resources.dynamodb, *asked, *beside)
    sealed = dict(zip(map(_name, records), items[len(places) : len(asked)], strict=True))
    found = connected.of_items(config, items[: len(places)], user=user)
    return Together(config, found, Sealed(vault, sealed), tuple(items[len(asked) :]))


def _name(place: Key) -> str:
    return f"{place['pk']} {place['sk']}"
