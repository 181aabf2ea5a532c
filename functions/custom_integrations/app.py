"""Custom integrations (spec S000): the tenant's own connectors, and a sync of one of their endpoints by hand."""

from functools import partial
from typing import TYPE_CHECKING, Any

from hub.core.answers import Answer, accepted, created, no_content, ok
from hub.core.api import Api, Request
from hub.core.caller import admins, members
from hub.core.listing import page_of
from hub.core.tables import ConditionFailed
from hub.integrations import custom, versions
from hub.webhooks.endpoints import endpoint_views

if TYPE_CHECKING:
    from hub.outbound.guard import Guard

api = Api("custom_integrations")
handler = api.handle

READ = members("integrations:read")
WRITE = admins("integrations:write")
ONE = "hub.integrations.models:CustomIntegration"


@api.route(
    "POST",
    "/api/v1/custom-integrations",
    access=WRITE,
    rate="integration",
    status=201,
    body="hub.integrations.models:NewCustomIntegration",
    answer=ONE,
)
def create(request: Request) -> Answer:
    """Create a custom integration."""
    from hub.integrations import define  # the connector format: loaded where one is written
    from hub.webhooks.endpoints import following

    made = define.create(request.change, request.vault, _guard(request), request.json_object())
    once = following.follow(request.change, request.vault, made)
    answer = created(endpoint_views.custom(made, request.base_url, once))
    return _commit(request, answer, made.integration["name"], created(_shown(request, made)))


@api.route(
    "POST",
    "/api/v1/custom-integrations/import",
    access=WRITE,
    rate="integration",
    status=201,
    body="hub.integrations.importing.models:ImportRequest",
    answer="hub.integrations.importing.models:ImportResult",
)
def import_integration(request: Request) -> Answer:
    """Import an OpenAPI document, cURL commands or a HAR log as a custom integration; `dryRun` stores nothing."""
    from hub.integrations import define
    from hub.integrations.importing.models import ImportRequest
    from hub.integrations.importing.read import read

    wanted = request.parsed(ImportRequest)
    found, guard = read(wanted), _guard(request)
    if wanted.dryRun:
        define.checked(found.definition, guard)
        return ok({"definition": found.shown(), "warnings": found.warnings})
    made = define.create(request.change, request.vault, guard, found.definition, found.awaited)
    answer = created({"integration": _shown(request, made), "warnings": found.warnings})
    return _commit(request, answer, made.integration["name"])


@api.route(
    "GET",
    "/api/v1/custom-integrations",
    access=READ,
    rate="integration",
    answer="hub.integrations.models:CustomIntegrationPage",
    query={
        "limit": "How many, 1 to 100",
        "offset": "How many to skip",
        "cursor": "Where to go on",
        "status": "active, inactive or error",
        "type": "rest_api, webhook or graphql",
        "search": "A part of the name, the display name or the description",
        "sortBy": "createdAt, updatedAt, name or displayName",
        "sortOrder": "asc or desc",
    },
)
def list_integrations(request: Request) -> Answer:
    """List custom integrations."""
    config, tenant = request.resources.tables.config, request.caller.tenant
    chosen = custom.chosen(custom.list_all(config, tenant), request.query)
    listing = page_of(chosen, request.page(), sortable=("createdAt", "updatedAt", "name", "displayName"))
    return ok(request.listed("items", custom.with_connectors(config, tenant, listing), partial(_shown, request)))


@api.route("GET", "/api/v1/custom-integrations/{id}", access=READ, rate="integration", answer=ONE)
def get(request: Request) -> Answer:
    """Get a custom integration; its secrets show as handles."""
    return ok(_shown(request, _found(request)))


@api.route(
    "PATCH",
    "/api/v1/custom-integrations/{id}",
    access=WRITE,
    rate="integration",
    body="hub.integrations.models:CustomIntegrationPatch",
    answer=ONE,
)
def update(request: Request) -> Answer:
    """Change a custom integration: a JSON merge patch (RFC 7396); a handle keeps its secret."""
    from hub.integrations import define
    from hub.sync import stop
    from hub.webhooks.endpoints import following

    current = _found(request)
    request.must_match(current.connector["version"])
    changed = define.update(request.change, request.vault, _guard(request), current, request.json_object())
    stop.stop_when_paused(request.change, current.integration, changed.integration)
    once = following.follow(request.change, request.vault, changed)
    answer = ok(endpoint_views.custom(changed, request.base_url, once))
    return _commit(request, answer, changed.integration["name"])


@api.route("DELETE", "/api/v1/custom-integrations/{id}", access=WRITE, rate="integration", status=204)
def delete(request: Request) -> Answer:
    """Delete a custom integration; restorable for 31 days. Its syncs end within one page."""
    from hub.sync import stop
    from hub.webhooks.endpoints import following

    current = _found(request)
    request.must_match(current.connector["version"])
    custom.delete(request.change, current)
    stop.stop(request.change, current.id)
    following.follow_deletion(request.change, current)
    return _commit(request, no_content(), current.integration["name"])


@api.route(
    "POST",
    "/api/v1/custom-integrations/{id}/sync",
    access=WRITE,
    rate="integration",
    status=202,
    body="hub.sync.models:SyncRequest",
    answer="hub.sync.models:SyncJob",
)
def sync(request: Request) -> Answer:
    """Start a sync of one endpoint; the job runs page by page in a worker."""
    from hub.sync import views
    from hub.sync.models import SyncRequest
    from hub.sync.starts import start  # the connector engine: loaded by this route alone

    wanted = request.parsed(SyncRequest)
    job = start.start(request.change, _found(request), wanted, request.resources.settings.sync_interval_s)
    return start.begun(request.change, request.resources, job, accepted(views.job(job)))


@api.route(
    "POST",
    "/api/v1/custom-integrations/{id}/publish",
    access=WRITE,
    rate="integration",
    body="hub.integrations.models:PublishRequest",
    answer="hub.integrations.models:Publication",
)
def publish(request: Request) -> Answer:
    """Publish a version, by default the draft: syncs run it from now on. An older one is a rollback."""
    from hub.integrations import publish  # the connector engine
    from hub.integrations.models import PublishRequest
    from hub.webhooks.endpoints import following

    current = _found(request)
    request.must_match(current.connector["version"])
    published = publish.publish(request.change, current, request.parsed(PublishRequest))
    following.follow_publication(request.change, request.vault, current, published["version"])
    return _commit(request, ok(published), current.integration["name"])


@api.route(
    "GET",
    "/api/v1/custom-integrations/{id}/versions",
    access=READ,
    rate="integration",
    answer="hub.integrations.models:VersionPage",
    query={"limit": "How many, 1 to 100", "cursor": "Where to go on"},
)
def list_versions(request: Request) -> Answer:
    """List the versions of a custom integration, newest first."""
    found, page = _found(request), request.page()
    items, has_more = versions.newest(request.resources.tables.config, found, page.limit, page.after)
    return ok(request.uncounted("items", items, lambda item: versions.summary(found, item), has_more))


@api.route(
    "GET",
    "/api/v1/custom-integrations/{id}/versions/{version}",
    access=READ,
    rate="integration",
    answer="hub.integrations.models:VersionDefinition",
)
def get_version(request: Request) -> Answer:
    """Get a version with its definition; its secrets show as handles."""
    found, version = _found(request), versions.number_in(request.path["version"])
    return ok(versions.view(found, versions.get(request.resources.tables.config, found, version)))


def _found(request: Request) -> custom.CustomIntegration:
    return custom.get(request.resources.tables.config, request.caller.tenant, request.path["id"])


def _guard(request: Request) -> "Guard":
    from hub.outbound.guard import Guard

    return Guard.from_text(request.resources.settings.outbound_allowed_private, own_hosts=request.own_hosts)


def _shown(request: Request, found: custom.CustomIntegration) -> dict[str, Any]:
    return endpoint_views.custom(found, request.base_url)


def _commit(request: Request, answer: Answer, name: str, repeated: Answer | None = None) -> Answer:
    """Commit the request's change; `repeated` is the answer to its repeats where secrets are shown once."""
    try:
        return request.change.commit(answer, repeated)
    except ConditionFailed as failure:
        raise custom.explain_conflict(failure, name) from None
