"""What is shown with an integration and stored elsewhere: its connection, and the version of a custom definition."""

from collections.abc import Iterable
from dataclasses import dataclass

from hub.core.attributes import Item
from hub.core.caller import Tenant
from hub.core.errors import IntegrationNotFound
from hub.core.tables import Key, Table, key
from hub.integrations.connections import connections
from hub.integrations.instances.integrations import KIND, TENANTS, is_visible
from hub.integrations.instances.status_words import CONNECTION_WORDS, DELETED

CUSTOM = "custom"


@dataclass(frozen=True)
class Instance:
    """An integration with the connection of its owner; `connector` is there for a custom integration alone."""

    item: Item
    connection: Item | None = None
    connector: Item | None = None

    @property
    def id(self) -> str:
        return str(self.item["sk"])

    @property
    def tenant_id(self) -> str:
        return Tenant.of_item(self.item).id

    @property
    def is_custom(self) -> bool:
        return bool(self.item.get("isCustom"))

    @property
    def provider(self) -> str:
        return CUSTOM if self.is_custom else str(self.item["provider"])

    @property
    def version(self) -> int:
        """What If-Match names: that of a custom integration is the version of its definition."""
        version: int = (self.connector or self.item)["version"]
        return version

    @property
    def connection_status(self) -> str | None:
        return CONNECTION_WORDS[self.connection["status"]] if self.connection else None

    @property
    def error(self) -> str | None:
        """Why the integration does not work; None where it does."""
        if self.item["status"] == "error" and self.item.get("lastError"):
            return str(self.item["lastError"])
        connection = self.connection or {}
        is_faulty = connection.get("status") in ("expired", "error")
        return str(connection.get("reasonMessage") or connection.get("reason")) if is_faulty else None


def load(config: Table, tenant: Tenant, integration_id: str, user: str = "") -> Instance:
    """Return an integration that this user may see, with what belongs to it: one read; raises IntegrationNotFound."""
    owners = dict.fromkeys((TENANTS, connections.owner_of_user(user)))
    places = [key(tenant, kind, integration_id) for kind in (KIND, "connector")]
    places += [connections.place_of(tenant, integration_id, owner) for owner in owners]
    found = {(each["pk"], each["sk"]): each for each in config.batch_get(places)}
    item = found.get((places[0]["pk"], places[0]["sk"]))
    if item is None or item["status"] == DELETED or not is_visible(item, user):
        raise IntegrationNotFound
    place = _place(item)
    return _with(item, found.get((place["pk"], place["sk"])))


def one(config: Table, item: Item) -> Instance:
    return many(config, [item])[0]


def many(config: Table, items: Iterable[Item]) -> list[Instance]:
    """Return a page of integrations with what belongs to them: one read for up to 100."""
    wanted = list(items)
    places = {item["sk"]: _place(item) for item in wanted}
    found = {(each["pk"], each["sk"]): each for each in config.batch_get(list(places.values()))} if places else {}
    return [_with(item, found.get((places[item["sk"]]["pk"], places[item["sk"]]["sk"]))) for item in wanted]


def _place(item: Item) -> Key:
    tenant = Tenant.of_item(item)
    if item.get("isCustom"):
        return key(tenant, "connector", item["sk"])
    return connections.place_of(tenant, item["sk"], item.get("owner", TENANTS))


def _with(item: Item, found: Item | None) -> Instance:
    return Instance(item, connector=found) if item.get("isCustom") else Instance(item, connection=found)
