"""Where the next page of a walk is: self-contained, JSON, without secrets; a sync keeps it as its checkpoint."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from hub.core.errors import BadRequest

Cursor = str | int | float
REMEMBERED = 3


@dataclass(frozen=True)
class Position:
    """`kind` is the pagination's type, which fills one of the four next fields; `pages` have been read before it.

    The kind `first` leads back to the first page, after the provider forgot the place; `restarts` counts how often.

    `last_body` and `seen` are short digests: of the last page, and of the last cursors or links, this one included.
    `anchor` is that of one further back, taken anew whenever the pages have doubled: a circle of any length comes back
    to it (R. P. Brent, "An improved Monte Carlo factorization algorithm", 1980).
    """

    kind: str
    offset: int | None = None
    page: int | None = None
    cursor: Cursor | None = None
    link: str | None = None
    pages: int = 0
    last_body: str = ""
    seen: tuple[str, ...] = ()
    restarts: int = 0
    anchor: str = ""

    @property
    def place(self) -> Cursor | None:
        places = {"offset": self.offset, "page": self.page, "cursor": self.cursor, "link": self.link}
        return {**places, "first": self.restarts}[self.kind]

    def moved(self, by: int) -> "Position":
        """Return the position of a page further on, where pages are numbered."""
        if self.kind == "offset":
            return replace(self, offset=(self.offset or 0) + by)
        return replace(self, page=(self.page or 0) + by)

    def to_json(self) -> dict[str, Any]:
        return {
            "kind": self.kind,
            self.kind: self.place,
            "pages": self.pages,
            "lastBody": self.last_body,
            "seen": list(self.seen),
            "restarts": self.restarts,
            **({"anchor": self.anchor} if self.anchor else {}),
        }

    @classmethod
    def from_json(cls, raw: Mapping[str, Any]) -> "Position":
        """Return the position that `to_json` wrote; raises BadRequest for anything else."""
        kind = str(raw.get("kind"))
        if kind not in _PLACE or not _is(raw.get(kind), _PLACE[kind]) or not _is(raw.get("pages"), (int,)):
            raise BadRequest("Expected a position of an earlier page, found something else.")
        seen, anchor = raw.get("seen", []), raw.get("anchor", "")
        if not isinstance(seen, list) or not all(
            isinstance(digest, str) for digest in [*seen, raw.get("lastBody", ""), anchor]
        ):
            raise BadRequest("Expected a position of an earlier page, found something else.")
        restarts = raw.get("restarts", 0)
        if not _is(restarts, (int,)):
            raise BadRequest("Expected a position of an earlier page, found something else.")
        place = {} if kind == "first" else {kind: raw[kind]}
        facts = {"pages": raw["pages"], "last_body": raw.get("lastBody", ""), "seen": tuple(seen), "anchor": anchor}
        return cls(kind=kind, restarts=restarts, **facts, **place)


def digest(content: bytes) -> str:
    return hashlib.blake2b(content, digest_size=8).hexdigest()


_PLACE: dict[str, tuple[type, ...]] = {
    "offset": (int,),
    "page": (int,),
    "cursor": (str, int, float),
    "link": (str,),
    "first": (int,),
}


def _is(value: Any, types: tuple[type, ...]) -> bool:
    return isinstance(value, types) and not isinstance(value, bool)
