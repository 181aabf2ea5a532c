"""Subscriptions as S004 writes them: created with defaults, shown, listed, replaced, deleted."""

import base64
import re
from typing import Any

import pytest

from hub.webhooks.subscriptions.subscription_models import CreatedSubscription, Subscription, SubscriptionPage
from tests.api.conftest import Hub
from tests.api.subscriptions import CANARY, PATH, Json, problems, put, secrets, stored, subscribe, wanted

S004: Json = {
    "name": "orders",
    "url": "https://receiver.example.com/hooks",
    "eventTypes": ["contact.created"],
    "description": None,
    "authType": "NONE",
    "contentType": "application/json",
    "headers": {},
    "transformTemplate": None,
    "retryEnabled": True,
    "maxRetries": 5,
    "retryIntervals": [60, 300, 900, 3600, 7200],
    "status": "ACTIVE",
    "isEnabled": True,
    "totalSent": 0,
    "totalDelivered": 0,
    "totalFailed": 0,
    "lastTriggeredAt": None,
    "lastSuccessAt": None,
    "lastFailureAt": None,
    "consecutiveFailures": 0,
    "createdBy": "u1",
}
OURS: Json = {
    "payloadFormat": "standard",
    "filter": None,
    "throttle": None,
    "retryProfile": "v1",
    "timeoutMs": 15_000,
    "autoDisable": {"failuresInARow": None, "hoursWithoutSuccess": 120},
    "surface": "v1",
    "owner": None,
    "disabledReason": None,
    "secretsRequired": [],
    "version": 1,
}


def test_subscription_has_the_defaults_of_the_specification(hub: Hub) -> None:
    made = subscribe(hub)

    CreatedSubscription.model_validate(made)
    assert {name: made[name] for name in S004} == S004
    assert {name: made[name] for name in OURS} == OURS
    assert made["tenantId"] == hub.tenant
    assert re.fullmatch(r"sub_[0-9A-Z]{26}", made["id"])


def test_secret_is_made_of_32_random_bytes_and_shown_once(hub: Hub) -> None:
    made, other = subscribe(hub), subscribe(hub)

    assert len(base64.b64decode(made["secretKey"].removeprefix("whsec_"), validate=True)) == 32
    assert made["secretKey"] != other["secretKey"]
    assert secrets(hub, made) == {"secret.1": made["secretKey"]}
    shown = hub.get(f"{PATH}/{made['id']}")
    assert shown.status == 200
    Subscription.model_validate(shown.body)
    assert shown.body == {name: value for name, value in made.items() if name != "secretKey"}


def test_secret_of_the_caller_is_kept_as_it_is(hub: Hub) -> None:
    made = subscribe(hub, secretKey="my own secret!")

    assert made["secretKey"] == "my own secret!"
    assert secrets(hub, made) == {"secret.1": "my own secret!"}


RETRIES: list[tuple[Json, list[float], int]] = [
    ({}, [60, 300, 900, 3600, 7200], 5),
    ({"maxRetries": 2}, [60, 300], 2),
    ({"maxRetries": 7}, [60, 300, 900, 3600, 7200, 7200, 7200], 7),
    ({"maxRetries": 0}, [], 0),
    ({"retryEnabled": False}, [], 5),
    ({"retryIntervals": [1, 2]}, [1, 2], 2),
    ({"retryIntervals": [5], "maxRetries": 3}, [5, 5, 5], 3),
    ({"retryProfile": "cards"}, [2, 4, 8, 16], 4),
]


@pytest.mark.parametrize(("changed", "delays", "max_retries"), RETRIES, ids=str)
def test_retries_are_the_intervals_cut_or_the_last_one_repeated(
    hub: Hub, changed: Json, delays: list[float], max_retries: int
) -> None:
    made = subscribe(hub, **changed)

    assert list(stored(hub, made).retry.delays_s) == delays
    assert made["maxRetries"] == max_retries


def test_everything_that_can_be_written_comes_back_and_can_be_sent_back(hub: Hub) -> None:
    written = {
        "description": "To the ERP",
        "eventTypes": ["contact.created", "CARD_VIEW", "order.*", "*"],
        "authType": "bearer",
        "authConfig": {"token": CANARY},
        "contentType": "application/x-www-form-urlencoded",
        "headers": {"X-Team": "a"},
        "transformTemplate": {"id": "$.data.contactId"},
        "filter": {"data": {"amount": {"$gt": 5}}},
        "throttle": {"requests": 10, "windowSeconds": 60},
        "payloadFormat": "raw",
        "timeoutMs": 1000,
        "autoDisable": {"failuresInARow": 3, "hoursWithoutSuccess": None},
        "isEnabled": False,
    }
    made = subscribe(hub, **written)
    shown = hub.get(f"{PATH}/{made['id']}").body

    again = hub.call("PUT", f"{PATH}/{made['id']}", shown)

    expected = {**written, "authType": "BEARER", "authConfig": {"token": "{{encrypted:cana...ough}}"}}
    assert {name: shown[name] for name in expected} == expected
    assert (again.status, again.body["version"]) == (200, 2)
    ignored = ("version", "updatedAt")
    assert [each for each in shown if each not in ignored and again.body[each] != shown[each]] == []
    assert secrets(hub, made) == {"secret.1": made["secretKey"], "/auth/token": CANARY}


BAD: list[tuple[Json, str]] = [
    ({"name": ""}, "/name"),
    ({"name": 7}, "/name"),
    ({"unknown": 1}, "/unknown"),
    ({"url": "ftp://example.com"}, "/url"),
    ({"url": "http://example.com/plain"}, "/url"),
    ({"url": "https://u:p@example.com"}, "/url"),
    ({"url": "https://10.0.0.1/x"}, "/url"),
    ({"url": "https://169.254.169.254/latest"}, "/url"),
    ({"url": "https://hub.test/api/v1/events"}, "/url"),
    ({"url": "https://example.com/" + "a" * 2048}, "/url"),
    ({"eventTypes": []}, "/eventTypes"),
    ({"eventTypes": ["a b"]}, "/eventTypes/0"),
    ({"eventTypes": ["ok", "a.*.b"]}, "/eventTypes/1"),
    ({"eventTypes": ["*.created"]}, "/eventTypes/0"),
    ({"eventTypes": ["webhook.*"]}, "/eventTypes/0"),
    ({"authType": "DIGEST"}, "/authType"),
    ({"authType": "BEARER"}, "/authConfig/token"),
    ({"authType": "BEARER", "authConfig": {"token": "a\nb"}}, "/authConfig/token"),
    ({"authType": "BEARER", "authConfig": {"key": "x"}}, "/authConfig/key"),
    ({"authType": "BASIC", "authConfig": {"username": "a:b", "password": "p"}}, "/authConfig/username"),
    ({"authType": "API_KEY", "authConfig": {"apiKey": "k", "headerName": "webhook-id"}}, "/authConfig/headerName"),
    ({"authType": "NONE", "authConfig": {"token": "t"}}, "/authConfig"),
    ({"headers": {"Webhook-Signature": "x"}}, "/headers/Webhook-Signature"),
    ({"headers": {"X-Webhook-Id": "x"}}, "/headers/X-Webhook-Id"),
    ({"headers": {"Content-Type": "text/plain"}}, "/headers/Content-Type"),
    ({"headers": {"Host": "x"}}, "/headers/Host"),
    ({"headers": {"a b": "x"}}, "/headers/a b"),
    ({"headers": {"X-A": "line\r\nbreak"}}, "/headers/X-A"),
    ({"headers": {"X-A": "1", "x-a": "2"}}, "/headers/x-a"),
    ({"headers": {f"X-{number}": "v" for number in range(51)}}, "/headers"),
    ({"headers": {"X-A": "v" * 20_000}}, "/headers"),
    ({"contentType": "text/xml"}, "/contentType"),
    ({"retryIntervals": []}, "/retryIntervals"),
    ({"retryIntervals": [0]}, "/retryIntervals/0"),
    ({"maxRetries": 21}, "/maxRetries"),
    ({"maxRetries": True}, "/maxRetries"),
    ({"timeoutMs": 999}, "/timeoutMs"),
    ({"timeoutMs": 30_001}, "/timeoutMs"),
    ({"throttle": {"requests": 0, "windowSeconds": 1}}, "/throttle/requests"),
    ({"autoDisable": {"failuresInARow": 0}}, "/autoDisable/failuresInARow"),
    ({"filter": {"data": {"a": {"$regex": "x"}}}}, "/filter/data/a/$regex"),
    ({"transformTemplate": {"a": "$.["}}, "/transformTemplate/a"),
    ({"secretKey": "short"}, "/secretKey"),
    ({"status": "DISABLED"}, "/status"),
]


@pytest.mark.parametrize(("changed", "place"), BAD, ids=lambda value: str(value)[:60])
def test_bad_subscription_is_refused_with_the_place(hub: Hub, changed: Json, place: str) -> None:
    reply = hub.post(PATH, wanted(**changed))

    assert (reply.status, reply.code, problems(reply)) == (400, "VALIDATION_ERROR", [place])


def test_bearer_header_beside_a_bearer_token_is_refused(hub: Hub) -> None:
    auth = {"authType": "BEARER", "authConfig": {"token": CANARY}}

    reply = hub.post(PATH, wanted(**auth, headers={"authorization": "Bearer other"}))

    assert problems(reply) == ["/headers/authorization"]


def test_all_faults_are_named_at_once(hub: Hub) -> None:
    reply = hub.post(PATH, wanted(url="http://a.test", eventTypes=["a b"], headers={"Host": "x"}))

    assert problems(reply) == ["/url", "/headers/Host", "/eventTypes/0"]


def test_list_counts_and_goes_on(hub: Hub) -> None:
    made = [subscribe(hub, name=name) for name in ("b", "a", "c")]

    first = hub.get(PATH, query={"limit": 2})
    second = hub.get(PATH, query={"limit": 2, "cursor": first.body["nextCursor"]})
    named = hub.get(PATH, query={"sortBy": "name"})

    SubscriptionPage.model_validate(first.body)
    assert [each["id"] for each in (*first.body["data"], *second.body["data"])] == [each["id"] for each in made]
    assert (first.body["total"], first.body["hasMore"], second.body["hasMore"]) == (3, True, False)
    assert [each["name"] for each in named.body["data"]] == ["a", "b", "c"]


def test_pause_and_enable_by_either_word(hub: Hub) -> None:
    made = subscribe(hub)
    seen = []
    for changed in ({"isEnabled": False}, {"status": "ACTIVE"}, {"status": "paused"}, {"isEnabled": True}):
        body = put(hub, made, **changed).body
        seen.append((body["status"], body["isEnabled"]))

    assert seen == [("PAUSED", False), ("ACTIVE", True), ("PAUSED", False), ("ACTIVE", True)]


def test_replacing_without_a_status_leaves_it(hub: Hub) -> None:
    """A configuration that is sent again must not switch a paused subscription on."""
    made = subscribe(hub, isEnabled=False)

    reply = hub.call("PUT", f"{PATH}/{made['id']}", wanted(name="other"))

    assert (reply.status, reply.body["name"], reply.body["isEnabled"]) == (200, "other", False)


def test_replacing_resets_what_is_left_out(hub: Hub) -> None:
    made = subscribe(hub, description="x", headers={"X-A": "1"}, filter={"type": "a"}, maxRetries=1)

    body = hub.call("PUT", f"{PATH}/{made['id']}", wanted()).body

    assert (body["description"], body["headers"], body["filter"], body["maxRetries"]) == (None, {}, None, 5)


def test_replacing_names_the_version(hub: Hub) -> None:
    made = subscribe(hub)
    path = f"{PATH}/{made['id']}"

    fine = hub.call("PUT", path, wanted(name="two"), headers={"If-Match": '"1"'})
    stale = hub.call("PUT", path, wanted(name="three"), headers={"If-Match": '"1"'})

    assert (fine.status, stale.status, stale.code) == (200, 409, "CONFLICT")
    assert hub.get(path).body["name"] == "two"


def test_disabled_cannot_be_asked_for(hub: Hub) -> None:
    made = subscribe(hub)

    assert problems(put(hub, made, status="DISABLED")) == ["/status"]


def test_deleted_subscription_is_gone(hub: Hub) -> None:
    made = subscribe(hub)
    path = f"{PATH}/{made['id']}"

    gone = hub.call("DELETE", path)

    assert (gone.status, gone.body) == (204, None)
    assert [hub.get(path).status, hub.call("PUT", path, wanted()).status, hub.call("DELETE", path).status] == [404] * 3
    assert hub.get(PATH).body["total"] == 0


def test_every_change_is_audited(hub: Hub) -> None:
    made = subscribe(hub)
    put(hub, made, name="other")
    hub.post(f"{PATH}/{made['id']}/rotate-secret")
    hub.call("DELETE", f"{PATH}/{made['id']}")

    entries = hub.audit_entries()

    words = ["created", "updated", "secret_rotated", "deleted"]
    assert [each["action"] for each in entries] == [f"subscription.{word}" for word in words]
    assert {each["target"] for each in entries} == {made["id"]}


@pytest.mark.parametrize(
    ("roles", "scopes", "status"), [("user", "", 403), ("", "webhooks:manage", 200), ("", "integrations:write", 403)]
)
def test_administrators_and_programs_with_the_scope_may(hub: Hub, roles: str, scopes: str, status: int) -> None:
    assert hub.get(PATH, roles=roles, scopes=scopes).status == status


def routes(made_id: str) -> list[tuple[str, str, Any]]:
    one = f"{PATH}/{made_id}"
    return [
        ("GET", one, None),
        ("PUT", one, wanted()),
        ("DELETE", one, None),
        ("POST", f"{one}/rotate-secret", {}),
        ("POST", f"{one}/test", {}),
        ("GET", f"{one}/deliveries", None),
        ("GET", f"{one}/deliveries/dlv_1", None),
        ("POST", f"{one}/deliveries/dlv_1/retry", None),
        ("POST", f"{one}/deliveries/dlv_1/cancel", None),
        ("POST", f"{one}/recover", {"since": "2026-01-01T00:00:00Z"}),
        ("GET", f"{one}/recoveries/rec_1", None),
        ("POST", f"{one}/recoveries/rec_1/cancel", None),
    ]


@pytest.mark.parametrize("number", range(12))
def test_foreign_subscription_answers_as_a_missing_one(hub: Hub, other_hub: Hub, number: int) -> None:
    made = subscribe(hub)
    method, path, body = routes(made["id"])[number]
    missing = routes("sub_00000000000000000000000000")[number][1]

    foreign, absent = other_hub.call(method, path, body), other_hub.call(method, missing, body)

    for reply in (foreign, absent):
        reply.body["error"].pop("requestId")
    assert (foreign.status, foreign.body) == (absent.status, absent.body) == (404, foreign.body)
    assert hub.get(f"{PATH}/{made['id']}").status == 200
