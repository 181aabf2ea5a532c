"""Which documents each run has changed, where its versions are kept: what a diff and a revert walk over.

One item per page in the transaction of its checkpoint, in the order of the runs: the lock lets one run of an entity
begin when the one before has ended.
"""

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from hub.core import jsontext
from hub.core.attributes import Item
from hub.core.caller import Tenant
from hub.core.chunks import chunks
from hub.core.tables import Found, Put, Table, key, partition

Json = dict[str, Any]

KINDS = ("created", "updated", "deleted")
# An item takes 400 KB; a written id costs its text and its marks.
MOST_BYTES = 250_000
MOST_IDS = 20_000


def writes(activity: Table, job: Item, outcomes: Iterable[tuple[str, str]]) -> Iterator[Put]:
    """Yield what keeps a page's changes, pairs of outcome and id; nothing where the job keeps no versions."""
    if not job.get("history"):
        return
    found = [[outcome, name] for outcome, name in outcomes if outcome in KINDS]
    for part, some in enumerate(chunks(found, MOST_IDS, MOST_BYTES, _bytes)):
        place = key(Tenant.of_item(job), _kind(job), f"{_run(job)}{job['page']:07d}.{part:02d}")
        yield Put(activity, {**place, "changes": jsontext.dump(some), "expiresEpochS": job["expiresEpochS"]})


def pages(activity: Table, job: Item, limit: int, after: str = "") -> tuple[list[tuple[str, list[Any]]], bool]:
    """Return up to `limit` pages of a run after a name, each with its `[outcome, id]` pairs, and if there are more."""
    prefix = _run(job)
    bounds = {
        "pk": partition(Tenant.of_item(job), _kind(job)),
        "low": (after or prefix) + "\u0000",
        "high": f"{prefix}\uffff",
    }
    found: Found = activity.query("pk = :pk AND sk BETWEEN :low AND :high", bounds, limit=limit)
    return [(item["sk"], jsontext.load(item["changes"])) for item in found.items], found.next_key is not None


def between(activity: Table, former: Item, later: Item) -> Iterator[Sequence[str]]:
    """Yield the `[outcome, id]` pairs of all runs behind `former` up to `later`, in their order."""
    bounds = {
        "pk": partition(Tenant.of_item(later), _kind(later)),
        "low": f"{_run(former)}\uffff",
        "high": f"{_run(later)}\uffff",
    }
    for item in activity.query_all("pk = :pk AND sk BETWEEN :low AND :high", bounds):
        yield from jsontext.load(item["changes"])


def _kind(job: Item) -> str:
    return f"changed#{job['integrationId']}#{job['entityType']}"


def _run(job: Item) -> str:
    return f"{job['startedAt']}#{job['sk']}#"


def _bytes(pair: Sequence[str]) -> int:
    return len(pair[1].encode()) + 20
