"""Tests of a custom integration: who may run one, what stays of it, and whom it may call."""

import json
import time
from dataclasses import replace

import pytest

from hub.core.resources import resources
from hub.outbound.calls import Call, Reply
from local.http_events import Request, request_event
from tests.api.conftest import Hub, StoppedClock
from tests.api.tested import (
    PATH,
    Json,
    Provider,
    create,
    log_lines,
    pages,
    reply,
    result_of,
    stored,
)

QUERY_KEY: Json = {
    "type": "api_key",
    "keyName": "key",
    "keyLocation": "query",
    "keyValue": "canary-key-that-is-long-enough",
}


@pytest.mark.parametrize("status", ["draft", "active", "paused"])
def test_integration_can_be_tested_whatever_its_status(hub: Hub, provider: Provider, status: str) -> None:
    """A test is how one finds out whether it may be switched on."""
    made = create(hub, **({} if status == "draft" else {"status": "active"}))
    if status == "paused":
        assert hub.call("PATCH", f"{PATH}/{made}", {"status": "inactive"}).status == 200

    assert result_of(hub, made)["success"]
    assert result_of(hub, made, "list")["success"]
    assert len(provider.calls) == 2
    assert stored(hub, made)["status"] == status


def test_user_may_not_test(hub: Hub, provider: Provider) -> None:
    made = create(hub)

    for path in ("test", "test/list"):
        refused = hub.post(f"{PATH}/{made}/{path}", roles="user")
        assert (refused.status, refused.code) == (403, "PERMISSION_DENIED")
    assert provider.calls == []
    assert hub.post(f"{PATH}/{made}/test", roles="", scopes="integrations:write").status == 200


@pytest.mark.parametrize("path", ["test", "test/list", "test/none"])
def test_foreign_integration_answers_as_a_missing_one_does(
    hub: Hub, other_hub: Hub, provider: Provider, path: str
) -> None:
    made = create(hub)

    foreign = other_hub.post(f"{PATH}/{made}/{path}")
    missing = other_hub.post(f"{PATH}/int_00000000000000000000000000/{path}")

    assert (foreign.status, foreign.code) == (404, "INTEGRATION_NOT_FOUND")
    assert without_request_id(foreign.body) == without_request_id(missing.body)
    assert provider.calls == []


def without_request_id(body: Json) -> Json:
    return {name: value for name, value in body["error"].items() if name != "requestId"}


def test_endpoint_that_is_not_there_is_not_found(hub: Hub, provider: Provider) -> None:
    refused = hub.post(f"{PATH}/{create(hub)}/test/none")

    assert (refused.status, refused.code) == (404, "NOT_FOUND")
    assert provider.calls == []


def test_connector_that_only_receives_has_nothing_to_test(hub: Hub, provider: Provider) -> None:
    webhook = {"webhookSecret": "canary-secret-of-a-webhook"}
    received = {"name": "hook", "displayName": "Hook", "integrationType": "webhook", "webhookConfig": webhook}
    made = hub.post(PATH, received).body["id"]

    refused = hub.post(f"{PATH}/{made}/test")

    assert (refused.status, refused.body["error"]["details"]["problems"][0]["pointer"]) == (400, "/baseUrl")
    assert provider.calls == []


# ---------------------------------------------------------------- what stays of a test


@pytest.mark.parametrize(("status", "outcome"), [(200, "success"), (500, "failure")])
def test_integration_says_when_it_was_tested_and_how_that_went(
    hub: Hub, provider: Provider, stopped_clock: StoppedClock, status: int, outcome: str
) -> None:
    made = create(hub)
    before = stored(hub, made)
    stopped_clock.advance(5)
    provider.answer = lambda _: reply({"items": [], "next": None}, status)

    result_of(hub, made, "list")

    after = stored(hub, made)
    shown = hub.get(f"{PATH}/{made}").body
    assert shown["lastTestResult"] == outcome
    assert shown["lastTestedAt"] == after["lastTestedAt"] > before["createdAt"]
    assert {**before, "lastTestedAt": after["lastTestedAt"], "lastTestResult": outcome} == after


def test_test_leaves_an_audit_entry_and_a_line_in_the_request_log(hub: Hub, provider: Provider) -> None:
    made = create(hub, auth=QUERY_KEY)
    provider.answer = pages(60, 10)

    result_of(hub, made, "list")

    entry = hub.audit_entries()[-1]
    (line,) = log_lines(hub, made)
    assert (entry["action"], entry["target"], entry["actor"]) == ("integration.tested", made, "u1")
    assert json.loads(entry["facts"]) == {"endpointId": "list", "result": "success"}
    assert (line["kind"], line["message"]) == ("test", "the test succeeded")
    assert line["expiresEpochS"] > time.time()
    assert json.loads(line["facts"]) == {
        "endpointId": "list",
        "method": "GET",
        "url": "https://crm.example.com/contacts",
        "status": 200,
        "durationMs": 7,
        "pages": 5,
        "records": 50,
        "stopReason": "test_limit",
        "success": True,
    }


def test_integration_that_is_deleted_during_its_test_stays_deleted(hub: Hub, provider: Provider) -> None:
    made = create(hub)

    def delete(_: Call) -> Reply:
        with hub.cloud.running("CustomIntegrations"):
            assert hub.call("DELETE", f"{PATH}/{made}").status == 204
        hub.cloud.rights.function = "IntegrationTests"
        return reply({})

    provider.answer = delete

    refused = hub.post(f"{PATH}/{made}/test")

    assert (refused.status, refused.code) == (404, "INTEGRATION_NOT_FOUND")
    assert "lastTestedAt" not in stored(hub, made)
    assert log_lines(hub, made) == []


def test_change_that_happens_during_a_test_is_not_undone(hub: Hub, provider: Provider) -> None:
    made = create(hub)

    def rename(_: Call) -> Reply:
        assert hub.call("PATCH", f"{PATH}/{made}", {"displayName": "Renamed"}).status == 200
        hub.cloud.rights.function = "IntegrationTests"
        return reply({})

    provider.answer = rename

    result_of(hub, made)

    shown = hub.get(f"{PATH}/{made}").body
    assert (shown["displayName"], shown["lastTestResult"], shown["version"]) == ("Renamed", "success", 2)


# ---------------------------------------------------------------- the way out


def sent_to(hub: Hub, host: str, path: str) -> Json:
    """Return the answer to a request that reached the hub under this name."""
    match = hub.cloud.routes.select("POST", path)
    assert match is not None
    caller = {"tenant": hub.tenant, "user": "u1", "roles": "tenant_admin", "scopes": "", "keyId": ""}
    event = request_event(Request("POST", path, "", (("host", host),), b"", "127.0.0.1"), match, caller)
    body: Json = hub.send("IntegrationTests", event).body
    return body


def test_hub_itself_is_never_called(hub: Hub) -> None:
    """Without the provider in memory: the address is refused before anything is dialled."""
    made = create(hub, baseUrl="https://hub.example.com/v1")

    result = sent_to(hub, "hub.example.com", f"{PATH}/{made}/test")

    assert not result["success"]
    assert "found the hub itself" in result["error"]


def test_default_address_of_the_api_is_the_hub_too(hub: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    """The template cannot name it in a function that the API calls; the requests do."""
    made = create(hub, baseUrl="https://local.execute-api.us-east-1.amazonaws.com")
    named = hub.cloud.template.functions["IntegrationTests"].environment["OWN_HOSTS"]
    settings = replace(resources().settings, own_hosts=tuple(filter(None, named.split(","))))
    monkeypatch.setattr(resources(), "settings", settings)

    assert "found the hub itself" in result_of(hub, made)["error"]
