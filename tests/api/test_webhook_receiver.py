"""Receiving: what is accepted is kept once and answered as its endpoint says; what is not leaves nothing."""

import base64
import io
import json
import logging
from typing import Any, cast

import pytest

from hub.core import clock
from hub.core.resources import resources
from hub.webhooks.endpoints.endpoints import url_secret_hash
from hub.webhooks.rotation import Rotation
from local.http_events import Request, request_event
from tests.api.conftest import Hub, StoppedClock, just_before, lose_connection
from tests.api.receiving import BODY, SECRET, URL_SECRET, make_custom, make_v1, signature
from tests.api.sync_work import recorded
from tests.api.test_call_counts import counted

NOTHING = {"code": "NOT_FOUND", "message": "No webhook is received at this address."}


def refusal(reply: Any) -> Any:
    """Return the error without the id of its request, which differs in every answer."""
    return {name: value for name, value in reply.body["error"].items() if name != "requestId"}


@pytest.mark.parametrize("make", [make_custom, make_v1])
def test_an_accepted_webhook_is_kept_as_it_came_and_hinted_at(hub: Hub, make: Any) -> None:
    endpoint = make(hub)

    with recorded() as record:
        reply = endpoint.post(headers={"x-github-event": "push", "authorization": "Bearer canary", "cookie": "a=b"})

    (event,) = endpoint.events()
    assert (reply.status, reply.body) == (200, None)
    assert bytes(event["body"]) == BODY
    assert (event["state"], event["bodyBytes"], event["sourceIp"]) == ("queued", len(BODY), "127.0.0.1")
    assert json.loads(event["headers"]) == {"content-type": "application/json", "x-github-event": "push"}
    assert event["dueShard"].startswith("inbound#")
    assert record.hints(hub.tenant) == [
        {"tenant": hub.tenant, "id": f"{endpoint.id}/{event['sk']}", "delay": 0},
    ]


def test_the_short_path_is_the_same_endpoint(hub: Hub) -> None:
    endpoint = make_custom(hub)
    short = endpoint.url.removeprefix("/api/v1")

    assert hub.call("POST", short, BODY, headers={"x-signature": signature(BODY)}, context={}).status == 200
    assert endpoint.post().status == 200
    assert len(endpoint.events()) == 1


def test_a_binary_body_is_kept_byte_for_byte(hub: Hub) -> None:
    endpoint, body = make_custom(hub), bytes(range(256))

    reply = endpoint.post(body, headers={"content-type": "application/octet-stream"})

    assert reply.status == 200
    assert [bytes(event["body"]) for event in endpoint.events()] == [body]


def test_a_body_that_was_not_base64_though_announced_is_refused(hub: Hub) -> None:
    endpoint = make_custom(hub)
    match = hub.cloud.routes.select("POST", endpoint.url)
    assert match is not None
    sent = Request("POST", endpoint.url, "", (("host", "hub.test"),), b"x", "127.0.0.1")
    event = {**request_event(sent, match, None), "body": "é", "isBase64Encoded": True}

    assert hub.send("WebhookReceiver", event).status == 400
    good = {**event, "body": base64.b64encode(BODY).decode()}
    good["headers"]["x-signature"] = signature(BODY)
    assert hub.send("WebhookReceiver", good).status == 200


@pytest.mark.parametrize(
    ("response", "status", "kind", "text"),
    [
        ({"status": 200}, 200, None, None),
        ({"status": 202, "body": '{"status": "received"}'}, 202, "application/json", '{"status": "received"}'),
        ({"status": 200, "body": "ok <b>"}, 200, "text/plain; charset=utf-8", "ok <b>"),
        ({"status": 204, "body": "ignored"}, 204, None, None),
    ],
)
def test_the_answer_is_what_the_endpoint_configures_and_the_same_for_copies(
    hub: Hub, response: Any, status: int, kind: str | None, text: str | None
) -> None:
    endpoint = make_custom(hub, response=response)
    match = hub.cloud.routes.select("POST", endpoint.url)
    assert match is not None
    headers = (("host", "hub.test"), ("x-signature", signature(BODY)))
    sent = Request("POST", endpoint.url, "", headers, BODY, "127.0.0.1", "r1")

    with hub.cloud.running("WebhookReceiver"):
        first, second = (hub.cloud.handler("WebhookReceiver")(request_event(sent, match, None), None) for _ in "12")

    assert first == second
    assert (first["statusCode"], first["headers"].get("Content-Type"), first.get("body")) == (status, kind, text)
    assert len(endpoint.events()) == 1


# ---------------------------------------------------------------- who is not let in


def test_nobody_can_tell_a_missing_endpoint_from_a_closed_one(hub: Hub, other_hub: Hub) -> None:
    endpoint = make_custom(hub)
    signed = {"x-signature": signature(BODY)}

    def refused(url: str) -> Any:
        reply = hub.call("POST", url, BODY, headers=signed, context={})
        assert reply.status == 404
        return refusal(reply)

    assert endpoint.post().status == 200
    closed = [
        refused("/api/v1/webhooks/custom/int_missing/secret"),
        refused(f"/api/v1/webhooks/custom/{endpoint.id}/{URL_SECRET}x"),
        refused(f"/api/v1/webhooks/custom/{endpoint.id}/" + "é" * 2000),
        refused(f"/api/v1/webhooks/custom/{'a' * 3000}/secret"),
        refused(f"/api/v1/webhooks/custom/{hub.tenant}%2Forders%2Fnew/{URL_SECRET}"),
        refused(f"/api/v1/webhooks/receive/{hub.tenant}/orders/missing"),
        refused(f"/api/v1/webhooks/receive/{other_hub.tenant}/orders/new"),
        refused(f"/api/v1/webhooks/receive/not%20a%20tenant/{'x' * 4000}"),
    ]
    assert closed == [NOTHING] * len(closed)


@pytest.mark.parametrize("status", ["paused", "deleted"])
def test_a_paused_or_deleted_endpoint_is_missing_within_ten_seconds(
    hub: Hub, stopped_clock: StoppedClock, status: str
) -> None:
    endpoint = make_custom(hub)
    assert endpoint.post().status == 200

    endpoint.change(status=status)
    stopped_clock.advance(9)
    assert endpoint.post(b"2").status == 200
    stopped_clock.advance(1)
    reply = endpoint.post(b"3")

    assert (reply.status, refusal(reply)) == (404, NOTHING)
    assert len(endpoint.events()) == 2


def test_a_v1_endpoint_has_no_door_for_custom_urls_nor_the_other_way(hub: Hub) -> None:
    make_v1(hub, path="int_1", lookup="inbound#int_1")
    custom = make_custom(hub, "int_2", lookup=f"inbound#{hub.tenant}/int_2")
    signed = {"x-signature": signature(BODY)}

    by_custom = hub.call("POST", "/api/v1/webhooks/custom/int_1/any", BODY, headers=signed, context={})
    by_path = hub.call("POST", f"/api/v1/webhooks/receive/{hub.tenant}/int_2", BODY, headers=signed, context={})

    assert refusal(by_custom) == refusal(by_path) == NOTHING
    assert custom.events() == []


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"x-signature": ""},
        {"x-signature": signature(BODY, "another")},
        {"x-signature": signature(BODY + b" ")},
        {"x-signature": "é"},
        {"x-signature": "\ud800"},
        {"x-signature": "a" * 2**20},
    ],
)
def test_a_bad_signature_is_refused_and_leaves_nothing(hub: Hub, headers: dict[str, str]) -> None:
    endpoint = make_custom(hub)

    reply = endpoint.post(headers=headers, signed=False)

    assert (reply.status, reply.code) == (401, "UNAUTHENTICATED")
    assert endpoint.events() == []
    assert endpoint.post().status == 200


def test_the_refusal_does_not_say_which_check_failed(hub: Hub) -> None:
    signed, listed = make_custom(hub, "int_signed"), make_custom(hub, "int_listed", ipAllowList=["192.0.2.0/24"])

    assert refusal(signed.post(signed=False)) == refusal(listed.post())


@pytest.mark.parametrize(
    ("networks", "status"),
    [([], 200), (["127.0.0.0/8"], 200), (["::ffff:127.0.0.1"], 200), (["192.0.2.0/24", "2001:db8::/32"], 401)],
)
def test_only_the_listed_addresses_may_post(hub: Hub, networks: list[str], status: int) -> None:
    endpoint = make_custom(hub, ipAllowList=networks)

    assert endpoint.post(headers={"x-forwarded-for": "192.0.2.1"}).status == status


def test_an_endpoint_without_signatures_needs_the_secret_in_its_url(hub: Hub) -> None:
    unsigned = {"scheme": "none"}
    custom, v1 = make_custom(hub, verification=unsigned), make_v1(hub, verification=unsigned)

    assert custom.post(signed=False).status == 200
    assert v1.post(signed=False).status == 401


def test_a_body_above_five_mebibytes_is_refused(hub: Hub) -> None:
    endpoint = make_custom(hub)

    reply = endpoint.post(b"a" * (5 * 2**20 + 1))

    assert (reply.status, reply.code) == (413, "PAYLOAD_TOO_LARGE")
    assert endpoint.events() == []


# ---------------------------------------------------------------- large bodies, failures


def test_a_large_body_lies_in_the_bucket_before_its_event_is_written(hub: Hub) -> None:
    endpoint = make_custom(hub)
    at_limit, above, longest = b"a" * 300 * 1024, b"b" * (300 * 1024 + 1), b"c" * 5 * 2**20

    assert [endpoint.post(body).status for body in (at_limit, above, longest)] == [200, 200, 200]

    found = {event["bodyBytes"]: event for event in endpoint.events()}
    assert bytes(found[len(at_limit)]["body"]) == at_limit
    for body in (above, longest):
        event = found[len(body)]
        assert "body" not in event
        assert event["blobKey"].startswith(f"inbound/{hub.tenant}/{endpoint.id}/{event['sk']}")
        stored = resources().s3.get_object(Bucket=resources().settings.blob_bucket, Key=event["blobKey"])
        assert stored["Body"].read() == body


@pytest.mark.parametrize(("service", "operation"), [("dynamodb", "PutItem"), ("s3", "PutObject")])
def test_what_cannot_be_kept_is_answered_503_and_may_be_sent_again(hub: Hub, service: str, operation: str) -> None:
    endpoint, body = make_custom(hub), b"x" * 400 * 1024

    with just_before(operation, lose_connection, service):
        failed = endpoint.post(body)

    assert (failed.status, failed.headers["Retry-After"]) == (503, "1")
    assert endpoint.events() == []
    assert endpoint.post(body).status == 200
    assert len(endpoint.events()) == 1


def test_a_hint_that_cannot_be_sent_costs_only_time(hub: Hub) -> None:
    endpoint = make_custom(hub)

    with just_before("SendMessage", lose_connection, "sqs"):
        reply = endpoint.post()

    assert reply.status == 200
    assert [event["state"] for event in endpoint.events()] == ["queued"]


# ---------------------------------------------------------------- cost


def test_a_warm_webhook_is_one_write_and_one_message(hub: Hub) -> None:
    endpoint = make_custom(hub)
    with counted() as calls:
        endpoint.post(b"first")
        cold = calls.since(type(calls)())
        before = calls.copy()
        endpoint.post(b"second")
        warm = calls.since(before)
        before = calls.copy()
        endpoint.post(b"second")
        copy = calls.since(before)

    assert cold == {"Query": 1, "GetItem": 1, "Decrypt": 1, "PutItem": 1, "SendMessage": 1}
    assert warm == {"PutItem": 1, "SendMessage": 1}
    assert copy == {"PutItem": 1}


def test_refused_requests_read_an_endpoint_once_a_second_at_most(hub: Hub, stopped_clock: StoppedClock) -> None:
    endpoint = make_custom(hub)
    endpoint.post()
    stopped_clock.advance(2)

    with counted() as calls:
        assert {endpoint.post(signed=False).status for _ in range(5)} == {401}

    assert calls["Query"] == 0
    assert calls["GetItem"] == 2  # the endpoint, its secrets


# ---------------------------------------------------------------- secrets


def test_rotated_secrets_count_at_once_and_the_old_ones_until_their_time(hub: Hub, stopped_clock: StoppedClock) -> None:
    endpoint = make_custom(hub)
    assert endpoint.post(b"0").status == 200
    stopped_clock.advance(2)

    endpoint.store(secret_2="the second secret", secret_1=SECRET)
    names = Rotation.first("secret").rotated(60)
    endpoint.change(secretNames=json.dumps(names.stored()))
    by_new = endpoint.post(b"1", headers={"x-signature": signature(b"1", "the second secret")})
    by_old = endpoint.post(b"2")
    stopped_clock.advance(61)
    late = endpoint.post(b"3")

    assert [by_new.status, by_old.status, late.status] == [200, 200, 401]


def test_a_replaced_url_secret_counts_until_its_time(hub: Hub, stopped_clock: StoppedClock) -> None:
    endpoint = make_custom(hub)
    assert endpoint.post(b"0").status == 200
    stopped_clock.advance(2)
    old = {"hash": url_secret_hash(URL_SECRET), "until": clock.iso(clock.epoch_s() + 60)}
    endpoint.change(urlSecretHash=url_secret_hash("brand-new"), previousUrlSecrets=[old])

    new_url = endpoint.url.replace(URL_SECRET, "brand-new")
    by_new = hub.call("POST", new_url, b"1", headers={"x-signature": signature(b"1")}, context={})
    by_old = endpoint.post(b"2")
    stopped_clock.advance(61)
    late = endpoint.post(b"3")

    assert [by_new.status, by_old.status, late.status] == [200, 200, 404]


@pytest.fixture
def log(monkeypatch: pytest.MonkeyPatch) -> io.StringIO:
    """What the functions write to their log from now on."""
    written = io.StringIO()
    handler = cast("logging.StreamHandler[Any]", logging.getLogger("hub").handlers[0])
    monkeypatch.setattr(handler, "stream", written)
    return written


def test_no_secret_body_or_header_is_logged(hub: Hub, log: io.StringIO) -> None:
    endpoint = make_custom(hub)

    endpoint.post(b'{"canary":"canary-body"}', headers={"x-note": "canary-header"})
    endpoint.post(b"canary-body", headers={"x-signature": "canary-signature"})
    hub.call("POST", f"/api/v1/webhooks/custom/{endpoint.id}/canary-wrong", BODY, context={})

    lines = [json.loads(line) for line in log.getvalue().splitlines()]
    assert [(line["status"], line.get("reason")) for line in lines] == [(200, None), (401, "digest"), (404, None)]
    assert all(line["route"] == "POST /api/v1/webhooks/custom/{integrationId}/{secret}" for line in lines)
    assert lines[0]["tenant"] == hub.tenant
    assert "canary" not in log.getvalue()
