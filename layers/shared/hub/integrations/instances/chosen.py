"""Which integrations a list request asks for."""

from collections.abc import Iterable, Mapping

from hub.core.attributes import Item
from hub.integrations.instances.beside import CUSTOM
from hub.integrations.instances.status_words import TENANT, TENANT_WORDS, V1, V1_WORDS, one_of

ENVIRONMENTS = ("PRODUCTION", "SANDBOX", "TEST")
_SEARCHED = ("name", "displayName", "description")


def tenant(items: Iterable[Item], query: Mapping[str, str]) -> list[Item]:
    """Return those that `status`, `providerName` and `search` leave (S001); raises BadRequest."""
    status = one_of("status", query.get("status"), TENANT_WORDS)
    provider = query.get("providerName")
    return [
        item
        for item in items
        if status in (None, TENANT[item["status"]]) and provider in (None, _provider(item)) and _is_found(item, query)
    ]


def v1(items: Iterable[Item], query: Mapping[str, str]) -> list[Item]:
    """Return those that `status`, `providerId`, `environment` and `search` leave (S004); raises BadRequest."""
    status = one_of("status", query.get("status"), V1_WORDS)
    environment = one_of("environment", query.get("environment"), ENVIRONMENTS)
    provider = query.get("providerId")
    return [
        item
        for item in items
        if status in (None, V1[item["status"]])
        and environment in (None, item.get("environment", "PRODUCTION"))
        and provider in (None, _provider(item))
        and _is_found(item, query)
    ]


def cards(items: Iterable[Item]) -> list[Item]:
    """Return what users have connected for themselves (S002)."""
    return [item for item in items if item.get("surface") == "cards"]


def _provider(item: Item) -> str:
    return CUSTOM if item.get("isCustom") else str(item["provider"])


def _is_found(item: Item, query: Mapping[str, str]) -> bool:
    text = query.get("search", "").lower()
    return any(text in str(item.get(name) or "").lower() for name in _SEARCHED)
