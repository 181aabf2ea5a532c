"""Custom integrations (spec S000): the tenant's own connector definition and the integration of the same id.

Two items in the config table: the connector (definition, version) and the integration (status, what was last tested).
This module reads, shows and deletes them; `define` writes them.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from hub.connector.secrets import WEBHOOK_SECRET
from hub.core import clock, jsontext
from hub.core.attributes import Item
from hub.core.caller import Tenant
from hub.core.clock import DAY_S
from hub.core.errors import BadDefinition, BadRequest, Conflict, IntegrationNotFound, Problem
from hub.core.journal import Change
from hub.core.listing import Listing
from hub.core.tables import IS_UNCHANGED, ConditionFailed, Delete, Key, Table, Update, key, partition

Json = dict[str, Any]

RESTORABLE_DAYS = 31
CREDENTIALS_KIND = "connector"
TOKENS_KIND = "token"
# What S000 calls the states; an inactive integration is one that was never activated, or was switched off.
STATUS_IN_S000 = {"draft": "inactive", "pending_auth": "inactive", "active": "active", "paused": "inactive"}
STATUSES = ("active", "inactive", "error")
TYPES = ("rest_api", "rest", "webhook", "graphql")


@dataclass(frozen=True)
class CustomIntegration:
    """The two items of one custom integration, read together."""

    integration: Item
    connector: Item
    # Entered or made with this very change, for its inbound endpoint; "" where the present one stays.
    webhook_secret: str = field(default="", repr=False)
    made_webhook_secret: str = field(default="", repr=False)

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
    version, published = current.connector["version"], current.connector.get("publishedVersion")
    unchanged, read = is_as_read(current)
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
            {**expiry, **read, "next": version + 1},
            unchanged,
        ),
        Delete(config, name_place(tenant, current.integration["name"])),
    )
    for kept in {version, published or version}:  # all other versions expire already
        change.add(Update(config, version_place(tenant, current.id, kept), "SET expiresEpochS = :expires", expiry))
    if of_connector(current.integration["storedSecrets"]):
        place = key(tenant, CREDENTIALS_KIND, current.id)
        change.add(Update(change.tables.credentials, place, "SET expiresEpochS = :expires", expiry))
    if uses_tokens(current.definition):
        # A worker may be fetching the first token now: what it stores adds to this and expires with it.
        place = key(tenant, TOKENS_KIND, current.id)
        change.add(Update(change.tables.credentials, place, "SET expiresEpochS = :expires", expiry))
    change.audit("integration.deleted", current.id, name=current.integration["name"])


def of_connector(places: Iterable[str]) -> list[str]:
    """Return the secrets that the connector calls out with; the webhook's is kept with the inbound endpoint."""
    return [place for place in places if place != WEBHOOK_SECRET]


def explain_conflict(failure: ConditionFailed, name: str) -> Conflict:
    """Say which of the conditions of a create or an update failed."""
    if failure.found and failure.found.get("isNameClaim"):
        return Conflict(f"An integration named {name!r} exists already; choose another name.", field="name")
    return Conflict("The integration was changed by another request; read it again.")


def is_as_read(current: CustomIntegration) -> tuple[str, Json]:
    """Return the condition, with its values, that neither draft nor published version changed since they were read."""
    published = current.connector.get("publishedVersion")
    read = {"version_read": current.connector["version"]}
    if published is None:
        return f"{IS_UNCHANGED} AND attribute_not_exists(publishedVersion)", read
    return f"{IS_UNCHANGED} AND publishedVersion = :published_read", {**read, "published_read": published}


def must_not_be_paused(found: CustomIntegration) -> None:
    """Refuse to sync an integration that was switched off."""
    if found.integration["status"] == "paused":
        raise Conflict("The integration is inactive; set its status to active first.", status="inactive")


def must_have_secrets(found: CustomIntegration) -> None:
    """Refuse to call out for an integration that lacks a secret."""
    if found.integration["missingSecrets"]:
        problems = [Problem(name, "enter this secret") for name in found.integration["missingSecrets"]]
        raise BadDefinition("Secrets are missing; enter them before the first call.", problems)


def uses_tokens(definition: Json) -> bool:
    """Say whether the hub fetches access tokens for a connector."""
    return (definition.get("auth") or {}).get("type") == "oauth2"


def name_place(tenant: Tenant, name: str) -> Key:
    """Return the key of the item that makes a name unique in its tenant."""
    return key(tenant, "unique", f"custom-integration#{name}")


def version_place(tenant: Tenant, integration_id: str, version: int) -> Key:
    """Return the key of one version of a connector; in a partition the versions stand in their order."""
    return key(tenant, f"connector-version#{integration_id}", f"{version:08d}")


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
        "publishedVersion": found.connector.get("publishedVersion"),
        **{name: integration[name] for name in ("createdAt", "createdBy", "updatedAt", "updatedBy")},
        **{name: integration[name] for name in ("lastTestedAt", "lastTestResult") if name in integration},
    }
    return {**shown, "secretsRequired": integration["missingSecrets"]} if integration["missingSecrets"] else shown
