"""Health: status, circuit, connection, and what the newest calls say, with the cause and what to do next."""

from typing import Any

import pytest

from hub.core import clock
from hub.core.caller import Tenant
from hub.core.ids import ulid
from hub.core.tables import Delete, Put, hub_key
from hub.integrations.instances import health
from hub.integrations.instances.v1_models import HealthPage, IntegrationHealth
from hub.outbound.breaker import OPEN_US, SECOND_US, Outcome
from hub.outbound.traffic import Traffic
from tests.api.conftest import Hub, StoppedClock
from tests.api.custom_integrations import create as create_custom
from tests.api.instances import (
    CANARY,
    V1,
    Json,
    connection_of,
    created_v1,
    enabled,
    logged,
    of_user,
    plain,
    set_stored,
)
from tests.api.subscriptions import tables
from tests.api.test_call_counts import of as calls_of

HOST = "api.acme.example.com"


def of(hub: Hub, integration_id: str) -> Json:
    reply = hub.get(f"{V1}/{integration_id}/health")
    assert reply.status == 200, reply.body
    IntegrationHealth.model_validate(reply.body)
    found: Json = reply.body
    return found


def call(hub: Hub, integration_id: str, stopped: StoppedClock, **facts: Any) -> str:
    """Log a call a second later; return when."""
    stopped.advance(1)
    line = {"kind": "proxy", "message": facts.get("error", "answered")}
    logged(
        hub, integration_id, f"{ulid()}#proxy", line, {"method": "GET", "url": "https://x", "durationMs": 40, **facts}
    )
    return clock.now()


def trip(hub: Hub, integration_id: str, host: str = HOST) -> None:
    """Let five calls in a row fail."""
    gate = Traffic(tables().coordination, Tenant(hub.tenant), integration_id).gate(host)
    for _ in range(5):
        gate.leave(gate.enter((), 5).try_, Outcome.FAILURE)


def test_integration_that_works_has_no_cause(hub: Hub, stopped_clock: StoppedClock) -> None:
    made = created_v1(hub, apiKey=CANARY)
    at = call(hub, made["id"], stopped_clock, status=200, success=True)

    found = of(hub, made["id"])

    expected = {
        "status": "ACTIVE",
        "circuitState": "CLOSED",
        "connectionStatus": "active",
        "lastSuccessfulCall": at,
        "lastError": None,
        "errorCount": 0,
        "calls": 1,
        "latency": 40,
        "cause": None,
        "nextStep": None,
    }
    assert {name: found[name] for name in expected} == expected


def test_errors_count_since_the_last_success(hub: Hub, stopped_clock: StoppedClock) -> None:
    made = created_v1(hub, apiKey=CANARY)
    call(hub, made["id"], stopped_clock, status=500, success=False, error="old")
    good = call(hub, made["id"], stopped_clock, status=200, success=True)
    call(hub, made["id"], stopped_clock, status=500, success=False, error="first")
    bad = call(hub, made["id"], stopped_clock, status=503, success=False, error="second", durationMs=90)

    found = of(hub, made["id"])

    assert (found["errorCount"], found["lastError"], found["lastErrorAt"]) == (2, "second", bad)
    assert (found["lastSuccessfulCall"], found["latency"]) == (good, 90)
    assert (found["cause"], found["nextStep"]) == ("second", "Test the connection; the request log has the calls.")


def test_circuit_is_shown_in_its_three_states(hub: Hub, stopped_clock: StoppedClock) -> None:
    made = created_v1(hub, plain(), config={"baseUrl": f"https://{HOST}/v2"})
    states = [of(hub, made["id"])["circuitState"]]
    trip(hub, made["id"])
    opened = of(hub, made["id"])
    stopped_clock.advance(OPEN_US / SECOND_US + 1)
    states += [opened["circuitState"], of(hub, made["id"])["circuitState"]]

    assert states == ["CLOSED", "OPEN", "HALF_OPEN"]
    assert opened["circuitOpensAgainAt"] is not None
    assert "left alone" in opened["cause"]


def test_circuit_is_that_of_the_settings_host(hub: Hub) -> None:
    made = created_v1(hub, plain(), config={"baseUrl": "https://eu.acme.example.com"})

    trip(hub, made["id"], HOST)
    assert of(hub, made["id"])["circuitState"] == "CLOSED"
    trip(hub, made["id"], "eu.acme.example.com")
    assert of(hub, made["id"])["circuitState"] == "OPEN"


@pytest.mark.parametrize(
    ("status", "step"),
    [("draft", "Activate it."), ("pending_auth", "Connect it."), ("paused", "Activate it.")],
)
def test_what_does_not_run_says_what_to_do(hub: Hub, status: str, step: str) -> None:
    made = created_v1(hub)
    set_stored(hub, made["id"], status=status)

    assert of(hub, made["id"])["nextStep"] == step


def test_connection_that_has_ended_is_the_cause(hub: Hub) -> None:
    made = created_v1(hub, apiKey=CANARY)
    connection = connection_of(hub, made["id"])
    assert connection is not None
    told = {"status": "expired", "reason": "invalid_grant", "reasonMessage": "The grant was revoked."}
    tables().write(Put(tables().config, {**connection, **told}))
    set_stored(hub, made["id"], status="error", lastError="The grant was revoked.")

    found = of(hub, made["id"])

    assert (found["status"], found["connectionStatus"]) == ("ERROR", "expired")
    assert (found["cause"], found["lastError"]) == ("The grant was revoked.", "The grant was revoked.")
    assert "Connect the integration again" in found["nextStep"]


def test_custom_integration_has_its_health_too(hub: Hub) -> None:
    made = create_custom(hub, status="active")
    trip(hub, made["id"], "crm.example.com")

    found = of(hub, made["id"])

    assert (found["status"], found["circuitState"], found["connectionStatus"]) == ("ACTIVE", "OPEN", None)


def test_page_has_the_health_of_all(hub: Hub, stopped_clock: StoppedClock) -> None:
    made = [created_v1(hub, plain())["id"], enabled(hub)["id"], create_custom(hub)["id"]]
    call(hub, made[0], stopped_clock, status=500, success=False, error="broken")
    trip(hub, made[0])

    reply = hub.get(f"{V1}/health", query={"limit": 2})
    HealthPage.model_validate(reply.body)
    rest = hub.get(f"{V1}/health", query={"limit": 2, "cursor": reply.body["nextCursor"]})

    rows = [*reply.body["data"], *rest.body["data"]]
    assert (reply.body["total"], sorted(row["integrationId"] for row in rows)) == (3, sorted(made))
    (broken,) = [row for row in rows if row["integrationId"] == made[0]]
    assert (broken["circuitState"], broken["lastError"], broken["errorCount"]) == ("OPEN", "broken", 1)
    alone = {**of(hub, made[0]), "checkedAt": ""}
    assert {**broken, "checkedAt": ""} == alone


def test_page_without_integrations_is_empty(hub: Hub) -> None:
    assert hub.get(f"{V1}/health").body["data"] == []


def test_calls_of_aws_are_bounded(hub: Hub) -> None:
    made = [enabled(hub, f"n{number}")["id"] for number in range(4)]
    hub.get(V1)

    one = calls_of(lambda: of(hub, made[0]))
    page = calls_of(lambda: hub.get(f"{V1}/health"))

    assert one == {"UpdateItem": 1, "BatchGetItem": 2, "GetItem": 1, "Query": 1}
    assert page == {"UpdateItem": 1, "BatchGetItem": 2, "GetItem": 4, "Query": 5}
    assert health.CALLS_OF_MANY <= 10


def test_member_may_look(hub: Hub) -> None:
    made = enabled(hub)

    assert of_user(hub, "GET", f"{V1}/{made['id']}/health").status == 200
    assert of_user(hub, "GET", f"{V1}/health").status == 200
    assert hub.get(f"{V1}/health", roles="", scopes="contacts:read").status == 403


def test_integration_whose_provider_left_the_catalogue_says_so(hub: Hub) -> None:
    made = created_v1(hub, apiKey=CANARY)
    for kind in ("provider", "connector"):
        tables().write(Delete(tables().config, hub_key(kind, made["providerId"])))

    found = of(hub, made["id"])

    assert found["cause"] == "The provider is not in the catalogue any more."
    assert "Delete the integration" in found["nextStep"]


def test_integration_that_leads_elsewhere_than_its_credentials_says_so(hub: Hub) -> None:
    made = created_v1(hub, apiKey=CANARY)
    set_stored(hub, made["id"], settings='{"baseUrl":"https://other.example.com"}')

    found = of(hub, made["id"])

    assert "another one than the credentials were entered for" in found["cause"]


def test_newest_of_the_errors_is_shown(hub: Hub, stopped_clock: StoppedClock) -> None:
    made = created_v1(hub, apiKey=CANARY)
    set_stored(hub, made["id"], lastError="an older one", lastErrorAt=clock.now())
    at = call(hub, made["id"], stopped_clock, status=500, success=False, error="answered 500")

    found = of(hub, made["id"])

    assert (found["lastError"], found["lastErrorAt"]) == ("answered 500", at)
