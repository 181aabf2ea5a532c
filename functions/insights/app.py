"""What may be asked about the hub: whether it lives, how to talk to it, and who did what to a tenant's things."""

from pathlib import Path

from hub.core.answers import Answer, ok
from hub.core.api import Api, Request
from hub.core.caller import PUBLIC, admins
from hub.core.tables import hub_key
from hub.insights import audit_logs

api = Api("insights")
handler = api.handle

OPENAPI = Path(__file__).with_name("openapi.json")


@api.route("GET", "/healthz", access=PUBLIC, rate=None, answer="hub.core.models:Health")
def healthz(request: Request) -> Answer:
    """Say whether the hub can reach its tables."""
    request.resources.tables.coordination.get(hub_key("health", "1"))
    return ok({"status": "ok"})


@api.route("GET", "/openapi.json", access=PUBLIC, rate=None, cache_s=3600)
def openapi(_request: Request) -> Answer:
    """Describe every route (OpenAPI 3.1); built from the routes, not computed at run time."""
    return ok(OPENAPI.read_text())


@api.route(
    "GET",
    "/api/v1/audit-logs",
    access=admins("admin:full"),
    rate="integration",
    answer="hub.insights.audit_models:AuditPage",
    query={
        "limit": "How many, 1 to 100",
        "cursor": "Where to go on",
        "actor": "A user's id, or key:<id> for a program",
        "action": "One action such as integration.created, or integration.* for all on one kind of thing",
        "target": "The id of the thing",
        "since": "Not older than this time, such as 2026-07-01T10:00:00Z",
        "until": "Not newer than this time",
    },
)
def list_audit_logs(request: Request) -> Answer:
    """List audit entries, newest first; a page may be short and still go on."""
    page, chosen = request.page(), audit_logs.Chosen.of(request.query)
    activity = request.resources.tables.activity
    entries, position = audit_logs.newest(activity, request.caller.tenant, chosen, page.limit, page.after)
    shown = {"data": [audit_logs.view(entry) for entry in entries], "limit": page.limit, "hasMore": bool(position)}
    return ok({**shown, "nextCursor": request.seal_cursor(position)} if position else shown)
