"""Inbound endpoints (spec S004): their management, the secrets of all of them, and what they received."""

from typing import TYPE_CHECKING, Any

from hub.core import queues
from hub.core.answers import Answer, accepted, created, no_content, ok
from hub.core.api import Api, Request
from hub.core.caller import admins
from hub.core.listing import page_of
from hub.core.tables import ConditionFailed
from hub.integrations import custom
from hub.webhooks import counters
from hub.webhooks.endpoints import endpoint_changes, endpoint_urls, endpoint_views, endpoints
from hub.webhooks.endpoints.endpoints import Endpoint
from hub.webhooks.inbound import inbound, received
from hub.webhooks.recovery import redo

if TYPE_CHECKING:
    from hub.core.attributes import Item

api = Api("webhook_endpoints")
handler = api.handle

MANAGE = admins("webhooks:manage")
MODELS = "hub.webhooks.endpoints.endpoint_models"
ONE = f"{MODELS}:WebhookEndpoint"
JOB = "hub.webhooks.recovery.redo_models:RedoJob"
ENDPOINTS = "/api/v1/webhooks/endpoints"
ROTATE = "hub.webhooks.subscriptions.subscription_models:RotateRequest"


@api.route(
    "POST",
    "/api/v1/custom-integrations/{id}/regenerate-secret",
    access=admins("integrations:write"),
    rate="integration",
    body=ROTATE,
    answer=f"{MODELS}:RegeneratedSecret",
)
def regenerate(request: Request) -> Answer:
    """Replace the webhook secrets of a custom integration; the former ones count for `gracePeriodSeconds`, or a day."""
    from hub.webhooks.endpoints import endpoint_writes

    config, tenant = request.resources.tables.config, request.caller.tenant
    found = custom.get(config, tenant, request.path["id"])
    before = endpoints.of_integration(config, tenant, found.id)
    once = endpoint_writes.rotate(request.change, request.vault, before, request.json_object())
    masked = {
        "webhookUrl": endpoint_urls.custom_url(request.base_url, found.id),
        "previousSecretValidUntil": once.previous_until,
    }
    url = endpoint_urls.custom_url(request.base_url, found.id, once.url_secret)
    return _commit(request, ok({"webhookSecret": once.secret, **masked, "webhookUrl": url}), ok(masked))


@api.route(
    "GET",
    ENDPOINTS,
    access=MANAGE,
    rate="integration",
    answer=f"{MODELS}:WebhookEndpointPage",
    query={
        "limit": "How many, 1 to 100",
        "offset": "How many to skip",
        "cursor": "Where to go on",
        "status": "ACTIVE or PAUSED",
        "integrationId": "Those of one integration",
        "sortBy": "createdAt or updatedAt",
        "sortOrder": "asc or desc",
    },
)
def list_endpoints(request: Request) -> Answer:
    """List inbound endpoints; that of a custom integration is shown with it."""
    tables, tenant = request.resources.tables, request.caller.tenant
    chosen = endpoints.chosen(endpoints.list_v1(tables.config, tenant), request.query)
    listing = page_of(chosen, request.page(), sortable=("createdAt", "updatedAt"))
    counts = counters.read_many(tables.activity, tenant, [item["sk"] for item in listing.items])

    def view(item: "Item") -> dict[str, Any]:
        return endpoint_views.v1(Endpoint(item), request.base_url, counts[item["sk"]])

    return ok(request.listed("data", listing, view))


@api.route(
    "POST",
    ENDPOINTS,
    access=MANAGE,
    rate="integration",
    status=201,
    body=f"{MODELS}:NewWebhookEndpoint",
    answer=f"{MODELS}:CreatedWebhookEndpoint",
)
def create(request: Request) -> Answer:
    """Create an inbound endpoint; its secret is shown this once."""
    from hub.webhooks.endpoints import endpoint_writes
    from hub.webhooks.endpoints.endpoint_models import NewWebhookEndpoint

    made, once = endpoint_writes.create(request.change, request.vault, request.parsed(NewWebhookEndpoint))
    shown = endpoint_views.v1(made, request.base_url, counters.Counts())
    return _commit(request, created({**shown, "secretKey": once.secret}), created(shown))


@api.route("GET", ENDPOINTS + "/{id}", access=MANAGE, rate="integration", answer=ONE)
def get(request: Request) -> Answer:
    """Get an inbound endpoint with its totals."""
    return ok(_shown(request, _found(request)))


@api.route(
    "PUT", ENDPOINTS + "/{id}", access=MANAGE, rate="integration", body=f"{MODELS}:WebhookEndpointUpdate", answer=ONE
)
def replace(request: Request) -> Answer:
    """Change an inbound endpoint as a whole; its secret stays unless another one is given."""
    from hub.core.problems import parse_as
    from hub.webhooks.endpoints import endpoint_settings, endpoint_writes
    from hub.webhooks.endpoints.endpoint_models import WebhookEndpointUpdate

    before = _found(request)
    request.must_match(before.item["version"])
    body = request.json_object()
    wanted = parse_as(WebhookEndpointUpdate, {name: body[name] for name in body.keys() - endpoint_settings.SET_BY_HUB})
    after = endpoint_writes.replace(request.change, request.vault, before, wanted)
    return _commit(request, ok(_shown(request, after)))


@api.route("DELETE", ENDPOINTS + "/{id}", access=MANAGE, rate="integration", status=204)
def delete(request: Request) -> Answer:
    """Delete an inbound endpoint; whoever posts to it gets a 404 from then on."""
    from hub.webhooks.endpoints import endpoint_writes

    before = _found(request)
    request.must_match(before.item["version"])
    endpoint_writes.delete(request.change, before)
    return _commit(request, no_content())


@api.route(
    "POST",
    ENDPOINTS + "/{id}/rotate-secret",
    access=MANAGE,
    rate="integration",
    body=ROTATE,
    answer="hub.webhooks.subscriptions.subscription_models:RotatedSecret",
)
def rotate(request: Request) -> Answer:
    """Replace the secret of an inbound endpoint; the former one counts for `gracePeriodSeconds`, or a day."""
    from hub.webhooks.endpoints import endpoint_writes

    once = endpoint_writes.rotate(request.change, request.vault, _found(request), request.json_object())
    until = {"previousSecretValidUntil": once.previous_until}
    return _commit(request, ok({"secretKey": once.secret, **until}), ok(until))


# What was received: by the id of an endpoint or of a custom integration


@api.route(
    "GET",
    ENDPOINTS + "/{id}/events",
    access=MANAGE,
    rate="integration",
    answer=f"{MODELS}:ReceivedPage",
    query={
        "limit": "How many, 1 to 100",
        "cursor": "Where to go on",
        "status": "queued, processing, retrying, processed, unmatched or failed",
        "eventType": "Only events of this type",
    },
)
def list_received(request: Request) -> Answer:
    """List what an endpoint or a custom integration received, newest first."""
    activity, tenant, page = request.resources.tables.activity, request.caller.tenant, request.page()
    found = received.newest(activity, tenant, _any(request).id, request.query, page)
    answer: dict[str, Any] = {
        "data": [received.summary(event) for event in found.events],
        "limit": page.limit,
        "hasMore": found.position is not None,
    }
    return ok({**answer, "nextCursor": request.seal_cursor(found.position)} if found.position else answer)


@api.route(
    "GET", ENDPOINTS + "/{id}/events/{eventId}", access=MANAGE, rate="integration", answer=f"{MODELS}:ReceivedEvent"
)
def get_received(request: Request) -> Answer:
    """Get one received event with its headers, its body and what became of it."""
    return ok(received.detail(request.resources, _event(request)))


@api.route(
    "POST",
    ENDPOINTS + "/{id}/events/{eventId}/replay",
    access=MANAGE,
    rate="integration",
    status=202,
    answer=f"{MODELS}:ReceivedSummary",
)
def replay(request: Request) -> Answer:
    """Process a received event again."""
    event = _event(request)
    answer = _commit(request, accepted(received.summary(received.replay(request.change, event))))
    queues.send(request.resources.sqs, request.resources.settings.inbound_queue_url, inbound.hint_of(event))
    return answer


@api.route(
    "POST",
    ENDPOINTS + "/{id}/replays",
    access=MANAGE,
    rate="integration",
    status=202,
    body="hub.webhooks.recovery.redo_models:ReplayRequest",
    answer=JOB,
)
def replay_range(request: Request) -> Answer:
    """Process what was received in a span of time again, at an even pace."""
    from hub.webhooks.recovery.redo_models import ReplayRequest

    wanted = request.parsed(ReplayRequest).wanted()
    job = redo.start(request.change, redo.REPLAY, _any(request).id, wanted)
    answer = request.change.commit(accepted(redo.view(job)))
    redo.hint(request.resources, job)
    return answer


@api.route("GET", ENDPOINTS + "/{id}/replays/{jobId}", access=MANAGE, rate="integration", answer=JOB)
def get_replay(request: Request) -> Answer:
    """Get how far a replay is."""
    return ok(redo.view(_job(request)))


@api.route("POST", ENDPOINTS + "/{id}/replays/{jobId}/cancel", access=MANAGE, rate="integration", answer=JOB)
def cancel_replay(request: Request) -> Answer:
    """Cancel a replay; what it has queued already is processed."""
    return _commit(request, ok(redo.view(redo.cancel(request.change, _job(request)))))


def _found(request: Request) -> Endpoint:
    return endpoints.get_v1(request.resources.tables.config, request.caller.tenant, request.path["id"])


def _any(request: Request) -> Endpoint:
    return endpoints.get(request.resources.tables.config, request.caller.tenant, request.path["id"])


def _event(request: Request) -> "Item":
    activity, tenant = request.resources.tables.activity, request.caller.tenant
    return received.get(activity, tenant, _any(request).id, request.path["eventId"])


def _job(request: Request) -> "Item":
    tables, tenant = request.resources.tables, request.caller.tenant
    return redo.get(tables, tenant, redo.REPLAY, _any(request).id, request.path["jobId"])


def _shown(request: Request, found: Endpoint) -> dict[str, Any]:
    counts = counters.read(request.resources.tables.activity, request.caller.tenant, found.id)
    return endpoint_views.v1(found, request.base_url, counts)


def _commit(request: Request, answer: Answer, repeated: Answer | None = None) -> Answer:
    """Commit the request's change; `repeated` is the answer to its repeats where a secret is shown once."""
    try:
        return request.change.commit(answer, repeated)
    except ConditionFailed as failure:
        raise endpoint_changes.explain_conflict(failure) from None
