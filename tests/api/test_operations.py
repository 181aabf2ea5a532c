"""The routes for operators: what is stuck, and dead letters that go back to their queue."""

import json
from collections.abc import Iterator
from typing import Any

import boto3
import pytest

from hub.core import clock, due, events
from hub.core.attributes import Item
from hub.core.caller import Tenant
from hub.core.config import dead_letter_queues
from hub.core.queues import Hint
from hub.core.resources import resources
from hub.core.tables import Put, key
from hub.webhooks.deliveries import deliveries, lanes
from hub.webhooks.inbound import inbound
from hub.webhooks.recovery.stuck import OVERDUE_S
from tests.api.conftest import Hub, StoppedClock
from tests.api.queued import drained
from tests.api.sync_work import recorded

STUCK, QUEUES = "/api/v1/deliveries/stuck", "/api/admin/queues"
ADMIN = "super_admin"


def store(item: Item) -> Item:
    resources().tables.write(Put(resources().tables.activity, item))
    return item


def event(tenant: str, **changed: Any) -> Item:
    return store({**events.new(Tenant(tenant), "contact.created", {"secret": "canary"}, 30), **changed})


def delivery(tenant: str, **changed: Any) -> Item:
    made = events.new(Tenant(tenant), "contact.created", {}, 30)
    name = deliveries.delivery_id(made, "sub_1")
    marks = due.DELIVERIES.marks(name, clock.epoch_s() + due.GRACE_S)
    facts = {"subscriptionId": "sub_1", "state": "queued", "attempts": 1, "reason": "", "createdAt": made["createdAt"]}
    return store({**deliveries.place(Tenant(tenant), "sub_1", name), **facts, **marks, **changed})


def received(tenant: str) -> Item:
    return store(inbound.new(Tenant(tenant), "whe_1", "iev_1", headers={}, body=b"canary", keep_days=30))


def listed(hub: Hub) -> list[dict[str, Any]]:
    reply = hub.get(STUCK)
    assert reply.status == 200, reply.body
    assert reply.body["total"] == len(reply.body["items"])
    return list(reply.body["items"])


# What is stuck


def test_nothing_is_stuck_in_a_hub_that_works(hub: Hub, stopped_clock: StoppedClock) -> None:
    for made in (event(hub.tenant), delivery(hub.tenant), received(hub.tenant)):
        assert "dueAt" in made
    stopped_clock.advance(OVERDUE_S)  # due a minute after they were made

    assert hub.get(STUCK).body == {"items": [], "total": 0}


def test_everything_open_that_is_overdue_by_a_quarter_of_an_hour_is_listed(
    hub: Hub, stopped_clock: StoppedClock
) -> None:
    made = {"event": event(hub.tenant), "delivery": delivery(hub.tenant), "received": received(hub.tenant)}
    since = made["event"]["dueAt"]
    stopped_clock.advance(due.GRACE_S + OVERDUE_S + 1)

    found = {item["kind"]: item for item in listed(hub)}

    assert {kind: item["id"] for kind, item in found.items()} == {kind: item["sk"] for kind, item in made.items()}
    assert {item["overdueSince"] for item in found.values()} == {since}
    assert found["delivery"]["subscriptionId"] == "sub_1"
    assert found["received"]["endpointId"] == "whe_1"
    assert "canary" not in json.dumps(list(found.values()))


def test_what_the_sweeper_hinted_at_in_vain_stays_listed(hub: Hub, stopped_clock: StoppedClock) -> None:
    event(hub.tenant)
    between_s = due.AHEAD_S + due.AGAIN_AFTER_S
    stopped_clock.advance(due.GRACE_S)
    for _ in range(OVERDUE_S // between_s + 1):
        with hub.cloud.running("Sweeper"):
            hub.cloud.handler("Sweeper")({}, None)
        stopped_clock.advance(between_s)

    assert len(listed(hub)) == 1


def test_what_is_stuck_is_the_administrators_business(hub: Hub) -> None:
    """It names the tenant's deliveries, of which a user may see those of their own webhooks alone."""
    assert [hub.get(STUCK, roles=roles).status for roles in ("user", "tenant_admin")] == [403, 200]


def test_retry_that_waits_for_its_time_is_not_stuck(hub: Hub, stopped_clock: StoppedClock) -> None:
    marks = due.DELIVERIES.marks("x", stopped_clock.epoch_s + 7200)
    delivery(hub.tenant, state="retrying", dueAt=marks["dueAt"])

    stopped_clock.advance(7000)

    assert listed(hub) == []


def test_ordered_delivery_is_stuck_only_at_the_head_of_its_lane(hub: Hub, stopped_clock: StoppedClock) -> None:
    tables, tenant = resources().tables, Tenant(hub.tenant)
    turns = []
    for turn in (1, 2):
        made = delivery(hub.tenant, lane="l", turn=turn)
        hint = deliveries.hint_of(made).id
        tables.write(lanes.entry(tables.coordination, tenant, "sub_1", "l", turn, hint, 4_000_000_000))
        turns.append(made["sk"])
        stopped_clock.advance(1)

    stopped_clock.advance(due.GRACE_S + OVERDUE_S)

    assert [item["id"] for item in listed(hub)] == turns[:1]


def test_tenant_sees_only_its_own(hub: Hub, other_hub: Hub, stopped_clock: StoppedClock) -> None:
    event(hub.tenant)
    event(f"{hub.tenant}-2")  # a tenant whose name begins with this one's
    stopped_clock.advance(due.GRACE_S + OVERDUE_S + 1)

    assert (len(listed(hub)), listed(other_hub)) == (1, [])


# Dead letters


@pytest.fixture
def letters(hub: Hub) -> Iterator[Any]:
    """Put messages into the dead letter queue of the events: `letters("text")`, in the group of the tenant."""
    sqs = boto3.client("sqs")
    urls = {**dead_letter_queues(), "main": resources().settings.event_queue_url}

    def put(*bodies: str) -> None:
        for body in bodies:
            sqs.send_message(QueueUrl=urls["event"], MessageBody=body, MessageGroupId=hub.tenant)

    yield put
    for url in urls.values():
        list(drained(url))


def depths(hub: Hub) -> dict[str, int]:
    reply = hub.get(QUEUES, roles=ADMIN)
    assert reply.status == 200, reply.body
    return {row["name"]: row["deadLetters"] for row in reply.body["queues"]}


def redrive(hub: Hub, name: str = "event", **options: Any) -> Any:
    return hub.post(f"{QUEUES}/{name}/redrive", **{"body": {}, "roles": ADMIN, **options})


def test_every_queue_is_listed_with_its_dead_letters(hub: Hub, letters: Any) -> None:
    letters("a", "b")

    assert depths(hub) == {"sync": 0, "event": 2, "delivery": 0, "inbound": 0}


def test_redrive_sends_dead_letters_as_they_are_and_in_their_group(hub: Hub, letters: Any) -> None:
    bodies = [Hint(Tenant(hub.tenant), f"evt_{number}").text() for number in range(23)]
    letters(*bodies)

    with recorded() as asked:
        reply = redrive(hub)

    sent = [entry for call in asked.of("SendMessageBatch") for entry in call["Entries"]]
    assert reply.body == {"moved": 23, "left": 0}
    assert sorted(entry["MessageBody"] for entry in sent) == sorted(bodies)
    assert {entry["MessageGroupId"] for entry in sent} == {hub.tenant}
    assert {call["QueueUrl"] for call in asked.of("SendMessageBatch")} == {resources().settings.event_queue_url}
    assert depths(hub)["event"] == 0


def test_redrive_moves_no_more_than_asked_for(hub: Hub, letters: Any) -> None:
    letters(*"abcdefghijklmno")

    assert redrive(hub, body={"max": 12}).body == {"moved": 12, "left": 3}


def test_dead_letter_is_deleted_only_after_it_was_sent(hub: Hub, letters: Any) -> None:
    """Whoever dies in between has sent it twice: a hint may come twice, and never not at all."""
    letters("a")

    with recorded() as asked:
        redrive(hub)

    order = [call.operation for call in asked if call.operation in ("SendMessageBatch", "DeleteMessageBatch")]
    assert order == ["SendMessageBatch", "DeleteMessageBatch"]


def test_redrive_is_audited(hub: Hub, letters: Any) -> None:
    letters("a")

    redrive(hub)

    entry = hub.audit_entries()[-1]
    assert (entry["action"], entry["target"], json.loads(entry["facts"])) == ("queue.redriven", "event", {"moved": 1})


@pytest.mark.parametrize("roles", ["tenant_admin", "user"])
def test_only_a_super_admin_sees_or_moves_dead_letters(hub: Hub, roles: str) -> None:
    assert hub.get(QUEUES, roles=roles).status == 403
    assert redrive(hub, roles=roles).status == 403
    assert redrive(hub).status == 200


@pytest.mark.parametrize("body", [{"max": 0}, {"max": 1001}, {"max": "all"}, {"most": 1}])
def test_wrong_redrive_request_is_refused_with_its_place(hub: Hub, body: dict[str, Any]) -> None:
    reply = redrive(hub, body=body)

    assert (reply.status, reply.code) == (400, "VALIDATION_ERROR")
    assert reply.body["error"]["details"]["problems"][0]["pointer"] == f"/{next(iter(body))}"


def test_unknown_queue_is_not_found(hub: Hub) -> None:
    assert redrive(hub, "attic").status == 404


def test_item_without_due_time_in_the_table_is_not_stuck_though_the_index_still_says_so(
    hub: Hub, stopped_clock: StoppedClock
) -> None:
    made = event(hub.tenant)
    stopped_clock.advance(due.GRACE_S + OVERDUE_S + 1)
    assert len(listed(hub)) == 1

    resources().tables.activity.update(key(Tenant(hub.tenant), "event", made["sk"]), "REMOVE dueAt, dueShard", {})

    assert listed(hub) == []
