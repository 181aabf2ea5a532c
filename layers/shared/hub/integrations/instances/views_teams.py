"""Integrations as the teams product (S003) writes them."""

from typing import TYPE_CHECKING, Any

from hub.core.attributes import Item
from hub.integrations.instances import lifecycle
from hub.integrations.instances.beside import Instance
from hub.integrations.instances.changing import Wish
from hub.integrations.instances.integrations import NewIntegration, teams_name
from hub.integrations.instances.settings import merged, settings_of
from hub.integrations.instances.status_words import PAUSED, TEAMS_ENABLED
from hub.integrations.instances.views_cards import credentials

if TYPE_CHECKING:
    from hub.integrations.catalog.providers import ProviderEntry
    from hub.integrations.instances.switching import Way
    from hub.integrations.instances.teams_models import NewTeamsIntegration, TeamsIntegrationPatch

Json = dict[str, Any]

TYPES = ("zapier", "slack", "rest", "graphql", "webhook")


def one(shown: Instance) -> Json:
    """Return S003's Integration, see `teams_models.TeamsIntegration`."""
    item = shown.item
    masked = {"credentials": credentials(shown.connection)} if shown.connection else {}
    return {
        "id": shown.id,
        "teamId": shown.tenant_id,
        "type": type_of(item),
        "name": item["name"],
        "enabled": TEAMS_ENABLED[item["status"]],
        "config": settings_of(item),
        **masked,
        "createdAt": item["createdAt"],
        "updatedAt": item["updatedAt"],
        "lastSyncAt": item.get("lastSyncAt"),
        "provider": shown.provider,
        "status": item["status"],
        "version": shown.version,
    }


def type_of(item: Item) -> str:
    """Return which of S003's five types an integration is: where no other fits, one of a REST API."""
    if item.get("teamsType"):
        return str(item["teamsType"])
    word = item["integrationType"].removesuffix("_api") if item.get("isCustom") else item["provider"]
    return word if word in TYPES else "rest"


def wanted(entry: "ProviderEntry", body: "NewTeamsIntegration") -> NewIntegration:
    """Return what S003's createIntegration asks for."""
    status = lifecycle.start_status(entry) if body.enabled else PAUSED
    more = {"teamsType": body.type}
    return NewIntegration("teams", body.name, teams_name(body.name), status, settings=body.config, more=more)


def wish(shown: Instance, body: "TeamsIntegrationPatch") -> Wish:
    """Return what a partial Integration changes, but for `enabled`."""
    settings = None if body.config is None else merged(settings_of(shown.item), body.config)
    return Wish({} if body.name is None else {"name": body.name}, settings, body.credentials)


def way(shown: Instance, body: "TeamsIntegrationPatch") -> "Way | None":
    """Return which way `enabled` switches the integration."""
    if body.enabled is None or body.enabled == TEAMS_ENABLED[shown.item["status"]]:
        return None
    return "enable" if body.enabled else "pause"
