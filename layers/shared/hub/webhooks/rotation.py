"""Which secrets of a thing count now: the present one, and those it replaced while they are still accepted.

The vault keeps each under a name of its own (`secret.3`), so that a function that cannot read secrets can rotate them.
"""

from dataclasses import dataclass
from typing import Any, Self

from hub.core import clock
from hub.core.errors import BadRequest

Json = dict[str, Any]

DEFAULT_GRACE_S = 86_400
LONGEST_GRACE_S = 604_800
# More rotations than this within the grace time end the oldest secrets early.
MOST_PREVIOUS = 3


@dataclass(frozen=True)
class Previous:
    name: str
    until: str


@dataclass(frozen=True)
class Rotation:
    """`current` and `previous` are names of fields in the vault's record; newest first."""

    current: str
    previous: tuple[Previous, ...] = ()

    @classmethod
    def first(cls, kind: str) -> Self:
        """Return the names of a new thing's secrets: `secret.1` for the kind `secret`."""
        return cls(f"{kind}.1")

    @classmethod
    def of(cls, stored: Json) -> Self:
        return cls(stored["current"], tuple(Previous(each["name"], each["until"]) for each in stored["previous"]))

    def stored(self) -> Json:
        """Return `{current, previous: [{name, until}]}`, as it stands in an item."""
        return {
            "current": self.current,
            "previous": [{"name": each.name, "until": each.until} for each in self.previous],
        }

    def rotated(self, grace_s: int) -> Self:
        """Return the names after a rotation: `current` is new, what was current counts for `grace_s` seconds more.

        0 ends all that was accepted until now: whoever asks for it knows that a secret leaked.
        """
        kind, _, number = self.current.rpartition(".")
        now = clock.epoch_s()
        replaced = (Previous(self.current, clock.iso(now + grace_s)),) if grace_s else ()
        still = tuple(each for each in self.previous if each.until > clock.iso(now)) if grace_s else ()
        return type(self)(f"{kind}.{int(number) + 1}", (*replaced, *still)[:MOST_PREVIOUS])

    def accepted(self) -> list[str]:
        """Return the names that count now, the current one first."""
        now = clock.now()
        return [self.current, *(each.name for each in self.previous if each.until > now)]

    def kept(self) -> set[str]:
        """Return the names whose secrets must stay in the vault."""
        return set(self.accepted())

    @property
    def previous_until(self) -> str | None:
        """Return until when the last replaced secret counts."""
        return self.previous[0].until if self.previous else None


def grace_in(body: Json) -> int:
    """Return `gracePeriodSeconds` of a rotation request; raises BadRequest, also where another word stands for it."""
    if unknown := sorted(body.keys() - {"gracePeriodSeconds"}):
        raise BadRequest(f"Expected `gracePeriodSeconds` or nothing, found {unknown[0][:40]!r}.")
    found = body.get("gracePeriodSeconds", DEFAULT_GRACE_S)
    if isinstance(found, bool) or not isinstance(found, int) or not 0 <= found <= LONGEST_GRACE_S:
        raise BadRequest(f"`gracePeriodSeconds` must be a whole number from 0 to {LONGEST_GRACE_S}, found {found!r}.")
    return found
