"""The CPU of receiving a webhook before anything is stored, against a function written by hand.

Both get the same HTTP API event, undo its encoding, verify it, name the event by what it is and decide what to store
and to answer. The hand's function knows one endpoint and one scheme; the hub finds the endpoint and its secrets among
those it knows, checks their status, addresses, times and all secrets, and keeps the rate of the tenant.
"""

import base64
import hashlib
import hmac
import json
import logging
import statistics
import time
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any, cast

from hub.core import clock, jsontext
from hub.core.api import Api, Request
from hub.core.caller import PUBLIC
from hub.core.config import Settings
from hub.core.resources import Resources
from hub.core.tables import Put, Tables
from hub.webhooks.endpoints import endpoints
from hub.webhooks.endpoints.receive import Post, Receiver
from hub.webhooks.endpoints.schemes import Received
from hub.webhooks.rotation import Rotation
from tests.bench.figures import note, show

Json = dict[str, Any]

REQUESTS, ROUNDS = 2000, 9
SECRET, URL_SECRET = "the signing secret of the endpoint", "the-secret-in-its-url"
ROUTE = "/api/v1/webhooks/custom/{integrationId}/{secret}"
TARGET = 6


def event(number: int) -> Json:
    """Return the event of an HTTP API for a contact that was created, signed as GitHub signs."""
    contact = {"id": str(number), "name": "Ada King", "email": f"ada{number}@example.com", "tags": ["a", "b", "c"]}
    body = json.dumps({"event": "contact.created", "createdAt": "2025-11-20T10:30:00Z", "data": contact})
    signature = hmac.digest(SECRET.encode(), body.encode(), "sha256").hex()
    path = f"/api/v1/webhooks/custom/int_1/{URL_SECRET}"
    return {
        "version": "2.0",
        "routeKey": f"POST {ROUTE}",
        "rawPath": path,
        "rawQueryString": "",
        "headers": {
            "content-type": "application/json",
            "content-length": str(len(body)),
            "host": "hub.test",
            "user-agent": "sender/1.0",
            "x-forwarded-for": "192.0.2.1",
            "x-forwarded-proto": "https",
            "x-hub-signature-256": f"sha256={signature}",
            "x-github-event": "contact",
        },
        "pathParameters": {"integrationId": "int_1", "secret": URL_SECRET},
        "requestContext": {
            "requestId": f"r{number}",
            "domainName": "hub.test",
            "http": {"method": "POST", "path": path, "sourceIp": "192.0.2.1"},
        },
        "body": body,
        "isBase64Encoded": False,
    }


def by_hand(event: Json) -> tuple[Json, Json]:
    """Return the item to store and the answer, as a careful author writes it for one endpoint."""
    text = event.get("body") or ""
    body = base64.b64decode(text) if event.get("isBase64Encoded") else text.encode()
    expected = "sha256=" + hmac.new(SECRET.encode(), body, hashlib.sha256).hexdigest()
    given = event["headers"].get("x-hub-signature-256", "")
    if not hmac.compare_digest(expected.encode(), given.encode()):
        return {}, {"statusCode": 401}
    if not hmac.compare_digest(event["pathParameters"]["secret"], URL_SECRET):
        return {}, {"statusCode": 404}
    payload = json.loads(body)
    now = clock.now()
    item = {
        "pk": "acme#inbound#int_1",
        "sk": hashlib.sha256(body).hexdigest(),
        "eventType": payload["event"],
        "receivedAt": now,
        "contentType": event["headers"]["content-type"],
        "headers": json.dumps(event["headers"]),
        "body": body,
        "bodyBytes": len(body),
        "state": "queued",
        "expiresEpochS": int(time.time()) + 30 * 86_400,
    }
    return item, {"statusCode": 200, "headers": {"Cache-Control": "no-store"}}


class NoTables:
    """Takes every write for done and holds the one endpoint."""

    def __init__(self) -> None:
        self.config = self.credentials = self
        self.coordination = self.activity = self
        self.written: list[Put] = []

    def query(self, *_: Any, **__: Any) -> Any:
        return SimpleNamespace(items=[endpoint()])

    def update(self, *_: Any, **__: Any) -> Json:
        return {"used": 0}

    def write(self, *writes: Put) -> None:
        self.written = list(writes)


def endpoint() -> Json:
    texts = {
        "verification": {"scheme": "github"},
        "secretNames": Rotation("secret.2").stored(),
        "urlSecretNames": Rotation("urlSecret.1").stored(),
        "routing": [{"eventTypePath": "$.event", "eventTypeValue": "contact.created", "action": "create_shard"}],
        "eventType": {},
        "response": {"status": 200},
    }
    return {
        "pk": "acme#inbound-endpoint",
        "sk": "int_1",
        "kind": "custom",
        "status": "active",
        "urlSecretHash": endpoints.url_secret_hash(URL_SECRET),
        "previousUrlSecrets": [],
        "ipAllowList": [],
        "eventTypes": [],
        **{name: jsontext.dump(value) for name, value in texts.items()},
    }


def receiver() -> Receiver:
    """Return a receiver that knows the endpoint and stores nothing."""
    settings = cast(
        "Settings", SimpleNamespace(rate_limits={"integration": 10**9}, retention_days=30, inbound_queue_url="q")
    )
    sqs = SimpleNamespace(send_message=lambda **_: None)
    vault = SimpleNamespace(read=lambda *_: {"secret.2": SECRET, "urlSecret.1": URL_SECRET})
    resources = SimpleNamespace(settings=settings, sqs=sqs, tables=cast("Tables", NoTables()))
    made = Receiver(cast("Resources", resources))
    made.known.__dict__["vault"] = vault
    return made


def by_hub() -> Callable[[Json], Any]:
    """Return what the function does with an event, its log line and the API's headers left out."""
    api, made = Api("bench"), receiver()
    api.route("POST", ROUTE, access=PUBLIC, rate=None, max_body_bytes=5 * 2**20)(lambda _: None)  # type: ignore[arg-type, return-value]
    route = api.routes[f"POST {ROUTE}"]

    def receive(event: Json) -> Any:
        request = Request(event, route)
        sent = Received(request.route.method, request.url, request.headers, request.body)
        lookup = endpoints.custom_lookup(request.path["integrationId"])
        return made.receive(Post(lookup, request.path["secret"], sent, request.query, request.source_ip, request.facts))

    return receive


def whole() -> Callable[[Json], Any]:
    """Return the function's entry point: with the log line and the headers of the answer."""
    api, receive = Api("bench"), receiver()

    def handle(request: Request) -> Any:
        sent = Received(request.route.method, request.url, request.headers, request.body)
        lookup = endpoints.custom_lookup(request.path["integrationId"])
        post = Post(lookup, request.path["secret"], sent, request.query, request.source_ip, request.facts)
        return receive.receive(post)

    api.route("POST", ROUTE, access=PUBLIC, rate=None, max_body_bytes=5 * 2**20)(handle)
    return lambda event: api.handle(event, None)


def cpu_us(function: Callable[[Json], Any], events: list[Json]) -> float:
    """Return the CPU of one call in microseconds."""
    started = time.process_time()
    for each in events:
        function(each)
    return (time.process_time() - started) / len(events) * 1e6


def main() -> None:
    logging.getLogger("hub").handlers[0].stream = open("/dev/null", "w")  # type: ignore[attr-defined]  # noqa: SIM115
    events, hub, entry = [event(number) for number in range(REQUESTS)], by_hub(), whole()
    assert by_hand(events[0])[1]["statusCode"] == hub(events[0]).status == entry(events[0])["statusCode"] == 200
    rounds = [(cpu_us(by_hand, events), cpu_us(hub, events), cpu_us(entry, events)) for _ in range(ROUNDS)]
    show("receive, CPU against by hand", statistics.median(ours / hand for hand, ours, _ in rounds), "x", TARGET)
    note("receive by hand", statistics.median(hand for hand, _, _ in rounds), " µs")
    note("receive by the hub", statistics.median(ours for _, ours, _ in rounds), " µs")
    note("the same with its log line and the answer's headers", statistics.median(all_ for _, _, all_ in rounds), " µs")


if __name__ == "__main__":
    main()
