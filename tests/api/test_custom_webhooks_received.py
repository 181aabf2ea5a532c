"""Endpoints as their owners made them through the API, seen by who posts to them: signatures, rotation, the way out."""

import hashlib
import hmac
import json
from typing import Any
from urllib.parse import urlsplit

from hub.webhooks.signature import standard_signature
from tests.api.conftest import Hub, Reply, StoppedClock, make_integration
from tests.api.inbound_endpoints import CUSTOM, ENDPOINTS, Json, create, replace, wanted
from tests.api.sync_work import Record, recorded
from tests.spec_examples import WEBHOOK

BODY = json.dumps({"event_type": "contact.created", "data": {"id": "c1", "name": "Ada", "email": "a@b.test"}}).encode()
HMAC = {"signatureHeader": "X-Signature", "signatureAlgorithm": "hmac-sha256"}


def signed(secret: str, body: bytes = BODY) -> dict[str, str]:
    return {"X-Signature": "sha256=" + hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()}


def post(hub: Hub, url: str, body: bytes = BODY, headers: dict[str, str] | None = None) -> Reply:
    return hub.call("POST", urlsplit(url).path, body, headers=headers, context={})


def integration(hub: Hub, **changed: Any) -> Json:
    reply = hub.post(CUSTOM, make_integration(status="active", webhookConfig=WEBHOOK, **changed))
    assert reply.status == 201, reply.body
    body: Json = reply.body
    return body


def work(hub: Hub, calls: Record) -> None:
    """Let the worker take what was hinted at."""
    hints = calls.hints(hub.tenant, "Inbound")
    bodies = [json.dumps({"tenant": hint["tenant"], "id": hint["id"]}) for hint in hints]
    records = [{"messageId": str(number), "body": body} for number, body in enumerate(bodies)]
    context = type("Context", (), {"get_remaining_time_in_millis": staticmethod(lambda: 60_000)})
    with hub.cloud.running("InboundWorker"):
        answer = hub.cloud.handler("InboundWorker")({"Records": records}, context)
    assert answer == {"batchItemFailures": []}


def test_webhook_example_of_the_specification_becomes_a_document(hub: Hub) -> None:
    made = integration(hub)

    with recorded() as calls:
        reply = post(hub, made["webhookConfig"]["webhookUrl"], headers=signed("wh_secret_abc123"))
    before = hub.get(f"{ENDPOINTS}/{made['id']}/events").body["data"]
    work(hub, calls)
    (after,) = hub.get(f"{ENDPOINTS}/{made['id']}/events").body["data"]

    assert (reply.status, reply.body) == (200, {"status": "received"})
    assert [each["status"] for each in before] == ["queued"]
    assert (after["status"], after["eventType"], after["id"]) == ("processed", "contact.created", before[0]["id"])
    (document,) = hub.documents("c_contact")
    assert json.loads(document["content"])["name"] == "Ada"
    shown = hub.get(f"{ENDPOINTS}/{made['id']}/events/{after['id']}").body
    assert (shown["body"], shown["results"]["counts"]) == (BODY.decode(), {"created": 1})


def test_wrong_signature_and_wrong_url_secret_are_refused(hub: Hub) -> None:
    made = integration(hub)
    url = made["webhookConfig"]["webhookUrl"]
    elsewhere = url.rpartition("/")[0] + "/" + "x" * 43

    replies = [
        post(hub, url, headers=signed("another-secret")),
        post(hub, url),
        post(hub, elsewhere, headers=signed("wh_secret_abc123")),
        post(hub, url, headers=signed("wh_secret_abc123")),
    ]

    assert [reply.status for reply in replies] == [401, 401, 404, 200]


def test_former_secret_and_former_url_work_until_the_grace_is_over(hub: Hub, stopped_clock: StoppedClock) -> None:
    made = integration(hub)
    old_url = made["webhookConfig"]["webhookUrl"]
    turned = hub.post(f"{CUSTOM}/{made['id']}/regenerate-secret", {"gracePeriodSeconds": 60}).body
    pairs = [
        (url, key) for url in (old_url, turned["webhookUrl"]) for key in ("wh_secret_abc123", turned["webhookSecret"])
    ]

    during = [post(hub, url, headers=signed(key)).status for url, key in pairs]
    stopped_clock.advance(61)
    after = [post(hub, url, headers=signed(key)).status for url, key in pairs]

    assert during == [200, 200, 200, 200]
    assert after == [404, 404, 401, 200]
    assert hub.get(f"{CUSTOM}/{made['id']}/webhook-url").body == {"webhookUrl": turned["webhookUrl"]}


def test_paused_and_deleted_integrations_answer_as_unknown_ones(hub: Hub, stopped_clock: StoppedClock) -> None:
    made = integration(hub)
    url = made["webhookConfig"]["webhookUrl"]
    sent = signed("wh_secret_abc123")
    answers = [post(hub, url, headers=sent)]
    one = f"{CUSTOM}/{made['id']}"

    for change in (("PATCH", {"status": "inactive"}), ("PATCH", {"status": "active"}), ("DELETE", None)):
        hub.call(change[0], one, change[1])
        stopped_clock.advance(11)  # what the receiver knows is at most ten seconds old
        answers.append(post(hub, url, headers=sent))

    unknown = post(hub, url.replace(made["id"], "int_none"), headers=sent)
    assert [reply.status for reply in answers] == [200, 404, 200, 404]
    bodies = [{**reply.body["error"], "requestId": ""} for reply in (answers[1], answers[3], unknown)]
    assert bodies[0] == bodies[1] == bodies[2]


def test_endpoint_with_a_path_receives_standard_webhooks_by_default(hub: Hub, stopped_clock: StoppedClock) -> None:
    made, at = create(hub), int(stopped_clock.epoch_s)
    headers = {
        "webhook-id": "msg_1",
        "webhook-timestamp": str(at),
        "webhook-signature": standard_signature(made["secretKey"], "msg_1", at, BODY) or "",
    }

    replies = [post(hub, made["receiveUrl"], BODY, headers), post(hub, made["receiveUrl"], BODY + b" ", headers)]

    assert [reply.status for reply in replies] == [200, 401]


def test_rotated_secret_of_a_path_overlaps(hub: Hub, stopped_clock: StoppedClock) -> None:
    made = create(hub, secretKey="the-former-secret", **HMAC)
    replace(hub, made["id"], wanted(secretKey="the-next-secret", **HMAC))

    during = [
        post(hub, made["receiveUrl"], headers=signed(key)).status for key in ("the-former-secret", "the-next-secret")
    ]
    stopped_clock.advance(86_401)
    after = [
        post(hub, made["receiveUrl"], headers=signed(key)).status for key in ("the-former-secret", "the-next-secret")
    ]

    assert (during, after) == ([200, 200], [401, 200])


def test_address_that_is_not_on_the_list_is_refused(hub: Hub) -> None:
    closed = create(hub, "closed", ipWhitelist=["192.0.2.0/24"], secretKey="the-secret-of-both", **HMAC)
    opened = create(hub, "opened", ipWhitelist=["127.0.0.0/8"], secretKey="the-secret-of-both", **HMAC)

    statuses = [post(hub, each["receiveUrl"], headers=signed("the-secret-of-both")).status for each in (closed, opened)]

    assert statuses == [401, 200]
