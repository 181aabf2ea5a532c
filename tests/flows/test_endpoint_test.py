"""The test of a connection and of an endpoint, against the sandbox on the running stack."""

from typing import Any

import pytest

from local.sandbox import access
from local.sandbox.server import RunningSandbox
from tests.flows.connectors import connector, endpoint
from tests.flows.hub_client import INTEGRATIONS, HubClient

Json = dict[str, Any]

MAPPED: Json = {
    "dataPath": "$.results",
    "identifierField": "$.id",
    "targetShardTypeId": "contacts",
    "fieldMappings": [
        {"source": "$.email", "target": "email"},
        {"source": "$.first_name", "target": "name.first"},
    ],
}


def result_of(hub: HubClient, integration_id: str, endpoint_id: str = "", **config: Any) -> Json:
    """Return the result of a test; without an endpoint that of the connection."""
    path = f"{INTEGRATIONS}/{integration_id}/test" + (f"/{endpoint_id}" if endpoint_id else "")
    return hub.call("POST", path, config)


def test_endpoint_test_previews_the_documents_that_a_sync_would_store(hub: HubClient, provider: RunningSandbox) -> None:
    contacts = endpoint("cursor", "contacts", page_size=25, responseMapping=MAPPED)
    made = hub.create(connector(provider.url, contacts, auth="bearer"))

    result = result_of(hub, made, "list", expectations={"statusCode": 200})

    raw, mapped = result["mappingPreview"]["rawData"], result["mappingPreview"]["mappedData"]
    assert (result["success"], result["pages"], result["records"]) == (True, 4, 100)
    assert result["stopReason"] == "test_limit"
    assert mapped == [{"email": each["email"], "name": {"first": each["first_name"]}} for each in raw]
    assert result["mappingPreview"]["errors"] == []
    assert result["request"]["url"] == f"{provider.url}/auth/bearer/v1/cursor/contacts?limit=25"
    assert result["request"]["headers"]["authorization"] == "****"
    assert access.BEARER_TOKEN not in str(result)
    assert hub.documents("contacts") == {}
    assert len(provider.requests) == 4


def test_what_was_tested_is_what_is_synced(hub: HubClient, provider: RunningSandbox) -> None:
    companies = endpoint("cursor", "companies", page_size=100)
    made = hub.create(connector(provider.url, companies))
    previewed = result_of(hub, made, "list")["mappingPreview"]["mappedData"]

    hub.ended(hub.start(made))

    stored = hub.documents("companies")
    assert len(previewed) == 100
    assert all(stored[each["id"]]["content"] == each for each in previewed)


def test_connection_test_reaches_the_provider(hub: HubClient, provider: RunningSandbox) -> None:
    made = hub.create(connector(provider.url, baseUrl=f"{provider.url}/healthz"))

    result = result_of(hub, made, expectations={"jsonPath": [{"path": "$.status", "value": "ok"}]})

    assert (result["success"], result["response"]["body"]) == (True, {"status": "ok"})
    assert result["response"]["latencyMs"] >= 0
    assert hub.call("GET", f"{INTEGRATIONS}/{made}")["lastTestResult"] == "success"


@pytest.mark.parametrize("endpoint_id", ["", "list"])
def test_wrong_key_is_told_to_be_refused(hub: HubClient, provider: RunningSandbox, endpoint_id: str) -> None:
    wrong = {"type": "bearer", "token": "not-the-token-of-the-sandbox"}
    base_url = f"{provider.url}/auth/bearer/v1" + ("" if endpoint_id else "/contacts")
    made = hub.create({**connector(provider.url, auth="bearer"), "auth": wrong, "baseUrl": base_url})

    result = result_of(hub, made, endpoint_id)

    assert not result["success"]
    assert "credentials were refused" in result["error"]
    assert result["response"]["statusCode"] == 401
    assert "not-the-token" not in str(result)
    assert hub.call("GET", f"{INTEGRATIONS}/{made}")["lastTestResult"] == "failure"


@pytest.mark.parametrize("endpoint_id", ["", "list"])
def test_slow_provider_is_not_waited_for_longer_than_the_time_out(
    hub: HubClient, provider: RunningSandbox, endpoint_id: str
) -> None:
    provider.faults.add("/v1", "slow", delay_s=30)
    made = hub.create(connector(provider.url, endpoint(timeout=1000), timeout=1000))

    result = result_of(hub, made, endpoint_id)

    assert not result["success"]
    assert "did not answer completely in time" in result["error"]
    assert "response" not in result
    assert len(provider.requests) == 1


@pytest.mark.parametrize("kind", ["status_503", "drop_connection"])
def test_fault_is_met_once(hub: HubClient, provider: RunningSandbox, kind: str) -> None:
    """A sync would have tried again; a person who waits for the result tries again himself."""
    provider.faults.add("/v1", kind, times=1)
    made = hub.create(connector(provider.url))

    first, second = result_of(hub, made, "list"), result_of(hub, made, "list")

    assert (first["success"], second["success"]) == (False, True)
    assert first["pages"] == 0
