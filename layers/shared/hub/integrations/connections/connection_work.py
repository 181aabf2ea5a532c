"""What the connection worker does with a hint: the id of a connection is a renewal, one with a dot a revocation."""

from dataclasses import dataclass
from functools import partial

from hub.core import events
from hub.core.queues import Hint
from hub.core.resources import Resources
from hub.core.vault import Vault
from hub.integrations.connections import revocations
from hub.integrations.connections.marks import Marks
from hub.integrations.connections.renew import Renewer
from hub.integrations.connections.revoke import Revoker
from hub.outbound.retry import Sender


@dataclass(frozen=True)
class Worker:
    resources: Resources
    vault: Vault
    client: Sender

    def run(self, hint: Hint) -> None:
        """Do what the hinted item wants now; a hint that comes early, twice or late changes nothing."""
        if revocations.is_revocation(hint.id):
            Revoker(self.resources, self.vault, self.client).run(hint)
        else:
            Renewer(self.resources, self.vault, self.client, self._marks()).run(hint)

    def _marks(self) -> Marks:
        found = self.resources
        return Marks(found.tables, found.settings.retention_days, partial(events.hint, found))
