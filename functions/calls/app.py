"""Calls on request through a connection: a provider's operations, and whatever else its API can."""

from functools import lru_cache
from typing import TYPE_CHECKING

from hub.core import events
from hub.core.answers import Answer, ok
from hub.core.api import Api, Request
from hub.core.caller import ADMIN_ROLES, members
from hub.core.errors import Denied, HubError
from hub.core.resources import resources
from hub.integrations import connected
from hub.integrations.connected import Connected
from hub.integrations.connections import connections
from hub.integrations.connections.marks import Marks
from hub.outbound.client import Client
from hub.outbound.guard import Guard
from hub.outbound.retry import Sender

if TYPE_CHECKING:
    from hub.integrations.calls.operations import Job
    from hub.integrations.calls.way_out import WayOut

api = Api("calls")
handler = api.handle

READ = members("integrations:read")
CALL = members("integrations:write")
PROXY = "/api/v1/proxy/{integrationId}/{path+}"
# What API Gateway and Lambda take, less base64 and the event around it.
MOST_BYTES = 4 * 1024 * 1024


def client(request: Request) -> Sender:
    """Return the way out. The tests put a provider in memory here."""
    return _client(request.own_hosts)


@api.route("GET", PROXY, access=CALL, rate="integration", max_body_bytes=MOST_BYTES)
def proxy_get(request: Request) -> Answer:
    """Pass a GET on to the integration's API, with its credentials; the answer comes back as it is."""
    return _passed_on(request)


@api.route("POST", PROXY, access=CALL, rate="integration", max_body_bytes=MOST_BYTES)
def proxy_post(request: Request) -> Answer:
    """Pass a POST on to the integration's API, with its credentials."""
    return _passed_on(request)


@api.route("PUT", PROXY, access=CALL, rate="integration", max_body_bytes=MOST_BYTES)
def proxy_put(request: Request) -> Answer:
    """Pass a PUT on to the integration's API, with its credentials."""
    return _passed_on(request)


@api.route("PATCH", PROXY, access=CALL, rate="integration", max_body_bytes=MOST_BYTES)
def proxy_patch(request: Request) -> Answer:
    """Pass a PATCH on to the integration's API, with its credentials."""
    return _passed_on(request)


@api.route("DELETE", PROXY, access=CALL, rate="integration", max_body_bytes=MOST_BYTES)
def proxy_delete(request: Request) -> Answer:
    """Pass a DELETE on to the integration's API, with its credentials."""
    return _passed_on(request)


@api.route(
    "GET",
    "/api/v1/integrations/{id}/operations",
    access=READ,
    rate="integration",
    answer="hub.integrations.calls.operation_models:OperationList",
)
def list_operations(request: Request) -> Answer:
    """List what the integration can be asked to do."""
    from hub.integrations.calls import operations

    return ok({"data": operations.described(_found(request, request.path["id"]))})


@api.route(
    "POST",
    "/api/v1/integrations/{id}/operations/{operation}",
    access=CALL,
    rate="integration",
    body="hub.integrations.calls.operation_models:OperationRequest",
    answer="hub.integrations.calls.operation_models:OperationResult",
)
def operate(request: Request) -> Answer:
    """Run an operation now: a page of a list, a search, up to 1,000 records to write, a file, a message."""
    from hub.integrations.calls import operations

    job = _job(request)
    try:
        done = operations.run(job)
    except HubError as error:
        _record(request, job, error.message)
        _commit_quietly(request)
        raise
    _record(request, job, done.incomplete)
    cursor = {"nextCursor": request.seal_cursor(done.position)} if done.position else {}
    return request.change.commit(ok({**done.answer, **cursor}))


def _job(request: Request) -> "Job":
    from hub.connector.position import Position
    from hub.integrations.calls import operations
    from hub.integrations.calls.operation_models import OperationRequest

    found, wanted = _callable(request, request.path["id"]), request.parsed(OperationRequest)
    position = Position.from_json(request.open_cursor(wanted.cursor)) if wanted.cursor else None
    way = _way(request)
    return operations.Job(
        way, found, operations.chosen(found, request.path["operation"]), wanted, position, way.give_up_at()
    )


def _record(request: Request, job: "Job", error: str | None) -> None:
    from hub.integrations.calls import call_log, operations

    kind = operations.kind_of(job.endpoint)
    exchanged = job.watch.exchanged(error)
    call_log.record(request.change, job.found, kind, exchanged, operation=job.endpoint.id, calls=job.watch.calls)
    if kind not in operations.READING:
        request.change.audit("integration.called", job.found.id, operation=job.endpoint.id, calls=job.watch.calls)


def _passed_on(request: Request) -> Answer:
    from hub.integrations.calls import proxy
    from hub.integrations.calls.forwarding import Asked

    found = _callable(request, request.path["integrationId"])
    asked = Asked(request.route.method, request.path["path"], request.query_pairs, request.headers, request.body)
    passed = proxy.pass_on(_way(request), found, asked)
    proxy.record(request.change, found, asked, passed)
    _commit_quietly(request)
    if passed.answer is None:
        raise passed.error or HubError("The call was not made.")
    return passed.answer


def _commit_quietly(request: Request) -> None:
    """Keep the line of a call that was made; that it cannot be kept does not change what the other system did."""
    from hub.core import logs
    from hub.core.tables import CALL_FAILED

    try:
        request.change.keep()
    except CALL_FAILED as error:
        logs.failure("call.unlogged", error, request_id=request.id)


def _found(request: Request, integration_id: str) -> Connected:
    caller = request.caller
    return connected.load(request.resources.tables.config, caller.tenant, integration_id, user=caller.user)


def _callable(request: Request, integration_id: str) -> Connected:
    """Return the integration; a user who is no administrator calls with a connection of their own alone."""
    found, caller = _found(request, integration_id), request.caller
    if found.owner == connections.TENANT and not (caller.roles & ADMIN_ROLES or caller.key_id):
        raise Denied("Only an administrator may call with the tenant's connection.", roles=sorted(ADMIN_ROLES))
    return found


def _way(request: Request) -> "WayOut":
    from hub.integrations.calls.way_out import WayOut

    found = request.resources
    marks = Marks(found.tables, found.settings.retention_days, lambda event: events.hint(found, event))
    return WayOut(resources().vault, client(request), found.tables, marks)


# Kept for the life of the process: connections are reused by the next call.
@lru_cache(maxsize=4)
def _client(own_hosts: frozenset[str]) -> Client:
    return Client(Guard.from_text(resources().settings.outbound_allowed_private, own_hosts=own_hosts))
