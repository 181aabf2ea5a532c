"""Events that the user's own services put on the bus: an EventBridge message is accepted like a call of the API.

    {"source": "myapp", "detail-type": "contact.created", "id": "...", "detail":
        {"tenantId": "acme", "data": {...}, "id"?: "...", "orderingKey"?: "...", "userId"?: "..."}   or
        {"tenantId": "acme", "userId"?: "...", ...the data itself}}

What cannot be accepted fails, and ends in the queue's dead letters, where it can be seen and driven again.
"""

from typing import Any

from hub.core import events, jsontext
from hub.core.caller import Tenant
from hub.core.errors import BadRequest
from hub.webhooks.events.accept import Incoming

Json = dict[str, Any]

TYPE = "detail-type"


def is_from_bus(body: str) -> bool:
    """Say whether a message of the queue is an EventBridge event and not a hint."""
    return f'"{TYPE}"' in body


def read(body: str) -> tuple[Tenant, Incoming]:
    """Return whose event it is and what it says; raises BadRequest, Unauthenticated."""
    message = jsontext.parse(body.encode(errors="surrogatepass"))
    detail, source = message.get("detail"), message.get("source")
    if not isinstance(detail, dict) or source == events.HUB:
        raise BadRequest("Expected an event of another source than the hub with an object as its detail.")
    tenant = Tenant(_text(detail, "tenantId"))
    named = {"type": _text(message, TYPE), "source": _text(message, "source")}
    if "data" not in detail:
        # An id beside the data is the id of what the event is about, and many events are about the same.
        data = {name: value for name, value in detail.items() if name != "tenantId"}
        # A user beside the data is whom it is about; what is no text names none of the hub's users.
        user_id = _perhaps(detail, "userId") if isinstance(detail.get("userId"), str) else None
        return tenant, Incoming(**named, data=data, id=_text(message, "id"), user_id=user_id)
    return tenant, Incoming(
        **named,
        data=detail["data"],
        id=_text(detail if "id" in detail else message, "id"),
        ordering_key=_perhaps(detail, "orderingKey"),
        user_id=_perhaps(detail, "userId"),
    )


def _perhaps(found: Json, name: str) -> str | None:
    return None if found.get(name) is None else _text(found, name)


def _text(found: Json, name: str) -> str:
    value = found.get(name)
    if not isinstance(value, str) or not 1 <= len(value) <= 256:
        raise BadRequest(f"Expected `{name}` as text of 1 to 256 characters.")
    return value
