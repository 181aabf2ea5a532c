"""What endpoints received, newest first: summaries, one event with its body, and one event processed again."""

import base64
import codecs
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from hub.core import clock, jsontext
from hub.core.attributes import Item
from hub.core.caller import Tenant
from hub.core.errors import BadRequest, NotFound
from hub.core.journal import Change
from hub.core.listing import MAX_LIMIT, PageQuery
from hub.core.resources import Resources
from hub.core.tables import Table
from hub.webhooks.inbound import inbound

Json = dict[str, Any]
# Time and id of an event: where a page ends.
Position = list[str]

MOST_BODY_BYTES = 300 * 1024
# A filter that leaves nothing must not read a year: the page ends there, and its cursor goes on.
MOST_LOOKED_AT = 1000
_FIELDS = (
    "sk, pk, endpointId, state, eventType, receivedAt, contentType, bodyBytes, sourceIp, attempts, replays, reason,"
    " endedAt"
)


@dataclass(frozen=True)
class Page:
    """`position` is where the next page begins, None after the last event."""

    events: list[Item]
    position: Position | None


def newest(activity: Table, tenant: Tenant, endpoint_id: str, query: Mapping[str, str], page: PageQuery) -> Page:
    """Return the events of an endpoint that `status` and `eventType` of a list request leave; raises BadRequest."""
    wanted = query.get("status")
    if wanted is not None and wanted not in (*inbound.OPEN, *inbound.ENDED):
        known = ", ".join((*inbound.OPEN, *inbound.ENDED))
        raise BadRequest(f"`status` must be one of {known}, found {wanted[:40]!r}.")
    filters = {name: value for name, value in (("state", wanted), ("eventType", query.get("eventType"))) if value}
    pk, at_once = inbound.partition_of(tenant, endpoint_id), MAX_LIMIT if filters else page.limit
    found: list[Item] = []
    position: Position | None = page.after
    for _ in range(MOST_LOOKED_AT // at_once):
        keys, following = _keys(activity, pk, at_once, position)
        found += [item for item in _items(activity, keys) if _is_chosen(item, filters)]
        if len(found) > page.limit:
            return Page(found[: page.limit], _position(found[page.limit - 1]))
        position = following
        if position is None or len(found) == page.limit:
            break
    return Page(found, position)


def _keys(activity: Table, pk: str, limit: int, after: Position | None) -> tuple[list[Item], Position | None]:
    start = {"pk": pk, "receivedAt": after[0], "sk": after[1]} if after else None
    found = activity.query("pk = :pk", {"pk": pk}, index="received", limit=limit, newest_first=True, start=start)
    return found.items, _position(found.next_key) if found.next_key else None


def _position(item: Item) -> Position:
    return [item["receivedAt"], item["sk"]]


def _items(activity: Table, keys: list[Item]) -> Iterator[Item]:
    """Yield the items in the order of the keys; one that has expired since is left out."""
    read = activity.batch_get([{"pk": each["pk"], "sk": each["sk"]} for each in keys], _FIELDS)
    by_id = {item["sk"]: item for item in read}
    return (by_id[each["sk"]] for each in keys if each["sk"] in by_id)


def _is_chosen(item: Item, filters: Mapping[str, str]) -> bool:
    return all(item.get(name) == value for name, value in filters.items())


def get(activity: Table, tenant: Tenant, endpoint_id: str, event_id: str) -> Item:
    """Return one received event as last written; raises NotFound."""
    found = activity.get(inbound.place(tenant, endpoint_id, event_id))
    if found is None:
        raise NotFound("The endpoint has received no event with this id.")
    return found


def replay(change: Change, event: Item) -> Item:
    """Add to `change` that an ended event is processed again; return it as it will be. Raises Conflict."""
    again = inbound.requeue(change.tables, event)
    change.add(again)
    change.audit("inbound_event.replayed", event["sk"], endpoint=event["endpointId"], replays=event["replays"] + 1)
    ended = {name: value for name, value in event.items() if name != "endedAt"}
    return {**ended, "state": "queued", "reason": "", "attempts": 0, "replays": event["replays"] + 1}


def summary(event: Item) -> Json:
    """Return `hub.webhooks.endpoints.endpoint_models:ReceivedSummary`."""
    return {
        "id": event["sk"],
        "endpointId": event["endpointId"],
        "status": event["state"],
        "eventType": event.get("eventType") or None,
        "receivedAt": event["receivedAt"],
        "contentType": event["contentType"],
        "bodyBytes": event["bodyBytes"],
        "sourceIp": event["sourceIp"],
        "attempts": event["attempts"],
        "replays": event["replays"],
        "reason": event["reason"] or None,
        "endedAt": event.get("endedAt"),
    }


def detail(resources: Resources, event: Item) -> Json:
    """Return `endpoint_models:ReceivedEvent`: the summary, what was sent, and what became of it."""
    body = _body(resources, event)
    text = _text(body, is_cut=len(body) < event["bodyBytes"])
    waits = event["state"] in inbound.OPEN and event["nextAttemptAt"]
    return {
        **summary(event),
        "headers": jsontext.load(event["headers"]),
        "body": base64.b64encode(body).decode() if text is None else text,
        "bodyEncoding": "base64" if text is None else "text",
        "isBodyCut": len(body) < event["bodyBytes"],
        "results": jsontext.load(event["results"]) if event["results"] else None,
        "history": inbound.history(event),
        "nextAttemptAt": clock.iso(event["nextAttemptAt"] / 1000) if waits else None,
    }


def _body(resources: Resources, event: Item) -> bytes:
    """Return the beginning of the body, from the bucket where it lies there; b"" where that has let it go."""
    if "body" in event:
        return bytes(event["body"])[:MOST_BODY_BYTES]
    bucket, wanted = resources.settings.blob_bucket, f"bytes=0-{MOST_BODY_BYTES - 1}"
    try:
        found = resources.s3.get_object(Bucket=bucket, Key=event["blobKey"], Range=wanted)
    except resources.s3.exceptions.NoSuchKey:
        return b""
    return found["Body"].read()


def _text(body: bytes, *, is_cut: bool) -> str | None:
    """Return the body as text, None where it is none; a cut may go through the middle of a character."""
    try:
        return codecs.getincrementaldecoder("utf-8")().decode(body, final=not is_cut)
    except UnicodeDecodeError:
        return None
