"""A command that somebody has at hand becomes a connector, is tested and synced, against the sandbox on the stack."""

import shlex
from typing import Any

import pytest

from local.sandbox import access
from local.sandbox.server import RunningSandbox
from tests.flows.hub_client import INTEGRATIONS, HubClient

Json = dict[str, Any]


def imported(hub: HubClient, **source: Any) -> Json:
    made: Json = hub.call("POST", f"{INTEGRATIONS}/import", source, expect=201)
    return made


def curl(*words: str) -> str:
    return shlex.join(("curl", *words))


GATES = {
    "bearer": ["-H", f"Authorization: Bearer {access.BEARER_TOKEN}"],
    "api-key": ["-H", f"X-API-Key: {access.API_KEY}"],
    "basic": ["-u", f"{access.BASIC_USER}:{access.BASIC_PASSWORD}"],
    "custom-headers": [word for name, value in access.CUSTOM_HEADERS.items() for word in ("-H", f"{name}: {value}")],
}


@pytest.mark.parametrize("gate", GATES)
def test_command_is_imported_tested_and_synced(hub: HubClient, provider: RunningSandbox, gate: str) -> None:
    url = f"{provider.url}/auth/{gate}/v1/link/companies?page=1&per_page=100"

    answer = imported(hub, curl=curl(url, *GATES[gate]))

    place = f"{INTEGRATIONS}/{answer['integration']['id']}"
    (endpoint,) = answer["integration"]["endpoints"]
    tested = hub.call("POST", f"{place}/test/{endpoint['id']}", {})
    job = hub.ended(hub.start(answer["integration"]["id"], endpoint["id"]))
    assert (tested["success"], tested["records"]) == (True, 100)
    assert (job["status"], job["counters"]["created"]) == ("COMPLETED", len(hub.documents("companies")))
    assert job["counters"]["created"] > 100
    assert any("guessed" in each["message"] for each in answer["warnings"])
    assert not any(word in str(answer) for word in (access.BEARER_TOKEN, access.API_KEY, access.BASIC_PASSWORD))


def test_test_shows_where_the_records_are_when_a_command_cannot(hub: HubClient, provider: RunningSandbox) -> None:
    """A command says nothing about its answer: the first test shows it, one word is corrected, the sync runs."""
    answer = imported(hub, curl=curl(f"{provider.url}/v1/page/companies?page=1&per_page=100"))
    integration = answer["integration"]
    (endpoint,) = integration["endpoints"]
    place = f"{INTEGRATIONS}/{integration['id']}"
    first = hub.call("POST", f"{place}/test/{endpoint['id']}", {})

    mapping = {**endpoint["responseMapping"], "dataPath": "$.results"}
    hub.call("PATCH", place, {"endpoints": [{**endpoint, "responseMapping": mapping}]})
    job = hub.ended(hub.start(integration["id"], endpoint["id"]))

    assert "results" in str(first["response"]["body"])[:100]
    assert (job["status"], job["counters"]["created"]) == ("COMPLETED", len(hub.documents("companies")))
    assert job["counters"]["created"] > 100


def test_log_of_a_browser_is_imported_and_synced(hub: HubClient, provider: RunningSandbox) -> None:
    records = '{"results": [{"id": "co1", "name": "A"}], "paging": {"next": {"after": "abc"}}}'
    entry: Json = {
        "request": {
            "method": "GET",
            "url": f"{provider.url}/auth/bearer/v1/cursor/companies?limit=100",
            "headers": [{"name": "authorization", "value": f"Bearer {access.BEARER_TOKEN}"}],
        },
        "response": {"status": 200, "content": {"mimeType": "application/json", "text": records}},
    }
    later: Json = {
        "request": {**entry["request"], "url": f"{provider.url}/auth/bearer/v1/cursor/companies?after=x&limit=100"}
    }

    answer = imported(hub, har={"log": {"entries": [entry, {**entry, **later}]}})

    (endpoint,) = answer["integration"]["endpoints"]
    assert endpoint["pagination"]["cursorPath"] == "$.paging.next.after"
    job = hub.ended(hub.start(answer["integration"]["id"], endpoint["id"]))
    assert (job["status"], job["counters"]["created"]) == ("COMPLETED", len(hub.documents("companies")))
    assert job["counters"]["created"] > 100
