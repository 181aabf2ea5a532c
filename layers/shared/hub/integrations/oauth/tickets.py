"""Tickets: links that begin one OAuth flow in a browser, which cannot send a token of its own.

A ticket speaks for who made it, for one provider or one connection, once, and for as long as it says.
"""

from dataclasses import asdict, dataclass

from hub.core.attributes import Item
from hub.core.caller import Caller, Tenant
from hub.core.tables import Table
from hub.integrations.oauth import one_time
from hub.integrations.oauth.one_time import Issued, Unusable

KIND = "oauth-ticket"
LINK_LIVES_S = 600.0


@dataclass(frozen=True)
class Ticket:
    """What the holder of a ticket may do; either `provider` or `connection_id` is "".

    `generation` is that of the credentials it may replace: later ones are nobody's to replace with an old link.
    """

    tenant_id: str
    user: str
    key_id: str | None
    provider: str = ""
    connection_id: str = ""
    return_url: str = ""
    generation: int = 0

    @property
    def caller(self) -> Caller:
        """The one who made it, for the audit; without any role."""
        return Caller(Tenant(self.tenant_id), self.user, frozenset(), frozenset(), self.key_id)


def issue(coordination: Table, ticket: Ticket, lives_s: float) -> Issued:
    return one_time.issue(coordination, KIND, {"ticket": asdict(ticket)}, lives_s)


def find(coordination: Table, secret: str, *, provider: str = "") -> tuple[Ticket, Item]:
    """Return the ticket of a secret that still counts; raises Unusable, also for one of another provider."""
    item = one_time.find(coordination, KIND, secret)
    ticket = ticket_of(item)
    if ticket.provider != provider:
        raise Unusable("foreign", item)
    return ticket, item


def ticket_of(item: Item) -> Ticket:
    return Ticket(**item["ticket"])
