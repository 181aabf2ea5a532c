"""The catalogue of providers: what can be connected, for all tenants alike.

Two items in the config table: the provider (what people see of it, its settings' schema) and its connector (definition
and ways to connect), of which every version stays. What is JSON in an answer is text in the item.
"""

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, Protocol

from hub.core import jsontext
from hub.core.attributes import Item
from hub.core.caller import Tenant
from hub.core.errors import NotFound, ProviderNotFound
from hub.core.tables import Key, Table, hub_key

if TYPE_CHECKING:
    from hub.core.vault import Secrets

Json = dict[str, Any]

KIND = "provider"


class OpensSecrets(Protocol):
    """The vault, or what was read of it together with whom the secrets belong to."""

    def read(self, tenant: Tenant, kind: str, record_id: str) -> "Secrets": ...

    def read_at(self, place: Key) -> "Secrets": ...


@dataclass(frozen=True)
class ProviderEntry:
    """The two items of one provider; `connector_item` may be an older version."""

    item: Item
    connector_item: Item

    @property
    def id(self) -> str:
        return str(self.item["sk"])

    @property
    def version(self) -> int:
        """The version of the connector."""
        number: int = self.connector_item["version"]
        return number

    @property
    def connector(self) -> Json:
        """The definition without `auth`; {} where the provider has none and its integrations cannot call."""
        connector: Json = self._definition["connector"]
        return connector

    @cached_property
    def methods(self) -> list[Json]:
        """The ways to connect; the scopes of OAuth are those that the operator chose."""
        scopes = self.oauth_config.get("scopes") if "oauthConfig.scopes" in self.item["adminSet"] else None
        return [_with_scopes(method, scopes) for method in self._definition["methods"]]

    @cached_property
    def config_schema(self) -> Json:
        schema: Json = jsontext.load(self.item["configSchema"])
        return schema

    @property
    def oauth_config(self) -> Json:
        """`{authorizationUrl?, tokenUrl?, scopes?, clientId?, hasClientSecret?}`."""
        return jsontext.load(self.item.get("oauthConfig") or "{}") or {}

    @cached_property
    def _definition(self) -> Json:
        definition: Json = jsontext.load(self.connector_item["definition"])
        return definition


def get(config: Table, slug: str) -> ProviderEntry:
    """Return a provider whatever its status and audience; raises ProviderNotFound."""
    found = {item["pk"]: item for item in config.batch_get([provider_place(slug), connector_place(slug)])}
    item, connector = found.get(provider_place("")["pk"]), found.get(connector_place("")["pk"])
    if item is None or connector is None:
        raise ProviderNotFound
    return ProviderEntry(item, connector)


def at_version(config: Table, entry: ProviderEntry, version: int) -> ProviderEntry:
    """Return the provider with that version of its connector; raises NotFound."""
    if version == entry.version:
        return entry
    found = config.get(version_place(entry.id, version))
    if found is None:
        raise NotFound("The provider has no such version.")
    return ProviderEntry(entry.item, found)


def list_all(config: Table) -> list[Item]:
    """Return the items of all providers, by their ids; a catalogue has dozens."""
    return list(config.query_all("pk = :pk", {"pk": provider_place("")["pk"]}))


def find_by_alias(config: Table, surface: str, name: str) -> ProviderEntry:
    """Return the provider that a surface (`cards`, `teams`) calls `name`; raises ProviderNotFound.

    Its own id is understood too, in any case, where the surface has a name for it.
    """
    for item in list_all(config):
        alias = jsontext.load(item["aliases"]).get(surface)
        if alias is not None and name in (alias, item["sk"], item["sk"].upper()):
            return get(config, item["sk"])
    raise ProviderNotFound


def client_secret(vault: OpensSecrets, entry: ProviderEntry) -> "Secrets":
    """Return the secret of the operator's OAuth client, by its place in a definition; {} where there is none."""
    return vault.read_at(provider_place(entry.id))


def provider_place(slug: str) -> Key:
    """Return the key of a provider; its client's secret has the same one in the table of credentials."""
    return hub_key(KIND, slug)


def connector_place(slug: str) -> Key:
    return hub_key("connector", slug)


def version_place(slug: str, version: int) -> Key:
    return hub_key(f"connector-version#{slug}", f"{version:08d}")


def _with_scopes(method: Json, scopes: list[str] | None) -> Json:
    auth = method["auth"]
    if auth.get("type") != "oauth2" or scopes is None:
        return method
    return {**method, "auth": {**auth, "scope": auth.get("scopeSeparator", " ").join(scopes)}}
