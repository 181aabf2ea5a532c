"""Inbound endpoints: where others post to a tenant, per custom integration or under a path of the tenant's own.

One item of the config table; `lookup` is what its URL names, and how the receiver finds it:

    kind custom | v1, integrationId?, path? (v1), status active | paused | deleted,
    urlSecretHash, previousUrlSecrets [{hash, until}] (custom: SHA-256 in hex of the secret in the URL),
    verification (JSON {scheme, header?, algorithm?, encoding?, prefix?, toleranceS?}), ipAllowList [CIDR],
    secretNames, urlSecretNames? (JSON: Rotation.stored), routing (JSON [rule]), eventType (JSON {path?, header?}),
    response (JSON {status, body?}), handlerType, eventTypes [..], transformTemplate (JSON or ""), targetService,
    version, createdAt, createdBy, updatedAt, updatedBy

The secrets themselves are in the vault's record of the kind "inbound": the receiver reads that one and no other.
"""

import hashlib
import hmac
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from hub.core import clock, jsontext
from hub.core.attributes import Item
from hub.core.caller import Tenant
from hub.core.errors import BadRequest, NotFound
from hub.core.tables import Key, Table, key, partition
from hub.webhooks.rotation import Rotation
from hub.webhooks.stored import Stored

Json = dict[str, Any]

KIND = "inbound-endpoint"
SECRETS_KIND = "inbound"
CUSTOM, V1 = "custom", "v1"


@dataclass(frozen=True)
class Endpoint(Stored):
    @property
    def is_custom(self) -> bool:
        return bool(self.item["kind"] == CUSTOM)

    @property
    def ip_allow_list(self) -> list[str]:
        return list(self.item["ipAllowList"])

    @property
    def target_service(self) -> str:
        return str(self.item["targetService"])

    @cached_property
    def verification(self) -> Json:
        return dict(jsontext.load(self.item["verification"]))

    @cached_property
    def routing(self) -> list[Json]:
        return list(jsontext.load(self.item["routing"]))

    @cached_property
    def response(self) -> Json:
        return dict(jsontext.load(self.item["response"]))

    @cached_property
    def url_secret_names(self) -> Rotation | None:
        """Return the names of the secrets in its URLs; None where the URL holds no secret."""
        text = self.item.get("urlSecretNames") or ""
        return Rotation.of(jsontext.load(text)) if text else None

    def accepts_url_secret(self, secret: str) -> bool:
        """Say whether a secret in a URL is the present one or a replaced one that still counts."""
        given, now = url_secret_hash(secret).encode(), clock.now()
        known = [(self.item.get("urlSecretHash", ""), "~")]
        known += [(each["hash"], each["until"]) for each in self.item.get("previousUrlSecrets", ())]
        found = [hmac.compare_digest(given, digest.encode()) and until > now for digest, until in known]
        return any(found)  # all of them were compared: the time taken does not tell which it was


def url_secret_hash(secret: str) -> str:
    return hashlib.sha256(secret.encode(errors="surrogatepass")).hexdigest()


def place(tenant: Tenant, endpoint_id: str) -> Key:
    return key(tenant, KIND, endpoint_id)


def custom_lookup(integration_id: str) -> str:
    return f"inbound#{integration_id}"


def path_lookup(tenant_id: str, path: str) -> str:
    return f"inbound#{tenant_id}/{path}"


def find(config: Table, tenant: Tenant, endpoint_id: str) -> Endpoint | None:
    """Return an endpoint as last written, which may be a deleted one."""
    found = config.get(place(tenant, endpoint_id))
    return Endpoint(found) if found else None


def get(config: Table, tenant: Tenant, endpoint_id: str) -> Endpoint:
    """Return an endpoint that is not deleted, of either kind; raises NotFound."""
    found = find(config, tenant, endpoint_id)
    if found is None or found.is_deleted:
        raise NotFound("No webhook endpoint has this id in your tenant.")
    return found


def get_v1(config: Table, tenant: Tenant, endpoint_id: str) -> Endpoint:
    """Return an endpoint that is managed by its own routes; that of an integration is changed with the integration."""
    found = get(config, tenant, endpoint_id)
    if found.is_custom:
        raise NotFound("No webhook endpoint has this id in your tenant.")
    return found


def of_integration(config: Table, tenant: Tenant, integration_id: str) -> Endpoint:
    """Return the endpoint of a custom integration; raises NotFound for one that receives nothing."""
    found = find(config, tenant, integration_id)
    if found is None or found.is_deleted:
        raise NotFound("The integration receives no webhooks; give it a `webhookConfig` first.")
    return found


def list_v1(config: Table, tenant: Tenant) -> list[Item]:
    """Return the items of the tenant's endpoints that are managed by their own routes, deleted ones left out."""
    found = map(Endpoint, config.query_all("pk = :pk", {"pk": partition(tenant, KIND)}))
    return [each.item for each in found if not each.is_deleted and not each.is_custom]


def chosen(items: list[Item], query: Mapping[str, str]) -> list[Item]:
    """Return those that `status` and `integrationId` of a list request leave; raises BadRequest."""
    status, integration_id = query.get("status"), query.get("integrationId")
    if status not in (None, "ACTIVE", "PAUSED"):
        raise BadRequest(f"`status` must be ACTIVE or PAUSED, found {str(status)[:40]!r}.")
    return [
        item
        for item in items
        if (status is None or item["status"] == status.lower())
        and (integration_id is None or item.get("integrationId") == integration_id)
    ]


def by_lookup(config: Table, lookup: str) -> Endpoint | None:
    """Return the endpoint that a URL names, paused or active; seconds after a change it may still be the former one."""
    found = config.query("lookup = :lookup", {"lookup": lookup}, index="lookup", limit=1).items
    return Endpoint(found[0]) if found else None
