"""Workers, requests and tenants that want the same thing at the same moment."""

import json
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx

from local.sandbox.server import RunningSandbox
from local.stack import Stack
from tests.flows.connectors import connector, endpoint
from tests.flows.hub_client import DOCUMENTS, INTEGRATIONS, JOBS, HubClient, counted

Json = dict[str, Any]

COMPANIES = 500
HELD_S = 0.2
# Ten pages hold their worker for longer than another one takes to step aside.
LONG_HELD_S = 1.0


def hint(tenant: str, job_id: str) -> Json:
    """Return the event with which SQS hands over the hint at a job."""
    return {"Records": [{"messageId": "rival", "body": json.dumps({"tenant": tenant, "id": job_id})}]}


def without_request_id(answer: httpx.Response) -> bytes:
    request_id: str = answer.json()["error"]["requestId"]
    return answer.content.replace(request_id.encode(), b"")


# ---------------------------------------------------------------- one job, two workers


def test_second_worker_steps_aside_while_the_first_runs_the_job(
    stack: Stack, hub: HubClient, tenant: str, provider: RunningSandbox
) -> None:
    provider.faults.add("/v1", "slow", delay_s=LONG_HELD_S)
    job_id = hub.start(hub.create(connector(provider.url, endpoint(page_size=50))))
    hub.job_when(job_id, lambda job: job["status"] == "RUNNING")

    answer = stack.invoke("SyncWorker", hint(tenant, job_id))

    assert answer == {"batchItemFailures": []}
    assert hub.job(job_id)["status"] == "RUNNING"
    provider.faults.clear()
    assert any("job.stepped_aside" in line and job_id in line for line in stack.log.text().splitlines())
    assert hub.ended(job_id)["counters"] == counted(read=COMPANIES, created=COMPANIES)


def test_hints_that_race_for_a_job_start_it_once(
    stack: Stack, hub: HubClient, tenant: str, provider: RunningSandbox
) -> None:
    """The queue's own hint is the third rival."""
    integration_id = hub.create(connector(provider.url, endpoint(page_size=200)))
    with ThreadPoolExecutor(2) as threads:
        for _ in range(3):
            provider.app.journal.clear()
            job_id = hub.start(integration_id)
            list(threads.map(lambda event: stack.invoke("SyncWorker", event), [hint(tenant, job_id)] * 2))
            job = hub.ended(job_id)

            assert (job["status"], job["counters"]["read"], job["page"]) == ("COMPLETED", COMPANIES, 3)
            assert len(provider.requests) == 3


def test_second_sync_is_refused_while_the_first_runs(hub: HubClient, provider: RunningSandbox) -> None:
    provider.faults.add("/v1", "slow", delay_s=HELD_S)
    integration_id = hub.create(connector(provider.url))
    job_id = hub.start(integration_id)

    refused = hub.call("POST", f"{INTEGRATIONS}/{integration_id}/sync", {"endpointId": "list"}, expect=409)

    assert (refused["error"]["code"], refused["error"]["details"]["jobId"]) == ("CONFLICT", job_id)
    assert hub.ended(job_id)["status"] == "COMPLETED"
    assert hub.ended(hub.start(integration_id))["counters"] == counted(read=COMPANIES, unchanged=COMPANIES)


def test_of_many_syncs_started_at_once_one_is_accepted(hub: HubClient, provider: RunningSandbox) -> None:
    provider.faults.add("/v1", "slow", delay_s=HELD_S)
    path = f"{INTEGRATIONS}/{hub.create(connector(provider.url, endpoint(page_size=10)))}/sync"

    with ThreadPoolExecutor(6) as threads:
        answers = list(threads.map(lambda _: hub.http.post(path, json={"endpointId": "list"}), range(6)))

    accepted = [answer.json()["id"] for answer in answers if answer.status_code == 202]
    assert sorted(answer.status_code for answer in answers) == [202] + [409] * 5
    hub.job_when(accepted[0], lambda job: job["page"])
    hub.cancel(accepted[0])


# ---------------------------------------------------------------- one provider, two tenants


def mapped(source: str) -> Json:
    """Return an endpoint whose documents hold one field of the record, as `value`."""
    mapping = [{"source": source, "target": "value"}]
    answered = {"dataPath": "$.results", "identifierField": "$.id", "targetShardTypeId": "companies"}
    return endpoint(responseMapping={**answered, "fieldMappings": mapping})


def test_two_tenants_that_sync_the_same_provider_at_once_never_meet(
    api: Callable[..., httpx.Client], tenant: str, provider: RunningSandbox
) -> None:
    """Both get records of the same ids; what they store of them differs."""
    hubs = {source: HubClient(api(f"{tenant}-{source[2:]}")) for source in ("$.name", "$.domain")}
    ids = {source: hub.create(connector(provider.url, mapped(source))) for source, hub in hubs.items()}

    jobs = {source: hub.start(ids[source]) for source, hub in hubs.items()}

    for source, hub in hubs.items():
        job = hub.ended(jobs[source])
        assert job["counters"] == counted(read=COMPANIES, created=COMPANIES)
        expected = {row.id: {"value": row.content[source[2:]]} for row in provider.world.companies.rows()}
        assert {name: each["content"] for name, each in hub.documents().items()} == expected
        assert {each["origin"] for each in hub.documents().values()} == {f"integration:{ids[source]}"}


def test_foreign_ids_answer_like_missing_ones(
    api: Callable[..., httpx.Client], hub: HubClient, tenant: str, provider: RunningSandbox
) -> None:
    integration_id = hub.create(connector(provider.url))
    job_id = hub.start(integration_id)
    hub.ended(job_id)
    stranger = api(f"{tenant}-stranger")
    body = {"endpointId": "list"}
    requests: list[tuple[str, str, str, Json | None]] = [
        ("GET", f"{DOCUMENTS}/companies/{{}}", "co0001", None),
        ("DELETE", f"{DOCUMENTS}/companies/{{}}", "co0001", None),
        ("GET", f"{JOBS}/{{}}", job_id, None),
        ("GET", f"{JOBS}/{{}}/logs", job_id, None),
        ("POST", f"{JOBS}/{{}}/cancel", job_id, None),
        ("GET", f"{INTEGRATIONS}/{{}}", integration_id, None),
        ("PATCH", f"{INTEGRATIONS}/{{}}", integration_id, {"displayName": "Mine"}),
        ("DELETE", f"{INTEGRATIONS}/{{}}", integration_id, None),
        ("POST", f"{INTEGRATIONS}/{{}}/sync", integration_id, body),
    ]

    for method, path, foreign, content in requests:
        missing = foreign[:-1] + ("2" if foreign[-1] != "2" else "3")
        answers = [stranger.request(method, path.format(each), json=content) for each in (foreign, missing)]
        assert [answer.status_code for answer in answers] == [404, 404], (method, path)
        assert without_request_id(answers[0]) == without_request_id(answers[1]), (method, path)

    assert hub.call("GET", f"{DOCUMENTS}/companies/co0001")["version"] == 1
    assert hub.call("GET", f"{INTEGRATIONS}/{integration_id}")["displayName"] == "Sandbox"
    assert hub.job(job_id)["status"] == "COMPLETED"
    assert stranger.get(f"{DOCUMENTS}/companies").json()["items"] == []


def test_edit_of_an_id_that_another_tenant_has_stays_separate(
    api: Callable[..., httpx.Client], hub: HubClient, tenant: str, provider: RunningSandbox
) -> None:
    hub.synced(connector(provider.url))
    other = HubClient(api(f"{tenant}-other"))
    before = hub.call("GET", f"{DOCUMENTS}/companies/co0001")

    other.call("PUT", f"{DOCUMENTS}/companies/co0001", {"content": {"name": "Theirs"}}, expect=201)

    assert other.documents()["co0001"]["content"] == {"name": "Theirs"}
    assert len(other.documents()) == 1
    assert hub.call("GET", f"{DOCUMENTS}/companies/co0001") == before
