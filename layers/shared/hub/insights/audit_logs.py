"""The audit trail of a tenant: who did what to which thing, newest first."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from hub.core import jsontext
from hub.core.attributes import Item
from hub.core.caller import Tenant
from hub.core.errors import BadRequest
from hub.core.ids import time_part
from hub.core.tables import Table, partition

Json = dict[str, Any]

# So many entries are looked at for one page at the most; a rare one is found further on, by the cursor.
MOST_READ = 2000
PAGE_READ = 500
_PREFIX = "aud_"
_LONGEST = 300


@dataclass(frozen=True)
class Chosen:
    """Which entries are asked for; `action` may end in `.*` for all actions on one kind of thing."""

    actor: str | None = None
    action: str | None = None
    target: str | None = None
    since_s: float | None = None
    until_s: float | None = None

    @classmethod
    def of(cls, query: Mapping[str, str]) -> "Chosen":
        """Read the filters of a request; raises BadRequest."""
        words = {name: _word(query, name) for name in ("actor", "action", "target")}
        since_s, until_s = _time(query, "since"), _time(query, "until")
        if since_s is not None and until_s is not None and since_s > until_s:
            raise BadRequest("`since` must not be after `until`.")
        return cls(**words, since_s=since_s, until_s=until_s)

    def fits(self, entry: Item) -> bool:
        return (
            self.actor in (None, entry["actor"])
            and self.target in (None, entry["target"])
            and (self.action is None or _is_action(self.action, entry["action"]))
        )


def newest(
    activity: Table, tenant: Tenant, chosen: Chosen, limit: int, after: str | None
) -> tuple[list[Item], str | None]:
    """Return up to `limit` entries older than the position, newest first, and where to go on."""
    found: list[Item] = []
    position, read = after, 0
    while read < MOST_READ:
        page = activity.query(
            "pk = :pk AND sk BETWEEN :low AND :high", _bounds(tenant, chosen, position), limit=PAGE_READ,
            newest_first=True,
        )  # fmt: skip
        entries = [entry for entry in page.items if entry["sk"] != position]
        for entry in entries:
            is_wanted = chosen.fits(entry)
            if is_wanted and len(found) == limit:
                return found, position
            found += [entry] if is_wanted else []
            position = entry["sk"]
        read += len(page.items)
        if page.next_key is None:
            return found, None
    return found, position


def view(entry: Item) -> Json:
    """Return `{id, at, actor, action, target, requestId, facts}`."""
    shown = {name: entry[name] for name in ("id", "at", "actor", "action", "target", "requestId")}
    return {**shown, "facts": jsontext.load(entry["facts"])}


def _bounds(tenant: Tenant, chosen: Chosen, position: str | None) -> Json:
    """Return the ids between which entries of these times lie: an id begins with its time."""
    low = _PREFIX + (time_part(chosen.since_s) if chosen.since_s is not None else "")
    high = _PREFIX + (time_part(chosen.until_s) if chosen.until_s is not None else "") + "~"
    return {"pk": partition(tenant, "audit"), "low": low, "high": high if position is None else position}


def _is_action(wanted: str, found: str) -> bool:
    return found.startswith(wanted[:-1]) if wanted.endswith(".*") else found == wanted


def _word(query: Mapping[str, str], name: str) -> str | None:
    found = query.get(name)
    if found is not None and not 1 <= len(found) <= _LONGEST:
        raise BadRequest(f"`{name}` must be 1 to {_LONGEST} characters.")
    return found


def _time(query: Mapping[str, str], name: str) -> float | None:
    text = query.get(name)
    if text is None:
        return None
    try:
        at = datetime.fromisoformat(text)
        found = (at if at.tzinfo else at.replace(tzinfo=UTC)).timestamp()
    except (ValueError, OverflowError):
        found = -1.0
    if found < 0:
        raise BadRequest(f"`{name}` must be a time such as 2026-07-01T10:00:00Z, found {text[:40]!r}.")
    return found
