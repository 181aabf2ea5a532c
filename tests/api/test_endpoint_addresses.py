"""Endpoints with an address of their own, keys in a path, and endpoints that only write, as a tenant meets them."""

import json

import pytest

from tests.api.conftest import Hub
from tests.api.tested import PATH, TOKEN, Json, Provider, create, endpoint, log_lines, reply, result_of, stored

OWN = "https://content.example.com/2"
KEY = "hooks/123/the-secret-part-of-the-path"
IN_PATH = {"type": "api_key", "keyName": "hook", "keyLocation": "path", "keyValue": KEY}
WRITE: Json = {
    "id": "upsert",
    "name": "upsert",
    "method": "POST",
    "path": "/contacts/batch",
    "operation": "upsert",
    "batch": {"size": 10, "itemsPath": "$.inputs", "results": {"match": "position", "path": "$.results"}},
}


@pytest.mark.parametrize(
    "url", ["https://169.254.169.254/latest", "http://content.example.com", "https://2130706433/", "https://x.test:22"]
)
def test_address_of_an_endpoint_that_the_hub_never_calls_is_refused_on_save(hub: Hub, url: str) -> None:
    raw = endpoint(id="own", name="own", baseUrl=url)
    made = {"endpoints": [endpoint(), raw]}

    refused = hub.call("PATCH", f"{PATH}/{create(hub)}", made)

    assert refused.status == 400
    assert [each["pointer"] for each in refused.body["error"]["details"]["problems"]] == ["/endpoints/1/baseUrl"]


@pytest.mark.parametrize(
    ("before", "after"),
    [({}, {"baseUrl": OWN}), ({"baseUrl": OWN}, {}), ({"baseUrl": OWN}, {"baseUrl": "https://evil.example.net/2"})],
)
def test_secret_is_dropped_when_an_endpoint_is_called_elsewhere(hub: Hub, before: Json, after: Json) -> None:
    made_id = create(hub, endpoints=[endpoint(**before)])
    assert stored(hub, made_id)["storedSecrets"] == ["/auth/token"]

    changed = hub.call("PATCH", f"{PATH}/{made_id}", {"endpoints": [endpoint(**after)]})

    assert changed.body["secretsRequired"] == ["/auth/token"]
    assert stored(hub, made_id)["storedSecrets"] == []


def test_secret_stays_when_only_the_path_of_such_an_address_changes(hub: Hub) -> None:
    made_id = create(hub, endpoints=[endpoint(baseUrl=OWN)])

    hub.call("PATCH", f"{PATH}/{made_id}", {"endpoints": [endpoint(baseUrl="https://CONTENT.example.com:443/3")]})

    assert stored(hub, made_id)["storedSecrets"] == ["/auth/token"]
    assert TOKEN not in json.dumps(stored(hub, made_id))


@pytest.mark.parametrize("syncs", ["upsert", "nothing"])
def test_endpoint_that_only_writes_cannot_be_synced(hub: Hub, syncs: str) -> None:
    made_id = create(hub, endpoints=[endpoint(), WRITE], status="active")

    refused = hub.post(f"{PATH}/{made_id}/sync", {"endpointId": syncs})

    assert refused.status == 400
    assert "reads records (list)" in refused.body["error"]["details"]["problems"][0]["message"]


@pytest.mark.parametrize("answered", [200, 404])
def test_key_in_a_path_is_in_no_test_result_and_no_log(hub: Hub, provider: Provider, answered: int) -> None:
    provider.answer = lambda call: reply({"items": [], "next": None, "said": call.url}, answered)
    made_id = create(hub, auth=IN_PATH, endpoints=[endpoint(path="/x/{hook}")])

    result = result_of(hub, made_id, "list")

    assert provider.calls[0].url == f"https://crm.example.com/x/{KEY}"
    assert result["request"]["url"].startswith("https://crm.example.com/x/****")
    assert "the-secret-part" not in json.dumps([result, log_lines(hub, made_id)], default=str)
