"""What a call on request or a sync finds out about a connection's credentials is noted on it, when it is certain."""

import json

import pytest

from hub.core.answers import no_content
from hub.core.caller import Caller, Tenant
from hub.core.journal import Change
from hub.core.queues import Hint
from hub.core.resources import resources
from hub.integrations import connected
from hub.outbound.calls import Call, Reply
from hub.sync.models import SyncRequest
from hub.sync.run import Worker
from hub.sync.starts import start
from tests.api import connecting
from tests.api.calls_work import operate, proxied
from tests.api.conftest import Cloud, Hub, lose_connection
from tests.api.connecting import ACCESS, KEY, REFRESH
from tests.api.sync_work import vault
from tests.api.tested import Json, Provider, reply

GRANT = {"accessToken": ACCESS, "refreshToken": REFRESH, "expiresAt": "2100-01-01T00:00:00Z"}
SCOPE = 'Bearer error="insufficient_scope", scope="contacts"'


@pytest.fixture(autouse=True)
def catalogue(cloud: Cloud) -> None:
    with cloud.running(""):
        connecting.put_provider()
        connecting.with_client()


def state(hub: Hub, integration_id: str) -> tuple[str, str | None, str]:
    """Return status and reason of the connection, and the integration's status."""
    found = connecting.connection(hub, integration_id)
    return found["status"], found.get("reason"), connecting.integration(hub, integration_id)["status"]


def writes(hub: Hub, integration_id: str) -> list[int]:
    return [
        item["version"]
        for item in (connecting.connection(hub, integration_id), connecting.integration(hub, integration_id))
    ]


FINE = ("active", None, "active")
REFUSED = ("error", "credentials_refused", "error")


@pytest.mark.parametrize("how", ["proxy", "operation"])
def test_refused_key_is_noted_once_and_works_again_by_itself(hub: Hub, upstream: Provider, how: str) -> None:
    made, answers = connecting.connected(hub, apiKey=KEY), {"status": 401}
    upstream.answer = lambda _: reply({"items": []}, answers["status"])

    def call() -> int:
        return (proxied(hub, made) if how == "proxy" else operate(hub, made, "contacts")).status

    statuses, refused = [call(), call()], state(hub, made)
    told = connecting.events(hub)
    answers["status"] = 200
    statuses.append(call())

    assert statuses == ([401, 401, 200] if how == "proxy" else [502, 502, 200])
    assert (refused, state(hub, made)) == (REFUSED, FINE)
    assert told.count("integration.error") == 1
    assert connecting.events(hub)[-1] == "integration.connected"


def test_cause_that_is_noted_names_the_host_and_no_more(hub: Hub, upstream: Provider) -> None:
    made = connecting.connected(hub, apiKey=KEY)
    upstream.answer = lambda _: reply({"error": KEY}, 401)

    proxied(hub, made, path="secret-path", query={"a": "b"})

    assert connecting.connection(hub, made)["reasonMessage"] == (
        "The provider refuses the credentials. desk.example.com answered 401."
    )


@pytest.mark.parametrize("status", [200, 403, 404, 429, 500])
def test_other_answers_say_nothing_of_the_credentials(hub: Hub, upstream: Provider, status: int) -> None:
    made = connecting.connected(hub, apiKey=KEY)
    upstream.answer = lambda _: reply({"items": []}, status)
    before = writes(hub, made)

    proxied(hub, made)

    assert (state(hub, made), writes(hub, made)) == (FINE, before)


def test_missing_scope_counts_for_the_integrations_own_endpoints_alone(hub: Hub, upstream: Provider) -> None:
    made = connecting.connected(hub, apiKey=KEY)
    upstream.answer = lambda _: reply({}, 403, www_authenticate=SCOPE)

    proxied(hub, made)
    passed_on = state(hub, made)
    operate(hub, made, "contacts")

    assert (passed_on, state(hub, made)) == (FINE, ("error", "insufficient_scope", "error"))


def test_sync_notes_a_refused_key_too(hub: Hub, upstream: Provider) -> None:
    made = connecting.connected(hub, apiKey=KEY)
    upstream.answer = lambda _: reply({}, 401)
    found = connected.load(resources().tables.config, Tenant(hub.tenant), made).found
    admin = Caller(Tenant(hub.tenant), "u1", frozenset({"tenant_admin"}), frozenset())
    change = Change(resources().tables, admin, "r1", 30)
    job = start.start(change, found, SyncRequest(endpointId="contacts"), 0)
    change.commit(no_content())

    with hub.cloud.running("SyncWorker"):
        Worker(resources(), vault(), upstream, lambda: 900_000).run(Hint(Tenant(hub.tenant), job["sk"]))

    assert (hub.get(f"/api/v1/sync-jobs/{job['sk']}").body["status"], state(hub, made)) == ("FAILED", REFUSED)


def provider_that_takes(tokens: set[str], token_status: int = 200) -> object:
    """Return a provider that takes these tokens alone, with a token server that gives out `next`."""

    def answer(call: Call) -> Reply:
        if call.url.endswith("/token"):
            given: Json = {"access_token": "next", "token_type": "Bearer", "expires_in": 3600}
            return reply(given if token_status == 200 else {"error": "server_error"}, token_status)
        return reply({"items": []}, 200 if call.headers["authorization"].rpartition(" ")[2] in tokens else 401)

    return answer


@pytest.mark.parametrize(
    ("takes", "token_status", "expected"),
    [({"next"}, 200, FINE), (set(), 200, REFUSED), (set(), 503, FINE)],
    ids=["renewed", "renewed-and-refused", "not-renewed"],
)
def test_token_is_refused_for_certain_when_the_next_one_is_too(
    hub: Hub, upstream: Provider, takes: set[str], token_status: int, expected: tuple[str, str | None, str]
) -> None:
    made = connecting.connected(hub, **GRANT)
    upstream.answer = provider_that_takes(takes, token_status)  # type: ignore[assignment]

    proxied(hub, made)

    assert state(hub, made) == expected


def test_answer_comes_back_although_nothing_can_be_noted(hub: Hub, upstream: Provider) -> None:
    made = connecting.connected(hub, apiKey=KEY)
    upstream.answer = lambda _: reply({"error": "bad key"}, 401)

    def lose_the_next_read() -> Reply:
        resources().dynamodb.meta.events.register_first("before-call.dynamodb.BatchGetItem", fail)
        return reply({"error": "bad key"}, 401)

    def fail(**_: object) -> None:
        lose_connection()

    upstream.answer = lambda _: lose_the_next_read()
    try:
        answer = proxied(hub, made)
    finally:
        resources().dynamodb.meta.events.unregister("before-call.dynamodb.BatchGetItem", fail)

    assert (answer.status, json.loads(answer.body)) == (401, {"error": "bad key"})
    assert state(hub, made) == FINE


def test_error_of_the_token_server_is_told_although_it_cannot_be_noted(hub: Hub, upstream: Provider) -> None:
    made = connecting.connected(hub, **{**GRANT, "expiresAt": "2020-01-01T00:00:00Z"})

    def refuse(_: Call) -> Reply:
        resources().dynamodb.meta.events.register_first("before-call.dynamodb.BatchGetItem", fail)
        return reply({"error": "invalid_grant"}, 400)

    def fail(**_: object) -> None:
        lose_connection()

    upstream.answer = refuse
    try:
        answer = proxied(hub, made)
    finally:
        resources().dynamodb.meta.events.unregister("before-call.dynamodb.BatchGetItem", fail)

    assert (answer.status, answer.body["error"]["details"].get("reason")) == (502, "invalid_grant")
