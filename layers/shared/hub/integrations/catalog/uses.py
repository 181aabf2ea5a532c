"""Which integrations use a provider: a marker for each, written with the integration and taken out with it.

They stand in the hub's own partitions, one per provider, so that nobody has to look through all tenants.
"""

from hub.core.caller import Tenant
from hub.core.tables import Delete, Key, Put, Table, Write, hub_key

MOST_COUNTED = 1000


def added(config: Table, tenant: Tenant, slug: str, integration_id: str) -> list[Write]:
    """Return the writes for the transaction that creates or restores an integration."""
    return [Put(config, {**_place(tenant, slug, integration_id)})]


def removed(config: Table, tenant: Tenant, slug: str, integration_id: str) -> list[Write]:
    """Return the writes for the transaction that deletes an integration."""
    return [Delete(config, _place(tenant, slug, integration_id))]


def count(config: Table, slug: str) -> int:
    """Return how many integrations use the provider, MOST_COUNTED at most."""
    partition = hub_key(f"provider-use#{slug}", "")["pk"]
    return len(config.query("pk = :pk", {"pk": partition}, limit=MOST_COUNTED, fields="sk").items)


def _place(tenant: Tenant, slug: str, integration_id: str) -> Key:
    return hub_key(f"provider-use#{slug}", f"{tenant.id}#{integration_id}")
