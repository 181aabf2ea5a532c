"""Whose turn it is in the lanes of deliveries, and that none stands still: whoever is done makes way for the next."""

from collections.abc import Callable

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
    """`hint` has a delivery looked at now."""

    def __init__(self, tables: Tables, hint: Callable[[Hint], None]) -> None:
        self._tables, self._hint = tables, hint

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
        """Take a delivery that has ended out of its lane, if it is in one, and hint at the next."""
        parted = deliveries.parted(self._tables, ended)
        if parted:
            self._tables.write(*parted)
            self.hint_next(ended)

    def hint_next(self, delivery: Item) -> None:
        """Have the delivery sent that is now at the head of this one's lane."""
        head = self._head(delivery)
        if head is not None:
            self._hint(Hint(Tenant.of_item(delivery), head.id))

    def _remind(self, delivery: Item, head: Head) -> None:
        """Hint at a head that waits; one that is there no longer, or has ended, is taken out."""
        tenant, scope = Tenant.of_item(delivery), delivery["subscriptionId"]
        found = self._tables.activity.get(deliveries.place(tenant, scope, head.id.rpartition("/")[2]))
        if found is not None and found["state"] in deliveries.OPEN:
            self._hint(Hint(tenant, head.id))
            return
        self._tables.write(lanes.left(self._tables.coordination, tenant, scope, delivery["lane"], head.turn))
        self.hint_next(delivery)

    def _head(self, delivery: Item) -> Head | None:
        place = (Tenant.of_item(delivery), delivery["subscriptionId"], delivery["lane"])
        return lanes.head(self._tables.coordination, *place)
