"""The functions one after the other: what an event costs on its way, and what a batch does with its threads."""

import json
import threading
from collections import Counter
from collections.abc import Iterator
from typing import Any

import pytest

from hub.core.queues import Hint
from hub.outbound.calls import Call, Reply
from hub.webhooks.deliveries import deliveries
from tests.api.conftest import Cloud, Hub, app
from tests.api.delivery_work import Outbound, Receiver, answer
from tests.api.sync_work import Record, recorded

Json = dict[str, Any]
TABLE_CALLS = {"GetItem", "Query", "UpdateItem", "PutItem", "TransactWriteItems", "BatchGetItem", "DeleteItem"}
QUEUE_CALLS = {"SendMessage", "SendMessageBatch"}


@pytest.fixture
def receiver(cloud: Cloud, monkeypatch: pytest.MonkeyPatch) -> Iterator[Receiver]:
    """What the worker calls instead of the network: the function's `client` is made to be replaced."""
    made = Receiver()
    function = app(cloud.template.functions["DeliveryWorker"].code_dir)
    monkeypatch.setattr(function, "client", lambda: made)
    function.deliverer.cache_clear()
    yield made
    function.deliverer.cache_clear()


@pytest.fixture
def outbound(hub: Hub, receiver: Receiver) -> Outbound:
    return Outbound(hub, receiver)


def batch(hub: Hub, function: str, hints: list[Hint]) -> list[str]:
    """Hand a function a batch of messages; return the ids of those that failed."""
    messages = [{"messageId": str(number), "body": hint.text()} for number, hint in enumerate(hints)]
    with hub.cloud.running(function):
        found = hub.cloud.handler(function)({"Records": messages}, None)
    return [failed["itemIdentifier"] for failed in found["batchItemFailures"]]


def sent_hints(hub: Hub, record: Record, queue: str) -> list[Hint]:
    return [Hint.of(json.dumps({"tenant": hub.tenant, "id": hint["id"]})) for hint in record.hints(hub.tenant, queue)]


def post_and_deliver(hub: Hub) -> Record:
    """Take one event from its POST to its receiver."""
    with recorded() as record:
        assert hub.post("/api/v1/events", {"type": "order.placed", "data": {"id": "o1"}}).status == 202
        assert batch(hub, "EventRouter", sent_hints(hub, record, "Event")) == []
        assert batch(hub, "DeliveryWorker", sent_hints(hub, record, "Delivery")) == []
    return record


def test_event_costs_seven_calls_of_the_tables_and_two_hints_from_post_to_receiver(
    hub: Hub, outbound: Outbound, receiver: Receiver
) -> None:
    outbound.subscribe(eventTypes=["order.*"])
    post_and_deliver(hub)  # from now on everything is warm

    calls = Counter(asked.operation for asked in post_and_deliver(hub))

    assert len(receiver.calls) == 2
    assert sum(calls[name] for name in TABLE_CALLS) <= 7, calls
    assert sum(calls[name] for name in QUEUE_CALLS) <= 4, calls


def test_target_that_hangs_holds_up_nobody_else_in_the_batch(outbound: Outbound, receiver: Receiver) -> None:
    arrived, let_go = threading.Event(), threading.Event()

    def hang(call: Call) -> Reply:
        if call.url.endswith("/slow"):
            assert arrived.wait(20)
        else:
            let_go.set()
            arrived.set()
        return answer(204)(call)

    receiver.always = hang
    slow = outbound.publish(outbound.subscribe(url="https://slow.example.com/slow"))
    quick = outbound.publish(outbound.subscribe())

    failed = batch(outbound.hub, "DeliveryWorker", [deliveries.hint_of(slow), deliveries.hint_of(quick)])

    assert let_go.is_set()
    assert failed == []
    assert [outbound.state(slow), outbound.state(quick)] == ["delivered", "delivered"]


def test_batch_tells_the_bus_in_one_call(outbound: Outbound) -> None:
    subscription = outbound.subscribe()
    waiting = [outbound.publish(subscription) for _ in range(2)]

    with recorded() as record:
        batch(outbound.hub, "DeliveryWorker", [deliveries.hint_of(each) for each in waiting])

    (call,) = record.of("PutEvents")
    assert [entry["DetailType"] for entry in call["Entries"]] == ["webhook.delivered"] * 2


def test_message_that_cannot_be_worked_on_fails_alone(outbound: Outbound) -> None:
    delivery = outbound.publish(outbound.subscribe())
    messages = [{"messageId": "bad", "body": "{}"}, {"messageId": "good", "body": deliveries.hint_of(delivery).text()}]

    with outbound.hub.cloud.running("DeliveryWorker"):
        found = outbound.hub.cloud.handler("DeliveryWorker")({"Records": messages}, None)

    assert found == {"batchItemFailures": [{"itemIdentifier": "bad"}]}
    assert outbound.state(delivery) == "delivered"


def test_hint_of_a_delivery_that_never_was_does_nothing(outbound: Outbound) -> None:
    subscription = outbound.subscribe()

    failed = batch(outbound.hub, "DeliveryWorker", [Hint(outbound.tenant, f"{subscription.id}/dlv_NONE")])

    assert failed == []
