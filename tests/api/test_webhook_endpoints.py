"""Inbound endpoints of S004: what is answered, what is refused, who may, and what other tenants see."""

from typing import Any

import pytest

from hub.webhooks.endpoints.endpoint_models import WebhookEndpointPage
from tests.api.conftest import Hub, Reply, just_before, make_integration
from tests.api.inbound_endpoints import CUSTOM, ENDPOINTS, Json, by_url, create, replace, shown, stored, wanted

RULE = {
    "eventTypePath": "$.event",
    "eventTypeValue": "order.created",
    "action": "create_shard",
    "targetShardTypeId": "order",
    "dataPath": "$.data",
    "identifierPath": "$.data.id",
    "fieldMappings": [{"source": "$.total", "target": "total"}],
}
# Every field of S004's WebhookEndpoint but secretKey, which is shown once.
MODEL_FIELDS = set(
    "id tenantId integrationId endpointPath eventTypes handlerType transformTemplate targetService ipWhitelist"
    " signatureHeader signatureAlgorithm status isEnabled totalReceived totalProcessed totalFailed lastReceivedAt"
    " createdAt updatedAt".split()
)


def problems(reply: Reply) -> list[str]:
    assert (reply.status, reply.code) == (400, "VALIDATION_ERROR"), reply.body
    return [each["pointer"] for each in reply.body["error"]["details"]["problems"]]


# What is answered


def test_smallest_endpoint_of_the_specification_is_created_with_its_defaults(hub: Hub) -> None:
    made = create(hub)

    assert made.keys() >= MODEL_FIELDS
    assert {name: made[name] for name in MODEL_FIELDS - {"id", "createdAt", "updatedAt"}} == {
        "tenantId": hub.tenant,
        "integrationId": None,
        "endpointPath": "orders/created",
        "eventTypes": ["order.created"],
        "handlerType": "orders",
        "transformTemplate": None,
        "targetService": None,
        "ipWhitelist": [],
        "signatureHeader": None,
        "signatureAlgorithm": None,
        "status": "ACTIVE",
        "isEnabled": True,
        "totalReceived": 0,
        "totalProcessed": 0,
        "totalFailed": 0,
        "lastReceivedAt": None,
    }
    assert made["signature"] == {"scheme": "standard-webhooks"}
    assert made["secretKey"].startswith("whsec_")
    assert made["receiveUrl"] == f"http://hub.test/api/v1/webhooks/receive/{hub.tenant}/orders/created"


def test_whole_endpoint_comes_back_as_it_was_written(hub: Hub) -> None:
    integration_id = hub.post(CUSTOM, make_integration()).body["id"]
    given = wanted(
        integrationId=integration_id,
        transformTemplate={"total": "$.data.total"},
        targetService="billing",
        ipWhitelist=["192.0.2.0/24", "2001:db8::1"],
        signatureHeader="X-Signature",
        signatureAlgorithm="hmac-sha256",
        eventTypePath="$.event",
        eventRouting=[RULE, {"eventTypeValue": "order.*", "action": "trigger_sync"}],
        response={"status": 202, "body": "ok"},
    )

    made = create(hub, **given)

    assert {name: made[name] for name in given} == given
    assert made["signature"] == {"scheme": "hmac", "header": "x-signature", "algorithm": "sha256"}
    assert shown(hub, made["id"]) == {name: value for name, value in made.items() if name != "secretKey"}


def test_receive_url_leads_to_the_endpoint(hub: Hub) -> None:
    made = create(hub, "/orders/created/")

    found = by_url(made["receiveUrl"])

    assert made["endpointPath"] == "orders/created"
    assert found is not None
    assert (found.id, found.tenant.id, found.is_active) == (made["id"], hub.tenant, True)


def test_list_has_the_envelope_and_goes_on_by_cursor(hub: Hub) -> None:
    made = [create(hub, f"p{number}")["id"] for number in range(3)]

    first = hub.get(ENDPOINTS, query={"limit": 2}).body
    second = hub.get(ENDPOINTS, query={"limit": 2, "cursor": first["nextCursor"]}).body

    WebhookEndpointPage.model_validate(first)
    assert [each["id"] for each in [*first["data"], *second["data"]]] == made
    assert (first["total"], first["limit"], first["offset"], first["hasMore"]) == (3, 2, 0, True)
    assert (second["hasMore"], second.get("nextCursor")) == (False, None)


def test_list_is_filtered_and_leaves_out_what_belongs_to_custom_integrations(hub: Hub) -> None:
    hub.post(CUSTOM, make_integration(webhookConfig={}))
    create(hub, "a")
    paused = create(hub, "b", status="PAUSED")

    listed = hub.get(ENDPOINTS, query={"status": "PAUSED"}).body["data"]

    assert [each["id"] for each in listed] == [paused["id"]]
    assert hub.get(ENDPOINTS).body["total"] == 2
    assert hub.get(ENDPOINTS, query={"status": "ON"}).status == 400


# Change


def test_answer_can_be_sent_back_by_put(hub: Hub) -> None:
    made = create(hub, signatureHeader="X-Sig", signatureAlgorithm="sha1", eventRouting=[RULE])
    before = shown(hub, made["id"])

    reply = replace(hub, made["id"], before)

    assert reply.status == 200, reply.body
    assert {**reply.body, "updatedAt": "", "version": 1} == {**before, "updatedAt": ""}


def test_put_replaces_what_it_leaves_out_by_its_default(hub: Hub) -> None:
    made = create(hub, targetService="billing", ipWhitelist=["192.0.2.1"], eventRouting=[RULE])

    changed = replace(hub, made["id"], wanted()).body

    assert (changed["targetService"], changed["ipWhitelist"], changed["eventRouting"]) == (None, [], [])


def test_put_moves_the_endpoint_to_another_path_and_frees_the_former(hub: Hub) -> None:
    made = create(hub, "old")

    moved = replace(hub, made["id"], wanted("new")).body

    assert by_url(made["receiveUrl"]) is None
    assert (found := by_url(moved["receiveUrl"]))
    assert found.id == made["id"]
    assert create(hub, "old")["id"] != made["id"]


@pytest.mark.parametrize(
    "change", [{"status": "PAUSED"}, {"isEnabled": False}, {"status": "paused", "isEnabled": True}]
)
def test_pause_is_one_of_two_words_and_survives_a_put_without_them(hub: Hub, change: Json) -> None:
    made = create(hub)

    paused = replace(hub, made["id"], wanted(**change)).body
    kept = replace(hub, made["id"], wanted()).body
    resumed = replace(hub, made["id"], {**kept, "isEnabled": True}).body

    assert [(each["status"], each["isEnabled"]) for each in (paused, kept, resumed)] == [
        ("PAUSED", False),
        ("PAUSED", False),
        ("ACTIVE", True),
    ]


def test_if_match_guards_against_a_lost_update(hub: Hub) -> None:
    made = create(hub)

    first = replace(hub, made["id"], wanted(handlerType="a"), headers={"If-Match": '"1"'})
    late = replace(hub, made["id"], wanted(handlerType="b"), headers={"If-Match": '"1"'})
    late_delete = hub.call("DELETE", f"{ENDPOINTS}/{made['id']}", headers={"If-Match": '"1"'})

    assert (first.status, late.status, late_delete.status) == (200, 409, 409)


def test_deleted_endpoint_is_gone_and_its_path_is_free(hub: Hub) -> None:
    made = create(hub)

    deleted = hub.call("DELETE", f"{ENDPOINTS}/{made['id']}")

    assert deleted.status == 204
    assert hub.get(f"{ENDPOINTS}/{made['id']}").status == 404
    assert by_url(made["receiveUrl"]) is None
    assert stored(hub, made["id"]).item["expiresEpochS"] > 0
    assert create(hub)["id"] != made["id"]


def test_every_change_leaves_an_audit_entry(hub: Hub) -> None:
    made = create(hub)
    replace(hub, made["id"], wanted())
    hub.post(f"{ENDPOINTS}/{made['id']}/rotate-secret")
    hub.call("DELETE", f"{ENDPOINTS}/{made['id']}")

    actions = [entry["action"].partition(".")[2] for entry in hub.audit_entries()]

    assert actions == ["created", "updated", "secret_rotated", "deleted"]


# Refusals

BAD: list[tuple[str, Json]] = [
    ("/endpointPath", {"endpointPath": "a//b"}),
    ("/endpointPath", {"endpointPath": "../secrets"}),
    ("/endpointPath", {"endpointPath": "a b"}),
    ("/endpointPath", {"endpointPath": "/"}),
    ("/endpointPath", {"endpointPath": "x" * 201}),
    ("/endpointPath", {"endpointPath": "ä"}),
    ("/endpointPath", {"endpointPath": 5}),
    ("/eventTypes", {"eventTypes": "order.created"}),
    ("/eventTypes/0", {"eventTypes": [""]}),
    ("/handlerType", {"handlerType": None}),
    ("/integrationId", {"integrationId": "int_none"}),
    ("/integrationId", {"eventRouting": [{"eventTypeValue": "x", "action": "trigger_sync"}]}),
    ("/ipWhitelist/1", {"ipWhitelist": ["192.0.2.1", "example.com"]}),
    ("/transformTemplate/a", {"transformTemplate": {"a": "$.["}}),
    ("/eventRouting/0/action", {"eventRouting": [{**RULE, "action": "drop_table"}]}),
    ("/eventRouting/0/dataPath", {"eventRouting": [{**RULE, "dataPath": "$.["}]}),
    ("/eventRouting/0/eventTypeHeader", {"eventRouting": [{**RULE, "eventTypeHeader": "X-Type"}]}),
    ("/eventRouting/0/fieldMappings/0/target", {"eventRouting": [{**RULE, "fieldMappings": [{"source": "$.a"}]}]}),
    ("/eventTypeHeader", {"eventTypeHeader": "X-Secret-Token"}),
    ("/eventTypePath", {"eventTypePath": "$.["}),
    ("/signature/scheme", {"signature": {"scheme": "none"}}),
    ("/signature/scheme", {"signature": {"scheme": "rot13"}}),
    ("/signature/header", {"signature": {"scheme": "hmac", "algorithm": "sha256"}}),
    ("/signature/algorithm", {"signature": {"header": "X-S", "algorithm": "md5"}}),
    ("/signatureAlgorithm", {"signatureAlgorithm": "none"}),
    ("/signatureAlgorithm", {"signatureHeader": "X-S", "signatureAlgorithm": "md5"}),
    ("/signatureHeader", {"signatureHeader": "X S"}),
    ("/signatureHeader", {"signatureHeader": "X-A", "signature": {"header": "X-B", "algorithm": "sha256"}}),
    ("/response/status", {"response": {"status": 302}}),
    ("/secretKey", {"secretKey": "not base64 of 24 bytes"}),
    ("/secretKey", {"secretKey": "short", "signatureHeader": "X-S"}),
    ("/status", {"status": "DELETED"}),
    ("/unknown", {"unknown": 1}),
    ("/tenantId", {"tenantId": "other"}),
]


@pytest.mark.parametrize(("pointer", "change"), BAD, ids=lambda value: str(value)[:60])
def test_fault_is_refused_at_its_place_by_post_and_put(hub: Hub, pointer: str, change: Json) -> None:
    made = create(hub, "kept")

    created = hub.post(ENDPOINTS, wanted(**change))
    changed = replace(hub, made["id"], wanted(**change))

    assert problems(created) == [pointer]
    # What only the hub sets is what an answer holds, and may be sent back.
    assert changed.status == 200 if pointer == "/tenantId" else problems(changed) == [pointer]


@pytest.mark.parametrize("body", [b"[]", b"nothing", b'{"a": NaN}', b""])
def test_body_that_is_no_endpoint_is_a_400(hub: Hub, body: bytes) -> None:
    assert hub.post(ENDPOINTS, body).status == 400


def test_path_is_unique_in_its_tenant_and_free_in_another(hub: Hub, other_hub: Hub) -> None:
    create(hub)
    other = create(hub, "other")

    second = hub.post(ENDPOINTS, wanted())
    moved = replace(hub, other["id"], wanted())

    for reply in (second, moved):
        assert (reply.status, reply.code, reply.body["error"]["details"]) == (
            409,
            "CONFLICT",
            {"field": "endpointPath"},
        )
    theirs = create(other_hub)
    assert (found := by_url(theirs["receiveUrl"]))
    assert found.tenant.id == other_hub.tenant


def test_two_creates_of_one_path_at_the_same_moment_make_one_endpoint(hub: Hub) -> None:
    rivals: list[Json] = []

    with just_before("TransactWriteItems", lambda: rivals.append(create(hub))):
        late = hub.post(ENDPOINTS, wanted())

    assert (late.status, late.body["error"]["details"]) == (409, {"field": "endpointPath"})
    assert [each["id"] for each in hub.get(ENDPOINTS).body["data"]] == [rivals[0]["id"]]


@pytest.mark.parametrize("late_change", [{"secretKey": "c" * 32}, {}], ids=["secret", "words"])
def test_change_that_lost_a_race_is_a_409_and_changes_nothing(hub: Hub, late_change: Json) -> None:
    made = create(hub)

    with just_before("TransactWriteItems", lambda: hub.post(f"{ENDPOINTS}/{made['id']}/rotate-secret")):
        late = replace(hub, made["id"], wanted(handlerType="late", **late_change))

    assert (late.status, late.code) == (409, "CONFLICT")
    assert (shown(hub, made["id"])["handlerType"], shown(hub, made["id"])["version"]) == ("orders", 2)


def test_integration_of_another_tenant_is_as_one_that_is_not_there(hub: Hub, other_hub: Hub) -> None:
    foreign = other_hub.post(CUSTOM, make_integration()).body["id"]

    replies = [hub.post(ENDPOINTS, wanted(integrationId=each)) for each in (foreign, "int_none")]

    assert [each.body["error"]["details"] for each in replies] == [replies[0].body["error"]["details"]] * 2
    assert other_hub.post(ENDPOINTS, wanted(integrationId=foreign)).status == 201


# Who may, and what others see


def routes(endpoint_id: str) -> list[tuple[str, str, Any]]:
    one = f"{ENDPOINTS}/{endpoint_id}"
    since = {"since": "2026-01-01T00:00:00Z"}
    return [
        ("GET", one, None),
        ("PUT", one, wanted("elsewhere")),
        ("DELETE", one, None),
        ("POST", f"{one}/rotate-secret", None),
        ("GET", f"{one}/events", None),
        ("GET", f"{one}/events/iev_1", None),
        ("POST", f"{one}/events/iev_1/replay", None),
        ("POST", f"{one}/replays", since),
        ("GET", f"{one}/replays/rpl_1", None),
        ("POST", f"{one}/replays/rpl_1/cancel", None),
        ("POST", f"{CUSTOM}/{endpoint_id}/regenerate-secret", None),
    ]


def test_foreign_id_answers_as_a_missing_one_on_every_route(hub: Hub, other_hub: Hub) -> None:
    foreign = create(other_hub)["id"]
    missing = "whe_00000000000000000000000000"

    for theirs, none in zip(routes(foreign), routes(missing), strict=True):
        answers = [hub.call(method, path, body) for method, path, body in (theirs, none)]
        bodies = [{**answer.body["error"], "requestId": ""} for answer in answers]
        assert (answers[0].status, bodies[0]) == (404, bodies[1]), theirs
    assert other_hub.get(f"{ENDPOINTS}/{foreign}").status == 200


def test_only_administrators_and_programs_with_the_scope_may(hub: Hub) -> None:
    made = create(hub)
    called = [("GET", ENDPOINTS, None), ("POST", ENDPOINTS, wanted("x")), *routes(made["id"])[:-1]]

    for method, path, body in called:
        assert hub.call(method, path, body, roles="user").status == 403, (method, path)
        assert hub.call(method, path, body, roles="", scopes="integrations:write").status == 403, (method, path)
    assert hub.get(ENDPOINTS, roles="", scopes="webhooks:manage").status == 200
    assert hub.get(ENDPOINTS, roles="", scopes="admin:full").status == 200
