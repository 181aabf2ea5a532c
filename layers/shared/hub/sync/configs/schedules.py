"""Slots: the times at which a configuration is synced, each of them once.

A schedule is `{"everyS": 300}`, counted from the time at which it was set, or a cron expression in a time zone. A slot
is late by an offset of its own, at most a tenth of the way to the next: not everybody's sync begins on the hour.
"""

import hashlib
from dataclasses import dataclass
from math import floor
from typing import Any

from hub.core import clock
from hub.core.attributes import Item
from hub.core.caller import Tenant
from hub.sync.configs import cron

Json = dict[str, Any]

MOST_OFFSET_S = 300
OFFSET_PART = 0.1
# Missed slots are counted up to here.
MOST_MISSED = 1000


@dataclass(frozen=True)
class Schedule:
    """The slots of one configuration; `part` of 0 to 1 is how far into its slot it is late."""

    spec: Json
    anchor_s: float
    part: float

    @classmethod
    def of(cls, config: Item) -> "Schedule":
        name = f"{Tenant.of_item(config).id}/{config['sk']}"
        return cls(config["schedule"], clock.epoch_of(config["anchorAt"]), part_of(name))

    def first(self) -> float | None:
        """Return the first slot: at once for an interval, else the next time of the expression."""
        return self.anchor_s if "everyS" in self.spec else self.after(self.anchor_s)

    def after(self, epoch_s: float) -> float | None:
        """Return the first slot behind this time; None where there is none."""
        if "everyS" not in self.spec:
            return cron.cron_of(self.spec["cron"], self.spec["timeZone"]).after(epoch_s)
        every_s = self.spec["everyS"]
        return float(self.anchor_s + (floor((epoch_s - self.anchor_s) / every_s) + 1) * every_s)

    def due_at(self, slot_s: float) -> float:
        """Return when the sync of a slot begins."""
        following = self.after(slot_s)
        gap_s = MOST_OFFSET_S / OFFSET_PART if following is None else following - slot_s
        return slot_s + floor(min(gap_s * OFFSET_PART, MOST_OFFSET_S) * self.part)


@dataclass(frozen=True)
class Turn:
    """A slot that is due, the slots behind it that passed unseen, and the next one, None where there is none."""

    slot_s: float
    missed: int
    next_s: float | None


def turn(schedule: Schedule, slot_s: float, now_s: float) -> Turn:
    """Return what is due now: one sync for the slot and all that were missed, which is what catching up means."""
    missed, following = 0, schedule.after(slot_s)
    if following is not None and schedule.due_at(following) <= now_s:
        missed, following = _passed(schedule, following, now_s)
    return Turn(slot_s, missed, following)


def _passed(schedule: Schedule, first_s: float, now_s: float) -> tuple[int, float | None]:
    """Return how many slots from the first on are due, up to MOST_MISSED, and the one behind them."""
    missed, following = 0, schedule.after(now_s - MOST_OFFSET_S - 1)
    passed: float | None = first_s
    while passed is not None and schedule.due_at(passed) <= now_s and missed < MOST_MISSED:
        missed, passed = missed + 1, schedule.after(passed)
    if missed < MOST_MISSED:
        return missed, passed
    while following is not None and schedule.due_at(following) <= now_s:
        following = schedule.after(following)
    return missed, following


def part_of(name: str) -> float:
    """Return the part of 0 to 1 that a name always has."""
    return int.from_bytes(hashlib.sha256(name.encode()).digest()[:4], "big") / 2**32
