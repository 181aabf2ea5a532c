"""What a browser can open without a token: a provider's page for the users of a cards product, and reconnect links.

Who it speaks for says the ticket in the link. A flow that begins here ends like every other one.
"""

from collections.abc import Callable
from dataclasses import dataclass

from hub.core import jsontext
from hub.core.answers import no_content
from hub.core.attributes import Item
from hub.core.caller import Caller
from hub.core.errors import BadRequest
from hub.core.journal import Change
from hub.core.tables import ConditionFailed, Table, Tables
from hub.integrations import tenant_settings
from hub.integrations.catalog import availability, providers
from hub.integrations.catalog.providers import ProviderEntry
from hub.integrations.connections import connections
from hub.integrations.instances import integrations
from hub.integrations.instances.integrations import NewIntegration
from hub.integrations.instances.status_words import PENDING_AUTH
from hub.integrations.oauth import one_time, targets, tickets
from hub.integrations.oauth.one_time import Unusable
from hub.integrations.oauth.start import Started, Wanted, start
from hub.integrations.oauth.targets import Target
from hub.integrations.oauth.tickets import Ticket

SURFACE = "cards"
# What the cards product calls them in its addresses; every other name is the provider's own there.
NAMES = {"google": "GOOGLE_DRIVE"}
REFUSED = "This link opens nothing: it is unknown, was used, or is over. Ask for another one."


class LinkRefused(BadRequest):
    """The same whatever the cause."""

    def __init__(self) -> None:
        super().__init__(REFUSED)


@dataclass(frozen=True)
class Opened:
    """A ticket that is good as far as it was read; the flow that it begins uses it up."""

    ticket: Ticket
    item: Item


@dataclass(frozen=True)
class Door:
    """Where browsers come in; `hint` has an event that was written routed at once."""

    tables: Tables
    request_id: str
    keep_days: int
    hint: Callable[[Item], None]

    def opened(self, secret: str, provider: str = "") -> Opened:
        """Return what a ticket opens; raises LinkRefused, which is audited in the tenant that the ticket is of."""
        try:
            return Opened(*tickets.find(self.tables.coordination, secret, provider=provider))
        except Unusable as refusal:
            self._note(refusal)
            raise LinkRefused from None

    def use_up(self, opened: Opened) -> None:
        """Let the ticket open nothing any more; raises LinkRefused where somebody else was faster."""
        try:
            one_time.claim(self.tables.coordination, opened.item)
        except Unusable as refusal:
            self._note(refusal)
            raise LinkRefused from None

    def connect_own(self, entry: ProviderEntry, caller: Caller, wanted: Wanted, by: Opened | None) -> Started:
        """Begin a flow for the caller's own integration of a provider, which is made where there is none.

        Raises ProviderNotFound, Denied or Conflict for a provider that the tenant may not use.
        """
        try:
            return self._begun_own(entry, caller, wanted, by)
        except ConditionFailed:  # the integration was made by another request meanwhile; the ticket is used up
            return self._begun_own(entry, caller, wanted, None)

    def reconnect(self, opened: Opened, wanted: Wanted) -> Started:
        """Begin the flow that a reconnect link is for; raises NotFound where the connection is gone."""
        caller, con_id = opened.ticket.caller, opened.ticket.connection_id
        connection = connections.get(self.tables.config, caller.tenant, con_id)
        if connection["generation"] != opened.ticket.generation:
            self._note(Unusable("changed", opened.item))
            raise LinkRefused
        target = targets.of_connection(self.tables.config, connection)
        return self._begun(self._change(caller), target, wanted, opened)

    def _begun_own(self, entry: ProviderEntry, caller: Caller, wanted: Wanted, by: Opened | None) -> Started:
        change = self._change(caller)
        return self._begun(change, own_target(change, entry), wanted, by)

    def _begun(self, change: Change, target: Target, wanted: Wanted, by: Opened | None) -> Started:
        started = start(change, target, wanted)
        if by is not None:
            self.use_up(by)
        change.commit(no_content())
        for event in change.told:
            self.hint(event)
        return started

    def _note(self, refusal: Unusable) -> None:
        """Audit a refused link with the one who made it; one that nobody made is nobody's."""
        if refusal.item is None:
            return
        ticket = tickets.ticket_of(refusal.item)
        change = self._change(ticket.caller)
        change.audit("oauth.refused", ticket.connection_id or ticket.provider, reason=refusal.reason)
        change.commit(no_content())

    def _change(self, caller: Caller) -> Change:
        return Change(self.tables, caller, self.request_id, self.keep_days)


def provider_named(config: Table, name: str) -> ProviderEntry:
    """Return the provider that a cards address names; raises ProviderNotFound."""
    return providers.find_by_alias(config, SURFACE, NAMES.get(name, name.upper()))


def own_target(change: Change, entry: ProviderEntry) -> Target:
    """Return what the caller connects of a provider; an integration that is not there is added to the change."""
    config, caller = change.tables.config, change.caller
    unique_name, owner = integrations.cards_name(caller.user, entry.id), connections.owner_of_user(caller.user)
    item = integrations.find_unique(config, caller.tenant, unique_name)
    if item is None:
        availability.must_be_open(entry.item, tenant_settings.get(config, caller.tenant).plans)
        named = {"cardsProvider": jsontext.load(entry.item["aliases"])[SURFACE]}
        wanted = NewIntegration(SURFACE, entry.item["displayName"], unique_name, PENDING_AUTH, owner, more=named)
        item = integrations.create(change, entry, wanted)
    return targets.of_new(config, entry, item, owner)
