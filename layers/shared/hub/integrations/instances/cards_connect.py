"""Connects a provider for a user of the cards product (spec S002, "Connect Integration")."""

from typing import TYPE_CHECKING

from hub.core.errors import BadDefinition, Problem, ProviderNotFound
from hub.core.tables import Table
from hub.integrations import tenant_settings
from hub.integrations.catalog import availability, providers
from hub.integrations.catalog.providers import ProviderEntry
from hub.integrations.connections import connections
from hub.integrations.instances import integrations
from hub.integrations.instances.beside import Instance
from hub.integrations.instances.changing import Wish, Writer
from hub.integrations.instances.integrations import NewIntegration
from hub.integrations.instances.status_words import PENDING_AUTH

if TYPE_CHECKING:
    from hub.integrations.connections.connection_models import CardsConnect


def connect(writer: Writer, body: "CardsConnect") -> Instance:
    """Add to the writer's change that the calling user has connected the provider; raises BadDefinition."""
    caller, config = writer.change.caller, writer.change.tables.config
    entry = provider_of(config, body.provider)
    name = integrations.cards_name(caller.user, entry.id)
    present = integrations.find_unique(config, caller.tenant, name)
    if present is not None:
        shown = Instance(present, connections.of(config, present, present["owner"]))
        return writer.update(shown, Wish(settings=body.settings, credentials=body.credentials))
    availability.must_be_open(entry.item, tenant_settings.get(config, caller.tenant).plans)
    wanted = NewIntegration(
        surface="cards",
        name=entry.item["displayName"],
        unique_name=name,
        status=PENDING_AUTH,
        owner=connections.owner_of_user(caller.user),
        settings=body.settings or {},
        more={"cardsProvider": body.provider},
    )
    return writer.create(entry, wanted, Wish(credentials=body.credentials))


def provider_of(config: Table, name: str) -> ProviderEntry:
    """Return what S002 calls `name`; raises BadDefinition for what it does not name."""
    try:
        return providers.find_by_alias(config, "cards", name)
    except ProviderNotFound:
        problem = Problem("/provider", "expected a provider of the catalogue, such as SALESFORCE or GOOGLE_DRIVE")
        raise BadDefinition("There is no such provider.", [problem]) from None
