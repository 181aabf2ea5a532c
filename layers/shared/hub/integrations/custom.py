"""Custom integrations (spec S000): the tenant's own connector definition and the integration of the same id.

Two items in the config table: the connector (definition, version) and the integration (status, what was last tested).
Secrets leave the definition before it is stored: it keeps handles `{{encrypted:...}}`, the vault keeps ciphertext.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from hub.connector.definition import check_definition, merge_definition
from hub.connector.secrets import extract_secrets, origins, secret_handles
from hub.core import clock, jsontext
from hub.core.attributes import Item
from hub.core.caller import Tenant
from hub.core.errors import BadDefinition, BadHandle, BadRequest, Conflict, IntegrationNotFound, Problem
from hub.core.ids import new_id
from hub.core.journal import DAY_S, Change
from hub.core.listing import Listing
from hub.core.tables import IS_NEW, IS_UNCHANGED, ConditionFailed, Delete, Put, Table, Update, key, partition
from hub.core.vault import Vault

Json = dict[str, Any]

RESTORABLE_DAYS = 31
CREDENTIALS_KIND = "connector"
# What S000 calls the states; an inactive integration is one that was never activated, or was switched off.
STATUS_IN_S000 = {"draft": "inactive", "pending_auth": "inactive", "active": "active", "paused": "inactive"}
_WRITABLE_STATUS = {"active": "active", "inactive": "paused"}


@dataclass(frozen=True)
class CustomIntegration:
    """The two items of one custom integration, read together."""

    integration: Item
    connector: Item

    @property
    def id(self) -> str:
        return str(self.integration["sk"])

    @property
    def definition(self) -> Json:
        raw: Json = jsontext.parse(self.connector["definition"].encode())
        return raw


def create(change: Change, vault: Vault, body: Json) -> CustomIntegration:
    """Add a new custom integration to `change`; raises BadDefinition with every fault, Conflict is found on commit."""
    raw, status = _split_status(body, default="draft")
    check_definition(raw)
    definition, secrets = extract_secrets(raw)
    _refuse_unknown_handles(definition, known=set(secrets))
    made = _new_items(change, definition, status)
    change.add(
        Put(change.tables.config, made.integration, IS_NEW),
        Put(change.tables.config, made.connector, IS_NEW),
        _name_claim(change, definition["name"], made.id),
    )
    _store_secrets(change, vault, made.id, secrets)
    change.audit("integration.created", made.id, name=definition["name"])
    return made


def get(config: Table, tenant: Tenant, integration_id: str) -> CustomIntegration:
    places = [key(tenant, kind, integration_id) for kind in ("integration", "connector")]
    found = {item["pk"]: item for item in config.batch_get(places)}
    integration, connector = (found.get(place["pk"]) for place in places)
    if integration is None or connector is None or integration["status"] == "deleted":
        raise IntegrationNotFound
    return CustomIntegration(integration, connector)


def list_all(config: Table, tenant: Tenant) -> list[Item]:
    """Return the integration items of the tenant's own connectors, deleted ones left out."""
    found = config.query_all("pk = :pk", {"pk": partition(tenant, "integration")})
    return [item for item in found if item.get("isCustom") and item["status"] != "deleted"]


def chosen(integrations: list[Item], query: Mapping[str, str]) -> list[Item]:
    """Return those that `status`, `type` and `search` of a list request leave."""
    status, kind, text = query.get("status"), query.get("type"), query.get("search", "").lower()
    return [
        item
        for item in integrations
        if status in (None, STATUS_IN_S000.get(item["status"], "error"))
        and kind in (None, item["integrationType"], item["integrationType"].removesuffix("_api"))
        and any(text in str(item.get(name) or "").lower() for name in ("name", "displayName", "description"))
    ]


def with_connectors(config: Table, tenant: Tenant, listing: Listing) -> Listing:
    """Return the same page with each integration's connector beside it."""
    places = [key(tenant, "connector", item["sk"]) for item in listing.items]
    connectors = {item["sk"]: item for item in config.batch_get(places)}
    return replace(listing, items=[CustomIntegration(item, connectors[item["sk"]]) for item in listing.items])


def update(change: Change, vault: Vault, current: CustomIntegration, patch: Json) -> CustomIntegration:
    """Add the merged definition to `change` as the next version; secrets that were entered for another origin go."""
    patch, status = _split_status(patch, default=current.integration["status"])
    raw = merge_definition(current.definition, patch)
    check_definition(raw)
    definition, secrets = extract_secrets(raw)
    stored = secret_handles(current.definition) - set(current.integration["missingSecrets"])
    _refuse_unknown_handles(definition, known=stored | secrets.keys() | set(current.integration["missingSecrets"]))
    missing = _missing_after(current, definition, stored, set(secrets))
    changed = _changed_items(change, current, definition, status, missing)
    _add_update(change, current, changed, definition["name"])
    _store_secrets(change, vault, current.id, secrets, secret_handles(definition) & stored - set(missing))
    change.audit("integration.updated", current.id, fields=sorted(patch), version=changed.connector["version"])
    return changed


def delete(change: Change, current: CustomIntegration) -> None:
    """Add a soft deletion to `change`: 404 from now on, restorable for 31 days, then gone with its credentials."""
    config, expires = change.tables.config, int(clock.epoch_s()) + RESTORABLE_DAYS * DAY_S
    now, version = clock.now(), {"version_read": current.connector["version"]}
    tenant, expiry = change.caller.tenant, {"expires": expires}
    change.add(
        Update(
            config,
            key(tenant, "integration", current.id),
            "SET status = :status, deletedAt = :now, expiresEpochS = :expires",
            {"status": "deleted", "now": now, **expiry},
        ),
        Update(
            config,
            key(tenant, "connector", current.id),
            "SET expiresEpochS = :expires",
            {**expiry, **version},
            IS_UNCHANGED,
        ),
        Delete(config, _name_place(change, current.integration["name"])),
    )
    if secret_handles(current.definition):
        place = key(tenant, CREDENTIALS_KIND, current.id)
        change.add(Update(change.tables.credentials, place, "SET expiresEpochS = :expires", expiry))
    change.audit("integration.deleted", current.id, name=current.integration["name"])


def explain_conflict(failure: ConditionFailed, name: str) -> Conflict:
    """Say which of the conditions of a create or an update failed."""
    if failure.found and failure.found.get("isNameClaim"):
        return Conflict(f"An integration named {name!r} exists already; choose another name.", field="name")
    return Conflict("The integration was changed by another request; read it again.")


def view(found: CustomIntegration) -> Json:
    """Return S000's CustomIntegrationDefinition: secrets as handles, server fields added."""
    integration, definition = found.integration, found.definition
    shown: Json = {
        "id": found.id,
        "tenantId": Tenant.of_item(integration).id,
        **definition,
        "type": definition["integrationType"].removesuffix("_api"),
        "status": STATUS_IN_S000.get(integration["status"], "error"),
        "version": found.connector["version"],
        **{name: integration[name] for name in ("createdAt", "createdBy", "updatedAt", "updatedBy")},
        **{name: integration[name] for name in ("lastTestedAt", "lastTestResult") if name in integration},
    }
    return {**shown, "secretsRequired": integration["missingSecrets"]} if integration["missingSecrets"] else shown


def _new_items(change: Change, definition: Json, status: str) -> CustomIntegration:
    tenant, integration_id, now, actor = change.caller.tenant, new_id("int"), clock.now(), change.caller.actor
    integration = {
        **key(tenant, "integration", integration_id),
        **_summary(definition),
        "isCustom": True,
        "status": status,
        "missingSecrets": [],
        "createdAt": now,
        "createdBy": actor,
        "updatedAt": now,
        "updatedBy": actor,
    }
    connector = {
        **key(tenant, "connector", integration_id),
        "definition": jsontext.dump(definition),
        "version": 1,
        "createdAt": now,
    }
    return CustomIntegration(integration, connector)


def _changed_items(
    change: Change, current: CustomIntegration, definition: Json, status: str, missing: list[str]
) -> CustomIntegration:
    if missing:
        status = "pending_auth"
    elif status == "pending_auth":
        status = "draft"
    integration = {
        **current.integration,
        **_summary(definition),
        "status": status,
        "missingSecrets": missing,
        "updatedAt": clock.now(),
        "updatedBy": change.caller.actor,
    }
    connector = {
        **current.connector,
        "definition": jsontext.dump(definition),
        "version": current.connector["version"] + 1,
    }
    return CustomIntegration(integration, connector)


def _add_update(change: Change, current: CustomIntegration, changed: CustomIntegration, name: str) -> None:
    config = change.tables.config
    version = {"version_read": current.connector["version"]}
    change.add(Put(config, changed.connector, IS_UNCHANGED, version), Put(config, changed.integration))
    if name != current.integration["name"]:
        change.add(
            _name_claim(change, name, current.id), Delete(config, _name_place(change, current.integration["name"]))
        )


def _summary(definition: Json) -> Json:
    return {name: definition.get(name) for name in ("name", "displayName", "description", "integrationType")}


def _split_status(body: Json, default: str) -> tuple[Json, str]:
    """Take `status` out of the body: it belongs to the integration, not to the definition."""
    rest = {name: value for name, value in body.items() if name != "status"}
    if "status" not in body:
        return rest, default
    if body["status"] not in _WRITABLE_STATUS:
        raise BadRequest(f"`status` may be set to active or inactive, found {str(body['status'])[:40]!r}.")
    wanted = _WRITABLE_STATUS[body["status"]]
    return rest, "draft" if wanted == "paused" and default == "draft" else wanted


def _missing_after(current: CustomIntegration, definition: Json, stored: set[str], new: set[str]) -> list[str]:
    """Return the secret fields that hold nothing usable: never entered again, or entered for another origin.

    Otherwise whoever may edit the address could have a stored secret sent to a host of his choice.
    """
    before, after = origins(current.definition), origins(definition)
    wanted = secret_handles(definition) - new
    return sorted(name for name in wanted if name not in stored or before.get(name) != after.get(name))


def _refuse_unknown_handles(definition: Json, known: set[str]) -> None:
    unknown = sorted(secret_handles(definition) - known)
    if unknown:
        problems = [Problem(name, "a handle means 'unchanged', and no secret is stored here") for name in unknown]
        raise BadHandle("A secret handle stands where no secret is stored.", problems)


def _store_secrets(change: Change, vault: Vault, integration_id: str, new: Json, kept: set[str] | None = None) -> None:
    write = vault.store(change.caller.tenant, CREDENTIALS_KIND, integration_id, new, kept or ())
    if write is not None:
        change.add(write)


def _name_place(change: Change, name: str) -> dict[str, str]:
    return key(change.caller.tenant, "unique", f"custom-integration#{name}")


def _name_claim(change: Change, name: str, integration_id: str) -> Put:
    item = {**_name_place(change, name), "holder": integration_id, "isNameClaim": True}
    return Put(change.tables.config, item, IS_NEW)


def must_be_runnable(found: CustomIntegration) -> None:
    """Refuse to call out for an integration that was switched off or lacks a secret."""
    if found.integration["missingSecrets"]:
        problems = [Problem(name, "enter this secret again") for name in found.integration["missingSecrets"]]
        raise BadDefinition("Secrets are missing since the address was changed.", problems)
    if found.integration["status"] == "paused":
        raise Conflict("The integration is inactive; set its status to active first.", status="inactive")
