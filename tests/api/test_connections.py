"""Connections of a tenant's integrations: each way to connect, what is stored and answered, and how they end."""

from typing import Any

import pytest

from hub.core import jsontext
from hub.core.caller import Tenant
from hub.core.resources import resources
from hub.core.tables import partition
from hub.integrations.connections import connection_models as models
from tests.api import connecting
from tests.api.conftest import Cloud, Hub, Reply
from tests.api.connecting import ACCESS, KEY, PASSWORD, REFRESH, SLUG, TENANT_PATH, connect, connected, create
from tests.api.sync_work import recorded

Json = dict[str, Any]


@pytest.fixture(autouse=True)
def catalogue(cloud: Cloud) -> None:
    with cloud.running(""):
        connecting.put_provider()


def post(hub: Hub, integration_id: str, way: str, body: Json, **options: Any) -> Reply:
    return hub.post(f"{TENANT_PATH}/{integration_id}/connect/{way}", body, **options)


WAYS = [
    ("api-key", {"apiKey": KEY}, "api_key", ["/auth/keyValue"]),
    ("basic", {"username": "ann", "password": PASSWORD}, "basic", ["/auth/password"]),
    ("custom", {"credentials": {"apiKey": KEY, "listId": "7"}}, "api_key", ["/auth/keyValue"]),
    (
        "custom",
        {"credentials": {"appKey": KEY, "appSecret": PASSWORD}},
        "custom",
        ["/auth/headers/X-App", "/auth/headers/X-Secret"],
    ),
    ("custom", {"credentials": {"accessToken": ACCESS, "refreshToken": REFRESH}}, "oauth2", []),
]


@pytest.mark.parametrize(("way", "body", "method", "secrets"), WAYS)
def test_credentials_connect_an_integration(hub: Hub, way: str, body: Json, method: str, secrets: list[str]) -> None:
    made = create(hub)

    answered = post(hub, made, way, {**body, "displayName": "Ours"})

    assert answered.status == 200, answered.body
    models.Connection.model_validate(answered.body)
    found = connecting.connection(hub, made)
    assert (answered.body["connectionId"], answered.body["status"]) == (found["sk"], "active")
    assert (found["method"], found["secretNames"], found["displayName"]) == (method, secrets, "Ours")
    assert connecting.integration(hub, made)["status"] == "active"


@pytest.mark.parametrize(("way", "body"), [each[:2] for each in WAYS])
def test_no_secret_is_answered_or_stored_in_clear(
    hub: Hub, way: str, body: Json, caplog: pytest.LogCaptureFixture
) -> None:
    made = create(hub)
    answers = [post(hub, made, way, body).body]

    paths = (f"{TENANT_PATH}/{made}", f"{TENANT_PATH}/{made}/connection", f"/api/v1/integrations/{made}/connections")
    answers += [hub.get(path).body for path in paths]

    found = connecting.connection(hub, made)
    stored = [found, connecting.integration(hub, made), connecting.static_record(hub, found)]
    assert connecting.has_canary([answers, stored, connecting.token_record(hub, found), hub.audit_entries()]) == []
    assert connecting.has_canary(caplog.text) == []


def test_tokens_that_were_entered_have_a_record_of_their_own(hub: Hub) -> None:
    made = connected(hub, accessToken=ACCESS, refreshToken=REFRESH, expiresAt="2090-01-01T00:00:00Z")

    found = connecting.connection(hub, made)
    record = connecting.token_record(hub, found)
    assert record is not None
    assert set(record["fields"]) == {"accessToken", "refreshToken"}
    assert found["expiresAt"] == "2090-01-01T00:00:00.000Z"
    due = resources().tables.activity.get({"pk": f"{hub.tenant}#renewal", "sk": found["sk"]})
    assert due is not None
    assert due["dueAt"] < "2090-01-01T00:00:00.000Z"


FAULTS: list[tuple[str, Json, str]] = [
    ("api-key", {"apiKey": ""}, "/apiKey"),
    ("api-key", {"apiKey": KEY, "extra": 1}, "/extra"),
    ("api-key", {"apiKey": "NOT A KEY"}, "/apiKey"),
    ("basic", {"username": "ann"}, "/password"),
    ("custom", {"credentials": {"appKey": KEY}}, "/credentials/appSecret"),
    ("custom", {"credentials": {"unknown": "x"}}, "/credentials/unknown"),
    ("custom", {"credentials": {"accessToken": ACCESS, "expiresAt": "soon"}}, "/credentials/expiresAt"),
    ("custom", {"credentials": {"clientId": "mine"}}, "/credentials/accessToken"),
    ("custom", {"credentials": {}}, "/credentials/accessToken"),
]


@pytest.mark.parametrize(("way", "body", "pointer"), FAULTS)
def test_credentials_that_do_not_fit_are_refused_by_pointer(hub: Hub, way: str, body: Json, pointer: str) -> None:
    answered = post(hub, create(hub), way, body)

    assert (answered.status, answered.code) == (400, "VALIDATION_ERROR")
    assert pointer in [problem["pointer"] for problem in answered.body["error"]["details"]["problems"]]
    assert "NOT A KEY" not in repr(answered.body)


def test_new_credentials_replace_all_of_the_former(hub: Hub) -> None:
    made = connected(hub, accessToken=ACCESS, refreshToken=REFRESH)
    former = connecting.connection(hub, made)

    answered = hub.call(
        "PATCH",
        f"{TENANT_PATH}/{made}/credentials",
        {"credentialType": "api_key", "credentials": {"apiKey": KEY}},
    )

    models.StoredCredentials.model_validate(answered.body)
    assert answered.body["credentialSecretName"] == f"hub/{hub.tenant}/{made}/2"
    found = connecting.connection(hub, made)
    assert (found["sk"], found["generation"], found["method"]) == (former["sk"], 2, "api_key")
    old = connecting.token_record(hub, former)
    assert old is not None
    assert "expiresEpochS" in old


def test_a_set_of_static_secrets_leaves_nothing_of_the_former(hub: Hub) -> None:
    made = connected(hub, appKey=KEY, appSecret=PASSWORD)

    connect(hub, made, apiKey=KEY)

    record = connecting.static_record(hub, connecting.connection(hub, made))
    assert record is not None
    assert set(record["fields"]) == {"/auth/keyValue"}


def test_an_oauth_client_of_the_tenants_own_waits_for_a_grant(hub: Hub) -> None:
    made = create(hub)

    answered = hub.call(
        "PATCH",
        f"{TENANT_PATH}/{made}/credentials",
        {"credentialType": "oauth", "credentials": {"clientId": "mine", "clientSecret": connecting.CLIENT_SECRET}},
    )

    assert answered.status == 200, answered.body
    found = connecting.connection(hub, made)
    assert (found["status"], found["reason"], found["secretNames"]) == (
        "revoked",
        "never_connected",
        ["/auth/clientSecret"],
    )
    assert connecting.integration(hub, made)["status"] != "active"


def test_tokens_entered_later_keep_the_tenants_own_client(hub: Hub) -> None:
    made = connected(hub, clientId="mine", clientSecret=connecting.CLIENT_SECRET)

    connect(hub, made, accessToken=ACCESS, refreshToken=REFRESH)

    found = connecting.connection(hub, made)
    assert (found["status"], found["secretNames"]) == ("active", ["/auth/clientSecret"])
    assert jsontext.load(found["fields"])["clientId"] == "mine"


def test_paused_integration_stays_paused_when_it_is_connected(hub: Hub) -> None:
    made = connected(hub)
    hub.post(f"{TENANT_PATH}/{made}/deactivate")

    connect(hub, made)

    assert connecting.integration(hub, made)["status"] == "paused"


def test_connecting_is_told_and_audited_once(hub: Hub) -> None:
    connected(hub)

    assert connecting.events(hub) == ["integration.created", "integration.connected"]
    assert [entry["action"] for entry in hub.audit_entries()] == ["integration.created", "connection.connected"]


def test_state_of_a_connection_is_shown(hub: Hub) -> None:
    made = connected(hub)

    answered = hub.get(f"{TENANT_PATH}/{made}/connection")

    models.ConnectionState.model_validate(answered.body)
    assert answered.body["status"] == "active"


def test_integration_that_was_never_connected_has_no_connection(hub: Hub) -> None:
    answered = hub.get(f"{TENANT_PATH}/{create(hub)}/connection")

    assert (answered.status, answered.code) == (404, "CONNECTION_NOT_FOUND")


# ---------------------------------------------------------------- the end


def test_disconnecting_empties_the_record_and_leaves_the_integration_waiting(hub: Hub) -> None:
    made = connected(hub)

    answered = hub.post(f"{TENANT_PATH}/{made}/disconnect")

    models.Disconnected.model_validate(answered.body)
    found = connecting.connection(hub, made)
    record = connecting.static_record(hub, found)
    assert (found["status"], found["reason"], record and record["fields"]) == ("revoked", "disconnected", {})
    assert connecting.integration(hub, made)["status"] == "pending_auth"


def test_disconnecting_twice_answers_the_same(hub: Hub) -> None:
    made = connected(hub)

    answers = [hub.post(f"{TENANT_PATH}/{made}/disconnect").body for _ in range(2)]

    assert answers[0] == answers[1]


def test_disconnected_tokens_are_due_to_be_given_back(hub: Hub) -> None:
    made = connected(hub, accessToken=ACCESS, refreshToken=REFRESH)

    hub.post(f"{TENANT_PATH}/{made}/disconnect")

    items = resources().tables.activity.query_all("pk = :pk", {"pk": partition(Tenant(hub.tenant), "revocation")})
    found = connecting.connection(hub, made)
    assert [item["sk"] for item in items] == [f"{found['sk']}.1"]
    assert connecting.token_record(hub, found) is not None


def test_connecting_again_gives_the_same_connection(hub: Hub) -> None:
    made = connected(hub)
    before = connecting.connection(hub, made)
    hub.post(f"{TENANT_PATH}/{made}/disconnect")

    connect(hub, made)

    found = connecting.connection(hub, made)
    assert (found["sk"], found["status"], found["generation"]) == (before["sk"], "active", 2)
    assert connecting.integration(hub, made)["status"] == "active"


# ---------------------------------------------------------------- who may


@pytest.mark.parametrize("way", ["api-key", "basic", "custom"])
def test_a_user_cannot_connect_for_the_tenant(hub: Hub, way: str) -> None:
    body: Json = {
        "api-key": {"apiKey": KEY},
        "basic": {"username": "a", "password": "b"},
        "custom": {"credentials": {}},
    }

    assert post(hub, create(hub), way, body[way], roles="user").status == 403


def test_foreign_integration_answers_like_a_missing_one(hub: Hub, other_hub: Hub) -> None:
    made = connected(hub)

    foreign, missing = (
        [
            post(other_hub, each, "api-key", {"apiKey": KEY}),
            other_hub.get(f"{TENANT_PATH}/{each}/connection"),
            other_hub.post(f"{TENANT_PATH}/{each}/disconnect"),
            other_hub.get(f"/api/v1/integrations/{each}/connections"),
        ]
        for each in (made, "int_01JCZ8Y0M3V8T6W2Q9X4N5B7KD")
    )

    told = [[(each.status, each.code, each.body["error"]["message"]) for each in found] for found in (foreign, missing)]
    assert told[0] == told[1]
    assert {each[0] for each in told[0]} == {404}


def test_custom_integration_is_connected_by_its_definition(hub: Hub) -> None:
    from tests.api.custom_integrations import create as create_custom

    answered = connect(hub, create_custom(hub)["id"])

    assert answered.status == 409


def test_list_shows_each_owners_connection(hub: Hub) -> None:
    made = connected(hub)

    answered = hub.get(f"/api/v1/integrations/{made}/connections")

    models.ConnectionRows.model_validate(answered.body)
    row = answered.body["data"][0]
    assert (row["owner"], row["provider"], row["credentials"]) == ("tenant", SLUG, {"apiKey": "cana...ough"})


# ---------------------------------------------------------------- cost


def test_calls_of_aws_to_connect(hub: Hub) -> None:
    """Integration and connection, provider, the record before; a data key, one transaction; the event's hint."""
    made = create(hub)

    with recorded() as asked:
        connect(hub, made)

    assert [each.operation for each in asked] == [
        "UpdateItem",
        "BatchGetItem",
        "BatchGetItem",
        "GetItem",
        "GenerateDataKey",
        "TransactWriteItems",
        "SendMessage",
    ]
