"""What documents were before: former versions, kept where whoever writes asks for it, until their retention ends.

A former version is the whole item as it stood, under `docv#{type}#{id}` by its number, with `until`, the time at which
another took its place. What was not kept leaves a gap that is seen: no version of another time is shown for it.
"""

from collections.abc import Iterator, Sequence

from hub.core import clock
from hub.core.attributes import Item
from hub.core.caller import Tenant
from hub.core.clock import DAY_S
from hub.core.tables import Key, Put, Table, key, partition

DIGITS = 8
# What a walk over the versions of a document reads at a time.
AT_ONCE = 25
# So many former versions, each of up to 400 KB, are in memory at a time.
TOGETHER = 25


def kept(former: Item, until: str, keep_days: int) -> Item:
    """Return the item that keeps a former version; `until` is when it was replaced."""
    tenant, document_type = Tenant.of_item(former), _type_of(former)
    place = key(tenant, _kind(document_type, former["sk"]), f"{former['version']:0{DIGITS}d}")
    rest = {name: value for name, value in former.items() if name not in ("pk", "sk", "changeKey")}
    return {**rest, **place, "until": until, "expiresEpochS": int(clock.epoch_s()) + keep_days * DAY_S}


def keep(table: Table, places: Sequence[Key], keep_days: int) -> None:
    """Keep documents as they are at this moment; one that is not there has no version."""
    now = clock.now()
    for start in range(0, len(places), TOGETHER):
        found = table.batch_get(places[start : start + TOGETHER])
        table.batch_put([kept(former, now, keep_days) for former in found])


def keeping(table: Table, former: Item, keep_days: int) -> Put:
    """Return the write that keeps one version, for the transaction that replaces it."""
    return Put(table, kept(former, clock.now(), keep_days))


def newest_first(table: Table, tenant: Tenant, document_type: str, document_id: str) -> Iterator[Item]:
    """Yield what is kept of a document's former versions; they are named like the document they were."""
    document = key(tenant, f"doc#{document_type}", document_id)
    pk, start = partition(tenant, _kind(document_type, document_id)), None
    while True:
        found = table.query("pk = :pk", {"pk": pk}, limit=AT_ONCE, newest_first=True, start=start)
        yield from ({**item, **document} for item in found.items)
        start = found.next_key
        if start is None:
            return


def at(table: Table, present: Item, time: str) -> Item | None:
    """Return the version of a document that stood at a time (ISO 8601) before it became what it is at present.

    None where there was none or it was not kept. The numbers of the versions are halved until the newest one of the
    time is found: of a document with a million versions some twenty are read.
    """
    pk = partition(Tenant.of_item(present), _kind(_type_of(present), present["sk"]))
    low, high, found = 1, present["version"] - 1, None
    while low <= high:
        middle = (low + high) // 2
        newest = _newest(table, pk, low, middle)
        if newest is not None and newest["updatedAt"] > time:
            high = newest["version"] - 1
        else:  # of those up to the middle none is newer
            low, found = middle + 1, newest or found
    return {**found, "pk": present["pk"], "sk": present["sk"]} if found and time < found["until"] else None


def _newest(table: Table, pk: str, low: int, high: int) -> Item | None:
    bounds = {"pk": pk, "low": f"{low:0{DIGITS}d}", "high": f"{high:0{DIGITS}d}"}
    found = table.query("pk = :pk AND sk BETWEEN :low AND :high", bounds, limit=1, newest_first=True)
    return next(iter(found.items), None)


def _type_of(document: Item) -> str:
    return str(document["pk"]).split("#", 2)[2]


def _kind(document_type: str, document_id: str) -> str:
    return f"docv#{document_type}#{document_id}"
