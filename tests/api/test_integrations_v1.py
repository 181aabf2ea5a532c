"""Integrations as the freight specification (S004, "Integration Model") writes them."""

from typing import Any

import pytest

from hub.core.caller import Tenant
from hub.integrations.connections import connections
from hub.integrations.instances import sync_frequency
from hub.integrations.instances.v1_models import Integration, IntegrationPage
from tests.api.conftest import Hub, just_before
from tests.api.custom_integrations import create as create_custom
from tests.api.instances import (
    CANARY,
    V1,
    Json,
    connection_of,
    created_v1,
    enabled,
    of_user,
    plain,
    pointers,
    provider,
    refused,
    set_stored,
    stored,
)
from tests.api.sync_work import vault

WORDS = {
    "draft": ("PENDING_AUTH", True),
    "pending_auth": ("PENDING_AUTH", True),
    "active": ("ACTIVE", True),
    "paused": ("PAUSED", False),
    "error": ("ERROR", True),
}
GOOD_FREQUENCIES: list[int | str] = [
    *(60_000, "300000", "hourly", "daily", "rate(1 minute)", "rate(5 minutes)", "rate(2 hours)", "rate(1 day)"),
    *("cron(0 9 ? * MON-FRI *)", "cron(*/15 * * * ? *)", "cron(0 10 L * ? 2026-2030)", "cron(5,35 14 * JAN,7 ? *)"),
]
BAD_FREQUENCIES = [
    *("", "1e9", "٣٠٠٠٠٠", "99999999999999999999", "Hourly", "rate(0 minutes)", "rate(5 seconds)", "rate(400 days)"),
    *("cron(* * * *)", "cron(0 9 * * * *)", "cron(0 9 ? * ? *)", "cron(60 9 ? * MON *)", "cron(0 9 ? * FUN *)"),
    *("cron(0 9 ? 13 MON *)", "cron(0 5-1 * * ? *)", "cron(0/0 * * * ? *)"),
]
MISSING = "int_00000000000000000000000000"


def put(hub: Hub, made: Json, **changed: Any) -> Any:
    """Send what GET answers back, with something changed; None leaves a field out."""
    shown = {**hub.get(f"{V1}/{made['id']}").body, **changed}
    return hub.call("PUT", f"{V1}/{made['id']}", {name: value for name, value in shown.items() if value is not None})


def test_create_answers_with_the_defaults_of_the_specification(hub: Hub) -> None:
    made = created_v1(hub, name="Board", description="Loads", config={"pageSize": 5})

    Integration.model_validate(made)
    expected = {
        "tenantId": hub.tenant,
        "providerId": "acme",
        "name": "Board",
        "description": "Loads",
        "config": {"pageSize": 5},
        "environment": "PRODUCTION",
        "authType": "API_KEY",
        "oauthExpiresAt": None,
        "status": "PENDING_AUTH",
        "lastSuccessfulCall": None,
        "lastError": None,
        "lastErrorAt": None,
        "errorCount": 0,
        "isEnabled": True,
        "retryEnabled": True,
        "maxRetries": 3,
        "timeoutSeconds": 30,
        "syncFrequency": None,
        "lastSyncAt": None,
        "nextSyncAt": None,
        "createdBy": "u1",
    }
    assert {name: made[name] for name in expected} == expected
    assert hub.get(f"{V1}/{made['id']}").body == made


def test_api_key_connects_at_once(hub: Hub) -> None:
    made = created_v1(hub, apiKey=CANARY)

    connection = connection_of(hub, made["id"])
    assert connection is not None
    secrets = vault().read(Tenant(hub.tenant), connections.KIND, connection["sk"])
    assert (made["status"], made["isEnabled"]) == ("ACTIVE", True)
    assert hub.get(f"{V1}/{made['id']}").body == made
    assert list(secrets.values()) == [CANARY]
    assert [entry["action"] for entry in hub.audit_entries()] == ["integration.created", "connection.connected"]


def test_integration_without_authentication_is_active(hub: Hub) -> None:
    made = created_v1(hub, plain())

    assert (made["status"], made["authType"]) == ("ACTIVE", "NONE")


def test_provider_that_takes_no_key_says_so(hub: Hub) -> None:
    reply = hub.post(V1, {"providerId": plain(), "name": "a", "config": {}, "apiKey": CANARY})

    assert reply.status == 400
    assert CANARY not in repr(reply.body)
    assert hub.get(V1).body["total"] == 0


def test_pair_of_provider_and_environment_is_taken_once(hub: Hub, other_hub: Hub) -> None:
    created_v1(hub)

    again = hub.post(V1, {"providerId": provider(), "name": "other", "config": {}})

    assert (again.status, again.code) == (409, "CONFLICT")
    assert created_v1(hub, environment="sandbox")["environment"] == "SANDBOX"
    assert created_v1(hub, environment="TEST")["environment"] == "TEST"
    created_v1(other_hub)


def test_of_two_creates_at_the_same_moment_one_is_made(hub: Hub) -> None:
    body = {"providerId": provider(), "name": "a", "config": {}}

    with just_before("TransactWriteItems", lambda: hub.post(V1, {**body, "name": "theirs"})):
        late = hub.post(V1, {**body, "name": "mine"})

    assert (late.status, late.code) == (409, "CONFLICT")
    assert [each["name"] for each in hub.get(V1).body["data"]] == ["theirs"]


@pytest.mark.parametrize(
    ("change", "where"),
    [
        ({"config": {"pageSize": 1000}}, "/config/pageSize"),
        ({"config": {"baseUrl": "http://10.0.0.1"}}, "/config/baseUrl"),
        ({"environment": "MOON"}, "/environment"),
        ({"timeoutSeconds": 0}, "/timeoutSeconds"),
        ({"timeoutSeconds": 121}, "/timeoutSeconds"),
        ({"maxRetries": 11}, "/maxRetries"),
        ({"maxRetries": -1}, "/maxRetries"),
        ({"retryEnabled": "no"}, "/retryEnabled"),
        ({"syncFrequency": "often"}, "/syncFrequency"),
        ({"syncFrequency": 59_999}, "/syncFrequency"),
        ({"apiKey": ""}, "/apiKey"),
        ({"status": "ACTIVE"}, "/status"),
    ],
    ids=str,
)
def test_bad_input_is_refused_with_its_place(hub: Hub, change: Json, where: str) -> None:
    reply = hub.post(V1, {"providerId": provider(), "name": "a", "config": {}, **change})

    assert (reply.status, reply.code) == (400, "VALIDATION_ERROR")
    assert any(each.startswith(where) for each in pointers(reply))


@pytest.mark.parametrize(
    "frequency",
    GOOD_FREQUENCIES,
)
def test_frequency_is_kept_as_it_is_written(hub: Hub, frequency: Any) -> None:
    made = created_v1(hub, syncFrequency=frequency)

    assert made["syncFrequency"] == str(frequency)


@pytest.mark.parametrize(
    "frequency",
    BAD_FREQUENCIES,
)
def test_other_frequencies_say_what_is_expected(frequency: str) -> None:
    fault = sync_frequency.fault(frequency)

    assert fault is not None
    assert fault.startswith("expected")


def test_put_replaces_what_may_be_written_and_keeps_the_secret(hub: Hub) -> None:
    made = created_v1(hub, apiKey=CANARY, description="a", timeoutSeconds=5, environment="TEST", syncFrequency="daily")
    before = connection_of(hub, made["id"])

    reply = hub.call("PUT", f"{V1}/{made['id']}", {"name": "New", "config": {"pageSize": 3}})

    assert reply.status == 200, reply.body
    Integration.model_validate(reply.body)
    expected = {
        "name": "New",
        "description": None,
        "config": {"pageSize": 3},
        "timeoutSeconds": 30,
        "syncFrequency": None,
        "environment": "TEST",
        "status": "ACTIVE",
        "version": made["version"] + 1,
    }
    assert {name: reply.body[name] for name in expected} == expected
    assert connection_of(hub, made["id"]) == before


def test_put_takes_what_get_answered(hub: Hub) -> None:
    made = created_v1(hub, apiKey=CANARY)

    reply = put(hub, made, name="New")

    assert reply.status == 200, reply.body
    assert {**reply.body, "version": 0, "updatedAt": ""} == {**made, "name": "New", "version": 0, "updatedAt": ""}


def test_put_with_a_key_replaces_the_credentials(hub: Hub) -> None:
    made = created_v1(hub, apiKey=CANARY)

    reply = put(hub, made, apiKey="another-canary-key-of-enough-length", name="New")

    connection = connection_of(hub, made["id"])
    assert connection is not None
    assert (reply.status, reply.body["name"], reply.body["status"]) == (200, "New", "ACTIVE")
    assert (connection["generation"], hub.get(f"{V1}/{made['id']}").body) == (2, reply.body)
    secrets = vault().read(Tenant(hub.tenant), connections.KIND, connection["sk"])
    assert list(secrets.values()) == ["another-canary-key-of-enough-length"]


def test_other_environment_moves_the_pair(hub: Hub) -> None:
    made = created_v1(hub)

    assert put(hub, made, environment="SANDBOX").status == 200
    other = created_v1(hub)
    assert put(hub, other, environment="SANDBOX").status == 409


def test_settings_that_lead_elsewhere_end_the_connection(hub: Hub) -> None:
    """Whoever may edit the address must not have the stored key sent to a host of their choice."""
    made = created_v1(hub, apiKey=CANARY)

    same = put(hub, made, config={"baseUrl": "https://api.acme.example.com/v2"})
    other = put(hub, made, config={"baseUrl": "https://evil.example.com"})

    connection = connection_of(hub, made["id"])
    assert connection is not None
    assert (same.body["status"], other.body["status"]) == ("ACTIVE", "PENDING_AUTH")
    assert (connection["status"], connection["reason"]) == ("revoked", "address_changed")
    assert hub.get(f"{V1}/{made['id']}").body["status"] == "PENDING_AUTH"
    assert vault().read(Tenant(hub.tenant), connections.KIND, connection["sk"]) == {}


@pytest.mark.parametrize(("status", "words"), WORDS.items())
def test_every_status_has_its_words(hub: Hub, status: str, words: tuple[str, bool]) -> None:
    made = created_v1(hub)
    set_stored(hub, made["id"], status=status)

    shown = hub.get(f"{V1}/{made['id']}").body

    assert (shown["status"], shown["isEnabled"]) == words
    assert [each["id"] for each in hub.get(V1, query={"status": words[0]}).body["data"]] == [made["id"]]


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ({"isEnabled": False}, ("PAUSED", False)),
        ({"status": "PAUSED"}, ("PAUSED", False)),
        ({"status": "paused", "isEnabled": False}, ("PAUSED", False)),
        ({"status": "ACTIVE", "isEnabled": True}, ("ACTIVE", True)),
        ({}, ("ACTIVE", True)),
    ],
    ids=str,
)
def test_status_is_switched_by_either_word(hub: Hub, body: Json, expected: tuple[str, bool]) -> None:
    made = created_v1(hub, apiKey=CANARY)

    reply = hub.call("PATCH", f"{V1}/{made['id']}/status", body)

    assert (reply.status, reply.body["status"], reply.body["isEnabled"]) == (200, *expected)
    assert hub.get(f"{V1}/{made['id']}").body == reply.body


@pytest.mark.parametrize("body", [{"isEnabled": True}, {"status": "ACTIVE"}], ids=str)
def test_paused_integration_runs_again(hub: Hub, body: Json) -> None:
    path = f"{V1}/{created_v1(hub, apiKey=CANARY)['id']}/status"
    hub.call("PATCH", path, {"isEnabled": False})

    assert hub.call("PATCH", path, body).body["status"] == "ACTIVE"


def test_enabling_without_credentials_waits_for_them(hub: Hub) -> None:
    path = f"{V1}/{created_v1(hub)['id']}/status"
    hub.call("PATCH", path, {"isEnabled": False})

    active, enabled_ = hub.call("PATCH", path, {"status": "ACTIVE"}), hub.call("PATCH", path, {"isEnabled": True})

    assert (active.status, active.code) == (409, "CONFLICT")
    assert (enabled_.status, enabled_.body["status"], enabled_.body["isEnabled"]) == (200, "PENDING_AUTH", True)


@pytest.mark.parametrize(
    "body",
    [{"status": "ERROR"}, {"status": "PENDING_AUTH"}, {"status": 1}, {"isEnabled": "no"}, {"enabled": True}],
    ids=str,
)
def test_status_that_only_the_hub_finds_is_refused(hub: Hub, body: Json) -> None:
    made = created_v1(hub, apiKey=CANARY)

    reply = hub.call("PATCH", f"{V1}/{made['id']}/status", body)

    assert (reply.status, hub.get(f"{V1}/{made['id']}").body) == (400, made)


def test_status_that_is_sent_back_asks_for_nothing(hub: Hub) -> None:
    path = f"{V1}/{created_v1(hub, apiKey=CANARY)['id']}/status"
    hub.call("PATCH", path, {"isEnabled": False})

    assert hub.call("PATCH", path, {"status": "PAUSED", "isEnabled": True}).body["status"] == "ACTIVE"


def test_contradicting_words_are_refused(hub: Hub) -> None:
    made = created_v1(hub)

    reply = hub.call("PATCH", f"{V1}/{made['id']}/status", {"status": "ACTIVE", "isEnabled": False})

    assert reply.status == 400
    assert "contradict" in reply.body["error"]["message"]


def test_list_has_the_envelope_and_the_filters(hub: Hub) -> None:
    made = [created_v1(hub, environment=each) for each in ("PRODUCTION", "SANDBOX")]
    custom = create_custom(hub)

    page = hub.get(V1, query={"limit": 2, "sortBy": "createdAt"})
    IntegrationPage.model_validate(page.body)

    assert {*page.body} == {"data", "total", "limit", "offset", "hasMore", "nextOffset", "nextCursor"}
    assert page.body["total"] == 3
    assert [each["id"] for each in hub.get(V1, query={"environment": "SANDBOX"}).body["data"]] == [made[1]["id"]]
    assert [each["id"] for each in hub.get(V1, query={"providerId": "custom"}).body["data"]] == [custom["id"]]
    assert hub.get(V1, query={"environment": "sandbox"}).status == 400


def test_custom_integration_has_sensible_values(hub: Hub) -> None:
    made = create_custom(hub, status="active")
    path = f"{V1}/{made['id']}"

    shown = hub.get(path).body
    Integration.model_validate(shown)

    assert (shown["providerId"], shown["status"], shown["environment"]) == ("custom", "ACTIVE", "PRODUCTION")
    assert hub.call("PUT", path, {"name": "x", "config": {}}).status == 409
    assert hub.call("PATCH", f"{path}/status", {"isEnabled": False}).body["status"] == "PAUSED"
    assert hub.get(f"/api/v1/custom-integrations/{made['id']}").body["status"] == "inactive"


def routes(integration_id: str) -> list[tuple[str, str, Any]]:
    one = f"{V1}/{integration_id}"
    return [
        ("GET", one, None),
        ("PUT", one, {"name": "x", "config": {}}),
        ("PATCH", f"{one}/status", {"isEnabled": False}),
        ("GET", f"{one}/health", None),
        ("GET", f"{one}/logs", None),
        ("DELETE", one, None),
        ("POST", f"{one}/restore", None),
    ]


@pytest.mark.parametrize("number", range(7))
def test_integration_of_another_tenant_answers_as_a_missing_one(hub: Hub, other_hub: Hub, number: int) -> None:
    made = created_v1(other_hub)
    method, path, body = routes(made["id"])[number]

    if path.endswith("restore"):
        other_hub.call("DELETE", f"{V1}/{made['id']}")
    foreign, absent = hub.call(method, path, body), hub.call(method, routes(MISSING)[number][1], body)

    assert refused(foreign) == refused(absent)
    assert (foreign.status, foreign.code) == (404, "INTEGRATION_NOT_FOUND")
    assert other_hub.call(method, path, body).status in (200, 204)  # the control


def test_user_reads_and_does_not_write(hub: Hub) -> None:
    made = created_v1(hub)

    answers = [of_user(hub, method, path, body).status for method, path, body in routes(made["id"])]

    assert answers == [200, 403, 403, 200, 403, 403, 403]
    assert of_user(hub, "GET", V1).body["total"] == 1
    assert of_user(hub, "POST", V1, {"providerId": provider(), "name": "a", "config": {}}).status == 403


def test_integrations_of_all_surfaces_are_one_list(hub: Hub) -> None:
    made = [enabled(hub)["id"], created_v1(hub)["id"], create_custom(hub)["id"]]

    for path, name in ((V1, "data"), ("/api/tenant/integrations", "integrations")):
        assert sorted(each["id"] for each in hub.get(path).body[name]) == sorted(made)
    assert sorted(each["id"] for each in hub.get(f"/api/v1/teams/{hub.tenant}/integrations").body) == sorted(made)


def test_what_overrides_the_connector_is_stored_where_calls_read_it(hub: Hub) -> None:
    item = stored(hub, created_v1(hub, timeoutSeconds=7, maxRetries=1, retryEnabled=False)["id"])

    assert (item["timeoutSeconds"], item["maxRetries"], item["retryEnabled"]) == (7, 1, False)


def test_provider_of_an_integration_stays(hub: Hub) -> None:
    made = created_v1(hub)
    other = plain("other")

    refusal = hub.call("PUT", f"{V1}/{made['id']}", {"providerId": other, "name": "Acme", "config": {}})
    kept = hub.call("PUT", f"{V1}/{made['id']}", {"providerId": made["providerId"], "name": "Acme", "config": {}})

    assert (refusal.status, pointers(refusal)) == (400, ["/providerId"])
    assert (kept.status, kept.body["providerId"]) == (200, made["providerId"])
