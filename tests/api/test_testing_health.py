"""Connection tests of a connector that names its health endpoint."""

from typing import Any

import pytest

from tests.api.conftest import Hub, make_integration
from tests.api.tested import PATH, Provider, create, endpoint, reply, result_of

SCALE = {"status": [200], "path": "$.ok", "value": False, "action": "FAIL", "message": "ask the owner"}


def me(**changed: Any) -> dict[str, Any]:
    mapping = {"dataPath": "$", "identifierField": "$.id"}
    made = {"id": "me", "name": "me", "method": "GET", "path": "/users/me", "responseMapping": mapping}
    return {**made, **changed}


def test_connection_test_calls_the_health_endpoint(hub: Hub, provider: Provider) -> None:
    provider.answer = lambda _: reply({"id": "u1", "ok": True})
    made = create(hub, endpoints=[endpoint(), me(errorActions=[SCALE])], healthEndpoint="me")

    result = result_of(hub, made)

    assert result["success"] is True
    assert result["request"]["url"] == "https://crm.example.com/users/me"
    assert len(provider.calls) == 1


@pytest.mark.parametrize(
    ("answer", "said"),
    [(reply({"ok": False}), "ask the owner"), (reply({}, 404), "404"), (reply({}, 401), "credentials were refused")],
)
def test_health_endpoint_is_judged_as_in_a_sync(hub: Hub, provider: Provider, answer: Any, said: str) -> None:
    provider.answer = lambda _: answer
    made = create(hub, endpoints=[endpoint(), me(errorActions=[SCALE])], healthEndpoint="me")

    result = result_of(hub, made)

    assert result["success"] is False
    assert said in result["error"]
    assert result["response"]["statusCode"] == answer.status


def test_health_endpoint_that_is_not_there_is_refused_on_save(hub: Hub) -> None:
    refused = hub.post(PATH, make_integration(healthEndpoint="ping"))

    assert refused.status == 400
    assert [problem["pointer"] for problem in refused.body["error"]["details"]["problems"]] == ["/healthEndpoint"]
