"""From a signed post to the document: S000's example, real payloads of GitHub, and what one webhook costs."""

import hmac
import json
import os
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from hub.core.resources import resources
from tests.api.conftest import Hub, Reply, make_integration
from tests.api.inbound_work import CREATED, UPDATED, Inbound, Json, contact, results
from tests.api.receiving import Posted, make_custom, make_v1
from tests.api.sync_work import Record, recorded

REPOSITORY = Path(__file__).parents[2]
SAMPLES = Path(os.environ.get("HUB_SAMPLES", REPOSITORY.parent / "shared" / "samples")) / "github"
PAYLOADS = sorted(SAMPLES.glob("*.json"))

# "Webhook Example" of the custom connector specification (S000).
EXAMPLE: Json = {
    "webhookSecret": "wh_secret_abc123",
    "signatureConfig": {"header": "X-Signature", "algorithm": "hmac-sha256", "signaturePrefix": "sha256="},
    "eventRouting": [CREATED, UPDATED],
    "responseStatus": 200,
    "responseBody": '{"status": "received"}',
}


def deliver(hub: Hub, calls: Record) -> None:
    """Hand the hints that were sent to the queue to the function that reads it."""
    bodies = [json.dumps({"tenant": hint["tenant"], "id": hint["id"]}) for hint in calls.hints(hub.tenant, "Inbound")]
    records = [{"messageId": str(number), "body": body} for number, body in enumerate(bodies)]
    context = type("Context", (), {"get_remaining_time_in_millis": staticmethod(lambda: 60_000)})
    with hub.cloud.running("InboundWorker"):
        answer = hub.cloud.handler("InboundWorker")({"Records": records}, context)
    assert answer == {"batchItemFailures": []}


def post(hub: Hub, url: str, body: Any) -> Reply:
    """Post to the example's URL as its sender would."""
    raw = json.dumps(body).encode()
    signature = "sha256=" + hmac.digest(b"wh_secret_abc123", raw, "sha256").hex()
    with recorded() as calls:
        reply = hub.call("POST", url, raw, headers={"X-Signature": signature}, context={})
    deliver(hub, calls)
    return reply


def test_the_specifications_example_makes_and_updates_a_document(hub: Hub) -> None:
    made = hub.post("/api/v1/custom-integrations", make_integration(webhookConfig=EXAMPLE))
    assert made.status == 201, made.body
    shown = hub.get(f"/api/v1/custom-integrations/{made.body['id']}/webhook-url")
    url = "/" + shown.body["webhookUrl"].partition("://")[2].partition("/")[2]

    created = post(hub, url, contact("created", "c-7", name="Ada", email="ada@example.com"))
    updated = post(hub, url, contact("updated", "c-7", name="Ada Lovelace", email="al@example.com"))

    assert [(reply.status, reply.body) for reply in (created, updated)] == [(200, {"status": "received"})] * 2
    (document,) = hub.documents("c_contact")
    assert json.loads(document["content"]) == {
        "externalId": "c-7",
        "name": "Ada Lovelace",
        "email": "al@example.com",
    }
    assert document["version"] == 2


@pytest.mark.skipif(not PAYLOADS, reason=f"no payloads of octokit/webhooks at {SAMPLES}; HUB_SAMPLES says where")
@pytest.mark.parametrize("path", PAYLOADS, ids=lambda path: path.stem)
def test_a_real_payload_of_github_is_routed_by_its_header(hub: Hub, path: Path) -> None:
    event_type = path.name.partition("__")[0]
    rule = {
        "eventTypeHeader": "X-GitHub-Event",
        "eventTypeValue": event_type,
        "action": "create_shard",
        "targetShardTypeId": "github",
        "identifierPath": "$.sender.id",
        "fieldMappings": [
            {"source": "$.sender.login", "target": "by"},
            {"source": "$.repository.full_name", "target": "repository"},
        ],
    }
    events = Inbound(make_custom(hub, routing=[rule]))
    payload = json.loads(path.read_bytes())
    headers = {"x-github-event": event_type, "x-github-delivery": "72d3162e-cc78-11e3-81ab-4c9367dc0958"}

    with recorded() as calls:
        assert events.posted.post(path.read_bytes(), headers).status == 200
    deliver(hub, calls)

    (event,) = received(hub, events.posted)
    if "sender" not in payload:
        assert event["state"] == "failed"
        return
    assert (event["state"], event["eventType"], event["reason"]) == ("processed", event_type, "")
    content = events.documents("github")[str(payload["sender"]["id"])]
    assert content["by"] == payload["sender"]["login"]


def received(hub: Hub, posted: Posted) -> list[Json]:
    from hub.core.caller import Tenant
    from hub.webhooks.inbound import inbound

    pk = inbound.partition_of(Tenant(hub.tenant), posted.id)
    return list(resources().tables.activity.query_all("pk = :pk", {"pk": pk}))


# ---------------------------------------------------------------- what it costs


def test_a_webhook_takes_five_calls_of_dynamodb_and_one_of_sqs_to_its_document(hub: Hub) -> None:
    """At most 6 and 2 are promised; counted when receiver and worker know the endpoint."""
    events = Inbound(make_custom(hub, routing=[CREATED]))
    with recorded() as first:
        events.posted.post(contact("created", "c1"))
    deliver(hub, first)

    with recorded() as calls:
        events.posted.post(contact("created", "c2"))
        deliver(hub, calls)

    assert set(events.documents()) == {"c1", "c2"}
    assert Counter(call.operation for call in calls) == {
        "PutItem": 1,  # the receiver keeps the event
        "SendMessage": 1,
        "UpdateItem": 1,  # the worker claims it
        "BatchGetItem": 1,
        "BatchWriteItem": 1,
        "TransactWriteItems": 1,  # ends and counts it
        "PutEvents": 1,
    }


def test_a_guarded_update_takes_as_many(hub: Hub) -> None:
    events = Inbound(make_custom(hub, routing=[{**UPDATED, "versionPath": "$.data.n"}]))
    events.process(contact("updated", "c1", n=1))
    worker = events.worker()
    events.work(events.accept(contact("updated", "c1", n=2)), worker=worker)

    event_id = events.accept(contact("updated", "c1", name="Ada", n=3))
    with recorded() as calls:
        events.work(event_id, worker=worker)

    assert Counter(call.operation for call in calls) == {
        "UpdateItem": 1,
        "BatchGetItem": 1,
        "PutItem": 1,
        "TransactWriteItems": 1,
        "PutEvents": 1,
    }


def test_a_v1_endpoint_receives_for_its_service(hub: Hub) -> None:
    events = Inbound(make_v1(hub, eventTypes=["order.*"], handlerType="orders", targetService="billing"))

    with recorded() as calls:
        assert events.posted.post({"type": "order.paid", "id": 1}).status == 200
    deliver(hub, calls)

    (told,) = events.told()
    assert json.loads(told["data"])["targetService"] == "billing"
    (event,) = received(hub, events.posted)
    assert results(event)["counts"] == {"published": 1}
