"""What is stored of many documents, in few calls: a range where their ids lie together, else by id.

A range is one call per 1 MB, and its items share units of 4 KB; of a batch each one is rounded up to a unit of its own.
"""

from collections.abc import Set
from typing import Any

from hub.core.attributes import Item
from hub.core.tables import Table, as_it_came

# What an upsert decides by.
STORED_FIELDS = "sk, hash, hashBefore, version, createdAt, touchedBy, deletedAt, sourceVersion"
# What tells whether there is anything to decide.
COMPARED_FIELDS = "sk, hash, touchedBy"
# A page whose ids are scattered over the others costs a call in vain; so many pages pass before the next attempt.
PAGES_BY_ID = 15
MOST_SCATTERED = 1000
# Pages that are still to be read by id, by partition: a hint of this process, on which nothing depends.
_scattered: dict[str, int] = {}


def stored(table: Table, pk: str, ids: Set[str], fields: str = STORED_FIELDS) -> dict[str, Item]:
    """Return what is stored of these ids, with the attributes in `fields`.

    Most of what is read is only compared, so it stays in DynamoDB's form.
    """
    waits = _scattered.pop(pk, 0)
    if waits or not table.ranges_from or len(ids) < table.ranges_from:
        _remember(pk, waits - 1)
        return _by_id(table, pk, ids, fields)
    found, reached = _range(table, pk, ids, fields)
    if reached is None:
        return found
    _remember(pk, PAGES_BY_ID)
    return found | _by_id(table, pk, {name for name in ids if name > reached}, fields)


def _range(table: Table, pk: str, ids: Set[str], fields: str) -> tuple[dict[str, Item], str | None]:
    """Return those from the first id to the last, as far as little else lies between, and the id reached if not all."""
    bounds = {"pk": pk, "low": min(ids), "high": max(ids)}
    room, start = len(ids) + len(ids) // 4, None
    found: dict[str, Item] = {}
    while True:
        page = table.query(
            "pk = :pk AND sk BETWEEN :low AND :high", bounds, limit=room, start=start, fields=fields, read=as_it_came
        )
        found |= {name: item for item in page.items if (name := item["sk"]["S"]) in ids}
        room, start = room - len(page.items), page.next_key
        if start is None or room <= 0:
            return found, _sort_key(start)


def _sort_key(start: dict[str, Any] | None) -> str | None:
    return None if start is None else str(start["sk"])


def _by_id(table: Table, pk: str, ids: Set[str], fields: str) -> dict[str, Item]:
    found = table.batch_get([{"pk": pk, "sk": name} for name in ids], fields, as_it_came)
    return {item["sk"]["S"]: item for item in found}


def _remember(pk: str, pages: int) -> None:
    if len(_scattered) >= MOST_SCATTERED:
        _scattered.clear()
    if pages > 0:
        _scattered[pk] = pages
