"""The quarantine of an integration: records that were not stored as they came, each with the reason and as it was sent.

    key(tenant, f"quarantine#{integrationId}", f"{entity}#{external id}")

One item for a record: the newest reason stands. An item is open until a later run has dealt with the record; then it
says what became of it and goes within a day. Each run keeps so many, the rest is counted alone.
"""

from collections.abc import Sequence
from typing import Any

import orjson

from hub.core import clock, jsontext
from hub.core.attributes import Item
from hub.core.caller import Tenant
from hub.core.chunks import chunks
from hub.core.clock import DAY_S
from hub.core.errors import BadRequest
from hub.core.tables import Put, Table, Tables, Update, partition
from hub.sync.pull.intake import Kept
from hub.sync.pull.state import feed_of

Json = dict[str, Any]

OPEN = "open"
MOST_OF_A_RUN = 1000
MAX_RAW_BYTES = 64 * 1024
# What one transaction writes, which takes 4 MB.
TOGETHER = 25
MOST_BYTES = 3_000_000
MOST_REASON_CHARS = 4096
MOST_ENTITY_CHARS = 64
_TEXTS = ("raw", "params", "ordered", "reason")
# What a later run needs beside the record to deal with it as this one would have.
_OF_THE_JOB = ("documentType", "userId", "configId", "fieldMappings", "contract", "keepRaw", "history")


def keep(tables: Tables, job: Item, records: Sequence[Kept], keep_days: int) -> int:
    """Put the records into the quarantine and return how many of the run it holds then; a repeat changes nothing."""
    held: int = job.get("quarantined", 0)
    puts = [_put(tables.activity, job, record, keep_days) for record in records[: MOST_OF_A_RUN - held]]
    one_each = list({put.item["sk"]: put for put in puts}.values())
    for some in chunks(one_each, TOGETHER, MOST_BYTES, _bytes):
        tables.write(*some)
    return held + len(puts)


def must_be_entity(text: str) -> None:
    """Refuse a name that no entity has; raises BadRequest."""
    if len(text) > MOST_ENTITY_CHARS:
        raise BadRequest(f"`entity` must have at most {MOST_ENTITY_CHARS} characters, found {len(text)}.")


def open_ones(
    activity: Table, tenant: Tenant, integration_id: str, entity: str, limit: int, after: str | None
) -> tuple[list[Item], bool]:
    """Return up to `limit` open items after a name, of one entity or, with "", of all; and whether there are more."""
    prefix = f"{entity}#" if entity else ""
    # A place in the list of another entity is before all of this one's or behind them.
    low, high = max(after or "", prefix) + "\u0000", f"{prefix}\uffff"
    if low > high:
        return [], False
    bounds = {"pk": _partition(tenant, integration_id), "low": low, "high": high}
    found: list[Item] = []
    while len(found) <= limit:
        page = activity.query("pk = :pk AND sk BETWEEN :low AND :high", bounds, limit=limit + 1)
        found += [item for item in page.items if item["state"] == OPEN]
        if page.next_key is None:
            break
        bounds = {**bounds, "low": page.items[-1]["sk"] + "\u0000"}
    return found[:limit], len(found) > limit


def settled(activity: Table, item: Item, outcome: str, job: Item) -> Update:
    """Return the write that closes an item which is as it was read."""
    return Update(
        activity,
        {"pk": item["pk"], "sk": item["sk"]},
        "SET state = :state, settledBy = :job, expiresEpochS = :expires",
        {"state": outcome, "job": job["sk"], "expires": int(clock.epoch_s()) + DAY_S, "read": item["at"]},
        "at = :read",
    )


def raw_of(item: Item) -> Any:
    """Return the record as it was sent, None where it was too large or repeated a secret."""
    return orjson.loads(item["raw"]) if item["raw"] else None


def view(item: Item) -> Json:
    """Return `{entity, externalId, reason, record, jobId, at}`."""
    names = ("entity", "externalId", "reason", "jobId", "at")
    return {**{name: item[name] for name in names}, "record": raw_of(item)}


def _put(activity: Table, job: Item, record: Kept, keep_days: int) -> Put:
    # An id that is too long for a document counts as none.
    name = record.external_id or f"#{job['sk']}.{job['page']}.{record.index}"
    item = {
        "pk": _partition(Tenant.of_item(job), job["integrationId"]),
        "sk": f"{job['entityType']}#{name}",
        "entity": job["entityType"],
        "externalId": record.external_id,
        "reason": record.reason[:MOST_REASON_CHARS],
        "raw": _text(record.raw),
        "at": clock.now(),
        "jobId": job["sk"],
        # What wrote the document too, where only a value was left out.
        "step": f"{job['sk']}#{job['page']}",
        "endpointId": job["endpointId"],
        "params": job["params"],
        "feed": feed_of(job),
        "ordered": jsontext.dump({name: job[name] for name in _OF_THE_JOB if name in job}),
        "state": OPEN,
        "expiresEpochS": int(clock.epoch_s()) + keep_days * DAY_S,
    }
    return Put(activity, item)


def _bytes(put: Put) -> int:
    return sum(len(str(put.item[name]).encode(errors="replace")) for name in _TEXTS) + 2000


def _text(raw: Any) -> str:
    try:
        text = b"" if raw is None else orjson.dumps(raw)
    except orjson.JSONEncodeError:
        return ""
    return text.decode() if len(text) <= MAX_RAW_BYTES else ""


def _partition(tenant: Tenant, integration_id: str) -> str:
    return partition(tenant, f"quarantine#{integration_id}")
