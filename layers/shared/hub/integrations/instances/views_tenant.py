"""Integrations as the catalogue specification (S001) writes them."""

from typing import TYPE_CHECKING, Any

from hub.integrations.instances import lifecycle
from hub.integrations.instances.beside import Instance
from hub.integrations.instances.changing import Wish
from hub.integrations.instances.integrations import NewIntegration, tenant_name
from hub.integrations.instances.settings import merged, settings_of
from hub.integrations.instances.status_words import DRAFT, TENANT

if TYPE_CHECKING:
    from hub.integrations.catalog.providers import ProviderEntry
    from hub.integrations.instances.tenant_models import NewTenantIntegration, TenantIntegrationPatch

Json = dict[str, Any]


def one(shown: Instance) -> Json:
    """Return S001's IntegrationDocument, see `tenant_models.TenantIntegration`."""
    item = shown.item
    return {
        "id": shown.id,
        "tenantId": shown.tenant_id,
        "integrationId": item.get("providerId"),
        "providerName": shown.provider,
        "category": item.get("category") or "custom",
        "name": item["name"],
        "displayName": item.get("displayName") or item["name"],
        "description": item.get("description"),
        "icon": item.get("icon"),
        "status": TENANT[item["status"]],
        "settings": settings_of(item),
        "allowedShardTypes": item.get("allowedShardTypes") or [],
        "searchEnabled": bool(item.get("searchEnabled")),
        "searchableEntities": item.get("searchableEntities") or [],
        "userScoped": bool(item.get("userScoped")),
        "connectionStatus": shown.connection_status,
        "lastConnectedAt": _last_connected(shown),
        **{name: item.get(name) for name in ("lastSyncAt", "lastTestedAt", "lastTestResult")},
        "error": shown.error,
        **{name: item.get(name) for name in ("enabledAt", "enabledBy")},
        **{name: item[name] for name in ("createdAt", "createdBy", "updatedAt", "updatedBy")},
        "version": shown.version,
    }


def _last_connected(shown: Instance) -> str | None:
    """Return when it was connected last; an OAuth client that was entered is no connection yet."""
    connection = shown.connection or {}
    is_pending = connection.get("status") == "revoked" and "revokedAt" not in connection
    at: str | None = None if is_pending else connection.get("connectedAt")
    return at or shown.item.get("connectedAt")


def activated(shown: Instance) -> Json:
    """Return `{id, status, enabledAt, enabledBy}`; a custom integration was enabled by its last change."""
    item = shown.item
    at, by = item.get("enabledAt") or item["updatedAt"], item.get("enabledBy") or item["updatedBy"]
    return {"id": shown.id, "status": TENANT[item["status"]], "enabledAt": at, "enabledBy": by}


def deactivated(shown: Instance) -> Json:
    item = shown.item
    return {"id": item["sk"], "status": TENANT[item["status"]], "updatedAt": item["updatedAt"]}


def widget_status(shown: Instance) -> Json:
    """Return what a widget shows; what is not known is left out."""
    view = one(shown)
    known = {name: view[name] for name in ("connectionStatus", "lastConnectedAt", "lastSyncAt", "error")}
    present = {name: value for name, value in known.items() if value is not None}
    return {"integrationId": shown.id, "name": view["name"], "status": view["status"], **present}


def wanted(entry: "ProviderEntry", body: "NewTenantIntegration") -> NewIntegration:
    """Return what S001's create asks for; it waits for credentials, or to be activated."""
    provider = entry.item
    known = provider.get("searchableEntities") or []
    more = {
        "description": body.description,
        "icon": body.icon or provider.get("icon"),
        "allowedShardTypes": body.allowedShardTypes,
        "searchEnabled": bool(provider.get("supportsSearch")) if body.searchEnabled is None else body.searchEnabled,
        "searchableEntities": known if body.searchableEntities is None else body.searchableEntities,
        "userScoped": bool(provider.get("requiresUserScoping")) if body.userScoped is None else body.userScoped,
    }
    status = lifecycle.start_status(entry, otherwise=DRAFT)
    return NewIntegration("tenant", body.name, tenant_name(body.name), status, settings=body.settings, more=more)


def wish(shown: Instance, body: "TenantIntegrationPatch") -> Wish:
    """Return what a partial IntegrationDocument changes; null takes away what may be missing."""
    given = body.model_dump(exclude_unset=True)
    settings = given.pop("settings", None)
    fields = {name: value for name, value in given.items() if value is not None or name in ("description", "icon")}
    return Wish(fields, None if settings is None else merged(settings_of(shown.item), settings))
