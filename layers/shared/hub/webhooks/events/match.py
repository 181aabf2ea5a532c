"""Which subscriptions an event is for, and the name under which each is told of it."""

from collections.abc import Collection
from functools import lru_cache
from typing import Any

from hub.core import jsontext
from hub.core.attributes import Item
from hub.webhooks.events import event_types, filters
from hub.webhooks.subscriptions.subscriptions import Subscription

EVERYTHING = "*"


def matches(subscription: Subscription, event: Item, aliases: Collection[str] | None = None) -> str | None:
    """Return the name that the subscription knows the event by, or None where the event is not for it.

    `aliases` are the other names of the event's type; those of the hub's own types are known here. An event that is
    addressed to one subscription is for no other, and for that one whatever it has subscribed to. One about a user is
    for none of the other users' own webhooks.
    """
    addressed_to = event.get("addressedTo")
    if addressed_to:
        return str(event["type"]) if addressed_to == subscription.id else None
    if not _may_know(subscription, event):
        return None
    name = subscribed_name(subscription.event_types, event["type"], aliases)
    return name if name and _is_meant(subscription, event) else None


def subscribed_name(patterns: Collection[str], event_type: str, aliases: Collection[str] | None = None) -> str | None:
    """Return the name of those subscribed to that means this type: the name as it stands, else for a wildcard the type.

    The hub's `webhook.*` events meet no wildcard: told of each delivery, a subscription would feed itself for ever.
    """
    known = event_types.built_in_aliases(event_type) if aliases is None else aliases
    for pattern in patterns:
        if pattern == event_type or pattern in known:
            return pattern
    if event_types.is_about_webhooks(event_type):
        return None
    return event_type if any(_covers(pattern, event_type) for pattern in patterns) else None


def pattern_fault(pattern: str) -> str | None:
    """Return why nothing can be subscribed to under this name, or None: a type, an alias, `contact.*` or `*`."""
    if pattern == EVERYTHING:
        return None
    stem = pattern.removesuffix(".*")
    if stem != pattern and event_types.is_about_webhooks(stem + "."):
        return "The hub's own webhook events are subscribed to by their whole names."
    if event_types.is_name(stem) or (stem == pattern and event_types.is_alias(pattern)):
        return None
    return "Expected a type such as contact.created, an alias such as CONTACT_CREATED, contact.* or *."


def _covers(pattern: str, event_type: str) -> bool:
    return pattern == EVERYTHING or (pattern.endswith(".*") and event_type.startswith(pattern[:-1]))


def _may_know(subscription: Subscription, event: Item) -> bool:
    """Say whether an event about a user is this subscription's business: its owner's, or the tenant's as a whole."""
    return "userId" not in event or subscription.item.get("owner", "") in ("", event["userId"])


def _is_meant(subscription: Subscription, event: Item) -> bool:
    text = subscription.item.get("filter") or ""
    if not text:
        return True
    return filters.compiled(text)(_document(event["type"], event["data"]))


@lru_cache(maxsize=4)
def _document(event_type: str, data: str) -> Any:
    """Return what filters look at; an event is asked about by many subscriptions in a row."""
    return {"type": event_type, "data": jsontext.load(data)}
