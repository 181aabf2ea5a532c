"""Which providers of the catalogue a list request asks for."""

from collections.abc import Iterable, Mapping

from hub.core.attributes import Item
from hub.core.errors import BadRequest
from hub.integrations.catalog.availability import SHOWN, is_listed
from hub.integrations.catalog.categories import canonical

STATUSES = ("active", "beta", "deprecated", "disabled")
AUDIENCES = ("system", "tenant")
QUERY = {
    "limit": "How many, 1 to 100",
    "offset": "How many to skip",
    "cursor": "Where to go on",
    "category": "One category, such as crm or CRM",
    "search": "A part of the id, the names, the description or a capability",
}
_SEARCHED = ("sk", "name", "displayName", "description")


def is_in(item: Item, category: str) -> bool:
    """Say whether a provider is in the category, in either way of writing."""
    return bool(item["category"] == canonical(category))


def of_all(items: Iterable[Item], query: Mapping[str, str]) -> list[Item]:
    """Return what `category`, `status`, `audience` and `search` leave; raises BadRequest."""
    status, audience = _one_of(query, "status", STATUSES), _one_of(query, "audience", AUDIENCES)
    return [
        item
        for item in _matching(items, query)
        if status in (None, item["status"]) and audience in (None, item["audience"])
    ]


def listed(items: Iterable[Item], query: Mapping[str, str]) -> list[Item]:
    """Return what a tenant sees of it."""
    return [item for item in _matching(items, query) if is_listed(item)]


def in_v1(items: Iterable[Item], query: Mapping[str, str]) -> list[Item]:
    """Return what S004's list shows: the active ones, others only where `status` asks for them."""
    status = _one_of({"status": canonical(query.get("status", "active"))}, "status", STATUSES)
    found = [item for item in _matching(items, query) if item["audience"] == "tenant"]
    return [item for item in found if item["status"] == status and status in SHOWN]


def _matching(items: Iterable[Item], query: Mapping[str, str]) -> list[Item]:
    text = query.get("search", "").lower()
    return [
        item
        for item in items
        if ("category" not in query or is_in(item, query["category"]))
        and any(text in str(each or "").lower() for each in _texts(item))
    ]


def _texts(item: Item) -> list[str]:
    return [*(item.get(name) or "" for name in _SEARCHED), *item["capabilities"]]


def _one_of(query: Mapping[str, str], name: str, words: tuple[str, ...]) -> str | None:
    found = query.get(name)
    if found is not None and found not in words:
        raise BadRequest(f"`{name}` must be one of {', '.join(words)}, found {found[:40]!r}.")
    return found
