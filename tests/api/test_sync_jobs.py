"""Sync jobs through their routes: start, look at, cancel, read the log, and nobody else's."""

import json
import re

import pytest

from hub.core.caller import Tenant
from hub.core.resources import resources
from hub.core.tables import key
from hub.sync.models import LogPage, SyncJob
from tests.api.conftest import Hub, Reply, StoppedClock, just_before
from tests.api.queued import hints_in
from tests.api.sync_work import LEASE_S, Json, Provider, Sync, connector, contacts, counted

PATH = "/api/v1/custom-integrations"
JOBS = "/api/v1/sync-jobs"


@pytest.fixture
def sync(hub: Hub, stopped_clock: StoppedClock) -> Sync:  # noqa: ARG001  time moves only when told to
    return Sync(hub, Provider(contacts(25)))


def start(hub: Hub, integration_id: str, body: Json | None = None) -> Reply:
    return hub.post(f"{PATH}/{integration_id}/sync", {"endpointId": "list"} if body is None else body)


def pointers(reply: Reply) -> list[str]:
    return [problem["pointer"] for problem in reply.body["error"]["details"]["problems"]]


# Start


def test_started_job_is_a_pending_sync_job_of_the_specification(sync: Sync) -> None:
    integration_id = sync.connect()

    reply = start(sync.hub, integration_id, {"endpointId": "list", "params": {"a": 1}, "body": {"a": 2, "b": 3}})

    SyncJob.model_validate(reply.body)
    assert reply.status == 202
    assert re.fullmatch(r"job_[0-9A-HJKMNP-TV-Z]{26}", reply.body["id"])
    expected: Json = {
        "tenantId": sync.hub.tenant,
        "integrationId": integration_id,
        "jobType": "FULL_SYNC",
        "entityType": "contact",
        "direction": "INBOUND",
        "filters": None,
        "status": "PENDING",
        "startedAt": None,
        "completedAt": None,
        "totalRecords": 0,
        "processedRecords": 0,
        "successRecords": 0,
        "failedRecords": 0,
        "errorLog": [],
        "createdBy": "u1",
        "endpointId": "list",
        "params": {"a": 1, "b": 3},
        "nextAttemptAt": None,
    }
    assert {name: reply.body[name] for name in expected} == expected
    assert sync.job(reply.body["id"]) == reply.body


def test_hint_in_the_queue_holds_ids_and_nothing_else(sync: Sync) -> None:
    job_id = sync.start(sync.connect())

    assert hints_in("sync", sync.hub.tenant) == [{"tenant": sync.hub.tenant, "id": job_id}]


def test_endpoint_without_a_document_type_fills_records(sync: Sync) -> None:
    endpoint = connector()["endpoints"][0]
    mapping = {name: value for name, value in endpoint["responseMapping"].items() if name != "targetShardTypeId"}
    integration_id = sync.connect(endpoints=[{**endpoint, "responseMapping": mapping}])

    assert start(sync.hub, integration_id).body["entityType"] == "record"


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        ({"endpointId": "unknown"}, "/endpointId"),
        ({}, "/endpointId"),
        ({"endpointId": 1}, "/endpointId"),
        ({"endpointId": "list", "params": []}, "/params"),
        ({"endpointId": "list", "since": 1}, "/since"),
    ],
)
def test_request_that_names_no_endpoint_is_a_400_with_the_place(sync: Sync, body: Json, pointer: str) -> None:
    integration_id = sync.connect()

    reply = start(sync.hub, integration_id, body)

    assert (reply.status, reply.code, pointers(reply)) == (400, "VALIDATION_ERROR", [pointer])


def test_unknown_endpoint_is_told_with_those_there_are(sync: Sync) -> None:
    reply = start(sync.hub, sync.connect(), {"endpointId": "unknown"})

    assert "(list), found 'unknown'" in reply.body["error"]["details"]["problems"][0]["message"]


def test_missing_parameter_is_a_400_before_a_job_is_made(sync: Sync) -> None:
    endpoint = connector()["endpoints"][0]
    parameter = {"name": "region", "required": True, "type": "number"}
    integration_id = sync.connect(
        endpoints=[{**endpoint, "path": "/regions/{region}/contacts", "pathParams": [parameter]}]
    )

    missing = start(sync.hub, integration_id)
    wrong = start(sync.hub, integration_id, {"endpointId": "list", "params": {"region": "north"}})

    for reply in (missing, wrong):
        assert (reply.status, reply.body["error"]["details"]) == (400, {"parameter": "region"})
    assert start(sync.hub, integration_id, {"endpointId": "list", "params": {"region": "7"}}).status == 202


def test_connector_without_an_address_cannot_be_synced(sync: Sync) -> None:
    only_receives = connector(integrationType="webhook", auth={"type": "none"}, baseUrl=None)
    made = sync.hub.post(PATH, {name: value for name, value in only_receives.items() if value is not None})

    reply = start(sync.hub, made.body["id"])

    assert (made.status, reply.status, pointers(reply)) == (201, 400, ["/baseUrl"])


def test_inactive_integration_is_not_synced(sync: Sync) -> None:
    integration_id = sync.connect(status="active")
    sync.hub.call("PATCH", f"{PATH}/{integration_id}", {"status": "inactive"})

    refused = start(sync.hub, integration_id)

    assert (refused.status, refused.code) == (409, "CONFLICT")
    sync.hub.call("PATCH", f"{PATH}/{integration_id}", {"status": "active"})
    assert start(sync.hub, integration_id).status == 202


def test_second_sync_of_the_same_entity_is_a_409_that_names_the_first(sync: Sync) -> None:
    integration_id = sync.connect()
    first = sync.start(integration_id)

    second = start(sync.hub, integration_id)

    assert (second.status, second.code, second.body["error"]["details"]) == (409, "CONFLICT", {"jobId": first})
    assert sync.start(sync.connect("other"))


def test_one_of_two_syncs_that_start_at_the_same_moment_wins(sync: Sync) -> None:
    integration_id = sync.connect()
    won: list[Reply] = []

    with just_before("TransactWriteItems", lambda: won.append(start(sync.hub, integration_id))):
        lost = start(sync.hub, integration_id)

    assert ([reply.status for reply in won], lost.status) == ([202], 409)


def test_lock_that_an_ended_job_left_behind_is_removed(sync: Sync) -> None:
    """Nobody works on a job that was cancelled while it waited, so nobody releases its lock."""
    integration_id = sync.connect()
    sync.cancel(sync.start(integration_id))

    assert start(sync.hub, integration_id).status == 202


def test_lock_of_a_cancelled_job_stands_while_its_worker_may_still_write(
    sync: Sync, stopped_clock: StoppedClock
) -> None:
    integration_id = sync.connect()
    job_id = sync.start(integration_id)
    refused: list[Reply] = []

    def cancel_and_start() -> None:
        sync.cancel(job_id)
        refused.append(start(sync.hub, integration_id))
        raise KeyboardInterrupt  # the worker dies

    sync.provider.instead[1] = cancel_and_start
    with pytest.raises(KeyboardInterrupt):
        sync.work(job_id)
    stopped_clock.advance(LEASE_S + 1)

    assert [reply.status for reply in refused] == [409]
    assert start(sync.hub, integration_id).status == 202


def test_lock_is_released_when_a_job_ends(sync: Sync) -> None:
    integration_id = sync.connect()
    job_id = sync.start(integration_id)
    sync.work(job_id)

    place = key(Tenant(sync.hub.tenant), "sync-lock", f"{integration_id}#contact#INBOUND")

    assert resources().tables.coordination.get(place) is None
    again = sync.start(integration_id)
    sync.work(again)
    assert sync.job(again)["counters"] == counted(read=25, unchanged=25)


# Cancel


def test_pending_job_is_cancelled_at_once_and_never_run(sync: Sync) -> None:
    job_id = sync.start(sync.connect())

    reply = sync.hub.post(f"{JOBS}/{job_id}/cancel")
    sync.work(job_id)

    SyncJob.model_validate(reply.body)
    assert (reply.status, reply.body["status"], reply.body["stopReason"]) == (200, "CANCELLED", "cancelled")
    assert sync.job(job_id) == reply.body
    assert sync.provider.calls == []


@pytest.mark.parametrize("ended", ["COMPLETED", "CANCELLED"])
def test_job_that_has_ended_cannot_be_cancelled(sync: Sync, ended: str) -> None:
    job_id = sync.start(sync.connect())
    sync.work(job_id) if ended == "COMPLETED" else sync.cancel(job_id)

    reply = sync.hub.post(f"{JOBS}/{job_id}/cancel")

    assert (reply.status, reply.code, reply.body["error"]["details"]) == (409, "CONFLICT", {"status": ended})
    assert sync.job(job_id)["status"] == ended


# Log


def test_log_has_a_line_for_each_page_in_order(sync: Sync) -> None:
    job_id = sync.start(sync.connect())
    sync.work(job_id)

    reply = sync.hub.get(f"{JOBS}/{job_id}/logs")

    LogPage.model_validate(reply.body)
    lines = reply.body["data"]
    assert [(line["page"], line["kind"], line["created"]) for line in lines] == [
        (0, "page", 10),
        (1, "page", 10),
        (2, "completed", 5),
    ]
    assert lines[0].items() >= {"method": "GET", "url": "https://crm.example.com/contacts", "status": 200}.items()
    assert reply.body["hasMore"] is False


def test_log_is_read_page_by_page(sync: Sync) -> None:
    job_id = sync.start(sync.connect())
    sync.work(job_id)

    first = sync.hub.get(f"{JOBS}/{job_id}/logs", query={"limit": 2}).body
    second = sync.hub.get(f"{JOBS}/{job_id}/logs", query={"limit": 2, "cursor": first["nextCursor"]}).body

    assert [line["page"] for line in (*first["data"], *second["data"])] == [0, 1, 2]
    assert (first["hasMore"], second["hasMore"], "nextCursor" in second) == (True, False, False)


def test_log_shows_no_secret(sync: Sync) -> None:
    job_id = sync.start(
        sync.connect(auth={"type": "api_key", "keyName": "k", "keyLocation": "query", "keyValue": "s3"})
    )
    sync.work(job_id)

    assert ("k", "s3") in sync.provider.calls[0].params
    assert "s3" not in json.dumps(sync.hub.get(f"{JOBS}/{job_id}/logs").body)


# Who may

ROUTES: list[tuple[str, str]] = [("GET", ""), ("GET", "/logs"), ("POST", "/cancel")]


@pytest.mark.parametrize(("method", "rest"), ROUTES)
def test_foreign_job_answers_byte_for_byte_like_a_missing_one(
    sync: Sync, other_hub: Hub, method: str, rest: str
) -> None:
    job_id = sync.start(sync.connect())

    foreign = other_hub.call(method, f"{JOBS}/{job_id}{rest}")
    missing = other_hub.call(method, f"{JOBS}/job_01JCZ8Y0M3V8T6W2Q9X4N5B7KD{rest}")

    for reply in (foreign, missing):
        reply.body["error"].pop("requestId")
    assert (foreign.status, foreign.code) == (404, "NOT_FOUND")
    assert json.dumps(foreign.body) == json.dumps(missing.body)
    assert sync.job(job_id)["status"] == "PENDING"
    assert sync.hub.call(method, f"{JOBS}/{job_id}{rest}").status == 200


CALLERS: list[tuple[str, str, list[int]]] = [
    ("tenant_admin", "", [200, 200, 200]),
    ("user", "", [200, 200, 403]),
    ("", "integrations:read", [200, 200, 403]),
    ("", "integrations:write", [403, 403, 200]),
    ("", "admin:full", [200, 200, 200]),
    ("", "contacts:read", [403, 403, 403]),
]


@pytest.mark.parametrize(("roles", "scopes", "expected"), CALLERS)
def test_role_or_scope_decides_who_reads_and_who_cancels(
    sync: Sync, roles: str, scopes: str, expected: list[int]
) -> None:
    job_id = sync.start(sync.connect())

    replies = [sync.hub.call(method, f"{JOBS}/{job_id}{rest}", roles=roles, scopes=scopes) for method, rest in ROUTES]

    assert [reply.status for reply in replies] == expected
