"""Events on the local stack: from the API over the queues to a receiver's socket, signed, tried again, recovered."""

import json
from collections.abc import Callable, Iterator
from typing import Any

import httpx
import pytest
from standardwebhooks import Webhook

from tests.flows.receivers import LoopbackReceiver, receiving

Json = dict[str, Any]
Eventually = Callable[..., None]
SUBSCRIPTIONS = "/api/v1/webhooks/subscriptions"


@pytest.fixture
def receiver() -> Iterator[LoopbackReceiver]:
    with receiving() as running:
        yield running


@pytest.fixture
def client(api: Callable[..., httpx.Client], tenant: str) -> httpx.Client:
    return api(tenant)


def subscribe(client: httpx.Client, url: str, **changed: Any) -> Json:
    body = {"name": "receiver", "url": url, "eventTypes": ["order.*"], **changed}
    made = client.post(SUBSCRIPTIONS, json=body)
    assert made.status_code == 201, made.text
    found: Json = made.json()
    return found


def publish(client: httpx.Client, data: Json, **more: Any) -> str:
    posted = client.post("/api/v1/events", json={"type": "order.placed", "data": data, **more})
    assert posted.status_code == 202, posted.text
    return str(posted.json()["id"])


def deliveries(client: httpx.Client, subscription: Json) -> list[Json]:
    found = client.get(f"{SUBSCRIPTIONS}/{subscription['id']}/deliveries")
    assert found.status_code == 200, found.text
    return list(found.json()["data"])


def test_event_is_delivered_signed_after_two_failures(
    client: httpx.Client, receiver: LoopbackReceiver, eventually: Eventually
) -> None:
    receiver.answers = lambda _, number: 503 if number <= 2 else 204
    subscription = subscribe(client, f"{receiver.url}/hook", retryProfile="cards", retryIntervals=[1, 2])

    event_id = publish(client, {"number": 7})
    eventually(lambda: [row["status"] for row in deliveries(client, subscription)] == ["DELIVERED"], within_s=30)

    requests = receiver.at("/hook")
    assert [request.id for request in requests] == [event_id] * 3
    for request in requests:
        assert Webhook(subscription["secretKey"]).verify(request.body, request.headers)["data"] == {"number": 7}
    first, second, third = (request.at_s for request in requests)
    assert second - first >= 1
    assert third - second >= 2
    (row,) = deliveries(client, subscription)
    detail = client.get(f"{SUBSCRIPTIONS}/{subscription['id']}/deliveries/{row['id']}").json()
    assert [attempt["responseStatus"] for attempt in detail["attempts"]] == [503, 503, 204]
    assert subscription["secretKey"] not in json.dumps(detail)


def test_events_of_one_key_arrive_in_order_and_another_key_overtakes(
    client: httpx.Client, receiver: LoopbackReceiver, eventually: Eventually
) -> None:
    receiver.answers = lambda _, number: 503 if number == 1 else 200
    subscription = subscribe(client, f"{receiver.url}/hook", retryProfile="cards", retryIntervals=[3, 3])

    slow = [publish(client, {"n": number}, orderingKey="a") for number in range(3)]
    eventually(lambda: len(receiver.requests) == 1)
    quick = publish(client, {"n": 9}, orderingKey="b")
    eventually(lambda: len(receiver.requests) == 5, within_s=30)

    assert [request.id for request in receiver.requests] == [slow[0], quick, *slow]
    eventually(lambda: {row["status"] for row in deliveries(client, subscription)} == {"DELIVERED"})


def test_gone_receiver_is_sent_no_more_and_what_was_skipped_is_recovered(
    client: httpx.Client, receiver: LoopbackReceiver, eventually: Eventually
) -> None:
    receiver.answers = lambda path, _: 410 if path == "/hook" else 200
    subscription = subscribe(client, f"{receiver.url}/hook")
    place = f"{SUBSCRIPTIONS}/{subscription['id']}"

    first = publish(client, {"n": 1})
    eventually(lambda: client.get(place).json()["status"] == "DISABLED")
    second = publish(client, {"n": 2})
    eventually(lambda: sorted(row["state"] for row in deliveries(client, subscription)) == ["failed", "skipped"], 15)
    assert [request.id for request in receiver.at("/hook")] == [first]

    shown = client.get(place).json()
    body = {name: shown[name] for name in ("name", "eventTypes")} | {"url": f"{receiver.url}/new", "status": "ACTIVE"}
    changed = client.put(place, json=body, headers={"if-match": str(shown["version"])})
    assert changed.status_code == 200, changed.text
    recovery = client.post(f"{place}/recover", json={"since": subscription["createdAt"]})
    assert recovery.status_code == 202, recovery.text
    eventually(lambda: len(receiver.at("/new")) == 2, within_s=40)

    assert {request.id for request in receiver.at("/new")} == {first, second}


def test_throttled_events_arrive_in_order_at_the_pace_of_the_subscription(
    client: httpx.Client, receiver: LoopbackReceiver, eventually: Eventually
) -> None:
    throttle = {"requests": 30, "windowSeconds": 60}
    subscribe(client, f"{receiver.url}/hook", throttle=throttle)

    for number in range(5):
        publish(client, {"n": number})
    eventually(lambda: len(receiver.requests) == 5, within_s=30)

    times = [request.at_s for request in receiver.requests]
    assert times[-1] - times[0] >= 2 * 60 / 30  # three may come at once
