"""Events posted to subscriptions of one receiver, and what must have come of them when all is quiet.

`HUB_FLOW_DELIVERIES` says how many deliveries those flows make whose processes die or whose calls fail, and that real
leases are waited for: `make proofs` takes 500. Without it they are few and in a hurry.
"""

import os
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any

import httpx

from hub.core import due
from local.stack import Stack
from tests.flows.receivers import LoopbackReceiver

Json = dict[str, Any]

SUBSCRIPTIONS = "/api/v1/webhooks/subscriptions"
INSISTS_FOR_S = 90
POSTERS = 2
TABLE = "integration-hub-ActivityTable"
LONG_AGO = "2026-01-01T00:00:00.000Z"
WIDTH = 10
IS_HURRIED = "HUB_FLOW_DELIVERIES" not in os.environ
EVENTS = int(os.environ.get("HUB_FLOW_DELIVERIES", "60")) // WIDTH


@dataclass
class Fan:
    """So many subscriptions, each with a path of its own at the receiver, to which every event goes."""

    http: httpx.Client
    receiver: LoopbackReceiver
    width: int = WIDTH
    subscriptions: list[str] = field(default_factory=list)
    event_ids: list[str] = field(default_factory=list)

    def subscribe(self, **settings: Any) -> None:
        for number in range(self.width):
            body = {
                "name": f"fan {number}",
                "url": f"{self.receiver.url}/{number}",
                "eventTypes": ["order.*"],
                **settings,
            }
            self.subscriptions.append(self.insist("POST", SUBSCRIPTIONS, body, f"subscribe-{number}")["id"])

    def post(self, count: int) -> None:
        with ThreadPoolExecutor(POSTERS) as posters:
            self.event_ids += posters.map(self._post_one, range(count))

    def _post_one(self, number: int) -> str:
        body = {"type": "order.placed", "data": {"number": number}}
        return str(self.insist("POST", "/api/v1/events", body, f"post-{number}")["id"])

    def insist(self, method: str, path: str, body: Json | None = None, key: str = "") -> Json:
        """Send the request until it is answered with success, as a client that was told 5xx does."""
        ends_at = time.monotonic() + INSISTS_FOR_S
        while time.monotonic() < ends_at:
            answer = self.http.request(method, path, json=body, headers={"idempotency-key": key} if key else {})
            if answer.is_success:
                found: Json = answer.json()
                return found
            assert answer.status_code >= 500 or answer.status_code == 409, answer.text
        raise AssertionError(f"{method} {path} was never answered with success")

    def expected(self) -> set[tuple[str, str]]:
        """Return what has to arrive: (path, event id)."""
        return {(f"/{number}", event_id) for number in range(self.width) for event_id in self.event_ids}

    def arrived(self) -> Counter[tuple[str, str]]:
        """Return how often each (path, `webhook-id`) arrived."""
        with self.receiver.lock:
            return Counter((request.path, request.id) for request in self.receiver.requests)

    def states(self) -> Counter[str]:
        """Return the deliveries by state, as the API shows them page by page."""
        found: Counter[str] = Counter()
        for subscription in self.subscriptions:
            query, has_more = "?limit=100", True
            while has_more:
                page = self.insist("GET", f"{SUBSCRIPTIONS}/{subscription}/deliveries{query}")
                found.update(row["state"] for row in page["data"])
                has_more = bool(page.get("nextCursor"))
                query = f"?limit=100&cursor={page.get('nextCursor')}"
        return found


def let_time_pass(stack: Stack) -> None:
    """Let all that is open be as it will be when its lease is over and nobody has touched it: due for long."""
    dynamodb = stack.aws("dynamodb")
    for family in (due.EVENTS, due.DELIVERIES):
        for shard in range(family.shards):
            values = {":shard": {"S": f"{family.name}#{shard}"}}
            query = {"KeyConditionExpression": "dueShard = :shard", "ExpressionAttributeValues": values}
            for page in dynamodb.get_paginator("query").paginate(TableName=TABLE, IndexName="due", **query):
                for item in page["Items"]:
                    _age(dynamodb, {"pk": item["pk"], "sk": item["sk"]})


def _age(dynamodb: Any, place: Json) -> None:
    """What has ended in the meantime is left as it is."""
    ages = {":long_ago": {"S": LONG_AGO}, ":free": {"N": "0"}}
    try:
        dynamodb.update_item(
            TableName=TABLE,
            Key=place,
            UpdateExpression="SET dueAt = :long_ago, leaseUntil = :free",
            ConditionExpression="attribute_exists(dueAt)",
            ExpressionAttributeValues=ages,
        )
    except dynamodb.exceptions.ConditionalCheckFailedException:
        return
