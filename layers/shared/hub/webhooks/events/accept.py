"""Events of others: from the API and from the bus, made canonical, checked against their type, kept once per id."""

import hashlib
import re
from dataclasses import dataclass
from typing import Any

from hub.core import events, jsontext
from hub.core.attributes import Item
from hub.core.caller import Tenant
from hub.core.errors import BadDefinition, BadRequest, Conflict, TooLarge
from hub.core.tables import ConditionFailed, Put, Tables, key
from hub.webhooks.deliveries import lanes
from hub.webhooks.events import event_types
from hub.webhooks.events.event_types import Registry
from hub.webhooks.recovery.job_ids import is_job

Json = dict[str, Any]

API = "api"
# An item holds 400 KB; what came in fewer bytes may be longer as the hub writes it.
MAX_DATA_BYTES = 256 * 1024
# '#' divides the parts of keys, '/' those of hints, and a blank at either end would not survive a header.
_ID = re.compile(r"(?=[!-~]{1,128}\Z)[^#/]+")
# The hub names its own events so, some of them by what they tell of: one that is taken already would hold up a change.
_OWN_ID = re.compile(r"evt_[0-9A-Z]{26}")


@dataclass(frozen=True)
class Incoming:
    """An event as its sender names it; `source` is "api" or the sender's own on the bus, `user_id` whom it is about."""

    type: str
    data: Any
    id: str | None = None
    ordering_key: str | None = None
    source: str = API
    user_id: str | None = None


def event_of(registry: Registry, tenant: Tenant, incoming: Incoming, keep_days: int) -> Item:
    """Return the item of an event that is yet to be written; raises BadRequest, BadDefinition, TooLarge."""
    event_type = event_types.must_be_open(registry.canonical(tenant, incoming.type))
    if incoming.id is not None:
        must_be_id(incoming.id)
    _must_fit(registry.schema_of(tenant, event_type), event_type, incoming.data)
    event = events.new(tenant, event_type, incoming.data, keep_days, event_id=incoming.id, source=incoming.source)
    if len(event["data"].encode()) > MAX_DATA_BYTES:
        raise TooLarge(f"The data of an event may have at most {MAX_DATA_BYTES} bytes.")
    named = {"orderingKey": incoming.ordering_key, "userId": incoming.user_id}
    return {**event, **{name: value for name, value in named.items() if value}, "digest": _digest(event_type, incoming)}


def must_be_id(event_id: str) -> None:
    """Raise BadRequest unless this can be an event's id."""
    if not _ID.fullmatch(event_id):
        raise BadRequest("`id` must be 1 to 128 printable ASCII characters without blanks, '#' and '/'.")
    if is_job(event_id) or _OWN_ID.fullmatch(event_id):
        raise BadRequest("`id` may not begin with rec_ or rpl_, nor be one that the hub makes: evt_ and a ULID.")


def writes(tables: Tables, event: Item) -> tuple[Item, list[Put]]:
    """Return the event and what stores it; an ordered one takes its turn now and enters its lane with it.

    The event is the first of the writes; `settled` says what it means when its condition fails.
    """
    if "orderingKey" not in event:
        return event, [events.write(tables, event)]
    tenant = Tenant.of_item(event)
    lane = lanes.lane_of(event["orderingKey"])
    turn = lanes.next_turn(tables.coordination, tenant, event["orderingKey"])
    placed = {**event, "lane": lane, "turn": turn}
    place = (tenant, lanes.EVENTS, lane, turn, event["sk"], event["expiresEpochS"])
    return placed, [events.write(tables, placed), lanes.entry(tables.coordination, *place)]


def store(tables: Tables, event: Item) -> Item:
    """Write an event; return it, or the same one as it was stored before. Raises Conflict."""
    placed, puts = writes(tables, event)
    try:
        tables.write(*puts)
    except ConditionFailed as failure:
        return settled(tables, event, failure)
    return placed


def settled(tables: Tables, event: Item, failure: ConditionFailed) -> Item:
    """Return the stored event that has the id already, if it is the same; raises Conflict."""
    if failure.index:
        raise failure
    found = failure.found or tables.activity.get(key(Tenant.of_item(event), events.KIND, event["sk"]))
    if found is None or found["digest"] != event["digest"]:
        raise Conflict("Another event has this id: its type, data, ordering key or user is not the same.")
    return found


def view(event: Item) -> Json:
    """Return `hub.webhooks.events.event_models:AcceptedEvent`."""
    return {"id": event["sk"], "type": event["type"], "createdAt": event["createdAt"], **named_in(event)}


def named_in(event: Item) -> Json:
    """Return `{orderingKey?, userId?}`: what not every event has."""
    return {name: event[name] for name in ("orderingKey", "userId") if name in event}


def _digest(event_type: str, incoming: Incoming) -> str:
    """Return what two events have in common that mean the same, however their JSON was written."""
    about = [incoming.user_id] if incoming.user_id else []
    said = jsontext.canonical([event_type, incoming.data, incoming.ordering_key, *about])
    return hashlib.sha256(said).hexdigest()


def _must_fit(schema_text: str, event_type: str, data: Any) -> None:
    if not isinstance(data, dict):
        raise BadRequest(f"The data of an event must be a JSON object, found {type(data).__name__}.")
    if not schema_text:
        return
    from hub.core import json_schema  # the validator: only where a type has a schema

    problems = json_schema.faults(schema_text, data)
    if problems:
        raise BadDefinition(
            f"The data does not fit the schema of {event_type}; `details.problems` says where.", problems
        )
