"""The OAuth client that tokens of a connection are asked for with: the tenant's own, or the operator's."""

import re
from typing import Any

from hub.connector.secrets import handle_for
from hub.connector.urls import BadUrl, origin
from hub.integrations.catalog.providers import ProviderEntry
from hub.providers.resolve import config_values

Json = dict[str, Any]

# Stands where no client is known; tokens that were entered work without one, until they end.
NO_CLIENT = "none"
_PLACE = re.compile(r"\{\{\s*(\w+)\s*\}\}", re.ASCII)


def client_of(entry: ProviderEntry, method: Json, fields: Json, settings: Json) -> tuple[str | None, bool]:
    """Return the id of the OAuth client, and whether it is the operator's.

    Its secret goes to the token servers that the catalogue names: who overrides the address in a tenant's settings
    brings a client of their own, or anybody could have the operator's secret sent to a host of their choice.
    """
    auth = method["auth"]
    if auth.get("type") != "oauth2" or "clientId" in auth:
        return None, False
    if "clientId" in fields:
        return str(fields["clientId"]), False
    client_id = entry.oauth_config.get("clientId")
    # The secret proves the client where tokens are asked for, and where they are given back.
    urls = [auth[name] for name in ("tokenUrl", "revocationUrl") if auth.get(name)]
    wanted = {_filled_origin(url, {**fields, **settings}) for url in urls}
    trusted = {_filled_origin(url, config_values(entry.config_schema, {})) for url in urls}
    trusted |= {_filled_origin(url, {}) for url in method.get("tokenOrigins", ())}
    is_trusted = bool(wanted) and None not in wanted and wanted <= trusted
    return (client_id, True) if client_id and is_trusted else (None, False)


def _filled_origin(url: str, values: Json) -> str | None:
    """Return where the URL leads; None where a value is missing. A value that leads it may hold names itself."""
    try:
        return origin(_filled(_filled(url, values), values))
    except (BadUrl, KeyError):
        return None


def _filled(text: str, values: Json) -> str:
    return _PLACE.sub(lambda place: str(values[place[1]]), text)


def with_client(method: Json, client_id: str | None) -> Json:
    """Return an OAuth method with a client in it, where it has none of its own."""
    auth = method["auth"]
    if auth.get("type") != "oauth2" or "clientId" in auth:
        return method
    return {**method, "auth": {**auth, "clientId": client_id or NO_CLIENT, "clientSecret": handle_for("")}}
