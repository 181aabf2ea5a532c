"""Import: a source becomes a custom integration, its secrets go to the vault and nowhere else."""

import io
import json
import logging
from collections.abc import Iterator
from typing import Any, cast

import boto3
import pytest

from hub.core.caller import Tenant
from hub.integrations.importing.models import ImportResult
from tests.api.conftest import Hub, Reply
from tests.api.sync_work import Json, vault

PATH = "/api/v1/custom-integrations"
IMPORT = f"{PATH}/import"
SECRET = "s3cr3t-9876543210-canary-canary"
COOKIE = "sid=c00kie-9876543210-canary"
CURL = (
    f"curl https://api.example.com/v1/contacts -H 'Authorization: Bearer {SECRET}'"
    f' --json \'{{"password": "{SECRET}"}}\''
)
OPENAPI: Json = {
    "openapi": "3.1.0",
    "info": {"title": "Shop"},
    "servers": [{"url": "https://shop.example.com"}],
    "security": [{"key": []}],
    "paths": {
        "/orders": {
            "get": {
                "operationId": "orders",
                "responses": {"200": {"content": {"application/json": {"schema": {"type": "array"}}}}},
            }
        }
    },
    "components": {"securitySchemes": {"key": {"type": "apiKey", "in": "header", "name": "X-Key"}}},
}
HAR: Json = {
    "log": {
        "entries": [
            {
                "request": {
                    "method": "GET",
                    "url": f"https://app.example.com/api/orders?api_key={SECRET}",
                    "headers": [{"name": "Cookie", "value": COOKIE}, {"name": "X-Auth-Token", "value": SECRET}],
                },
                "response": {"status": 200, "content": {"mimeType": "application/json", "text": '[{"id": 1}]'}},
            }
        ]
    }
}
SOURCES: list[Json] = [{"curl": CURL}, {"har": HAR}, {"har": json.dumps(HAR)}]


@pytest.fixture
def log() -> Iterator[io.StringIO]:
    """What the hub prints from now on."""
    handler = cast("logging.StreamHandler[Any]", logging.getLogger("hub").handlers[0])
    stream = io.StringIO()
    former = handler.setStream(stream)
    yield stream
    if former is not None:
        handler.setStream(former)


def created(reply: Reply) -> Json:
    assert reply.status == 201, reply.body
    ImportResult.model_validate(reply.body)
    made: Json = reply.body["integration"]
    return made


def kept() -> str:
    """Return every value of every table as text; ciphertext byte by byte."""
    database = boto3.client("dynamodb")
    names = database.list_tables()["TableNames"]
    return "\n".join(repr(database.scan(TableName=name)["Items"]) for name in names)


def pointers(reply: Reply) -> list[str]:
    return [problem["pointer"] for problem in reply.body["error"]["details"]["problems"]]


def test_import_makes_a_draft_that_is_like_any_other(hub: Hub) -> None:
    made = created(hub.post(IMPORT, {"curl": CURL, "name": "crm", "displayName": "CRM"}))

    assert hub.get(f"{PATH}/{made['id']}").body == made
    assert (made["name"], made["displayName"], made["status"], made["version"]) == ("crm", "CRM", "inactive", 1)
    assert made["auth"] == {"type": "bearer", "token": "{{encrypted:s3cr...nary}}"}
    assert "secretsRequired" not in made
    assert vault().read(Tenant(hub.tenant), "connector", made["id"]) == {"/auth/token": SECRET}
    assert [entry["action"] for entry in hub.audit_entries()] == ["integration.created"]


def test_import_of_a_document_waits_for_its_secrets(hub: Hub) -> None:
    made = created(hub.post(IMPORT, {"openapi": OPENAPI}))
    place = f"{PATH}/{made['id']}"

    tested = hub.post(f"{place}/test", {})
    synced = hub.post(f"{place}/sync", {"endpointId": "orders"})
    shown = hub.get(place).body
    entered = hub.call("PATCH", place, {"auth": {"keyValue": SECRET}})

    assert shown["secretsRequired"] == made["secretsRequired"] == ["/auth/keyValue"]
    assert [(reply.status, pointers(reply)) for reply in (tested, synced)] == [(400, ["/auth/keyValue"])] * 2
    assert (entered.status, "secretsRequired" in entered.body) == (200, False)
    assert vault().read(Tenant(hub.tenant), "connector", made["id"]) == {"/auth/keyValue": SECRET}
    assert hub.post(f"{place}/sync", {"endpointId": "orders"}).status == 202


def test_answer_of_a_waiting_import_can_be_sent_back_with_the_secret(hub: Hub) -> None:
    made = created(hub.post(IMPORT, {"openapi": OPENAPI}))
    filled = {**made, "auth": {**made["auth"], "keyValue": SECRET}}

    changed = hub.call("PATCH", f"{PATH}/{made['id']}", filled)

    assert (changed.status, "secretsRequired" in changed.body) == (200, False)


def test_handle_in_a_definition_is_still_refused_when_nothing_waits(hub: Hub) -> None:
    """The control: only an import may leave a secret open."""
    auth = {"type": "bearer", "token": "{{encrypted:****}}"}
    definition = {"name": "x", "displayName": "X", "integrationType": "rest_api", "baseUrl": "https://a.example.com"}

    assert hub.post(PATH, {**definition, "auth": auth}).status == 422


@pytest.mark.parametrize("source", SOURCES, ids=["curl", "har", "har text"])
def test_secret_of_a_source_is_in_no_answer_table_or_log(hub: Hub, source: Json, log: io.StringIO) -> None:
    dry = hub.post(IMPORT, {**source, "dryRun": True})
    reply = hub.post(IMPORT, source, headers={"Idempotency-Key": "k1"})
    again = hub.post(IMPORT, source, headers={"Idempotency-Key": "k1"})

    secrets = vault().read(Tenant(hub.tenant), "connector", created(reply)["id"])
    assert SECRET in secrets.values()
    assert "request.answered" in log.getvalue()
    everything = [json.dumps([dry.body, reply.body, again.body]), kept(), log.getvalue()]
    assert [text.count(canary) for text in everything for canary in (SECRET, COOKIE[4:])] == [0] * 6
    assert reply.body["integration"]["id"] in kept()


def test_repeat_with_the_same_key_imports_once(hub: Hub) -> None:
    first, second = (hub.post(IMPORT, {"curl": CURL}, headers={"Idempotency-Key": "k1"}) for _ in range(2))

    assert first.body == second.body
    assert second.headers["Idempotent-Replayed"] == "true"
    assert hub.get(PATH).body["total"] == 1


@pytest.mark.parametrize("source", [{"openapi": OPENAPI}, *SOURCES[:2]], ids=["openapi", "curl", "har"])
def test_dry_run_shows_the_definition_and_stores_nothing(hub: Hub, source: Json) -> None:
    reply = hub.post(IMPORT, {**source, "dryRun": True}, headers={"Idempotency-Key": "k1"})

    ImportResult.model_validate(reply.body)
    assert reply.status == 200
    assert reply.body["definition"]["auth"]["type"] != "none"
    assert "****" in json.dumps(reply.body["definition"]["auth"])
    assert any("****" in each["message"] for each in reply.body["warnings"])
    assert hub.get(PATH).body["total"] == 0
    assert hub.audit_entries() == []


def test_definition_of_a_dry_run_can_be_created_once_its_secret_is_entered(hub: Hub) -> None:
    definition = hub.post(IMPORT, {"openapi": OPENAPI, "dryRun": True}).body["definition"]

    reply = hub.post(PATH, {**definition, "auth": {**definition["auth"], "keyValue": SECRET}})

    assert reply.status == 201


@pytest.mark.parametrize("is_dry", [False, True])
@pytest.mark.parametrize("url", ["https://169.254.169.254/latest", "https://127.0.0.1:9001/x", "http://10.0.0.1"])
def test_address_that_the_hub_never_calls_is_refused(hub: Hub, url: str, is_dry: bool) -> None:
    document = {**OPENAPI, "servers": [{"url": url}]}

    for source in ({"curl": f"curl {url}"}, {"openapi": document}, {"openapi": OPENAPI, "baseUrl": url}):
        reply = hub.post(IMPORT, {**source, "dryRun": is_dry})

        assert (reply.status, pointers(reply)) == (400, ["/baseUrl"])
    assert hub.get(PATH).body["total"] == 0


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        ({}, ""),
        ({"curl": "curl https://a.example.com", "har": {}}, ""),
        ({"curl": "rm -rf /"}, "/curl"),
        ({"openapi": {"swagger": "2.0"}}, "/openapi/swagger"),
        ({"openapi": "---\nopenapi: 3.0.0"}, "/openapi"),
        ({"har": {"log": {}}}, "/har/log/entries"),
        ({"openapi": OPENAPI, "endpoints": ["nope"]}, "/endpoints/0"),
        ({"openapi": OPENAPI, "name": "not a name"}, "/name"),
        ({"openapi": OPENAPI, "baseUrl": "https://a.example.com/?x"}, "/baseUrl"),
        ({"openapi": OPENAPI, "tenantId": "other"}, "/tenantId"),
        ({"curl": 5}, "/curl"),
    ],
)
def test_fault_is_answered_with_its_place(hub: Hub, body: Json, pointer: str) -> None:
    reply = hub.post(IMPORT, body)

    assert (reply.status, reply.code, pointers(reply)) == (400, "VALIDATION_ERROR", [pointer])


def test_body_has_the_limits_of_every_other(hub: Hub) -> None:
    deep: Any = {}
    for _ in range(70):
        deep = {"a": deep}

    assert hub.post(IMPORT, {"curl": f"curl https://a.example.com -d '{'x' * 300_000}'"}).status == 413
    assert hub.post(IMPORT, {"openapi": deep}).status == 400
    assert hub.post(IMPORT, {"openapi": json.dumps(deep)}).status == 400


def test_name_that_is_taken_is_a_conflict(hub: Hub) -> None:
    created(hub.post(IMPORT, {"openapi": OPENAPI}))

    reply = hub.post(IMPORT, {"openapi": OPENAPI})

    assert (reply.status, reply.code) == (409, "CONFLICT")
    assert "choose another name" in reply.body["error"]["message"]


def test_import_of_one_tenant_is_nobody_elses(hub: Hub, other_hub: Hub) -> None:
    made = created(hub.post(IMPORT, {"curl": CURL}))
    missing = other_hub.get(f"{PATH}/int_00000000000000000000000000")

    foreign = other_hub.get(f"{PATH}/{made['id']}")
    same_name = created(other_hub.post(IMPORT, {"curl": CURL}))

    assert (foreign.status, foreign.body["error"]["message"]) == (404, missing.body["error"]["message"])
    assert same_name["tenantId"] == other_hub.tenant
    assert other_hub.get(PATH).body["total"] == hub.get(PATH).body["total"] == 1


def test_import_is_for_administrators(hub: Hub) -> None:
    body = {"curl": CURL}

    assert hub.post(IMPORT, body, roles="user").status == 403
    assert hub.post(IMPORT, body, roles="", scopes="integrations:read").status == 403
    assert hub.post(IMPORT, body, roles="", scopes="integrations:write").status == 201
