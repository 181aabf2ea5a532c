"""A test delivery and a cards user's webhook on the local stack: answered by the worker that sends all deliveries."""

import hashlib
import hmac
from collections.abc import Callable, Iterator
from typing import Any

import httpx
import pytest

from tests.flows.receivers import LoopbackReceiver, receiving

Json = dict[str, Any]
Api = Callable[..., httpx.Client]
SUBSCRIPTIONS, CARDS = "/api/v1/webhooks/subscriptions", "/integrations/webhooks"


@pytest.fixture
def receiver() -> Iterator[LoopbackReceiver]:
    with receiving() as running:
        yield running


def posted(client: httpx.Client, path: str, body: Json, expect: int = 201) -> Json:
    answer = client.post(path, json=body)
    assert answer.status_code == expect, answer.text
    found: Json = answer.json()
    return found


def test_test_is_answered_when_it_has_arrived_and_both_secrets_sign_it(
    api: Api, tenant: str, receiver: LoopbackReceiver
) -> None:
    client = api(tenant)
    wanted = {"name": "receiver", "url": f"{receiver.url}/hook", "eventTypes": ["CONTACT_CREATED"]}
    made = posted(client, SUBSCRIPTIONS, {**wanted, "authType": "bearer", "authConfig": {"token": "canary-token"}})
    one = f"{SUBSCRIPTIONS}/{made['id']}"
    rotated = posted(client, f"{one}/rotate-secret", {}, 200)

    row = posted(client, f"{one}/test", {"payload": {"n": 1}}, 200)

    assert (row["status"], row["isTest"], row["responseStatus"]) == ("DELIVERED", True, 200)
    (request,) = receiver.at("/hook")
    assert request.headers["authorization"] == "Bearer canary-token"
    assert len(request.headers["webhook-signature"].split()) == 2
    signed = hmac.new(rotated["secretKey"].encode(), request.body, hashlib.sha256).hexdigest()
    assert request.headers["x-webhook-signature"] == signed
    assert "canary-token" not in str(client.get(f"{one}/deliveries", params={"expand": "attempts"}).json())


def test_test_of_a_receiver_that_fails_says_so_at_once(api: Api, tenant: str, receiver: LoopbackReceiver) -> None:
    receiver.answers = lambda _path, _number: 500
    client = api(tenant)
    made = posted(client, SUBSCRIPTIONS, {"name": "receiver", "url": f"{receiver.url}/hook", "eventTypes": ["*"]})

    row = posted(client, f"{SUBSCRIPTIONS}/{made['id']}/test", {}, 200)

    assert (row["status"], row["responseStatus"], row["attemptCount"]) == ("FAILED", 500, 1)
    assert len(receiver.at("/hook")) == 1


def test_webhook_of_a_cards_user_gets_the_payload_of_the_specification(
    api: Api, tenant: str, receiver: LoopbackReceiver, eventually: Callable[..., None]
) -> None:
    user, admin = api(tenant, roles=["user"]), api(tenant)
    made = posted(user, CARDS, {"url": f"{receiver.url}/cards", "events": ["CONTACT_CREATED"]})

    posted(admin, "/api/v1/events", {"type": "contact.created", "data": {"contactId": "contact-123"}}, 202)
    eventually(lambda: rows(user, made) and rows(user, made)[0]["deliveredAt"], within_s=30)

    (row,), (request,) = rows(user, made), receiver.at("/cards")
    assert request.headers["x-webhook-event"] == row["eventType"] == "CONTACT_CREATED"
    assert httpx.Response(200, content=request.body).json() == row["payload"]
    signed = hmac.new(made["secret"].encode(), request.body, hashlib.sha256).hexdigest()
    assert request.headers["x-webhook-signature"] == signed


def rows(user: httpx.Client, made: Json) -> list[Json]:
    found: list[Json] = user.get(f"{CARDS}/{made['id']}/deliveries").json()
    return found
