"""Whose turn it is in the lanes of deliveries, and that none stands still: whoever is done takes on the next.

A lane is not handed on by messages: each would come from the one before, and Lambda drops such chains.
"""

from threading import local

from hub.core import clock
from hub.core.attributes import Item
from hub.core.caller import Tenant
from hub.core.queues import Hint
from hub.core.tables import Tables
from hub.webhooks.deliveries import deliveries, lanes
from hub.webhooks.deliveries.lanes import Head

# The head of a lane that has waited for so long has lost its hint, or is none any more.
FORGOTTEN_S = 60.0


class LaneOrder:
    """Threads may share it; each is told whom it has made way for."""

    def __init__(self, tables: Tables) -> None:
        self._tables = tables
        self._mine = local()

    def next(self) -> Hint | None:
        """Return the delivery that may go because of what this thread did, once."""
        found: Hint | None = getattr(self._mine, "next", None)
        self._mine.next = None
        return found

    def is_head(self, delivery: Item) -> bool:
        """Say whether an ordered delivery is the next of its lane; one that has no entry there gets its own again."""
        head = self._head(delivery)
        if head is None or head.turn > delivery["turn"]:
            self._tables.write(*deliveries.rejoined(self._tables, delivery))
            return True
        if head.turn == delivery["turn"]:
            return True
        deliveries.keep(self._tables.activity, delivery, clock.epoch_s())
        if clock.epoch_s() - clock.epoch_of(head.since) > FORGOTTEN_S:
            self._remind(delivery, head)
        return False

    def leave(self, ended: Item) -> None:
        """Take a delivery that has ended out of its lane, if it is in one, and make way for the next."""
        parted = deliveries.parted(self._tables, ended)
        if parted:
            self._tables.write(*parted)
            self.make_way(ended)

    def make_way(self, delivery: Item) -> None:
        """Have the delivery taken on that is now at the head of this one's lane."""
        self._take_on(delivery, self._head(delivery))

    def _remind(self, delivery: Item, head: Head) -> None:
        """Take on a head that waits; one that is there no longer, or has ended, is taken out."""
        tenant, scope = Tenant.of_item(delivery), delivery["subscriptionId"]
        found = self._tables.activity.get(deliveries.place(tenant, scope, head.id.rpartition("/")[2]))
        if found is not None and found["state"] in deliveries.OPEN:
            self._take_on(delivery, head)
            return
        self._tables.write(lanes.left(self._tables.coordination, tenant, scope, delivery["lane"], head.turn))
        self.make_way(delivery)

    def _take_on(self, delivery: Item, head: Head | None) -> None:
        self._mine.next = Hint(Tenant.of_item(delivery), head.id) if head else None

    def _head(self, delivery: Item) -> Head | None:
        place = (Tenant.of_item(delivery), delivery["subscriptionId"], delivery["lane"])
        return lanes.head(self._tables.coordination, *place)
