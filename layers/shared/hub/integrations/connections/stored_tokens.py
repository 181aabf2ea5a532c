"""Tokens that a program stores for a user (spec S003, "OAuth Management"): an integration of the user's own, connected.

One per user and provider. Whoever may not administer the tenant stores and sees their own alone.
"""

from typing import TYPE_CHECKING, Any

from hub.core.attributes import Item
from hub.core.caller import ADMIN_ROLES, Caller
from hub.core.errors import Denied
from hub.core.tables import Table
from hub.integrations.catalog import providers
from hub.integrations.catalog.providers import ProviderEntry
from hub.integrations.connections import connections
from hub.integrations.connections.connections import ConnectionNotFound
from hub.integrations.instances import integrations

if TYPE_CHECKING:
    from hub.integrations.connections.connection_models import NewOAuthToken

Json = dict[str, Any]

SURFACE = "oauth-tokens"
# What S003 calls any system that it does not name.
CUSTOM, REST = "custom", "rest"


def must_be_own(caller: Caller, user: str) -> None:
    """Refuse tokens of another user; raises Denied. A program acts for the whole team."""
    if user != caller.user and not is_admin(caller):
        raise Denied("Tokens of another user are for an administrator of the team.")


def is_admin(caller: Caller) -> bool:
    """Say whether the caller may see and end what belongs to single users: programs act for the whole team."""
    return bool(caller.key_id or caller.roles & ADMIN_ROLES)


def provider_of(config: Table, name: str) -> ProviderEntry:
    """Return what S003 calls `name`; raises ProviderNotFound."""
    return providers.get(config, REST) if name == CUSTOM else providers.find_by_alias(config, "teams", name)


def unique_name(user: str, name: str) -> str:
    return f"integration#{SURFACE}#{user}#{name}"


def credentials(body: "NewOAuthToken") -> Json:
    found = {"accessToken": body.accessToken, "refreshToken": body.refreshToken, "expiresAt": body.expiresAt}
    return {name: value for name, value in found.items() if value is not None}


def find(config: Table, caller: Caller, user: str, name: str) -> Item:
    """Return the connection that holds a user's tokens; raises ConnectionNotFound where there is none any more."""
    integration = integrations.find_unique(config, caller.tenant, unique_name(user, name))
    found = connections.of(config, integration, integration["owner"]) if integration else None
    if found is None or found["status"] == "revoked":
        raise ConnectionNotFound
    return found


def get(config: Table, caller: Caller, con_id: str) -> tuple[Item, Item]:
    """Return a user's stored tokens by their id, connection and integration; raises ConnectionNotFound."""
    connection = connections.get(config, caller.tenant, con_id)
    owner = connections.user_of(connection["owner"])
    if not owner or connection["status"] == "revoked" or not (is_admin(caller) or owner == caller.user):
        raise ConnectionNotFound
    return connection, integrations.get(config, caller.tenant, connection["integrationId"], user=owner)


def name_of(integration: Item) -> str:
    """Return what S003 calls the provider of stored tokens."""
    return str(integration.get("oauthProvider") or integration["provider"])
