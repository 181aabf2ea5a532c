"""Starting a sync of an integration by hand (spec S004), its jobs, and starting those again that failed."""

import json
from typing import Any

import pytest

from hub.core.caller import Tenant
from hub.core.resources import resources
from hub.sync import jobs
from hub.sync.models import SyncJob, SyncJobPage
from tests.api import instances
from tests.api.config_work import Configs, configs_of, endpoints
from tests.api.conftest import Hub, Reply
from tests.api.instances import pointers, refused
from tests.api.sync_work import Provider, Sync, connector, contacts, counted, status

Json = dict[str, Any]
BODY: Json = {"jobType": "FULL_SYNC", "entityType": "contact", "direction": "INBOUND"}
# S004, SyncJob Model.
FIELDS_OF_S004 = """id tenantId integrationId jobType entityType direction filters status startedAt completedAt
totalRecords processedRecords successRecords failedRecords errorLog createdAt createdBy""".split()


@pytest.fixture
def made(hub: Hub) -> Configs:
    return configs_of(hub, 25)


def start(hub: Hub, integration_id: str, **changed: Any) -> Reply:
    return hub.post(f"/api/v1/integrations/{integration_id}/sync", {**BODY, **changed})


def started(hub: Hub, integration_id: str, **changed: Any) -> Json:
    reply = start(hub, integration_id, **changed)
    assert reply.status == 202, reply.body
    SyncJob.model_validate(reply.body)
    job: Json = reply.body
    return job


def stored(hub: Hub, job: Json) -> Json:
    return jobs.get(resources().tables, Tenant(hub.tenant), job["id"])


def incremental() -> list[Json]:
    listed, written = endpoints()
    listed["incremental"] = {"field": "$.n", "param": "since", "format": "number"}
    return [listed, written]


def test_job_has_every_field_of_the_specification(made: Configs) -> None:
    job = started(made.hub, made.connect())

    assert list(job)[: len(FIELDS_OF_S004)] == FIELDS_OF_S004
    assert (job["jobType"], job["direction"], job["status"], job["entityType"]) == (
        "FULL_SYNC",
        "INBOUND",
        "PENDING",
        "contact",
    )
    assert [event for event, _ in made.sync.events()] == ["sync.started"]


def test_sync_of_a_custom_integration_stores_its_records(made: Configs) -> None:
    job = started(made.hub, made.connect())

    made.sync.work(job["id"])

    assert made.sync.job(job["id"])["status"] == "COMPLETED"
    assert len(made.hub.documents("contact")) == 25


def test_sync_of_a_provider_stores_its_records(hub: Hub) -> None:
    slug = instances.plain()
    integration_id = instances.created_v1(hub, slug)["id"]
    sync = Sync(hub, Provider(contacts(5)))

    job = started(hub, integration_id)
    sync.work(job["id"])

    assert sync.job(job["id"])["counters"] == counted(read=5, created=5)


def test_incremental_sync_without_a_former_one_reads_everything_and_says_so(made: Configs) -> None:
    integration_id = made.connect(endpoints=incremental())

    first = started(made.hub, integration_id, jobType="INCREMENTAL")
    made.sync.work(first["id"])
    second = started(made.hub, integration_id, jobType="INCREMENTAL")
    made.sync.work(second["id"])
    full = started(made.hub, integration_id)

    assert [(job["jobType"], job["incrementalFrom"]) for job in (first, second, full)] == [
        ("FULL_SYNC", None),
        ("INCREMENTAL", 24),
        ("FULL_SYNC", None),
    ]


def test_import_reads_everything_and_leaves_nothing_to_the_next_sync(made: Configs) -> None:
    integration_id = made.connect(endpoints=incremental())

    imported = started(made.hub, integration_id, jobType="IMPORT")
    made.sync.work(imported["id"])
    after = started(made.hub, integration_id, jobType="INCREMENTAL")

    assert (imported["jobType"], after["incrementalFrom"]) == ("IMPORT", None)


def test_outbound_job_is_for_the_writing_endpoint(made: Configs) -> None:
    job = started(made.hub, made.connect(), direction="OUTBOUND", filters={"city": "Oslo"})

    found = stored(made.hub, job)
    assert (job["direction"], job["phase"], job["phases"], job["endpointId"]) == (
        "OUTBOUND",
        "push",
        ["push"],
        "upsert",
    )
    assert (found["writeEndpointId"], found["documentType"]) == ("upsert", "contact")
    assert job["filters"] == {"city": "Oslo"}


def test_inbound_and_outbound_sync_of_an_entity_do_not_shut_each_other_out(made: Configs) -> None:
    integration_id = made.connect()
    inbound = started(made.hub, integration_id)

    outbound, again = (start(made.hub, integration_id, direction=way) for way in ("OUTBOUND", "INBOUND"))

    assert outbound.status == 202
    assert (again.status, again.body["error"]["details"]) == (409, {"jobId": inbound["id"]})


def test_filters_are_parameters_of_what_is_asked(made: Configs) -> None:
    job = started(made.hub, made.connect(), filters={"city": "Oslo"})

    made.sync.work(job["id"])

    assert all(("city", "Oslo") in call.params or "city=Oslo" in call.url for call in made.sync.provider.calls)
    assert job["filters"] == {"city": "Oslo"}


@pytest.mark.parametrize(
    ("changed", "pointer"),
    [
        ({"jobType": "PARTIAL"}, "/jobType"),
        ({"direction": "SIDEWAYS"}, "/direction"),
        ({"jobType": "EXPORT", "direction": "INBOUND"}, "/direction"),
        ({"jobType": "IMPORT", "direction": "OUTBOUND"}, "/direction"),
        ({"entityType": "invoice"}, "/entity"),
        ({"endpointId": "upsert"}, "/endpointId"),
        ({"direction": "OUTBOUND", "endpointId": "list"}, "/writeEndpointId"),
        ({"filters": {"country": "NO"}}, "/filters/country"),
        ({"filters": ["city"]}, "/filters"),
        ({"more": 1}, "/more"),
    ],
    ids=lambda _: None,
)
def test_start_that_cannot_work_is_refused_with_the_place(made: Configs, changed: Json, pointer: str) -> None:
    reply = start(made.hub, made.connect(), **changed)

    assert (reply.status, pointers(reply)) == (400, [pointer])
    assert made.sync.events() == []


def test_paused_and_never_connected_integrations_are_not_started(hub: Hub, made: Configs) -> None:
    paused = made.connect()
    hub.call("PATCH", f"/api/v1/custom-integrations/{paused}", {"status": "inactive"})
    unconnected = instances.created_v1(hub)["id"]

    replies = [start(hub, paused), start(hub, unconnected)]

    assert [reply.status for reply in replies] == [409, 409]
    assert replies[1].body["error"]["details"]["reason"] == "never_connected"


def test_foreign_integration_is_a_404_as_a_missing_one(made: Configs, other_hub: Hub) -> None:
    integration_id = made.connect()

    foreign = [start(other_hub, integration_id), other_hub.get(f"/api/v1/integrations/{integration_id}/sync-jobs")]
    missing = [start(other_hub, "int_missing"), other_hub.get("/api/v1/integrations/int_missing/sync-jobs")]

    assert [refused(reply) for reply in foreign] == [refused(reply) for reply in missing]
    assert foreign[0].status == 404


def test_member_cannot_start(made: Configs) -> None:
    path = f"/api/v1/integrations/{made.connect()}/sync"

    assert made.hub.post(path, BODY, roles="user").status == 403
    assert made.hub.post(path, BODY, roles="", scopes="integrations:write").status == 202


# ---------------------------------------------------------------- the jobs of an integration


def test_jobs_are_listed_newest_first_by_status_and_page(made: Configs) -> None:
    integration_id, other = made.connect(), made.connect("other")
    ids = []
    for _ in range(3):
        ids.append(started(made.hub, integration_id)["id"])
        made.sync.work(ids[-1])
    ids.append(started(made.hub, integration_id)["id"])
    started(made.hub, other)
    path = f"/api/v1/integrations/{integration_id}/sync-jobs"

    every = made.hub.get(path)
    first = made.hub.get(path, query={"limit": 2})
    rest = made.hub.get(path, query={"limit": 2, "cursor": first.body["nextCursor"]})
    completed = made.hub.get(path, query={"status": "COMPLETED", "limit": 2})

    SyncJobPage.model_validate(every.body)
    assert [job["id"] for job in every.body["data"]] == ids[::-1]
    assert [job["id"] for page in (first, rest) for job in page.body["data"]] == ids[::-1]
    assert (first.body["hasMore"], rest.body["hasMore"]) == (True, False)
    assert [job["id"] for job in completed.body["data"]] == ids[2:0:-1]
    assert completed.body["hasMore"] is True
    assert made.hub.get(path, query={"status": "DONE"}).status == 400


# ---------------------------------------------------------------- again


def failed(made: Configs) -> tuple[str, str]:
    """Return an integration and a job of it that failed behind its first page."""
    integration_id = made.connect(endpoints=incremental())
    made.sync.provider.instead[2] = status(404)
    job = started(made.hub, integration_id)
    made.sync.work(job["id"])
    assert made.sync.job(job["id"])["status"] == "FAILED"
    return integration_id, job["id"]


def test_failed_job_goes_on_where_it_ended(made: Configs) -> None:
    _, former = failed(made)

    reply = made.hub.post(f"/api/v1/sync-jobs/{former}/retry")
    made.sync.work(reply.body["id"])

    job = made.sync.job(reply.body["id"])
    assert (reply.status, job["retryOf"], job["status"]) == (202, former, "COMPLETED")
    assert job["counters"] == counted(read=15, created=15)
    assert len(made.hub.documents("contact")) == 25
    assert made.sync.job(former)["status"] == "FAILED"


def test_sync_after_a_retried_one_asks_from_the_highest_of_both(made: Configs) -> None:
    made.sync.provider.records[0]["n"] = 900  # on the page that only the first job read
    integration_id, former = failed(made)
    made.sync.work(made.hub.post(f"/api/v1/sync-jobs/{former}/retry").body["id"])

    assert started(made.hub, integration_id, jobType="INCREMENTAL")["incrementalFrom"] == 900


def test_cancelled_job_can_be_retried_and_a_completed_one_cannot(made: Configs) -> None:
    job = started(made.hub, made.connect())
    open_ = made.hub.post(f"/api/v1/sync-jobs/{job['id']}/retry")
    made.sync.cancel(job["id"])

    again = made.hub.post(f"/api/v1/sync-jobs/{job['id']}/retry")
    made.sync.work(again.body["id"])
    completed = made.hub.post(f"/api/v1/sync-jobs/{again.body['id']}/retry")

    assert (open_.status, again.status, completed.status) == (409, 202, 409)


def test_retry_before_the_first_page_runs_the_present_version(made: Configs) -> None:
    integration_id = made.connect()
    made.sync.provider.instead[1] = status(404)
    job = started(made.hub, integration_id)
    made.sync.work(job["id"])
    made.hub.call("PATCH", f"/api/v1/custom-integrations/{integration_id}", {"endpoints": [*endpoints()]})
    changed = connector()["endpoints"][0] | {"path": "/people"}
    made.hub.call("PATCH", f"/api/v1/custom-integrations/{integration_id}", {"endpoints": [changed]})

    again = made.hub.post(f"/api/v1/sync-jobs/{job['id']}/retry").body
    made.sync.work(again["id"])

    assert again["connectorVersion"] > job["connectorVersion"]
    assert made.sync.provider.calls[-1].url.split("?")[0].endswith("/people")


def test_foreign_job_cannot_be_retried(made: Configs, other_hub: Hub) -> None:
    _, former = failed(made)

    foreign, missing = (other_hub.post(f"/api/v1/sync-jobs/{name}/retry") for name in (former, "job_missing"))

    assert refused(foreign) == refused(missing)
    assert foreign.status == 404


def test_retry_is_held_back_by_an_open_sync(made: Configs) -> None:
    integration_id, former = failed(made)
    running = started(made.hub, integration_id)

    reply = made.hub.post(f"/api/v1/sync-jobs/{former}/retry")

    assert (reply.status, reply.body["error"]["details"]["jobId"]) == (409, running["id"])
    assert json.dumps(reply.body)
