"""Messages that no worker could handle: they end among the dead letters, and do their work after a redrive."""

import json
import secrets
import subprocess
import sys
from collections.abc import Callable
from typing import Any

import httpx
import pytest

from local.redrive import move, redrives
from local.stack import Stack
from tests.flows.hub_client import HubClient

BUS = "integration-hub"


def dead_letters(stack: Stack, name: str) -> tuple[Any, str]:
    found = next(each for each in redrives(stack.template) if each.name == name)
    return found, found.dead_letters_url


def put_dead(stack: Stack, tenant: str, name: str, item_id: str) -> None:
    """Put a hint where one lies that failed ten times."""
    body = json.dumps({"tenant": tenant, "id": item_id})
    stack.aws("sqs").send_message(QueueUrl=dead_letters(stack, name)[1], MessageBody=body, MessageGroupId=tenant)


def depth(admin: httpx.Client, name: str) -> int:
    rows = admin.get("/api/admin/queues").raise_for_status().json()["queues"]
    return int(next(row["deadLetters"] for row in rows if row["name"] == name))


@pytest.fixture
def admin(api: Callable[..., httpx.Client], tenant: str) -> httpx.Client:
    return api(tenant, roles=["super_admin"])


def test_every_queue_of_the_hub_can_be_redriven(stack: Stack) -> None:
    assert {each.name for each in redrives(stack.template)} == {"sync", "event", "delivery", "inbound", "connection"}


def test_dead_hint_does_its_work_after_a_redrive_by_an_operator(
    stack: Stack, hub: HubClient, admin: httpx.Client, tenant: str, eventually: Callable[..., None]
) -> None:
    event_id = posted_without_hint(stack, hub, tenant)
    put_dead(stack, tenant, "event", event_id)
    assert depth(admin, "event") == 1

    reply = admin.post("/api/admin/queues/event/redrive", json={})

    assert (reply.status_code, reply.json()) == (200, {"moved": 1, "left": 0})
    eventually(lambda: hub.call("GET", f"/api/v1/events/{event_id}")["state"] == "routed")


def test_dead_hint_does_its_work_after_a_redrive_from_the_command_line(
    stack: Stack, hub: HubClient, admin: httpx.Client, tenant: str, eventually: Callable[..., None]
) -> None:
    event_id = posted_without_hint(stack, hub, tenant)
    put_dead(stack, tenant, "event", event_id)

    command = [sys.executable, "-m", "local", "redrive", "--state", str(stack.state_dir), "--queue", "event"]
    printed = subprocess.run(command, check=True, capture_output=True, text=True, timeout=60).stdout

    assert printed == "event: 1 moved\n"
    eventually(lambda: hub.call("GET", f"/api/v1/events/{event_id}")["state"] == "routed")
    assert depth(admin, "event") == 0


def posted_without_hint(stack: Stack, hub: HubClient, tenant: str) -> str:
    """Return the id of an event that waits to be routed, and whose hint is gone."""
    event_id = f"lost-{secrets.token_hex(4)}"
    body = {"id": event_id, "type": "order.shipped", "data": {}}
    hub.call("POST", "/api/v1/events", body, expect=202)
    table, key = "integration-hub-ActivityTable", {"pk": {"S": f"{tenant}#event"}, "sk": {"S": event_id}}
    stack.aws("dynamodb").update_item(
        TableName=table,
        Key=key,
        UpdateExpression="SET #state = :pending",
        ExpressionAttributeNames={"#state": "state"},
        ExpressionAttributeValues={":pending": {"S": "pending"}},
    )
    return event_id


def test_message_that_no_worker_understands_ends_among_the_dead_letters(
    stack: Stack, admin: httpx.Client, eventually: Callable[..., None]
) -> None:
    """Each try hides it for six time-outs of the worker; here only for a second."""
    found, dead = dead_letters(stack, "inbound")
    sqs = stack.aws("sqs")
    before = depth(admin, "inbound")
    visibility = sqs.get_queue_attributes(QueueUrl=found.url, AttributeNames=["VisibilityTimeout"])["Attributes"]
    sqs.set_queue_attributes(QueueUrl=found.url, Attributes={"VisibilityTimeout": "1"})
    try:
        end_poll(sqs, found.url, eventually)
        sqs.send_message(QueueUrl=found.url, MessageBody="not a hint", MessageGroupId="t")
        eventually(lambda: depth(admin, "inbound") == before + 1, within_s=60)
    finally:
        sqs.set_queue_attributes(QueueUrl=found.url, Attributes=visibility)

    (message,) = sqs.receive_message(QueueUrl=dead)["Messages"]
    assert message["Body"] == "not a hint"
    sqs.delete_message(QueueUrl=dead, ReceiptHandle=message["ReceiptHandle"])


def end_poll(sqs: Any, url: str, eventually: Callable[..., None]) -> None:
    """Let a hint at nothing be taken: the poll that was under way hides messages for as long as was said before."""
    sqs.send_message(QueueUrl=url, MessageBody=json.dumps({"tenant": "t", "id": "int_1/iev_1"}), MessageGroupId="t")
    names = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]

    def is_empty() -> bool:
        counts = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=names)["Attributes"]
        return all(counts[name] == "0" for name in names)

    eventually(is_empty, within_s=30)


def test_event_of_another_service_on_the_bus_is_routed_and_the_hubs_own_takes_another_way(
    stack: Stack, hub: HubClient, tenant: str, eventually: Callable[..., None]
) -> None:
    name = f"ord-{secrets.token_hex(4)}"
    detail = json.dumps({"tenantId": tenant, "id": name, "data": {"order": 4711}})
    own = json.dumps({"tenantId": tenant, "id": f"{name}-own"})
    entry = {"EventBusName": BUS, "Source": "orders", "DetailType": "order.shipped", "Detail": detail}
    stack.aws("events").put_events(
        Entries=[{**entry, "Source": "hub", "DetailType": "sync.completed", "Detail": own}, entry]
    )

    eventually(lambda: hub.http.get(f"/api/v1/events/{name}").is_success)

    event = hub.call("GET", f"/api/v1/events/{name}")
    assert (event["type"], event["source"], event["data"]) == ("order.shipped", "orders", {"order": 4711})
    assert hub.http.get(f"/api/v1/events/{name}-own").status_code == 404


def test_nothing_is_moved_where_nothing_is_dead(stack: Stack) -> None:
    found, _ = dead_letters(stack, "sync")

    assert move(stack.aws("sqs"), found) == 0
