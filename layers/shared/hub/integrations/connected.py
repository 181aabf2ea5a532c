"""An integration as calls go out for it: its definition with addresses and authentication filled in, and whose
credentials those are.

A custom integration has both in its own definition. That of a provider takes the definition from the catalogue, the
addresses from its settings, and the credentials from a connection: the tenant's, or that of one user.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from hub.core import jsontext
from hub.core.attributes import Item
from hub.core.caller import Tenant
from hub.core.errors import Conflict, HubError, IntegrationNotFound, Unavailable
from hub.core.tables import Key, Table, key
from hub.integrations import custom, resolved, versions
from hub.integrations.catalog import providers
from hub.integrations.catalog.providers import OpensSecrets, ProviderEntry
from hub.integrations.connections import connections, methods
from hub.integrations.connections.clients import client_of, with_client
from hub.integrations.connections.connections import TENANT
from hub.integrations.connections.reasons import (
    ACCESS_TOKEN_EXPIRED,
    ADDRESS_CHANGED,
    DISCONNECTED,
    NEVER_CONNECTED,
    REASONS,
)
from hub.integrations.custom import CustomIntegration
from hub.providers.resolve import config_values, resolve

if TYPE_CHECKING:
    from hub.connector.variables import Variables
    from hub.core.vault import Secrets, Vault
    from hub.integrations.connections.marks import Marks
    from hub.integrations.tokens import Source
    from hub.outbound.retry import Sender

Json = dict[str, Any]

# Of a definition only its authentication.
NO_CALLS: Json = {"endpoints": []}
NO_AUTH: Json = {"kind": "none", "auth": {"type": "none"}, "fields": []}


@dataclass(frozen=True)
class Connected:
    """`found.connector["definition"]` is the resolved text; it cannot be called while there is a `fault`.

    `settings` are what the texts of a definition call settings: the connection's fields, then the settings with their
    defaults. `connection` is None for a custom integration, for a provider that wants no credentials, and before the
    first connecting.
    """

    found: CustomIntegration
    settings: Json
    connection: Item | None = None
    entry: ProviderEntry | None = None
    method: Json | None = None
    owner: str = TENANT
    fault: HubError | None = None

    @property
    def id(self) -> str:
        return self.found.id

    @property
    def tenant(self) -> Tenant:
        return Tenant.of_item(self.found.integration)

    @property
    def integration(self) -> Item:
        return self.found.integration

    @property
    def definition_text(self) -> str:
        text: str = self.found.connector["definition"]
        return text


def load(config: Table, tenant: Tenant, integration_id: str, *, user: str = "", is_shared: bool = False) -> Connected:
    """Return the integration with the connection that this caller may use; raises IntegrationNotFound.

    `user` is whose connection is meant where the integration has one for each user, "" = the tenant's. An integration
    that belongs to one user is there for nobody else. `is_shared`: the integration's own connection is meant, whether
    or not users have theirs beside it.
    """
    places = places_of(tenant, integration_id, user)
    read = {(item["pk"], item["sk"]): item for item in config.batch_get(places)}
    items = [read.get((place["pk"], place["sk"])) for place in places]
    return of_items(config, items, user=user, is_shared=is_shared)


def places_of(tenant: Tenant, integration_id: str, user: str = "") -> list[Key]:
    """Return where an integration is, its connector, and the connections that this caller may use."""
    places = [key(tenant, "integration", integration_id), key(tenant, "connector", integration_id)]
    return [*places, *(connections.place_of(tenant, integration_id, owner) for owner in _owners(user))]


def of_items(config: Table, items: Sequence[Item | None], *, user: str = "", is_shared: bool = False) -> Connected:
    """Return the integration of what was read from `places_of`, as `load` does."""
    integration, connector, *owned = items
    if integration is None or integration["status"] == "deleted":
        raise IntegrationNotFound
    if integration.get("isCustom"):
        if connector is None:
            raise IntegrationNotFound
        return Connected(CustomIntegration(integration, connector), {})
    owner = _owner(integration, user, is_shared)
    connection = dict(zip(_owners(user), owned, strict=True))[owner]
    return of_provider(providers.get(config, integration["provider"]), integration, connection, owner)


def of_connection(config: Table, connection: Item) -> Connected:
    """Return the integration as calls go out for it with this connection; raises IntegrationNotFound.

    For who works on a connection on nobody's behalf: a worker that renews its token.
    """
    tenant, user = Tenant.of_item(connection), connections.user_of(connection["owner"])
    return load(config, tenant, connection["integrationId"], user=user)


def of_provider(entry: ProviderEntry, integration: Item, connection: Item | None, owner: str = TENANT) -> Connected:
    """Return an integration of a provider whose parts were read already."""
    fields = connections.fields_of(connection)
    settings = config_values(entry.config_schema, jsontext.load(integration.get("settings") or "{}"))
    method = method_of(entry, connection)
    values = {**fields, **settings}
    client_id, _ = client_of(entry, method, fields, settings)
    text, fault = resolved.text_of(entry, with_client(method, client_id), values, integration)
    connector = {"sk": entry.id, "definition": text, "version": entry.connector_item["version"]}
    found = CustomIntegration(integration, connector)
    return Connected(found, values, connection, entry, method, owner, fault)


def method_of(entry: ProviderEntry, connection: Item | None) -> Json:
    """Return the method that the connection was made with, as the present catalogue describes it.

    Without a connection: none, which is what a provider that needs no credentials is called with.
    """
    if connection is None:
        return NO_AUTH
    methods, index = entry.methods, connection["methodIndex"]
    candidates = [*methods[index : index + 1], *methods]
    return next((method for method in candidates if method["kind"] == connection["method"]), NO_AUTH)


def at_version(config: Table, found: Connected, version: int) -> Connected:
    """Return the integration as that version of its connector defines it; raises NotFound, BadDefinition."""
    if found.entry is None:
        return replace(found, found=versions.at(config, found.found, version))
    if version == found.found.connector["version"]:
        return found
    entry = providers.at_version(config, found.entry, version)
    return of_provider(entry, found.integration, found.connection, found.owner)


def needs_connection(entry: ProviderEntry) -> bool:
    """Say whether calls need credentials."""
    return all(method["kind"] != "none" for method in entry.methods) and bool(entry.methods)


def refusal_of(found: Connected) -> tuple[str, str] | None:
    """Return why calls cannot go out with these credentials, `(reason, message)`; None where they can.

    An expired connection may be tried: whether the provider still refuses it is what a test wants to know.
    """
    connection = found.connection
    if found.entry is None:
        return None
    if connection is None or connection["status"] == "revoked":
        reason = NEVER_CONNECTED if connection is None else str(connection.get("reason", DISCONNECTED))
        return (reason, advice_on(reason)) if connection is not None or needs_connection(found.entry) else None
    if not destinations(found) <= set(connection["boundTo"]):
        return ADDRESS_CHANGED, advice_on(ADDRESS_CHANGED)
    return None


def must_be_usable(found: Connected) -> None:
    """Refuse to call out where that cannot work; raises Conflict or BadDefinition with what to do.

    A secret goes nowhere but to the origins that it was entered for: another address is refused here, before any
    secret is read.
    """
    custom.must_not_be_paused(found.found)
    must_be_sendable(found)
    connection = found.connection
    if connection is not None and connections.status_of(connection) == "expired":
        reason = str(connection.get("reason") or ACCESS_TOKEN_EXPIRED)
        raise Conflict(advice_on(reason), reason=reason, connectionId=connection["sk"])


def must_be_sendable(found: Connected) -> None:
    """Refuse what must never be sent, and what cannot be: no credentials, another address, an unfinished definition."""
    if found.entry is None:
        custom.must_have_secrets(found.found)
        return
    refused = refusal_of(found)
    if refused is not None:
        reason, message = refused
        raise Conflict(message, reason=reason, connectionId=found.connection["sk"] if found.connection else None)
    if found.fault is not None:
        raise found.fault


def destinations(found: Connected) -> frozenset[str]:
    """Return the origins that calls for this integration, and for its tokens, go to."""
    return resolved.destinations_of(found.definition_text)


def secrets_of(config: Table, vault: OpensSecrets, found: Connected) -> "Secrets":
    """Return the secrets in clear that calls need; raises Unavailable where they were changed since `found` was read.

    Read one after the other, the connection could name the old address and the vault hold the secret of the new one.
    """
    from hub.core.vault import Secrets

    if found.entry is None:
        return versions.secrets_of(config, vault, found.found)
    connection = found.connection
    if connection is None:
        return Secrets()
    secrets = Secrets()
    if connection["secretsVersion"]:
        _must_be_bound(found, client_origins(found) if _is_granted(found) else destinations(found))
        secrets = vault.read(found.tenant, connections.KIND, connection["sk"])
        if secrets.version != connection["secretsVersion"]:
            raise Unavailable("The integration is being connected at this moment; the same call may succeed at once.")
    if uses_operators_client(found):
        client = providers.client_secret(vault, found.entry)
        return Secrets({**client, **secrets}, secrets.version, {**client.versions, **secrets.versions})
    return secrets


def token_source_of(
    vault: "Vault",
    client: "Sender",
    found: Connected,
    secrets: "Secrets",
    *,
    marks: "Marks | None" = None,
    wait_s: float | None = None,
) -> "Source | None":
    """Return where the access tokens of one run come from; None where calls need none.

    `marks` notes on the connection that the provider refuses to renew, and that it does so again.
    """
    from hub.integrations.plans import definition_of  # the connector's models, and the token protocol
    from hub.integrations.tokens import WAIT_S, TokenStore

    auth = definition_of(found.definition_text).auth
    if auth is None or auth.type != "oauth2":
        return None
    store = TokenStore(vault, client, wait_s=WAIT_S if wait_s is None else wait_s)
    if found.connection is None:
        return store.source(found.tenant, found.id, auth, secrets)
    if _is_granted(found):
        _must_be_bound(found, destinations(found))
    told = _Told(marks, found.tenant, found.connection) if marks else None
    return store.granted(found.tenant, connections.token_name(found.connection), auth, secrets, told)


@dataclass(frozen=True)
class _Told:
    """What a token source found, noted on the connection that it is for."""

    marks: "Marks"
    tenant: Tenant
    connection: Item

    def refused(self, reason: str, message: str) -> None:
        self.marks.noticed(self.tenant, self.connection, reason, message)

    def renewed(self, ends_s: float) -> None:
        self.marks.renewed(self.tenant, self.connection, ends_s)
        self.marks.recovered(self.tenant, self.connection)


def variables_of(found: Connected, params: Json, state: Mapping[str, Any] | None = None) -> "Variables":
    """Return what the texts of the definition may name."""
    from hub.connector.variables import Variables

    return Variables(params, found.settings, {} if state is None else state)


def has_client(found: Connected) -> bool:
    """Say whether there is an OAuth client to ask for tokens with."""
    if found.entry is None or found.method is None:
        return True
    fields = connections.fields_of(found.connection)
    return (
        "clientId" in found.method["auth"]
        or client_of(found.entry, found.method, fields, found.settings)[0] is not None
    )


def client_origins(found: Connected) -> frozenset[str]:
    """Return the origins that the secret of an OAuth client is sent to; they are known before the first grant."""
    if found.method is None:
        return frozenset()
    auth = resolve(NO_CALLS, with_client(found.method, None), found.settings)["auth"]
    return resolved.destinations_of(jsontext.dump({"auth": auth}))


def uses_operators_client(found: Connected) -> bool:
    """Say whether tokens are asked for with the operator's OAuth client and not with one of the tenant's own."""
    if found.entry is None or found.method is None:
        return False
    return client_of(found.entry, found.method, connections.fields_of(found.connection), found.settings)[1]


def entry_of(found: Connected) -> ProviderEntry:
    if found.entry is None:
        raise Conflict("A custom integration has its credentials in its own definition; change that.")
    return found.entry


def _is_granted(found: Connected) -> bool:
    return found.method is not None and methods.is_grant(found.method)


def _must_be_bound(found: Connected, sent_to: frozenset[str]) -> None:
    """Refuse to read what was entered for other origins, whoever forgot to ask before."""
    connection = found.connection
    if connection is not None and not sent_to <= set(connection["boundTo"]):
        raise Conflict(advice_on(ADDRESS_CHANGED), reason=ADDRESS_CHANGED)


def _owners(user: str) -> list[str]:
    return list(dict.fromkeys((TENANT, connections.owner_of_user(user))))


def _owner(integration: Item, user: str, is_shared: bool) -> str:
    """Return whose connection calls use; an integration of another user is not there."""
    owner, asking = str(integration.get("owner", TENANT)), connections.owner_of_user(user)
    if owner != TENANT:
        if owner != asking:
            raise IntegrationNotFound
        return owner
    return asking if integration.get("userScoped") and not is_shared else TENANT


def advice_on(reason: str) -> str:
    return f"{REASONS[reason].message} {REASONS[reason].next_step}"
