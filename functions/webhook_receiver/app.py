"""Receives webhooks: of custom integrations (spec S000) and of a tenant's own endpoints (spec S004)."""

from functools import cache
from typing import Any

from hub.core.answers import Answer, ok
from hub.core.api import Api, Request
from hub.core.caller import PUBLIC, members
from hub.core.errors import NotFound
from hub.core.resources import resources
from hub.integrations import custom
from hub.webhooks.endpoints import endpoints
from hub.webhooks.endpoints.endpoint_urls import custom_url
from hub.webhooks.endpoints.receive import MAX_BODY_BYTES, Post, Receiver
from hub.webhooks.endpoints.schemes import Received

api = Api("webhook_receiver")
handler = api.handle

ROW: dict[str, Any] = {"access": PUBLIC, "rate": None, "max_body_bytes": MAX_BODY_BYTES}


@cache
def receiver() -> Receiver:
    """The one of this process: it keeps what it knows of endpoints, and counts."""
    return Receiver(resources())


@api.route("POST", "/api/v1/webhooks/custom/{integrationId}/{secret}", **ROW)
def receive_custom(request: Request) -> Answer:
    """Receive a webhook of a custom integration; the answer is the one that the integration configures."""
    return _received(request, endpoints.custom_lookup(request.path["integrationId"]), request.path["secret"])


@api.route("GET", "/api/v1/webhooks/custom/{integrationId}/{secret}", **ROW)
def check_custom(request: Request) -> Answer:
    """Answer a sender that makes sure of the URL of a custom integration's webhook."""
    return receive_custom(request)


@api.route("POST", "/webhooks/custom/{integrationId}/{secret}", **ROW)
def receive_custom_short(request: Request) -> Answer:
    """Receive a webhook of a custom integration, under the shorter path."""
    return receive_custom(request)


@api.route("GET", "/webhooks/custom/{integrationId}/{secret}", **ROW)
def check_custom_short(request: Request) -> Answer:
    """Answer a sender that makes sure of the shorter URL of a custom integration's webhook."""
    return receive_custom(request)


@api.route("POST", "/api/v1/webhooks/receive/{tenantId}/{endpointPath+}", **ROW)
def receive(request: Request) -> Answer:
    """Receive a signed webhook at a path of a tenant's own."""
    return _received(request, endpoints.path_lookup(request.path["tenantId"], request.path["endpointPath"]))


@api.route("GET", "/api/v1/webhooks/receive/{tenantId}/{endpointPath+}", **ROW)
def check(request: Request) -> Answer:
    """Answer a sender that makes sure of the URL of a tenant's own endpoint."""
    return receive(request)


@api.route(
    "GET",
    "/api/v1/custom-integrations/{id}/webhook-url",
    access=members("integrations:write"),
    rate="integration",
    answer="hub.webhooks.endpoints.receiver_models:WebhookUrl",
)
def webhook_url(request: Request) -> Answer:
    """Get the URL that others post to, with its secret."""
    config, tenant = request.resources.tables.config, request.caller.tenant
    found = custom.get(config, tenant, request.path["id"])
    endpoint = endpoints.find(config, tenant, found.id)
    if endpoint is None or endpoint.is_deleted or endpoint.url_secret_names is None:
        raise NotFound("This integration receives no webhooks.")
    secrets = receiver().known.vault.read(tenant, endpoints.SECRETS_KIND, endpoint.id)
    url = custom_url(request.base_url, endpoint.id, secrets[endpoint.url_secret_names.current])
    return ok({"webhookUrl": url}, **{"Cache-Control": "no-store"})


def _received(request: Request, lookup: str, url_secret: str | None = None) -> Answer:
    sent = Received(request.route.method, request.url, request.headers, request.body)
    return receiver().receive(Post(lookup, url_secret, sent, request.query, request.source_ip, request.facts))
