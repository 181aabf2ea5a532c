"""Syncs keep to what a provider allows and leave it alone while it is down: none is lost, and none fails for that."""

from typing import Any

import pytest

from local.sandbox.server import RunningSandbox
from local.stack import Stack
from tests.flows.connectors import connector, endpoint
from tests.flows.hub_client import HubClient, counted, tick
from tests.flows.test_sync_provider_faults import ALL_CREATED, COMPANIES, let_time_pass

Json = dict[str, Any]

COORDINATION = "integration-hub-CoordinationTable"
# More tries in one run than a circuit stands.
STUBBORN: Json = {"maxRetries": 6, "retryDelay": 10}
EVEN: Json = {"requestsPerMinute": 60, "burstLimit": 1}
DEAF: Json = {"requestsPerMinute": 60_000, "headers": {"remaining": "X-Not-There", "reset": "X-Not-There"}}


def let_the_circuit_wait_be_over(stack: Stack, tenant: str, integration_id: str) -> None:
    """Make the opening of the circuit one of long ago; it is 30 seconds otherwise."""
    stack.aws("dynamodb").update_item(
        TableName=COORDINATION,
        Key={"pk": {"S": f"{tenant}#traffic"}, "sk": {"S": f"{integration_id}#127.0.0.1"}},
        UpdateExpression="SET failedAt = :past",
        ConditionExpression="size(failures) = :five",
        ExpressionAttributeValues={":past": {"N": "0"}, ":five": {"N": "5"}},
    )


def handed_on(hub: HubClient, job_id: str) -> list[Json]:
    return [line for line in hub.log(job_id) if line["kind"] == "handed_on"]


def paused(hub: HubClient, job_id: str, times: int) -> None:
    hub.job_when(job_id, lambda job: job["status"] == "PENDING" and len(handed_on(hub, job_id)) == times)


def test_sync_pauses_while_the_provider_is_down_and_loses_nothing(
    stack: Stack, hub: HubClient, tenant: str, provider: RunningSandbox
) -> None:
    """Five runs meet an open circuit, more than three failures would allow."""
    provider.faults.add("/v1", "status_503", after=2)
    integration_id = hub.create(connector(provider.url, endpoint(retryConfig=STUBBORN)))
    job_id = hub.start(integration_id)

    for pause in range(1, 6):
        paused(hub, job_id, pause)
        if pause == 1:
            asked = len(provider.requests)
        let_the_circuit_wait_be_over(stack, tenant, integration_id)
        let_time_pass(stack, tenant, job_id)
        tick(stack)
    paused(hub, job_id, 6)
    probes = len(provider.requests) - asked
    provider.faults.clear()
    let_the_circuit_wait_be_over(stack, tenant, integration_id)
    let_time_pass(stack, tenant, job_id)
    tick(stack)
    job = hub.ended(job_id)

    assert (asked, probes) == (2 + 5, 5)
    assert (job["status"], job["counters"], job["errorLog"]) == ("COMPLETED", ALL_CREATED, [])
    assert len(hub.documents()) == COMPANIES
    assert "127.0.0.1 failed 5 times in a row" in handed_on(hub, job_id)[0]["message"]


@pytest.mark.parametrize("rate_limit", [EVEN, None], ids=["as configured", "as announced"])
def test_sync_keeps_to_the_limit_of_its_provider(
    hub: HubClient, provider: RunningSandbox, rate_limit: Json | None
) -> None:
    """The provider refuses what is too much, and has nothing to refuse."""
    job = hub.synced(limited(provider, rate_limit))

    assert (job["status"], job["counters"], job["errorLog"]) == ("COMPLETED", counted(read=500, created=500), [])
    assert [entry["status"] for entry in provider.requests] == [200] * 5


def test_provider_refuses_calls_when_its_limit_is_not_kept(hub: HubClient, provider: RunningSandbox) -> None:
    """The check above can fail: the same sync without a limit, deaf to what the provider says, is refused.

    However slow the machine: the window outlives the sync.
    """
    job_id = hub.start(hub.create(limited(provider, DEAF, window_s=600)))

    hub.job_when(job_id, lambda _: 429 in [entry["status"] for entry in provider.requests])


def limited(provider: RunningSandbox, rate_limit: Json | None, window_s: float = 1.9) -> Json:
    """Return a connector of a provider that answers two requests in each window."""
    provider.app.limit.set(2, window_s)
    extra: dict[str, Any] = {} if rate_limit is None else {"rateLimit": rate_limit}
    return connector(f"{provider.url}/limited", endpoint(), **extra)
