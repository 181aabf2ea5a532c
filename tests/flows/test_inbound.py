"""A signed post becomes a document on the running stack: receiver, queue, worker, tables."""

import hmac
import json
from collections.abc import Callable
from urllib.parse import urlsplit

import httpx

from local.stack import Stack
from tests.api.conftest import make_integration
from tests.api.inbound_work import CREATED, UPDATED, contact

SECRET = "wh_secret_abc123"
WEBHOOK = {
    "webhookSecret": SECRET,
    "signatureConfig": {"header": "X-Signature", "algorithm": "hmac-sha256", "signaturePrefix": "sha256="},
    "eventRouting": [CREATED, UPDATED],
    "responseBody": '{"status": "received"}',
}


def signed(body: bytes) -> dict[str, str]:
    return {"X-Signature": "sha256=" + hmac.digest(SECRET.encode(), body, "sha256").hex()}


def test_signed_posts_become_a_document(
    stack: Stack, api: Callable[..., httpx.Client], tenant: str, eventually: Callable[..., None]
) -> None:
    client = api(tenant)
    made = client.post("/api/v1/custom-integrations", json=make_integration(webhookConfig=WEBHOOK))
    assert made.status_code == 201, made.text
    shown = client.get(f"/api/v1/custom-integrations/{made.json()['id']}/webhook-url").json()
    url = stack.url + urlsplit(shown["webhookUrl"]).path

    def name() -> object:
        return client.get("/api/v1/documents/c_contact/c1").json().get("content", {}).get("name")

    for event, value in (("created", "Ada"), ("updated", "Ada Lovelace")):
        body = json.dumps(contact(event, "c1", name=value)).encode()
        answer = httpx.post(url, content=body, headers=signed(body))
        assert (answer.status_code, answer.json()) == (200, {"status": "received"})
        eventually(lambda value=value: name() == value)

    refused = httpx.post(url, content=b"{}", headers=signed(b"other"))
    assert refused.status_code == 401
