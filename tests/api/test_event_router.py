"""Fan-out on moto: an event becomes one delivery for each subscription that it is for."""

import json

import pytest

from hub.core.resources import resources
from hub.core.tables import Put
from hub.webhooks.deliveries import deliveries
from hub.webhooks.subscriptions.subscriptions import Subscription
from tests.api.conftest import Hub
from tests.api.routing import CREATED, Routing, bus_message
from tests.api.test_call_counts import counted


@pytest.fixture
def routing(hub: Hub) -> Routing:
    return Routing(hub)


def test_event_becomes_a_delivery_for_each_matching_subscription(routing: Routing) -> None:
    exact, alias = routing.subscribe("contact.created"), routing.subscribe("CONTACT_CREATED")
    prefix, everything = routing.subscribe("contact.*"), routing.subscribe("*")
    other = routing.subscribe("card.viewed")

    event_id = routing.publish()

    assert routing.route(event_id)
    names = {each: [made["sentAs"] for made in routing.deliveries(each)] for each in (exact, alias, prefix, everything)}
    assert names == {
        exact: ["contact.created"],
        alias: ["CONTACT_CREATED"],
        prefix: ["contact.created"],
        everything: ["contact.created"],
    }
    assert routing.deliveries(other) == []
    event = routing.event(event_id)
    assert (event["state"], event["matched"]) == ("routed", 4)
    assert "dueAt" not in event
    assert "dueShard" not in event


def test_every_delivery_is_hinted_once_and_due_until_it_has_ended(routing: Routing) -> None:
    subscription = routing.subscribe("*")

    routing.route(routing.publish())

    (made,) = routing.deliveries(subscription)
    assert [hint["id"] for hint in routing.waiting()] == [f"{subscription}/{made['sk']}"]
    assert made["dueShard"].startswith("delivery#")


def test_repeated_hint_of_a_routed_event_changes_nothing(routing: Routing) -> None:
    subscription = routing.subscribe("*")
    event_id = routing.publish()
    routing.route(event_id)
    before = routing.deliveries(subscription)
    routing.waiting()

    assert routing.route(event_id)

    assert routing.deliveries(subscription) == before
    assert routing.waiting() == []


def test_event_that_nobody_wants_is_routed_to_nobody(routing: Routing) -> None:
    event_id = routing.publish()

    assert routing.route(event_id)

    assert (routing.event(event_id)["state"], routing.event(event_id)["matched"]) == ("routed", 0)


def test_hint_of_an_event_that_is_not_there_is_done_with(routing: Routing) -> None:
    assert routing.route("evt_gone")


def test_filter_says_which_events_are_meant(routing: Routing) -> None:
    big = routing.subscribe("order.paid", filter='{"data":{"amount":{"$gt":100}}}')

    for amount in (99, 101):
        routing.route(routing.publish("order.paid", {"amount": amount}))

    assert len(routing.deliveries(big)) == 1


@pytest.mark.parametrize("status", ["paused", "disabled"])
def test_subscription_that_is_off_gets_a_skipped_delivery_to_recover(routing: Routing, status: str) -> None:
    subscription = routing.subscribe("*", status=status)

    routing.route(routing.publish())

    (made,) = routing.deliveries(subscription)
    assert (made["state"], made["reason"]) == ("skipped", f"subscription is {status}")
    assert "dueAt" not in made
    assert routing.waiting() == []


def test_deleted_subscription_gets_nothing(routing: Routing) -> None:
    subscription = routing.subscribe("*", status="deleted")

    routing.route(routing.publish())

    assert routing.deliveries(subscription) == []


def test_subscriptions_of_other_tenants_get_nothing(routing: Routing, other_hub: Hub) -> None:
    stranger = Routing(other_hub)
    foreign, own = stranger.subscribe("*"), routing.subscribe("*")

    routing.route(routing.publish())

    assert stranger.deliveries(foreign) == []
    assert len(routing.deliveries(own)) == 1


def test_event_about_a_user_is_for_that_users_webhooks_and_the_tenants(routing: Routing) -> None:
    own, others, tenants = (routing.subscribe("*", owner=owner) for owner in ("u1", "u2", ""))

    routing.route(routing.publish(userId="u1"))

    assert [len(routing.deliveries(each)) for each in (own, others, tenants)] == [1, 0, 1]


def test_event_about_nobody_is_for_the_webhooks_of_all_users(routing: Routing) -> None:
    made = [routing.subscribe("*", owner=owner) for owner in ("u1", "u2", "")]

    routing.route(routing.publish())

    assert [len(routing.deliveries(each)) for each in made] == [1, 1, 1]


def test_alias_of_a_tenants_own_type_is_matched_and_used(hub: Hub, routing: Routing) -> None:
    hub.call("PUT", "/api/v1/event-types", {"name": "order.paid", "aliases": ["ORDER_PAID"]})
    subscription = routing.subscribe("ORDER_PAID")

    routing.route(routing.publish("ORDER_PAID", {"amount": 1}))

    assert [(made["eventType"], made["sentAs"]) for made in routing.deliveries(subscription)] == [
        ("order.paid", "ORDER_PAID")
    ]


def test_delivery_that_is_there_already_does_not_hold_up_the_others(routing: Routing) -> None:
    first, second = routing.subscribe("*"), routing.subscribe("*")
    event_id = routing.publish()
    known = Subscription({"pk": f"{routing.tenant.id}#subscription", "sk": first, "status": "active"})
    there = {**deliveries.new(known, routing.event(event_id), "contact.created"), "state": "delivered"}
    resources().tables.write(Put(resources().tables.activity, there))

    assert routing.route(event_id)

    assert [made["state"] for made in routing.deliveries(first)] == ["delivered"]
    assert [made["state"] for made in routing.deliveries(second)] == ["queued"]
    assert routing.event(event_id)["matched"] == 2


def test_event_for_101_subscriptions_takes_two_transactions_and_eleven_batches(routing: Routing) -> None:
    """No call is made per subscription."""
    subscriptions = [routing.subscribe("contact.*") for _ in range(101)]
    event_id = routing.publish()

    with counted() as cold:
        assert routing.route(event_id)
    second = routing.publish()
    with counted() as warm:
        assert routing.route(second, warm=True)

    steady = {"BatchGetItem": 1, "TransactWriteItems": 2, "SendMessageBatch": 11}
    assert dict(cold) == {**steady, "Query": 1}
    assert dict(warm) == steady
    assert all(len(routing.deliveries(each)) == 2 for each in subscriptions)
    assert routing.event(event_id)["matched"] == 101
    assert len(routing.event(event_id)["matchedIds"]) == 100


# ---------------------------------------------------------------- over the bus


def test_event_of_another_service_on_the_bus_is_delivered(hub: Hub, routing: Routing) -> None:
    subscription = routing.subscribe("CONTACT_CREATED")

    assert routing.from_bus("contact.created", {"tenantId": hub.tenant, "data": CREATED, "id": "contact-1-created"})

    (made,) = routing.deliveries(subscription)
    event = routing.event("contact-1-created")
    assert made["eventId"] == event["sk"]
    assert (event["type"], event["source"], json.loads(event["data"])) == ("contact.created", "myapp", CREATED)


def test_bus_event_without_data_is_its_detail_and_named_by_the_message(hub: Hub, routing: Routing) -> None:
    """The `id` beside the data is that of the order: two events about it are two events."""
    subscription = routing.subscribe("order.*")

    for number, event_type in enumerate(("order.made", "order.paid")):
        assert routing.from_bus(
            event_type, {"tenantId": hub.tenant, "id": "order-7", "total": 5}, id=f"message-{number}"
        )

    assert sorted(made["eventId"] for made in routing.deliveries(subscription)) == ["message-0", "message-1"]
    assert json.loads(routing.event("message-0")["data"]) == {"id": "order-7", "total": 5}


@pytest.mark.parametrize("detail", [{"data": CREATED, "userId": "u1"}, {**CREATED, "userId": "u1"}])
def test_bus_event_about_a_user_is_for_that_user(hub: Hub, routing: Routing, detail: dict[str, object]) -> None:
    own, others = (routing.subscribe("*", owner=owner) for owner in ("u1", "u2"))

    assert routing.from_bus("contact.created", {"tenantId": hub.tenant, **detail})

    assert [len(routing.deliveries(each)) for each in (own, others)] == [1, 0]


def test_bus_event_whose_own_data_has_a_number_as_its_user_names_no_user(hub: Hub, routing: Routing) -> None:
    owned = routing.subscribe("*", owner="u1")

    assert routing.from_bus("order.paid", {"tenantId": hub.tenant, "userId": 7})

    (made,) = routing.deliveries(owned)
    assert json.loads(routing.event(made["eventId"])["data"]) == {"userId": 7}


def test_bus_event_that_comes_twice_is_taken_once(hub: Hub, routing: Routing) -> None:
    subscription = routing.subscribe("*")

    taken = [routing.from_bus("contact.created", {"tenantId": hub.tenant, "data": CREATED}) for _ in range(3)]

    assert taken == [True] * 3
    assert len(routing.deliveries(subscription)) == 1


@pytest.mark.parametrize(
    ("event_type", "detail", "changed"),
    [
        ("contact.created", {"data": CREATED}, {}),
        ("contact.created", {"tenantId": 7, "data": CREATED}, {}),
        ("contact.created", {"tenantId": "a#event", "data": CREATED}, {}),
        ("contact.created", "no object", {}),
        ("contact.created", {"tenantId": "TENANT", "data": {"no": "contactId"}}, {}),
        ("contact.created", {"tenantId": "TENANT", "data": [1]}, {}),
        ("contact.created", {"tenantId": "TENANT", "data": CREATED, "id": "a#b"}, {}),
        ("contact.created", {"tenantId": "TENANT", "data": CREATED, "id": 5}, {}),
        ("contact.created", {"tenantId": "TENANT", "data": CREATED, "orderingKey": 5}, {}),
        ("contact.created", {"tenantId": "TENANT", "data": CREATED, "userId": 5}, {}),
        ("contact.created", {"tenantId": "TENANT", "data": CREATED}, {"source": None}),
        ("contact.created", {"tenantId": "TENANT", "data": CREATED}, {"source": "hub"}),
        ("Contact Created", {"tenantId": "TENANT", "data": CREATED}, {}),
        ("sync.completed", {"tenantId": "TENANT", "data": {"jobId": "j", "stats": {}}}, {}),
        ("webhook.failed", {"tenantId": "TENANT", "data": {"subscriptionId": "s", "error": "e"}}, {}),
    ],
)
def test_malformed_bus_event_fails_and_is_not_kept(
    hub: Hub, routing: Routing, event_type: str, detail: object, changed: dict[str, object]
) -> None:
    detail = json.loads(json.dumps(detail).replace("TENANT", hub.tenant))

    assert not routing.from_bus(event_type, detail, **changed)  # type: ignore[arg-type]
    assert routing.events() == []


@pytest.mark.parametrize("body", ['{"detail-type": ', '["detail-type"]', '"\\"detail-type\\""', "no JSON", "{}", "[]"])
def test_message_that_is_neither_hint_nor_event_fails(routing: Routing, body: str) -> None:
    assert not routing.receive(body)


def test_malformed_bus_event_ends_in_the_dead_letters(hub: Hub, routing: Routing) -> None:
    sqs, url = resources().sqs, resources().settings.event_queue_url
    routing.waiting("event")
    sqs.send_message(QueueUrl=url, MessageBody=bus_message("contact.created", {"tenantId": hub.tenant, "data": {}}))

    for _ in range(10):
        (message,) = sqs.receive_message(QueueUrl=url, VisibilityTimeout=0)["Messages"]
        assert not routing.receive(message["Body"])

    assert "Messages" not in sqs.receive_message(QueueUrl=url)
    policy = json.loads(sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["All"])["Attributes"]["RedrivePolicy"])
    dead = sqs.get_queue_url(QueueName=policy["deadLetterTargetArn"].rpartition(":")[2])["QueueUrl"]
    assert sqs.receive_message(QueueUrl=dead)["Messages"][0]["MessageId"] == message["MessageId"]
