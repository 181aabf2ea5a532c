"""Sync configurations as the teams product (S003, SyncConfiguration) writes them, with what the hub knows beyond it."""

from typing import Any

from hub.core.attributes import Item
from hub.core.caller import Tenant
from hub.sync.configs import configs

Json = dict[str, Any]

_SAME = ("integrationId", "enabled", "frequency", "fieldMappings", "conflictResolution", "createdAt", "updatedAt")
_OURS = ("timeZone", "entity", "documentType", "fieldRules", "deletes", "mode", "contract", "keepRaw", "history")
_MAYBE = ("lastSyncAt", "name", "endpointId", "writeEndpointId", "userId", "nextSyncAt")
_LAST = ("lastStatus", "lastReason", "lastJobId")
_METRICS = ("attempts", "successes", "failures")


def one(config: Item) -> Json:
    """Return S003's SyncConfiguration, see `hub.sync.configs.models.SyncConfiguration`."""
    return {
        "id": config["sk"],
        "teamId": Tenant.of_item(config).id,
        "syncDirection": config["direction"],
        **{name: config[name] for name in (*_SAME, *_OURS)},
        **{name: config.get(name) for name in (*_MAYBE, *_LAST)},
        "params": configs.params_of(config),
        "metrics": {name: config[name] for name in _METRICS},
        "derived": bool(config.get("isDerived")),
        "version": config["version"],
    }
