"""Integrations: what a tenant, or one of its users, made of a provider. One model under the surfaces of four APIs.

An item of the config table:

    providerId, provider (slug), category, authKind (of the provider's first method), name, displayName?, description,
    icon, status (see `status_words`), statusBefore? (of a deleted one), environment (PRODUCTION, SANDBOX, TEST),
    settings (JSON text), surface (tenant, cards, teams, v1), teamsType?, cardsProvider?, owner ("tenant" or
    "user:<id>"), userScoped, allowedShardTypes, searchEnabled, searchableEntities, retryEnabled, maxRetries?,
    timeoutSeconds?, syncFrequency?, enabledAt?, enabledBy?, uniqueName (of its uniqueness item), version (lock),
    createdAt, createdBy, updatedAt, updatedBy, connectedAt?, lastError?, lastErrorAt?, lastTestedAt?,
    lastTestResult?, lastSyncAt?, nextSyncAt?, deletedAt?, expiresEpochS?

A custom integration (isCustom) has an item in the same partition; `hub.integrations.custom` writes that one.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from hub.core import clock, jsontext
from hub.core.attributes import Item
from hub.core.caller import Tenant
from hub.core.errors import Conflict, IntegrationNotFound
from hub.core.expressions import setting
from hub.core.ids import new_id
from hub.core.journal import Change
from hub.core.tables import IS_NEW, IS_UNCHANGED, ConditionFailed, Delete, Key, Put, Table, Update, key, partition
from hub.integrations.instances.status_words import ACTIVE, DELETED, PAUSED

if TYPE_CHECKING:
    from hub.integrations.catalog.providers import ProviderEntry

Json = dict[str, Any]

KIND = "integration"
TENANTS = "tenant"
DEFAULT_TIMEOUT_S, DEFAULT_RETRIES = 30, 3
CUSTOM_HINT = "Change it at /api/v1/custom-integrations/{id}: it is a custom integration, with a definition of its own."


@dataclass(frozen=True)
class NewIntegration:
    """What a surface asks for; `unique_name` is what nothing else of the tenant may be called (see `*_name`)."""

    surface: str
    name: str
    unique_name: str
    status: str
    owner: str = TENANTS
    settings: Json = field(default_factory=dict)
    environment: str = "PRODUCTION"
    # Any other field of the item.
    more: Mapping[str, Any] = field(default_factory=dict)


def cards_name(user: str, provider: str) -> str:
    return f"integration#cards#{user}#{provider}"


def v1_name(provider: str, environment: str) -> str:
    return f"integration#v1#{provider}#{environment}"


def tenant_name(name: str) -> str:
    return f"integration#tenant#{name}"


def teams_name(name: str) -> str:
    return f"integration#teams#{name}"


def owner_of_user(user: str) -> str:
    return f"user:{user}"


def get(config: Table, tenant: Tenant, integration_id: str, user: str = "") -> Item:
    """Return the integration, a custom one too; raises IntegrationNotFound, also for that of another user."""
    found = config.get(key(tenant, KIND, integration_id))
    if found is None or found["status"] == DELETED or not is_visible(found, user):
        raise IntegrationNotFound
    return found


def get_deleted(config: Table, tenant: Tenant, integration_id: str, user: str = "") -> Item:
    """Return an integration that can be restored; raises IntegrationNotFound, Conflict where it was not deleted."""
    found = config.get(key(tenant, KIND, integration_id))
    if found is None or not is_visible(found, user):
        raise IntegrationNotFound
    if found["status"] != DELETED:
        raise Conflict("The integration is not deleted.")
    if found["expiresEpochS"] <= clock.epoch_s():
        raise IntegrationNotFound
    return found


def list_all(config: Table, tenant: Tenant, user: str = "") -> list[Item]:
    """Return the tenant's integrations, custom ones too, and the user's own."""
    found = config.query_all("pk = :pk", {"pk": partition(tenant, KIND)})
    return [item for item in found if item["status"] != DELETED and is_visible(item, user)]


def is_visible(item: Item, user: str) -> bool:
    """Say whether the integration is the tenant's, or this user's own."""
    owner = item.get("owner", TENANTS)
    return owner == TENANTS or (bool(user) and owner == owner_of_user(user))


def find_unique(config: Table, tenant: Tenant, unique_name: str) -> Item | None:
    """Return the integration that holds the name."""
    claim = config.get(name_place(tenant, unique_name))
    found = config.get(key(tenant, KIND, claim["holder"])) if claim else None
    return None if found is None or found["status"] == DELETED else found


def name_place(tenant: Tenant, unique_name: str) -> Key:
    return key(tenant, "unique", unique_name)


def name_claim(change: Change, unique_name: str, integration_id: str) -> Put:
    item = {**name_place(change.caller.tenant, unique_name), "holder": integration_id, "isNameClaim": True}
    return Put(change.tables.config, item, IS_NEW)


def create(change: Change, entry: "ProviderEntry", wanted: NewIntegration) -> Item:
    """Add a new integration to `change` and return it; what is wanted was checked (see `settings`)."""
    from hub.integrations.catalog import uses

    item = _new_item(change, entry, wanted)
    change.add(Put(change.tables.config, item, IS_NEW), name_claim(change, wanted.unique_name, item["sk"]))
    change.add(*uses.added(change.tables.config, change.caller.tenant, entry.id, item["sk"]))
    facts = {"name": wanted.name, "provider": entry.id, "surface": wanted.surface}
    change.audit("integration.created", item["sk"], **facts)
    tell(change, item, "integration.created", {"integrationId": item["sk"]})
    return item


def alter(change: Change, before: Item, fields: Mapping[str, Any]) -> Item:
    """Add what differs to `change` and return the integration as it will be.

    Several steps of one request may alter the same integration: they become one write.
    """
    changed = {name: value for name, value in fields.items() if before.get(name) != value}
    former = change.pending(change.tables.config, _place(before))
    if former is None:
        changed |= {**_stamp(change), "version": before["version"] + 1}
        read = {"version_read": before["version"]}
        expression, new = setting(changed)
        change.add(Update(change.tables.config, _place(before), expression, {**new, **read}, IS_UNCHANGED))
    elif isinstance(former, Put):
        change.replace(former, Put(former.table, {**former.item, **changed}, former.only_if, former.values))
    elif isinstance(former, Update):
        change.replace(former, _extended(former, changed))
    return {**before, **changed}


def as_written(change: Change, item: Item) -> Item:
    """Return the integration as all steps of the change together write it."""
    write = change.pending(change.tables.config, _place(item))
    if isinstance(write, Put):
        return write.item
    values = write.values if isinstance(write, Update) else {}
    fields = {name.removeprefix("new_"): value for name, value in values.items() if name.startswith("new_")}
    return {**item, **fields}


def _extended(former: Update, changed: Mapping[str, Any]) -> Update:
    """Return the update with more to set; it was made by `setting`, as each update of an integration here."""
    more, new = setting(changed)
    sets = [part for part in former.change.removeprefix("SET ").split(", ") if part.split(" ")[0] not in changed]
    wanted = ", ".join([*sets, *more.removeprefix("SET ").split(", ")]) if changed else ", ".join(sets)
    return Update(former.table, former.key, f"SET {wanted}", {**former.values, **new}, former.only_if)


def mark_connected(change: Change, item: Item) -> Item:
    """Add to `change` that the integration has credentials now: it is active unless it was switched off."""
    status = PAUSED if item["status"] == PAUSED else ACTIVE
    fresh = {"status": status, "connectedAt": clock.now(), "lastError": None, "lastErrorAt": None}
    enabled = {} if status == PAUSED or item.get("enabledAt") else enabling(change)
    return alter(change, item, {**fresh, **enabled})


def enabling(change: Change) -> Item:
    return {"enabledAt": clock.now(), "enabledBy": change.caller.actor}


def tell(change: Change, item: Item, event_type: str, data: Json) -> None:
    """Add an event about an integration to `change`; one of a user's own concerns no other user."""
    owner = item.get("owner", TENANTS)
    change.tell(event_type, data, "" if owner == TENANTS else owner.removeprefix("user:"))


def must_not_be_custom(item: Item) -> None:
    """Refuse to change what only the definition of a custom integration says."""
    if item.get("isCustom"):
        raise Conflict(CUSTOM_HINT.format(id=item["sk"]))


def explain(failure: ConditionFailed, hint: str) -> Conflict:
    """Say which condition of a change failed; `hint` is for a name that is taken."""
    if failure.found and failure.found.get("isNameClaim"):
        return Conflict(hint)
    return Conflict("The integration was changed by another request; read it again.")


def release_name(change: Change, item: Item) -> None:
    """Add to `change` that another integration may have the name from now on."""
    holder = {"holder": item["sk"]}
    place = name_place(change.caller.tenant, item["uniqueName"])
    change.add(Delete(change.tables.config, place, "holder = :holder", holder))


def _new_item(change: Change, entry: "ProviderEntry", wanted: NewIntegration) -> Item:
    made = entry.item
    return {
        **key(change.caller.tenant, KIND, new_id("int")),
        "providerId": entry.id,
        "provider": entry.id,
        "category": made["category"],
        "authKind": entry.methods[0]["kind"] if entry.methods else "none",
        "name": wanted.name,
        "description": None,
        "icon": made.get("icon"),
        "integrationType": "rest_api",
        "status": wanted.status,
        "environment": wanted.environment,
        "settings": jsontext.dump(wanted.settings),
        "surface": wanted.surface,
        "owner": wanted.owner,
        "uniqueName": wanted.unique_name,
        "retryEnabled": True,
        "storedSecrets": [],
        "missingSecrets": [],
        **(enabling(change) if wanted.status == ACTIVE else {}),
        **wanted.more,
        **_stamp(change),
        "createdAt": clock.now(),
        "createdBy": change.caller.actor,
        "version": 1,
    }


def _stamp(change: Change) -> Item:
    return {"updatedAt": clock.now(), "updatedBy": change.caller.actor}


def _place(item: Item) -> Key:
    return {"pk": item["pk"], "sk": item["sk"]}
