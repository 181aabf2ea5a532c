"""Tests of providers and connections (specs S001, S003, S004): what is called, answered, noted and told."""

from collections import Counter
from typing import Any

import pytest

from hub.core import jsontext
from hub.core.errors import Retryable
from hub.integrations.testing_models import ConnectionTest, TeamsTest
from hub.outbound.calls import Call, Reply
from tests.api import connecting
from tests.api.conftest import Cloud, Hub
from tests.api.conftest import Reply as Answered
from tests.api.connecting import KEY, SLUG, TENANT_PATH, connector
from tests.api.custom_integrations import create as create_custom
from tests.api.sync_work import recorded
from tests.api.tested import Provider, log_lines, reply

Json = dict[str, Any]


@pytest.fixture(autouse=True)
def catalogue(cloud: Cloud) -> None:
    with cloud.running(""):
        connecting.put_provider()


def asked(hub: Hub, integration_id: str) -> list[Answered]:
    """Return the answers of the three surfaces."""
    paths = (
        f"{TENANT_PATH}/{integration_id}/connection/test",
        f"/api/v1/teams/{hub.tenant}/integrations/{integration_id}/test",
        f"/api/v1/integrations/{integration_id}/test",
    )
    return [hub.post(path) for path in paths]


def asked_once(hub: Hub, integration_id: str) -> Json:
    answered = hub.post(f"{TENANT_PATH}/{integration_id}/connection/test")
    assert answered.status == 200, answered.body
    ConnectionTest.model_validate(answered.body)
    body: Json = answered.body
    return body


def test_each_surface_answers_in_its_own_words(hub: Hub, provider: Provider) -> None:
    provider.answer = lambda _: reply({"items": []})

    tenant, team, v1 = asked(hub, connecting.connected(hub))

    ConnectionTest.model_validate(tenant.body)
    TeamsTest.model_validate(team.body)
    ConnectionTest.model_validate(v1.body)
    assert [each.body["success"] for each in (tenant, team, v1)] == [True] * 3
    assert set(team.body) == {"success", "message"}
    assert set(v1.body) == {"success", "message", "testedAt", "responseTime"}
    assert tenant.body["details"] == {"method": "GET", "url": "https://desk.example.com/me", "statusCode": 200}


def test_health_request_goes_out_with_the_credentials(hub: Hub, provider: Provider) -> None:
    asked_once(hub, connecting.connected(hub))

    assert [(call.method, call.url, call.headers["x-key"]) for call in provider.calls] == [
        ("GET", "https://desk.example.com/me", KEY)
    ]


def works(_: Call) -> Reply:
    return reply({"items": []})


def failing(status: int) -> Any:
    return lambda _: reply({"error": "no"}, status)


def lost(_: Call) -> Reply:
    raise Retryable("desk.example.com did not answer in time")


@pytest.mark.parametrize(
    ("answer", "reason", "status", "integration"),
    [
        (failing(401), "credentials_refused", "error", "error"),
        (failing(403), "insufficient_scope", "error", "error"),
        (failing(429), "rate_limited", "active", "active"),
        (failing(503), "provider_unavailable", "active", "active"),
        (lost, "provider_unavailable", "active", "active"),
        (failing(404), None, "active", "active"),
    ],
    ids=["401", "403", "429", "503", "lost", "404"],
)
def test_failure_is_told_by_its_cause(
    hub: Hub, provider: Provider, answer: Any, reason: str | None, status: str, integration: str
) -> None:
    made = connecting.connected(hub)
    provider.answer = answer

    result = asked_once(hub, made)

    assert (result["success"], result["details"].get("reason"), "error" in result) == (False, reason, True)
    assert connecting.connection(hub, made)["status"] == status
    assert connecting.integration(hub, made)["status"] == integration


@pytest.mark.parametrize("status", [401, 503])
def test_a_flip_is_told_once(hub: Hub, provider: Provider, status: int) -> None:
    made = connecting.connected(hub)
    for answer in (works, failing(status), failing(status), works, works):
        provider.answer = answer
        asked_once(hub, made)

    told = Counter(connecting.events(hub))
    assert told == {"integration.created": 1, "integration.connected": 2, "integration.error": 1}


def test_success_brings_an_integration_back(hub: Hub, provider: Provider) -> None:
    made = connecting.connected(hub)
    provider.answer = failing(401)
    asked_once(hub, made)
    provider.answer = works

    asked_once(hub, made)

    found = connecting.connection(hub, made)
    assert (found["status"], connecting.integration(hub, made)["status"]) == ("active", "active")
    assert "lastValidatedAt" in found


@pytest.mark.usefixtures("provider")
def test_test_is_logged_and_noted_on_the_integration(hub: Hub) -> None:
    made = connecting.connected(hub)

    asked_once(hub, made)

    found = connecting.integration(hub, made)
    (line,) = log_lines(hub, made)
    facts = jsontext.load(line["facts"])
    assert (found["lastTestResult"], facts["success"], facts["url"]) == ("success", True, "https://desk.example.com/me")


def test_integration_that_was_never_connected_says_so_and_nothing_is_called(hub: Hub, provider: Provider) -> None:
    result = asked_once(hub, connecting.create(hub))

    assert (result["success"], result["details"]["reason"]) == (False, "never_connected")
    assert provider.calls == []


def test_provider_that_is_only_written_to_is_not_posted_to(hub: Hub, provider: Provider) -> None:
    endpoint = {**connector()["endpoints"][0], "method": "POST", "operation": "post"}
    definition = {**connector(endpoints=[endpoint]), "healthEndpoint": None}
    definition = {name: value for name, value in definition.items() if value is not None}
    connecting.put_provider(connecting.provider_document(connector=definition))

    result = asked_once(hub, connecting.connected(hub))

    assert result["success"]
    assert "nothing was posted" in result["message"]
    assert provider.calls == []


@pytest.mark.usefixtures("provider")
def test_custom_integration_is_tested_by_the_same_routes(hub: Hub) -> None:
    answers = asked(hub, create_custom(hub)["id"])

    assert [each.body["success"] for each in answers] == [True] * 3


def test_foreign_integration_is_not_there(hub: Hub, other_hub: Hub, provider: Provider) -> None:
    made = connecting.connected(hub)

    assert [each.status for each in asked(other_hub, made)] == [404] * 3
    assert provider.calls == []


# ---------------------------------------------------------------- the operator's test


def of_provider(hub: Hub, category: str = "crm", **options: Any) -> Answered:
    return hub.post(f"/api/admin/integrations/{category}/{SLUG}/test", **{"roles": "super_admin", **options})


def test_provider_is_reached_without_credentials(hub: Hub, provider: Provider) -> None:
    provider.answer = failing(401)

    answered = of_provider(hub)

    ConnectionTest.model_validate(answered.body)
    assert (answered.body["success"], answered.body["details"]["oauthClient"]) == (True, "missing")
    assert [dict(call.headers).keys() & {"authorization", "x-key"} for call in provider.calls] == [set()]


@pytest.mark.usefixtures("provider")
def test_operators_client_is_told_of(hub: Hub) -> None:
    connecting.with_client()

    assert of_provider(hub).body["details"]["oauthClient"] == "configured"


def test_provider_that_does_not_answer_is_told_of(hub: Hub, provider: Provider) -> None:
    provider.answer = lost

    result = of_provider(hub).body

    assert (result["success"], "error" in result) == (False, True)


@pytest.mark.usefixtures("provider")
def test_provider_of_another_category_is_not_there(hub: Hub) -> None:
    assert of_provider(hub, category="storage").status == 404
    assert of_provider(hub, roles="tenant_admin").status == 403


# ---------------------------------------------------------------- cost


@pytest.mark.usefixtures("provider")
def test_calls_of_aws_to_use_a_connection(hub: Hub) -> None:
    """The limit; integration with connection, provider, secret; pace and its answer; the record of the test, a hint."""
    made = connecting.connected(hub)
    asked_once(hub, made)

    with recorded() as asked:
        asked_once(hub, made)

    operations = [each.operation for each in asked]
    assert operations[:4] == ["UpdateItem", "BatchGetItem", "BatchGetItem", "GetItem"]
    assert operations[-1] == "TransactWriteItems"
    assert len(operations) <= 8, operations
