"""Events: what happened, kept until every subscription and the bus have been told.

An event of the hub is an item that is written in the transaction of the change it tells of, so that neither can be
without the other. `functions/event_router` then makes its deliveries and puts it on the bus; a hint only makes that
fast.

    id, type, data (JSON text), digest, source ("hub", "api" or the `source` on the bus), createdAt, orderingKey?,
    userId? (the user it is about: no other user's own webhooks get it),
    state: pending -> routed
"""

import hashlib
from collections.abc import Sequence
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from hub.core import clock, due, jsontext, logs, queues
from hub.core.attributes import Item
from hub.core.caller import Tenant
from hub.core.chunks import chunks
from hub.core.clock import DAY_S
from hub.core.ids import new_id
from hub.core.queues import Hint
from hub.core.resources import Resources
from hub.core.tables import IS_NEW, Put, Tables, key

Json = dict[str, Any]

KIND = "event"
HUB = "hub"
# EventBridge takes so many events, and so many bytes, in one call; an entry's names are counted with its detail.
ENTRIES = 10
CALL_BYTES = 256 * 1024
ENTRY_BYTES = 400
# EventBridge takes 256 KB in one call, of which the names of bus, source and type are a part.
MAX_DETAIL_BYTES = 240_000


def new(
    tenant: Tenant, event_type: str, data: Any, keep_days: int, *, event_id: str | None = None, source: str = HUB
) -> Item:
    """Return an event that is yet to be written and routed; `event_id` makes one that may be repeated."""
    event_id, now, text = event_id or new_id("evt"), clock.epoch_s(), jsontext.dump(data)
    return {
        **key(tenant, KIND, event_id),
        "type": event_type,
        "data": text,
        "digest": hashlib.sha256(f"{event_type}\n{text}".encode()).hexdigest(),
        "source": source,
        "createdAt": clock.iso(now),
        "state": "pending",
        **due.EVENTS.marks(event_id, now + due.GRACE_S),
        "expiresEpochS": int(now) + keep_days * DAY_S,
    }


def write(tables: Tables, event: Item) -> Put:
    """Return the write of a new event, for the transaction of what it tells of."""
    return Put(tables.activity, event, IS_NEW)


def hint(resources: Resources, event: Item) -> None:
    """Have a stored event routed now instead of within the next two minutes."""
    queues.send(resources.sqs, resources.settings.event_queue_url, Hint(Tenant.of_item(event), event["sk"]))


def announce(resources: Resources, events: Sequence[Item]) -> bool:
    """Put events on the bus for the user's own services; say whether it took all of them.

    `source` is hub, `detail-type` the type, `detail` is `{id, tenantId, timestamp, ...data}`.
    """
    taken = True
    every: list[Any] = [_entry(resources, event) for event in events]
    for entries in chunks(every, ENTRIES, CALL_BYTES, _entry_bytes):
        try:
            failed = resources.events.put_events(Entries=entries)["FailedEntryCount"]
        except (ClientError, BotoCoreError) as error:
            logs.failure("event.unannounced", error, total=len(entries))
            taken = False
            continue
        if failed:
            logs.warning("event.unannounced", total=failed)
            taken = False
    return taken


def _entry_bytes(entry: Json) -> int:
    return len(entry["Detail"].encode()) + ENTRY_BYTES


def _entry(resources: Resources, event: Item) -> Json:
    facts = {"id": event["sk"], "tenantId": Tenant.of_item(event).id, "timestamp": event["createdAt"]}
    data = jsontext.load(event["data"])
    detail = jsontext.dump({**(data if isinstance(data, dict) else {"data": data}), **facts})
    if len(detail.encode()) > MAX_DETAIL_BYTES:  # EventBridge would refuse it for ever; the id finds the event
        detail = jsontext.dump({**facts, "dataOmitted": True})
    return {
        "EventBusName": resources.settings.bus_name,
        "Source": HUB,
        "DetailType": event["type"],
        "Detail": detail,
    }
