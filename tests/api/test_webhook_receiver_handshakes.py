"""Handshakes and the URL: senders hear what they ask for, and nothing of it becomes an event."""

import json
from typing import Any

import pytest

from hub.core import clock
from hub.core.caller import Tenant
from hub.core.rate_limit import FOLD_EVERY
from hub.core.resources import resources
from hub.core.tables import key
from tests.api.conftest import Hub, Reply, StoppedClock, make_integration
from tests.api.receiving import SECRET, URL_SECRET, Posted, make_custom, make_v1
from tests.api.test_call_counts import counted


def ask(endpoint: Posted, **query: str) -> Any:
    """GET the endpoint's URL as it leaves the function: the text of an answer is not JSON."""
    from urllib.parse import urlencode

    from local.http_events import Request, request_event

    match = endpoint.hub.cloud.routes.select("GET", endpoint.url)
    assert match is not None
    sent = Request("GET", endpoint.url, urlencode(query), (("host", "hub.test"),), b"", "127.0.0.1")
    with endpoint.hub.cloud.running("WebhookReceiver"):
        return endpoint.hub.cloud.handler("WebhookReceiver")(request_event(sent, match, None), None)


@pytest.mark.parametrize("make", [make_custom, make_v1])
def test_dropbox_hears_its_challenge_as_text(hub: Hub, make: Any) -> None:
    endpoint = make(hub)

    answer = ask(endpoint, challenge="<script>alert(1)</script>")

    assert (answer["statusCode"], answer["body"]) == (200, "<script>alert(1)</script>")
    assert answer["headers"]["Content-Type"] == "text/plain; charset=utf-8"
    assert answer["headers"]["X-Content-Type-Options"] == "nosniff"
    assert answer["headers"]["Cache-Control"] == "no-store"
    assert endpoint.events() == []


def test_a_challenge_at_a_closed_url_is_the_same_404_as_anywhere(hub: Hub) -> None:
    endpoint = make_custom(hub, status="paused")

    assert ask(endpoint, challenge="x")["statusCode"] == 404
    assert ask(Posted(hub, "none", endpoint.url + "x"), challenge="x")["statusCode"] == 404


def test_meta_must_show_a_secret_of_the_endpoint(hub: Hub) -> None:
    endpoint = make_v1(hub)
    query = {"hub.mode": "subscribe", "hub.challenge": "1158201444"}

    assert ask(endpoint, **query, **{"hub.verify_token": SECRET})["body"] == "1158201444"
    assert ask(endpoint, **query, **{"hub.verify_token": "another"})["statusCode"] == 401
    assert ask(endpoint, **query)["statusCode"] == 401


def test_slack_hears_its_challenge_only_when_it_signed(hub: Hub) -> None:
    endpoint = make_custom(hub)
    body = json.dumps({"type": "url_verification", "challenge": "c", "token": "t"}).encode()

    signed, unsigned = endpoint.post(body), endpoint.post(body, signed=False)

    assert (signed.status, signed.body) == (200, {"challenge": "c"})
    assert unsigned.status == 401
    assert endpoint.events() == []


def test_zoom_gets_nothing_signed_that_it_did_not_sign(hub: Hub) -> None:
    endpoint = make_custom(hub)
    body = json.dumps({"event": "endpoint.url_validation", "payload": {"plainToken": "abc"}}).encode()

    assert endpoint.post(body, signed=False).status == 401
    assert set(endpoint.post(body).body) == {"plainToken", "encryptedToken"}
    assert endpoint.events() == []


def test_a_get_without_a_challenge_finds_only_a_secret_url(hub: Hub) -> None:
    custom, v1 = make_custom(hub), make_v1(hub)

    assert ask(custom)["statusCode"] == 200
    assert ask(v1)["statusCode"] == 404
    assert custom.events() == v1.events() == []


# ---------------------------------------------------------------- the rate of a tenant


def test_a_tenant_that_used_up_its_minute_is_told_when_to_come_again(hub: Hub, stopped_clock: StoppedClock) -> None:
    """What other processes counted is learnt at the next fold."""
    endpoint = make_custom(hub)
    window = int(stopped_clock.epoch_s) // 60
    shared = key(Tenant(hub.tenant), "rate#events", str(window))
    resources().tables.coordination.update(shared, "ADD used :used", {"used": 6000})

    replies = [endpoint.post(str(number).encode()) for number in range(FOLD_EVERY + 1)]

    assert {reply.status for reply in replies[:-1]} == {200}
    assert (replies[-1].status, replies[-1].code, replies[-1].headers["Retry-After"]) == (
        429,
        "RATE_LIMIT_EXCEEDED",
        "50",
    )
    assert len(endpoint.events()) == FOLD_EVERY
    assert clock.epoch_s() == stopped_clock.epoch_s


def test_requests_that_are_refused_use_up_nothing(hub: Hub, stopped_clock: StoppedClock) -> None:
    endpoint = make_custom(hub)

    with counted() as calls:
        assert {endpoint.post(signed=False).status for _ in range(2 * FOLD_EVERY)} == {401}

    assert calls["UpdateItem"] == 0
    assert stopped_clock.epoch_s


# ---------------------------------------------------------------- the URL


def url_of(hub: Hub, integration_id: str, **options: Any) -> Reply:
    return hub.get(f"/api/v1/custom-integrations/{integration_id}/webhook-url", **options)


def test_the_url_of_an_integration_is_whole_and_kept_nowhere(hub: Hub) -> None:
    integration_id = hub.post("/api/v1/custom-integrations", make_integration()).body["id"]
    make_custom(hub, integration_id)

    reply = url_of(hub, integration_id, roles="user")

    assert reply.status == 200
    assert reply.body == {"webhookUrl": f"http://hub.test/api/v1/webhooks/custom/{integration_id}/{URL_SECRET}"}
    assert reply.headers["Cache-Control"] == "no-store"


def test_the_url_is_missing_for_others_and_for_an_integration_without_webhooks(hub: Hub, other_hub: Hub) -> None:
    integration_id = hub.post("/api/v1/custom-integrations", make_integration()).body["id"]

    assert (url_of(hub, integration_id).status, url_of(hub, integration_id).code) == (404, "NOT_FOUND")
    make_custom(hub, integration_id)
    foreign, missing = url_of(other_hub, integration_id), url_of(hub, "int_missing")
    assert (foreign.status, missing.status) == (404, 404)
    assert foreign.body["error"]["message"] == missing.body["error"]["message"]
    assert url_of(hub, integration_id, roles="", scopes="integrations:read").status == 403
    assert url_of(hub, integration_id).status == 200
