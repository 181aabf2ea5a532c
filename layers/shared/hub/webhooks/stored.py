"""What endpoints and subscriptions have in common: an item of the config table with a status, JSON and secrets."""

from dataclasses import dataclass
from functools import cached_property
from typing import Any

from hub.core import jsontext
from hub.core.attributes import Item
from hub.core.caller import Tenant
from hub.webhooks.rotation import Rotation


@dataclass(frozen=True)
class Stored:
    item: Item

    @property
    def tenant(self) -> Tenant:
        return Tenant.of_item(self.item)

    @property
    def id(self) -> str:
        return str(self.item["sk"])

    @property
    def is_active(self) -> bool:
        return bool(self.item["status"] == "active")

    @property
    def is_deleted(self) -> bool:
        return bool(self.item["status"] == "deleted")

    @cached_property
    def secret_names(self) -> Rotation:
        return Rotation.of(jsontext.load(self.item["secretNames"]))

    def json(self, name: str) -> Any:
        """Return a field that is stored as JSON text; None where it is empty."""
        text = self.item.get(name) or ""
        return jsontext.load(text) if text else None
