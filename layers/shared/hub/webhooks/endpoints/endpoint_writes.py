"""Creates, changes and rotates the endpoints that S004 describes; each adds its writes to the request's change."""

from typing import TYPE_CHECKING, Any

from hub.core.errors import BadRequest
from hub.core.ids import new_id
from hub.core.journal import Change
from hub.core.signing_secret import new_secret
from hub.core.tables import Delete
from hub.webhooks import rotation
from hub.webhooks.endpoints import endpoint_changes, endpoint_settings, endpoints
from hub.webhooks.endpoints.endpoint_changes import SECRET, Shown
from hub.webhooks.endpoints.endpoints import V1, Endpoint
from hub.webhooks.rotation import Rotation

if TYPE_CHECKING:
    from hub.core.vault import Vault
    from hub.webhooks.endpoints.endpoint_models import NewWebhookEndpoint

Json = dict[str, Any]


def create(change: Change, vault: "Vault", wanted: "NewWebhookEndpoint") -> tuple[Endpoint, Shown]:
    """Add a new endpoint to `change`; its secret is shown once where the hub made it. Raises BadDefinition."""
    tenant, config = change.caller.tenant, change.tables.config
    fields = endpoint_settings.settled(config, tenant, wanted)
    endpoint_id, secret = new_id("whe"), wanted.secretKey or new_secret()
    item = {
        **endpoints.place(tenant, endpoint_id),
        "kind": V1,
        "lookup": endpoints.path_lookup(tenant.id, fields["path"]),
        **endpoint_changes.first_names(with_url=False),
        **fields,
        "status": endpoint_settings.status_after(wanted),
    }
    made = endpoint_changes.begin(change, vault, item, {Rotation.first(SECRET).current: secret})
    change.add(endpoint_changes.path_claim(change, fields["path"], endpoint_id))
    change.audit("webhook_endpoint.created", endpoint_id, path=fields["path"])
    return made, Shown(secret)


def replace(change: Change, vault: "Vault", before: Endpoint, wanted: "NewWebhookEndpoint") -> Endpoint:
    """Add the endpoint as it is wanted from now on to `change`; without a secretKey the present secret stays."""
    tenant, config = change.caller.tenant, change.tables.config
    fields = endpoint_settings.settled(config, tenant, wanted)
    fields |= {
        "status": endpoint_settings.status_after(wanted, before.item["status"]),
        "lookup": endpoints.path_lookup(tenant.id, fields["path"]),
    }
    if wanted.secretKey is not None:
        fields |= endpoint_changes.rotated(before, rotation.DEFAULT_GRACE_S, with_url=False)
    after = endpoint_changes.alter(change, before, fields)
    if wanted.secretKey is not None:
        endpoint_changes.store_rotated(change, vault, after, {after.secret_names.current: wanted.secretKey})
    if after.item["path"] != before.item["path"]:
        former = endpoint_changes.path_place(tenant, before.item["path"])
        change.add(endpoint_changes.path_claim(change, after.item["path"], after.id), Delete(config, former))
    change.audit("webhook_endpoint.updated", after.id, version=after.item["version"])
    return after


def delete(change: Change, before: Endpoint) -> None:
    """Add the deletion to `change`; its path is free from then on."""
    endpoint_changes.end(change, before)
    change.audit("webhook_endpoint.deleted", before.id, path=before.item["path"])


def rotate(change: Change, vault: "Vault", before: Endpoint, body: Json) -> Shown:
    """Add new secrets to `change`; `body` may say `gracePeriodSeconds`. Raises BadRequest."""
    unknown = sorted(body.keys() - {"gracePeriodSeconds"})
    if unknown:
        raise BadRequest(f"Expected at most `gracePeriodSeconds`, found {unknown[0][:40]!r} as well.")
    return endpoint_changes.rotate(change, vault, before, rotation.grace_in(body), new_secret())
