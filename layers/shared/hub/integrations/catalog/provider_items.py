"""A provider between its two forms: the document that people and files write, and the item that is stored."""

import re
from typing import Any

from hub.core import jsontext
from hub.core.attributes import Item
from hub.integrations.catalog.providers import ProviderEntry
from hub.providers.resolve import config_values

Json = dict[str, Any]

PLAIN = (
    "name displayName description category status audience capabilities supportedSyncDirections supportsRealtime"
    " supportsWebhooks supportsNotifications supportsBatch supportsSearch searchableEntities requiresUserScoping icon"
    " color isPremium requiredPlan apiVersion documentationUrl rateLimitRequests rateLimitWindow".split()
)
AS_TEXT = "availableEntities entityMappings searchCapabilities aliases notes configSchema".split()
OAUTH_ADDRESSES = ("authorizationUrl", "tokenUrl", "revocationUrl")
_PLACE = re.compile(r"\{\{\s*(\w+)\s*\}\}", re.ASCII)


def fields_of(document: Json) -> Item:
    """Return what the provider's item holds of a document: JSON-valued parts as text, and what follows from others."""
    methods = document.get("methods") or []
    shown = [{"kind": each["kind"], "fields": each.get("fields", [])} for each in methods]
    return {
        **{name: document.get(name) for name in PLAIN},
        **{name: jsontext.dump(document.get(name)) for name in AS_TEXT},
        "providerVersion": document["version"],
        "authKind": methods[0]["kind"] if methods else document.get("authType") or "custom",
        "methods": jsontext.dump(shown),
        "baseUrl": _known_address((document.get("connector") or {}).get("baseUrl"), document["configSchema"]),
        "oauthConfig": jsontext.dump(_oauth_config(document)),
    }


def definition_text(document: Json) -> str:
    """Return what the connector's item holds of a document."""
    return jsontext.dump({"connector": document.get("connector") or {}, "methods": document.get("methods") or []})


def document_of(entry: ProviderEntry) -> Json:
    """Return the document that makes this provider, without what is not set."""
    item = entry.item
    document: Json = {name: item.get(name) for name in PLAIN} | {name: jsontext.load(item[name]) for name in AS_TEXT}
    document |= {"provider": entry.id, "version": item["providerVersion"], "oauthConfig": _own_oauth_config(entry)}
    definition: Json = jsontext.load(entry.connector_item["definition"])
    if definition["methods"]:
        document |= {"connector": definition["connector"], "methods": definition["methods"]}
    elif item["authKind"] != "none":
        document["authType"] = item["authKind"]
    return {name: value for name, value in document.items() if value not in (None, {})}


def with_defaults(text: str, config_schema: Json) -> str | None:
    """Return an address with the defaults of the settings in it, None where one has no default."""
    values = config_values(config_schema, {})
    if not all(found[1] in values for found in _PLACE.finditer(text)):
        return None
    filled = _PLACE.sub(lambda found: str(values[found[1]]).rstrip("/"), text)
    return None if "{{" in filled else filled  # a default that is made of a field of the connection


def oauth_method(document: Json) -> Json | None:
    """Return the first way to connect that is a consent page or a client's own grant."""
    return next((each for each in document.get("methods") or [] if each["auth"].get("type") == "oauth2"), None)


def _known_address(text: str | None, config_schema: Json) -> str | None:
    return with_defaults(text, config_schema) if text else None


def _own_oauth_config(entry: ProviderEntry) -> Json:
    """Return the part that was written as such: addresses and scopes of a method stand in the method."""
    config = entry.oauth_config
    if oauth_method({"methods": entry.methods}) is None:
        return {name: value for name, value in config.items() if name != "hasClientSecret"}
    chosen = "oauthConfig.scopes" in entry.item["adminSet"]
    return {name: config[name] for name in ("clientId", *(("scopes",) if chosen else ())) if name in config}


def _oauth_config(document: Json) -> Json:
    """Return `{authorizationUrl?, tokenUrl?, revocationUrl?, scopes?, clientId?}`: of the method, else as written."""
    written = document.get("oauthConfig") or {}
    method = oauth_method(document)
    if method is None:
        return {name: value for name, value in written.items() if value is not None}
    auth, schema = method["auth"], document["configSchema"]
    addresses = {name: with_defaults(auth[name], schema) for name in OAUTH_ADDRESSES if auth.get(name)}
    scopes = written.get("scopes") or (auth.get("scope") or "").split(auth.get("scopeSeparator", " "))
    found = {**addresses, "scopes": [each for each in scopes if each], "clientId": written.get("clientId")}
    return {name: value for name, value in found.items() if value is not None}
