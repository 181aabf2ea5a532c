"""Webhooks as the cards product (S002) writes them: each user's own, bare arrays, the shapes of its examples."""

import re
from typing import Any

import pytest

from hub.core.caller import Tenant
from hub.core.tables import key
from hub.webhooks.subscriptions import subscribe
from hub.webhooks.subscriptions.cards_models import CardsDeliveries, CardsWebhooks, CreatedCardsWebhook
from hub.webhooks.subscriptions.subscriptions import CARDS as CARDS_RULE
from hub.webhooks.subscriptions.subscriptions import KIND
from tests.api.conftest import Hub, Reply
from tests.api.subscriptions import CARDS, PATH, Json, attempted, deliver, problems, put, stored, tables

# "Create Webhook", "List Webhooks", "Get Webhook Deliveries" of S002.
EXAMPLE = {"url": "https://your-app.com/webhook", "events": ["CONTACT_CREATED", "CARD_VIEW"]}
CREATED = {**EXAMPLE, "isActive": True}
PAYLOAD = {
    "event": "CONTACT_CREATED",
    "timestamp": "2025-11-20T10:30:00Z",
    "data": {
        "contactId": "contact-123",
        "firstName": "John",
        "lastName": "Doe",
        "email": "john@example.com",
        "phone": "+1234567890",
        "cardId": "card-123",
    },
}


def as_user(user: str = "u1", **more: str) -> Json:
    return {"roles": "user", "scopes": "", "keyId": "", "user": user, **more}


def call(hub: Hub, method: str, path: str, body: Any = None, user: str = "u1", **options: Any) -> Reply:
    context = {"tenant": hub.tenant, **as_user(user)}
    return hub.call(method, path, body, context=context, **options)


def create(hub: Hub, user: str = "u1", **changed: Any) -> Json:
    reply = call(hub, "POST", CARDS, {**EXAMPLE, **changed}, user)
    assert reply.status == 201, reply.body
    body: Json = reply.body
    return body


def test_create_answers_as_the_specification_shows(hub: Hub) -> None:
    made = create(hub)

    CreatedCardsWebhook.model_validate(made)
    assert list(made) == ["id", "url", "events", "isActive", "secret"]
    assert {name: made[name] for name in CREATED} == CREATED
    assert re.fullmatch(r"whsec_[A-Za-z0-9+/]{43}=", made["secret"])


def test_list_is_a_bare_array_without_secrets(hub: Hub) -> None:
    made = [create(hub), create(hub, events=["LINK_CLICK"])]

    reply = call(hub, "GET", CARDS)

    CardsWebhooks.model_validate(reply.body)
    assert reply.body == [{name: each[name] for name in ("id", "url", "events", "isActive")} for each in made]
    assert (reply.headers["X-Total-Count"], "Link" in reply.headers) == ("2", False)


def test_long_list_goes_on_by_its_link(hub: Hub) -> None:
    made = [create(hub)["id"] for _ in range(3)]

    first = call(hub, "GET", CARDS, query={"limit": 2})
    link = re.fullmatch(r'</integrations/webhooks\?limit=2&cursor=([^>&]+)>; rel="next"', first.headers["Link"])
    assert link
    second = call(hub, "GET", CARDS, query={"limit": 2, "cursor": link[1]})

    assert [each["id"] for each in (*first.body, *second.body)] == made
    assert (first.headers["X-Total-Count"], "Link" in second.headers) == ("3", False)


def test_webhook_has_the_rules_of_the_product(hub: Hub) -> None:
    """Five attempts, 2 4 8 16 seconds apart, 10 s each; off after ten failures in a row."""
    found = stored(hub, create(hub))

    assert found.retry == CARDS_RULE
    assert (found.auto_disable.failures_in_a_row, found.auto_disable.hours_without_success) == (10, None)
    assert (found.item["payloadFormat"], found.item["owner"], found.item["name"]) == ("cards", "u1", "your-app.com")


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({"isActive": False}, {"isActive": False}),
        ({"events": ["LINK_CLICK"]}, {"events": ["LINK_CLICK"]}),
        ({"events": ["subscription.updated"]}, {"events": ["subscription.updated"]}),
        ({"url": "https://other.example.com/x"}, {"url": "https://other.example.com/x"}),
        ({}, {}),
    ],
    ids=str,
)
def test_update_changes_what_is_given(hub: Hub, change: Json, expected: Json) -> None:
    made = create(hub)

    reply = call(hub, "PATCH", f"{CARDS}/{made['id']}", change)

    before = {name: made[name] for name in ("id", "url", "events", "isActive")}
    assert (reply.status, reply.body) == (200, {**before, **expected})
    assert call(hub, "GET", CARDS).body == [reply.body]


def test_update_that_leaves_the_address_alone_does_not_ask_for_it(hub: Hub) -> None:
    """A webhook whose address the operator has forbidden since can still be switched off."""
    made = create(hub)
    place = key(Tenant(hub.tenant), KIND, made["id"])
    tables().config.update(place, "SET url = :url", {"url": "http://10.0.0.1/x"})

    reply = call(hub, "PATCH", f"{CARDS}/{made['id']}", {"isActive": False})

    assert (reply.status, reply.body["isActive"]) == (200, False)


def test_switching_on_again_clears_what_the_hub_said(hub: Hub) -> None:
    made = create(hub)
    place = key(Tenant(hub.tenant), KIND, made["id"])
    disabled = {"status": "disabled", "reason": "Ten failures in a row.", "at": "2026-11-20T10:00:02.000Z"}
    tables().config.update(place, "SET status = :status, disabledReason = :reason, disabledAt = :at", disabled)
    assert call(hub, "GET", CARDS).body[0]["isActive"] is False

    reply = call(hub, "PATCH", f"{CARDS}/{made['id']}", {"isActive": True})

    assert reply.body["isActive"] is True
    assert "disabledReason" not in stored(hub, made).item


def test_user_has_room_for_so_many(hub: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(subscribe, "MOST_OF_USER", 1)
    create(hub, "u1")

    refused, other = call(hub, "POST", CARDS, EXAMPLE, "u1"), call(hub, "POST", CARDS, EXAMPLE, "u2")

    assert (refused.status, refused.code, other.status) == (409, "CONFLICT", 201)


@pytest.mark.parametrize("url", ["https://[", "https://[::1]/", "https://a:99999", "https://", "x" * 2000])
def test_odd_address_is_refused_on_both_ways_in(hub: Hub, url: str) -> None:
    made = create(hub)

    created = call(hub, "POST", CARDS, {**EXAMPLE, "url": url})
    patched = call(hub, "PATCH", f"{CARDS}/{made['id']}", {"url": url})

    assert [(reply.status, problems(reply)) for reply in (created, patched)] == [(400, ["/url"])] * 2


def test_delete_says_success(hub: Hub) -> None:
    made = create(hub)

    reply = call(hub, "DELETE", f"{CARDS}/{made['id']}")

    assert (reply.status, reply.body) == (200, {"success": True})
    assert call(hub, "GET", CARDS).body == []
    assert call(hub, "DELETE", f"{CARDS}/{made['id']}").status == 404


@pytest.mark.parametrize(
    ("changed", "place"),
    [
        ({"url": "http://your-app.com"}, "/url"),
        ({"url": "https://127.0.0.1/x"}, "/url"),
        ({"url": ""}, "/url"),
        ({"events": []}, "/events"),
        ({"events": ["CONTACT CREATED"]}, "/events/0"),
        ({"events": ["CONTACT_CREATED", "*"]}, "/events/1"),
        ({"events": ["contact.*"]}, "/events/0"),
        ({"events": ["sync.failed"]}, "/events/0"),
        ({"secret": "mine"}, "/secret"),
    ],
    ids=str,
)
def test_bad_webhook_is_refused_with_the_place(hub: Hub, changed: Json, place: str) -> None:
    made = create(hub)

    created = call(hub, "POST", CARDS, {**EXAMPLE, **changed})
    patched = call(hub, "PATCH", f"{CARDS}/{made['id']}", changed)

    assert [(reply.status, problems(reply)) for reply in (created, patched)] == [(400, [place])] * 2


def test_deliveries_are_those_of_the_specification(hub: Hub) -> None:
    made = create(hub)
    delivery = deliver(
        hub,
        made,
        data=PAYLOAD["data"],
        sent_as="CONTACT_CREATED",
        state="delivered",
        attempts=1,
        deliveredAt="2025-11-20T10:30:00.000Z",
    )
    attempted(hub, delivery)

    reply = call(hub, "GET", f"{CARDS}/{made['id']}/deliveries", query={"limit": 50})

    CardsDeliveries.model_validate(reply.body)
    (row,) = reply.body
    assert row == {
        "id": delivery["sk"],
        "eventType": "CONTACT_CREATED",
        "payload": {**PAYLOAD, "timestamp": delivery["createdAt"]},
        "responseStatus": 200,
        "responseBody": "fine",
        "attemptCount": 1,
        "deliveredAt": "2025-11-20T10:30:00.000Z",
        "failedAt": None,
        "nextRetryAt": None,
        "createdAt": delivery["createdAt"],
    }
    assert reply.headers["X-Total-Count"] == "1"


def test_long_list_of_deliveries_goes_on_by_its_link(hub: Hub) -> None:
    made = create(hub)
    for _ in range(3):
        deliver(hub, made)
    path = f"{CARDS}/{made['id']}/deliveries"

    first = call(hub, "GET", path, query={"limit": 2})
    link = re.fullmatch(rf'<{path}\?limit=2&cursor=([^>&]+)>; rel="next"', first.headers["Link"])
    assert link
    second = call(hub, "GET", path, query={"limit": 2, "cursor": link[1]})

    ids = [each["id"] for each in (*first.body, *second.body)]
    assert (len(first.body), len(set(ids)), "X-Total-Count" in first.headers) == (2, 3, False)


def test_retry_says_success_and_queues_the_delivery(hub: Hub) -> None:
    made = create(hub)
    delivery = deliver(hub, made, state="failed", attempts=5, failedAt="2025-11-20T10:30:00.000Z")
    path = f"{CARDS}/{made['id']}/deliveries"

    reply = call(hub, "POST", f"{path}/{delivery['sk']}/retry")

    assert (reply.status, reply.body) == (200, {"success": True})
    (row,) = call(hub, "GET", path).body
    assert (row["failedAt"], row["deliveredAt"], row["attemptCount"]) == (None, None, 5)


def routes(made_id: str) -> list[tuple[str, str, Any]]:
    one = f"{CARDS}/{made_id}"
    return [
        ("PATCH", one, {"isActive": False}),
        ("DELETE", one, None),
        ("GET", f"{one}/deliveries", None),
        ("POST", f"{one}/deliveries/dlv_1/retry", None),
    ]


@pytest.mark.parametrize("number", range(4))
def test_webhook_of_another_user_answers_as_a_missing_one(hub: Hub, number: int) -> None:
    made = create(hub, "u1")
    method, path, body = routes(made["id"])[number]
    missing = routes("sub_00000000000000000000000000")[number][1]

    foreign, absent = call(hub, method, path, body, "u2"), call(hub, method, missing, body, "u2")

    for reply in (foreign, absent):
        reply.body["error"].pop("requestId")
    assert (foreign.status, foreign.body) == (absent.status, absent.body) == (404, foreign.body)
    assert call(hub, "GET", CARDS, user="u2").body == []
    assert call(hub, "GET", CARDS, user="u1").body[0]["isActive"] is True  # the control


def test_delivery_of_another_subscription_is_not_found(hub: Hub) -> None:
    mine, theirs = create(hub, "u1"), create(hub, "u2")
    delivery = deliver(hub, theirs, state="failed")

    assert call(hub, "POST", f"{CARDS}/{mine['id']}/deliveries/{delivery['sk']}/retry").status == 404


def test_webhook_of_the_other_surface_is_not_the_users(hub: Hub) -> None:
    body = {"name": "a", "url": "https://a.example.com", "eventTypes": ["*"]}
    made = hub.post(PATH, body).body

    assert call(hub, "GET", CARDS).body == []
    assert call(hub, "DELETE", f"{CARDS}/{made['id']}").status == 404


def test_api_key_is_not_admitted(hub: Hub) -> None:
    for scopes in ("webhooks:manage", "admin:full"):
        assert hub.get(CARDS, roles="", scopes=scopes).status == 403


def test_administrator_sees_and_changes_it_as_any_subscription(hub: Hub) -> None:
    made = create(hub, "u1")

    (shown,) = hub.get(PATH).body["data"]
    changed = put(hub, made, isEnabled=False)

    assert (shown["surface"], shown["owner"], shown["retryProfile"], shown["payloadFormat"]) == (
        "cards",
        "u1",
        "cards",
        "cards",
    )
    assert changed.status == 200
    assert call(hub, "GET", CARDS).body[0]["isActive"] is False
    assert stored(hub, made).retry == CARDS_RULE
