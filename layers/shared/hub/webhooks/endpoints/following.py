"""The inbound endpoint of a custom integration: it begins, changes, pauses and ends with its integration.

What is received is handled as the published version says, before the first publication as the draft says: like syncs.
Its secrets belong to the integration and not to a version.
"""

from typing import TYPE_CHECKING, Any, TypeGuard

from hub.core import jsontext
from hub.core.attributes import Item
from hub.core.journal import Change
from hub.core.signing_secret import new_secret
from hub.integrations import receiving, versions
from hub.integrations.custom import CustomIntegration
from hub.webhooks.endpoints import endpoint_changes, endpoints
from hub.webhooks.endpoints.endpoint_changes import SECRET, URL_SECRET, Shown
from hub.webhooks.endpoints.endpoints import CUSTOM, Endpoint
from hub.webhooks.endpoints.verification import verification_of_custom
from hub.webhooks.rotation import DEFAULT_GRACE_S, Rotation

if TYPE_CHECKING:
    from hub.core.vault import Vault

Json = dict[str, Any]

# What a version of the integration says about its endpoint.
_OF_VERSION = ("isRouted", "verification", "ipAllowList", "routing", "response", "transformTemplate")


def follow(change: Change, vault: "Vault", found: CustomIntegration) -> Shown:
    """Add to `change` what a new or changed integration means for its endpoint; return the secrets to show once."""
    if not found.integration.get("receives"):
        return Shown()
    before = _present(change, found)
    draft = receiving.config_of(found.definition)
    if versions.published(found) is None:
        fields = _of_version(draft)
    else:
        fields = {name: before.item[name] for name in _OF_VERSION} if _is_there(before) else _of_version(None)
    return _settle(change, vault, found, before, fields)


def follow_publication(change: Change, vault: "Vault", found: CustomIntegration, version: int) -> None:
    """Add to `change` what the publication of a version means: from now on it says what becomes of what is received."""
    if not found.integration.get("receives"):
        return
    is_draft = version == found.connector["version"]
    text = (
        found.connector["definition"] if is_draft else versions.get(change.tables.config, found, version)["definition"]
    )
    _settle(change, vault, found, _present(change, found), _of_version(receiving.config_of(jsontext.load(text))))


def follow_deletion(change: Change, found: CustomIntegration) -> None:
    """Add the end of the endpoint to `change`."""
    before = _present(change, found) if found.integration.get("receives") else None
    if _is_there(before):
        endpoint_changes.end(change, before)


def _present(change: Change, found: CustomIntegration) -> Endpoint | None:
    return endpoints.find(change.tables.config, change.caller.tenant, found.id)


def _is_there(before: Endpoint | None) -> TypeGuard[Endpoint]:
    return before is not None and not before.is_deleted


def _settle(change: Change, vault: "Vault", found: CustomIntegration, before: Endpoint | None, fields: Item) -> Shown:
    """Begin, change or end the endpoint, which is there as long as the draft or the routed version has a use for it."""
    if not fields["isRouted"] and receiving.config_of(found.definition) is None:
        if _is_there(before):
            endpoint_changes.end(change, before)
        return Shown()
    is_active = fields["isRouted"] and found.integration["status"] != "paused"
    fields = {**fields, "status": "active" if is_active else "paused"}
    if _is_there(before):
        return _alter(change, vault, found, before, fields)
    return _begin(change, vault, found, before, fields)


def _of_version(config: Json | None) -> Item:
    """Return what a version's webhookConfig says; without one nothing is received."""
    found = config or {}
    signature = found.get("signatureConfig") or {}
    verification = verification_of_custom(signature).stored()
    verification |= {"toleranceS": signature["toleranceS"]} if signature.get("toleranceS") else {}
    template, body = found.get("transformTemplate"), found.get("responseBody")
    response = {"status": found.get("responseStatus", 200), **({} if body is None else {"body": body})}
    return {
        "isRouted": config is not None,
        "verification": jsontext.dump(verification),
        "ipAllowList": list(found.get("ipAllowList") or []),
        "routing": jsontext.dump(found.get("eventRouting") or []),
        "response": jsontext.dump(response),
        "transformTemplate": "" if template is None else jsontext.dump(template),
    }


def _begin(change: Change, vault: "Vault", found: CustomIntegration, before: Endpoint | None, fields: Item) -> Shown:
    secret, url_secret = found.webhook_secret or new_secret(), endpoint_changes.new_url_secret()
    item = {
        **endpoints.place(change.caller.tenant, found.id),
        "kind": CUSTOM,
        "integrationId": found.id,
        "lookup": endpoints.custom_lookup(found.id),
        **endpoint_changes.first_names(with_url=True),
        **endpoint_changes.url_hashes(url_secret, []),
        "handlerType": "integration",
        "eventTypes": [],
        "eventType": "",
        "targetService": "",
        **fields,
    }
    new = {Rotation.first(SECRET).current: secret, Rotation.first(URL_SECRET).current: url_secret}
    endpoint_changes.begin(change, vault, item, new, before)
    return Shown(found.made_webhook_secret if found.webhook_secret else secret, url_secret)


def _alter(change: Change, vault: "Vault", found: CustomIntegration, before: Endpoint, fields: Item) -> Shown:
    if found.webhook_secret:
        fields = fields | endpoint_changes.rotated(before, DEFAULT_GRACE_S, with_url=False)
    if all(before.item.get(name) == value for name, value in fields.items()):
        return Shown()
    after = endpoint_changes.alter(change, before, fields)
    if found.webhook_secret:
        endpoint_changes.store_rotated(change, vault, after, {after.secret_names.current: found.webhook_secret})
    return Shown(found.made_webhook_secret)
