"""The second half of the demo: an event that goes out signed and is retried, a webhook that becomes a document."""

import base64
import json
import secrets
import time
from collections.abc import Callable
from typing import Any

import httpx

from local.stack import StackError

Json = dict[str, Any]
Call = Callable[[str, str, Json | None], Json]

_WAIT_S = 30
_FAILURES = [500, 503]


class Outbound:
    """A subscription to a receiver at the sandbox; `call` asks the hub, `say` prints a line."""

    def __init__(self, call: Call, say: Callable[[str], None], receiver: httpx.Client) -> None:
        self._call, self._say, self._receiver = call, say, receiver
        self._hook = f"demo-{secrets.token_hex(4)}"

    def post(self) -> None:
        """Post an event that the receiver refuses twice."""
        event = self._call("POST", "/api/v1/events", {"type": "order.shipped", "data": {"order": 4711, "parcels": 2}})
        self._say(f"A service of the tenant posts {event['id']}, an order.shipped.")

    def tell(self, subscription: Json) -> None:
        """Show how the event was delivered, and what the receiver got."""
        self._say("Meanwhile the event went out; the receiver failed twice, as it was told to:")
        delivery = self._delivered(subscription["id"])
        for attempt in delivery["attempts"]:
            self._say(f"  attempt {attempt['attemptNumber']}: {attempt['responseStatus']}  {attempt['why']}")
        self._show_request()

    def subscribe(self) -> Json:
        """Return a new subscription, whose receiver knows its secret."""
        wanted = {
            "name": "Orders",
            "url": f"{self._receiver.base_url}/hooks/{self._hook}",
            "eventTypes": ["order.*"],
            "retryProfile": "cards",
        }
        made = self._call("POST", "/api/v1/webhooks/subscriptions", wanted)
        script = {"statuses": [*_FAILURES, 200], "secret": made["secretKey"]}
        self._receiver.post(f"/_control/hooks/{self._hook}", json=script).raise_for_status()
        self._say(f"The tenant subscribes to order.*: {made['id']}. Its receiver is given the secret, shown this once.")
        return made

    def _delivered(self, subscription_id: str) -> Json:
        deadline, path = time.monotonic() + _WAIT_S, f"/api/v1/webhooks/subscriptions/{subscription_id}/deliveries"
        while time.monotonic() < deadline:
            found = self._call("GET", f"{path}?expand=attempts", None)["data"]
            if found and found[0]["state"] == "delivered":
                delivery: Json = found[0]
                return delivery
            time.sleep(0.2)
        raise StackError(f"Nothing was delivered within {_WAIT_S} s; GET {path} says why")

    def _show_request(self) -> None:
        received = self._receiver.get(f"/_control/hooks/{self._hook}").json()["items"]
        last = received[-1]
        names = {each["headers"]["webhook-id"] for each in received}
        self._say(f"The receiver got {len(received)} requests, all with the webhook-id {', '.join(names)}; the last:")
        self._say(f"  webhook-signature: {last['headers']['webhook-signature']}")
        self._say(f"  {base64.b64decode(last['body_base64']).decode()}")
        self._say(f"  signed with the secret: {all(each['signed'] for each in received)}")


class Inbound:
    """A connector that receives what the sandbox sends."""

    def __init__(self, call: Call, say: Callable[[str], None], sender: httpx.Client) -> None:
        self._call, self._say, self._sender = call, say, sender
        self._secret = f"sender-{secrets.token_hex(16)}"

    def tell(self) -> None:
        """Send a webhook with a wrong secret, then with the right one, and show what it became."""
        made = self._call("POST", "/api/v1/custom-integrations", receiving("leads", self._secret))
        url = self._call("GET", f"/api/v1/custom-integrations/{made['id']}/webhook-url", None)["webhookUrl"]
        self._say("The other way: a connector receives webhooks at a URL with a secret, signed with another.")
        self._send(url, "not-the-secret")
        self._send(url, self._secret)
        found = self._document("/api/v1/documents/lead/L-1")
        self._say(f"  it is a document: {json.dumps(found['content'], ensure_ascii=False)}")

    def _send(self, url: str, secret: str) -> None:
        body = {"event": "lead.created", "data": {"id": "L-1", "name": "Ada Lovelace", "budget": "1200"}}
        wanted = {"url": url, "secret": secret, "body": body, "header": "X-Signature"}
        answer = self._sender.post("/_control/send-webhook", json=wanted).raise_for_status().json()
        kind = "its own secret" if secret == self._secret else "a wrong secret"
        self._say(f"  a sender that signs with {kind} is answered {answer['status']}")

    def _document(self, path: str) -> Json:
        deadline = time.monotonic() + _WAIT_S
        while time.monotonic() < deadline:
            try:
                return self._call("GET", path, None)
            except StackError:
                time.sleep(0.1)
        raise StackError(f"{path} did not come within {_WAIT_S} s")


def receiving(name: str, secret: str) -> Json:
    """Return a connector that only receives: `lead.created` becomes a document `lead`."""
    return {
        "name": name,
        "displayName": "Leads",
        "integrationType": "webhook",
        "baseUrl": "https://leads.example.com",
        "auth": {"type": "none"},
        "status": "active",
        "endpoints": [],
        "webhookConfig": {
            "webhookSecret": secret,
            "signatureConfig": {
                "header": "X-Signature",
                "algorithm": "hmac-sha256",
                "signaturePrefix": "sha256=",
            },
            "eventRouting": [
                {
                    "eventTypePath": "$.event",
                    "eventTypeValue": "lead.created",
                    "action": "create_shard",
                    "targetShardTypeId": "lead",
                    "dataPath": "$.data",
                    "identifierPath": "$.id",
                    "fieldMappings": [
                        {"source": "$.name", "target": "name"},
                        {"source": "$.budget", "target": "budget", "transform": {"type": "number"}},
                    ],
                }
            ],
        },
    }
