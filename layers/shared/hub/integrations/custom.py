"""Custom integrations (spec S000): the tenant's own connector definition and the integration of the same id.

Two items in the config table: the connector (definition, version) and the integration (status, what was last tested).
This module reads, shows and deletes them; `define` writes them.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from hub.core import clock, jsontext
from hub.core.attributes import Item
from hub.core.caller import Tenant
from hub.core.errors import BadDefinition, BadRequest, Conflict, IntegrationNotFound, Problem
from hub.core.journal import DAY_S, Change
from hub.core.listing import Listing
from hub.core.tables import IS_UNCHANGED, ConditionFailed, Delete, Key, Table, Update, key, partition

Json = dict[str, Any]

RESTORABLE_DAYS = 31
CREDENTIALS_KIND = "connector"
# What S000 calls the states; an inactive integration is one that was never activated, or was switched off.
STATUS_IN_S000 = {"draft": "inactive", "pending_auth": "inactive", "active": "active", "paused": "inactive"}
STATUSES = ("active", "inactive", "error")
TYPES = ("rest_api", "rest", "webhook", "graphql")


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
        definition: Json = jsontext.load(self.connector["definition"])
        return definition


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
    """Return those that `status`, `type` and `search` of a list request leave; raises BadRequest."""
    status, kind = _one_of(query, "status", STATUSES), _one_of(query, "type", TYPES)
    text = query.get("search", "").lower()
    return [
        item
        for item in integrations
        if status in (None, STATUS_IN_S000.get(item["status"], "error"))
        and kind in (None, item["integrationType"], item["integrationType"].removesuffix("_api"))
        and any(text in str(item.get(name) or "").lower() for name in ("name", "displayName", "description"))
    ]


def _one_of(query: Mapping[str, str], name: str, words: tuple[str, ...]) -> str | None:
    found = query.get(name)
    if found is not None and found not in words:
        raise BadRequest(f"`{name}` must be one of {', '.join(words)}, found {found[:40]!r}.")
    return found


def with_connectors(config: Table, tenant: Tenant, listing: Listing) -> Listing:
    """Return the same page with each integration's connector beside it."""
    places = [key(tenant, "connector", item["sk"]) for item in listing.items]
    connectors = {item["sk"]: item for item in config.batch_get(places)}
    return replace(listing, items=[CustomIntegration(item, connectors[item["sk"]]) for item in listing.items])


def delete(change: Change, current: CustomIntegration) -> None:
    """Add a soft deletion to `change`: 404 from now on, restorable for 31 days, then gone with its credentials.

    The deletion is a version of its own: a change that was under way must not bring the integration back.
    """
    tenant, config = change.caller.tenant, change.tables.config
    version = current.connector["version"]
    expiry = {"expires": int(clock.epoch_s()) + RESTORABLE_DAYS * DAY_S}
    change.add(
        Update(
            config,
            key(tenant, "integration", current.id),
            "SET status = :status, deletedAt = :now, expiresEpochS = :expires",
            {"status": "deleted", "now": clock.now(), **expiry},
        ),
        Update(
            config,
            key(tenant, "connector", current.id),
            "SET expiresEpochS = :expires, version = :next",
            {**expiry, "version_read": version, "next": version + 1},
            IS_UNCHANGED,
        ),
        Delete(config, name_place(tenant, current.integration["name"])),
    )
    if current.integration["storedSecrets"]:
        place = key(tenant, CREDENTIALS_KIND, current.id)
        change.add(Update(change.tables.credentials, place, "SET expiresEpochS = :expires", expiry))
    change.audit("integration.deleted", current.id, name=current.integration["name"])


def explain_conflict(failure: ConditionFailed, name: str) -> Conflict:
    """Say which of the conditions of a create or an update failed."""
    if failure.found and failure.found.get("isNameClaim"):
        return Conflict(f"An integration named {name!r} exists already; choose another name.", field="name")
    return Conflict("The integration was changed by another request; read it again.")


def must_be_runnable(found: CustomIntegration) -> None:
    """Refuse to sync an integration that was switched off or lacks a secret."""
    must_have_secrets(found)
    if found.integration["status"] == "paused":
        raise Conflict("The integration is inactive; set its status to active first.", status="inactive")


def must_have_secrets(found: CustomIntegration) -> None:
    """Refuse to call out for an integration that lacks a secret."""
    if found.integration["missingSecrets"]:
        problems = [Problem(name, "enter this secret again") for name in found.integration["missingSecrets"]]
        raise BadDefinition("Secrets are missing since the address was changed.", problems)


def name_place(tenant: Tenant, name: str) -> Key:
    """Return the key of the item that makes a name unique in its tenant."""
    return key(tenant, "unique", f"custom-integration#{name}")


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
