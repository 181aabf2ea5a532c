"""What an OAuth 2.0 flow connects: an integration, for its tenant or one user, with the words of its OAuth client.

The words are the same at the beginning and at the end of a flow, or the flow is over: a code goes only to the token
server that was asked for it.
"""

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from hub.connector.auth_config import OAuth2Auth
from hub.connector.checks import check_auth
from hub.connector.secrets import CLIENT_SECRET
from hub.connector.urls import origin
from hub.core import jsontext
from hub.core.attributes import Item
from hub.core.caller import Caller, Tenant, admins
from hub.core.errors import BadDefinition, Conflict, Problem
from hub.core.problems import parse_as
from hub.core.tables import Table
from hub.integrations import connected, plans, versions
from hub.integrations.catalog.providers import ProviderEntry
from hub.integrations.connected import Connected
from hub.integrations.connections import connections, methods
from hub.integrations.connections.clients import client_of, with_client
from hub.integrations.connections.reasons import ADDRESS_CHANGED
from hub.integrations.oauth.states import Flow
from hub.providers.resolve import resolve

if TYPE_CHECKING:
    from hub.core.vault import Secrets, Vault

ADMINS = admins("integrations:write")
NOT_YOURS = "This integration is connected for the whole tenant; an administrator can do that."


@dataclass(frozen=True)
class Target:
    """`found` has the connection as it is now; `granting` is the same as if the grant had been given already."""

    found: Connected
    granting: Connected
    auth: OAuth2Auth
    method_index: int = 0

    @property
    def owner(self) -> str:
        return self.found.owner

    @property
    def provider(self) -> str:
        """The provider's id, "" for a custom integration."""
        return self.found.entry.id if self.found.entry else ""

    @property
    def generation(self) -> int:
        return self.found.connection["generation"] if self.found.connection else 0

    @property
    def version(self) -> int:
        number: int = self.found.found.connector["version"]
        return number

    @property
    def has_operators_client(self) -> bool:
        return connected.uses_operators_client(self.granting)

    def is_that_of(self, flow: Flow) -> bool:
        """Say whether nothing of it has changed since the flow began."""
        began = (flow.provider, flow.owner, flow.method_index, flow.generation, flow.version)
        return began == (self.provider, self.owner, self.method_index, self.generation, self.version)


def of_tenant(config: Table, caller: Caller, integration_id: str) -> Target:
    """Return what an administrator connects for the whole tenant; raises IntegrationNotFound, Conflict."""
    return _target(config, connected.load(config, caller.tenant, integration_id))


def of_user(config: Table, caller: Caller, integration_id: str) -> Target:
    """Return what a user connects for themselves; raises Conflict where that is the administrators' to do."""
    found = connected.load(config, caller.tenant, integration_id, user=caller.user)
    if found.owner == connections.TENANT:
        raise Conflict(NOT_YOURS)
    return _target(config, found)


def of_caller(config: Table, caller: Caller, integration_id: str) -> Target:
    """Return what calls in the caller's name go out with: their own connection where each user has one.

    Raises Denied where it is the whole tenant's, and the caller is no administrator.
    """
    user = "" if caller.key_id else caller.user
    found = connected.load(config, caller.tenant, integration_id, user=user)
    if found.owner == connections.TENANT:
        ADMINS.admit(caller)
    return _target(config, found)


def of_new(config: Table, entry: ProviderEntry, integration: Item, owner: str) -> Target:
    """Return what an integration connects that is being made, or was found by its name."""
    connection = connections.of(config, integration, owner)
    return _of_provider(connected.of_provider(entry, integration, connection, owner))


def of_connection(config: Table, connection: Item) -> Target:
    """Return what is connected anew by a link that was made for a connection."""
    return _target(config, connected.of_connection(config, connection))


def of_flow(config: Table, flow: Flow) -> Target:
    """Return what the flow connects, as it is now; raises IntegrationNotFound, Conflict."""
    user = connections.user_of(flow.owner)
    return _target(config, connected.load(config, Tenant(flow.tenant_id), flow.integration_id, user=user))


def secrets_of(config: Table, vault: "Vault", target: Target) -> "Secrets":
    """Return the secrets in clear that its token server is asked with."""
    return connected.secrets_of(config, vault, target.granting)


def _target(config: Table, found: Connected) -> Target:
    return _of_custom(config, found) if found.entry is None else _of_provider(found)


def _of_custom(config: Table, found: Connected) -> Target:
    if CLIENT_SECRET in found.integration["missingSecrets"]:
        problems = [Problem(CLIENT_SECRET, "enter this secret")]
        raise BadDefinition("The OAuth client's secret is missing; enter it first.", problems)
    # The grant is what else may be missing.
    lenient = replace(found.found, integration={**found.integration, "missingSecrets": []})
    found = replace(found, found=versions.to_run(config, lenient))
    auth = plans.definition_of(found.definition_text).auth
    if not isinstance(auth, OAuth2Auth) or auth.grant_type != "authorization_code":
        raise Conflict(
            "The integration's definition has no auth of the type oauth2 with the grantType authorization_code."
        )
    return Target(found, found, auth)


def _of_provider(found: Connected) -> Target:
    entry = found.entry
    assert entry is not None  # noqa: S101 - a custom integration has none
    index = methods.of_grant(entry)
    granting = connected.of_provider(entry, found.integration, _as_if_granted(found, index), found.owner)
    method, fields = granting.method or connected.NO_AUTH, connections.fields_of(granting.connection)
    client_id, is_operators = client_of(entry, method, fields, granting.settings)
    if client_id is None and "clientId" not in method["auth"]:
        raise _without_client(entry)
    # Without the addresses of the calls, which the grant may be yet to tell.
    auth = parse_as(OAuth2Auth, resolve({"endpoints": []}, with_client(method, client_id), granting.settings)["auth"])
    problems = list(check_auth(auth, "rest_api"))
    if problems:
        raise BadDefinition("The settings of the integration do not fit its OAuth addresses.", problems)
    if found.connection and not is_operators and origin(auth.token_url) not in found.connection["boundTo"]:
        raise Conflict(connected.advice_on(ADDRESS_CHANGED), reason=ADDRESS_CHANGED)
    return Target(found, granting, auth, index)


def _without_client(entry: ProviderEntry) -> Conflict:
    place = f"/api/admin/integrations/{entry.item['category']}/{entry.id}"
    return Conflict(
        f"There is no OAuth client for {entry.item['displayName']}: the hub's operator sets `oauthConfig.clientId` and"
        f" `oauthConfig.clientSecret` with PATCH {place}, or you connect with a clientId and clientSecret of your own,"
        " as you must where the settings name another token server.",
        provider=entry.id,
    )


def _as_if_granted(found: Connected, index: int) -> Item:
    """Return the connection as the grant's method has it: with the tenant's own client where one was entered."""
    present, entry = found.connection, found.entry
    assert entry is not None  # noqa: S101
    method = {"method": entry.methods[index]["kind"], "methodIndex": index}
    if present is not None and present["method"] == method["method"]:
        return {**present, **method}
    return {"fields": jsontext.dump({}), "secretsVersion": 0, "boundTo": [], "status": "active", **method}
