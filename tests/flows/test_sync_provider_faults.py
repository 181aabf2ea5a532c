"""What becomes of a sync when its provider has a bad day: it waits, tries again, or ends and says why."""

from typing import Any

import pytest

from local.sandbox.server import RunningSandbox
from local.stack import Stack
from tests.flows.connectors import AUTHS, QUICK_RETRIES, connector, endpoint
from tests.flows.hub_client import HubClient, adds_up, counted, tick

Json = dict[str, Any]

COMPANIES = 500
ALL_CREATED = counted(read=COMPANIES, created=COMPANIES)
ACTIVITY = "integration-hub-ActivityTable"


def reason(job: Json) -> str:
    """Return the last entry of the job's error log."""
    return str(job["errorLog"][-1]["reason"])


# ---------------------------------------------------------------- every way to page and to authenticate


@pytest.mark.parametrize(
    ("paging", "auth"),
    [(paging, auth) for paging in ("offset", "page", "cursor", "link") for auth in AUTHS] + [("nextlink", "bearer")],
)
def test_every_pagination_and_authentication_reaches_every_record(
    hub: HubClient, provider: RunningSandbox, paging: str, auth: str
) -> None:
    job = hub.synced(connector(provider.url, endpoint(paging, page_size=150), auth=auth))

    assert (job["status"], job["counters"], job["errorLog"]) == ("COMPLETED", ALL_CREATED, [])
    assert hub.documents().keys() == {row.id for row in provider.world.companies.rows()}


# ---------------------------------------------------------------- what passes: the job completes


@pytest.mark.parametrize(
    ("kind", "settings"),
    [
        ("status_429", {"times": 1, "retry_after_s": 1}),
        ("status_500", {"times": 2}),
        ("status_503", {"times": 1, "retry_after_s": 0}),
        ("truncated", {"times": 1}),
        ("drop_connection", {"times": 2}),
        ("slow", {"times": 1, "delay_s": 20}),
    ],
)
def test_sync_completes_when_a_fault_passes(
    hub: HubClient, provider: RunningSandbox, kind: str, settings: dict[str, Any]
) -> None:
    """The third page meets the fault; the log says how many tries that page took."""
    provider.faults.add("/v1", kind, after=2, **settings)

    job = hub.synced(connector(provider.url, endpoint(timeout=1000)))

    assert (job["status"], job["counters"]) == ("COMPLETED", ALL_CREATED)
    assert len(hub.documents()) == COMPANIES
    assert len(provider.requests) == 5 + settings["times"]
    assert [line["attempts"] for line in hub.log(job["id"])] == [1, 1, 1 + settings["times"], 1, 1]


# ---------------------------------------------------------------- what does not pass: the job ends and says why


@pytest.mark.parametrize("kind", ["repeated_cursor", "repeated_page"])
@pytest.mark.parametrize("paging", ["cursor", "nextlink"])
def test_sync_fails_when_the_provider_repeats_itself_and_keeps_what_it_read(
    hub: HubClient, provider: RunningSandbox, paging: str, kind: str
) -> None:
    """Without this the job would run for ever."""
    provider.faults.add("/v1", kind, after=2)

    job = hub.synced(connector(provider.url, endpoint(paging)))

    assert (job["status"], job["stopReason"]) == ("FAILED", "repeated_page")
    assert "had answered before" in reason(job)
    assert job["counters"]["created"] == len(hub.documents())
    assert 200 <= len(hub.documents()) <= 300
    assert adds_up(job["counters"])


@pytest.mark.parametrize(
    ("kind", "said"),
    [
        ("not_json", "The answer is not JSON: status 200, 70 bytes, text/html"),
        ("status_401", "answered 401 (the credentials were refused)"),
        ("status_403", "answered 403 (the credentials do not allow this)"),
        ("status_404", "answered 404"),
    ],
)
def test_sync_fails_at_once_when_no_retry_can_help(
    hub: HubClient, provider: RunningSandbox, kind: str, said: str
) -> None:
    provider.faults.add("/v1", kind, after=2)

    job = hub.synced(connector(provider.url))

    assert (job["status"], job["stopReason"], job["page"]) == ("FAILED", "failed", 2)
    assert said in reason(job)
    assert job["counters"] == counted(read=200, created=200)
    assert len(hub.documents()) == 200
    assert len(provider.requests) == 3


def test_sync_fails_when_the_credentials_are_wrong(hub: HubClient, provider: RunningSandbox) -> None:
    wrong = {"type": "bearer", "token": "not-the-token-of-the-sandbox"}

    job = hub.synced({**connector(provider.url, auth="bearer"), "auth": wrong})

    assert (job["status"], job["counters"]) == ("FAILED", counted())
    assert "the credentials were refused" in reason(job)
    assert "not-the-token" not in str(job)


# ---------------------------------------------------------------- records that changed their shape

NAMED: list[Json] = [
    {"source": "$.name", "target": "name"},
    {"source": "$.domain", "target": "domain"},
]


def with_mappings(records: str, mappings: list[Json]) -> Json:
    answered = {"dataPath": "$.results", "identifierField": "$.id", "targetShardTypeId": records}
    return endpoint(records=records, responseMapping={**answered, "fieldMappings": mappings})


def test_field_that_the_provider_renamed_is_missing_and_the_others_stay(
    hub: HubClient, provider: RunningSandbox
) -> None:
    provider.faults.add("/v1", "schema_drift", after=2)

    job = hub.synced(connector(provider.url, with_mappings("companies", NAMED)))

    contents = [each["content"] for each in hub.documents().values()]
    assert (job["status"], job["counters"]) == ("COMPLETED", ALL_CREATED)
    assert sum(content.get("name") is not None for content in contents) == 200
    assert all(content["domain"] for content in contents)


def test_records_that_cannot_be_mapped_are_counted_with_their_reason(hub: HubClient, provider: RunningSandbox) -> None:
    """`employees` of every second company is no number any more."""
    odd = [row for row in provider.world.companies.rows() if int(row.id[2:]) % 2]
    for row in odd:
        provider.world.companies.update(row.id, {"employees": "many"})
    mappings = [{"source": "$.employees", "target": "employees", "transform": {"type": "number"}}]

    job = hub.synced(connector(provider.url, with_mappings("companies", mappings)))

    assert (job["status"], job["failedRecords"]) == ("COMPLETED", len(odd))
    assert job["counters"] == counted(read=COMPANIES, created=COMPANIES - len(odd), rejected=len(odd))
    assert hub.documents().keys().isdisjoint(row.id for row in odd)
    first = job["errorLog"][0]
    assert (first["page"], first["externalId"]) == (0, odd[0].id)
    assert "employees" in first["reason"]
    assert "number" in first["reason"]


# ---------------------------------------------------------------- a provider that stays down


def let_time_pass(stack: Stack, tenant: str, job_id: str) -> None:
    """Make the job's next attempt due now: the shortest wait between two runs is 30 seconds."""
    stack.aws("dynamodb").update_item(
        TableName=ACTIVITY,
        Key={"pk": {"S": f"{tenant}#job"}, "sk": {"S": job_id}},
        UpdateExpression="SET nextAttemptAt = :past, dueAt = :long_ago",
        ConditionExpression="attribute_exists(pk)",
        ExpressionAttributeValues={":past": {"N": "0"}, ":long_ago": {"S": "2020-01-01T00:00:00.000Z"}},
    )


def deferred(hub: HubClient, job_id: str, errors: int) -> Json:
    return hub.job_when(job_id, lambda job: job["status"] == "PENDING" and len(job["errorLog"]) == errors)


def test_sync_waits_while_the_provider_is_down_and_completes_afterwards(
    stack: Stack, hub: HubClient, tenant: str, provider: RunningSandbox
) -> None:
    provider.faults.add("/v1", "status_503", after=2)
    job_id = hub.start(hub.create(connector(provider.url)))
    waiting = deferred(hub, job_id, errors=1)
    asked = len(provider.requests)

    tick(stack)
    stack.invoke(
        "SyncWorker", {"Records": [{"messageId": "early", "body": f'{{"tenant":"{tenant}","id":"{job_id}"}}'}]}
    )
    early = hub.job(job_id)
    provider.faults.clear()
    let_time_pass(stack, tenant, job_id)
    tick(stack)
    job = hub.ended(job_id)

    assert asked == 2 + 1 + QUICK_RETRIES["maxRetries"]
    assert (waiting["page"], early) == (2, waiting)
    assert waiting["nextAttemptAt"] > waiting["startedAt"]
    assert "503" in reason(waiting)
    assert (job["status"], job["counters"]) == ("COMPLETED", ALL_CREATED)
    assert len(hub.documents()) == COMPANIES


def test_sync_of_a_provider_that_stays_down_fails_after_three_runs_without_a_new_page(
    stack: Stack, hub: HubClient, tenant: str, provider: RunningSandbox
) -> None:
    """It is asked so seldom that its circuit stays closed; a job that waits for a circuit does not fail for that."""
    provider.faults.add("/v1", "status_503", after=2)
    job_id = hub.start(hub.create(connector(provider.url, endpoint(retryConfig={"maxRetries": 0}))))

    for run in (0, 1, 2):
        deferred(hub, job_id, errors=run + 1)
        let_time_pass(stack, tenant, job_id)
        tick(stack)
    job = hub.ended(job_id)

    assert (job["status"], job["stopReason"], job["page"]) == ("FAILED", "failed", 2)
    assert len(job["errorLog"]) == 4
    assert job["counters"] == counted(read=200, created=200)
    assert len(hub.documents()) == 200
