"""What is sent for an event: the body in the subscription's format, signed, with the headers of both worlds.

Sources: Standard Webhooks (https://www.standardwebhooks.com) for `webhook-*`, the cards product's "Webhook Security"
for `X-Webhook-*`, whose `X-Webhook-Id` is the subscription's id.
"""

from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from typing import Any
from urllib.parse import urlencode

from hub.core import jsontext
from hub.core.attributes import Item
from hub.webhooks.signature import hex_signature, standard_signature
from hub.webhooks.subscriptions.subscriptions import Subscription

Json = dict[str, Any]

USER_AGENT = "integration-hub-webhooks/1"
CONTENT_TYPES = {"json": "application/json", "form": "application/x-www-form-urlencoded"}


def body_of(subscription: Subscription, event: Item, sent_as: str) -> bytes:
    """Return the bytes to sign and send; raises BadRequest where the template does not fit the event."""
    template = subscription.item.get("transformTemplate") or ""
    if template:
        text = jsontext.dump(_compiled(template)(_standard(event, sent_as)))
    else:
        text = _FORMATS[subscription.item["payloadFormat"]](event, sent_as)
    return text.encode() if subscription.item["contentType"] == "json" else _form(text)


def headers_of(
    subscription: Subscription, delivery: Item, body: bytes, secrets: Sequence[str], timestamp_s: int
) -> Mapping[str, str]:
    """Return the hub's own headers; `secrets` are those that count now, the current one first."""
    message_id = delivery["eventId"]
    signatures = " ".join(filter(None, (standard_signature(each, message_id, timestamp_s, body) for each in secrets)))
    return {
        "content-type": CONTENT_TYPES[subscription.item["contentType"]],
        "user-agent": USER_AGENT,
        "webhook-id": message_id,
        "webhook-timestamp": str(timestamp_s),
        **({"webhook-signature": signatures} if signatures else {}),
        "x-webhook-signature": hex_signature(secrets[0], body),
        "x-webhook-id": subscription.id,
        "x-webhook-event": delivery["sentAs"],
        "x-webhook-attempt": str(delivery["attempts"] + 1),
    }


def _standard(event: Item, sent_as: str) -> Json:
    data = jsontext.load(event["data"])
    return {"id": event["sk"], "type": sent_as, "timestamp": event["createdAt"], "data": data}


def _standard_text(event: Item, sent_as: str) -> str:
    head = jsontext.dump({"id": event["sk"], "type": sent_as, "timestamp": event["createdAt"]})
    return _with_data(head, event)


def _cards_text(event: Item, sent_as: str) -> str:
    return _with_data(jsontext.dump({"event": sent_as, "timestamp": event["createdAt"]}), event)


def _raw_text(event: Item, _: str) -> str:
    return str(event["data"])


def _with_data(head: str, event: Item) -> str:
    """The data is JSON already: reading it only to write it again would be most of what a delivery costs."""
    return f'{head[:-1]},"data":{event["data"]}}}'


_FORMATS: dict[str, Callable[[Item, str], str]] = {
    "cards": _cards_text,
    "standard": _standard_text,
    "raw": _raw_text,
}


def _form(text: str) -> bytes:
    """Return the fields of an object, nested values as JSON; any other value is the one field `data`."""
    value = jsontext.load(text)
    fields = value if isinstance(value, dict) else {"data": value}
    return urlencode([(name, _field(found)) for name, found in fields.items()]).encode()


def _field(value: Any) -> str:
    return value if isinstance(value, str) else jsontext.dump(value)


@lru_cache(maxsize=256)
def _compiled(template: str) -> Callable[[Any], Any]:
    from hub.mapping.templates import compile_template  # JSONPath, which few subscriptions need

    return compile_template(jsontext.load(template))
