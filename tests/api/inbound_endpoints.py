"""Inbound endpoints in a few words: the routes, what the vault holds, and received events put where they belong."""

from typing import Any

from hub.core import clock
from hub.core.attributes import Item
from hub.core.caller import Tenant
from hub.core.resources import resources
from hub.webhooks.endpoints import endpoints
from hub.webhooks.endpoints.endpoint_models import CreatedWebhookEndpoint, WebhookEndpoint
from hub.webhooks.inbound import inbound
from tests.api.conftest import Hub, Reply
from tests.api.sync_work import vault

Json = dict[str, Any]

ENDPOINTS = "/api/v1/webhooks/endpoints"
CUSTOM = "/api/v1/custom-integrations"


def wanted(path: str = "orders/created", **changed: Any) -> Json:
    """Return a CreateWebhookEndpointDto as a tenant writes it."""
    return {"endpointPath": path, "eventTypes": ["order.created"], "handlerType": "orders", **changed}


def create(hub: Hub, path: str = "orders/created", **changed: Any) -> Json:
    reply = hub.post(ENDPOINTS, wanted(path, **changed))
    assert reply.status == 201, reply.body
    CreatedWebhookEndpoint.model_validate(reply.body)
    body: Json = reply.body
    return body


def shown(hub: Hub, endpoint_id: str) -> Json:
    reply = hub.get(f"{ENDPOINTS}/{endpoint_id}")
    assert reply.status == 200, reply.body
    WebhookEndpoint.model_validate(reply.body)
    body: Json = reply.body
    return body


def replace(hub: Hub, endpoint_id: str, body: Json, **options: Any) -> Reply:
    return hub.call("PUT", f"{ENDPOINTS}/{endpoint_id}", body, **options)


def secrets(hub: Hub, endpoint_id: str) -> dict[str, str]:
    """Return all that the vault holds for an endpoint."""
    return dict(vault().read(Tenant(hub.tenant), "inbound", endpoint_id))


def accepted(hub: Hub, endpoint_id: str) -> list[str]:
    """Return the signing secrets that count now, the present one first: what the receiver verifies with."""
    found = endpoints.get(resources().tables.config, Tenant(hub.tenant), endpoint_id)
    kept = secrets(hub, endpoint_id)
    return [kept[name] for name in found.secret_names.accepted()]


def stored(hub: Hub, endpoint_id: str) -> endpoints.Endpoint:
    found = endpoints.find(resources().tables.config, Tenant(hub.tenant), endpoint_id)
    assert found is not None
    return found


def by_url(url: str) -> endpoints.Endpoint | None:
    """Return the endpoint that a URL leads to, as the receiver looks for it."""
    path = url.partition("://")[2].partition("/")[2]
    if path.startswith("api/v1/webhooks/custom/"):
        lookup = endpoints.custom_lookup(path.split("/")[4])
    else:
        tenant_id, _, rest = path.removeprefix("api/v1/webhooks/receive/").partition("/")
        lookup = endpoints.path_lookup(tenant_id, rest)
    return endpoints.by_lookup(resources().tables.config, lookup)


def url_secret(url: str) -> str:
    return url.rpartition("/")[2]


def receive(hub: Hub, endpoint_id: str, key: str, **changed: Any) -> Item:
    """Store a received event as the receiver and the worker would have left it."""
    made = inbound.new(
        Tenant(hub.tenant),
        endpoint_id,
        inbound.event_id(key),
        headers={"content-type": "application/json", "x-event-type": "order.created"},
        body=b'{"id": 1}',
        source_ip="192.0.2.7",
        keep_days=30,
    )
    ended = {"state": "processed", "eventType": "order.created", "endedAt": clock.now()}
    item = {**made, **ended, **changed}
    open_marks = () if item["state"] in inbound.OPEN else ("dueShard", "dueAt")
    item = {name: value for name, value in item.items() if name not in open_marks and value is not None}
    resources().tables.activity.batch_put([item])
    return item
