"""A provider's definition as one integration calls it: addresses, authentication and its own overrides filled in."""

from functools import lru_cache
from typing import Any

from hub.connector.urls import BadUrl, origin
from hub.core import jsontext
from hub.core.attributes import Item
from hub.core.errors import BadDefinition, HubError
from hub.integrations.catalog.providers import ProviderEntry
from hub.providers.resolve import resolve

Json = dict[str, Any]

KEPT = 128
MIN_TIMEOUT_MS, MAX_TIMEOUT_MS = 1000, 120_000
DEFAULT_RETRIES, MAX_RETRIES = 3, 10


def overrides(integration: Item) -> str:
    """Return the words of the definition that an integration sets itself, as JSON text."""
    changed: Json = {}
    if (timeout_s := integration.get("timeoutSeconds")) is not None:
        changed["timeout"] = min(max(int(timeout_s) * 1000, MIN_TIMEOUT_MS), MAX_TIMEOUT_MS)
    if integration.get("retryEnabled") is False:
        changed["maxRetries"] = 0
    elif (retries := integration.get("maxRetries")) is not None:
        changed["maxRetries"] = min(max(int(retries), 0), MAX_RETRIES)
    return jsontext.dump(changed)


def text_of(entry: ProviderEntry, method: Json, values: Json, integration: Item) -> tuple[str, HubError | None]:
    """Return the definition as text; where a value is missing, the provider's own with what is wrong with it."""
    try:
        text = str(entry.connector_item["definition"])
        return _resolved_text(text, jsontext.dump(method), jsontext.dump(values), overrides(integration)), None
    except BadDefinition as fault:
        return jsontext.dump(entry.connector), fault


@lru_cache(maxsize=KEPT)
def _resolved_text(entry_text: str, method: str, values: str, overrides: str) -> str:
    """Return the definition as it is called; its compiled plans are kept by this very text."""
    connector, changed = jsontext.load(entry_text)["connector"], jsontext.load(overrides)
    definition = resolve(connector, jsontext.load(method), jsontext.load(values))
    retries = changed.pop("maxRetries", None)
    if retries is not None and retries != _retries_of(definition):
        definition["retryConfig"] = {**(definition.get("retryConfig") or {}), "maxRetries": retries}
    return jsontext.dump({**definition, **changed})


def _retries_of(definition: Json) -> int:
    return int((definition.get("retryConfig") or {}).get("maxRetries", DEFAULT_RETRIES))


@lru_cache(maxsize=KEPT)
def destinations_of(text: str) -> frozenset[str]:
    """Return the origins that a definition leads to: of its calls, and of the requests for its tokens."""
    definition = jsontext.load(text)
    auth = definition.get("auth") or {}
    addresses = [definition.get("baseUrl"), auth.get("tokenUrl"), auth.get("revocationUrl")]
    addresses += [endpoint.get("baseUrl") for endpoint in definition.get("endpoints", ())]
    return frozenset(_origin_or_text(address) for address in addresses if address)


def _origin_or_text(url: str) -> str:
    """A URL that cannot be read is an origin of its own, so that no secret follows it."""
    try:
        return origin(url)
    except BadUrl:
        return url
