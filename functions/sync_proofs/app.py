"""What a sync has done, shown and taken back: proof, revert, deletions that wait, records that were not taken."""

from hub.core.answers import Answer, accepted, ok
from hub.core.api import Api, Request
from hub.core.attributes import Item
from hub.core.caller import admins, members
from hub.integrations.instances import edge
from hub.sync import jobs, views

api = Api("sync_proofs")
handler = api.handle

READ = members("integrations:read")
WRITE = admins("integrations:write")
# A record that waits would have been a document: the right to syncs alone does not show it.
READ_DOCUMENTS = members("contacts:read")
JOB = "hub.sync.models:SyncJob"
PAGE = {"limit": "How many, 1 to 100", "cursor": "Where to go on"}


@api.route(
    "GET",
    "/api/v1/sync-jobs/{id}/proof",
    access=READ,
    rate="documents",
    answer="hub.sync.proof.models:Proof",
    query={"against": "Another job of the same entity: which documents differ between the ends of both"},
)
def prove(request: Request) -> Answer:
    """Show that what a sync job has read adds up, with samples; `against` another job, what has changed between."""
    from hub.sync.proof import proof

    tables, job = request.resources.tables, _found(request)
    found = proof.of(tables, job)
    if "against" in request.query:
        other = jobs.get(tables, request.caller.tenant, request.query["against"])
        found["difference"] = proof.between(tables, job, other)
    return ok(found)


@api.route("POST", "/api/v1/sync-jobs/{id}/approve-deletes", access=WRITE, rate="documents", status=202, answer=JOB)
def approve_deletes(request: Request) -> Answer:
    """Let the deletions happen, here or at the provider, that a sync has held back; a job of its own makes them."""
    from hub.sync import approvals

    return _begun(request, approvals.approve(request.change, _found(request)))


@api.route(
    "POST",
    "/api/v1/sync-jobs/{id}/revert",
    access=WRITE,
    rate="documents",
    status=202,
    body="hub.sync.proof.models:RevertRequest",
    answer="hub.sync.proof.models:Reverted",
)
def revert(request: Request) -> Answer:
    """Take back what a sync job changed, where nothing changed it since; with `preview` only say what that would be."""
    from hub.sync.proof import revert
    from hub.sync.proof.models import RevertRequest

    job = _found(request)
    if request.parsed(RevertRequest).preview:
        return ok(revert.preview(request.resources.tables, job))
    return _begun(request, revert.start(request.change, job))


@api.route(
    "GET",
    "/api/v1/integrations/{id}/quarantine",
    access=READ,
    rate="documents",
    answer="hub.sync.proof.models:QuarantinePage",
    query={**PAGE, "entity": "Only the records of this entity"},
)
def list_quarantine(request: Request) -> Answer:
    """List the records that were not stored as they came, with the reasons, for who may read documents too."""
    from hub.sync.pull import quarantine

    READ_DOCUMENTS.admit(request.caller)
    edge.found(request)
    page, activity = request.page(), request.resources.tables.activity
    entity, tenant = request.query.get("entity", ""), request.caller.tenant
    quarantine.must_be_entity(entity)
    found, has_more = quarantine.open_ones(activity, tenant, request.path["id"], entity, page.limit, page.after)
    return ok(request.uncounted("data", found, quarantine.view, has_more))


@api.route(
    "POST",
    "/api/v1/integrations/{id}/quarantine/retry",
    access=WRITE,
    rate="integration",
    status=202,
    body="hub.sync.proof.models:QuarantineRetry",
    answer=JOB,
)
def retry_quarantine(request: Request) -> Answer:
    """Run the records of the quarantine again, by the mapping and the contract that stand now."""
    from hub.integrations import connected
    from hub.sync.proof.models import QuarantineRetry
    from hub.sync.pull import requeue

    body = request.parsed(QuarantineRetry)
    tenant, user = request.caller.tenant, request.caller.user
    found = connected.load(request.resources.tables.config, tenant, request.path["id"], user=user)
    return _begun(request, requeue.start(request.change, found, body.entity or ""))


def _found(request: Request) -> Item:
    return jobs.get(request.resources.tables, request.caller.tenant, request.path["id"])


def _begun(request: Request, job: Item) -> Answer:
    """Commit a new job and let it begin."""
    from hub.sync.starts import start

    return start.begun(request.change, request.resources, job, accepted(views.job(job)))
