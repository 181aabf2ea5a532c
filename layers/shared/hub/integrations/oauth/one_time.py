"""Secrets that open something once: what is stored is their hash, and what they are bound to.

    item of the coordination table: kind and hash as key, facts, endsS, usedBy?, expiresEpochS

Who uses one claims it by one conditional write before anything follows from it, so of any number that come at once one
gets it. A claimed item stays for a day: whoever comes too late is told apart from one who guesses.
"""

import re
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import sha256
from typing import Any, Literal
from uuid import uuid4

from hub.core import clock
from hub.core.attributes import Item
from hub.core.clock import DAY_S
from hub.core.tables import IS_NEW, ConditionFailed, Put, Table, hub_key

SECRET_BYTES = 32
_SECRET = re.compile(r"[A-Za-z0-9_-]{43}")
_FREE_OR_OURS = "attribute_not_exists(usedBy) OR usedBy = :me"

Reason = Literal["unknown", "used", "expired", "foreign", "changed"]


class Unusable(Exception):
    """The secret opens nothing; `item` is what it once opened, where it was known."""

    def __init__(self, reason: Reason, item: Item | None = None) -> None:
        super().__init__(reason)
        self.reason: Reason = reason
        self.item = item


@dataclass(frozen=True)
class Issued:
    """A new secret, in clear, with the write that makes it count; `ends_s` is epoch seconds."""

    secret: str
    write: Put
    ends_s: float

    def __repr__(self) -> str:
        return "Issued()"


def issue(coordination: Table, kind: str, facts: Mapping[str, Any], lives_s: float) -> Issued:
    """Return a secret of 256 bits that is bound to `facts`."""
    secret, ends_s = secrets.token_urlsafe(SECRET_BYTES), clock.epoch_s() + lives_s
    item = {**facts, **_place(kind, secret), "endsS": ends_s, "expiresEpochS": int(ends_s) + DAY_S}
    return Issued(secret, Put(coordination, item, IS_NEW), ends_s)


def find(coordination: Table, kind: str, secret: str) -> Item:
    """Return the item of a secret that still counts; raises Unusable."""
    item = coordination.get(_place(kind, secret)) if _SECRET.fullmatch(secret) else None
    if item is None:
        raise Unusable("unknown")
    if "usedBy" in item:
        raise Unusable("used", item)
    if item["endsS"] <= clock.epoch_s():  # the database removes it late
        raise Unusable("expired", item)
    return item


def claim(coordination: Table, item: Item) -> None:
    """Use it up; raises Unusable where somebody else was faster.

    The SDK repeats a write whose answer was lost: the claim of the same owner is the same claim.
    """
    place = {"pk": item["pk"], "sk": item["sk"]}
    try:
        coordination.update(place, "SET usedBy = :me", {"me": uuid4().hex}, _FREE_OR_OURS)
    except ConditionFailed:
        raise Unusable("used", item) from None


def _place(kind: str, secret: str) -> dict[str, str]:
    return hub_key(kind, sha256(secret.encode()).hexdigest())
