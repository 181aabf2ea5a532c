"""Events of the tenant's own systems: taking them in, looking one up, and the registry of their types."""

from functools import cache

from hub.core import events
from hub.core.answers import Answer, accepted, no_content, ok
from hub.core.api import Api, Request
from hub.core.attributes import Item
from hub.core.caller import admins
from hub.core.listing import page_of
from hub.core.resources import resources
from hub.core.tables import ConditionFailed
from hub.webhooks.events import accept, event_types, event_views
from hub.webhooks.events.event_types import Registry

api = Api("events")
handler = api.handle

ACCESS = admins("webhooks:manage")
TYPE = "hub.webhooks.events.event_type_models:EventType"


@api.route(
    "POST",
    "/api/v1/events",
    access=ACCESS,
    rate="events",
    status=202,
    body="hub.webhooks.events.event_models:NewEvent",
    answer="hub.webhooks.events.event_models:AcceptedEvent",
)
def post(request: Request) -> Answer:
    """Publish an event; the same `id` with the same content may be sent again and is taken once."""
    from hub.webhooks.events.event_models import NewEvent

    wanted, found = request.parsed(NewEvent), request.resources
    incoming = accept.Incoming(wanted.type, wanted.data, wanted.id, wanted.orderingKey, user_id=wanted.userId)
    event = accept.event_of(_registry(), request.caller.tenant, incoming, found.settings.retention_days)
    placed, writes = accept.writes(found.tables, event)
    request.change.add(*writes)
    try:
        answer = request.change.commit(accepted(accept.view(placed)))
    except ConditionFailed as failure:
        return accepted(accept.view(accept.settled(found.tables, event, failure)))
    events.hint(found, placed)
    return answer


@api.route(
    "GET", "/api/v1/events/{id}", access=ACCESS, rate="integration", answer="hub.webhooks.events.event_models:Event"
)
def get(request: Request) -> Answer:
    """Get an event and the deliveries it led to."""
    activity = request.resources.tables.activity
    return ok(
        event_views.with_deliveries(activity, event_views.get(activity, request.caller.tenant, request.path["id"]))
    )


@api.route(
    "GET",
    "/api/v1/event-types",
    access=ACCESS,
    rate="integration",
    answer="hub.webhooks.events.event_type_models:EventTypePage",
    query={
        "limit": "How many, 1 to 100",
        "offset": "How many to skip",
        "cursor": "Where to go on",
        "sortBy": "name, createdAt or updatedAt",
        "sortOrder": "asc or desc",
    },
)
def list_types(request: Request) -> Answer:
    """List the event types: those that every tenant has, and your own."""
    found = event_types.list_all(request.resources.tables.config, request.caller.tenant)
    listing = page_of(found, request.page(), sortable=("name", "createdAt", "updatedAt"))
    return ok(request.listed("items", listing, event_types.view))


@api.route(
    "PUT",
    "/api/v1/event-types",
    access=ACCESS,
    rate="integration",
    body="hub.webhooks.events.event_type_models:NewEventType",
    answer=TYPE,
)
def put_type(request: Request) -> Answer:
    """Describe an event type of your own: create it, or replace what it was."""
    from hub.webhooks.events import describe  # the schema validator
    from hub.webhooks.events.event_type_models import NewEventType

    wanted = request.parsed(NewEventType)
    current = describe.present(request.resources.tables.config, request.caller.tenant, wanted.name)
    request.must_match(current["version"] if current else 0)
    return _changed(request, ok(event_types.view(describe.put(request.change, current, wanted))))


@api.route("GET", "/api/v1/event-types/{name}", access=ACCESS, rate="integration", answer=TYPE)
def get_type(request: Request) -> Answer:
    """Get an event type by its name or an alias."""
    return ok(event_types.view(_type(request)))


@api.route("DELETE", "/api/v1/event-types/{name}", access=ACCESS, rate="integration", status=204)
def delete_type(request: Request) -> Answer:
    """Delete an event type of your own; events of this name may still be published, and fit no schema."""
    current = _type(request)
    event_types.must_be_own(current["sk"])
    request.must_match(current["version"])
    event_types.delete(request.change, current)
    return _changed(request, no_content())


def _type(request: Request) -> Item:
    return event_types.get(request.resources.tables.config, request.caller.tenant, request.path["name"])


def _changed(request: Request, answer: Answer) -> Answer:
    given = request.change.commit(answer)
    _registry().forget(request.caller.tenant)
    return given


# Kept for the life of the process: the names and schemas of tenants' types, at most ten seconds old.
@cache
def _registry() -> Registry:
    return Registry(resources().tables.config)
