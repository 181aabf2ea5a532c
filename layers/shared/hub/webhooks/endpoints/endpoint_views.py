"""Inbound endpoints as they are answered: an allow-list, with no secret in it but those that are shown once."""

from typing import Any

from hub.integrations import custom as integrations
from hub.integrations import receiving
from hub.integrations.custom import CustomIntegration
from hub.webhooks.counters import Counts
from hub.webhooks.endpoints import endpoint_urls
from hub.webhooks.endpoints.endpoint_changes import Shown
from hub.webhooks.endpoints.endpoints import Endpoint

Json = dict[str, Any]

_NOTHING = Shown()


def custom(found: CustomIntegration, base: str, once: Shown = _NOTHING) -> Json:
    """Return S000's CustomIntegrationDefinition with what the hub adds to its webhookConfig.

    `webhookUrl` is masked but in the answer that made it; `insecure` stands where nothing is signed.
    """
    shown = integrations.view(found)
    config = receiving.config_of(found.definition)
    if config is None:
        return shown
    url = endpoint_urls.custom_url(base, found.id, once.url_secret or endpoint_urls.MASK)
    secret = {"webhookSecret": once.secret} if once.secret else {}
    flagged = {"insecure": True} if receiving.is_insecure(config) else {}
    return {**shown, "webhookConfig": {**config, **secret, "webhookUrl": url, **flagged}}


def v1(found: Endpoint, base: str, counts: Counts) -> Json:
    """Return S004's WebhookEndpoint, and the hub's own words behind it."""
    item, is_active = found.item, found.is_active
    return {
        "id": found.id,
        "tenantId": found.tenant.id,
        "integrationId": item.get("integrationId"),
        "endpointPath": item["path"],
        "eventTypes": list(item["eventTypes"]),
        "handlerType": item["handlerType"],
        "transformTemplate": found.json("transformTemplate"),
        "targetService": found.target_service or None,
        "ipWhitelist": found.ip_allow_list,
        "signatureHeader": item.get("signatureHeader"),
        "signatureAlgorithm": item.get("signatureAlgorithm"),
        "status": "ACTIVE" if is_active else "PAUSED",
        "isEnabled": is_active,
        "totalReceived": counts.number("received"),
        "totalProcessed": counts.number("processed"),
        "totalFailed": counts.number("failed"),
        "lastReceivedAt": counts.time("lastReceivedAt"),
        "createdAt": item["createdAt"],
        "updatedAt": item["updatedAt"],
        "signature": found.verification,
        "eventTypePath": (found.json("eventType") or {}).get("path"),
        "eventTypeHeader": (found.json("eventType") or {}).get("header"),
        "eventRouting": found.routing,
        "response": found.response,
        "receiveUrl": endpoint_urls.receive_url(base, found.tenant.id, item["path"]),
        "previousSecretValidUntil": found.secret_names.previous_until,
        "version": item["version"],
    }
