"""Integrations as the freight specification (S004) writes them."""

from typing import TYPE_CHECKING, Any

from hub.core.attributes import Item
from hub.core.errors import BadDefinition, Problem
from hub.integrations.instances import lifecycle
from hub.integrations.instances.beside import Instance
from hub.integrations.instances.changing import Wish
from hub.integrations.instances.integrations import (
    DEFAULT_RETRIES,
    DEFAULT_TIMEOUT_S,
    TENANTS,
    NewIntegration,
    v1_name,
)
from hub.integrations.instances.settings import settings_of
from hub.integrations.instances.status_words import V1, V1_ENABLED

if TYPE_CHECKING:
    from hub.integrations.catalog.providers import ProviderEntry
    from hub.integrations.instances.v1_models import IntegrationUpdate, IntegrationWords
    from hub.integrations.instances.v1_models import NewIntegration as NewIntegrationBody

Json = dict[str, Any]

AUTH_TYPES = {"oauth2": "OAUTH2", "basic": "BASIC", "none": "NONE"}


def one(shown: Instance) -> Json:
    """Return S004's Integration, see `v1_models.Integration`."""
    item, connection = shown.item, shown.connection or {}
    owner = item.get("owner", TENANTS)
    return {
        "id": shown.id,
        "tenantId": shown.tenant_id,
        "providerId": shown.provider,
        "name": item["name"],
        "description": item.get("description"),
        "config": settings_of(item),
        "environment": item.get("environment") or "PRODUCTION",
        "authType": auth_type(connection.get("method") or item.get("authKind") or "none"),
        "oauthExpiresAt": connection.get("expiresAt"),
        "status": V1[item["status"]],
        "lastSuccessfulCall": last_success(item),
        "lastError": shown.error or item.get("lastError"),
        "lastErrorAt": item.get("lastErrorAt"),
        "errorCount": int(item["status"] == "error"),
        "isEnabled": V1_ENABLED[item["status"]],
        **_calling(item),
        "syncFrequency": item.get("syncFrequency"),
        **{name: item.get(name) for name in ("lastSyncAt", "nextSyncAt")},
        **{name: item[name] for name in ("createdAt", "updatedAt", "createdBy")},
        "surface": item.get("surface") or "custom",
        "owner": None if owner == TENANTS else owner.removeprefix("user:"),
        "version": shown.version,
    }


def auth_type(kind: str) -> str:
    """Return S004's word for a method; any token or header that was entered is an API key to it."""
    return AUTH_TYPES.get(kind, "API_KEY")


def last_success(item: Item) -> str | None:
    """Return when the integration was last seen to work: by a test or by a sync."""
    tested = item.get("lastTestedAt") if item.get("lastTestResult") == "success" else None
    return max(filter(None, (tested, item.get("lastSyncAt"))), default=None)


def _calling(item: Item) -> Json:
    retries, timeout_s = item.get("maxRetries"), item.get("timeoutSeconds")
    return {
        "retryEnabled": item.get("retryEnabled", True),
        "maxRetries": DEFAULT_RETRIES if retries is None else retries,
        "timeoutSeconds": DEFAULT_TIMEOUT_S if timeout_s is None else timeout_s,
    }


def wanted(entry: "ProviderEntry", body: "NewIntegrationBody") -> NewIntegration:
    """Return what S004's CreateIntegrationDto asks for."""
    environment, status = body.environment or "PRODUCTION", lifecycle.start_status(entry)
    unique = v1_name(entry.id, environment)
    return NewIntegration(
        "v1", body.name, unique, status, settings=body.config, environment=environment, more=_fields(body)
    )


def wish(shown: Instance, entry: "ProviderEntry", body: "IntegrationUpdate") -> Wish:
    """Return the whole integration anew: what was left out gets its default, the environment stays.

    Raises BadDefinition for another provider.
    """
    if body.providerId not in (None, entry.id):
        problem = Problem("/providerId", f"expected {entry.id!r}: the provider of an integration stays")
        raise BadDefinition("An integration of another provider is another integration.", [problem])
    environment = body.environment or shown.item.get("environment") or "PRODUCTION"
    fields = {**_fields(body), "name": body.name, "environment": environment}
    return Wish(fields, body.config, credentials(entry, body), "")


def credentials(entry: "ProviderEntry", body: "IntegrationWords") -> Json | None:
    """Return the credentials that an `apiKey` is to this provider."""
    if body.apiKey is None:
        return None
    from hub.integrations.connections.methods import KEYS, with_one_secret

    return with_one_secret(entry, KEYS, body.apiKey)


def _fields(body: "IntegrationWords") -> Json:
    frequency = body.syncFrequency
    return {
        "description": body.description,
        "timeoutSeconds": DEFAULT_TIMEOUT_S if body.timeoutSeconds is None else body.timeoutSeconds,
        "retryEnabled": body.retryEnabled,
        "maxRetries": DEFAULT_RETRIES if body.maxRetries is None else body.maxRetries,
        "syncFrequency": None if frequency is None else str(frequency),
    }
