"""Syncs: configurations (spec S003), jobs (S004) with their state and their log, and every start by hand."""

import time
from typing import TYPE_CHECKING

from hub.core.answers import Answer, accepted, created, no_content, ok
from hub.core.api import Api, Request
from hub.core.attributes import Item
from hub.core.caller import admins, members
from hub.core.errors import BadRequest
from hub.core.listing import page_of
from hub.core.tables import ConditionFailed
from hub.integrations.instances import edge
from hub.sync import job_logs, jobs, views
from hub.sync.configs import configs
from hub.sync.configs import views as config_views
from hub.sync.starts import retrying

if TYPE_CHECKING:
    from hub.integrations.connected import Connected

api = Api("sync")
handler = api.handle

READ = members("integrations:read")
WRITE = admins("integrations:write")
JOB = "hub.sync.models:SyncJob"
# Each user's own; a program has no user.
CARDS = members()
# A conflict shows what documents hold, and a decision writes one: the right to syncs alone is not enough.
READ_DOCUMENTS = members("contacts:read")
WRITE_DOCUMENTS = members("contacts:write")
TEAM = "/api/v1/teams/{teamId}/sync-configs"
CONFIG = "hub.sync.configs.models:SyncConfiguration"
CONFLICTS = "hub.sync.two_way.models"
STATUSES = ("PENDING", "RUNNING", "COMPLETED", "FAILED", "CANCELLED")
PAGE = {"limit": "How many, 1 to 100", "cursor": "Where to go on"}
SORTABLE = ("createdAt", "updatedAt", "name")
# Jobs that are looked through for one page of those with a status.
MOST_READ = 1000


def pause(seconds: float) -> None:
    """Wait between two looks at a job."""
    time.sleep(seconds)


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
    lines, has_more = job_logs.lines(request.resources.tables, _found(request), page.limit, page.after)
    return ok(request.uncounted("data", lines, views.log_line, has_more))


def _found(request: Request) -> Item:
    return jobs.get(request.resources.tables, request.caller.tenant, request.path["id"])


@api.route("POST", "/api/v1/sync-jobs/{id}/retry", access=WRITE, rate="documents", status=202, answer=JOB)
def retry(request: Request) -> Answer:
    """Retry a failed or cancelled sync job: a new job goes on from its last position."""
    from hub.sync.starts import start

    return _begun(request, start.retry(request.change, _found(request)))


@api.route(
    "POST",
    "/api/v1/integrations/{id}/sync",
    access=WRITE,
    rate="integration",
    status=202,
    body="hub.sync.models:SyncStart",
    answer=JOB,
)
def begin(request: Request) -> Answer:
    """Start a sync of an integration, of all records of an entity or of changes; or run a configuration now."""
    from hub.sync.starts import by_hand as started_by_hand

    interval_s = request.resources.settings.sync_interval_s
    job = started_by_hand.begin(request.change, request.path["id"], request.json_object(), interval_s)
    return _begun(request, job)


@api.route(
    "GET",
    "/api/v1/integrations/{id}/sync-jobs",
    access=READ,
    rate="documents",
    answer="hub.sync.models:SyncJobPage",
    query={**PAGE, "status": ", ".join(STATUSES)},
)
def list_jobs(request: Request) -> Answer:
    """List the sync jobs of an integration, newest first."""
    edge.found(request)
    page, status = request.page(), request.query.get("status")
    if status is not None and status not in STATUSES:
        raise BadRequest(f"`status` must be one of {', '.join(STATUSES)}, found {status[:40]!r}.")
    found = _newest(request, page.limit + 1, page.after, status)
    return ok(request.uncounted("data", found[: page.limit], views.job, len(found) > page.limit))


@api.route(
    "POST",
    "/integrations/{provider}/sync",
    access=CARDS,
    rate="integration",
    status=201,
    answer="hub.sync.models:CardsSync",
)
def sync_cards(request: Request) -> Answer:
    """Send the tenant's contacts to a provider that the user has connected; waits up to 20 seconds for the end."""
    from hub.sync.starts import cards, start

    tables = request.resources.tables
    found = cards.find(tables.config, request.caller, request.path["provider"])
    job, is_new = cards.begin(request.change, found)
    if is_new:
        try:
            request.change.commit(created(cards.view(found, job)))
        except ConditionFailed as failure:
            rival = cards.rival(request.change, found)
            if rival is None:
                raise start.refusal(failure) from None
            job = rival
        else:
            start.hint(request.resources, job)
    return created(cards.view(found, cards.ended(tables, job, cards.Patience(pause))))


@api.route(
    "POST",
    TEAM,
    access=WRITE,
    rate="integration",
    status=201,
    body="hub.sync.configs.models:NewSyncConfig",
    answer=CONFIG,
)
def create_config(request: Request) -> Answer:
    """Create a sync configuration: what of an integration is synced, which way, and how often."""
    from hub.sync.configs import checks as config_checks
    from hub.sync.configs.models import NewSyncConfig

    _must_be_own_team(request)
    body = request.parsed(NewSyncConfig)
    if body.teamId not in (None, request.caller.tenant.id):
        raise configs.SyncConfigNotFound
    running = _running(request, body.integrationId, body.userId)
    made = configs.create(request.change, config_checks.of_new(running, body))
    return request.change.commit(created(config_views.one(made)))


@api.route("GET", TEAM, access=READ, rate="integration", cache_s=600, answer=f"{CONFIG}s", query=PAGE)
def list_configs(request: Request) -> Answer:
    """List the sync configurations as a bare array; `?integrationId` leaves those of one integration."""
    _must_be_own_team(request)
    found = configs.list_all(request.resources.tables.config, request.caller.tenant, request.query.get("integrationId"))
    listing = page_of(found, request.page(), SORTABLE)
    rows = [config_views.one(item) for item in listing.items]
    answer = edge.linked(request, rows, listing.position if listing.has_more else None)
    return Answer(200, rows, {**answer.headers, "X-Total-Count": str(listing.total)})


@api.route("GET", TEAM + "/{configId}", access=READ, rate="integration", answer=CONFIG)
def get_config(request: Request) -> Answer:
    """Get a sync configuration, with when it is due and how the last sync was."""
    return ok(config_views.one(_config(request)))


@api.route(
    "PATCH",
    TEAM + "/{configId}",
    access=WRITE,
    rate="integration",
    body="hub.sync.configs.models:SyncConfigPatch",
    answer=CONFIG,
)
def update_config(request: Request) -> Answer:
    """Change a sync configuration; what is left out stays, null gives back what the hub derives."""
    from hub.sync.configs import checks as config_checks
    from hub.sync.configs.models import SyncConfigPatch

    current = _config(request)
    request.must_match(current["version"])
    body = edge.parsed(request, SyncConfigPatch, config_views.one(current))
    user = body.userId if "userId" in body.model_fields_set else current.get("userId")
    config_checks.must_leave_derived(current, body)
    running = _running(request, current["integrationId"], user)
    changed = configs.update(request.change, current, config_checks.of_patch(running, current, body))
    return request.change.commit(ok(config_views.one(changed)))


@api.route("DELETE", TEAM + "/{configId}", access=WRITE, rate="integration", status=204)
def delete_config(request: Request) -> Answer:
    """Delete a sync configuration; documents stay, and a sync that runs goes on to its end."""
    from hub.sync.configs import checks as config_checks

    current = _config(request)
    request.must_match(current["version"])
    config_checks.must_leave_derived(current)
    configs.delete(request.change, current)
    return request.change.commit(no_content())


@api.route(
    "POST",
    TEAM + "/{configId}/attempts",
    access=WRITE,
    rate="integration",
    status=204,
    body="hub.sync.configs.models:SyncAttempt",
)
def log_attempt(request: Request) -> Answer:
    """Note a sync that was done elsewhere: it counts in the metrics, and a success sets lastSyncAt."""
    from hub.sync.configs.models import SyncAttempt

    current = _config(request)
    configs.log_attempt(request.change, current, success=request.parsed(SyncAttempt).success)
    return request.change.commit(no_content())


@api.route(
    "GET",
    "/api/v1/sync-conflicts",
    access=READ,
    rate="documents",
    answer=f"{CONFLICTS}:SyncConflictPage",
    query={**PAGE, "integrationId": "Those of one integration", "status": "open (the default), resolved or all"},
)
def list_conflicts(request: Request) -> Answer:
    """List the conflicts of syncs that go both ways, for who may read documents: what waits, or what was decided."""
    from hub.sync.two_way import conflicts

    READ_DOCUMENTS.admit(request.caller)
    wanted, page = conflicts.wanted(request.query), request.page()
    found, here = conflicts.page(request.resources.tables, request.caller.tenant, wanted, page.limit, page.after)
    answer = {"data": [conflicts.view(each) for each in found], "limit": page.limit, "hasMore": here is not None}
    return ok({**answer, "nextCursor": request.seal_cursor(here)} if here else answer)


@api.route(
    "POST",
    "/api/v1/sync-conflicts/{id}/resolve",
    access=WRITE,
    rate="documents",
    body=f"{CONFLICTS}:Resolution",
    answer=f"{CONFLICTS}:SyncConflict",
)
def resolve_conflict(request: Request) -> Answer:
    """Decide a conflict, for who may write documents: the document gets the value at once, the provider later."""
    from hub.sync.two_way import conflicts, resolving
    from hub.sync.two_way.models import Resolution

    WRITE_DOCUMENTS.admit(request.caller)
    body = request.parsed(Resolution)
    decision = resolving.Decision(body.resolution, body.value)
    decided = resolving.resolve(request.change, request.path["id"], decision)
    return request.change.commit(ok(conflicts.view(decided)))


def _begun(request: Request, job: Item) -> Answer:
    """Commit a new job and let it begin."""
    from hub.sync.starts import start

    return start.begun(request.change, request.resources, job, accepted(views.job(job)))


def _newest(request: Request, limit: int, after: str | None, status: str | None) -> list[Item]:
    """Return up to `limit` jobs, of those with the status among the MOST_READ next ones."""
    found: list[Item] = []
    tables, tenant, read = request.resources.tables, request.caller.tenant, 0
    while len(found) < limit and read < MOST_READ:
        page = retrying.newest(tables, tenant, request.path["id"], 100 if status else limit, after)
        found += [job for job in page if status in (None, job["status"])]
        if not page:
            break
        read, after = read + len(page), page[-1]["sk"]
    return found[:limit]


def _connected(request: Request, integration_id: str, user: str | None) -> "Connected":
    from hub.integrations import connected

    config, caller = request.resources.tables.config, request.caller
    return connected.load(config, caller.tenant, integration_id, user=user or caller.user)


def _running(request: Request, integration_id: str, user: str | None) -> "Connected":
    """Return an integration as its syncs run it."""
    from hub.sync.starts import orders

    return orders.to_run(request.resources.tables.config, _connected(request, integration_id, user))


def _config(request: Request) -> Item:
    _must_be_own_team(request)
    return configs.get(request.resources.tables.config, request.caller.tenant, request.path["configId"])


def _must_be_own_team(request: Request) -> None:
    if request.path["teamId"] != request.caller.tenant.id:
        raise configs.SyncConfigNotFound
