"""Documents that were deleted here and stay at the provider, since `deletes` is keep: counted, told at the end."""

from collections.abc import Iterable, Mapping
from typing import Any

from hub.core.attributes import Item
from hub.sync import fuses
from hub.sync.push.sending import KEPT, Sending

Json = dict[str, Any]

SENT = "all changes are sent"


def progress(job: Item, found: Iterable[Sending]) -> Json:
    """Return how many a push has passed over so far; nothing where there are none."""
    count = job.get("deletesKept", 0) + sum(each.code == KEPT for each in found)
    return {"deletesKept": count} if count else {}


def message(job: Mapping[str, Any]) -> str:
    """Return the last line of a push's log."""
    count, waiting = job.get("deletesKept", 0), (job.get(fuses.THERE) or {}).get("count", 0)
    if waiting:
        return f"{SENT}; {waiting} deletions wait for an approval"
    if not count:
        return SENT
    named = "1 document" if count == 1 else f"{count} documents"
    return f"{SENT}; {named} deleted here stay at the provider: set deletes to tombstone"
