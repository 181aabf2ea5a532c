"""The operations of an integration on request: what they answer, and that nothing is left unsaid of any record."""

import base64
import json
from typing import Any

import pytest

from hub.core.errors import Retryable
from hub.integrations.calls.operation_models import OperationList, OperationResult
from hub.outbound.calls import Call
from hub.outbound.calls import Reply as Answered
from tests.api.calls_work import SECRET, last_line, operate
from tests.api.conftest import Hub
from tests.api.tested import Json, Provider, create, endpoint, pages, reply

UPSERT = {
    "id": "upsert-contacts",
    "name": "Upsert contacts",
    "method": "PUT",
    "path": "/contacts",
    "operation": "upsert",
    "entity": "contact",
    "batch": {
        "size": 2,
        "itemsPath": "$.items",
        "fieldMappings": [{"source": "$.email", "target": "mail"}],
        "required": ["$.email"],
        "results": {
            "match": "position",
            "path": "$.results",
            "success": {"path": "$.ok", "value": True},
            "idPath": "$.id",
            "messagePath": "$.error",
        },
    },
}
POST = {"id": "say", "name": "Say", "method": "POST", "path": "/messages", "operation": "post"}
FILE = {
    "id": "send-file",
    "name": "Send a file",
    "method": "POST",
    "path": "/files",
    "operation": "upload",
    "upload": {"simple": {"kind": "raw", "maxBytes": 1000000}, "idPath": "$.id"},
}


def made(hub: Hub, *endpoints: Json, **changed: Any) -> str:
    return create(hub, endpoints=[*endpoints], **changed)


def result(hub: Hub, integration: str, operation: str, **body: Any) -> Json:
    """Return the answer, which is one that the model describes."""
    answered = operate(hub, integration, operation, body)
    assert answered.status == 200, answered.body
    OperationResult.model_validate(answered.body)
    told: Json = answered.body
    return told


def contacts(count: int) -> list[Json]:
    return [{"email": f"c{number}@example.com"} for number in range(count)]


def accepting(call: Call) -> Answered:
    """Take every record but those whose address has no @."""
    items = json.loads(call.content or b"{}")["items"]
    told = [
        {"ok": True, "id": item["mail"]} if "@" in item["mail"] else {"ok": False, "error": "no address"}
        for item in items
    ]
    return reply({"results": told})


def test_operations_are_told_with_what_they_need(hub: Hub) -> None:
    listed = hub.get(f"/api/v1/integrations/{made(hub, endpoint(), UPSERT, POST)}/operations")

    OperationList.model_validate(listed.body)
    shown = {each["name"]: (each["kind"], each["isPaged"], each.get("batchSize")) for each in listed.body["data"]}
    assert shown == {
        "list": ("list", True, None),
        "upsert-contacts": ("upsert", False, 2),
        "say": ("post", False, None),
    }


def test_parameters_are_those_of_the_paths_the_query_and_the_body(hub: Hub) -> None:
    body = {
        "contentType": "application/json",
        "bodyType": "template",
        "template": '{"text": "{{text}}", "to": "{{to.name}}"}',
    }
    query = [{"name": "dry", "type": "boolean"}, {"name": "v", "valueSource": "static", "value": "1"}]

    told = hub.get(f"/api/v1/integrations/{made(hub, {**POST, 'body': body, 'queryParams': query})}/operations").body

    assert [(each["name"], each["required"]) for each in told["data"][0]["params"]] == [
        ("dry", False),
        ("text", True),
        ("to", True),
    ]


def test_list_goes_page_by_page(hub: Hub, upstream: Provider) -> None:
    upstream.answer = pages(5, 2)
    integration, found, cursor = made(hub, endpoint()), [], None

    for _ in range(3):
        page = result(hub, integration, "list", **({"cursor": cursor} if cursor else {}))
        found += [(record["externalId"], record["content"]["label"]) for record in page["records"]]
        cursor = page.get("nextCursor")

    assert found == [(f"c{number}", f"Name {number}") for number in range(5)]
    assert cursor is None


def test_cursor_of_another_operation_is_refused(hub: Hub, upstream: Provider) -> None:
    upstream.answer = pages(5, 2)
    integration = made(hub, endpoint(), endpoint(id="other", name="other"))

    cursor = result(hub, integration, "list")["nextCursor"]

    assert operate(hub, integration, "other", {"cursor": cursor}).status == 400
    assert operate(hub, integration, "list", {"cursor": cursor}).status == 200


def test_record_that_becomes_no_document_says_why(hub: Hub, upstream: Provider) -> None:
    upstream.answer = lambda _: reply(
        {"items": [{"name": "no id"}, {"id": "c1", "name": "Ada", "n": "1"}], "next": None}
    )

    one, two = result(hub, made(hub, endpoint()), "list")["records"]

    assert "id" in one["rejected"]
    assert two["content"] == {"label": "Ada", "n": 1}


def test_upsert_says_of_every_record_what_became_of_it(hub: Hub, upstream: Provider) -> None:
    upstream.answer = accepting
    records = [*contacts(3), {"email": "nonsense"}, {"name": "nobody"}]

    told = result(hub, made(hub, UPSERT), "upsert-contacts", records=records)

    assert [each["outcome"] for each in told["results"]] == ["written", "written", "written", "rejected", "rejected"]
    assert told["results"][0]["externalId"] == "c0@example.com"
    assert told["results"][3]["reason"] == "no address"
    assert "email" in told["results"][4]["reason"]
    assert (told["counts"], told["calls"]) == ({"written": 3, "rejected": 2}, 2)


def test_upsert_that_breaks_off_tells_what_was_written_and_what_is_unknown(hub: Hub, upstream: Provider) -> None:
    def third_breaks(call: Call) -> Answered:
        if len(upstream.calls) > 2:
            raise Retryable("crm.example.com closed the connection")
        return accepting(call)

    upstream.answer = third_breaks
    integration = made(hub, UPSERT, retryConfig={"maxRetries": 0})

    told = result(hub, integration, "upsert-contacts", records=contacts(8))

    assert told["counts"] == {"written": 4, "unknown": 2, "not_sent": 2}
    assert "closed the connection" in told["incomplete"]
    assert last_line(hub, integration)["error"] == told["incomplete"]


def test_upsert_with_a_key_is_sent_once(hub: Hub, upstream: Provider) -> None:
    upstream.answer = accepting
    integration, key = made(hub, UPSERT), {"Idempotency-Key": "once"}

    first, second = (
        operate(hub, integration, "upsert-contacts", {"records": contacts(1)}, headers=key) for _ in range(2)
    )

    assert first.body == second.body
    assert len(upstream.calls) == 1


def test_post_shows_the_answer_without_secrets(hub: Hub, upstream: Provider) -> None:
    upstream.answer = lambda call: reply({"ts": "1", "echo": call.headers["authorization"]})

    told = result(hub, made(hub, POST), "say")

    assert told["body"] == {"ts": "1", "echo": "Bearer ****"}


@pytest.mark.parametrize(
    ("file", "sent"),
    [
        ({"name": "a.txt", "text": "Grüße"}, "Grüße".encode()),
        ({"name": "a.bin", "base64": base64.b64encode(b"\x00\xff").decode()}, b"\x00\xff"),
    ],
    ids=["text", "base64"],
)
def test_file_is_sent_as_it_is(hub: Hub, upstream: Provider, file: Json, sent: bytes) -> None:
    upstream.answer = lambda _: reply({"id": "f1"})

    told = result(hub, made(hub, FILE), "send-file", file=file)

    assert told["file"] == {"id": "f1", "name": None, "size": len(sent)}
    assert upstream.calls[0].content == sent


def test_documents_are_exported_as_csv_that_runs_nothing(hub: Hub, upstream: Provider) -> None:
    upstream.answer = lambda _: reply({"id": "f1"})
    for name, content in {"c1": {"name": "=1+1", "phone": "+48 600"}, "c2": {"name": 'Ada "A"', "tags": ["x"]}}.items():
        hub.call("PUT", f"/api/v1/documents/contact/{name}", {"content": content})

    result(hub, made(hub, FILE), "send-file", file={"name": "contacts.csv", "documents": {"type": "contact"}})

    (call,) = upstream.calls
    assert (call.content or b"").decode("utf-8-sig").splitlines() == [
        "id,name,phone,tags",
        "c1,'=1+1,+48 600,",
        'c2,"Ada ""A""",,"[""x""]"',
    ]


@pytest.mark.parametrize(
    "file", [{"name": "a"}, {"name": "a", "text": "x", "base64": "eA=="}, {"name": "a", "base64": "?"}]
)
def test_file_without_one_content_is_refused(hub: Hub, upstream: Provider, file: Json) -> None:
    answered = operate(hub, made(hub, FILE), "send-file", {"file": file})

    assert (answered.status, upstream.calls) == (400, [])


def test_operation_that_is_not_there_is_not_found(hub: Hub) -> None:
    assert operate(hub, made(hub, POST), "nonsense").status == 404


def test_foreign_integration_answers_like_a_missing_one(hub: Hub, other_hub: Hub, upstream: Provider) -> None:
    integration = made(other_hub, POST)

    foreign, missing = operate(hub, integration, "say"), operate(hub, "int_00000000000000000000000000", "say")

    assert (foreign.status, foreign.body["error"]["message"]) == (404, missing.body["error"]["message"])
    assert upstream.calls == []
    assert operate(other_hub, integration, "say").status == 200


def test_operation_leaves_a_line_and_writes_are_audited(hub: Hub, upstream: Provider) -> None:
    upstream.answer = accepting
    integration = made(hub, UPSERT)

    operate(hub, integration, "upsert-contacts", {"records": contacts(3)})

    line = last_line(hub, integration)
    assert (line["kind"], line["operation"], line["calls"], line["status"]) == ("upsert", "upsert-contacts", 2, 200)
    assert SECRET not in str(line)
    assert [entry["action"] for entry in hub.audit_entries()].count("integration.called") == 1


def test_failure_of_the_provider_is_told_and_logged(hub: Hub, upstream: Provider) -> None:
    upstream.answer = lambda _: reply({"message": "no such field"}, status=400)
    integration = made(hub, POST)

    answered = operate(hub, integration, "say")

    assert (answered.status, answered.code) == (502, "UPSTREAM_ERROR")
    assert "answered 400" in answered.body["error"]["message"]
    assert last_line(hub, integration)["success"] is False
