"""Stores a user's token: the integration of its own that it needs, and the connection (spec S003, storeOAuthToken)."""

from typing import TYPE_CHECKING, Any

from hub.core import jsontext
from hub.core.attributes import Item
from hub.integrations import connected
from hub.integrations.catalog.providers import ProviderEntry
from hub.integrations.connections import connections, stored_tokens
from hub.integrations.connections.connect import Desk, connect
from hub.integrations.connections.methods import Entered
from hub.integrations.instances import integrations
from hub.integrations.instances.integrations import NewIntegration
from hub.integrations.instances.settings import Checker
from hub.integrations.instances.status_words import PENDING_AUTH

if TYPE_CHECKING:
    from hub.integrations.connections.connection_models import NewOAuthToken

Json = dict[str, Any]

TOKENS = ("oauth2", "access_token")


def store(desk: Desk, body: "NewOAuthToken") -> Item:
    """Add the stored token to the change; return its connection. Raises Denied for a token of another user."""
    caller, config = desk.change.caller, desk.change.tables.config
    stored_tokens.must_be_own(caller, body.userId)
    entry = stored_tokens.provider_of(config, body.provider)
    name = stored_tokens.unique_name(body.userId, body.provider)
    integration = integrations.find_unique(config, caller.tenant, name)
    if integration is None:
        integration, connection = _created(desk, entry, body, name), None
    else:
        integration = _with_settings(desk, entry, integration, body.settings)
        connection = connections.of(config, integration, integration["owner"])
    owner = integration["owner"]
    values = stored_tokens.credentials(body)
    entered = Entered(values, TOKENS, owner, scopes=tuple(body.scopes), may_lack_address=body.settings is None)
    return connect(desk, connected.of_provider(entry, integration, connection, owner), entered)


def _created(desk: Desk, entry: ProviderEntry, body: "NewOAuthToken", name: str) -> Item:
    settings = body.settings or {}
    if body.settings is not None:
        Checker(entry, desk.guard).check(settings, {})
    wanted = NewIntegration(
        surface="teams",
        name=f"{entry.item['displayName']} of {body.userId}",
        unique_name=name,
        status=PENDING_AUTH,
        owner=connections.owner_of_user(body.userId),
        settings=settings,
        more={"oauthProvider": body.provider},
    )
    return integrations.create(desk.change, entry, wanted)


def _with_settings(desk: Desk, entry: ProviderEntry, integration: Item, settings: Json | None) -> Item:
    if settings is None:
        return integration
    Checker(entry, desk.guard).check(settings, {})
    return integrations.alter(desk.change, integration, {"settings": jsontext.dump(settings)})
