"""Idempotency-Key: the answer is kept in the same transaction as its effect, so there is no state in between.

A repeat finds the answer and gets it again for 24 hours; a repeat that runs at the same moment loses the transaction
and then finds it. The same key with another request is a conflict.
"""

import hashlib
from dataclasses import dataclass

from hub.core import clock, jsontext
from hub.core.answers import Answer
from hub.core.caller import Caller
from hub.core.errors import BadRequest, IdempotencyConflict
from hub.core.tables import Key, Put, Tables, key

KEPT_S = 24 * 3600
REPLAYED = {"Idempotent-Replayed": "true"}


@dataclass(frozen=True)
class Reservation:
    """One Idempotency-Key of one caller on one route, and what was asked with it."""

    place: Key
    fingerprint: str

    def find(self, tables: Tables) -> Answer | None:
        """Return the answer this request was given before, if it was."""
        kept = tables.coordination.get(self.place)
        if kept is None or kept["expiresEpochS"] <= clock.epoch_s():
            return None
        if kept["fingerprint"] != self.fingerprint:
            raise IdempotencyConflict("This Idempotency-Key was used for another request; use a new one.")
        return Answer(kept["status"], jsontext.load(kept["answer"]), REPLAYED)

    def keep(self, tables: Tables, answer: Answer) -> Put:
        now = int(clock.epoch_s())
        item = {
            **self.place,
            "fingerprint": self.fingerprint,
            "status": answer.status,
            "answer": jsontext.dump(answer.body),
            "expiresEpochS": now + KEPT_S,
        }
        # Checked here as well: DynamoDB's TTL removes an item late.
        return Put(tables.coordination, item, "attribute_not_exists(pk) OR expiresEpochS <= :now", {"now": now})


def reserve(caller: Caller, route: str, path: str, header: str, body: bytes) -> Reservation:
    if not (header.isascii() and header.isprintable() and 1 <= len(header) <= 255):
        raise BadRequest("`Idempotency-Key` must be 1 to 255 printable ASCII characters.")
    name = hashlib.sha256(f"{caller.actor}\n{route}\n{header}".encode()).hexdigest()
    fingerprint = hashlib.sha256(path.encode() + b"\n" + body).hexdigest()
    return Reservation(key(caller.tenant, "idempotency", name), fingerprint)
