"""Brings back a deleted custom integration: its definition, its secrets and its name."""

from hub.core import clock
from hub.core.attributes import Item
from hub.core.errors import IntegrationNotFound
from hub.core.journal import Change
from hub.core.tables import IS_NEW, Key, Put, Table, Update, key
from hub.integrations import custom, versions
from hub.integrations.custom import CustomIntegration
from hub.integrations.instances.status_words import DELETED, DRAFT, PENDING_AUTH

_STAY = "REMOVE expiresEpochS"


def restore(change: Change, item: Item) -> CustomIntegration:
    """Add to `change` that a custom integration is there again, switched off, and return it.

    Committing it raises ConditionFailed where its name was taken meanwhile.
    """
    tenant, config = change.caller.tenant, change.tables.config
    connector = config.get(key(tenant, "connector", item["sk"]))
    if connector is None:
        raise IntegrationNotFound
    back = {
        "status": PENDING_AUTH if item["missingSecrets"] else DRAFT,
        "updatedAt": clock.now(),
        "updatedBy": change.caller.actor,
    }
    version = connector["version"] + 1
    restored = CustomIntegration({**item, **back}, {**connector, "version": version})
    unchanged, read = custom.is_as_read(CustomIntegration(item, connector))
    claim = {**custom.name_place(tenant, item["name"]), "holder": item["sk"], "isNameClaim": True}
    change.add(
        Update(
            config,
            key(tenant, "integration", item["sk"]),
            f"SET status = :status, updatedAt = :updatedAt, updatedBy = :updatedBy {_STAY}, deletedAt",
            {**back, "deleted": DELETED},
            "status = :deleted",
        ),
        Update(
            config, key(tenant, "connector", item["sk"]), f"SET version = :next {_STAY}", {**read, "next": version},
            unchanged,
        ),
        Put(config, claim, IS_NEW),
        versions.first(config, restored),
        *(Update(place_table, place, _STAY) for place_table, place in _kept(change, restored)),
    )  # fmt: skip
    change.audit("integration.restored", item["sk"], name=item["name"])
    return restored


def _kept(change: Change, restored: CustomIntegration) -> list[tuple[Table, Key]]:
    """Return what was to expire with the integration: the published version, the secrets and the tokens."""
    tenant, tables, published = change.caller.tenant, change.tables, versions.published(restored)
    places = [
        (tables.credentials, key(tenant, kind, restored.id)) for kind in (custom.CREDENTIALS_KIND, custom.TOKENS_KIND)
    ]
    if published is not None:
        places.append((tables.config, custom.version_place(tenant, restored.id, published)))
    return [(table, place) for table, place in places if table.get(place) is not None]
