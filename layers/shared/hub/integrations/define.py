"""Writes custom integrations: what is checked, what becomes a secret, and which secrets a change must drop.

Secrets leave the definition before it is stored: it keeps handles `{{encrypted:...}}`, the vault keeps ciphertext.
"""

from collections.abc import Iterable, Mapping
from typing import Any

from hub.connector.definition import check_definition, merge_definition
from hub.connector.faults import SET_BY_HUB
from hub.connector.secrets import extract_secrets, origins, secret_handles
from hub.core import clock, jsontext
from hub.core.errors import BadDefinition, BadHandle, BadRequest, Problem, TargetForbidden
from hub.core.ids import new_id
from hub.core.journal import Change
from hub.core.tables import IS_NEW, IS_UNCHANGED, Delete, Put, key
from hub.core.vault import Vault
from hub.integrations.custom import CREDENTIALS_KIND, CustomIntegration, name_place, view
from hub.outbound.guard import Guard

Json = dict[str, Any]

_ONLY_SHOWN = SET_BY_HUB | {"secretsRequired"}
_WRITABLE_STATUS = {"active": "active", "inactive": "paused"}


def create(change: Change, vault: Vault, guard: Guard, body: Json) -> CustomIntegration:
    """Add a new custom integration to `change`; raises BadDefinition with every fault."""
    raw, status = _split_status(body, present="draft")
    definition, secrets = extract_secrets(_checked(raw, guard))
    _refuse_unknown_handles(definition, known=secrets)
    made = _new_items(change, definition, status, sorted(secrets))
    change.add(
        Put(change.tables.config, made.integration, IS_NEW),
        Put(change.tables.config, made.connector, IS_NEW),
        _name_claim(change, definition["name"], made.id),
    )
    _store_secrets(change, vault, made.id, secrets, kept=())
    change.audit("integration.created", made.id, name=definition["name"])
    return made


def update(change: Change, vault: Vault, guard: Guard, current: CustomIntegration, patch: Json) -> CustomIntegration:
    """Add the merged definition to `change` as the next version; secrets that were entered for another origin go."""
    patch, status = _split_status(_without_echo(patch, current), present=current.integration["status"])
    definition, secrets = extract_secrets(_checked(merge_definition(current.definition, patch), guard))
    stored, missing = set(current.integration["storedSecrets"]), set(current.integration["missingSecrets"])
    _refuse_unknown_handles(definition, known=stored | missing | secrets.keys())
    missing = _missing_after(current, definition, stored, secrets.keys())
    kept = (secret_handles(definition) & stored) - missing - secrets.keys()
    changed = _changed_items(change, current, definition, status, sorted(kept | secrets.keys()), sorted(missing))
    _add_update(change, current, changed, definition["name"])
    _store_secrets(change, vault, current.id, secrets, kept)
    change.audit("integration.updated", current.id, fields=sorted(patch), version=changed.connector["version"])
    return changed


def _checked(raw: Json, guard: Guard) -> Json:
    """Return the definition as it is to be stored, once its form is right and its addresses may be called.

    Names are resolved when they are called, each time: today's address of a name says nothing about tomorrow's.
    """
    definition = check_definition(raw)
    auth = definition.get("auth") or {}
    addresses = {"/baseUrl": definition.get("baseUrl"), "/auth/tokenUrl": auth.get("tokenUrl")}
    problems = [Problem(place, reason) for place, url in addresses.items() if url and (reason := _refusal(guard, url))]
    if problems:
        raise BadDefinition("The definition names an address that the hub never calls.", problems)
    return definition


def _refusal(guard: Guard, url: str) -> str | None:
    try:
        guard.check_url(url)
    except TargetForbidden as refused:
        return refused.message
    return None


def _without_echo(patch: Json, current: CustomIntegration) -> Json:
    """Leave out what only the hub sets and comes back as it was answered: what GET gave may be sent to PATCH."""
    shown = view(current)
    echoes = {name for name in _ONLY_SHOWN & patch.keys() & shown.keys() if patch[name] == shown[name]}
    return {name: value for name, value in patch.items() if name not in echoes}


def _split_status(body: Json, present: str) -> tuple[Json, str]:
    """Take `status` out of the body: it belongs to the integration, not to the definition."""
    rest = {name: value for name, value in body.items() if name != "status"}
    if "status" not in body:
        return rest, present
    wanted = _WRITABLE_STATUS.get(body["status"]) if isinstance(body["status"], str) else None
    if wanted is None:
        raise BadRequest(f"`status` may be set to active or inactive, found {str(body['status'])[:40]!r}.")
    return rest, "draft" if wanted == "paused" and present == "draft" else wanted


def _new_items(change: Change, definition: Json, status: str, secrets: list[str]) -> CustomIntegration:
    tenant, integration_id, now, actor = change.caller.tenant, new_id("int"), clock.now(), change.caller.actor
    integration = {
        **key(tenant, "integration", integration_id),
        **_summary(definition),
        "isCustom": True,
        "status": status,
        "storedSecrets": secrets,
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
    change: Change,
    current: CustomIntegration,
    definition: Json,
    status: str,
    secrets: list[str],
    missing: list[str],
) -> CustomIntegration:
    if missing:
        status = "pending_auth"
    elif status == "pending_auth":
        status = "draft"
    integration = {
        **current.integration,
        **_summary(definition),
        "status": status,
        "storedSecrets": secrets,
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


def _summary(definition: Json) -> Json:
    return {name: definition.get(name) for name in ("name", "displayName", "description", "integrationType")}


def _add_update(change: Change, current: CustomIntegration, changed: CustomIntegration, name: str) -> None:
    config = change.tables.config
    version = {"version_read": current.connector["version"]}
    change.add(Put(config, changed.connector, IS_UNCHANGED, version), Put(config, changed.integration))
    if name != current.integration["name"]:
        former = name_place(change.caller.tenant, current.integration["name"])
        change.add(_name_claim(change, name, current.id), Delete(config, former))


def _name_claim(change: Change, name: str, integration_id: str) -> Put:
    item = {**name_place(change.caller.tenant, name), "holder": integration_id, "isNameClaim": True}
    return Put(change.tables.config, item, IS_NEW)


def _missing_after(current: CustomIntegration, definition: Json, stored: set[str], new: Iterable[str]) -> set[str]:
    """Return the secret fields that hold nothing usable: never entered again, or entered for another origin.

    Otherwise whoever may edit the address could have a stored secret sent to a host of their choice.
    """
    before, after = origins(current.definition), origins(definition)
    wanted = secret_handles(definition) - set(new)
    return {name for name in wanted if name not in stored or before.get(name) != after.get(name)}


def _refuse_unknown_handles(definition: Json, known: Iterable[str]) -> None:
    unknown = sorted(secret_handles(definition) - set(known))
    if unknown:
        problems = [Problem(name, "a handle means 'unchanged', and no secret is stored here") for name in unknown]
        raise BadHandle("A secret handle stands where no secret is stored.", problems)


def _store_secrets(
    change: Change, vault: Vault, integration_id: str, new: Mapping[str, str], kept: Iterable[str]
) -> None:
    write = vault.store(change.caller.tenant, CREDENTIALS_KIND, integration_id, new, kept)
    if write is not None:
        change.add(write)
