"""The catalogue as three specifications show it: S001's provider, S004's, and an item of S003's marketplace."""

from collections.abc import Iterable
from functools import partial
from typing import Any

from hub.connector.secrets import handle_for
from hub.core import jsontext
from hub.core.attributes import Item
from hub.integrations.catalog.availability import is_available
from hub.integrations.catalog.categories import in_v1
from hub.integrations.catalog.providers import ProviderEntry

Json = dict[str, Any]

# How a way to connect is called elsewhere (spec model, row 11); S001 has no word for none.
AUTH_TYPE_IN_S001 = {"oauth2": "oauth2", "basic": "basic", "custom": "custom", "none": "custom"}
AUTH_TYPE_IN_V1 = {"oauth2": "OAUTH2", "basic": "BASIC", "none": "NONE"}
_ALWAYS = (
    "category name displayName status audience capabilities supportedSyncDirections supportsRealtime supportsWebhooks"
    " supportsNotifications supportsBatch supportsSearch requiresUserScoping isPremium icon color".split()
)
_LISTS = ("availableEntities", "entityMappings", "notes")
_OPTIONAL = ("description", "requiredPlan", "apiVersion", "documentationUrl", "rateLimitRequests", "rateLimitWindow")
_IN_V1 = "description baseUrl apiVersion documentationUrl rateLimitRequests rateLimitWindow".split()


def provider(item: Item) -> Json:
    """Return S001's IntegrationProviderDocument."""
    config, capabilities = _oauth_config(item), jsontext.load(item["searchCapabilities"])
    shown = {
        "id": item["sk"],
        "provider": item["sk"],
        **{name: item[name] for name in _ALWAYS},
        "searchableEntities": item["searchableEntities"] or [],
        "authType": auth_type_in_s001(item["authKind"]),
        "authMethods": jsontext.load(item["methods"]),
        **{name: jsontext.load(item[name]) for name in _LISTS},
        "aliases": _aliases(item),
        "configSchema": jsontext.load(item["configSchema"]),
        "version": item["providerVersion"],
        **{name: item[name] for name in _OPTIONAL if item.get(name) is not None},
        "createdAt": item["createdAt"],
        "updatedAt": item["updatedAt"],
    }
    shown |= {"searchCapabilities": capabilities} if capabilities else {}
    return {**shown, "oauthConfig": config} if config else shown


def for_tenant(plans: Iterable[str], item: Item) -> Json:
    """Return the provider with whether a tenant with these plans may use it; whose client it is, is none of theirs."""
    shown = provider(item)
    if "oauthConfig" in shown:
        shown["oauthConfig"] = _without_client(shown["oauthConfig"])
    return {**shown, "available": is_available(item, plans)}


def for_admin(item: Item) -> Json:
    """Return the provider as the operator's list shows it."""
    made = {name: item[name] for name in ("isSeeded", "isCallable", "createdBy", "updatedBy")}
    return {**provider(item), **made, "revision": item["version"]}


def full(entry: ProviderEntry) -> Json:
    """Return the provider with its connector; no secret is in it."""
    shown = {**for_admin(entry.item), "connectorVersion": entry.version, "methods": entry.methods}
    return {**shown, "connector": entry.connector} if entry.connector else shown


def v1(plans: Iterable[str], item: Item) -> Json:
    """Return S004's IntegrationProvider."""
    config = _oauth_config(item)
    shown = {
        "id": item["sk"],
        "code": item["sk"],
        "name": item["displayName"],
        "category": in_v1(item["category"]),
        "configSchema": jsontext.load(item["configSchema"]),
        "authType": AUTH_TYPE_IN_V1.get(item["authKind"], "API_KEY"),
        **{name: item[name] for name in ("supportsWebhooks", "supportsBatch", "supportsRealtime")},
        **{name: item[name] for name in _IN_V1 if item.get(name) is not None},
        "status": item["status"].upper(),
        "available": is_available(item, plans),
        "createdAt": item["createdAt"],
        "updatedAt": item["updatedAt"],
    }
    return {**shown, "oauthConfig": _without_client(config)} if config else shown


def marketplace(plans: Iterable[str], item: Item) -> Json:
    """Return S003's IntegrationMarketplaceItem."""
    return {
        "id": item["sk"],
        "type": _aliases(item).get("teams", item["sk"]),
        "name": item["displayName"],
        **{name: item[name] for name in ("category", "icon", "color", "capabilities", "isPremium")},
        **{name: item[name] for name in ("description", "documentationUrl", "requiredPlan") if item.get(name)},
        "version": item["providerVersion"],
        "authType": auth_type_in_s001(item["authKind"]),
        "available": is_available(item, plans),
    }


def auth_type_in_s001(kind: str) -> str:
    return AUTH_TYPE_IN_S001.get(kind, "api_key")


def seen_by(view: Any, plans: Iterable[str]) -> Any:
    """Return a view of one tenant's as a view of an item."""
    return partial(view, tuple(plans))


def _aliases(item: Item) -> dict[str, str]:
    return {surface: name for surface, name in (jsontext.load(item["aliases"]) or {}).items() if name}


def _oauth_config(item: Item) -> Json | None:
    """Return the OAuth words, the secret of the client as a handle; None where the provider has none of it."""
    config = jsontext.load(item["oauthConfig"])
    has_secret = bool(config.pop("hasClientSecret", False))
    if not config:
        return None
    secret = {"clientSecret": handle_for("")} if has_secret else {}
    return {**config, **secret, "hasClientSecret": has_secret}


def _without_client(config: Json) -> Json:
    """A tenant needs to know that there is a client, not which."""
    return {name: value for name, value in config.items() if name not in ("clientId", "clientSecret")}
