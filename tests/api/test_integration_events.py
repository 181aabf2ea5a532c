"""What the hub tells of integrations (S004, "Events to Publish"): created, connected, in error."""

import json
from typing import Any

from hub.core.caller import Tenant
from hub.core.resources import resources
from hub.core.tables import partition
from tests.api.conftest import Hub, make_integration
from tests.api.tested import Provider, reply

PATH = "/api/v1/custom-integrations"


def told(hub: Hub) -> list[tuple[str, Any]]:
    """Return the events that wait to be routed, in the order they were written."""
    found = resources().tables.activity.query_all("pk = :pk", {"pk": partition(Tenant(hub.tenant), "event")})
    ordered = sorted(found, key=lambda event: (event["createdAt"], event["sk"]))
    return [(event["type"], json.loads(event["data"])) for event in ordered if event["state"] == "pending"]


def test_new_integration_is_told_of_in_its_own_transaction(hub: Hub) -> None:
    made = hub.post(PATH, make_integration()).body
    refused = hub.post(PATH, make_integration())

    assert refused.status == 409
    assert told(hub) == [("integration.created", {"integrationId": made["id"]})]


def test_connection_is_told_of_when_it_changes(hub: Hub, provider: Provider) -> None:
    made = hub.post(PATH, make_integration()).body
    for status in (200, 200, 401, 401, 200):
        provider.answer = lambda _, status=status: reply({"items": []}, status)  # type: ignore[misc]
        hub.post(f"{PATH}/{made['id']}/test")

    about = {"integrationId": made["id"]}
    events = told(hub)[1:]
    assert [name for name, _ in events] == ["integration.connected", "integration.error", "integration.connected"]
    assert [data for name, data in events if name == "integration.connected"] == [about, about]
    assert events[1][1].keys() == {"integrationId", "error"}
    assert "401" in events[1][1]["error"]
