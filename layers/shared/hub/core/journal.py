"""The unit of change: a request's writes, the audit entry about them and the idempotent answer, in one transaction."""

from typing import Any

from hub.core import clock, jsontext
from hub.core.answers import Answer
from hub.core.attributes import Item
from hub.core.caller import Caller
from hub.core.clock import DAY_S
from hub.core.idempotency import Reservation
from hub.core.ids import new_id
from hub.core.tables import IS_NEW, ConditionFailed, Key, Put, Table, Tables, Write, key


class Change:
    """Collects the writes of one request; `commit` does all of them or none."""

    def __init__(
        self, tables: Tables, caller: Caller, request_id: str, keep_days: int, reservation: Reservation | None = None
    ) -> None:
        self.tables = tables
        self.caller = caller
        self.request_id = request_id
        self.keep_days = keep_days
        self._reservation = reservation
        self._writes: list[Write] = []
        self.told: list[Item] = []

    def add(self, *writes: Write) -> None:
        self._writes += writes

    def pending(self, table: Table, place: Key) -> Write | None:
        """Return what this change writes to an item, if it does: a transaction may hold one write of each."""
        return next((write for write in self._writes if write.table is table and write.place == place), None)

    def replace(self, former: Write, write: Write) -> None:
        """Let `write` stand where `former` stood."""
        self._writes = [write if each is former else each for each in self._writes]

    def audit(self, action: str, target: str, **facts: Any) -> None:
        """Record who did what to which thing; `facts` are small and never secrets."""
        entry_id = new_id("aud")
        entry = {
            **key(self.caller.tenant, "audit", entry_id),
            "id": entry_id,
            "at": clock.now(),
            "actor": self.caller.actor,
            "action": action,
            "target": target,
            "requestId": self.request_id,
            "facts": jsontext.dump(facts),
            "expiresEpochS": int(clock.epoch_s()) + self.keep_days * DAY_S,
        }
        self.add(Put(self.tables.activity, entry, IS_NEW))

    def tell(self, event_type: str, data: dict[str, Any], user: str = "") -> None:
        """Publish an event of the hub about this change; the edge has it routed once the request is answered.

        `user` is whom alone it concerns, "" = the tenant.
        """
        from hub.core import events  # queues and threads: only for who has something to tell

        event = events.new(self.caller.tenant, event_type, data, self.keep_days)
        event |= {"userId": user} if user else {}
        self.told.append(event)
        self.add(events.write(self.tables, event))

    def keep(self) -> None:
        """Write everything without an answer that a repeat would get: for what was done and then refused."""
        self.tables.write(*self._writes)

    def commit(self, answer: Answer, repeated: Answer | None = None) -> Answer:
        """Write everything and return `answer`, or the one that a twin of this request got first.

        `repeated` is what a repeat of the request is answered, where that must not be `answer`: it is stored, and a
        secret that is shown once is not.
        """
        kept = [self._reservation.keep(self.tables, repeated or answer)] if self._reservation else []
        try:
            self.tables.write(*self._writes, *kept)
        except ConditionFailed:
            twin = self._reservation.find(self.tables) if self._reservation else None
            if twin is None:
                raise
            return twin
        return answer
