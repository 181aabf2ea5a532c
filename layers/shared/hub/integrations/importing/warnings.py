"""What an import could not take over, or had to guess: told, never a failure; and what it cannot go on without."""

from typing import Any

from hub.core.errors import BadDefinition, Problem
from hub.core.problems import pointer

Json = dict[str, Any]
Place = tuple[str | int, ...]

MOST_WARNINGS = 100
GENERAL_DEPTH = 3


class Warnings:
    """Collects warnings; the same one is told once, and no more than can be read."""

    def __init__(self) -> None:
        self._messages: dict[tuple[str, str], None] = {}

    def add(self, where: Place | str, message: str) -> None:
        """Add one; `where` is a place in the body or a text such as "line 3". `message` never holds a value."""
        self._messages.setdefault((where if isinstance(where, str) else pointer(where), message))

    def listed(self) -> list[Json]:
        """Return `[{"where", "message"}]`; what concerns the whole comes first, so that it is never cut off."""
        ordered = sorted(self._messages, key=lambda each: each[0].count("/") > GENERAL_DEPTH)
        told = [{"where": where, "message": message} for where, message in ordered[:MOST_WARNINGS]]
        more = len(self._messages) - MOST_WARNINGS
        return [*told, {"where": "", "message": f"and {more} more warnings"}] if more > 0 else told


def refused(where: Place | str, message: str) -> BadDefinition:
    """Return the error for a source that cannot be read; `where` is a place in the body or its pointer."""
    place = where if isinstance(where, str) else pointer(where)
    return BadDefinition("The source cannot be imported; `details.problems` says where.", [Problem(place, message)])
