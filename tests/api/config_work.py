"""Sync configurations in a test: a connector that lists and writes contacts, a scheduler that looks when told to."""

import time
from dataclasses import dataclass
from typing import Any

from hub.core.attributes import Item
from hub.core.caller import Tenant
from hub.core.resources import resources
from hub.core.tables import key
from hub.sync.configs import configs
from hub.sync.configs.scheduler import Scheduler
from tests.api.conftest import Hub, Reply
from tests.api.sync_work import Provider, Sync, connector, contacts

Json = dict[str, Any]


def endpoints() -> list[Json]:
    """Return one endpoint that lists contacts and one that writes them."""
    listed = {**connector()["endpoints"][0], "operation": "list", "entity": "contact"}
    listed["queryParams"] = [{"name": "city", "required": False}]
    written = {
        "id": "upsert",
        "name": "upsert",
        "operation": "upsert",
        "entity": "contact",
        "method": "POST",
        "path": "/contacts/batch",
        "idempotent": True,
        "batch": {
            "size": 10,
            "itemsPath": "$.inputs",
            "required": ["$.email"],
            "fieldMappings": [{"source": "$.email", "target": "email"}, {"source": "$.name", "target": "name"}],
            "results": {"match": "position", "path": "$.results", "idPath": "$.id"},
        },
    }
    return [listed, written]


@dataclass(frozen=True)
class Configs:
    """The sync configurations of one tenant."""

    hub: Hub
    sync: Sync

    @property
    def path(self) -> str:
        return f"/api/v1/teams/{self.hub.tenant}/sync-configs"

    def connect(self, name: str = "crm", **changed: Any) -> str:
        return self.sync.connect(name, **{"status": "active", "endpoints": endpoints(), **changed})

    def post(self, integration_id: str, **changed: Any) -> Reply:
        return self.hub.post(self.path, wanted(integration_id, **changed))

    def create(self, integration_id: str, **changed: Any) -> Json:
        made = self.post(integration_id, **changed)
        assert made.status == 201, made.body
        body: Json = made.body
        return body

    def get(self, config_id: str) -> Json:
        found = self.hub.get(f"{self.path}/{config_id}")
        assert found.status == 200, found.body
        body: Json = found.body
        return body

    def patch(self, config_id: str, **changed: Any) -> Reply:
        return self.hub.call("PATCH", f"{self.path}/{config_id}", changed)

    def stored(self, config_id: str) -> Item:
        item = resources().tables.config.get(key(Tenant(self.hub.tenant), configs.KIND, config_id))
        assert item is not None
        return item

    def tick(self) -> dict[str, int]:
        """Let the scheduler look once."""
        with self.hub.cloud.running("SyncScheduler"):
            return dict(Scheduler(resources(), time.monotonic() + 30).run())

    def jobs(self, integration_id: str, **query: str) -> list[Json]:
        found = self.hub.get(f"/api/v1/integrations/{integration_id}/sync-jobs", query=query)
        assert found.status == 200, found.body
        rows: list[Json] = found.body["data"]
        return rows


def wanted(integration_id: str, **changed: Any) -> Json:
    """Return what S003's createSyncConfig sends."""
    return {
        "integrationId": integration_id,
        "enabled": True,
        "syncDirection": "pull",
        "frequency": 300_000,
        "fieldMappings": [],
        "conflictResolution": "local",
        **changed,
    }


def configs_of(hub: Hub, count: int = 5) -> Configs:
    return Configs(hub, Sync(hub, Provider(contacts(count))))
