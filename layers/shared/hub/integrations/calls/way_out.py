"""How a call on request goes out: by the rules of the integration's connector, with its connection's credentials."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Protocol

from hub import documents
from hub.connector.actions import Judge
from hub.connector.exchange import Exchange
from hub.connector.plan import Means
from hub.core.tables import Tables
from hub.core.vault import Vault
from hub.integrations import connected
from hub.integrations.calls.noticing import noticing
from hub.integrations.connected import Connected
from hub.outbound.budget import Limit, RateHeaders
from hub.outbound.retry import Sender
from hub.outbound.traffic import Traffic

if TYPE_CHECKING:
    from hub.integrations.connections.marks import Marks

# API Gateway waits for 29 s; what is left is for the answer.
LIMIT_S = 25.0
# With the token server's own 20 s still within the time of a call.
LONGEST_WAIT_S = 4.0


class Planned(Protocol):
    """What of a plan says how its calls go out, whatever they do."""

    @property
    def exchange(self) -> Exchange: ...

    @property
    def limits(self) -> tuple[Limit, ...]: ...

    @property
    def rate_headers(self) -> RateHeaders: ...


@dataclass(frozen=True)
class WayOut:
    """What calls need from the function that they are made in; `now` counts as `time.monotonic` does."""

    vault: Vault
    client: Sender
    tables: Tables
    marks: "Marks | None" = None
    now: Callable[[], float] = time.monotonic

    def means(self, found: Connected, plan: Planned, *, knows_scopes: bool = True) -> Means:
        """Return what a plan's calls go out with; raises Conflict, BadDefinition, Unavailable where they cannot."""
        connected.must_be_usable(found)
        secrets = connected.secrets_of(self.tables.config, self.vault, found)
        tokens = connected.token_source_of(
            self.vault, self.client, found, secrets, marks=self.marks, wait_s=LONGEST_WAIT_S
        )
        traffic = Traffic(self.tables.coordination, found.tenant, found.id)
        judge = Judge(self.client, plan.exchange.rules)
        regulated = traffic.regulated(judge, plan.limits, plan.rate_headers)
        return Means(
            client=noticing(regulated, found, self.marks, knows_scopes=knows_scopes),
            secrets=secrets,
            tokens=tokens,
            find_documents=partial(documents.find_many, self.tables.documents, found.tenant),
        )

    def give_up_at(self) -> float:
        return self.now() + LIMIT_S
