"""Sync jobs (spec S004): their state, their log, and cancelling them."""

from hub.core.answers import Answer, ok
from hub.core.api import Api, Request
from hub.core.attributes import Item
from hub.core.caller import admins, members
from hub.sync import jobs, views

api = Api("sync")
handler = api.handle

READ = members("integrations:read")
WRITE = admins("integrations:write")
JOB = "hub.sync.models:SyncJob"


@api.route("GET", "/api/v1/sync-jobs/{id}", access=READ, rate="documents", answer=JOB)
def get(request: Request) -> Answer:
    """Get a sync job with its progress."""
    return ok(views.job(_found(request)))


@api.route("POST", "/api/v1/sync-jobs/{id}/cancel", access=WRITE, rate="documents", answer=JOB)
def cancel(request: Request) -> Answer:
    """Cancel a sync job; it takes effect within one page, and what was stored stays."""
    job = jobs.cancel(request.change, _found(request))
    return request.change.commit(ok(views.job(job)))


@api.route(
    "GET",
    "/api/v1/sync-jobs/{id}/logs",
    access=READ,
    rate="documents",
    answer="hub.sync.models:LogPage",
    query={"limit": "How many lines, 1 to 100", "cursor": "Where to go on"},
)
def logs(request: Request) -> Answer:
    """List what a sync job did, page by page, oldest first."""
    page = request.page()
    lines, has_more = jobs.logs(request.resources.tables, _found(request), page.limit, page.after)
    return ok(request.uncounted("data", lines, views.log_line, has_more))


def _found(request: Request) -> Item:
    return jobs.get(request.resources.tables, request.caller.tenant, request.path["id"])
