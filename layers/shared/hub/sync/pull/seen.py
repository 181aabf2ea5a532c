"""Which records a full sync has seen, so that it can tell which documents are gone from their source.

Each page leaves the digests of its ids, 8 bytes each, in the transaction of its checkpoint. Two ids of the same digest
would keep a document that is gone; none is ever deleted for it.
"""

from array import array
from bisect import bisect_left
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from hashlib import blake2b
from typing import Any, Self

from hub.connector.plan import Page
from hub.core.attributes import Item
from hub.core.caller import Tenant
from hub.core.errors import Conflict
from hub.core.tables import Put, Table, key, partition
from hub.sync.pull.state import State

Json = dict[str, Any]

DIGEST_BYTES = 8
PARTS = 256
# So many digests fit into an item beside everything else.
PER_ITEM = 30_000
# Ends of which the source itself said that there is nothing more. A page that came again says nothing of the kind.
NATURAL_ENDS = frozenset(
    """single_page cursor_null empty_page short_page total_reached no_next_link has_more_false done_true
    no_parents""".split()
)


def is_noted(job: Item) -> bool:
    """Say whether a job reads all there is and is to find out what is gone.

    One that goes on where another ended has not seen what that one saw.
    """
    is_whole = job["jobType"] == "FULL_SYNC" and job.get("incrementalFrom") is None and not job.get("filters")
    is_of_all = not job.get("retryOf") and not job.get("only")
    return job.get("deletes") == "tombstone" and is_whole and is_of_all


def progress(job: Item, page: Page) -> Json:
    """Return what a page says against deleting: a record without an id may be any document."""
    if not is_noted(job) or all(record.external_id for record in page.records):
        return {}
    return {"deletesOff": "a record has no id"}


def writes(activity: Table, job: Item, page: Page) -> Iterator[Put]:
    """Yield what keeps the page's ids; they go with the job."""
    if not is_noted(job):
        return
    ids = [record.external_id for record in page.records if record.external_id]
    for part, start in enumerate(range(0, len(ids), PER_ITEM)):
        place = key(Tenant.of_item(job), _kind(job["sk"]), f"{job['page']:07d}.{part:02d}")
        digests = b"".join(map(_digest, ids[start : start + PER_ITEM]))
        yield Put(activity, {**place, "digests": digests, "expiresEpochS": job["expiresEpochS"]})


def reason_against(job: Item, page: Page, state: State) -> str | None:
    """Say why a full sync that has read its last page must not delete anything, None where it may."""
    found: str | None = job.get("deletesOff")
    if found is not None:
        return found
    if state.is_used:
        return "the endpoint is asked for changes since the last sync"
    if page.stop_reason not in NATURAL_ENDS:
        return f"the source did not say that its list ends ({page.stop_reason})"
    if job["total"] is not None and job["counters"]["read"] < job["total"]:
        return f"the source has {job['total']} records by its own account, {job['counters']['read']} came"
    return None


def begun(job: Item) -> Json:
    """Return what a job keeps of the run that has just read everything, for itself or for one that goes on after it."""
    return {"seenOf": job["sk"], "seenSince": job["startedAt"], "seenRead": job["counters"]["read"]}


@dataclass(frozen=True)
class Seen:
    """The ids of one run, 8 bytes each: by the first byte of their digests, and sorted."""

    parts: "list[array[int]]"

    @classmethod
    def of(cls, pieces: Iterable[bytes]) -> Self:
        # To sort them all at once would take five times the memory for a moment.
        parts = [array("Q") for _ in range(PARTS)]
        for digests in pieces:
            for number in array("Q", digests):
                parts[number % PARTS].append(number)
        return cls([array("Q", sorted(part)) for part in parts])

    def __contains__(self, document_id: str) -> bool:
        number = int.from_bytes(_digest(document_id), "little")
        part = self.parts[number % PARTS]
        place = bisect_left(part, number)
        return place < len(part) and part[place] == number

    def __len__(self) -> int:
        return sum(map(len, self.parts))


def load(activity: Table, job: Item) -> Seen:
    """Return what the run has seen that a job deletes after; raises Conflict where that is not kept any more."""
    kept = activity.query_all("pk = :pk", {"pk": partition(Tenant.of_item(job), _kind(job["seenOf"]))})
    found = Seen.of(item["digests"] for item in kept)
    if not len(found) and job["seenRead"]:
        raise Conflict("What the full sync has seen is not kept any more; run it again.")
    return found


def _kind(job_id: str) -> str:
    return f"seen#{job_id}"


def _digest(document_id: str) -> bytes:
    return blake2b(document_id.encode(errors="replace"), digest_size=DIGEST_BYTES).digest()
