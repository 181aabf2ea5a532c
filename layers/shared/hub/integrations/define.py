"""Writes custom integrations: what is checked, what becomes a secret, and which secrets a change must drop.

Secrets leave the definition before it is stored: it keeps handles `{{encrypted:...}}`, the vault keeps ciphertext.
"""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any

from hub.connector.definition import check_definition, merge_definition
from hub.connector.faults import SET_BY_HUB
from hub.connector.secrets import CLIENT_SECRET, WEBHOOK_SECRET, extract_secrets, origins, secret_handles
from hub.core import clock, jsontext
from hub.core.errors import BadDefinition, BadHandle, BadRequest, Problem, TooLarge
from hub.core.expressions import setting
from hub.core.ids import new_id
from hub.core.journal import Change
from hub.core.tables import IS_NEW, Delete, Put, Update, key
from hub.core.vault import Vault
from hub.integrations import receiving, versions
from hub.integrations.custom import (
    CREDENTIALS_KIND,
    TOKENS_KIND,
    CustomIntegration,
    is_as_read,
    name_place,
    of_connector,
    uses_tokens,
    view,
)
from hub.outbound.guard import Guard

Json = dict[str, Any]

MAX_DEFINITION_BYTES = 300 * 1024
_ONLY_SHOWN = SET_BY_HUB | {"secretsRequired"}
_SET_BY_UPDATE = (
    "name displayName description integrationType status storedSecrets missingSecrets receives updatedAt"
    " updatedBy".split()
)
_WRITABLE_STATUS = {"active": "active", "inactive": "paused"}


def create(
    change: Change, vault: Vault, guard: Guard, body: Json, awaited: frozenset[str] = frozenset()
) -> CustomIntegration:
    """Add a new custom integration to `change`; raises BadDefinition with every fault.

    `awaited` are the secret fields, by pointer, in which a handle stands for a secret that is yet to be entered.
    """
    raw, status = _split_status(body, present="draft")
    completed, made_secret = receiving.with_secret(checked(raw, guard))
    definition, secrets = extract_secrets(completed)
    _refuse_unknown_handles(definition, known=secrets.keys() | awaited)
    missing = sorted((secret_handles(definition) & awaited) - secrets.keys())
    made = _new_items(change, definition, status, sorted(secrets), missing)
    change.add(
        Put(change.tables.config, made.integration, IS_NEW),
        Put(change.tables.config, made.connector, IS_NEW),
        versions.first(change.tables.config, made),
        _name_claim(change, definition["name"], made.id),
    )
    _store_secrets(change, vault, made.id, secrets, kept=())
    change.audit("integration.created", made.id, name=definition["name"])
    change.tell("integration.created", {"integrationId": made.id})
    return _with_webhook_secret(made, secrets, made_secret)


def update(change: Change, vault: Vault, guard: Guard, current: CustomIntegration, patch: Json) -> CustomIntegration:
    """Add the merged definition to `change` as the next version; secrets that were entered for another origin go."""
    patch, status = _split_status(_without_echo(patch, current), present=current.integration["status"])
    completed, made_secret = receiving.with_secret(checked(merge_definition(current.definition, patch), guard))
    definition, secrets = extract_secrets(completed)
    stored, missing = set(current.integration["storedSecrets"]), set(current.integration["missingSecrets"])
    _refuse_unknown_handles(definition, known=stored | missing | secrets.keys())
    missing = _missing_after(current, definition, stored, secrets.keys())
    kept = (secret_handles(definition) & stored) - missing - secrets.keys()
    changed = _changed_items(change, current, definition, status, sorted(kept | secrets.keys()), sorted(missing))
    _add_update(change, current, changed, definition["name"])
    words = _changed_words(current, changed, secrets)
    change.add(*versions.following(change.tables.config, current, changed, words))
    _store_secrets(change, vault, current.id, secrets, kept)
    _drop_tokens(change, current, definition)
    change.audit("integration.updated", current.id, fields=sorted(patch), version=changed.connector["version"])
    return _with_webhook_secret(changed, secrets, made_secret)


def _with_webhook_secret(found: CustomIntegration, secrets: Mapping[str, str], made: str) -> CustomIntegration:
    return replace(found, webhook_secret=secrets.get(WEBHOOK_SECRET, ""), made_webhook_secret=made)


def checked(raw: Json, guard: Guard) -> Json:
    """Return the definition as it is to be stored, once its form is right and its addresses may be called.

    Names are resolved when they are called, each time: today's address of a name says nothing about tomorrow's.
    """
    definition = receiving.without_shown(check_definition(raw))
    auth = definition.get("auth") or {}
    addresses = {"/baseUrl": definition.get("baseUrl"), "/auth/tokenUrl": auth.get("tokenUrl")}
    addresses |= {
        f"/endpoints/{index}/baseUrl": each.get("baseUrl") for index, each in enumerate(definition["endpoints"])
    }
    problems = [Problem(place, reason) for place, url in addresses.items() if url and (reason := guard.refusal(url))]
    if problems:
        raise BadDefinition("The definition names an address that the hub never calls.", problems)
    return definition


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


def _new_items(
    change: Change, definition: Json, status: str, secrets: list[str], missing: list[str]
) -> CustomIntegration:
    tenant, integration_id, now, actor = change.caller.tenant, new_id("int"), clock.now(), change.caller.actor
    integration = {
        **key(tenant, "integration", integration_id),
        **_summary(definition),
        "isCustom": True,
        "status": "pending_auth" if missing else status,
        "storedSecrets": secrets,
        "missingSecrets": missing,
        "receives": receiving.config_of(definition) is not None,
        "createdAt": now,
        "createdBy": actor,
        "updatedAt": now,
        "updatedBy": actor,
    }
    connector = {
        **key(tenant, "connector", integration_id),
        "definition": _stored_text(definition),
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
        # It stays true: a published version may receive what the draft does not.
        "receives": current.integration.get("receives", False) or receiving.config_of(definition) is not None,
        "updatedAt": clock.now(),
        "updatedBy": change.caller.actor,
    }
    connector = {
        **current.connector,
        "definition": _stored_text(definition),
        "version": current.connector["version"] + 1,
    }
    return CustomIntegration(integration, connector)


def _stored_text(definition: Json) -> str:
    """A merge patch can grow a definition beyond what a body may have, and an item holds 400 KB at most."""
    text = jsontext.dump(definition)
    if len(text.encode()) > MAX_DEFINITION_BYTES:
        raise TooLarge(f"A definition may have at most {MAX_DEFINITION_BYTES} bytes, found {len(text.encode())}.")
    return text


def _summary(definition: Json) -> Json:
    return {name: definition.get(name) for name in ("name", "displayName", "description", "integrationType")}


def _add_update(change: Change, current: CustomIntegration, changed: CustomIntegration, name: str) -> None:
    """Set what changed and nothing else: a test or a publication may write to the same items."""
    tenant, config = change.caller.tenant, change.tables.config
    unchanged, read = is_as_read(current)
    connector = {part: changed.connector[part] for part in ("definition", "version")}
    integration = {part: changed.integration[part] for part in _SET_BY_UPDATE}
    sets, values = setting(connector)
    change.add(
        Update(config, key(tenant, "connector", current.id), sets, {**values, **read}, unchanged),
        Update(config, key(tenant, "integration", current.id), *setting(integration)),
    )
    if name != current.integration["name"]:
        former = name_place(tenant, current.integration["name"])
        change.add(_name_claim(change, name, current.id), Delete(config, former))


def _changed_words(current: CustomIntegration, changed: CustomIntegration, secrets: Iterable[str]) -> set[str]:
    """Return the top-level words whose value changed, and those in which a secret was entered."""
    before, after = current.definition, changed.definition
    words = {name for name in before.keys() | after.keys() if before.get(name) != after.get(name)}
    words |= {place.split("/")[1] for place in secrets}
    return words | ({"status"} if current.integration["status"] != changed.integration["status"] else set())


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


def _drop_tokens(change: Change, current: CustomIntegration, definition: Json) -> None:
    """Delete the fetched tokens of a connector that authenticates in another way from now on, or calls elsewhere.

    What a user granted for one address is not for another, whatever client asks for the next token.
    """
    before, after = (origins(each).get(CLIENT_SECRET) for each in (current.definition, definition))
    if uses_tokens(current.definition) and before != after:
        change.add(Delete(change.tables.credentials, key(change.caller.tenant, TOKENS_KIND, current.id)))


def _store_secrets(
    change: Change, vault: Vault, integration_id: str, new: Mapping[str, str], kept: Iterable[str]
) -> None:
    sent = {place: new[place] for place in of_connector(new)}
    write = vault.store(change.caller.tenant, CREDENTIALS_KIND, integration_id, sent, of_connector(kept))
    if write is not None:
        change.add(write)
