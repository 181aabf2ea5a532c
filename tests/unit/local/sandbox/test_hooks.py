"""The webhook receiver keeps what arrives and answers as told; the sender signs and stays on this machine."""

import base64
import hashlib
import hmac
import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import httpx
import pytest
from standardwebhooks.webhooks import Webhook

from local.sandbox.server import RunningSandbox


def test_receiver_keeps_the_raw_body_and_the_headers(api: httpx.Client, sandbox: RunningSandbox) -> None:
    body = b'{ "kept":  "as it came" }'

    reply = api.post("/hooks/orders", content=body, headers={"X-Signature": "abc"})

    (kept,) = sandbox.hooks("orders")
    assert reply.status_code == 200
    assert base64.b64decode(kept["body_base64"]) == body
    assert kept["headers"]["x-signature"] == "abc"
    assert api.get("/_control/hooks/orders").json() == {"items": [kept], "total": 1}
    assert api.get("/_control/hooks/others").json()["total"] == 0


def test_receiver_answers_by_its_script(api: httpx.Client) -> None:
    api.post("/_control/hooks/orders", json={"statuses": [500, 503, 204], "retry_after_s": 3})

    replies = [api.post("/hooks/orders") for _ in range(4)]

    assert [reply.status_code for reply in replies] == [500, 503, 204, 204]
    assert [reply.headers.get("retry-after") for reply in replies] == ["3", "3", None, None]


def test_receiver_keeps_the_request_when_it_answers_too_late(api: httpx.Client, sandbox: RunningSandbox) -> None:
    api.post("/_control/hooks/orders", json={"statuses": [200], "delay_s": 60})

    with pytest.raises(httpx.ReadTimeout):
        api.post("/hooks/orders", timeout=0.05)

    assert len(sandbox.hooks("orders")) == 1


def test_receiver_refuses_an_empty_script(api: httpx.Client) -> None:
    assert api.post("/_control/hooks/orders", json={"statuses": []}).status_code == 400


SECRET = "whsec_" + base64.b64encode(bytes(range(32))).decode()
BODY = b'{"type":"contact.created"}'


def signed(secret: str = SECRET, body: bytes = BODY, age_s: int = 0) -> dict[str, str]:
    """Return the headers as the official library of Standard Webhooks makes them."""
    at = datetime.now(UTC) - timedelta(seconds=age_s)
    signature = Webhook(secret).sign("msg_1", at, body.decode())
    stamp = str(int(at.timestamp()))
    return {"webhook-id": "msg_1", "webhook-timestamp": stamp, "webhook-signature": f"v1,b3RoZXI= {signature}"}


@pytest.mark.parametrize(
    ("make", "status"),
    [
        (signed, 200),
        (dict, 401),
        (lambda: signed(secret="whsec_" + base64.b64encode(bytes(32)).decode()), 401),
        (lambda: signed(body=b"{}"), 401),
        (lambda: signed(age_s=301), 401),
        (lambda: {**signed(), "webhook-id": "msg_2"}, 401),
    ],
    ids=["signed", "unsigned", "another secret", "another body", "old", "another id"],
)
def test_receiver_with_a_secret_takes_only_what_is_signed_with_it(
    api: httpx.Client, sandbox: RunningSandbox, make: Callable[[], dict[str, str]], status: int
) -> None:
    shown = api.post("/_control/hooks/orders", json={"statuses": [200], "secret": SECRET})

    reply = api.post("/hooks/orders", content=BODY, headers=make())  # the time is signed: not when it is collected

    assert reply.status_code == status
    assert [kept["signed"] for kept in sandbox.hooks("orders")] == [status == 200]
    assert SECRET not in shown.text


@pytest.mark.parametrize(("algorithm", "digest"), [("hmac-sha256", "sha256"), ("hmac-sha1", "sha1")])
def test_sender_signs_the_bytes_it_sends(
    api: httpx.Client, sandbox: RunningSandbox, algorithm: str, digest: str
) -> None:
    webhook = {
        "url": f"{sandbox.url}/hooks/in?x=1",
        "secret": "s",
        "header": "X-Sig",
        "prefix": "v1=",
        "body": {"é": 1},
    }

    reply = api.post("/_control/send-webhook", json={**webhook, "algorithm": algorithm}).json()

    (kept,) = sandbox.hooks("in")
    raw = base64.b64decode(kept["body_base64"])
    expected = "v1=" + hmac.new(b"s", raw, getattr(hashlib, digest)).hexdigest()
    assert json.loads(raw) == {"é": 1}
    assert kept["query"] == {"x": "1"}
    assert kept["headers"]["x-sig"] == reply["signature"] == expected
    assert reply["status"] == 200


@pytest.mark.parametrize(
    "url",
    [
        "http://203.0.113.7/hook",
        "https://127.0.0.1/hook",
        "http://169.254.169.254/",
        "http://127.0.0.1@203.0.113.7/",
        "http://[::ffff:203.0.113.7]/",
        "file:///etc/hosts",
    ],
)
def test_sender_refuses_to_leave_this_machine(api: httpx.Client, url: str) -> None:
    reply = api.post("/_control/send-webhook", json={"url": url, "secret": "s", "body": "x"})

    assert reply.status_code == 400


def test_sender_says_when_nobody_listens(api: httpx.Client) -> None:
    reply = api.post("/_control/send-webhook", json={"url": "http://127.0.0.1:1/", "secret": "s", "body": "x"})

    assert reply.status_code == 502
