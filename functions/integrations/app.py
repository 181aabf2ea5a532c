"""A tenant's integrations under the surfaces of four specifications (S001 to S004), their health and request logs."""

from typing import TYPE_CHECKING, Any

from hub.core.answers import Answer, created, no_content, ok
from hub.core.api import Api, Request
from hub.core.caller import admins, members
from hub.core.errors import IntegrationNotFound
from hub.core.listing import page_of
from hub.integrations.instances import beside, chosen, edge, views_cards, views_teams, views_tenant, views_v1
from hub.sync.configs import own_schedule

if TYPE_CHECKING:
    from hub.integrations.instances.beside import Instance
    from hub.outbound.guard import Guard
    from hub.webhooks.endpoints.integration_ends import Ends

api = Api("integrations")
handler = api.handle

READ: dict[str, Any] = {"access": members("integrations:read"), "rate": "integration"}
ADMIN_READ: dict[str, Any] = {"access": admins("integrations:read"), "rate": "integration"}
WRITE: dict[str, Any] = {"access": admins("integrations:write"), "rate": "integration"}
# Each user's own; a program has no user.
CARDS: dict[str, Any] = {"access": members(), "rate": "integration"}
TENANT, TEAM, V1 = "/api/tenant/integrations", "/api/v1/teams/{teamId}/integrations", "/api/v1/integrations"
T_MODELS, TEAM_MODELS, V1_MODELS, LOGS = (
    f"hub.integrations.instances.{name}_models" for name in ("tenant", "teams", "v1", "log")
)
T_ONE, TEAM_ONE, V1_ONE = f"{T_MODELS}:TenantIntegration", f"{TEAM_MODELS}:TeamsIntegration", f"{V1_MODELS}:Integration"
CARDS_MODELS = "hub.integrations.instances.cards_models"
SETTINGS = "hub.integrations.tenant_settings_models:TenantSettings"
PAGE = {"limit": "How many, 1 to 100", "cursor": "Where to go on"}
COUNTED = {**PAGE, "offset": "How many to skip", "sortBy": "createdAt, updatedAt or name", "sortOrder": "asc or desc"}
SEARCHED = {**COUNTED, "search": "A part of the name or the description"}
OF_TENANT = {**SEARCHED, "status": "pending, connected, error or disabled", "providerName": "One provider"}
OF_V1 = {
    **SEARCHED,
    "status": "ACTIVE, PAUSED, ERROR or PENDING_AUTH",
    "providerId": "One provider",
    "environment": "PRODUCTION, SANDBOX or TEST",
}
SORTABLE = ("createdAt", "updatedAt", "name")


@api.route("GET", TENANT, **ADMIN_READ, answer=f"{T_ONE}Page", query=OF_TENANT)
def list_tenant(request: Request) -> Answer:
    """List integrations."""
    listing = page_of(chosen.tenant(edge.everything(request), request.query), request.page(), SORTABLE)
    return ok(request.listed("integrations", edge.with_parts(request, listing), views_tenant.one))


@api.route("POST", TENANT, **WRITE, status=201, body=f"{T_MODELS}:NewTenantIntegration", answer=T_ONE)
def create_tenant(request: Request) -> Answer:
    """Create an integration of a provider; it waits for credentials, or to be activated."""
    from hub.integrations.instances.changing import Wish
    from hub.integrations.instances.tenant_models import NewTenantIntegration

    body = request.parsed(NewTenantIntegration)
    entry = edge.open_provider(request, body.integrationId)
    made = edge.writer(request, _guard(request)).create(entry, views_tenant.wanted(entry, body), Wish())
    return edge.commit(request, created(views_tenant.one(made)))


@api.route("GET", TENANT + "/{id}", **ADMIN_READ, answer=T_ONE)
def get_tenant(request: Request) -> Answer:
    """Get an integration."""
    return ok(views_tenant.one(edge.found(request)))


@api.route("PATCH", TENANT + "/{id}", **WRITE, body=f"{T_MODELS}:TenantIntegrationPatch", answer=T_ONE)
def update_tenant(request: Request) -> Answer:
    """Change an integration; settings that lead to another address end its connection."""
    from hub.integrations.instances.tenant_models import TenantIntegrationPatch

    current = edge.to_change(request)
    body = edge.parsed(request, TenantIntegrationPatch, views_tenant.one(current))
    return edge.commit(
        request,
        ok(views_tenant.one(edge.writer(request, _guard(request)).update(current, views_tenant.wish(current, body)))),
    )


@api.route("DELETE", TENANT + "/{id}", **WRITE, status=204)
def delete_tenant(request: Request) -> Answer:
    """Delete an integration; restorable for 31 days. Its syncs end within one page."""
    return _deleted(request, edge.to_change(request), no_content())


@api.route("POST", TENANT + "/{id}/activate", **WRITE, answer=f"{T_MODELS}:Activated")
def activate(request: Request) -> Answer:
    """Activate an integration; one that was never connected says what to do first."""
    return edge.commit(request, ok(views_tenant.activated(_ends(request).switch(edge.to_change(request), "activate"))))


@api.route("POST", TENANT + "/{id}/deactivate", **WRITE, answer=f"{T_MODELS}:Deactivated")
def deactivate(request: Request) -> Answer:
    """Deactivate an integration; its settings and credentials stay."""
    return edge.commit(request, ok(views_tenant.deactivated(_ends(request).switch(edge.to_change(request), "pause"))))


@api.route("GET", TENANT + "/{id}/widgets/status", **{**READ, "rate": "widget"}, answer=f"{T_MODELS}:WidgetStatus")
def widget_status(request: Request) -> Answer:
    """Get what a widget shows of an integration."""
    return ok(views_tenant.widget_status(edge.found(request)))


@api.route("GET", "/integrations", **CARDS, answer=f"{CARDS_MODELS}:CardsIntegrations", query=PAGE)
def list_cards(request: Request) -> Answer:
    """List what the user has connected."""
    return edge.bare(
        request, page_of(chosen.cards(edge.everything(request)), request.page(), SORTABLE), views_cards.listed
    )


@api.route("DELETE", "/integrations/{provider}", **CARDS, answer=f"{CARDS_MODELS}:Success")
def delete_cards(request: Request) -> Answer:
    """Disconnect a provider of the user."""
    wanted = request.path["provider"].upper()
    for item in chosen.cards(edge.everything(request)):
        if views_cards.provider_name(item) == wanted:
            return _deleted(request, beside.one(request.resources.tables.config, item), ok({"success": True}))
    raise IntegrationNotFound


@api.route("GET", TEAM, **READ, cache_s=600, answer=f"{TEAM_ONE}s", query=PAGE)
def list_team(request: Request) -> Answer:
    """List a team's integrations."""
    edge.must_be_own_team(request)
    return edge.bare(request, page_of(edge.everything(request), request.page(), SORTABLE), views_teams.one)


@api.route("POST", TEAM, **WRITE, status=201, body=f"{TEAM_MODELS}:NewTeamsIntegration", answer=TEAM_ONE)
def create_team(request: Request) -> Answer:
    """Create an integration of one of five types; with credentials it is connected at once."""
    from hub.integrations.instances.changing import Wish
    from hub.integrations.instances.teams_models import NewTeamsIntegration

    body = request.parsed(NewTeamsIntegration)
    edge.must_be_own_team(request, body.teamId)
    entry = edge.open_type(request, body.type)
    wish = Wish(credentials=body.credentials)
    made = edge.writer(request, _guard(request), "config").create(entry, views_teams.wanted(entry, body), wish)
    return edge.commit(request, created(views_teams.one(made)))


@api.route("GET", TEAM + "/{integrationId}", **READ, answer=TEAM_ONE)
def get_team(request: Request) -> Answer:
    """Get an integration of a team."""
    return ok(views_teams.one(edge.found(request)))


@api.route("PATCH", TEAM + "/{integrationId}", **WRITE, body=f"{TEAM_MODELS}:TeamsIntegrationPatch", answer=TEAM_ONE)
def update_team(request: Request) -> Answer:
    """Change an integration of a team, its credentials too; `enabled` switches it."""
    from hub.integrations.instances.teams_models import TeamsIntegrationPatch

    current = edge.to_change(request)
    body = edge.parsed(request, TeamsIntegrationPatch, views_teams.one(current))
    wish = views_teams.wish(current, body)
    changed = current if wish.is_empty else edge.writer(request, _guard(request), "config").update(current, wish)
    return edge.commit(request, ok(views_teams.one(_ends(request).switch(changed, views_teams.way(changed, body)))))


@api.route("DELETE", TEAM + "/{integrationId}", **WRITE, status=204)
def delete_team(request: Request) -> Answer:
    """Delete an integration of a team; restorable for 31 days."""
    return _deleted(request, edge.to_change(request), no_content())


@api.route(
    "POST",
    TEAM + "/{integrationId}/request-logs",
    **{**WRITE, "rate": "documents"},
    status=201,
    body=f"{LOGS}:NewRequestLog",
    answer=f"{LOGS}:RequestLog",
)
def report_request(request: Request) -> Answer:
    """Report a request that a program made itself for the integration."""
    from hub.integrations.instances import request_logs
    from hub.integrations.instances.log_models import NewRequestLog

    found = edge.found(request)
    line = request_logs.report(request.change, found.id, request.parsed(NewRequestLog).model_dump())
    return request.change.commit(created(request_logs.teams(line, request.caller.tenant, found.id)))


@api.route(
    "GET", TEAM + "/{integrationId}/request-logs", **ADMIN_READ, cache_s=300, answer=f"{LOGS}:RequestLogs", query=PAGE
)
def list_team_logs(request: Request) -> Answer:
    """List the requests made for an integration of a team, newest first."""
    from hub.integrations.instances import request_logs

    return edge.linked(request, *edge.logs(request, request_logs.teams))


@api.route("GET", V1, **READ, answer=f"{V1_ONE}Page", query=OF_V1)
def list_v1(request: Request) -> Answer:
    """List integrations, custom ones too."""
    listing = page_of(chosen.v1(edge.everything(request), request.query), request.page(), SORTABLE)
    shown = edge.with_parts(request, listing)
    return ok(request.listed("data", shown, own_schedule.view_of(request.resources.tables.config, shown.items)))


@api.route("POST", V1, **WRITE, status=201, body=f"{V1_MODELS}:NewIntegration", answer=V1_ONE)
def create_v1(request: Request) -> Answer:
    """Create an integration; with an API key it is connected at once."""
    from hub.integrations.instances.changing import Wish
    from hub.integrations.instances.v1_models import NewIntegration

    body = request.parsed(NewIntegration)
    entry = edge.open_provider(request, body.providerId)
    wish = Wish(credentials=views_v1.credentials(entry, body), credentials_at="")
    made = edge.writer(request, _guard(request), "config").create(entry, views_v1.wanted(entry, body), wish)
    return edge.commit(request, created(own_schedule.follow(request.change, made)), edge.PAIR_TAKEN)


@api.route("GET", V1 + "/health", **READ, answer=f"{V1_MODELS}:HealthPage", query=COUNTED)
def health_of_all(request: Request) -> Answer:
    """Say how all integrations are doing, a page at a time."""
    from hub.integrations.instances import health

    listing = edge.with_parts(request, page_of(edge.everything(request), request.page(), SORTABLE))
    views = {view["integrationId"]: view for view in health.of_many(request.resources.tables, listing.items)}
    return ok(request.listed("data", listing, lambda shown: views[shown.id]))


@api.route("GET", V1 + "/{id}", **READ, answer=V1_ONE)
def get_v1(request: Request) -> Answer:
    """Get an integration; its credentials are never answered."""
    return ok(_v1(request, edge.found(request)))


@api.route("PUT", V1 + "/{id}", **WRITE, body=f"{V1_MODELS}:IntegrationUpdate", answer=V1_ONE)
def replace_v1(request: Request) -> Answer:
    """Replace an integration; what is left out gets its default, secrets, environment and status stay."""
    from hub.integrations.instances import switching
    from hub.integrations.instances.v1_models import IntegrationUpdate

    current = edge.to_change(request)
    body = edge.parsed(request, IntegrationUpdate, _v1(request, current))
    writer = edge.writer(request, _guard(request), "config")
    changed = writer.update(current, views_v1.wish(current, writer.entry_of(current.item), body))
    wanted = switching.way(current.item["status"], body.status, body.isEnabled)
    switched = _ends(request).switch(changed, wanted)
    answer = ok(own_schedule.follow(request.change, switched, current.item.get("syncFrequency")))
    return edge.commit(request, answer, edge.PAIR_TAKEN)


@api.route("DELETE", V1 + "/{id}", **WRITE, status=204)
def delete_v1(request: Request) -> Answer:
    """Delete an integration; restorable for 31 days."""
    return _deleted(request, edge.to_change(request), no_content())


@api.route("PATCH", V1 + "/{id}/status", **WRITE, body=f"{V1_MODELS}:StatusPatch", answer=V1_ONE)
def set_status(request: Request) -> Answer:
    """Switch an integration on or off, by `status` or `isEnabled`."""
    from hub.integrations.instances import switching
    from hub.integrations.instances.v1_models import StatusPatch

    current, body = edge.to_change(request), request.parsed(StatusPatch)
    wanted = switching.way(current.item["status"], body.status, body.isEnabled)
    return edge.commit(request, ok(_v1(request, _ends(request).switch(current, wanted))))


@api.route("POST", V1 + "/{id}/restore", **WRITE, answer=V1_ONE)
def restore(request: Request) -> Answer:
    """Bring a deleted integration back, within 31 days, with its credentials; its name must still be free."""
    from hub.integrations.instances import keeping

    restored, rest = _ends(request).restore(edge.found_deleted(request))
    answer = edge.commit(request, ok(_v1(request, restored)))
    keeping.keep_rest(request.resources.tables, rest)
    return answer


@api.route("GET", V1 + "/{id}/health", **READ, answer=f"{V1_MODELS}:IntegrationHealth")
def health_of_one(request: Request) -> Answer:
    """Say how an integration is doing: circuit, latency, last error, its cause and what to do next."""
    from hub.integrations.instances import health

    return ok(health.of_one(request.resources.tables, edge.found(request)))


@api.route("GET", V1 + "/{id}/logs", **ADMIN_READ, answer=f"{LOGS}:ApiRequestLogPage", query=PAGE)
def list_logs(request: Request) -> Answer:
    """List the calls made for an integration, newest first; headers and bodies are redacted."""
    from hub.integrations.instances import request_logs

    shown, position = edge.logs(request, request_logs.v1)
    answer = {"data": shown, "limit": request.page().limit, "hasMore": position is not None}
    return ok({**answer, "nextCursor": request.seal_cursor(position)} if position else answer)


@api.route("GET", "/api/v1/tenant-settings", **ADMIN_READ, answer=SETTINGS)
def get_settings(request: Request) -> Answer:
    """Get where browsers may return to after OAuth, and the tenant's plans."""
    from hub.integrations import tenant_settings

    return ok(tenant_settings.get(request.resources.tables.config, request.caller.tenant).view)


@api.route("PUT", "/api/v1/tenant-settings", **WRITE, body=f"{SETTINGS}Update", answer=SETTINGS)
def put_settings(request: Request) -> Answer:
    """Set where browsers may return to after OAuth; the plans are set by a super_admin."""
    from hub.integrations import tenant_settings
    from hub.integrations.tenant_settings_models import TenantSettingsUpdate

    body, current = (
        request.parsed(TenantSettingsUpdate),
        tenant_settings.get(request.resources.tables.config, request.caller.tenant),
    )
    changed = tenant_settings.put(request.change, current, body.returnOrigins, body.plans)
    return request.change.commit(ok(changed.view))


def _ends(request: Request) -> "Ends":
    from hub.webhooks.endpoints.integration_ends import Ends

    return Ends(request.change, request.vault, _guard(request))


def _v1(request: Request, shown: "Instance") -> dict[str, Any]:
    return own_schedule.view(request.resources.tables.config, shown)


def _guard(request: Request) -> "Guard":
    from hub.outbound.guard import Guard

    return Guard.from_text(request.resources.settings.outbound_allowed_private, own_hosts=request.own_hosts)


def _deleted(request: Request, shown: "Instance", answer: Answer) -> Answer:
    from hub.integrations.instances import keeping, lifecycle

    rest = _ends(request).delete(shown)
    given = edge.commit(request, answer)
    keeping.expire_rest(request.resources.tables, rest, lifecycle.expires_epoch_s())
    return given
